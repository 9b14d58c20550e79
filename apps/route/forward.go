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
			a.leave(r, i, n, hop))
	}
}

// leave makes a packet a frame that the router sends by an interface to a next hop. Where another network of the router carries
// more, its size is looked at.
func (a app) leave(r *table.Reader, i intent.RouterInterface, n intent.Network, hop flow.Action) flow.Actions {
	do := flow.Actions{flow.DecTTL(), pipeline.Net.Set(uint64(n.Tag)), flow.SetField(flow.MAC(flow.EthSrc, i.MAC)), hop}
	if a.Narrow(r, i.Key.Router, n) {
		do = append(do, pipeline.CheckSize(n.MTU))
	}
	return append(do, flow.Goto(pipeline.RouteSize))
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
	ways := a.ways(r, router, route.Hops, func(problem string) { out.Pending("the route to %s: %s", route.Key.Destination, problem) })
	for _, host := range a.ActiveOn.List(r, route.Key.Router) {
		switch {
		case route.Type == intent.Reject:
			out.Flow(host, pipeline.Route, prio, match, pipeline.Tell(pipeline.Prohibited))
		case len(ways) == 0:
			out.Flow(host, pipeline.Route, prio, match, nil)
		case len(ways) == 1:
			out.Flow(host, pipeline.Route, prio, match, ways[0].do)
		default:
			d := dealt{pipeline.Route, router, 0, ways}
			d.spread(out, host, prio, match)
			d.take(out, host, prio, match)
		}
	}
}

// way is one next hop with the actions that lead there.
type way struct {
	weight int
	do     flow.Actions
}

// ways finds the networks of next hops, and says what is wrong with them. One whose address nobody has takes packets all the same,
// so that their senders are told.
func (a app) ways(r *table.Reader, router intent.Router, hops []intent.NextHop, say func(problem string)) []way {
	var ways []way
	for _, hop := range hops {
		if a.IsOutside(r, router.Key, hop.IP) {
			ways = append(ways, way{hop.Weight, flow.Actions{setHop(hop.IP), flow.Goto(pipeline.Outward)}})
			continue
		}
		if problem := a.HopProblem(r, router.Key, hop.IP); problem != "" {
			say(problem)
		}
		i, ok := a.HopInterface(r, router.Key, hop.IP)
		if !ok {
			continue
		}
		if n, ok := a.Networks.Get(r, i.Network); ok {
			ways = append(ways, way{hop.Weight, a.leave(r, i, n, setHop(hop.IP))})
		}
	}
	return ways
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
func (d dealt) spread(out *compile.Out, host string, prio uint16, match flow.Match) {
	out.Flow(host, d.table, prio+rankFragments, append(match[:len(match):len(match)], anyFragment), d.deal(flow.HashSymmetricL3))
	out.Flow(host, d.table, prio, match, d.deal(flow.HashSymmetricL3L4UDP))
}

// dealt are flows that several ways share.
type dealt struct {
	table  uint8 // where they are dealt
	router intent.Router
	owner  uint64 // of the slots: 0 for static routes, else the priority of a policy route
	ways   []way
}

// deal gives a flow a slot. Routers hash differently, or else the second on the way would see the half of the slots only.
func (d dealt) deal(fields flow.HashFields) flow.Actions {
	slots := 0
	for _, w := range d.ways {
		slots += w.weight
	}
	spec := flow.MultipathSpec{Fields: fields, Basis: uint16(d.router.Tag), Algorithm: flow.HRW, Links: uint32(slots)}
	return flow.Actions{slotOwner.Set(d.owner), flow.Multipath(spec, slotNumber), flow.Goto(pipeline.RouteHop)}
}

// take leads the flows with a slot to its way.
func (d dealt) take(out *compile.Out, host string, prio uint16, match flow.Match) {
	slot := uint64(0)
	for _, w := range d.ways {
		for range w.weight {
			out.Flow(host, pipeline.RouteHop, prio, append(match[:len(match):len(match)], pipeline.Slot.Is(d.owner<<16|slot)), w.do)
			slot++
		}
	}
}

// The register of slots has the slot's number, and whose it is.
var (
	slotNumber = flow.Part(pipeline.Slot.ID, 0, 16)
	slotOwner  = flow.Part(pipeline.Slot.ID, 16, 16)
)

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
	found := func(prio uint16, ip netip.Addr, mac flow.MACAddr) {
		for _, host := range hosts {
			out.Flow(host, pipeline.Neighbour, prio, flow.Match{pipeline.Net.Is(uint64(n.Tag)), hopIs(ip)},
				flow.Actions{flow.SetField(flow.MAC(flow.EthDst, mac)), flow.Goto(pipeline.Firewall)})
		}
	}
	for _, ip := range p.IPs {
		found(prioPort, ip, p.MAC)
	}
	// Ports that share an address want the same flow.
	for _, pair := range p.Pairs {
		ip := pair.Prefix.Addr()
		if _, mac, problem := a.Virtual(r, intent.Station{Network: p.Network, IP: ip}); pair.Prefix.IsSingleIP() && problem == "" {
			found(prioShared, ip, mac)
		}
	}
}

// Priorities in table neighbour: an address of a port's own is nobody else's. Below are stations that are no ports.
const prioPort, prioShared = 100, 90

func hopIs(ip netip.Addr) flow.Field {
	if ip.Is4() {
		return flow.IP(pipeline.NextHop4.ID, ip)
	}
	return flow.IP(pipeline.NextHop6.ID, ip)
}
