package model

import (
	"fmt"
	"net/netip"
	"strings"
)

// Topology is what users have asked for, and where endpoints are plugged.
type Topology struct {
	Networks []Network
	Ports    []Port
	Routers  []Router
	Hosts    int
	Outside  Outside // of routers without routes of their own
	Security Security
}

// Network has up to one IPv4 and one IPv6 subnet.
type Network struct {
	Name    string
	Type    string
	MTU     int // 0: the default of its type, which all packets fit
	Down    bool
	Subnets []Subnet
}

// Subnet is a block of addresses with the router's address in it.
type Subnet struct {
	Name    string
	CIDR    netip.Prefix
	Gateway netip.Addr
}

// Port is an endpoint.
type Port struct {
	Name    string
	Network int // index
	Host    int // 0: it is plugged nowhere
	IPs     []netip.Addr
	Down    bool

	Project string         // empty: red
	Groups  []string       // security groups: "red/web"
	Pairs   []netip.Prefix // addresses that it may send from besides
	Loose   bool           // it has no port security
}

// Router joins subnets.
type Router struct {
	Name       string
	Interfaces []Interface
	Routes     []Route
	Policies   []Policy // the first that matches counts
	Down       bool
}

// Policy sends packets from and to blocks to next hops; without hops it drops or, where it allows, leaves them to the routes.
type Policy struct {
	From, To netip.Prefix // invalid: any
	Hops     []netip.Addr
	Allow    bool
}

// Interface is a router's address on a subnet.
type Interface struct {
	Network, Subnet int // indexes
	IP              netip.Addr
}

// Route is a static route; without hops it drops.
type Route struct {
	To   netip.Prefix
	Hops []netip.Addr
}

// YAML is the topology as a user would apply it.
func (t Topology) YAML() string {
	var docs []string
	add := func(format string, args ...any) { docs = append(docs, fmt.Sprintf(format, args...)) }
	for _, n := range t.Networks {
		mtu := ""
		if n.MTU > 0 {
			mtu = fmt.Sprintf(", mtu: %d", n.MTU)
		}
		add("kind: Network\nproject: red\nname: %s\nspec: {type: %s, adminStateUp: %t, shared: true%s}\n", n.Name, n.Type, !n.Down, mtu)
		for _, s := range n.Subnets {
			add("kind: Subnet\nproject: red\nname: %s\nspec: {network: %s, cidr: %q, gatewayIp: %q}\n", s.Name, n.Name, s.CIDR, s.Gateway)
		}
	}
	docs = append(docs, t.Security.yaml()...)
	for _, p := range t.Ports {
		var ips []string
		for _, ip := range p.IPs {
			ips = append(ips, fmt.Sprintf("{ip: %q}", ip))
		}
		add("kind: Port\nproject: %s\nname: %s\nspec: {network: red/%s, adminStateUp: %t, fixedIps: [%s]%s}\n",
			p.Owner(), p.Name, t.Networks[p.Network].Name, !p.Down, strings.Join(ips, ", "), p.protection())
	}
	docs = append(docs, t.Outside.network()...)
	for i, r := range t.Routers {
		var interfaces, routes []string
		for _, i := range r.Interfaces {
			interfaces = append(interfaces, fmt.Sprintf("{subnet: %s, ip: %q}", t.Networks[i.Network].Subnets[i.Subnet].Name, i.IP))
		}
		for _, route := range r.Routes {
			hops := hopsYAML(route.Hops)
			typ := "unicast"
			if len(hops) == 0 {
				typ = "blackhole"
			}
			routes = append(routes, fmt.Sprintf("{destination: %q, type: %s, nextHops: [%s]}", route.To, typ, strings.Join(hops, ", ")))
		}
		var policies []string
		for j, p := range r.Policies {
			policies = append(policies, p.yaml(1000-j))
		}
		add("kind: Router\nproject: red\nname: %s\nspec: {adminStateUp: %t, interfaces: [%s], routes: [%s], policyRoutes: [%s]%s}\n",
			r.Name, !r.Down, strings.Join(interfaces, ", "), strings.Join(routes, ", "), strings.Join(policies, ", "), t.Outside.gateway(i))
	}
	docs = append(docs, t.Outside.translations(t)...)
	return strings.Join(docs, "---\n")
}

func hopsYAML(ips []netip.Addr) []string {
	var hops []string
	for _, ip := range ips {
		hops = append(hops, fmt.Sprintf("{ip: %q}", ip))
	}
	return hops
}

func (p Policy) yaml(priority int) string {
	var match []string
	if p.From.IsValid() {
		match = append(match, fmt.Sprintf("source: %q", p.From))
	}
	if p.To.IsValid() {
		match = append(match, fmt.Sprintf("destination: %q", p.To))
	}
	action := "reroute"
	switch {
	case p.Allow:
		action = "allow"
	case len(p.Hops) == 0:
		action = "drop"
	}
	return fmt.Sprintf("{priority: %d, match: {%s}, action: %s, nextHops: [%s]}", priority, strings.Join(match, ", "), action, strings.Join(hopsYAML(p.Hops), ", "))
}
