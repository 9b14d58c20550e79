package model

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"
)

// DrawSecured makes a topology with one or two networks and a router, whose ports have rules.
func DrawSecured(rt *rapid.T) Topology {
	t := Topology{Hosts: 3, Routers: []Router{{Name: "r"}}}
	for n := range rapid.IntRange(1, 2).Draw(rt, "networks") {
		network := Network{Name: fmt.Sprintf("n%d", n), Type: rapid.SampledFrom([]string{"vxlan", "geneve"}).Draw(rt, "type")}
		for _, block := range []string{fmt.Sprintf("10.%d.0.0/24", n), fmt.Sprintf("fd00:%d::/64", n)} {
			cidr := netip.MustParsePrefix(block)
			s := Subnet{fmt.Sprintf("%s-%d", network.Name, len(network.Subnets)), cidr, cidr.Addr().Next()}
			t.Routers[0].Interfaces = append(t.Routers[0].Interfaces, Interface{n, len(network.Subnets), s.Gateway})
			network.Subnets = append(network.Subnets, s)
		}
		t.Networks = append(t.Networks, network)
	}
	for p := range rapid.IntRange(3, 5).Draw(rt, "ports") {
		port := drawPort(rt, t, p)
		port.Host, port.Down, port.Project = max(1, port.Host), false, rapid.SampledFrom([]string{"red", "red", "blue"}).Draw(rt, "project")
		t.Ports = append(t.Ports, port)
	}
	e := editor{rt: rt, t: &t}
	for range rapid.IntRange(0, 2).Draw(rt, "sets") {
		e.addSet()
	}
	for range rapid.IntRange(1, 4).Draw(rt, "groups") {
		e.addGroup()
	}
	for range rapid.IntRange(0, 3).Draw(rt, "policies") {
		e.addPolicy()
	}
	for p := range t.Ports {
		e.choose(p)
		e.pair(p)
	}
	return t
}

// ChangeSecured makes another topology of one: what rules there are, and for whom, is edited.
func ChangeSecured(rt *rapid.T, t Topology) Topology {
	t = t.clone()
	e := editor{rt: rt, t: &t}
	for range rapid.IntRange(1, 3).Draw(rt, "edits") {
		e.edit()
	}
	return t
}

// editor changes a topology by what is drawn.
type editor struct {
	rt *rapid.T
	t  *Topology
}

func (e editor) number(name string, last int) int { return rapid.IntRange(0, last).Draw(e.rt, name) }

// one tells whether something that happens once in n times happens.
func (e editor) one(n int, what string) bool { return e.number(what, n-1) == 0 }

func (e editor) edit() {
	port := e.number("port", len(e.t.Ports)-1)
	lists := e.t.Security.lists()
	list := lists[e.number("list", max(0, len(lists)-1))%max(1, len(lists)):]
	switch e.number("edit", 13) {
	case 0, 1, 2:
		e.rule(list)
	case 3, 4:
		e.unrule(list)
	case 5, 6:
		e.choose(port)
	case 7:
		e.pair(port)
	case 8:
		e.resize()
	case 9:
		e.addGroup()
	case 10:
		e.dropGroup()
	case 11:
		e.addPolicy()
	case 12:
		e.dropPolicy()
	case 13:
		e.t.Ports[port].Host = 1 + e.number("host", e.t.Hosts-1)
	}
}

// fresh returns a name that nothing has.
func (e editor) fresh(prefix string) string {
	s := e.t.Security
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s%d", prefix, n)
		taken := slices.ContainsFunc(s.Sets, func(a AddressSet) bool { return a.Name == name })
		for _, l := range s.lists() {
			taken = taken || l.Name == name || slices.ContainsFunc(l.Rules, func(r Rule) bool { return r.Name == name })
		}
		if !taken {
			return name
		}
	}
}

func (e editor) addSet() {
	s := AddressSet{Project: projects[e.number("project", 1)], Name: e.fresh("s")}
	for range 1 + e.number("blocks", 2) {
		s.Blocks = append(s.Blocks, e.block())
	}
	e.t.Security.Sets = append(e.t.Security.Sets, s)
}

// resize gives an address group another block, or takes one.
func (e editor) resize() {
	sets := e.t.Security.Sets
	if len(sets) == 0 {
		e.addSet()
		return
	}
	s := &sets[e.number("set", len(sets)-1)]
	if len(s.Blocks) > 1 && e.one(2, "smaller") {
		s.Blocks = without(s.Blocks, e.number("block", len(s.Blocks)-1))
		return
	}
	s.Blocks = append(s.Blocks, e.block())
}

// addGroup makes a security group, sometimes the default one of a project.
func (e editor) addGroup() {
	s := &e.t.Security
	g := RuleList{Project: projects[e.number("project", 1)], Name: e.fresh("g"), Stateless: e.one(4, "stateless"), Bare: e.one(3, "bare")}
	if e.one(3, "default") && !slices.ContainsFunc(s.Groups, func(o RuleList) bool { return o.Path() == g.Project+"/default" }) {
		g.Name = "default"
	}
	s.Groups = append(s.Groups, g)
	for range e.number("rules", 4) {
		e.rule([]*RuleList{&s.Groups[len(s.Groups)-1]})
	}
}

// dropGroup deletes a group, and all that names it.
func (e editor) dropGroup() {
	s := &e.t.Security
	if len(s.Groups) > 1 {
		*e.t = e.t.withoutList(s.Groups[e.number("group", len(s.Groups)-1)].Path())
	}
}

func (e editor) addPolicy() {
	s := &e.t.Security
	p := RuleList{Project: projects[e.number("project", 1)], Name: e.fresh("p"), Cloud: e.one(2, "cloud"), After: e.one(2, "after"), Priority: e.number("priority", 2)}
	s.Policies = append(s.Policies, p)
	for range 1 + e.number("rules", 2) {
		e.rule([]*RuleList{&s.Policies[len(s.Policies)-1]})
	}
}

func (e editor) dropPolicy() {
	if s := &e.t.Security; len(s.Policies) > 0 {
		s.Policies = without(s.Policies, e.number("policy", len(s.Policies)-1))
	}
}

// choose gives a port other groups, all stateful or all stateless, or takes its port security away.
func (e editor) choose(at int) {
	p := &e.t.Ports[at]
	p.Groups, p.Loose = nil, e.one(10, "loose")
	if p.Loose {
		p.Pairs = nil
		return
	}
	var first *RuleList
	for i := range e.t.Security.Groups {
		g := &e.t.Security.Groups[i]
		if e.one(2, "has") && (first == nil || first.Stateless == g.Stateless) {
			first = g
			p.Groups = append(p.Groups, g.Path())
		}
	}
}

// pair gives a port other addresses that it may send from.
func (e editor) pair(at int) {
	p := &e.t.Ports[at]
	p.Pairs = nil
	if p.Loose || !e.one(2, "pairs") {
		return
	}
	for _, s := range e.t.Networks[p.Network].Subnets {
		base := s.CIDR.Addr()
		for range 100 + e.number("shared", 1) {
			base = base.Next()
		}
		p.Pairs = append(p.Pairs, netip.PrefixFrom(base, base.BitLen()-2*e.number("wider", 1)).Masked())
	}
}

// rule puts a rule somewhere in a list.
func (e editor) rule(lists []*RuleList) {
	if len(lists) == 0 {
		return
	}
	l := lists[0]
	r := e.drawRule()
	if slices.ContainsFunc(e.t.Security.Policies, func(p RuleList) bool { return p.Path() == l.Path() }) {
		r.Action = rapid.SampledFrom([]string{"allow", "drop", "reject", "pass"}).Draw(e.rt, "action")
	}
	if len(l.Rules) < 6 {
		l.Rules = slices.Insert(slices.Clone(l.Rules), e.number("place", len(l.Rules)), r)
	}
}

// unrule takes a rule from a list, or makes it a shadow.
func (e editor) unrule(lists []*RuleList) {
	if len(lists) == 0 || len(lists[0].Rules) == 0 {
		return
	}
	l := lists[0]
	i := e.number("rule", len(l.Rules)-1)
	if e.one(3, "shadow") {
		l.Rules[i].Shadow = !l.Rules[i].Shadow
		return
	}
	l.Rules = without(l.Rules, i)
}

func (e editor) drawRule() Rule {
	r := Rule{Name: e.fresh("r"), Egress: e.one(2, "egress"), Type: -1, Code: -1, Shadow: e.one(8, "shadow")}
	r.Protocol = rapid.SampledFrom([]string{"", "any", "tcp", "tcp", "tcp", "udp", "udp", "icmp", "ipv6-icmp", "sctp", "sctp", "gre", "136", "6"}).Draw(e.rt, "protocol")
	if r.Protocol != "ipv6-icmp" && e.one(2, "family") {
		r.Ethertype = rapid.SampledFrom([]string{"IPv4", "IPv6"}).Draw(e.rt, "ethertype")
	}
	switch r.Protocol {
	case "tcp", "udp", "sctp", "6":
		if !e.one(4, "all ports") {
			ports := rapid.SampledFrom([][2]uint16{{22, 22}, {80, 80}, {80, 81}, {81, 5001}, {1, 65535}, {1, 80}, {443, 9998}, {5001, 5001}, {8000, 9999}}).Draw(e.rt, "ports")
			r.First, r.Last = ports[0], ports[1]
		}
	}
	e.ends(&r)
	v6 := r.Ethertype == "IPv6" || r.Prefix.IsValid() && r.Prefix.Addr().Is6()
	switch {
	case !e.one(2, "type"):
	case r.Protocol == "icmp" && !v6:
		r.Type = rapid.SampledFrom([]int{echo, echoReply, unreachable}).Draw(e.rt, "of ICMP")
	case r.Protocol == "icmp" || r.Protocol == "ipv6-icmp":
		r.Type = rapid.SampledFrom([]int{echo6, echoReply6, unreachable6}).Draw(e.rt, "of ICMPv6")
	}
	if r.Type >= 0 && e.one(2, "code") {
		r.Code = rapid.SampledFrom([]int{0, 0, unreachableHost, unreachableAddress}).Draw(e.rt, "code of ICMP")
	}
	return r
}

// ends draws the other end of a rule.
func (e editor) ends(r *Rule) {
	s := e.t.Security
	switch e.number("remote", 5) {
	case 0, 1:
		r.Prefix = e.block()
		if v6 := r.Prefix.Addr().Is6(); r.Ethertype != "" && v6 != (r.Ethertype == "IPv6") || r.Protocol == "ipv6-icmp" && !v6 {
			r.Prefix = netip.Prefix{}
		}
	case 2, 3:
		if len(s.Groups) > 0 {
			r.Group = s.Groups[e.number("remote group", len(s.Groups)-1)].Path()
		}
	case 4:
		if len(s.Sets) > 0 {
			r.Set = s.Sets[e.number("remote set", len(s.Sets)-1)].Path()
		}
	}
}

// block draws addresses that some port has, or may have.
func (e editor) block() netip.Prefix {
	p := e.t.Ports[e.number("of", len(e.t.Ports)-1)]
	ip := p.IPs[e.number("address", len(p.IPs)-1)]
	bits := rapid.SampledFrom([]int{0, 0, 0, 1, 3, 32, 24}).Draw(e.rt, "wider")
	switch {
	case e.one(8, "all"):
		bits = ip.BitLen()
	case ip.Is6():
		bits *= 2
	}
	return netip.PrefixFrom(ip, ip.BitLen()-min(bits, ip.BitLen())).Masked()
}
