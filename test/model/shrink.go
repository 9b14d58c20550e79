package model

import "slices"

// Shrink makes a topology simpler for as long as it still fails: what is left is what the failure needs.
func (t Topology) Shrink(fails func(Topology) bool) Topology {
	for {
		i := slices.IndexFunc(t.simpler(), fails)
		if i < 0 {
			return t
		}
		t = t.simpler()[i]
	}
}

// simpler are the topologies that lack one thing of this one: a router, an endpoint, then smaller things.
func (t Topology) simpler() []Topology {
	var all []Topology
	for i := range t.Routers {
		less := t.with(without(t.Routers, i), t.Ports)
		less.Outside = t.Outside.withoutRouter(i)
		all = append(all, less)
	}
	for i := range t.Ports {
		if len(t.Ports) > 1 {
			less := t.with(t.Routers, without(t.Ports, i))
			less.Outside = t.Outside.withoutPort(i)
			all = append(all, less)
		}
	}
	for _, less := range t.Outside.simpler() {
		other := t
		other.Outside = less
		all = append(all, other)
	}
	for i, r := range t.Routers {
		lacking := func(change func(*Router)) {
			routers, less := slices.Clone(t.Routers), r
			change(&less)
			routers[i] = less
			all = append(all, t.with(routers, t.Ports))
		}
		for j := range r.Routes {
			lacking(func(less *Router) { less.Routes = without(r.Routes, j) })
		}
		for j := range r.Policies {
			lacking(func(less *Router) { less.Policies = without(r.Policies, j) })
		}
		for j := range r.Interfaces {
			lacking(func(less *Router) { less.Interfaces = without(r.Interfaces, j) })
		}
	}
	return all
}

func (t Topology) with(routers []Router, ports []Port) Topology {
	t.Routers, t.Ports = routers, ports
	return t
}

func without[E any](s []E, i int) []E { return slices.Delete(slices.Clone(s), i, i+1) }
