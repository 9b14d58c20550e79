package model

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"pgregory.net/rapid"
)

// TestRoutersAgree draws topologies and sends a packet from every endpoint to every address, those of endpoints and some that
// are behind others: it must arrive where the model says, and nowhere else. Then something changes, and all of it again.
func TestRoutersAgree(t *testing.T) {
	arrived, lost := 0, 0
	check := func(rt *rapid.T) {
		w := newWorld(rt)
		topology := draw(rt)
		for range rapid.IntRange(1, 3).Draw(rt, "states") {
			w.become(rt, topology)
			for from := range topology.Ports {
				for _, sent := range packets(topology, from) {
					want := topology.Arrives(from, sent)
					got := w.send(rt, topology, from, sent)
					if !agree(topology, got, want) {
						rt.Fatalf("%s sends %+v: arrives at %v, want one of %v\n%s", topology.Ports[from].Name, sent, got, names(topology, want), topology.YAML())
					}
					if len(got) > 0 {
						arrived++
					} else {
						lost++
					}
				}
			}
			topology = change(rt, topology)
		}
	}
	for range 3 { // a hundred topologies each
		rapid.Check(t, check)
	}
	if arrived < 1000 || lost < 1000 {
		t.Errorf("%d packets arrived and %d did not: too few to tell", arrived, lost)
	}
	t.Logf("%d packets arrived, %d did not", arrived, lost)
}

// agree tells whether a packet arrived where it may.
func agree(t Topology, got []string, want []int) bool {
	if len(got) == 0 {
		return slices.Contains(want, Lost)
	}
	return len(got) == 1 && slices.Contains(names(t, want), got[0])
}

func names(t Topology, ports []int) []string {
	var all []string
	for _, p := range ports {
		if p == Lost {
			all = append(all, "nowhere")
			continue
		}
		all = append(all, t.Ports[p].Name)
	}
	return all
}

// Sizes of the packets that are sent: one that every network carries, and one that not all do.
const small, large = 100, 1360

// packets are those that an endpoint sends: to all addresses of its families a small one and, where its own network carries it, a
// large one.
func packets(t Topology, from int) []Packet {
	var all []Packet
	for _, to := range addresses(t) {
		for _, ip := range t.Ports[from].IPs {
			if ip.Is4() == to.Is4() {
				all = append(all, Packet{ip, to, small})
				if !t.tooSmall(t.Ports[from].Network, large) {
					all = append(all, Packet{ip, to, large})
				}
			}
		}
	}
	return all
}

// addresses are those that packets are sent to.
func addresses(t Topology) []netip.Addr {
	all := []netip.Addr{netip.MustParseAddr("10.200.0.1"), netip.MustParseAddr("10.200.128.1"), netip.MustParseAddr("fd00:200::1")}
	for _, p := range t.Ports {
		all = append(all, p.IPs...)
	}
	return all
}

// draw makes a topology.
func draw(rt *rapid.T) Topology {
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

// change makes another topology of one: ports move and come and go, routers are edited.
func change(rt *rapid.T, t Topology) Topology {
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

// packet is a datagram on the wire.
func packet(sent Packet, src, dst []byte) []byte {
	b := gopacket.NewSerializeBuffer()
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	udp := &layers.UDP{SrcPort: 5000, DstPort: 5001}
	if sent.To.Is4() {
		eth := &layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: layers.EthernetTypeIPv4}
		ip := &layers.IPv4{Version: 4, TTL: life, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocolUDP, SrcIP: sent.From.AsSlice(), DstIP: sent.To.AsSlice()}
		_ = udp.SetNetworkLayerForChecksum(ip)
		_ = gopacket.SerializeLayers(b, o, eth, ip, udp, gopacket.Payload(make([]byte, sent.Size-28)))
		return b.Bytes()
	}
	eth := &layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: layers.EthernetTypeIPv6}
	ip := &layers.IPv6{Version: 6, HopLimit: life, NextHeader: layers.IPProtocolUDP, SrcIP: sent.From.AsSlice(), DstIP: sent.To.AsSlice()}
	_ = udp.SetNetworkLayerForChecksum(ip)
	_ = gopacket.SerializeLayers(b, o, eth, ip, udp, gopacket.Payload(make([]byte, sent.Size-48)))
	return b.Bytes()
}
