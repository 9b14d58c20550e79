package pipeline

import "fmt"

// Bridge is the name of the integration bridge that the controller keeps on every host.
const Bridge = "br-int"

// Encap is a tunnel technology and the port that carries it on every host.
//
// One flow-based port per technology serves all remote hosts: the flows set the remote address. The number of ports on a
// host is then independent of the number of hosts, and because the OpenFlow port number is requested, not assigned, no
// flow depends on what a restart of ovs-vswitchd does to port numbers.
type Encap struct {
	Type     string // of the network and of the Open vSwitch interface
	Port     string // name of the interface
	OFPort   uint32 // requested OpenFlow port number
	Overhead int    // bytes that it adds to an IP packet inside, over an IPv4 underlay (20 more over IPv6)
	MaxID    uint32 // largest id on the wire
}

// Encaps lists the tunnel technologies. The numbers are close to the top of the range that switches hand out last.
var Encaps = []Encap{
	{Type: "vxlan", Port: "weft-vxlan", OFPort: 65001, Overhead: 50, MaxID: 1<<24 - 1},
	{Type: "geneve", Port: "weft-geneve", OFPort: 65002, Overhead: 58, MaxID: 1<<24 - 1},
	{Type: "gre", Port: "weft-gre", OFPort: 65003, Overhead: 42, MaxID: 1<<32 - 1},
}

// EncapOf finds the tunnel technology of a network type.
func EncapOf(networkType string) (Encap, error) {
	for _, e := range Encaps {
		if e.Type == networkType {
			return e, nil
		}
	}
	return Encap{}, fmt.Errorf("no tunnel carries networks of type %q", networkType)
}
