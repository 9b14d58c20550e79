package balancer

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// enter answers for the addresses of a load balancer, and takes in what is for them: from its own network, and from those that routers
// join to it.
func (a app) enter(r *table.Reader, b intent.LoadBalancer, out *compile.Out) {
	v, ok := a.vip(r, b.Key)
	if !ok {
		return
	}
	in := flow.Actions{pipeline.Balancer.Set(uint64(v.Tag)), pipeline.Slot.Set(0), flow.Goto(pipeline.Balance)}
	if !v.Up {
		in = nil
	}
	on := pipeline.Net.Is(uint64(v.net.Tag))
	for _, host := range a.SitesOf.List(r, v.net.Key) {
		mac := flow.MAC(flow.EthDst, v.port.MAC)
		for _, ip := range v.port.IPs {
			pipeline.Answer(out, host, on, pipeline.Station{MAC: v.port.MAC, IP: ip})
			out.Flow(host, pipeline.RouterIn, prioVIP+1, flow.Match{on, mac, destination(ip)}, in)
		}
		// Nothing else is at its MAC address. A packet for a member's own address would be translated to what it has: see track.
		out.Flow(host, pipeline.RouterIn, prioVIP, flow.Match{on, mac}, nil)
		v.echo(host, out)
		v.reject(host, out)
	}
	for i := range a.InterfacesOn.List(r, v.net.Key) {
		router, ok := a.Routers.Get(r, i.Key.Router)
		if !ok || !router.Up {
			continue
		}
		for _, host := range a.ActiveOn.List(r, router.Key) {
			for _, ip := range v.port.IPs {
				if i.Prefix.Contains(ip) {
					out.Flow(host, pipeline.RouterLocal, prioVIP, flow.Match{pipeline.Router.Is(uint64(router.Tag)), destination(ip)}, in)
				}
			}
			v.echo(host, out)
			v.reject(host, out)
		}
	}
}

// reject tells ports of a host that nobody serves what they ask for.
func (v vip) reject(host string, out *compile.Out) {
	for _, is4 := range []bool{true, false} {
		out.Flow(host, pipeline.Balanced, prioNobody, flow.Match{v.is(), ethType(is4), state(ctTracked|ctNew, ctInvalid), pipeline.Outside.Is(0)}, pipeline.Reject())
	}
}

// echo answers pings of the ports of a host.
func (v vip) echo(host string, out *compile.Out) {
	for _, ip := range v.port.IPs {
		match, reply := pipeline.EchoReply(ip)
		out.Flow(host, pipeline.Balance, prioEcho, with(match, v.is(), pipeline.Outside.Is(0)),
			append(append(reply, pipeline.SwapMACs()...), flow.InPortOutput()))
	}
}

// zone has connections looked up that begin on a network, and what comes back there from a load balancer's address come from its MAC
// address, or from that of the router between.
func (a app) zone(r *table.Reader, c intent.ClientNetwork, out *compile.Out) {
	n, ok := a.Networks.Get(r, c.Network)
	v, known := a.vip(r, c.Balancer)
	if !ok || !known {
		return
	}
	mac := v.port.MAC
	if c.Router != (intent.Key{}) {
		i, joined := a.face(r, c)
		if !joined { // it is outside: the answer goes out as any of the router's packets
			mac = flow.MACAddr{}
		} else {
			mac = i.MAC
		}
	}
	on := pipeline.Net.Is(uint64(n.Tag))
	for _, host := range a.SitesOf.List(r, c.Network) {
		common(host, out)
		for _, is4 := range []bool{true, false} {
			out.Flow(host, pipeline.Balance, prioRest, flow.Match{on, ethType(is4)},
				flow.Actions{pipeline.Zone.Set(uint64(n.Balances)), track(flow.NATSpec{}, pipeline.Balanced)})
		}
		if mac == (flow.MACAddr{}) {
			continue
		}
		from := flow.SetField(flow.MAC(flow.EthSrc, mac))
		for _, ip := range v.port.IPs {
			out.Flow(host, pipeline.Answered, prioOne+1, flow.Match{on, source(ip), pipeline.Policy.Is(0)}, flow.Actions{from, flow.Goto(pipeline.Deliver)})
			out.Flow(host, pipeline.Answered, prioOne, flow.Match{on, source(ip)}, flow.Actions{from, flow.Goto(pipeline.Received)})
		}
	}
}

// face returns the interface of the router between on the clients' network.
func (a app) face(r *table.Reader, c intent.ClientNetwork) (intent.RouterInterface, bool) {
	for i := range a.InterfacesOf.List(r, c.Router) {
		if i.Network == c.Network {
			return i, true
		}
	}
	return intent.RouterInterface{}, false
}

// common writes what is the same for all load balancers, on a host that has ports which may be clients.
func common(host string, out *compile.Out) {
	known := state(ctTracked, ctNew|ctInvalid)
	for _, is4 := range []bool{true, false} {
		out.Flow(host, pipeline.Balanced, prioKnown, flow.Match{ethType(is4), known}, flow.Actions{flow.Goto(pipeline.Tally)})
		out.Flow(host, pipeline.Balanced, prioServed, flow.Match{ethType(is4), state(ctTracked|ctNew, ctInvalid), pipeline.LabelServed.Is(1)},
			flow.Actions{flow.Goto(pipeline.Tally)})
	}
	out.Flow(host, pipeline.Hairpin, prioRest, nil, flow.Actions{flow.Goto(pipeline.Server)})
	out.Flow(host, pipeline.Server, prioRest, flow.Match{pipeline.Router.Is(0)}, nil)
	out.Flow(host, pipeline.Server, 1, nil, flow.Actions{anywhere(), pipeline.Dealt.Set(1), flow.Resubmit(pipeline.RouterLocal)})
	out.Flow(host, pipeline.Answered, prioRest, flow.Match{pipeline.Policy.Is(0)}, flow.Actions{flow.Goto(pipeline.Deliver)})
	out.Flow(host, pipeline.Answered, 1, nil, flow.Actions{flow.Goto(pipeline.Received)})
}

// anywhere lets a packet leave by the port that it came in by, too: a member may be its own client.
func anywhere() flow.Action { return flow.SetField(flow.U32(flow.InPort, 0)) }
