package model

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"
)

// Draw makes a topology.
func Draw(rt *rapid.T) Topology {
	t := Topology{Hosts: 3}
	for n := range rapid.IntRange(2, 4).Draw(rt, "networks") {
		network := Network{Name: fmt.Sprintf("n%d", n), Type: rapid.SampledFrom([]string{"vxlan", "geneve", "gre"}).Draw(rt, "type")}
		v4, v6 := netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/24", n)), netip.MustParsePrefix(fmt.Sprintf("fd00:%d::/64", n))
		network.Subnets = append(network.Subnets, Subnet{network.Name + "-v4", v4, v4.Addr().Next()})
		if rapid.Bool().Draw(rt, "IPv6") {
			network.Subnets = append(network.Subnets, Subnet{network.Name + "-v6", v6, v6.Addr().Next()})
		}
		network.MTU = rapid.SampledFrom([]int{0, 0, 1300}).Draw(rt, "MTU")
		t.Networks = append(t.Networks, network)
	}
	for p := range rapid.IntRange(3, 7).Draw(rt, "ports") {
		t.Ports = append(t.Ports, drawPort(rt, t, p))
	}
	for r := range rapid.IntRange(0, 3).Draw(rt, "routers") {
		t.Routers = append(t.Routers, drawRouter(rt, t, r))
	}
	return t
}

func drawPort(rt *rapid.T, t Topology, n int) Port {
	p := Port{
		Name: fmt.Sprintf("p%d", n), Network: rapid.IntRange(0, len(t.Networks)-1).Draw(rt, "network"),
		Host: rapid.SampledFrom([]int{0, 1, 1, 2, 2, 3, 3}).Draw(rt, "host"), Down: rapid.IntRange(0, 9).Draw(rt, "down") == 0,
	}
	for _, s := range t.Networks[p.Network].Subnets {
		ip := s.CIDR.Addr()
		for range 10 + n {
			ip = ip.Next()
		}
		p.IPs = append(p.IPs, ip)
	}
	return p
}

// drawRouter gives a router some subnets: as their gateway where it is the first to have them, or else with an address that no
// station sends to.
func drawRouter(rt *rapid.T, t Topology, n int) Router {
	r := Router{Name: fmt.Sprintf("r%d", n), Down: rapid.IntRange(0, 9).Draw(rt, "down") == 0}
	for i, network := range t.Networks {
		for j, s := range network.Subnets {
			if !rapid.Bool().Draw(rt, "joined") {
				continue
			}
			ip := s.Gateway
			if slices.ContainsFunc(t.Routers, func(o Router) bool {
				return slices.ContainsFunc(o.Interfaces, func(x Interface) bool { return x.IP == ip })
			}) {
				for range n + 1 {
					ip = ip.Next()
				}
			}
			r.Interfaces = append(r.Interfaces, Interface{i, j, ip})
		}
	}
	blocks := []string{"10.200.0.0/16", "10.200.128.0/17", "10.200.0.1/32", "0.0.0.0/0", "10.1.0.0/24", "10.1.0.0/25", "fd00:200::/32", "::/0"}
	for _, b := range blocks {
		if rapid.IntRange(0, 2).Draw(rt, "route") > 0 {
			continue
		}
		route := Route{To: netip.MustParsePrefix(b)}
		route.Hops = drawHops(rt, t, route.To.Addr().Is4())
		r.Routes = append(r.Routes, route)
	}
	for range rapid.IntRange(0, 2).Draw(rt, "policies") {
		r.Policies = append(r.Policies, drawPolicy(rt, t))
	}
	return r
}

func drawPolicy(rt *rapid.T, t Topology) Policy {
	p := Policy{From: netip.MustParsePrefix(rapid.SampledFrom([]string{"10.0.0.0/24", "10.1.0.0/25", "0.0.0.0/0", "fd00:0::/64", "::/0"}).Draw(rt, "from"))}
	if to := rapid.SampledFrom([]string{"", "10.200.0.0/16", "10.0.0.0/8", "fd00::/16"}).Draw(rt, "to"); to != "" {
		if block := netip.MustParsePrefix(to); block.Addr().Is4() == p.From.Addr().Is4() {
			p.To = block
		}
	}
	switch rapid.SampledFrom([]string{"reroute", "reroute", "allow", "drop"}).Draw(rt, "action") {
	case "reroute":
		p.Hops = drawHops(rt, t, p.From.Addr().Is4())
	case "allow":
		p.Allow = true
	}
	return p
}

// drawHops draws up to two next hops: addresses of ports, and of the routers that were drawn before.
func drawHops(rt *rapid.T, t Topology, v4 bool) []netip.Addr {
	var of, hops []netip.Addr
	for _, p := range t.Ports {
		of = append(of, p.IPs...)
	}
	for _, other := range t.Routers {
		for _, i := range other.Interfaces {
			of = append(of, i.IP, i.IP) // as often as they matter
		}
	}
	for range rapid.IntRange(0, 2).Draw(rt, "hops") {
		left := slices.DeleteFunc(slices.Clone(of), func(ip netip.Addr) bool { return ip.Is4() != v4 || slices.Contains(hops, ip) })
		if len(left) > 0 {
			hops = append(hops, rapid.SampledFrom(left).Draw(rt, "hop"))
		}
	}
	return hops
}

// Change makes another topology of one: ports move and come and go, routers are edited.
func Change(rt *rapid.T, t Topology) Topology {
	t.Ports, t.Routers, t.Networks = slices.Clone(t.Ports), slices.Clone(t.Routers), slices.Clone(t.Networks)
	switch p := rapid.IntRange(0, len(t.Ports)-1).Draw(rt, "which"); rapid.SampledFrom([]string{"move", "move", "down", "router", "network"}).Draw(rt, "change") {
	case "move":
		t.Ports[p].Host = rapid.IntRange(0, t.Hosts).Draw(rt, "host")
	case "down":
		t.Ports[p].Down = !t.Ports[p].Down
	case "network":
		n := t.Ports[p].Network
		t.Networks[n].Down = !t.Networks[n].Down
	case "router":
		if n := len(t.Routers); n > 0 {
			others := t.Routers[:n-1]
			t.Routers = append(slices.Clone(others), drawRouter(rt, Topology{Networks: t.Networks, Ports: t.Ports, Routers: others, Hosts: t.Hosts}, n-1))
		}
	}
	return t
}
