package nat

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

// exchange is ports of an external address that stand for as many of an address inside.
type exchange struct {
	external, internal netip.Addr
	ports, to          intent.PortRange
	outside            []netip.Prefix // empty: for all there
	host               string
	in, out            uint16 // priorities
}

// associations has SCTP packets exchange addresses and ports, each by itself. Open vSwitch's userspace datapath tracks SCTP by
// addresses alone: it would send all ports to where the first of them led, and change none.
func (o outside) associations(x exchange, out *compile.Out) {
	protocol := flow.U32(flow.IPProto, protoSCTP)
	for _, only := range blocksOf(x.outside) {
		in := flow.Match{o.at(), destination(x.external), protocol}
		back := flow.Match{o.on(), o.at(), source(x.internal), protocol}
		in, back = with(in, optional(only, from)...), with(back, optional(only, toward)...)
		inside, again := flow.SetField(destination(x.internal)), flow.SetField(source(x.external))
		if x.to == x.ports {
			for _, b := range pipeline.PortBlocks(x.ports.First, x.ports.Last) {
				out.Flow(x.host, pipeline.Untranslate, x.in, with(in, b.Of(flow.SCTPDst)), flow.Actions{inside, flow.Goto(pipeline.RouterLocal)})
				out.Flow(x.host, pipeline.Translate, x.out, with(back, b.Of(flow.SCTPSrc)), flow.Actions{again, flow.Goto(pipeline.Translated)})
			}
			continue
		}
		for i := range uint32(x.ports.Last-x.ports.First) + 1 {
			there, here := uint32(x.ports.First)+i, uint32(x.to.First)+i
			out.Flow(x.host, pipeline.Untranslate, x.in, with(in, flow.U32(flow.SCTPDst, there)),
				flow.Actions{inside, flow.SetField(flow.U32(flow.SCTPDst, here)), flow.Goto(pipeline.RouterLocal)})
			out.Flow(x.host, pipeline.Translate, x.out, with(back, flow.U32(flow.SCTPSrc, here)),
				flow.Actions{again, flow.SetField(flow.U32(flow.SCTPSrc, there)), flow.Goto(pipeline.Translated)})
		}
	}
}
