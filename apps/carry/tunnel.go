package carry

import (
	"net/netip"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Tunneler is a Carrier of the family Tunnels.
type Tunneler interface {
	Carrier
	// Device returns the tunnel whose port the carrier sends by and receives from.
	Device() Tunnel
}

// Tunnel is a carrier with one flow-based port that serves all remote hosts: the flows set the remote address. The number
// of ports on a host is then independent of the number of hosts, and because the OpenFlow port number is requested, not
// assigned, no flow depends on what a restart of ovs-vswitchd does to port numbers.
type Tunnel struct {
	typ       string
	Port      string // name of the interface
	Interface string // Open vSwitch's type of the interface
	OFPort    uint32 // requested OpenFlow port number
	UDP       uint16 // destination port that Open vSwitch takes by itself; 0: no UDP
	// Options are those of the port that are not the same for all tunnels, in order of names; nil: the id is the tunnel's key.
	Options []string
}

// Type implements Carrier.
func (t Tunnel) Type() string { return t.typ }

// Family implements Carrier.
func (t Tunnel) Family() Family { return Tunnels }

// Device implements Tunneler.
func (t Tunnel) Device() Tunnel { return t }

// Leave implements Carrier: the id is the tunnel's key.
func (t Tunnel) Leave(s Segment, to Remote) flow.Actions {
	return append(setRemote(flow.Actions{flow.SetField(flow.U64(flow.TunID, uint64(s.ID)))}, to), flow.Output(t.OFPort))
}

// Arrive implements Carrier.
func (t Tunnel) Arrive(s Segment) (flow.Match, flow.Actions) {
	return flow.Match{flow.U32(flow.InPort, t.OFPort), flow.U64(flow.TunID, uint64(s.ID))}, nil
}

// setRemote sends a frame to a host.
func setRemote(do flow.Actions, to Remote) flow.Actions {
	switch {
	case !to.IP.IsValid():
		return do
	case to.IP.Is6():
		return append(do, flow.SetField(flow.IP(flow.TunIPv6Dst, to.IP)))
	}
	return append(do, flow.SetField(flow.IP(flow.TunDst, to.IP)))
}

// From matches frames that a host sent.
func From(ip netip.Addr) flow.Field {
	if ip.Is6() {
		return flow.IP(flow.TunIPv6Src, ip)
	}
	return flow.IP(flow.TunSrc, ip)
}
