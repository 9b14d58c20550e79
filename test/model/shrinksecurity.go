package model

import (
	"net/netip"
	"slices"
)

// History is a topology, and what becomes of it.
type History []Topology

// Shrink makes a history simpler for as long as it still fails.
func (h History) Shrink(fails func(History) bool) History {
	for {
		simpler := h.simpler()
		i := slices.IndexFunc(simpler, fails)
		if i < 0 {
			return h
		}
		h = simpler[i]
	}
}

// simpler are the histories that lack a state, or one thing in all of their states.
func (h History) simpler() []History {
	var all []History
	for i := range h {
		if len(h) > 1 {
			all = append(all, without(h, i))
		}
	}
	seen := map[string]bool{}
	lacking := func(what string, change func(Topology) Topology) {
		if seen[what] {
			return
		}
		seen[what] = true
		less := make(History, 0, len(h))
		for _, t := range h {
			less = append(less, change(t.clone()))
		}
		all = append(all, less)
	}
	for _, t := range h {
		for _, l := range t.Security.lists() {
			lacking("list "+l.Path(), func(t Topology) Topology { return t.withoutList(l.Path()) })
		}
		for _, p := range t.Ports {
			lacking("port "+p.Name, func(t Topology) Topology {
				t.Ports = slices.DeleteFunc(t.Ports, func(o Port) bool { return o.Name == p.Name && len(t.Ports) > 1 })
				return t
			})
		}
		t.smaller(lacking)
	}
	return all
}

// smaller names things that can be left out, and how.
func (t Topology) smaller(lacking func(string, func(Topology) Topology)) {
	for _, r := range t.Routers {
		lacking("router "+r.Name, func(t Topology) Topology { t.Routers = nil; return t })
	}
	for _, l := range t.Security.lists() {
		for _, r := range l.Rules {
			lacking("rule "+l.Path()+r.Name, func(t Topology) Topology {
				for _, of := range t.Security.lists() {
					of.Rules = slices.DeleteFunc(of.Rules, func(o Rule) bool { return of.Path() == l.Path() && o.Name == r.Name })
				}
				return t
			})
		}
	}
	for _, p := range t.Ports {
		for _, g := range p.Groups {
			lacking("member "+p.Name+g, func(t Topology) Topology { return t.ofPort(p.Name, func(o *Port) { o.leave(g) }) })
		}
		if len(p.Pairs) > 0 {
			lacking("pairs "+p.Name, func(t Topology) Topology { return t.ofPort(p.Name, func(o *Port) { o.Pairs = nil }) })
		}
		if len(p.IPs) > 1 {
			for _, ip := range p.IPs {
				lacking("address "+ip.String(), func(t Topology) Topology {
					return t.ofPort(p.Name, func(o *Port) {
						o.IPs = slices.DeleteFunc(slices.Clone(o.IPs), func(other netip.Addr) bool { return other == ip && len(o.IPs) > 1 })
					})
				})
			}
		}
	}
	for _, s := range t.Security.Sets {
		for _, b := range s.Blocks {
			lacking("block "+s.Path()+b.String(), func(t Topology) Topology {
				for i := range t.Security.Sets {
					of := &t.Security.Sets[i]
					of.Blocks = slices.DeleteFunc(of.Blocks, func(o netip.Prefix) bool { return of.Path() == s.Path() && o == b && len(of.Blocks) > 1 })
				}
				return t
			})
		}
	}
}

// ofPort changes the port of a name.
func (t Topology) ofPort(name string, change func(*Port)) Topology {
	for i := range t.Ports {
		if t.Ports[i].Name == name {
			change(&t.Ports[i])
		}
	}
	return t
}

func (p *Port) leave(group string) {
	p.Groups = slices.DeleteFunc(p.Groups, func(o string) bool { return o == group })
}

// withoutList is the topology without a group or a policy, and without rules that name it.
func (t Topology) withoutList(path string) Topology {
	t = t.clone()
	is := func(l RuleList) bool { return l.Path() == path }
	t.Security.Groups = slices.DeleteFunc(t.Security.Groups, is)
	t.Security.Policies = slices.DeleteFunc(t.Security.Policies, is)
	for _, l := range t.Security.lists() {
		l.Rules = slices.DeleteFunc(l.Rules, func(r Rule) bool { return r.Group == path })
	}
	for i := range t.Ports {
		t.Ports[i].leave(path)
	}
	return t
}
