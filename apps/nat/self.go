package nat

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

// prioSelf is the priority of what is for the address that it would be translated to: below the floating IPs, which have addresses
// of their own.
const prioSelf = 55

// toSelf says what becomes of packets from inside for the very address that the gateway translates them to. With that as the source,
// and a port that happens to be the one that it is for, a packet looks like its own answer and would come back to who sent it. So
// only answers are translated; new connections end here, but for those to forwarded ports (see loop).
func (o outside) toSelf(ip netip.Addr, host string, out *compile.Out) {
	for _, protocol := range []uint32{protoTCP, protoUDP} {
		match := flow.Match{o.on(), o.at(), destination(ip), flow.U32(flow.IPProto, protocol)}
		out.Flow(host, pipeline.Translate, prioSelf, match, o.track(flow.NATSpec{}, pipeline.Translated))
		var do flow.Actions
		if protocol == protoUDP {
			do = pipeline.Tell(pipeline.NoPort)
		}
		out.Flow(host, pipeline.Translated, prioRest, with(match, flow.CTStateIs("+new+trk")), do)
	}
}

// loop translates packets from inside for forwarded ports of the address that the gateway translates them to: with a source port that
// is none of those.
func (o outside) loop(external netip.Addr, protocol uint8, ports intent.PortRange, host string, out *compile.Out) {
	own, translates := o.Translates(external.Is4())
	if !translates || external != own || protocol != protoTCP && protocol != protoUDP || ports == (intent.PortRange{}) {
		return
	}
	from := intent.PortRange{First: 1024, Last: ports.First - 1}
	if above := 65535 - int(ports.Last); above > int(ports.First)-1024 {
		from = intent.PortRange{First: max(1024, ports.Last+1), Last: 65535}
	}
	do := o.track(flow.NATSpec{Flags: flow.NATSrc, MinAddr: own, MinPort: from.First, MaxPort: from.Last}, pipeline.Translated)
	match := flow.Match{o.on(), o.at(), destination(external), flow.U32(flow.IPProto, uint32(protocol))}
	for _, b := range pipeline.PortBlocks(ports.First, ports.Last) {
		out.Flow(host, pipeline.Translate, prioSelf+1, with(match, b.Of(portField(protocol))), do)
	}
}
