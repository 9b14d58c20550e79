package nat

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// rulePriorities is how many priorities in a table a rule's own has: four for each length of an internal block, of which the upper
// two are for rules that name a protocol, and of these every other is for what is exempted.
const rulePriorities = 4 * (128 + 1)

// rule translates at the router's gateway.
func (a app) rule(r *table.Reader, n intent.NATRule, out *compile.Out) {
	o, ok := a.outside(r, n.Router)
	if !ok {
		out.Pending("%s has no working gateway", n.Router)
		return
	}
	p, ok := a.Placed.Get(r, n.Router)
	if !ok {
		out.Pending("the gateway of %s is nowhere", n.Router)
		return
	}
	bySelf := n.Target && n.Protocol == protoSCTP && n.Ports != intent.PortRange{}
	if !n.Stateless && !bySelf {
		a.translating(o, ruleTranslation(n, p.Host), n.Ending, out)
	}
	prio := uint16(prioRule + n.Priority*rulePriorities + 4*n.Internal.Bits())
	if n.Protocol != 0 {
		prio += 2
	}
	if n.Source {
		a.ruleOut(o, n, p.Host, prio, out)
	}
	switch {
	case bySelf:
		a.ruleAssociations(o, n, p.Host, prio, out)
	case n.Target:
		a.ruleIn(o, n, p.Host, prio, out)
	}
}

// ruleOut gives packets from inside the external address. Answers come in by its flow for all of the address.
func (a app) ruleOut(o outside, n intent.NATRule, host string, prio uint16, out *compile.Out) {
	match := flow.Match{o.on(), o.at(), from(n.Internal)}
	if n.Protocol != 0 {
		match = with(match, flow.U32(flow.IPProto, uint32(n.Protocol)))
	}
	do := o.track(flow.NATSpec{Flags: flow.NATSrc, MinAddr: n.External.Addr(), MinPort: n.Ports.First, MaxPort: n.Ports.Last}, pipeline.Translated)
	if n.Stateless {
		do = flow.Actions{flow.SetField(from(n.External)), flow.Goto(pipeline.Turn)}
	}
	if !n.Stateless {
		o.claimed(n.External.Addr(), host, out)
	}
	for _, only := range blocksOf(n.Outside) {
		out.Flow(host, pipeline.Translate, prio, with(match, optional(only, toward)...), do)
	}
	for _, block := range n.Exempted {
		out.Flow(host, pipeline.Translate, prio+1, with(match, toward(block)), flow.Actions{flow.Goto(pipeline.Turn)})
	}
}

// ruleAssociations sends SCTP packets for some ports inside.
func (a app) ruleAssociations(o outside, n intent.NATRule, host string, prio uint16, out *compile.Out) {
	o.associations(exchange{
		external: n.External.Addr(), internal: n.Internal.Addr(), ports: n.Ports, to: n.To, outside: n.Outside, host: host, in: prio, out: prio,
	}, out)
	a.ruleDrops(o, n, host, prio, out)
}

// ruleIn sends packets for the external address inside.
func (a app) ruleIn(o outside, n intent.NATRule, host string, prio uint16, out *compile.Out) {
	match := flow.Match{o.at(), toward(n.External)}
	if n.Protocol != 0 {
		match = with(match, flow.U32(flow.IPProto, uint32(n.Protocol)))
	}
	for _, only := range blocksOf(n.Outside) {
		for _, part := range ruleParts(n) {
			do := o.track(flow.NATSpec{Flags: flow.NATDst, MinAddr: n.Internal.Addr(), MinPort: part.to}, pipeline.RouterLocal)
			if n.Stateless {
				do = flow.Actions{flow.SetField(toward(n.Internal)), flow.Goto(pipeline.RouterLocal)}
			}
			out.Flow(host, pipeline.Untranslate, prio, with(with(match, optional(only, from)...), part.ports...), do)
		}
	}
	a.ruleDrops(o, n, host, prio, out)
	if n.Stateless {
		return
	}
	o.loop(n.External.Addr(), n.Protocol, n.Ports, host, out)
	if _, translates := o.Translates(n.Internal.Addr().Is4()); !translates {
		// Answers are translated; what else the address sends passes as it is.
		inside := flow.Match{o.on(), o.at(), from(n.Internal)}
		out.Flow(host, pipeline.Translate, prioGateway, inside, o.track(flow.NATSpec{}, pipeline.Translated))
		out.Flow(host, pipeline.Translated, prioGateway, inside, flow.Actions{flow.Goto(pipeline.Turn)})
	}
}

// ruleDrops drops what is for the external address and exempted.
func (a app) ruleDrops(o outside, n intent.NATRule, host string, prio uint16, out *compile.Out) {
	match := flow.Match{o.at(), toward(n.External)}
	if n.Protocol != 0 {
		match = with(match, flow.U32(flow.IPProto, uint32(n.Protocol)))
	}
	for _, block := range n.Exempted {
		out.Flow(host, pipeline.Untranslate, prio+1, with(match, from(block)), nil)
	}
}

// rulePart is ports that go to one port, or each to its own (0).
type rulePart struct {
	ports flow.Match
	to    uint16
}

// ruleParts takes the ports of a rule apart as flows need it.
func ruleParts(n intent.NATRule) []rulePart {
	var parts []rulePart
	switch {
	case n.Ports == intent.PortRange{}:
		return []rulePart{{}}
	case n.To == n.Ports:
		for _, b := range pipeline.PortBlocks(n.Ports.First, n.Ports.Last) {
			parts = append(parts, rulePart{flow.Match{b.Of(portField(n.Protocol))}, 0})
		}
	default:
		for i := range n.Ports.Last - n.Ports.First + 1 {
			parts = append(parts, rulePart{flow.Match{flow.U32(portField(n.Protocol), uint32(n.Ports.First+i))}, n.To.First + i})
		}
	}
	return parts
}

// blocksOf returns the blocks that a rule is for; one that is not valid stands for all.
func blocksOf(outside []netip.Prefix) []netip.Prefix {
	if len(outside) == 0 {
		return []netip.Prefix{{}}
	}
	return outside
}

// optional matches a block, if it is one.
func optional(p netip.Prefix, by func(netip.Prefix) flow.Field) flow.Match {
	if !p.IsValid() {
		return nil
	}
	return flow.Match{by(p)}
}

func from(p netip.Prefix) flow.Field {
	if p.Addr().Is4() {
		return flow.Prefix(flow.IPv4Src, p)
	}
	return flow.Prefix(flow.IPv6Src, p)
}
