package nat

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	protoTCP, protoUDP, protoSCTP = 6, 17, 132
)

// float translates between a floating IP and the address of a port, on the host that answers for it. Connections are tracked,
// so that errors which quote their packets are translated with them.
func (a app) float(r *table.Reader, f intent.FloatingIP, out *compile.Out) {
	e, ok := a.Externals.Get(r, intent.ExternalKey{Network: f.Network, IP: f.IP})
	if !ok {
		return
	}
	o, ok := a.outside(r, f.Router)
	if !ok {
		return
	}
	if f.Port == (intent.Key{}) {
		o.lookUp(f.IP, e.Host, out)
		return
	}
	a.translating(o, intent.Translation{Of: f.Key, Host: e.Host, External: f.IP, Internal: whole(f.Fixed), Inward: true, Outward: true}, f.Ending, out)
	inside := flow.Match{o.at(), source(f.Fixed)}
	out.Flow(e.Host, pipeline.Outward, prioAddress, inside, o.leave(f.MAC))
	out.Counted(compile.Counter{Kind: Sent, Subject: f.Key.String()}, e.Host, pipeline.Translate, prioFloat, with(inside, o.on()),
		o.track(flow.NATSpec{Flags: flow.NATSrc, MinAddr: f.IP}, pipeline.Translated))
	out.Counted(compile.Counter{Kind: Received, Subject: f.Key.String()}, e.Host, pipeline.Untranslate, prioAddress, flow.Match{o.at(), destination(f.IP)},
		o.track(flow.NATSpec{Flags: flow.NATDst, MinAddr: f.Fixed}, pipeline.RouterLocal))
}

// forward sends what comes for some ports of an external address on, at the router's gateway.
func (a app) forward(r *table.Reader, f intent.PortForwarding, out *compile.Out) {
	o, ok := a.outside(r, f.Router)
	if !ok {
		out.Pending("%s has no working gateway", f.Router)
		return
	}
	p, ok := a.Placed.Get(r, f.Router)
	if !ok {
		out.Pending("the gateway of %s is nowhere", f.Router)
		return
	}
	if f.Protocol == protoSCTP {
		o.associations(exchange{external: f.External, internal: f.Internal, ports: f.Ports, to: f.To, host: p.Host, in: prioPorts, out: prioFloat + 1}, out)
		return
	}
	a.translating(o, intent.Translation{
		Of: f.Key, Host: p.Host, External: f.External, Internal: whole(f.Internal), Inward: true, Protocol: f.Protocol, Ports: f.Ports, To: f.To,
	}, f.Ending, out)
	o.loop(f.External, f.Protocol, f.Ports, p.Host, out)
	match := flow.Match{o.at(), destination(f.External), flow.U32(flow.IPProto, uint32(f.Protocol))}
	if f.To == f.Ports {
		for _, ports := range pipeline.PortBlocks(f.Ports.First, f.Ports.Last) {
			out.Flow(p.Host, pipeline.Untranslate, prioPorts, with(match, ports.Of(portField(f.Protocol))),
				o.track(flow.NATSpec{Flags: flow.NATDst, MinAddr: f.Internal}, pipeline.RouterLocal))
		}
	} else {
		for i := range int(f.Ports.Last-f.Ports.First) + 1 {
			out.Flow(p.Host, pipeline.Untranslate, prioPorts, with(match, flow.U32(portField(f.Protocol), uint32(f.Ports.First)+uint32(i))),
				o.track(flow.NATSpec{Flags: flow.NATDst, MinAddr: f.Internal, MinPort: f.To.First + uint16(i)}, pipeline.RouterLocal))
		}
	}
	if _, translates := o.Translates(f.Internal.Is4()); !translates {
		// Its answers are translated; what else it sends passes as it is.
		inside := flow.Match{o.on(), o.at(), source(f.Internal)}
		out.Flow(p.Host, pipeline.Translate, prioGateway, inside, o.track(flow.NATSpec{}, pipeline.Translated))
		out.Flow(p.Host, pipeline.Translated, prioGateway, inside, flow.Actions{flow.Goto(pipeline.Turn)})
	}
}

// portField is the destination port of a protocol whose ports Open vSwitch tracks.
func portField(protocol uint8) flow.FieldID {
	if protocol == protoTCP {
		return flow.TCPDst
	}
	return flow.UDPDst
}
