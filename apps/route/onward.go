package route

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// routeOnward and policyOnward derive which routers a router sends packets on to.
func (a app) routeOnward(r *table.Reader, route intent.Route, out *compile.Out) {
	a.onward(r, route.Key.Router, route.Hops, out)
}

func (a app) policyOnward(r *table.Reader, p intent.Policy, out *compile.Out) {
	a.onward(r, p.Key.Router, p.Hops, out)
}

func (a app) onward(r *table.Reader, from intent.Key, hops []intent.NextHop, out *compile.Out) {
	for _, hop := range hops {
		i, ok := a.HopInterface(r, from, hop.IP)
		if !ok {
			continue
		}
		for other := range a.RoutersWith.List(r, intent.Station{Network: i.Network, IP: hop.IP}) {
			if other.Key.Router != from {
				compile.Emit(out, a.Onwards, intent.Onward{From: from, To: other.Key.Router, Network: i.Network, IP: hop.IP})
			}
		}
	}
}

// home derives on which hosts a router has ports.
func (a app) home(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	for _, host := range a.SitesOf.List(r, i.Network) {
		compile.Emit(out, a.HomeRouters, intent.HomeRouter{Router: i.Key.Router, Host: host})
	}
}

// active derives on which hosts a router forwards packets: where it has ports, and where routers that send packets on to it
// have some. Packets go through all routers of their way on the host of their sender.
func (a app) active(r *table.Reader, router intent.Router, out *compile.Out) {
	if !router.Up {
		out.Note(intent.ReasonDown, "the router is administratively down")
		return
	}
	seen := map[intent.Key]bool{router.Key: true}
	for way := []intent.Key{router.Key}; len(way) > 0; way = way[1:] {
		for _, host := range a.HomeOn.List(r, way[0]) {
			compile.Emit(out, a.ActiveRouters, intent.ActiveRouter{Router: router.Key, Host: host})
		}
		for _, from := range a.FedBy.List(r, way[0]) {
			if before, ok := a.Routers.Get(r, from); ok && before.Up && !seen[from] {
				seen[from] = true
				way = append(way, from)
			}
		}
	}
}

// handOver takes packets that are for another router to that one, which is on the same host. There they are of another zone of connection
// tracking, so that what is known of their connection is remembered before, and forgotten.
func (a app) handOver(r *table.Reader, o intent.Onward, out *compile.Out) {
	from, ok := a.Routers.Get(r, o.From)
	if !ok || !from.Up {
		return
	}
	to, ok := a.Routers.Get(r, o.To)
	n, known := a.Networks.Get(r, o.Network)
	if !ok || !to.Up || !known {
		return
	}
	for i := range a.RoutersWith.List(r, intent.Station{Network: o.Network, IP: o.IP}) {
		if i.Key.Router != o.To {
			continue
		}
		net, at := pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthDst, i.MAC)
		for _, host := range a.ActiveOn.List(r, o.From) {
			out.Flow(host, pipeline.Neighbour, prioRouter, flow.Match{net, hopIs(o.IP)}, flow.Actions{flow.SetField(at), flow.Goto(pipeline.Firewall)})
			match := flow.Match{net, pipeline.Router.Is(uint64(from.Tag)), at, ofFamily(o.IP)}
			do := flow.Actions{
				pipeline.Forget(), pipeline.CameBy.Set(0), pipeline.Router.Set(uint64(to.Tag)), pipeline.Onward.Set(1), flow.Resubmit(pipeline.RouterLocal),
			}
			out.Flow(host, pipeline.PassOn, prioRouter, match, do)
			if a.GuardedOn.Has(r, host, true) {
				out.Flow(host, pipeline.PassOn, prioRouter+1, append(match[:len(match):len(match)], pipeline.Fresh.Is(1)), append(flow.Actions{pipeline.Remember()}, do...))
			}
		}
	}
}

// echoFar hands pings that came by way of another router to the controller: only it still knows the sender's MAC address.
func (a app) echoFar(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	router, _, ok := a.both(r, i)
	if !ok || len(a.FedBy.List(r, router.Key)) == 0 {
		return
	}
	match, _ := pipeline.EchoReply(i.IP)
	match = append(match, pipeline.Router.Is(uint64(router.Tag)), pipeline.Onward.Is(1))
	for _, host := range a.ActiveOn.List(r, router.Key) {
		out.Flow(host, pipeline.RouterLocal, prioEcho+1, match, pipeline.Tell(pipeline.Pinged))
	}
}

// size and sizeOutside derive what a router's networks carry.
func (a app) size(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	if n, ok := a.Networks.Get(r, i.Network); ok {
		compile.Emit(out, a.RouterMTUs, intent.RouterMTU{Router: i.Key.Router, MTU: n.MTU})
	}
}

func (a app) sizeOutside(r *table.Reader, g intent.Gateway, out *compile.Out) {
	if n, ok := a.Networks.Get(r, g.Network); ok {
		compile.Emit(out, a.RouterMTUs, intent.RouterMTU{Router: g.Router, MTU: n.MTU})
	}
}

// prioRouter counts before a port with the same address, which there is none of.
const prioRouter = 110
