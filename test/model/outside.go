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
	Rules    []NATRule
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

// externalSubnet returns the subnet of the external network that an address is on.
func externalSubnet(ip netip.Addr) (netip.Prefix, bool) {
	for _, block := range []string{"198.51.100.0/24", "2001:db8::/64"} {
		if p := netip.MustParsePrefix(block); p.Contains(ip) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// gatewayOf returns a router's way outside.
func (o Outside) gatewayOf(router int) (Gateway, bool) {
	for _, g := range o.Gateways {
		if g.Router == router {
			return g, true
		}
	}
	return Gateway{}, false
}

func (g Gateway) has(ip netip.Addr) bool { return g.IP4 == ip || g.IP6 == ip }

// Datagram is what somebody sends, and what somebody else gets of it.
type Datagram struct {
	From, To         netip.Addr
	FromPort, ToPort uint16 // FromPort 0: any
}

// Crosses returns who may get a datagram that an endpoint or the station outside sends, and what it is then. One of them gets it.
func (t Topology) Crosses(from int, d Datagram) []Crossing {
	j := journey{Datagram: d, from: from, size: small, left: life}
	var all []Crossing
	if from == Outdoors {
		all = t.enters(j)
	} else {
		all = t.sent(j)
	}
	if len(all) == 0 {
		return j.at(Lost)
	}
	return all
}

// leaves has a datagram go outside from behind a router: with the floating IP of its sender, as the first of the router's rules says
// that is about it, or else with the gateway's address.
func (t Topology) leaves(router int, hop netip.Addr, j journey) []Crossing {
	g, _ := t.Outside.gatewayOf(router)
	rule, ruled := t.Outside.first(router, func(r NATRule) bool { return r.takesOut(j.Datagram) })
	float := slices.IndexFunc(t.Outside.Floats, func(f Float) bool {
		return f.Router == router && f.Port != Lost && t.Ports[f.Port].IPs[0] == j.From
	})
	switch {
	case float >= 0:
		j.From = t.Outside.Floats[float].IP
	case ruled && within(rule.Exempted, j.To):
	case ruled:
		j.From, j.FromPort = rule.External, 0 // others may have its port by the same address
	case j.From.Is4() && g.SNAT4, j.From.Is6() && g.SNAT6:
		if g.has(j.To) && !t.Outside.byPort(router, j.Datagram) {
			return nil // it would look like its own answer
		}
		j.From, j.FromPort = g.IP4, 0
		if j.To.Is6() {
			j.From = g.IP6
		}
	}
	if station, _ := Station(j.To.Is4()); hop == station {
		if j.from == Outdoors {
			return nil // it has it
		}
		return j.at(Outdoors) // it is everybody's gateway to elsewhere
	}
	j.left, j.outside = j.left-1, true
	return t.enters(j)
}

// byPort tells whether a datagram is for a port of an address that leads somewhere.
func (o Outside) byPort(router int, d Datagram) bool {
	return slices.ContainsFunc(o.Rules, func(r NATRule) bool { return r.Router == router && r.External == d.To && r.Outer == d.ToPort }) ||
		slices.ContainsFunc(o.Forwards, func(w Forward) bool {
			return w.Float == Lost && w.Router == router && w.Outer == d.ToPort && d.To.Is4()
		})
}

// enters has a datagram come from outside, or from another router or the same one by way of the external network.
func (t Topology) enters(j journey) []Crossing {
	o := t.Outside
	for i, f := range o.Floats {
		switch {
		case f.IP != j.To:
		case f.Port != Lost:
			j.To = t.Ports[f.Port].IPs[0]
			return t.inward(f.Router, j)
		default:
			return t.translated(f.Router, i, j)
		}
	}
	for _, g := range o.Gateways {
		if g.has(j.To) {
			return t.translated(g.Router, Lost, j)
		}
	}
	return nil
}

// translated has a datagram go inside as a rule of the router says, or as one of its ports is forwarded.
func (t Topology) translated(router, float int, j journey) []Crossing {
	if r, ok := t.Outside.first(router, func(r NATRule) bool { return r.takesIn(j.Datagram) }); ok {
		if within(r.Exempted, j.From) {
			return nil
		}
		if j.To = r.Internal.Addr(); r.Outer != 0 {
			j.ToPort = r.Inner
		}
		return t.inward(router, j)
	}
	for _, w := range t.Outside.Forwards {
		if w.Float == float && w.Router == router && w.Outer == j.ToPort && j.To.Is4() {
			j.To, j.ToPort = t.Ports[w.Port].IPs[0], w.Inner
			return t.inward(router, j)
		}
	}
	return nil
}

// inward has a router take a translated datagram on.
func (t Topology) inward(router int, j journey) []Crossing {
	if t.Routers[router].Down {
		return nil
	}
	return t.routed(router, j)
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
	for _, r := range o.Rules {
		docs = append(docs, r.yaml(t.Routers[r.Router].Name))
	}
	return docs
}

// Keys are those of what translates, and of the external network, each in an order in which they can be deleted.
func (o Outside) Keys() (translations, network []string) {
	for _, r := range o.Rules {
		translations = append(translations, "natrule/red/"+r.Name)
	}
	for _, w := range o.Forwards {
		translations = append(translations, "portforwarding/red/"+w.Name)
	}
	for _, f := range o.Floats {
		translations = append(translations, "floatingip/red/"+f.Name)
	}
	if len(o.Wired) > 0 {
		network = []string{"subnet/red/ext-v4", "subnet/red/ext-v6", "network/red/ext"}
	}
	return translations, network
}

// gateway is a router's line about its way outside.
func (o Outside) gateway(router int) string {
	if g, ok := o.gatewayOf(router); ok {
		return fmt.Sprintf(", externalGateway: {network: ext, enableSnat: %t, enableSnat6: %t, fixedIps: [%s]}", g.SNAT4, g.SNAT6,
			strings.Join(hopsYAML([]netip.Addr{g.IP4, g.IP6}), ", "))
	}
	return ""
}
