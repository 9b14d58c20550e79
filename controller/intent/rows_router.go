package intent

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Router is a router as apps see it.
type Router struct {
	Key Key
	Tag uint32       // its number in the flow tables
	MAC flow.MACAddr // of its interfaces that are no port's
	Up  bool         // administratively
	// Zone is where hosts track what ports send and get through it; its gateway's is another one.
	Zone uint16
}

// Equal tells whether two rows are the same.
func (r Router) Equal(o Router) bool { return r == o }

// InterfaceOf names an interface of a router by its subnet.
type InterfaceOf struct{ Router, Subnet Key }

// String returns "router/red/r1, subnet/red/web-v4".
func (k InterfaceOf) String() string { return fmt.Sprintf("%s, %s", k.Router, k.Subnet) }

// RouterInterface is a router's address on a subnet.
type RouterInterface struct {
	Key     InterfaceOf
	Network Key
	Prefix  netip.Prefix // the subnet's block
	IP      netip.Addr   // the router's address in it
	MAC     flow.MACAddr // by which stations on the network know it
	Port    Key          // whose addresses these are; the zero Key: the router's own
}

// LinkLocal is the router's IPv6 link-local address on the network (RFC 4291, appendix A).
func (i RouterInterface) LinkLocal() netip.Addr {
	m := i.MAC
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

// Equal tells whether two rows are the same.
func (i RouterInterface) Equal(o RouterInterface) bool { return i == o }

// RouteKey names a static route by where it leads.
type RouteKey struct {
	Router      Key
	Destination netip.Prefix
}

// String returns "router/red/r1, route to 10.9.0.0/16".
func (k RouteKey) String() string { return fmt.Sprintf("%s, route to %s", k.Router, k.Destination) }

// RouteType says what a route does with packets.
type RouteType uint8

// Types of routes.
const (
	Unicast   RouteType = iota // to one of its next hops
	Blackhole                  // drop
	Reject                     // answer with ICMP unreachable
)

// Route is a static route.
type Route struct {
	Key  RouteKey
	Type RouteType
	Hops []NextHop // in the order of the spec
}

// NextHop is one way that a route takes.
type NextHop struct {
	IP     netip.Addr
	Weight int
}

// Equal tells whether two rows are the same.
func (r Route) Equal(o Route) bool {
	return r.Key == o.Key && r.Type == o.Type && slices.Equal(r.Hops, o.Hops)
}

// HomeRouter says that a network of one of a router's interfaces has a port on a host.
type HomeRouter ActiveRouter

// String returns "router/red/r1 at home on h1".
func (h HomeRouter) String() string { return h.Router.String() + " at home on " + h.Host }

// ActiveRouter says that a router forwards packets on a host: a network of one of its interfaces has a port there, or another
// router that is active there sends packets on to it.
type ActiveRouter struct {
	Router Key
	Host   string
}

// String returns "router/red/r1 on h1".
func (a ActiveRouter) String() string { return a.Router.String() + " on " + a.Host }

// Reach says that frames of a network may start on a host: a port of the network is there, or a router that joins it.
type Reach struct {
	Network Key
	Host    string
}

// String returns "network/red/web from h1".
func (r Reach) String() string { return r.Network.String() + " from " + r.Host }

// Routed says that a router which joins a network is active on a host: next hops on the network must be known there.
type Routed struct {
	Network Key
	Host    string
}

// String returns "network/red/web routed on h1".
func (r Routed) String() string { return r.Network.String() + " routed on " + r.Host }

// Onward says that a router has a next hop that is another router's address on a network.
type Onward struct {
	From, To Key
	Network  Key
	IP       netip.Addr
}

// String returns "router/red/r1 to router/red/r2 by 10.9.0.2".
func (o Onward) String() string { return fmt.Sprintf("%s to %s by %s", o.From, o.To, o.IP) }

// SeatKey names a router on a network by its MAC address there.
type SeatKey struct {
	Network Key
	MAC     flow.MACAddr
}

// String returns "fa:16:3e:00:00:01 on network/red/web".
func (k SeatKey) String() string { return k.MAC.String() + " on " + k.Network.String() }

// Seat is the host where a router's MAC address is for the stations on a network's wires. What other hosts send of the router has
// addresses of their own.
type Seat struct {
	Key  SeatKey
	Host string
}

// Equal tells whether two rows are the same.
func (s Seat) Equal(o Seat) bool { return s == o }

// Station is an address on a network.
type Station struct {
	Network Key
	IP      netip.Addr
}

// RouterMTU says that a router has an interface on a network with an MTU.
type RouterMTU struct {
	Router Key
	MTU    uint32
}

// String returns "router/red/r1, mtu 1450".
func (m RouterMTU) String() string { return fmt.Sprintf("%s, mtu %d", m.Router, m.MTU) }
