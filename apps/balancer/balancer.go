// Package balancer spreads connections to the addresses of load balancers over the members of pools, on the host that they begin on.
//
// A packet for such an address, from its own network (router_in) or by way of a router (router_local), has its connection looked up
// (balance). A new one is given to a member (balanced): of 256 parts of all that can come, each member has its share, and the packet's
// hash says to which part it belongs. Then the packet goes on to the member as any other (server). What the member answers goes to the client by
// the usual way; there, on the client's host, the load balancer's address is put back (answers, answered), or, when the client is
// outside, on the host of the router's gateway (translate).
//
// Connections are tracked in a zone of the network that the client is on, by which packets of both directions find it.
package balancer

import (
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	ethIPv4, ethIPv6 = 0x0800, 0x86dd
	protoTCP         = 6
)

// Kinds of counters: connections that listeners took; and of a member of a listener, connections that it was given, what it got from
// clients, and what it sent to them.
const (
	Taken    = "listener-connections"
	Given    = "member-connections"
	Received = "member-received"
	Answered = "member-answered"
)

// Serving is the subject of the counters of a listener's member.
func Serving(listener intent.Key, member string) string { return listener.String() + " " + member }

// Bits of ct_state (ovs-fields(7)).
const (
	ctNew, ctReply, ctInvalid, ctTracked = 1 << 0, 1 << 3, 1 << 4, 1 << 5
)

// Priorities.
const (
	prioOutward = 0xffe0 // translate: before anything is translated to the outside
	prioTally   = 0xfff0 // translate: before that
	prioServed  = 220    // balanced: what is known already, though nobody has answered yet
	prioEcho    = 200
	prioFirst   = 201 // answers: of what opens a connection; balanced: of fragments
	prioVIP     = 150 // router_in, router_local: before what routers do with addresses that are not theirs
	prioOne     = 100
	prioKnown   = 50
	prioRest    = 10
	prioNobody  = 5
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "balancer", ID: 20, Rules: []compile.Rule{
		compile.ForEach("clients", t.LoadBalancers, a.clients),
		compile.ForEach("enter", t.LoadBalancers, a.enter),
		compile.About("zone", t.ClientNetworks, aboutBalancer, a.zone),
		compile.ForEach("listen", t.PoolListeners, a.listen),
		compile.ForEach("serve", t.PoolListeners, a.serve),
		compile.ForEach("tally", t.PoolListeners, a.tally),
		compile.About("server", t.Servers, aboutServer, a.server),
		compile.About("answer", t.Servers, aboutServer, a.answer),
	}}
}

// Clients and servers are no resources of their own: what is said of them is said of the load balancer.
func aboutBalancer(c intent.ClientNetwork) string { return c.Balancer.String() }
func aboutServer(s intent.ServedBy) string        { return s.Balancer.String() }

// vip is a load balancer with its port, where it works.
type vip struct {
	intent.LoadBalancer
	port intent.Port
	net  intent.Network
}

// vip returns a load balancer with its port; false while it has none.
func (a app) vip(r *table.Reader, balancer intent.Key) (vip, bool) {
	b, ok := a.LoadBalancers.Get(r, balancer)
	if !ok {
		return vip{}, false
	}
	v := vip{LoadBalancer: b}
	if v.port, ok = a.Ports.Get(r, b.Port); !ok {
		return v, false
	}
	if v.net, ok = a.Networks.Get(r, v.port.Network); !ok {
		return v, false
	}
	v.Up = v.Up && v.port.Up && v.net.Up
	return v, true
}

// of returns the first address of a family.
func (v vip) of(is4 bool) (netip.Addr, bool) {
	i := slices.IndexFunc(v.port.IPs, func(ip netip.Addr) bool { return ip.Is4() == is4 })
	if i < 0 {
		return netip.Addr{}, false
	}
	return v.port.IPs[i], true
}

func (v vip) is() flow.Field { return pipeline.Balancer.Is(uint64(v.Tag)) }

// clients derives from where a load balancer is reached.
func (a app) clients(r *table.Reader, b intent.LoadBalancer, out *compile.Out) {
	v, ok := a.vip(r, b.Key)
	switch {
	case !ok:
		out.Pending("%s does not exist", b.Port)
		return
	case !v.Up:
		out.Note(intent.ReasonDown, "the load balancer, its port or its network is administratively down")
		return
	}
	compile.Emit(out, a.ClientNetworks, intent.ClientNetwork{Balancer: b.Key, Network: v.net.Key})
	for i := range a.InterfacesOn.List(r, v.net.Key) {
		if router, ok := a.Routers.Get(r, i.Key.Router); !ok || !router.Up {
			continue
		}
		for other := range a.InterfacesOf.List(r, i.Key.Router) {
			if other.Network != v.net.Key {
				compile.Emit(out, a.ClientNetworks, intent.ClientNetwork{Balancer: b.Key, Network: other.Network, Router: i.Key.Router})
			}
		}
		if g, ok := a.Gateways.Get(r, i.Key.Router); ok {
			compile.Emit(out, a.ClientNetworks, intent.ClientNetwork{Balancer: b.Key, Network: g.Network, Router: i.Key.Router})
		}
	}
}

// hosts are those from where a load balancer is reached.
func (a app) hosts(r *table.Reader, balancer intent.Key) []string {
	var all []string
	for c := range a.ClientsOf.List(r, balancer) {
		all = append(all, a.SitesOf.List(r, c.Network)...)
	}
	return distinct(all)
}

func distinct(hosts []string) []string {
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// state matches the bits of a connection's state that are set in is, and clear in not.
func state(is, not uint64) flow.Field { return flow.Masked(flow.CTState, is, is|not) }

func ethType(is4 bool) flow.Field {
	if is4 {
		return flow.U32(flow.EthType, ethIPv4)
	}
	return flow.U32(flow.EthType, ethIPv6)
}

// source and destination match packets from and to an address.
func source(ip netip.Addr) flow.Field {
	if ip.Is4() {
		return flow.IP(flow.IPv4Src, ip)
	}
	return flow.IP(flow.IPv6Src, ip)
}

func destination(ip netip.Addr) flow.Field {
	if ip.Is4() {
		return flow.IP(flow.IPv4Dst, ip)
	}
	return flow.IP(flow.IPv6Dst, ip)
}

// with returns a match with more fields.
func with(m flow.Match, more ...flow.Field) flow.Match { return append(m[:len(m):len(m)], more...) }

// track passes a packet through the zone in register zone, and on to a table.
//
// Invariant: every pass translates, and never to what the packet has already, as in apps/nat: what gets here is for an address of a
// load balancer, and a member that has such an address is none (see virtual).
func track(nat flow.NATSpec, next uint8) flow.Action {
	spec := flow.CTSpec{ZoneFrom: pipeline.Zone, Table: flow.ToTable(next), NAT: &nat}
	if nat.Flags != 0 {
		spec.Flags = flow.CTCommit
	}
	return flow.CT(spec)
}
