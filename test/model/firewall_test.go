package model

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// How many firewalls are drawn, each of which is edited twice, and how many packets that must take at least.
const (
	rows            = 40
	leastByFirewall = 100_000
)

// TestFirewallsAgree draws policies and groups for two routers in a row, and edits of those. After each edit ports of all networks send
// packets of many kinds to each other: those that must pass arrive at the one that they are for, and the others nowhere. What arrived is
// answered, and connections that were established before go on, or do not any more.
func TestFirewallsAgree(t *testing.T) {
	all := tally{}
	for seed := range uint64(rows) {
		seen, err := playFirewall(rand.New(rand.NewPCG(seed, 1)))
		all.add(seen)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("%d packets: %d first ones passed and %d did not, %d answers did and %d did not; of established connections %d went on and %d did not",
		all.packets(), all.opened, all.refused, all.answered, all.unanswered, all.lasted, all.stopped)
	if all.packets() < leastByFirewall || min(all.opened, all.refused, all.answered, all.lasted, all.stopped)*200 < leastByFirewall {
		t.Error("too few to tell")
	}
}

func playFirewall(r *rand.Rand) (seen tally, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r
		default:
			panic(r)
		}
	}()
	p := &player{w: newWorld(thrower{}), port: firstPort, t: rowOf(r)}
	defer func() { seen = p.seen }()
	p.w.become(p.w.rt, p.t)
	for state := range 3 {
		f := drawFirewall(r)
		p.state = state + 1
		p.w.walls(f.yaml(p.t))
		p.walled(f)
	}
	return p.seen, nil
}

// walled has all ports send to those of other networks.
func (p *player) walled(f Firewall) {
	for _, c := range p.known {
		from, to, s := p.t.Ports[c.from].Network, p.t.Ports[c.to].Network, c.first
		if s.Protocol == tcp {
			s.Flags = ACK
		}
		p.lasts(c.from, c.to, s, f.Lets(from, to, s, nil))
		p.lasts(c.to, c.from, s.Answer(), f.Lets(to, from, s.Answer(), &s))
	}
	p.known = nil
	for from, sender := range p.t.Ports {
		for to, receiver := range p.t.Ports {
			if sender.Network == receiver.Network {
				continue
			}
			for i := range sender.IPs {
				for _, s := range Segments(sender.IPs[i], receiver.IPs[i], p.next) {
					p.across(f, from, to, s)
				}
			}
		}
	}
}

// across sends a packet between two networks, and the answer to it.
func (p *player) across(f Firewall, from, to int, s Segment) {
	a, b := p.t.Ports[from].Network, p.t.Ports[to].Network
	opens := f.Lets(a, b, s, nil)
	p.passes(from, to, s, opens)
	if !opens {
		p.seen.refused++
		return
	}
	p.seen.opened++
	if s.Stray() {
		return
	}
	answers := f.Lets(b, a, s.Answer(), &s)
	p.passes(to, from, s.Answer(), answers)
	if !answers {
		p.seen.unanswered++
		return
	}
	p.seen.answered++
	// A router that nothing judged by has not looked at the connection: it is known there from the next packet on.
	if len(p.known) < lasting && p.port%3 == 0 && f.looks(a, b) {
		p.known = append(p.known, connection{from: from, to: to, first: s})
	}
}

// walls makes firewalls of what there is.
func (w *world) walls(text string) {
	docs, err := manifest.Decode("firewall.yaml", strings.NewReader(text), manifest.Options{})
	w.must(err)
	var resources []*weftv1.Resource
	for _, d := range docs {
		resources = append(resources, d.Resource)
	}
	if _, _, err := w.catalog.Apply(context.Background(), resources, nil); err != nil {
		w.rt.Fatalf("%v\n%s", err, text)
	}
	w.load()
	w.rev++
	if result := w.engine.Step(w.rev); len(result.Problems) > 0 {
		w.rt.Fatalf("%v\n%s", result.Problems, text)
	}
	if conflicts := w.engine.Conflicts(); len(conflicts) > 0 {
		w.rt.Fatalf("%v\n%s", conflicts, text)
	}
}

// loadFirewall takes over policies and groups.
func (w *world) loadFirewall(res *weftv1.Resource, staying map[any]bool) {
	if intent.KeyOf(res).Kind == intent.KindFirewallGroup {
		g, err := intent.FirewallGroupRow(res)
		w.must(err)
		w.tables.FirewallGroups.Put(g)
		return
	}
	l, err := intent.FirewallPolicyRow(res)
	w.must(err)
	w.tables.RuleLists.Put(l)
	staying[l.Key] = true
}

// What a rule and an interface cost on a host, at most, whatever there is of the other: a rule about one port is there once for each way to
// look at packets and version of IP; an interface of one version has two flows, and its network two for each version where it has ports.
const (
	flowsARule = 6
	flowsAFace = 8
)

// TestFirewallFlows holds the growth of flows against the formula in apps/firewall/README.md: rules and interfaces add up.
func TestFirewallFlows(t *testing.T) {
	count := func(networks, rules int) int {
		w := newWorld(thrower{})
		topology := hub(20)
		for i := range topology.Ports {
			topology.Ports[i].Host, topology.Ports[i].Loose = 1, true
		}
		w.become(thrower{}, topology)
		before := w.switches["h1"].FlowCount()
		f := Firewall{Policies: make([]FirewallPolicy, 1), Groups: []FirewallGroup{{}}}
		for n := range networks {
			f.Groups[0].Networks = append(f.Groups[0].Networks, n)
		}
		for i := range rules {
			f.Policies[0].Rules = append(f.Policies[0].Rules, FirewallRule{Action: "allow", Protocol: tcp, ToPorts: [2]uint16{uint16(1000 + i), uint16(1000 + i)}})
		}
		w.walls(f.yaml(topology))
		return w.switches["h1"].FlowCount() - before
	}
	least := count(1, 1)
	ruleMore, faceMore := count(1, 2)-least, count(2, 1)-least
	t.Logf("%d flows for one interface and one rule, %d for a rule more, %d for an interface more", least, ruleMore, faceMore)
	if ruleMore < 1 || ruleMore > flowsARule || faceMore < 1 || faceMore > flowsAFace {
		t.Errorf("a rule more costs %d flows, and an interface more %d: at most %d and %d", ruleMore, faceMore, flowsARule, flowsAFace)
	}
	for _, tt := range [][2]int{{20, 1}, {1, 100}, {20, 100}} {
		if got, want := count(tt[0], tt[1]), least+(tt[0]-1)*faceMore+(tt[1]-1)*ruleMore; got != want {
			t.Errorf("%d interfaces and %d rules take %d flows, want %d", tt[0], tt[1], got, want)
		}
	}
}
