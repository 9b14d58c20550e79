package intent

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Gateway is a router's place on an external network.
type Gateway struct {
	Router  Key
	Network Key
	MAC     flow.MACAddr
	Zone    uint16 // in which hosts track its connections
	SNAT4   bool
	SNAT6   bool
	Host    string // the only one where it may be; empty: any
	At      []GatewayIP
	Ending  Ending // of connections, when it translates no more
}

// GatewayIP is an address of a router on an external network.
type GatewayIP struct {
	Subnet Key
	IP     netip.Addr
}

// Equal tells whether two rows are the same.
func (g Gateway) Equal(o Gateway) bool {
	return g.Router == o.Router && g.Network == o.Network && g.MAC == o.MAC && g.Zone == o.Zone && g.SNAT4 == o.SNAT4 &&
		g.SNAT6 == o.SNAT6 && g.Host == o.Host && g.Ending == o.Ending && slices.Equal(g.At, o.At)
}

// Translates tells whether packets of a family leave with the gateway's address, and returns that.
func (g Gateway) Translates(is4 bool) (netip.Addr, bool) {
	if is4 && !g.SNAT4 || !is4 && !g.SNAT6 {
		return netip.Addr{}, false
	}
	for _, at := range g.At {
		if at.IP.Is4() == is4 {
			return at.IP, true
		}
	}
	return netip.Addr{}, false
}

// FloatingIP is an address outside that stands for one inside.
type FloatingIP struct {
	Key     Key
	Network Key
	IP      netip.Addr
	MAC     flow.MACAddr
	Router  Key        // zero: none
	Port    Key        // zero: none
	Fixed   netip.Addr // of the port
	Ending  Ending
}

// Equal tells whether two rows are the same.
func (f FloatingIP) Equal(o FloatingIP) bool { return f == o }

// PortForwarding sends what comes for some ports of an external address on.
type PortForwarding struct {
	Key      Key
	Router   Key
	External netip.Addr
	Protocol uint8 // of IP
	Ports    PortRange
	Port     Key
	Internal netip.Addr
	To       PortRange // as many
	Ending   Ending
}

// NATRule is a translation at a router's gateway.
type NATRule struct {
	Key       Key
	Router    Key
	Source    bool // packets from inside are translated
	Target    bool // packets for the external address are
	External  netip.Prefix
	Internal  netip.Prefix
	Protocol  uint8     // of IP; 0: all
	Ports     PortRange // zero: all
	To        PortRange
	Priority  int
	Outside   []netip.Prefix // empty: all
	Exempted  []netip.Prefix
	Stateless bool
	Ending    Ending
}

// PortRange is some ports, both ends included.
type PortRange struct{ First, Last uint16 }

// String returns "80" or "8000-8099".
func (p PortRange) String() string {
	if p.First == p.Last {
		return fmt.Sprint(p.First)
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

// Equal tells whether two rows are the same.
func (n NATRule) Equal(o NATRule) bool {
	return n.Key == o.Key && n.Router == o.Router && n.Source == o.Source && n.Target == o.Target && n.External == o.External &&
		n.Internal == o.Internal && n.Protocol == o.Protocol && n.Ports == o.Ports && n.To == o.To && n.Priority == o.Priority &&
		n.Stateless == o.Stateless && n.Ending == o.Ending && slices.Equal(n.Outside, o.Outside) && slices.Equal(n.Exempted, o.Exempted)
}

// overlaps tells whether two ranges share a port.
func (p PortRange) overlaps(o PortRange) bool { return p.First <= o.Last && o.First <= p.Last }

// Equal tells whether two rows are the same.
func (f PortForwarding) Equal(o PortForwarding) bool { return f == o }

// Away says that a host has not been connected for so long that what can be elsewhere is moved away from it.
type Away struct{ Host string }

// String returns "h1 away".
func (a Away) String() string { return a.Host + " away" }

// Placed says on which host a router's gateway is.
type Placed struct {
	Router Key
	Host   string
}

// String returns "gateway of router/red/r1 on h1".
func (p Placed) String() string { return fmt.Sprintf("gateway of %s on %s", p.Router, p.Host) }

// Equal tells whether two rows are the same.
func (p Placed) Equal(o Placed) bool { return p == o }

// External is an address on a network that is no port's, and the host that answers for it.
type External struct {
	Network Key
	IP      netip.Addr
	MAC     flow.MACAddr
	Router  Key
	Host    string
}

// ExternalKey names an address on a network.
type ExternalKey struct {
	Network Key
	IP      netip.Addr
}

// String returns "198.51.100.7 on network/red/web".
func (k ExternalKey) String() string { return k.IP.String() + " on " + k.Network.String() }

// Equal tells whether two rows are the same.
func (e External) Equal(o External) bool { return e == o }

// Central says that frames for a MAC address on a network, which is no port's, go to a host.
type Central struct {
	Network Key
	MAC     flow.MACAddr
	Host    string
}

// String returns "fa:16:3e:00:00:01 on network/red/web at h1".
func (c Central) String() string { return fmt.Sprintf("%s on %s at %s", c.MAC, c.Network, c.Host) }

// Neighbour is a station on a network that is no port's, as it answered.
type Neighbour struct {
	Network Key
	IP      netip.Addr
	MAC     flow.MACAddr
}

// Equal tells whether two rows are the same.
func (n Neighbour) Equal(o Neighbour) bool { return n == o }
