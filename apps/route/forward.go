package route

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Ranks of routes to one prefix. The connected one counts before the static (RFC 1812, section 5.2.4.3).
const (
	rankStatic    = pipeline.RankStatic
	rankFragments = pipeline.RankFragments
	rankConnected = pipeline.RankConnected
)

// priority orders routes: the longer prefix first.
func priority(p netip.Prefix, rank int) uint16 { return pipeline.RoutePriority(p, rank) }

// connected routes to the subnet of an interface: the next hop is the destination itself.
func (a app) connected(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	router, n, ok := a.both(r, i)
	if !ok {
		return
	}
	hop := flow.Move(flow.Whole(flow.IPv4Dst), pipeline.NextHop4)
	if i.Prefix.Addr().Is6() {
		hop = flow.Move(flow.Whole(flow.IPv6Dst), pipeline.NextHop6)
	}
	for _, host := range a.ActiveOn.List(r, i.Key.Router) {
		out.Flow(host, pipeline.Route, priority(i.Prefix, rankConnected),
			append(to(i.Prefix), pipeline.Router.Is(uint64(router.Tag))),
			append(leave(router, n), hop, flow.Goto(pipeline.Neighbour)))
	}
}

// leave makes a packet a frame that the router sends on a network.
func leave(router intent.Router, n intent.Network) flow.Actions {
	return flow.Actions{flow.DecTTL(), pipeline.Net.Set(uint64(n.Tag)), flow.SetField(flow.MAC(flow.EthSrc, router.MAC))}
}

// static routes to the next hops of a route. A hop that is on no network of the router takes no packets; the route is one of
// the others then, or none.
func (a app) static(r *table.Reader, route intent.Route, out *compile.Out) {
	router, ok := a.Routers.Get(r, route.Key.Router)
	if !ok || !router.Up {
		return
	}
	match := append(to(route.Key.Destination), pipeline.Router.Is(uint64(router.Tag)))
	prio := priority(route.Key.Destination, rankStatic)
	ways := a.ways(r, router, route, out)
	for _, host := range a.ActiveOn.List(r, route.Key.Router) {
		switch {
		case route.Type == intent.Reject:
			out.Flow(host, pipeline.Route, prio, match, punt(prohibited))
		case len(ways) == 0:
			out.Flow(host, pipeline.Route, prio, match, nil)
		case len(ways) == 1:
			out.Flow(host, pipeline.Route, prio, match, ways[0].do)
		default:
			spread(out, host, prio, match, ways)
		}
	}
}

// way is one next hop with the actions that lead there.
type way struct {
	weight int
	do     flow.Actions
}

// ways finds the networks of a route's next hops.
func (a app) ways(r *table.Reader, router intent.Router, route intent.Route, out *compile.Out) []way {
	var ways []way
	for _, hop := range route.Hops {
		found := false
		for i := range a.InterfacesOf.List(r, router.Key) {
			n, ok := a.Networks.Get(r, i.Network)
			if !ok || !i.Prefix.Contains(hop.IP) {
				continue
			}
			found = true
			ways = append(ways, way{hop.Weight, append(leave(router, n), setHop(hop.IP), flow.Goto(pipeline.Neighbour))})
			break
		}
		if !found && a.isOutside(r, router, hop.IP) {
			found = true
			ways = append(ways, way{hop.Weight, flow.Actions{setHop(hop.IP), flow.Goto(pipeline.Outward)}})
		}
		if !found {
			out.Pending("the route to %s: next hop %s is on none of the router's subnets", route.Key.Destination, hop.IP)
		}
	}
	return ways
}

// isOutside tells whether an address is on the external network that a router has its gateway on.
func (a app) isOutside(r *table.Reader, router intent.Router, ip netip.Addr) bool {
	g, ok := a.Gateways.Get(r, router.Key)
	if !ok {
		return false
	}
	for s := range a.SubnetsOf.List(r, g.Network) {
		if s.Prefix.Contains(ip) {
			return true
		}
	}
	return false
}

func setHop(ip netip.Addr) flow.Action {
	if ip.Is4() {
		return flow.SetField(flow.IP(pipeline.NextHop4.ID, ip))
	}
	return flow.SetField(flow.IP(pipeline.NextHop6.ID, ip))
}

// spread deals flows to several ways: a hash over addresses and ports gives a flow a slot, of which a way has as many as its
// weight. With highest random weight (RFC 2991), a slot that goes moves its own flows only. Fragments are hashed by their
// addresses: only the first one has the ports, and all are to arrive at one place.
func spread(out *compile.Out, host string, prio uint16, match flow.Match, ways []way) {
	slots := 0
	for _, w := range ways {
		slots += w.weight
	}
	slotBy := func(fields flow.HashFields) flow.Actions {
		return flow.Actions{
			flow.Multipath(flow.MultipathSpec{Fields: fields, Algorithm: flow.HRW, Links: uint32(slots)}, pipeline.Slot),
			flow.Goto(pipeline.RouteHop),
		}
	}
	out.Flow(host, pipeline.Route, prio+rankFragments, append(match[:len(match):len(match)], anyFragment), slotBy(flow.HashSymmetricL3))
	out.Flow(host, pipeline.Route, prio, match, slotBy(flow.HashSymmetricL3L4UDP))
	slot := 0
	for _, w := range ways {
		for range w.weight {
			out.Flow(host, pipeline.RouteHop, prio, append(match[:len(match):len(match)], pipeline.Slot.Is(uint64(slot))), w.do)
			slot++
		}
	}
}

// anyFragment matches fragments, the first one too.
var anyFragment = flow.Part(flow.IPFrag, 0, 1).Is(1)

// neighbour tells every host that routes to p's network which MAC address p's addresses have.
func (a app) neighbour(r *table.Reader, p intent.Port, out *compile.Out) {
	hosts := a.RoutedOn.List(r, p.Network)
	if len(hosts) == 0 {
		return
	}
	if _, bound := a.Bindings.Get(r, p.Key); !bound {
		return
	}
	n, ok := a.Networks.Get(r, p.Network)
	if !ok {
		return
	}
	for _, host := range hosts {
		for _, ip := range p.IPs {
			out.Flow(host, pipeline.Neighbour, 100,
				flow.Match{pipeline.Net.Is(uint64(n.Tag)), hopIs(ip)},
				flow.Actions{flow.SetField(flow.MAC(flow.EthDst, p.MAC)), flow.Goto(pipeline.Translate)})
		}
	}
}

func hopIs(ip netip.Addr) flow.Field {
	if ip.Is4() {
		return flow.IP(pipeline.NextHop4.ID, ip)
	}
	return flow.IP(pipeline.NextHop6.ID, ip)
}
