package model

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
)

// Opens tells whether a packet must pass from one endpoint to another that belongs to no connection, or begins one.
func (t Topology) Opens(from, to int, p Segment) bool {
	return t.lets(from, true, p, nil) && t.lets(to, false, p, nil)
}

// Answers tells whether the answer to such a packet must pass back.
func (t Topology) Answers(from, to int, first Segment) bool {
	return t.lets(to, true, first.Answer(), &first) && t.lets(from, false, first.Answer(), &first)
}

// lets tells whether an endpoint may send or get a packet; first is what began its connection, where it is an answer.
func (t Topology) lets(at int, sends bool, p Segment, first *Segment) bool {
	port := t.Ports[at]
	switch {
	case sends && !port.Loose && !port.owns(p.From):
		return false // it has lost the address
	case !t.judged(port):
		return true
	case t.stateless(port):
		return t.says(port, sends, p) == "allow"
	case p.complains():
		return false
	case p.tracked() && first != nil:
		return t.says(port, !sends, *first) == "allow"
	}
	said := t.says(port, sends, p)
	if said == "" && !p.tracked() {
		said = t.says(port, !sends, p.Answer()) // it may be an answer to what would be let through
	}
	return said == "allow"
}

// judged tells whether rules say anything about a port.
func (t Topology) judged(p Port) bool {
	return !p.Loose && len(t.groupsOf(p))+len(t.policiesOf(p)) > 0
}

// stateless tells whether each packet of a port needs a rule of its own.
func (t Topology) stateless(p Port) bool {
	groups := t.groupsOf(p)
	return len(groups) > 0 && groups[0].Stateless
}

// says asks the administrators' policies, the groups, and the other policies: the first that has an answer gives it.
func (t Topology) says(port Port, sends bool, p Segment) string {
	policies, groups := t.policiesOf(port), t.groupsOf(port)
	for tier := range 5 {
		if tier == 2 && slices.ContainsFunc(groups, func(g RuleList) bool { return t.groupLets(g, sends, p) }) {
			return "allow"
		}
		for _, l := range policies {
			said := ""
			if l.tier() == tier {
				said = t.decides(l, sends, p)
			}
			if said == "pass" {
				break // the next tier decides
			}
			if said != "" {
				return said
			}
		}
	}
	if len(groups) == 0 {
		return "allow"
	}
	return ""
}

// tier is when a policy is asked.
func (l RuleList) tier() int {
	switch {
	case !l.After && l.Cloud:
		return 0
	case !l.After:
		return 1
	case !l.Cloud:
		return 3
	}
	return 4
}

// groupsOf are the groups that a port has.
func (t Topology) groupsOf(p Port) []RuleList {
	var all []RuleList
	for _, g := range t.Security.Groups {
		named := slices.Contains(p.Groups, g.Path()) || len(p.Groups) == 0 && g.Path() == p.Owner()+"/default"
		if named && !p.Loose {
			all = append(all, g)
		}
	}
	return all
}

// policiesOf are the policies about a port, in the order in which those of a tier are asked.
func (t Topology) policiesOf(p Port) []RuleList {
	all := slices.Clone(t.Security.Policies)
	all = slices.DeleteFunc(all, func(l RuleList) bool { return !l.Cloud && l.Project != p.Owner() })
	slices.SortFunc(all, func(a, b RuleList) int {
		return cmp.Or(-cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// decides is what the first rule of a policy that is about a packet says of it.
func (t Topology) decides(l RuleList, sends bool, p Segment) string {
	for _, r := range l.Rules {
		if !r.Shadow && t.about(r, sends, p) {
			return r.Action
		}
	}
	return ""
}

// groupLets tells whether a rule of a group lets a packet through, its own or a default one.
func (t Topology) groupLets(g RuleList, sends bool, p Segment) bool {
	if !g.Bare && (sends || g.Name == "default" && t.member(g.Path(), p.From)) {
		return true
	}
	return slices.ContainsFunc(g.Rules, func(r Rule) bool { return !r.Shadow && t.about(r, sends, p) })
}

// about tells whether a packet is one of those that a rule names.
func (t Topology) about(r Rule, sends bool, p Segment) bool {
	other := p.From
	if sends {
		other = p.To
	}
	v6 := other.Is6()
	of := func(block netip.Prefix) bool { return block.Contains(other) }
	switch {
	case r.Egress != sends,
		r.Ethertype == "IPv4" && v6, r.Ethertype == "IPv6" && !v6,
		!r.speaks(p.Protocol, v6),
		r.First != 0 && (p.ToPort < r.First || p.ToPort > r.Last),
		r.Type >= 0 && int(p.Type) != r.Type, r.Code >= 0 && int(p.Code) != r.Code,
		r.Prefix.IsValid() && !of(r.Prefix),
		r.Group != "" && !t.member(r.Group, other),
		r.Set != "" && !slices.ContainsFunc(t.Security.Sets, func(s AddressSet) bool { return s.Path() == r.Set && slices.ContainsFunc(s.Blocks, of) }):
		return false
	}
	return true
}

// speaks tells whether a protocol is a rule's: ICMP is that of IPv6 only where the rule is about IPv6 alone.
func (r Rule) speaks(protocol uint8, v6 bool) bool {
	only6 := r.Ethertype == "IPv6" || r.Prefix.IsValid() && r.Prefix.Addr().Is6()
	switch r.Protocol {
	case "", "any":
		return true
	case "icmp":
		return protocol == 1 && !v6 || protocol == 58 && v6 && only6
	case "ipv6-icmp":
		return protocol == 58 && v6
	}
	named := map[string]uint8{"tcp": 6, "udp": 17, "sctp": 132, "gre": 47, "udplite": 136}
	number, err := strconv.Atoi(r.Protocol)
	return named[r.Protocol] == protocol || err == nil && number == int(protocol)
}

// member tells whether an address is one of those of a group's ports.
func (t Topology) member(group string, ip netip.Addr) bool {
	for _, p := range t.Ports {
		has := slices.ContainsFunc(t.groupsOf(p), func(g RuleList) bool { return g.Path() == group })
		if has && p.owns(ip) {
			return true
		}
	}
	return false
}

// owns tells whether a port may send from an address.
func (p Port) owns(ip netip.Addr) bool {
	return slices.Contains(p.IPs, ip) || slices.ContainsFunc(p.Pairs, func(b netip.Prefix) bool { return b.Contains(ip) })
}
