package intent

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/southbound/flow"
)

// The rows that apps read. They are small typed copies of what the store holds and of what hosts report, with defaults
// filled in and references resolved to keys; rows are values and are never changed in place.

// Network is a network as apps see it.
type Network struct {
	Key         Key
	Tag         uint32 // its number in the flow tables
	MTU         uint32 // largest IP packet in bytes
	Up          bool   // administratively
	Transparent bool   // ports may send VLAN tags of their own
	Snoop       bool   // multicast goes only to ports that asked for it
	External    bool   // it leads outside
	Zone        uint16 // in which hosts track the connections of its ports
	Balances    uint16 // the zone in which hosts track what its ports ask of load balancers
}

// Equal tells whether two rows are the same.
func (n Network) Equal(o Network) bool { return n == o }

// SegmentKey names a segment of a network by its place in the network's list.
type SegmentKey struct {
	Network Key
	Index   int
}

// String returns "network/red/web, segment 0".
func (k SegmentKey) String() string { return fmt.Sprintf("%s, segment %d", k.Network, k.Index) }

// Segment is one way in which a network is carried between hosts.
type Segment struct {
	Key      SegmentKey
	Type     string // "vxlan", "vlan" …
	Physical string // physical network of flat, vlan, qinq and mpls
	ID       uint32 // on the wire: VNI, key, VSID, VLAN id, label; 0 for flat and local
	Inner    uint32 // qinq: the inner VLAN id; 0: none
}

// Equal tells whether two rows are the same.
func (s Segment) Equal(o Segment) bool { return s == o }

// MappingKey names a host's bridge for a physical network.
type MappingKey struct{ Host, Physical string }

// String returns "physnet1 on h1".
func (k MappingKey) String() string { return k.Physical + " on " + k.Host }

// Mapping is a host's bridge for a physical network: configured, or else from external_ids:weft-bridge-mappings.
type Mapping struct {
	Key     MappingKey
	Bridge  string
	Missing bool // the host has no such bridge
}

// Equal tells whether two rows are the same.
func (m Mapping) Equal(o Mapping) bool { return m == o }

// Port is a port as apps see it.
type Port struct {
	Key     Key
	UID     string
	Network Key
	MAC     flow.MACAddr
	IPs     []netip.Addr // fixed addresses, in the order of the spec
	Pairs   []Pair       // other addresses that it may send from
	Behind  string       // the unmanaged host where it is; empty: where an interface carries its id
	Options []ExtraOption
	Groups  []Key  // security groups, in order; none: its project's DefaultGroup
	MTU     uint32 // largest IP packet in bytes
	Secure  bool   // it may send only from its own addresses and pairs
	Up      bool   // administratively
}

// Pair is an address that a port may also send from.
type Pair struct {
	MAC    flow.MACAddr
	Prefix netip.Prefix
}

// Equal tells whether two rows are the same.
func (p Port) Equal(o Port) bool {
	return p.Key == o.Key && p.UID == o.UID && p.Network == o.Network && p.MAC == o.MAC && p.Behind == o.Behind && p.Secure == o.Secure && p.MTU == o.MTU &&
		p.Up == o.Up && slices.Equal(p.IPs, o.IPs) && slices.Equal(p.Pairs, o.Pairs) && slices.Equal(p.Options, o.Options) && slices.Equal(p.Groups, o.Groups)
}

// Host is a host as apps see it: what is configured, over what it says of itself.
type Host struct {
	Name     string     // its system-id
	TunnelIP netip.Addr // zero: not known yet
	Up       bool       // administratively
	// Unmanaged is a tunnel endpoint that never connects: what rules emit for it is thrown away.
	Unmanaged bool
	Popping   Popping // where transport labels of paths that end here come off
}

// Equal tells whether two rows are the same.
func (h Host) Equal(o Host) bool { return h == o }

// InterfaceKey names an interface of a host.
type InterfaceKey struct{ Host, Name string }

// String returns "interface/host/name".
func (k InterfaceKey) String() string { return "interface/" + k.Host + "/" + k.Name }

// Interface is an interface of a host's integration bridge that carries an iface-id.
type Interface struct {
	Key     InterfaceKey
	IfaceID string
	OFPort  uint32 // 0: none yet
	MTU     uint32 // the largest packet that it takes, in bytes; 0: not known
	// Seq orders interfaces with the same iface-id by when they appeared: the newest has the port. It is an observed fact that
	// is stored with the row, so that output still depends on rows only.
	Seq uint64
}

// Equal tells whether two rows are the same.
func (i Interface) Equal(o Interface) bool { return i == o }

// Binding says on which host, and by which OpenFlow port, a port is plugged. Only ports that carry packets have one:
// the port and its network are administratively up, and so is the host.
type Binding struct {
	Port      Key
	Network   Key
	Host      string
	Interface string
	OFPort    uint32
	MTU       uint32 // the largest packet that the interface takes, in bytes; 0: not known
}

// Equal tells whether two rows are the same.
func (b Binding) Equal(o Binding) bool { return b == o }

// Place is an OpenFlow port of a host.
type Place struct {
	Host   string
	OFPort uint32
}

// Site is a network's presence on a host: at least one of its ports is bound there, or the host bridges its segments.
type Site struct {
	Network Key
	Host    string
}

// String returns "network/red/web on h1".
func (s Site) String() string { return s.Network.String() + " on " + s.Host }

// HostPair is two hosts, seen from the first.
type HostPair struct{ Host, Remote string }

// Way says that frames of networks of a type pass between two hosts.
type Way struct {
	HostPair
	Type string
}

// String returns "vxlan between h1 and h2".
func (w Way) String() string { return w.Type + " between " + w.Host + " and " + w.Remote }

// WatchedWay is a way to a host that BFD watches over.
type WatchedWay struct {
	HostPair
	RemoteIP netip.Addr
	Port     string // the interface that has the session
}

// Equal tells whether two rows are the same.
func (w WatchedWay) Equal(o WatchedWay) bool { return w == o }

// LooseSite says that frames of a network with any source address may come from a host.
type LooseSite Site

// String returns "any address of network/red/web on h1".
func (s LooseSite) String() string { return "any address of " + Site(s).String() }

// Site returns where the binding puts its network.
func (b Binding) Site() Site { return Site{b.Network, b.Host} }

// Shard returns the shard that the bound port belongs to.
func (b Binding) Shard() Shard { return Shard{b.Site(), b.OFPort / shardSize} }

// shardSize is how many OpenFlow port numbers share a shard. Switches number ports densely, so a shard that is in use holds
// up to this many ports.
const shardSize = 64

// Shard is a part of a network's ports on one host.
type Shard struct {
	Site   Site
	Number uint32
}

// String returns "network/red/web on h1, shard 2".
func (s Shard) String() string { return fmt.Sprintf("%s, shard %d", s.Site, s.Number) }

// Carried says that a host needs the tunnel of a type of network.
type Carried struct{ Host, Type string }

// String returns "vxlan on h1".
func (c Carried) String() string { return c.Type + " on " + c.Host }

// HostFact is what is configured for a host, over what it reports.
type HostFact struct {
	Name      string
	TunnelIP  netip.Addr
	Up        bool
	Unmanaged bool
	Popping   Popping
}
