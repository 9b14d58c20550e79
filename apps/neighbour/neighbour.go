// Package neighbour finds out who has the addresses on physical networks that are no port's: next hops of routers.
//
// A packet for an address that nobody is known to have goes to the controller, which asks for it from the packet's own host: by
// ARP (RFC 826) or neighbour discovery (RFC 4861). Who answers is remembered, also over a restart, told all hosts of the network,
// and asked again from time to time; who does not answer then is forgotten. Gateways of external networks are asked for before
// there are packets.
package neighbour

import (
	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	id = 17 // of the app

	ethIPv4, ethIPv6 = 0x0800, 0x86dd

	arpReply, advertisement = 2, 136

	answers = 1 // notes that a packet is an answer, and not for an address that is unknown

	prioKnown  = 50 // in table neighbour; apps/route's, of ports, are above
	prioAsk    = 10
	prioAnswer = 110 // in table arrived
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "neighbour", ID: id, Handler: newResolver(t), Rules: []compile.Rule{
		compile.About("ask", t.Reaches, func(x intent.Reach) string { return x.Network.String() }, a.ask),
		compile.About("known", t.Neighbours, func(k intent.ExternalKey) string { return k.Network.String() }, a.known),
	}}
}

// ask hands over packets for addresses that nobody is known to have, and the answers of those who have them.
func (a app) ask(r *table.Reader, x intent.Reach, out *compile.Out) {
	s := intent.Site(x)
	n, ok := a.Networks.Get(r, s.Network)
	if !ok || !a.wired(r, s.Network) {
		return
	}
	macs := map[flow.MACAddr]bool{}
	for e := range a.ExternalsOn.List(r, s) {
		macs[e.MAC] = true
	}
	for i := range a.InterfacesOn.List(r, s.Network) {
		if router, ok := a.Routers.Get(r, i.Key.Router); ok && router.Up {
			macs[i.MAC] = true
		}
	}
	if len(macs) == 0 {
		return
	}
	net := pipeline.Net.Is(uint64(n.Tag))
	pipeline.Metered(out, s.Host, pipeline.PrioAnswers, flow.Match{pipeline.HandledBy(id)}, pipeline.AnswerMeter())
	for _, typ := range []uint32{ethIPv4, ethIPv6} {
		out.Flow(s.Host, pipeline.Neighbour, prioAsk, flow.Match{net, flow.U32(flow.EthType, typ)}, pipeline.Punt(id))
	}
	for mac := range macs {
		to := flow.MAC(flow.EthDst, mac)
		out.Flow(s.Host, pipeline.Arrived, prioAnswer, flow.Match{net, to, flow.U32(flow.ARPOp, arpReply)}, pipeline.Punt(id, answers))
		out.Flow(s.Host, pipeline.Arrived, prioAnswer, flow.Match{net, to, flow.U32(flow.ICMPv6Type, advertisement), flow.U32(flow.ICMPv6Code, 0)},
			pipeline.Punt(id, answers))
	}
}

// wired tells whether a network has a wire, and so stations that are no ports.
func (a app) wired(r *table.Reader, network intent.Key) bool {
	for s := range a.SegmentsOf.List(r, network) {
		if by, err := carry.Of(s.Type); err == nil && by.Family() == carry.Wires {
			return true
		}
	}
	return false
}

// known tells the hosts of a network who has an address.
func (a app) known(r *table.Reader, k intent.Neighbour, out *compile.Out) {
	n, ok := a.Networks.Get(r, k.Network)
	if !ok {
		return
	}
	hop := flow.IP(pipeline.NextHop4.ID, k.IP)
	if k.IP.Is6() {
		hop = flow.IP(pipeline.NextHop6.ID, k.IP)
	}
	for _, host := range a.ReachOf.List(r, k.Network) {
		out.Flow(host, pipeline.Neighbour, prioKnown, flow.Match{pipeline.Net.Is(uint64(n.Tag)), hop},
			flow.Actions{flow.SetField(flow.MAC(flow.EthDst, k.MAC)), flow.Goto(pipeline.Firewall)})
	}
}
