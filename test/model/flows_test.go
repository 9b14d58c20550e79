package model

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/sim"
)

// The numbers of the formula in apps/security/README.md.
const (
	flowsEverywhere   = 120
	flowsAnInterface  = 3
	flowsToAskAList   = 13
	securityApp       = 18
	membersAtFirst    = 10_000
	countedTopologies = 60
)

// TestFlowFormula compiles drawn topologies and counts: a host has no more flows than the formula says, not half of it in vain, and none
// where no port is judged.
func TestFlowFormula(t *testing.T) {
	got, most := 0, 0
	for seed := 1; seed <= countedTopologies; seed++ {
		h := DrawHistory(seed)
		w := newWorld(thrower{})
		for _, topology := range h {
			w.become(w.rt, topology)
			for host := 1; host <= topology.Hosts; host++ {
				n, may := securityFlows(w.switches[fmt.Sprintf("h%d", host)]), topology.formula(host)
				if n > may {
					t.Errorf("seed %d: h%d has %d flows, the formula says %d at most\n%s", seed, host, n, may, topology.YAML())
				}
				got, most = got+n, most+may
			}
		}
	}
	t.Logf("%d flows, the formula says %d at most", got, most)
	if got*2 < most {
		t.Errorf("%d flows are less than half of the formula's %d: it says little", got, most)
	}
}

// securityFlows are those that judge.
func securityFlows(sw *sim.Switch) int {
	n := 0
	for _, f := range sw.Flows() {
		if flow.CookieApp(f.Cookie) == securityApp {
			n++
		}
	}
	return n
}

// formula is how many flows a host may have to judge packets: c + n + 3i + p + Σ lists (s + r) + Σ sets a.
func (t Topology) formula(host int) int {
	networks, policies, lists := map[int]bool{}, map[string]bool{}, map[string]RuleList{}
	for _, p := range t.Ports {
		if p.Host != host || !t.judged(p) {
			continue
		}
		networks[p.Network] = true
		name := ""
		for _, l := range append(t.groupsOf(p), t.policiesOf(p)...) {
			lists[l.Path()] = l
			name += l.Path() + " "
		}
		policies[fmt.Sprint(name, len(t.groupsOf(p)))] = true
	}
	if len(networks) == 0 {
		return 0
	}
	n := flowsEverywhere + len(networks) + len(policies)
	for _, r := range t.Routers {
		for _, i := range r.Interfaces {
			if networks[i.Network] {
				n += flowsAnInterface
			}
		}
	}
	sets := map[string]bool{}
	for _, l := range lists {
		n += flowsToAskAList
		for _, r := range l.rules() {
			n += r.flows(l)
			sets[r.Group] = true
			sets[r.Set] = true
		}
	}
	return n + t.addresses(sets)
}

// rules are a list's own and the default ones.
func (l RuleList) rules() []Rule {
	all := slices.Clone(l.Rules)
	if l.action() == "" && !l.Bare {
		all = append(all, Rule{Egress: true, Type: -1, Code: -1})
		if l.Name == intent.DefaultGroup {
			all = append(all, Rule{Group: l.Path(), Type: -1, Code: -1})
		}
	}
	return all
}

// action is what some rule of the list says; empty: it is a security group.
func (l RuleList) action() string {
	for _, r := range l.Rules {
		if r.Action != "" {
			return r.Action
		}
	}
	return ""
}

// flows is how many flows a rule may be: one for each block of its ports, each IP version, and each way to look at its packets, of which
// there are more where some are tracked and some not.
func (r Rule) flows(l RuleList) int {
	versions, ways := 2, 1
	if r.Ethertype != "" || r.Prefix.IsValid() {
		versions = 1
	}
	tracked := slices.Contains([]string{"tcp", "6", "udp", "icmp", "ipv6-icmp"}, r.Protocol)
	every := r.Protocol == "" || r.Protocol == "any"
	switch {
	case every && !r.Prefix.IsValid():
	case l.Stateless:
	case every:
		ways = 3
	case !tracked || l.action() != "":
		ways = 2
	}
	blocks := 1
	if r.First != 0 {
		blocks = len(pipeline.PortBlocks(r.First, r.Last))
	}
	return blocks * versions * ways
}

// addresses is how many there are in sets.
func (t Topology) addresses(sets map[string]bool) int {
	n := 0
	for _, s := range t.Security.Sets {
		if sets[s.Path()] {
			n += len(s.Blocks)
		}
	}
	for _, g := range t.Security.Groups {
		if !sets[g.Path()] {
			continue
		}
		for _, p := range t.Ports {
			if slices.ContainsFunc(t.groupsOf(p), func(o RuleList) bool { return o.Path() == g.Path() }) {
				n += len(p.IPs) + len(p.Pairs)
			}
		}
	}
	return n
}

// TestOneMemberMore counts what one member more of a group with 10,000 changes: one flow where rules name the group, none elsewhere.
func TestOneMemberMore(t *testing.T) {
	w := newWorld(thrower{})
	ports := []Port{
		{Name: "p0", Host: 1, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.10")}, Groups: []string{"red/server"}},
		{Name: "p1", Host: 2, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.11")}, Groups: []string{"red/client"}},
		{Name: "p2", Host: 3, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.12")}, Loose: true},
	}
	rule := Rule{Name: "r", Protocol: "tcp", First: 80, Last: 80, Type: -1, Code: -1, Group: "red/client"}
	top := Topology{
		Hosts: 3, Ports: ports,
		Networks: []Network{{Name: "n0", Type: "vxlan", Subnets: []Subnet{{"n0-0", netip.MustParsePrefix("10.0.0.0/16"), netip.MustParseAddr("10.0.0.1")}}}},
		Security: Security{Groups: []RuleList{{Project: "red", Name: "server", Rules: []Rule{rule}}, {Project: "red", Name: "client"}}},
	}
	w.become(w.rt, top)
	like, ok := w.tables.Ports.Peek(intent.Key{Kind: intent.KindPort, Project: "red", Name: "p1"})
	if !ok {
		t.Fatal("there is no port to make others like")
	}
	join := func(n int) {
		p := like
		p.Key.Name, p.UID = fmt.Sprintf("m%d", n), fmt.Sprintf("uid%d", n)
		p.MAC = flow.MACAddr{2, 1, 0, byte(n >> 16), byte(n >> 8), byte(n)}
		p.IPs = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(1 + n>>8), byte(n)})}
		w.tables.Ports.Put(p)
	}
	for n := range membersAtFirst {
		join(n)
	}
	w.rev++
	w.engine.Step(w.rev)
	counts := func() (all [3]int) {
		for i := range all {
			all[i] = securityFlows(w.switches[fmt.Sprintf("h%d", i+1)])
		}
		return all
	}
	before := counts()
	if before[0] < membersAtFirst || before[1] > flowsEverywhere+100 || before[2] != 0 {
		t.Errorf("flows that judge: %v; want %d members on the first host, none on the second, nothing on the third", before, membersAtFirst)
	}
	join(membersAtFirst)
	w.rev++
	w.engine.Step(w.rev)
	if after := counts(); after != [3]int{before[0] + 1, before[1], before[2]} {
		t.Errorf("one member more: %v, then %v", before, after)
	}
}
