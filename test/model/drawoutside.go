package model

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"
)

// DrawOutside makes a topology whose routers lead outside: without routes of their own, and with gateways, floating IPs and forwarded
// ports.
func DrawOutside(rt *rapid.T) Topology {
	t := Draw(rt)
	if len(t.Routers) == 0 {
		t.Routers = []Router{drawRouter(rt, t, 0)}
	}
	for i := range t.Routers {
		t.Routers[i].Routes, t.Routers[i].Policies = nil, nil
	}
	for i := range t.Networks {
		t.Networks[i].MTU = 0
	}
	t.Outside = drawOutside(rt, t)
	return t
}

func drawOutside(rt *rapid.T, t Topology) Outside {
	o := Outside{Wired: make([]bool, t.Hosts+1)}
	for h := 1; h <= t.Hosts; h++ {
		o.Wired[h] = rapid.Bool().Draw(rt, "wired")
	}
	o.Wired[rapid.IntRange(1, t.Hosts).Draw(rt, "wired for sure")] = true
	next := netip.MustParseAddr("198.51.100.100")
	address := func() netip.Addr {
		next = next.Next()
		return next
	}
	for r, router := range t.Routers {
		if len(router.Interfaces) == 0 || rapid.IntRange(0, 3).Draw(rt, "gateway") == 0 {
			continue
		}
		o.Gateways = append(o.Gateways, Gateway{
			Router: r, IP4: address(), IP6: netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", 100+r)),
			SNAT4: rapid.IntRange(0, 3).Draw(rt, "SNAT") > 0, SNAT6: rapid.Bool().Draw(rt, "SNAT6"),
		})
		for p, port := range t.Ports {
			if !router.leads(t, port) {
				continue
			}
			switch rapid.IntRange(0, 3).Draw(rt, "floating") {
			case 0, 1:
				if !slices.ContainsFunc(o.Floats, func(f Float) bool { return f.Port == p }) {
					o.Floats = append(o.Floats, Float{fmt.Sprintf("f%d", len(o.Floats)), address(), r, p})
				}
			case 2:
				o.forward(rt, r, p, address)
			}
		}
	}
	return o
}

// leads tells whether a router is the gateway of a port's IPv4 subnet.
func (r Router) leads(t Topology, p Port) bool {
	gateway, _ := t.gateway(p.Network, p.IPs[0])
	return slices.ContainsFunc(r.Interfaces, func(i Interface) bool { return i.Network == p.Network && i.IP == gateway })
}

// forward adds a forwarded port of the gateway, of the router's floating IP without a port, or of a new one.
func (o *Outside) forward(rt *rapid.T, router, port int, address func() netip.Addr) {
	w := Forward{Name: fmt.Sprintf("w%d", len(o.Forwards)), Float: Lost, Router: router, Outer: uint16(8000 + len(o.Forwards)), Port: port}
	w.Inner = rapid.SampledFrom([]uint16{w.Outer, 53}).Draw(rt, "inner")
	if rapid.Bool().Draw(rt, "of a floating IP") {
		w.Float = slices.IndexFunc(o.Floats, func(f Float) bool { return f.Port == Lost && f.Router == router })
		if w.Float < 0 {
			w.Float = len(o.Floats)
			o.Floats = append(o.Floats, Float{fmt.Sprintf("f%d", w.Float), address(), router, Lost})
		}
	}
	o.Forwards = append(o.Forwards, w)
}

// Datagrams are those that an endpoint, or the station outside, sends: to all addresses outside and to endpoints, to one port that
// nobody forwards and to all that somebody does.
func (t Topology) Datagrams(from int) []Datagram {
	sources := []netip.Addr{}
	for _, four := range []bool{true, false} {
		station, beyond := Station(four)
		sources = append(sources, station, beyond)
	}
	to := slices.Clone(sources)
	if from != Outdoors {
		sources = t.Ports[from].IPs
		for _, p := range t.Ports {
			to = append(to, p.IPs...)
		}
	}
	for _, g := range t.Outside.Gateways {
		to = append(to, g.IP4, g.IP6)
	}
	for _, f := range t.Outside.Floats {
		to = append(to, f.IP)
	}
	ports := []uint16{5001}
	for _, w := range t.Outside.Forwards {
		ports = append(ports, w.Outer)
	}
	var all []Datagram
	for _, s := range sources {
		for _, d := range to {
			for _, p := range ports {
				if s.Is4() == d.Is4() && s != d {
					all = append(all, Datagram{s, d, 6000, p})
				}
			}
		}
	}
	if from == Outdoors {
		return slices.DeleteFunc(all, func(d Datagram) bool { return slices.Contains(sources, d.To) })
	}
	return all
}
