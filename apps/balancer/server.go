package balancer

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// serve derives what may come back to clients from the members of a listener's pool, also from those that take no new connections.
func (a app) serve(r *table.Reader, l intent.PoolListener, out *compile.Out) {
	v, ok := a.vip(r, l.Balancer)
	if !ok || !v.Up {
		return
	}
	pool, _ := a.Pools.Get(r, l.Pool)
	for _, is4 := range []bool{true, false} {
		if _, has := v.of(is4); !has {
			continue
		}
		for _, m := range a.fit(r, v, pool, is4) {
			ports := l.Ports
			if m.Port != 0 {
				ports = intent.PortRange{First: m.Port, Last: m.Port}
			}
			compile.Emit(out, a.Servers, intent.ServedBy{Balancer: l.Balancer, Server: m.IP, Protocol: l.Protocol, Ports: ports})
		}
	}
}

// server sends packets on to a member: over the network that they are on, where it is there, else by a router.
func (a app) server(r *table.Reader, s intent.ServedBy, out *compile.Out) {
	v, ok := a.vip(r, s.Balancer)
	if !ok {
		return
	}
	ip, ok := v.of(s.Server.Is4())
	if !ok {
		return
	}
	known := false
	for c := range a.ClientsOf.List(r, s.Balancer) {
		known = a.near(r, c, s.Server, out) || known
	}
	if !known {
		out.Note("UnknownMember", "no port on the networks that reach %s has the address %s of a member", s.Balancer, s.Server)
	}
	self := flow.Match{v.is(), source(s.Server), destination(s.Server)}
	by := a.router(r, v, s.Server)
	for _, host := range a.hosts(r, s.Balancer) {
		if by != nil {
			out.Flow(host, pipeline.Server, prioKnown, flow.Match{pipeline.Net.Is(uint64(v.net.Tag)), pipeline.Router.Is(0), destination(s.Server)}, by)
		}
		// A member that reached itself: it has to see another client than itself, or it would answer itself.
		out.Flow(host, pipeline.Hairpin, prioOne, with(self, state(ctTracked, ctReply)),
			flow.Actions{flow.CTClear(), track(flow.NATSpec{Flags: flow.NATSrc, MinAddr: ip}, pipeline.Server)})
		out.Flow(host, pipeline.Hairpin, prioOne, with(self, state(ctTracked|ctReply, 0)),
			flow.Actions{flow.CTClear(), track(flow.NATSpec{}, pipeline.Server)})
	}
}

// near sends packets straight to a member that is on their own network: its answers will not go by a router either.
func (a app) near(r *table.Reader, c intent.ClientNetwork, member netip.Addr, out *compile.Out) bool {
	n, ok := a.Networks.Get(r, c.Network)
	if !ok {
		return false
	}
	for p := range a.PortsWith.List(r, intent.Station{Network: c.Network, IP: member}) {
		for _, host := range a.SitesOf.List(r, c.Network) {
			out.Flow(host, pipeline.Server, prioOne, flow.Match{pipeline.Net.Is(uint64(n.Tag)), destination(member)},
				flow.Actions{flow.SetField(flow.MAC(flow.EthDst, p.MAC)), anywhere(), flow.Goto(pipeline.L2)})
		}
		return true // no other port of the network has it
	}
	return false
}

// router takes packets from the load balancer's own network to a member on another one; nil: no router does.
func (a app) router(r *table.Reader, v vip, member netip.Addr) flow.Actions {
	var by flow.Actions
	for i := range a.InterfacesOn.List(r, v.net.Key) {
		router, ok := a.Routers.Get(r, i.Key.Router)
		if !ok || !router.Up {
			continue
		}
		do := flow.Actions{pipeline.Router.Set(uint64(router.Tag)), anywhere(), pipeline.Dealt.Set(1), flow.Resubmit(pipeline.RouterLocal)}
		if by == nil {
			by = do // it may have a route there
		}
		for other := range a.InterfacesOf.List(r, router.Key) {
			if other.Prefix.Contains(member) {
				return do
			}
		}
	}
	return by
}

// answer has what comes from a member looked up on the hosts of clients, and of gateways.
func (a app) answer(r *table.Reader, s intent.ServedBy, out *compile.Out) {
	for c := range a.ClientsOf.List(r, s.Balancer) {
		n, ok := a.Networks.Get(r, c.Network)
		if !ok {
			continue
		}
		zone := pipeline.Zone.Set(uint64(n.Balances))
		on := pipeline.Net.Is(uint64(n.Tag))
		for _, host := range a.SitesOf.List(r, c.Network) {
			for _, m := range answers(s) {
				m = with(m, on)
				do := flow.Actions{pipeline.Forget(), zone, track(flow.NATSpec{}, pipeline.AnswerTally)}
				out.Flow(host, pipeline.Answers, prioOne, m, do)
				if a.GuardedOn.Has(r, host, true) {
					out.Flow(host, pipeline.Answers, prioFirst, with(m, pipeline.Fresh.Is(1)), append(flow.Actions{pipeline.Remember()}, do...))
				}
			}
		}
		a.outward(r, c, n, s, out)
	}
}

// outward puts the load balancer's address back in answers that leave by a router's gateway.
func (a app) outward(r *table.Reader, c intent.ClientNetwork, n intent.Network, s intent.ServedBy, out *compile.Out) {
	router, host, ok := a.gateway(r, c)
	if !ok {
		return
	}
	for _, m := range ends(s) {
		out.Flow(host, pipeline.Translate, prioOutward,
			with(m, pipeline.Net.Is(uint64(n.Tag)), pipeline.Router.Is(uint64(router.Tag)), pipeline.LookedUp.Is(0)),
			flow.Actions{pipeline.LookedUp.Set(1), pipeline.Zone.Set(uint64(n.Balances)), track(flow.NATSpec{}, pipeline.Translate)})
	}
}
