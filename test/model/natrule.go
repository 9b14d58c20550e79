package model

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// NATRule is a NAT rule of a router: its type says whether it translates what leaves, what enters, or both.
type NATRule struct {
	Name     string
	Router   int
	Type     string // snat, dnat, dnat_and_snat
	External netip.Addr
	Internal netip.Prefix
	UDP      bool // it names the protocol
	Priority int
	Blocks   []netip.Prefix // outside; empty: all
	Exempted []netip.Prefix

	Outer, Inner uint16 // of dnat: a port of the external address, and the one that it leads to; 0: all
	Least        uint16 // of snat: the first of a thousand ports that senders get; 0: any
}

// snatPorts is how many ports a rule gives to senders, if it names some.
const snatPorts = 1000

func (r NATRule) source() bool { return r.Type != "dnat" }
func (r NATRule) target() bool { return r.Type != "snat" }

// takesOut tells whether the rule is about a datagram that leaves.
func (r NATRule) takesOut(d Datagram) bool {
	return r.source() && r.Internal.Contains(d.From) && (r.concerns(d.To) || within(r.Exempted, d.To))
}

// takesIn tells whether the rule is about a datagram that enters. What is exempted of an address is so for all of its ports.
func (r NATRule) takesIn(d Datagram) bool {
	return r.target() && r.External == d.To && (within(r.Exempted, d.From) || r.concerns(d.From) && (r.Outer == 0 || r.Outer == d.ToPort))
}

// concerns tells whether the rule is for an address outside.
func (r NATRule) concerns(ip netip.Addr) bool { return len(r.Blocks) == 0 || within(r.Blocks, ip) }

func within(blocks []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(blocks, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// first returns the rule of a router that counts before the others of which something is true.
func (o Outside) first(router int, is func(NATRule) bool) (NATRule, bool) {
	of := slices.DeleteFunc(slices.Clone(o.Rules), func(r NATRule) bool { return r.Router != router || !is(r) })
	if len(of) == 0 {
		return NATRule{}, false
	}
	return slices.MaxFunc(of, NATRule.compare), true
}

// compare tells which of two rules counts: that with the higher priority, the smaller block inside, or a protocol.
func (r NATRule) compare(o NATRule) int {
	named := func(r NATRule) int {
		if r.UDP {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(r.Priority, o.Priority), cmp.Compare(r.Internal.Bits(), o.Internal.Bits()), cmp.Compare(named(r), named(o)))
}

// yaml is the rule as a user would apply it.
func (r NATRule) yaml(router string) string {
	list := func(blocks []netip.Prefix) string {
		var all []string
		for _, b := range blocks {
			all = append(all, fmt.Sprintf("%q", b))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	internal, more := r.Internal.String(), ""
	if r.target() {
		internal = r.Internal.Addr().String()
	}
	if r.UDP {
		more += ", protocol: udp"
	}
	switch {
	case r.Outer != 0:
		more += fmt.Sprintf(", externalPorts: \"%d\", internalPorts: \"%d\"", r.Outer, r.Inner)
	case r.Least != 0:
		more += fmt.Sprintf(", externalPorts: \"%d-%d\"", r.Least, r.Least+snatPorts-1)
	}
	return fmt.Sprintf("kind: NATRule\nproject: red\nname: %s\nspec: {router: %s, type: %s, externalIp: %q, internalIp: %q, priority: %d, outside: %s, exempted: %s%s}\n",
		r.Name, router, r.Type, r.External, internal, r.Priority, list(r.Blocks), list(r.Exempted), more)
}
