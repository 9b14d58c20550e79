package nat

import (
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Priorities in table router_local, between those of apps/route.
const (
	prioEcho = 200
	prioOwn  = 190

	prioHandOver = 110 // in table route_size, before what is too large for the network that it is on
)

var (
	everything4 = netip.MustParsePrefix("0.0.0.0/0")
	everything6 = netip.MustParsePrefix("::/0")
)

// gate leads what goes outside to where it leaves, on every host where the router is active.
func (a app) gate(r *table.Reader, g intent.Gateway, out *compile.Out) {
	o, ok := a.outside(r, g.Router)
	if !ok {
		return
	}
	p, placed := a.Placed.Get(r, g.Router)
	for _, host := range a.ActiveOn.List(r, g.Router) {
		a.routes(r, o, host, out)
		for _, is4 := range []bool{true, false} {
			if _, translates := g.Translates(is4); translates {
				out.Flow(host, pipeline.Translate, prioDrop, flow.Match{o.on(), o.at(), ethType(is4)}, nil)
			}
		}
		for _, at := range g.At {
			a.echo(o, at.IP, host, out)
		}
		switch {
		case !placed:
		case host == p.Host:
			for _, is4 := range []bool{true, false} {
				out.Flow(host, pipeline.Outward, prioRest, flow.Match{o.at(), ethType(is4)}, o.leave(g.MAC))
			}
		default:
			o.handOver(host, out)
		}
	}
}

// handOver sends what goes outside to the host of the gateway, as it came. What is too large there is known here, where its
// sender is.
func (o outside) handOver(host string, out *compile.Out) {
	mac := flow.MAC(flow.EthDst, o.MAC)
	do := flow.Actions{flow.SetField(mac)}
	if !o.narrow {
		out.Flow(host, pipeline.Outward, prioRest, flow.Match{o.at()}, append(do, flow.Goto(pipeline.L2)))
		return
	}
	out.Flow(host, pipeline.Outward, prioRest, flow.Match{o.at()}, append(do, pipeline.CheckSize(o.net.MTU), flow.Goto(pipeline.RouteSize)))
	out.Flow(host, pipeline.RouteSize, prioHandOver, flow.Match{o.at(), mac, pipeline.Large.Is(0)}, flow.Actions{flow.Goto(pipeline.L2)})
	out.Flow(host, pipeline.RouteSize, prioHandOver, flow.Match{o.at(), mac, pipeline.Large.Is(1)}, pipeline.Tell(pipeline.TooLargeOutside))
}

// routes leads to the external network's subnets, and by their gateways to everywhere else, unless the router has a route of
// its own for that.
func (a app) routes(r *table.Reader, o outside, host string, out *compile.Out) {
	for s := range a.SubnetsOf.List(r, o.Network) {
		from, to := flow.Whole(flow.IPv4Dst), pipeline.NextHop4
		if s.Prefix.Addr().Is6() {
			from, to = flow.Whole(flow.IPv6Dst), pipeline.NextHop6
		}
		out.Flow(host, pipeline.Route, pipeline.RoutePriority(s.Prefix, pipeline.RankConnected), flow.Match{o.at(), toward(s.Prefix)},
			flow.Actions{flow.Move(from, to), flow.Goto(pipeline.Outward)})
	}
	seen := map[netip.Prefix]bool{}
	for _, at := range o.At {
		s, ok := a.Subnets.Get(r, at.Subnet)
		all := everything4
		if at.IP.Is6() {
			all = everything6
		}
		if _, own := a.Routes.Get(r, intent.RouteKey{Router: o.Router, Destination: all}); own || !ok || !s.Gateway.IsValid() || seen[all] {
			continue
		}
		seen[all] = true
		hop := flow.IP(pipeline.NextHop4.ID, s.Gateway)
		if at.IP.Is6() {
			hop = flow.IP(pipeline.NextHop6.ID, s.Gateway)
		}
		out.Flow(host, pipeline.Route, pipeline.RoutePriority(all, pipeline.RankStatic), flow.Match{o.at(), ethType(at.IP.Is4())},
			flow.Actions{flow.SetField(hop), flow.Goto(pipeline.Outward)})
	}
}

func toward(p netip.Prefix) flow.Field {
	if p.Addr().Is4() {
		return flow.Prefix(flow.IPv4Dst, p)
	}
	return flow.Prefix(flow.IPv6Dst, p)
}

// echo answers pings to an address of the gateway: those from inside on the host where they are sent.
func (a app) echo(o outside, ip netip.Addr, host string, out *compile.Out) {
	match, reply := pipeline.EchoReply(ip)
	inside := slices.Concat(reply, pipeline.SwapMACs(), flow.Actions{flow.InPortOutput()})
	outside := slices.Concat(reply, pipeline.SwapMACs(), pipeline.ToSender())
	out.Flow(host, pipeline.RouterLocal, prioEcho, with(match, o.at(), pipeline.Outside.Is(0)), inside)
	out.Flow(host, pipeline.RouterLocal, prioEcho, with(match, o.at(), pipeline.Outside.Is(1)), outside)
	out.Flow(host, pipeline.RouterLocal, prioOwn+1, flow.Match{o.at(), pipeline.Outside.Is(1), destination(ip), flow.U32(flow.IPProto, protoUDP)},
		pipeline.Tell(pipeline.NoPort))
}

// translate gives what leaves by the gateway its address, and what answers that its own.
func (a app) translate(r *table.Reader, g intent.Gateway, out *compile.Out) {
	o, ok := a.outside(r, g.Router)
	if !ok {
		return
	}
	p, ok := a.Placed.Get(r, g.Router)
	if !ok {
		return
	}
	for _, at := range g.At {
		o.lookUp(at.IP, p.Host, out)
	}
	for _, is4 := range []bool{true, false} {
		ip, translates := g.Translates(is4)
		if !translates {
			leave := flow.Actions{flow.Goto(pipeline.Turn)}
			if looksUp(g, is4) { // for the connections that go on
				out.Flow(p.Host, pipeline.Translated, prioRest, flow.Match{o.on(), o.at(), ethType(is4)}, leave)
				leave = o.track(flow.NATSpec{}, pipeline.Translated)
			}
			out.Flow(p.Host, pipeline.Translate, prioRest, flow.Match{o.on(), o.at(), ethType(is4)}, leave)
			out.Flow(p.Host, pipeline.Untranslate, prioRest, flow.Match{o.at(), ethType(is4)}, flow.Actions{flow.Goto(pipeline.RouterLocal)})
			continue
		}
		out.Flow(p.Host, pipeline.Translate, prioRest, flow.Match{o.on(), o.at(), ethType(is4)},
			o.track(flow.NATSpec{Flags: flow.NATSrc, MinAddr: ip}, pipeline.Translated))
		o.claimed(ip, p.Host, out)
		o.toSelf(ip, p.Host, out)
		a.translating(o, intent.Translation{Of: g.Router, Host: p.Host, External: ip, Outward: true}, g.Ending, out)
	}
}
