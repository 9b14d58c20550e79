package dhcp

import (
	"net/netip"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

// lease is one address of a port, with the subnet whose settings go with it.
type lease struct {
	port   intent.Port
	subnet intent.Subnet
	ip     netip.Addr
}

// Addresses of the server itself. Endpoints see them in messages only: whatever they send to a DHCP server is answered,
// wherever they send it.
var (
	serverMAC = flow.MACAddr{0x0a, 0x57, 0xef, 0x74, 0x00, 0x43}
	serverIP6 = netip.MustParseAddr("fe80::857:efff:fe74:43") // made from serverMAC (RFC 4291, appendix A)
	linkLocal = netip.MustParseAddr("169.254.0.67")           // where a subnet has no gateway
)

// server is the address of the DHCPv4 server of a subnet.
func (l lease) server() netip.Addr {
	if l.subnet.Gateway.IsValid() {
		return l.subnet.Gateway
	}
	return linkLocal
}

// extra returns a port's own options of a family.
func (l lease) extra(family int) []intent.ExtraOption {
	var own []intent.ExtraOption
	for _, o := range l.port.Options {
		if o.Family == family {
			own = append(own, o)
		}
	}
	return own
}
