// Package firewall holds what routers forward against the policies of the firewall groups that their interfaces are in.
//
// A packet is judged when its way has been decided, on the host that routes it (tables firewall to firewall_lists, between neighbour and
// pass_on): first by the group of the interface by which it came to the router, then by that of the one by which it leaves. Each router of
// its way judges by itself. Addresses are those inside: what leaves by a gateway is translated after that, and what comes by it before.
//
// As with security groups, every packet is held against the rules that there are now; the connection's state only says who began, and is what
// the sender's side has looked up, if it has. Rules are asked in the tables of apps/security, which writes them for the hosts that this
// app names. See docs/adr/0022-firewalls.md.
//
// The two directions of a connection are routed on different hosts, and so are judged there. So what comes from another host is noted in
// the zones of the firewalls that it went by, when it is delivered.
package firewall

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	id = 21 // of the app

	ethIPv4, ethIPv6 = 0x0800, 0x86dd
)

// Priorities.
const (
	prioEntry = 65000 // router_local: before anything is answered
	prioSaid  = 200   // firewall
	prioFace  = 100   // firewall: of interfaces in a group
	prioRest  = 50    // firewall: of the others of their router
	prioNoted = 200   // deliver: before anything is delivered
)

var families = []uint32{ethIPv4, ethIPv6}

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "firewall", ID: id, Rules: []compile.Rule{
		compile.ForEach("group", t.FirewallGroups, a.group),
		compile.About("router", t.WalledRouters, func(w intent.WalledRouter) string { return w.Router.String() }, a.router),
		compile.About("note", t.RouterInterfaces, func(k intent.InterfaceOf) string { return k.Router.String() }, a.note),
		compile.About("lists", t.FirewallsAt, func(f intent.FirewallAt) string { return f.Group.String() }, a.lists),
		compile.ForEach("base", t.Hosts, a.base),
	}}
}

// side is what packets tell of an interface of a router: the network, and the version of IP.
type side struct {
	router  intent.Router
	network intent.Network
	eth     uint32
}

func (s side) match() flow.Match {
	return flow.Match{pipeline.Router.Is(uint64(s.router.Tag)), pipeline.Net.Is(uint64(s.network.Tag)), flow.U32(flow.EthType, s.eth)}
}

// group has what comes and leaves by the interfaces of a group judged, on the hosts where their routers are active.
func (a app) group(r *table.Reader, g intent.FirewallGroup, out *compile.Out) {
	if !g.Up {
		out.Note(intent.ReasonDown, "the firewall group is administratively down: nothing passes by its interfaces")
	}
	for _, policy := range []intent.Key{g.Ingress, g.Egress} {
		if _, ok := a.RuleLists.Get(r, policy); !ok && policy != (intent.Key{}) {
			out.Pending("%s does not exist", policy)
		}
	}
	for _, face := range g.Faces {
		router, ok := a.Routers.Get(r, face.Router)
		if !ok {
			out.Pending("%s does not exist", face.Router)
			continue
		}
		compile.Emit(out, a.WalledRouters, intent.WalledRouter{Router: face.Router})
		sides := a.sides(r, face, router)
		if len(sides) == 0 {
			out.Pending("%s does not exist", face)
		}
		for _, host := range a.ActiveOn.List(r, face.Router) {
			compile.Emit(out, a.FirewallsAt, intent.FirewallAt{Host: host, Group: g.Key})
			for _, s := range sides {
				// Once for each router of its way: what sends it on to another one forgets by what it came.
				out.Flow(host, pipeline.RouterLocal, prioEntry, append(s.match(), pipeline.CameBy.Is(0), pipeline.Said.Is(0)),
					flow.Actions{pipeline.CameBy.Set(uint64(g.Tag)), flow.Resubmit(pipeline.RouterLocal)})
				out.Flow(host, pipeline.Firewall, prioFace, s.match(), flow.Actions{
					pipeline.LeavesBy.Set(uint64(g.Tag)), pipeline.Zone.Set(uint64(router.Zone)), flow.Goto(pipeline.FirewallTrack),
				})
			}
		}
	}
}

// sides returns what packets tell of an interface. Two interfaces on one network may have the same.
func (a app) sides(r *table.Reader, face intent.FirewallFace, router intent.Router) []side {
	var all []side
	if face.By == (intent.Key{}) {
		g, ok := a.Gateways.Get(r, face.Router)
		n, known := a.Networks.Get(r, g.Network)
		if ok && known {
			for _, eth := range families {
				all = append(all, side{router, n, eth})
			}
		}
		return all
	}
	for i := range a.InterfacesOf.List(r, face.Router) {
		if i.Port != face.By && (i.Port != (intent.Key{}) || i.Key.Subnet != face.By) {
			continue
		}
		if n, ok := a.Networks.Get(r, i.Network); ok {
			eth := uint32(ethIPv6)
			if i.IP.Is4() {
				eth = ethIPv4
			}
			all = append(all, side{router, n, eth})
		}
	}
	return all
}

// router has everything looked at that a router with a firewall forwards: what comes by an interface of a group may leave by one that is in
// none. Where connections are tracked, what is known of them is remembered and forgotten as apps/security does.
func (a app) router(r *table.Reader, w intent.WalledRouter, out *compile.Out) {
	router, ok := a.Routers.Get(r, w.Router)
	if !ok {
		return
	}
	for _, host := range a.ActiveOn.List(r, w.Router) {
		for _, eth := range families {
			out.Flow(host, pipeline.Firewall, prioRest, flow.Match{pipeline.Router.Is(uint64(router.Tag)), flow.U32(flow.EthType, eth)},
				flow.Actions{pipeline.LeavesBy.Set(0), pipeline.Zone.Set(uint64(router.Zone)), flow.Goto(pipeline.FirewallTrack)})
		}
		for i := range a.InterfacesOf.List(r, w.Router) {
			compile.Emit(out, a.GuardedSites, intent.GuardedSite{Network: i.Network, Host: host})
		}
	}
}

// note has connections noted of what comes to ports by an interface of a router from other hosts, in the zones of all firewalls that it may
// have gone by: its answers are judged here. Whether they may pass at all was decided where it came from.
func (a app) note(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	own, before := a.zones(r, i.Key.Router)
	if len(own)+len(before) == 0 {
		return
	}
	n, ok := a.Networks.Get(r, i.Network)
	if !ok {
		return
	}
	for _, host := range a.SitesOf.List(r, i.Network) {
		for _, eth := range families {
			match := flow.Match{
				pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthSrc, i.MAC), flow.U32(flow.EthType, eth), pipeline.Router.Is(0), pipeline.Heard.Is(0),
			}
			with := func(tracked uint64) flow.Match {
				return append(match[:len(match):len(match)], pipeline.Tracked.Is(tracked))
			}
			out.Flow(host, pipeline.Deliver, prioNoted, with(0), noted(append(own[:len(own):len(own)], before...)))
			if len(before) > 0 { // the receiver's side has looked in the router's own
				out.Flow(host, pipeline.Deliver, prioNoted, with(1), noted(before))
			}
		}
	}
}

// zones returns those of a router's own firewall, if it has one, and of the firewalls of routers that may have sent packets on to it.
func (a app) zones(r *table.Reader, last intent.Key) (own, before []uint16) {
	seen := map[intent.Key]bool{last: true}
	for way := []intent.Key{last}; len(way) > 0; way = way[1:] {
		router, ok := a.Routers.Get(r, way[0])
		if _, walled := a.WalledRouters.Get(r, intent.WalledRouter{Router: way[0]}); ok && walled {
			if way[0] == last {
				own = append(own, router.Zone)
			} else {
				before = append(before, router.Zone)
			}
		}
		for _, from := range a.FedBy.List(r, way[0]) {
			if !seen[from] {
				seen[from] = true
				way = append(way, from)
			}
		}
	}
	return own, before
}

// noted has a packet's connection noted in some zones, in the direction of the packet unless it is known, and delivers it. It takes no pass
// through the datapath.
func noted(zones []uint16) flow.Actions {
	do := flow.Actions{pipeline.Heard.Set(1)}
	for _, zone := range zones {
		do = append(do, flow.CT(flow.CTSpec{Flags: flow.CTCommit, Zone: zone}))
	}
	return append(do, flow.Resubmit(pipeline.Deliver))
}

// lists asks the policies of a group on a host. Those of an answer are the ones about what it answers: what came by an interface is answered
// by it. A group that is down asks none.
func (a app) lists(r *table.Reader, at intent.FirewallAt, out *compile.Out) {
	g, ok := a.FirewallGroups.Get(r, at.Group)
	if !ok {
		return
	}
	denied := compile.Counter{Kind: intent.FirewallDenied, Subject: g.Key.String()}
	policies := []intent.Key{g.Ingress, g.Egress}
	for leaving, face := range []flow.Sub{pipeline.CameBy, pipeline.LeavesBy} {
		in := face.Is(uint64(g.Tag))
		out.Counted(denied, at.Host, pipeline.FirewallVerdict, prioDenied, flow.Match{in, pipeline.AtReceiver.Is(uint64(leaving))}, pipeline.Drop(pipeline.FirewallDenied))
		for answer := range policies {
			l, ok := a.RuleLists.Get(r, policies[(leaving+answer)%2])
			if !ok || !g.Up {
				continue // what is not asked is denied
			}
			compile.Emit(out, a.ListsAt, intent.ListAt{Host: at.Host, List: l.Key})
			out.Flow(at.Host, pipeline.FirewallLists, 100,
				flow.Match{in, flow.Join(pipeline.AtReceiver.Is(uint64(leaving)), pipeline.AsAnswer.Is(uint64(answer)))},
				flow.Actions{pipeline.List.Set(uint64(l.Tag)), pipeline.Step.Set(0), flow.Resubmit(pipeline.RuleLists)})
		}
	}
}
