// Package arp answers ARP requests (RFC 826) and neighbour solicitations (RFC 4861) for the addresses of bound ports, on
// the asking endpoint's own host, so that address resolution is not flooded.
//
// Left to the endpoints themselves are probes for duplicate addresses (RFC 5227, RFC 4862): a probe that a port sends for
// its own address must find no one, and one for another's address must reach its owner, who defends it.
package arp

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	arpRequest, solicitation = 1, 135
	prioProbe, prioOwn       = pipeline.PrioAnswer + 10, pipeline.PrioAnswer + 20
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "arp", ID: 3, Rules: []compile.Rule{
		compile.ForEach("base", t.Hosts, a.base),
		compile.ForEach("answer", t.Ports, a.answer),
	}}
}

// base lets duplicate address detection through to the owner of an address.
func (a app) base(_ *table.Reader, h intent.Host, out *compile.Out) {
	if !h.Up {
		return
	}
	out.Flow(h.Name, pipeline.Resolve, prioProbe,
		flow.Match{flow.U32(flow.ICMPv6Type, solicitation), flow.U32(flow.ICMPv6Code, 0), flow.IP(flow.IPv6Src, netip.IPv6Unspecified())},
		flow.Actions{flow.Goto(pipeline.L2)})
}

// answer makes every host with a port on p's network answer for p's addresses.
func (a app) answer(r *table.Reader, p intent.Port, out *compile.Out) {
	b, ok := a.Bindings.Get(r, p.Key)
	if !ok {
		return
	}
	n, ok := a.Networks.Get(r, p.Network)
	if !ok {
		return
	}
	net := pipeline.Net.Is(uint64(n.Tag))
	for _, ip := range p.IPs {
		own := flow.Match{flow.U32(flow.InPort, b.OFPort), flow.U32(flow.ARPOp, arpRequest), flow.IP(flow.ARPTPA, ip)}
		if ip.Is6() {
			own = flow.Match{flow.U32(flow.InPort, b.OFPort), flow.U32(flow.ICMPv6Type, solicitation), flow.U32(flow.ICMPv6Code, 0), flow.IP(flow.NDTarget, ip)}
		}
		out.Flow(b.Host, pipeline.Resolve, prioOwn, own, flow.Actions{flow.Goto(pipeline.L2)})
		for _, host := range a.SitesOf.List(r, p.Network) {
			pipeline.Answer(out, host, net, pipeline.Station{MAC: p.MAC, IP: ip})
		}
	}
}
