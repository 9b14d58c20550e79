package intent

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Tier is where a list of rules stands among those that a packet is held against, in this order.
type Tier uint8

// The tiers. Administrators speak before and after tenants, for everybody or for one project.
const (
	TierCloudBefore Tier = iota
	TierProjectBefore
	TierGroups // security groups
	TierProjectAfter
	TierCloudAfter
	TierFirewall // firewall policies, which no port asks
)

// Verdict is what a rule says of a packet that it matches.
type Verdict uint8

// Verdicts. Rules of security groups allow.
const (
	VerdictAllow Verdict = iota
	VerdictDrop
	VerdictReject // drop it, and tell its sender
	VerdictPass   // the next tier decides
)

// Family is a set of versions of IP.
type Family uint8

// Families.
const (
	AnyFamily Family = iota
	OnlyIPv4
	OnlyIPv6
)

// Has tells whether a version of IP is in the family.
func (f Family) Has(is4 bool) bool { return f == AnyFamily || (f == OnlyIPv4) == is4 }

// AnyValue is a protocol, an ICMP type or an ICMP code that may be any.
const AnyValue = -1

// RuleList is rules that are applied together: a security group, or a policy of administrators. The first rule that matches
// decides; those of a security group all allow, so that their order says nothing.
type RuleList struct {
	Key       Key
	Tag       uint32 // its number in the flow tables
	Tier      Tier
	Priority  uint16 // of lists in one tier, the highest is asked first; then they go by name
	Stateless bool   // of a security group: answers need rules of their own
	// Drains is for established connections to go on when the group lets no new ones through any more.
	Drains bool
	// LogAccepted and LogDropped are for what its rules let through, and for what is dropped, to be told of.
	LogAccepted, LogDropped bool
	Rules                   []SecurityRule
}

// SecurityRule is one rule of a list. What it does not name may be any.
type SecurityRule struct {
	Name      string // in its list: as given, or its place from 0
	Egress    bool   // of what ports send; else of what they get
	Family    Family
	Protocol  int16     // IP protocol number, or AnyValue. 1 with IPv6 does not occur: the catalog has made it 58
	Ports     PortRange // zero: any. Of destinations, for TCP, UDP and SCTP
	ICMPType  int16     // or AnyValue
	ICMPCode  int16     // or AnyValue
	Remote    netip.Prefix
	RemoteSet Key // a security group or an address group; zero: none. Not together with Remote
	// Of firewall policies, whose rules are about what comes from the remote end: where it goes, and the ports that it comes from.
	Local       netip.Prefix
	LocalSet    Key // an address group; zero: none. Not together with Local
	RemotePorts PortRange
	Verdict     Verdict
	Shadow      bool // it counts, and does nothing
	Log         bool // what it is about is told of, whatever the list says
}

// Equal tells whether two rows are the same.
func (l RuleList) Equal(o RuleList) bool {
	return l.Key == o.Key && l.Tag == o.Tag && l.Tier == o.Tier && l.Priority == o.Priority && l.Stateless == o.Stateless &&
		l.Drains == o.Drains && l.LogAccepted == o.LogAccepted && l.LogDropped == o.LogDropped && slices.Equal(l.Rules, o.Rules)
}

// Before tells whether a list is asked before another one.
func (l RuleList) Before(o RuleList) int {
	return cmp.Or(cmp.Compare(l.Tier, o.Tier), -cmp.Compare(l.Priority, o.Priority), l.Key.Compare(o.Key))
}

// AddressSet is an address group as apps see it. Its addresses are rows of their own, as are those of security groups.
type AddressSet struct {
	Key Key
	Tag uint32 // its number in the flow tables: no list of rules has the same
}

// Equal tells whether two rows are the same.
func (s AddressSet) Equal(o AddressSet) bool { return s == o }

// AddressOf is a block of addresses of an address group. Blocks of one group do not overlap.
type AddressOf struct {
	Set   Key
	Block netip.Prefix
}

// String returns "addressgroup/red/offices, 192.0.2.0/24".
func (a AddressOf) String() string { return fmt.Sprintf("%s, %s", a.Set, a.Block) }

// Equal tells whether two rows are the same.
func (a AddressOf) Equal(o AddressOf) bool { return a == o }

// DefaultGroup is the security group of a project's ports that name none, while there is such a group.
const DefaultGroup = "default"

// Guard is a port whose packets rules judge.
type Guard struct {
	Port      Key
	Policy    uint64 // the PolicySet's
	Stateless bool
	Logged    bool // some rule has the log told of its packets
}

// Equal tells whether two rows are the same.
func (g Guard) Equal(o Guard) bool { return g == o }

// PolicySet is the lists of rules that apply to some ports, in the order in which they are asked. Ports with the same ones share it.
type PolicySet struct {
	ID    uint64 // made from what follows
	Lists []Key
	Open  bool // what no rule decides is let through: the ports are in no security group
}

// Equal tells whether two rows are the same.
func (p PolicySet) Equal(o PolicySet) bool {
	return p.ID == o.ID && p.Open == o.Open && slices.Equal(p.Lists, o.Lists)
}

// PolicyAt is a host with ports to which a PolicySet applies.
type PolicyAt struct {
	Host   string
	Policy uint64
}

// String returns "host/h1, policy 0x12".
func (p PolicyAt) String() string { return fmt.Sprintf("host/%s, policy %#x", p.Host, p.Policy) }

// Equal tells whether two rows are the same.
func (p PolicyAt) Equal(o PolicyAt) bool { return p == o }

// ListAt is a host with ports to which a list of rules applies.
type ListAt struct {
	Host string
	List Key
}

// String returns "securitygroup/red/web on h1".
func (l ListAt) String() string { return l.List.String() + " on " + l.Host }

// Equal tells whether two rows are the same.
func (l ListAt) Equal(o ListAt) bool { return l == o }

// SetAt is a host with rules that name a set of addresses: those of a security group's ports, or an address group.
type SetAt struct {
	Host string
	Set  Key
}

// String returns "addressgroup/red/offices on h1".
func (s SetAt) String() string { return s.Set.String() + " on " + s.Host }

// Equal tells whether two rows are the same.
func (s SetAt) Equal(o SetAt) bool { return s == o }

// GuardedSite is a network on a host where rules judge what its ports send and get, or what a router of it forwards.
type GuardedSite Site

// String returns "network/red/web on h1".
func (s GuardedSite) String() string { return Site(s).String() }

// Equal tells whether two rows are the same.
func (s GuardedSite) Equal(o GuardedSite) bool { return s == o }
