package model

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"
)

// DrawOutside makes a topology whose routers lead outside: with gateways, floating IPs, forwarded ports and NAT rules, beside the routes
// that they have.
func DrawOutside(rt *rapid.T) Topology {
	t := Draw(rt)
	if len(t.Routers) == 0 {
		t.Routers = []Router{drawRouter(rt, t, 0)}
	}
	for i := range t.Networks {
		t.Networks[i].MTU = 0
	}
	t.Outside = drawOutside(rt, t)
	t.Routers = slices.Clone(t.Routers)
	for _, g := range t.Outside.Gateways {
		t.Routers[g.Router].Routes = slices.Concat(t.Routers[g.Router].Routes, drawRoutesOutside(rt))
	}
	return t
}

// drawRoutesOutside draws routes to what is beyond the station: by it, or nowhere.
func drawRoutesOutside(rt *rapid.T) []Route {
	var routes []Route
	for _, four := range []bool{true, false} {
		station, beyond := Station(four)
		for _, bits := range []int{16, beyond.BitLen()} {
			if to, err := beyond.Prefix(bits); err == nil && rapid.IntRange(0, 3).Draw(rt, "route outside") == 0 {
				route := Route{To: to}
				if rapid.IntRange(0, 2).Draw(rt, "by the station") > 0 {
					route.Hops = []netip.Addr{station}
				}
				routes = append(routes, route)
			}
		}
	}
	return routes
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
			if !router.leads(t, port, port.IPs[0]) {
				continue
			}
			switch rapid.IntRange(0, 3).Draw(rt, "floating") {
			case 0, 1:
				if !slices.ContainsFunc(o.Floats, func(f Float) bool { return f.Port == p }) {
					o.Floats = append(o.Floats, Float{fmt.Sprintf("f%d", len(o.Floats)), address(), r, p})
				}
			case 2:
				o.forward(rt, r, p, address)
			case 3:
				if !slices.ContainsFunc(o.Floats, func(f Float) bool { return f.Port == p }) {
					o.rule(rt, t, r, p, address)
				}
			}
		}
	}
	return o
}

// rule draws a rule of a router about a port.
func (o *Outside) rule(rt *rapid.T, t Topology, router, port int, address func() netip.Addr) {
	g, _ := o.gatewayOf(router)
	led := slices.DeleteFunc(slices.Clone(t.Ports[port].IPs), func(ip netip.Addr) bool { return !t.Routers[router].leads(t, t.Ports[port], ip) })
	ip := rapid.SampledFrom(led).Draw(rt, "inside")
	r := NATRule{
		Name: fmt.Sprintf("u%d", len(o.Rules)), Router: router, Type: rapid.SampledFrom([]string{"snat", "snat", "dnat", "dnat_and_snat"}).Draw(rt, "type"),
		External: g.IP4, Internal: netip.PrefixFrom(ip, ip.BitLen()), Priority: rapid.IntRange(0, 2).Draw(rt, "priority"),
	}
	if ip.Is6() {
		r.External = g.IP6
	} else if rapid.IntRange(0, 2).Draw(rt, "of a floating IP") > 0 {
		r.External = o.spare(router, address)
	}
	if r.Type == "snat" {
		bits := rapid.SampledFrom([]int{ip.BitLen(), ip.BitLen() / 4 * 3, ip.BitLen() / 2}).Draw(rt, "block")
		r.Internal = netip.PrefixFrom(ip, bits).Masked()
	}
	if r.UDP = rapid.Bool().Draw(rt, "protocol"); r.UDP && rapid.Bool().Draw(rt, "ports") {
		switch r.Type {
		case "snat":
			r.Least = uint16(20000 + snatPorts*len(o.Rules))
		case "dnat":
			r.Outer, r.Inner = uint16(9000+len(o.Rules)), rapid.SampledFrom([]uint16{uint16(9000 + len(o.Rules)), 53}).Draw(rt, "inner port")
		}
	}
	r.Blocks, r.Exempted = drawBlocks(rt, ip.Is4()), drawBlocks(rt, ip.Is4())
	if !slices.ContainsFunc(o.Rules, func(other NATRule) bool { return other.Router == router && r.compare(other) == 0 }) {
		o.Rules = append(o.Rules, r)
	}
}

// drawBlocks draws blocks outside: mostly none.
func drawBlocks(rt *rapid.T, four bool) []netip.Prefix {
	station, beyond := Station(four)
	of := [][]netip.Prefix{nil, nil, {netip.PrefixFrom(beyond, beyond.BitLen())}, {netip.PrefixFrom(station, station.BitLen()-8).Masked()}}
	return rapid.SampledFrom(of).Draw(rt, "blocks")
}

// spare is a floating IP of a router that has no port: the address of one that there is, or of a new one.
func (o *Outside) spare(router int, address func() netip.Addr) netip.Addr {
	return o.Floats[o.portless(router, address)].IP
}

func (o *Outside) portless(router int, address func() netip.Addr) int {
	i := slices.IndexFunc(o.Floats, func(f Float) bool { return f.Port == Lost && f.Router == router })
	if i < 0 {
		i = len(o.Floats)
		o.Floats = append(o.Floats, Float{fmt.Sprintf("f%d", i), address(), router, Lost})
	}
	return i
}

// leads tells whether a router is the gateway of the subnet that an address of a port is on.
func (r Router) leads(t Topology, p Port, ip netip.Addr) bool {
	gateway, _ := t.gateway(p.Network, ip)
	return r.has(p.Network, gateway)
}

// forward adds a forwarded port of the gateway, of the router's floating IP without a port, or of a new one.
func (o *Outside) forward(rt *rapid.T, router, port int, address func() netip.Addr) {
	w := Forward{Name: fmt.Sprintf("w%d", len(o.Forwards)), Float: Lost, Router: router, Outer: uint16(8000 + len(o.Forwards)), Port: port}
	w.Inner = rapid.SampledFrom([]uint16{w.Outer, 53}).Draw(rt, "inner")
	if rapid.Bool().Draw(rt, "of a floating IP") {
		w.Float = o.portless(router, address)
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
	for _, r := range t.Outside.Rules {
		if r.Outer != 0 {
			ports = append(ports, r.Outer)
		}
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

// ChangeOutside makes another topology of one: ports move and fail, networks fail, hosts get and lose their wire.
func ChangeOutside(rt *rapid.T, t Topology) Topology {
	t.Ports, t.Networks, t.Outside.Wired = slices.Clone(t.Ports), slices.Clone(t.Networks), slices.Clone(t.Outside.Wired)
	switch p := rapid.IntRange(0, len(t.Ports)-1).Draw(rt, "which"); rapid.SampledFrom([]string{"move", "down", "network", "wire"}).Draw(rt, "change") {
	case "move":
		t.Ports[p].Host = rapid.IntRange(0, t.Hosts).Draw(rt, "host")
	case "down":
		t.Ports[p].Down = !t.Ports[p].Down
	case "network":
		n := t.Ports[p].Network
		t.Networks[n].Down = !t.Networks[n].Down
	case "wire":
		h := rapid.IntRange(1, t.Hosts).Draw(rt, "host")
		t.Outside.Wired[h] = !t.Outside.Wired[h]
		if !slices.Contains(t.Outside.Wired, true) {
			t.Outside.Wired[h] = true
		}
	}
	return t
}
