package model

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Outdoors stands for the station that is outside, among those who send and at whom packets arrive.
const Outdoors = -2

// Outside is an external network with a station on it, and what routers have there. Its subnets are 198.51.100.0/24 and
// 2001:db8::/64.
type Outside struct {
	Wired    []bool // by host: whether it has a wire to the network
	Gateways []Gateway
	Floats   []Float
	Forwards []Forward
}

// Gateway is a router's way outside.
type Gateway struct {
	Router       int // index
	IP4, IP6     netip.Addr
	SNAT4, SNAT6 bool
}

// Float is a floating IP: it stands for a port's IPv4 address, or for those that forwards name.
type Float struct {
	Name   string
	IP     netip.Addr
	Router int
	Port   int // index; Lost: none
}

// Forward sends what comes for one UDP port of a floating IP, or of a router's gateway, on.
type Forward struct {
	Name         string
	Float        int // index; Lost: the gateway of the router
	Router       int
	Outer, Inner uint16
	Port         int
}

// Station is the address of what is outside, on the external network, and Beyond an address behind it. An address of either family.
func Station(four bool) (station, beyond netip.Addr) {
	if four {
		return netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("203.0.113.9")
	}
	return netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:9::9")
}

// onExternal tells whether an address is on a subnet of the external network.
func onExternal(ip netip.Addr) bool {
	return netip.MustParsePrefix("198.51.100.0/24").Contains(ip) || netip.MustParsePrefix("2001:db8::/64").Contains(ip)
}

// Datagram is what somebody sends, and what somebody else gets of it.
type Datagram struct {
	From, To         netip.Addr
	FromPort, ToPort uint16 // FromPort 0: any
}

// Crosses returns who gets a datagram that an endpoint or the station outside sends, and what it is then. It is for topologies
// whose routers have no routes of their own: what is not on a subnet of theirs goes outside.
func (t Topology) Crosses(from int, d Datagram) (at int, got Datagram) {
	if from == Outdoors {
		return t.enters(d)
	}
	sender := t.Ports[from]
	if !t.Works(sender) {
		return Lost, d
	}
	if slices.ContainsFunc(t.Networks[sender.Network].Subnets, func(s Subnet) bool { return s.CIDR.Contains(d.To) }) {
		return t.home(sender.Network, d.To), d
	}
	gateway, _ := t.gateway(sender.Network, d.To)
	for i, r := range t.Routers {
		if r.Down || !slices.ContainsFunc(r.Interfaces, func(x Interface) bool { return x.Network == sender.Network && x.IP == gateway }) {
			continue
		}
		if x, ok := t.interfaceFor(r, d.To); ok {
			return t.home(x.Network, d.To), d // routed inside: nothing is translated
		}
		return t.leaves(i, from, d)
	}
	return Lost, d
}

// home is the endpoint that has an address on a network and works.
func (t Topology) home(network int, ip netip.Addr) int {
	for _, i := range t.owner(network, ip) {
		return i
	}
	return Lost
}

// leaves has a datagram go outside from behind a router: with the floating IP of its sender, or else with the gateway's address.
func (t Topology) leaves(router, from int, d Datagram) (int, Datagram) {
	i := slices.IndexFunc(t.Outside.Gateways, func(g Gateway) bool { return g.Router == router })
	if i < 0 {
		return Lost, d
	}
	g := t.Outside.Gateways[i]
	float := slices.IndexFunc(t.Outside.Floats, func(f Float) bool { return f.Port == from && f.Router == router && f.IP.Is4() == d.From.Is4() })
	switch {
	case float >= 0:
		d.From = t.Outside.Floats[float].IP
	case d.From.Is4() && g.SNAT4:
		d.From, d.FromPort = g.IP4, 0
	case d.From.Is6() && g.SNAT6:
		d.From, d.FromPort = g.IP6, 0
	}
	if station, _ := Station(d.To.Is4()); d.To == station || !onExternal(d.To) {
		return Outdoors, d // it is everybody's gateway to elsewhere
	}
	return t.enters(d)
}

// enters has a datagram come from outside, or from another router or the same one by way of the external network.
func (t Topology) enters(d Datagram) (int, Datagram) {
	for i, f := range t.Outside.Floats {
		if f.IP == d.To && f.Port != Lost {
			d.To = t.Ports[f.Port].IPs[0]
			return t.delivered(f.Router, f.Port), d
		}
		for _, w := range t.Outside.Forwards {
			if w.Float == i && f.IP == d.To && w.Outer == d.ToPort {
				d.To, d.ToPort = t.Ports[w.Port].IPs[0], w.Inner
				return t.delivered(f.Router, w.Port), d
			}
		}
	}
	for _, w := range t.Outside.Forwards {
		for _, g := range t.Outside.Gateways {
			if w.Float == Lost && w.Router == g.Router && g.IP4 == d.To && w.Outer == d.ToPort {
				d.To, d.ToPort = t.Ports[w.Port].IPs[0], w.Inner
				return t.delivered(g.Router, w.Port), d
			}
		}
	}
	return Lost, d
}

// delivered is an endpoint behind a router, if both work.
func (t Topology) delivered(router, port int) int {
	r, p := t.Routers[router], t.Ports[port]
	if r.Down || !t.Works(p) || !slices.ContainsFunc(r.Interfaces, func(i Interface) bool { return i.Network == p.Network }) {
		return Lost
	}
	return port
}

const externalYAML = `kind: Network
project: red
name: ext
spec: {type: flat, physicalNetwork: ext, external: true, mtu: 1400}
---
kind: Subnet
project: red
name: ext-v4
spec: {network: ext, cidr: 198.51.100.0/24, enableDhcp: false}
---
kind: Subnet
project: red
name: ext-v6
spec: {network: ext, cidr: "2001:db8::/64", enableDhcp: false}
`

// network is the external network, as a user would apply it.
func (o Outside) network() []string {
	if len(o.Wired) == 0 {
		return nil
	}
	return strings.Split(externalYAML, "---\n")
}

// translations are floating IPs and forwarded ports, as a user would apply them.
func (o Outside) translations(t Topology) []string {
	var docs []string
	for _, f := range o.Floats {
		more := fmt.Sprintf("router: %s", t.Routers[f.Router].Name)
		if f.Port != Lost {
			more += fmt.Sprintf(", port: %s, fixedIp: %s", t.Ports[f.Port].Name, t.Ports[f.Port].IPs[0])
		}
		docs = append(docs, fmt.Sprintf("kind: FloatingIP\nproject: red\nname: %s\nspec: {network: ext, ip: %s, %s}\n", f.Name, f.IP, more))
	}
	for _, w := range o.Forwards {
		where := "router: " + t.Routers[w.Router].Name
		if w.Float != Lost {
			where = "floatingIp: " + o.Floats[w.Float].Name
		}
		docs = append(docs, fmt.Sprintf("kind: PortForwarding\nproject: red\nname: %s\nspec: {%s, protocol: udp, externalPorts: \"%d\", internalPorts: \"%d\", port: %s, internalIp: %s}\n",
			w.Name, where, w.Outer, w.Inner, t.Ports[w.Port].Name, t.Ports[w.Port].IPs[0]))
	}
	return docs
}

// gateway is a router's line about its way outside.
func (o Outside) gateway(router int) string {
	for _, g := range o.Gateways {
		if g.Router == router {
			return fmt.Sprintf(", externalGateway: {network: ext, enableSnat: %t, enableSnat6: %t, fixedIps: [%s]}", g.SNAT4, g.SNAT6,
				strings.Join(hopsYAML([]netip.Addr{g.IP4, g.IP6}), ", "))
		}
	}
	return ""
}
