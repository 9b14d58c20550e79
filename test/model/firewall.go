package model

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
)

// Firewall is firewall policies, and the groups of the networks of routers that they apply to.
type Firewall struct {
	Policies []FirewallPolicy
	Groups   []FirewallGroup
	Set      []netip.Prefix // the address group that rules name
}

// FirewallPolicy is rules, of which the first that is about a packet decides.
type FirewallPolicy struct{ Rules []FirewallRule }

// FirewallRule is about packets by what both ends are. What is zero may be any.
type FirewallRule struct {
	Action             string
	Protocol           uint8
	From, To           netip.Prefix
	FromSet, ToSet     bool
	FromPorts, ToPorts [2]uint16
	Disabled           bool
}

// FirewallGroup is for some networks of a router. Policies are indexes; -1: none.
type FirewallGroup struct {
	Router          int
	Networks        []int
	Ingress, Egress int
	Down            bool
}

// step is a router on the way of a packet, between two networks.
type step struct{ router, in, out int }

// way is the routers between two networks of rowOf.
func way(from, to int) []step {
	switch {
	case from == to:
		return nil
	case from < transit && to < transit:
		return []step{{0, from, to}}
	case from == transit && to == behind, from == behind && to == transit:
		return []step{{1, from, to}}
	case to == behind:
		return []step{{0, from, transit}, {1, transit, behind}}
	case from == behind:
		return []step{{1, behind, transit}, {0, transit, to}}
	}
	return []step{{0, from, to}}
}

// Networks of rowOf: two of the first router's own, the one between the routers, and one behind the second.
const transit, behind = 2, 3

// rowOf is two routers in a row, with ports on all networks that are spread over the hosts by chance.
func rowOf(r *rand.Rand) Topology {
	t := Topology{Hosts: 3}
	for n := range behind + 1 {
		name := fmt.Sprintf("n%d", n)
		v4, v6 := netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/24", n)), netip.MustParsePrefix(fmt.Sprintf("fd00:%d::/64", n))
		t.Networks = append(t.Networks, Network{Name: name, Type: "vxlan", Subnets: []Subnet{{name + "-v4", v4, v4.Addr().Next()}, {name + "-v6", v6, v6.Addr().Next()}}})
		for p := range 2 {
			t.Ports = append(t.Ports, Port{
				Name: fmt.Sprintf("p%d%d", n, p), Network: n, Host: 1 + r.IntN(3), Loose: r.IntN(2) == 0,
				IPs: []netip.Addr{netip.MustParseAddr(fmt.Sprintf("10.%d.0.%d", n, 11+p)), netip.MustParseAddr(fmt.Sprintf("fd00:%d::%d", n, 11+p))},
			})
		}
	}
	first, second := Router{Name: "r0"}, Router{Name: "r1"}
	for n := range behind {
		for s, subnet := range t.Networks[n].Subnets {
			first.Interfaces = append(first.Interfaces, Interface{n, s, subnet.Gateway})
		}
	}
	for s, subnet := range t.Networks[transit].Subnets {
		other := subnet.Gateway.Next()
		second.Interfaces = append(second.Interfaces, Interface{transit, s, other}, Interface{behind, s, t.Networks[behind].Subnets[s].Gateway})
		first.Routes = append(first.Routes, Route{t.Networks[behind].Subnets[s].CIDR, []netip.Addr{other}})
		all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if subnet.Gateway.Is6() {
			all = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		second.Routes = append(second.Routes, Route{all, []netip.Addr{subnet.Gateway}})
	}
	t.Routers = []Router{first, second}
	return t
}

// drawFirewall makes policies and groups.
func drawFirewall(r *rand.Rand) Firewall {
	f := Firewall{}
	block := func() netip.Prefix {
		ip, bits := netip.MustParseAddr(fmt.Sprintf("10.%d.0.%d", r.IntN(4), 11+r.IntN(2))), []int{8, 24, 32}
		if r.IntN(2) == 0 {
			ip, bits = netip.MustParseAddr(fmt.Sprintf("fd00:%d::%d", r.IntN(4), 11+r.IntN(2))), []int{16, 64, 128}
		}
		return netip.PrefixFrom(ip, bits[r.IntN(3)]).Masked()
	}
	for range r.IntN(4) {
		f.Set = append(f.Set, block())
	}
	for range 3 {
		var p FirewallPolicy
		for range r.IntN(7) {
			p.Rules = append(p.Rules, drawFirewallRule(r, block))
		}
		f.Policies = append(f.Policies, p)
	}
	for router, networks := range [][]int{{0, 1, transit}, {transit, behind}} {
		groups := make([]FirewallGroup, 2)
		for i := range groups {
			groups[i] = FirewallGroup{Router: router, Ingress: r.IntN(4) - 1, Egress: r.IntN(4) - 1, Down: r.IntN(12) == 0}
		}
		for _, n := range networks {
			if at := r.IntN(3); at < len(groups) {
				groups[at].Networks = append(groups[at].Networks, n)
			}
		}
		f.Groups = append(f.Groups, groups...)
	}
	return f
}

func drawFirewallRule(r *rand.Rand, block func() netip.Prefix) FirewallRule {
	rule := FirewallRule{Action: []string{"allow", "allow", "allow", "deny", "reject"}[r.IntN(5)], Disabled: r.IntN(10) == 0}
	if r.IntN(3) == 0 {
		rule.From = block()
	} else {
		rule.FromSet = r.IntN(5) == 0
	}
	if r.IntN(3) == 0 {
		for rule.To = block(); rule.From.IsValid() && rule.To.Addr().Is4() != rule.From.Addr().Is4(); {
			rule.To = block()
		}
	} else {
		rule.ToSet = r.IntN(5) == 0
	}
	of := rule.From
	if !of.IsValid() {
		of = rule.To
	}
	rule.Protocol = []uint8{0, tcp, tcp, udp, sctp, gre, icmp, icmpv6}[r.IntN(8)]
	if of.IsValid() && (rule.Protocol == icmp && of.Addr().Is6() || rule.Protocol == icmpv6 && of.Addr().Is4()) {
		rule.Protocol = tcp
	}
	if rule.Protocol == tcp || rule.Protocol == udp || rule.Protocol == sctp {
		if r.IntN(2) == 0 {
			rule.ToPorts = [][2]uint16{{80, 80}, {80, 81}, {22, 5001}, {1, 1023}}[r.IntN(4)]
		}
		if r.IntN(4) == 0 {
			rule.FromPorts = [][2]uint16{{1, 1023}, {1024, 65535}, {20000, 20500}}[r.IntN(3)]
		}
	}
	return rule
}

// yaml is the firewall as a user would apply it.
func (f Firewall) yaml(t Topology) string {
	var docs []string
	add := func(format string, args ...any) { docs = append(docs, fmt.Sprintf(format, args...)) }
	add("kind: AddressGroup\nproject: red\nname: set\nspec: {addresses: %s}\n", quoted(f.Set))
	for i, p := range f.Policies {
		var rules []string
		for _, r := range p.Rules {
			rules = append(rules, r.yaml())
		}
		add("kind: FirewallPolicy\nproject: red\nname: f%d\nspec: {rules: [%s]}\n", i, strings.Join(rules, ", "))
	}
	for i, g := range f.Groups {
		var faces []string
		for _, n := range g.Networks {
			for _, s := range t.Networks[n].Subnets {
				faces = append(faces, fmt.Sprintf("{router: %s, subnet: %s}", t.Routers[g.Router].Name, s.Name))
			}
		}
		more := ""
		if g.Ingress >= 0 {
			more += fmt.Sprintf(", ingressPolicy: f%d", g.Ingress)
		}
		if g.Egress >= 0 {
			more += fmt.Sprintf(", egressPolicy: f%d", g.Egress)
		}
		add("kind: FirewallGroup\nproject: red\nname: g%d\nspec: {interfaces: [%s], adminStateUp: %t%s}\n", i, strings.Join(faces, ", "), !g.Down, more)
	}
	return strings.Join(docs, "---\n")
}

func (r FirewallRule) yaml() string {
	words := []string{"action: " + r.Action, fmt.Sprintf("enabled: %t", !r.Disabled)}
	if r.Protocol != 0 {
		words = append(words, fmt.Sprintf("protocol: %q", fmt.Sprint(r.Protocol)))
	}
	for _, end := range []struct {
		word  string
		block netip.Prefix
		set   bool
		ports [2]uint16
	}{{"source", r.From, r.FromSet, r.FromPorts}, {"destination", r.To, r.ToSet, r.ToPorts}} {
		if end.block.IsValid() {
			words = append(words, fmt.Sprintf("%sIpAddress: %q", end.word, end.block))
		}
		if end.set {
			words = append(words, end.word+"AddressGroup: set")
		}
		if end.ports[1] != 0 {
			words = append(words, fmt.Sprintf("%sPorts: %q", end.word, fmt.Sprintf("%d-%d", end.ports[0], end.ports[1])))
		}
	}
	return "{" + strings.Join(words, ", ") + "}"
}

// Lets tells whether firewalls let a packet go from one network to another: as what it is, or as the answer to first.
func (f Firewall) Lets(from, to int, s Segment, first *Segment) bool {
	for _, at := range way(from, to) {
		in, out := f.group(at.router, at.in), f.group(at.router, at.out)
		said := "allow"
		switch {
		case in == nil && out == nil:
		case s.complains():
			return false // there is no connection that it could be about
		case s.tracked() && first != nil:
			said = f.both(in, out, *first, true)
		default:
			said = f.both(in, out, s, false)
			if said == "" && !s.tracked() {
				said = f.both(in, out, s.Answer(), true)
			}
		}
		if said != "allow" {
			return false
		}
	}
	return true
}

// looks tells whether each router between two networks has a firewall by which packets come or leave.
func (f Firewall) looks(from, to int) bool {
	return !slices.ContainsFunc(way(from, to), func(at step) bool { return f.group(at.router, at.in) == nil && f.group(at.router, at.out) == nil })
}

// group is the group that a router's interfaces on a network are in.
func (f Firewall) group(router, network int) *FirewallGroup {
	for i, g := range f.Groups {
		if g.Router == router && slices.Contains(g.Networks, network) {
			return &f.Groups[i]
		}
	}
	return nil
}

// both asks the groups by which a packet comes and leaves. An answer comes by where what it answers has left.
func (f Firewall) both(in, out *FirewallGroup, s Segment, answer bool) string {
	if said := f.asks(in, s, answer); said != "allow" {
		return said
	}
	return f.asks(out, s, !answer)
}

// asks is what a group says of a packet that leaves by it, or comes by it.
func (f Firewall) asks(g *FirewallGroup, s Segment, leaves bool) string {
	if g == nil {
		return "allow"
	}
	policy := g.Ingress
	if leaves {
		policy = g.Egress
	}
	if policy < 0 || g.Down {
		return ""
	}
	for _, r := range f.Policies[policy].Rules {
		if !r.Disabled && f.about(r, s) {
			return r.Action
		}
	}
	return ""
}

// about tells whether a rule is about a packet.
func (f Firewall) about(r FirewallRule, s Segment) bool {
	within := func(ports [2]uint16, port uint16) bool { return ports[1] == 0 || ports[0] <= port && port <= ports[1] }
	of := func(block netip.Prefix, set bool, ip netip.Addr) bool {
		known := slices.ContainsFunc(f.Set, func(b netip.Prefix) bool { return b.Contains(ip) })
		return (!block.IsValid() || block.Contains(ip)) && (!set || known)
	}
	return (r.Protocol == 0 || r.Protocol == s.Protocol) && of(r.From, r.FromSet, s.From) && of(r.To, r.ToSet, s.To) &&
		within(r.FromPorts, s.FromPort) && within(r.ToPorts, s.ToPort)
}
