package nat

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// answer has the host of an external address answer for it and take in what is for it, and tells all hosts that send outside
// which MAC address it has.
func (a app) answer(r *table.Reader, e intent.External, out *compile.Out) {
	o, ok := a.outside(r, e.Router)
	if !ok {
		return
	}
	a.tracked(o, e, out)
	o.tell(e.Host, out)
	pipeline.Metered(out, e.Host, pipeline.PrioRouter, flow.Match{o.at()}, pipeline.RouterMeter(o.router.Tag))
	pipeline.Answer(out, e.Host, o.on(), pipeline.Station{MAC: e.MAC, IP: e.IP, As: pipeline.Gateway, Back: pipeline.ToSender()})
	asked := flow.Match{o.on(), flow.U32(flow.ARPOp, arpRequest), flow.IP(flow.ARPTPA, e.IP)}
	if e.IP.Is6() {
		asked = flow.Match{o.on(), flow.U32(flow.ICMPv6Type, solicitation), flow.U32(flow.ICMPv6Code, 0), flow.IP(flow.NDTarget, e.IP)}
	}
	out.Flow(e.Host, pipeline.Arrived, prioAddress, asked, flow.Actions{flow.Goto(pipeline.Resolve)})

	mac := flow.MAC(flow.EthDst, e.MAC)
	out.Flow(e.Host, pipeline.Arrived, prioGateway, flow.Match{o.on(), mac}, flow.Actions{pipeline.Via.Set(0), flow.Goto(pipeline.RouterIn)})
	out.Flow(e.Host, pipeline.RouterIn, prioAddress, flow.Match{o.on(), mac},
		flow.Actions{pipeline.Router.Set(uint64(o.router.Tag)), pipeline.Outside.Set(1), flow.Goto(pipeline.Untranslate)})
	// Out of the port that it came in by, too: an endpoint may reach itself by its floating IP.
	out.Flow(e.Host, pipeline.Turn, prioAddress, flow.Match{o.on(), mac, pipeline.Turned.Is(0)}, flow.Actions{
		flow.CTClear(), pipeline.Turned.Set(1), pipeline.CameBy.Set(0), flow.SetField(flow.U32(flow.InPort, 0)), flow.Resubmit(pipeline.RouterIn),
	})
	out.Flow(e.Host, pipeline.Translated, prioAddress, flow.Match{o.on(), o.at(), source(e.IP)}, flow.Actions{flow.Goto(pipeline.Turn)})
	out.Counted(compile.Counter{Kind: Untranslated, Subject: e.Router.String()}, e.Host, pipeline.Translated, prioDrop, flow.Match{o.on(), o.at()}, nil)
	// What was for the address and stands for nothing inside.
	out.Flow(e.Host, pipeline.RouterLocal, prioOwn, flow.Match{o.at(), pipeline.Outside.Is(1), destination(e.IP)}, nil)

	hop := flow.IP(pipeline.NextHop4.ID, e.IP)
	if e.IP.Is6() {
		hop = flow.IP(pipeline.NextHop6.ID, e.IP)
	}
	for _, host := range a.SitesOf.List(r, e.Network) {
		out.Flow(host, pipeline.Neighbour, prioAddress, flow.Match{o.on(), hop},
			flow.Actions{flow.SetField(flow.MAC(flow.EthDst, e.MAC)), flow.Goto(pipeline.Firewall)})
	}
}

// handedOver takes in what other hosts send to a gateway over one of its router's networks.
func (a app) handedOver(o outside, n intent.Network, host string, out *compile.Out) {
	match := flow.Match{pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthDst, o.MAC)}
	out.Flow(host, pipeline.Arrived, prioGateway, match, flow.Actions{pipeline.Via.Set(0), flow.Goto(pipeline.RouterIn)})
	out.Flow(host, pipeline.RouterIn, prioAddress, match, flow.Actions{pipeline.Router.Set(uint64(o.router.Tag)), flow.Goto(pipeline.RouterLocal)})
}
