// Package dhcp tells endpoints their addresses: DHCPv4 (RFC 2131), DHCPv6 (RFC 8415) and router advertisements (RFC 4861,
// RFC 8106), each on the endpoint's own host.
//
// Flows hand what endpoints ask to the controller, wherever they send it, and nothing of it is flooded; what DHCP servers and
// routers say is dropped by apps/portsecurity when an endpoint says it. The answer is made from rows alone: an endpoint is given
// the addresses that its port has and no other, there are no leases to remember, and a controller that restarts knows as much as
// before. While there is no controller, endpoints keep the addresses that they have.
package dhcp

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	id = 13 // of the app

	ethIPv4, ethIPv6  = 0x0800, 0x86dd
	client4, server4  = 68, 67
	client6, server6  = 546, 547
	icmpRouterSolicit = 133
	prioAsk           = pipeline.PrioAnswer + 30
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "dhcp", ID: id, Handler: &server{Tables: t}, Rules: []compile.Rule{
		compile.About("ask", t.Sites, siteNetwork, a.ask),
	}}
}

func siteNetwork(s intent.Site) string { return s.Network.String() }

// ask hands to the controller what the ports of a network on a host ask, for each family that somebody is told about.
func (a app) ask(r *table.Reader, s intent.Site, out *compile.Out) {
	n, ok := a.Networks.Get(r, s.Network)
	if !ok {
		return
	}
	net, punt := pipeline.Net.Is(uint64(n.Tag)), pipeline.Punt(id)
	var four, six, formed bool
	for subnet := range a.SubnetsOf.List(r, s.Network) {
		if !subnet.Told {
			continue
		}
		four = four || subnet.Mode == intent.DHCPv4
		six = six || subnet.Mode == intent.DHCPv6Stateful || subnet.Mode == intent.DHCPv6Stateless
		formed = formed || subnet.Prefix.Addr().Is6()
	}
	if four {
		out.Flow(s.Host, pipeline.Resolve, prioAsk,
			flow.Match{net, flow.U32(flow.EthType, ethIPv4), flow.U32(flow.UDPSrc, client4), flow.U32(flow.UDPDst, server4)}, punt)
	}
	if six {
		out.Flow(s.Host, pipeline.Resolve, prioAsk,
			flow.Match{net, flow.U32(flow.EthType, ethIPv6), flow.U32(flow.UDPSrc, client6), flow.U32(flow.UDPDst, server6)}, punt)
	}
	if formed {
		out.Flow(s.Host, pipeline.Resolve, prioAsk, flow.Match{net, flow.U32(flow.ICMPv6Type, icmpRouterSolicit)}, punt)
	}
}
