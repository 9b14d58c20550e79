package intent

import (
	"fmt"
	"net/netip"
	"slices"
)

// LoadBalancer is a port whose addresses stand for those of servers.
type LoadBalancer struct {
	Key  Key
	Tag  uint32 // its number in the flow tables
	Port Key
	Up   bool // administratively
}

// Equal tells whether two rows are the same.
func (b LoadBalancer) Equal(o LoadBalancer) bool { return b == o }

// PoolListener is ports of a load balancer at which connections are taken for a pool.
type PoolListener struct {
	Key      Key
	Tag      uint32 // its number in the flow tables
	Balancer Key
	Protocol uint8
	Ports    PortRange
	Pool     Key            // zero: none
	Allowed  []netip.Prefix // where clients may be; none: everywhere
	Up       bool           // administratively
	Silent   bool           // what nobody serves is dropped, not rejected
}

// Equal tells whether two rows are the same.
func (l PoolListener) Equal(o PoolListener) bool {
	return l.Key == o.Key && l.Tag == o.Tag && l.Balancer == o.Balancer && l.Protocol == o.Protocol && l.Ports == o.Ports && l.Pool == o.Pool &&
		slices.Equal(l.Allowed, o.Allowed) && l.Up == o.Up && l.Silent == o.Silent
}

// Pool is servers that share connections.
type Pool struct {
	Key       Key
	Algorithm Algorithm
	Persist   uint16 // for how many seconds a client's member is remembered; 0: it is not
	Members   []PoolMember
}

// Algorithm says what chooses the member of a new connection.
type Algorithm uint8

// Algorithms.
const (
	FlowHash     Algorithm = iota // addresses, protocol and ports
	SourceIP                      // the client's address alone
	SourceIPPort                  // the client's address and port
)

// PoolMember is a server of a pool.
type PoolMember struct {
	Name   string
	IP     netip.Addr
	Port   uint16 // 0: the one that the client connected to
	Weight uint16 // its share; 0: it drains
	Backup bool   // it serves only where no other one does
	Up     bool   // administratively
	Probed uint16 // the port that a health monitor probes, where that is another one
}

// Equal tells whether two rows are the same.
func (p Pool) Equal(o Pool) bool {
	return p.Key == o.Key && p.Algorithm == o.Algorithm && p.Persist == o.Persist && slices.Equal(p.Members, o.Members)
}

// ClientNetwork says that ports of a network can reach a load balancer: it is on the network, or behind a router that joins the
// network.
type ClientNetwork struct {
	Balancer Key
	Network  Key
	Router   Key // zero: it is on the network itself
}

// String returns "loadbalancer/red/web from network/red/clients".
func (c ClientNetwork) String() string { return c.Balancer.String() + " from " + c.Network.String() }

// Equal tells whether two rows are the same.
func (c ClientNetwork) Equal(o ClientNetwork) bool { return c == o }

// ServedBy says that what comes from an address and port may be an answer to who asked a load balancer for it.
type ServedBy struct {
	Balancer Key
	Server   netip.Addr
	Protocol uint8
	Ports    PortRange
}

// String returns "loadbalancer/red/web, 10.0.0.5 tcp 80".
func (s ServedBy) String() string {
	return fmt.Sprintf("%s, %s protocol %d %s", s.Balancer, s.Server, s.Protocol, s.Ports)
}

// Equal tells whether two rows are the same.
func (s ServedBy) Equal(o ServedBy) bool { return s == o }
