package balancer

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

// recallLimit is how many clients of a listener a switch remembers.
const recallLimit = 8192

// byMemory gives a client the member that it had, as long as that takes connections, and else one by its address, which the switch then
// remembers. A member that takes none any more has no flow here: so it need not be forgotten by the switches, and what they know of its clients is
// overwritten when they come.
func (w writer) byMemory(at []flow.Match, seconds uint16) {
	w.take(prioOne, at, pipeline.Recalled.Set(1),
		pipeline.Balancer.Set(uint64(w.l.Tag)), flow.Resubmit(pipeline.Recall), pipeline.Balancer.Set(uint64(w.v.Tag)), // load balancers and listeners have numbers of one kind
		flow.Resubmit(pipeline.Balanced))
	recalled := flow.Join(pipeline.Recalled.Is(1), pipeline.Parted.Is(0))
	for _, m := range at {
		w.out.Flow(w.host, pipeline.Balanced, prioOne, append(with(w.open(), recalled), m...), w.part(flow.HashNwSrc))
		for _, member := range w.members {
			if !member.Up {
				continue
			}
			had := flow.Join(recalled, pipeline.Kept.Is(1), pipeline.Part.Is(uint64(member.Port)))
			w.out.Flow(w.host, pipeline.Balanced, prioOne+1, append(with(w.open(), had, server(member)), m...), w.give(member))
		}
	}
	w.byPart(prioOne, at, func(m intent.PoolMember) flow.Actions {
		return append(flow.Actions{w.remember(m, seconds)}, w.give(m)...)
	})
}

// server is a register with the address of the member that a client had.
func server(m intent.PoolMember) flow.Field {
	f := source(m.IP)
	if f.ID = pipeline.Server6.ID; m.IP.Is4() {
		f.ID = pipeline.Server4.ID
	}
	return f
}

// remember has the switch remember the member of the packet's sender.
//
// Invariant: what is learned begins with the same bytes as all that switches learn (pipeline.LearnedCookie), so that nobody takes it for drift.
func (w writer) remember(m intent.PoolMember, seconds uint16) flow.Action {
	to, value := pipeline.Server4, server(m).Value
	from, typ := flow.IPv4Src, uint64(ethIPv4)
	if !w.is4 {
		to, from, typ = pipeline.Server6, flow.IPv6Src, ethIPv6
	}
	return flow.Learn(flow.LearnSpec{
		IdleTimeout: seconds, Priority: 1, Cookie: pipeline.LearnedCookie(w.l.Tag), Table: pipeline.Recall, Limit: recallLimit,
		Terms: []flow.LearnTerm{
			{Kind: flow.LearnMatch, Value: flow.Bits{Lo: uint64(w.l.Tag)}, Dst: pipeline.Balancer},
			{Kind: flow.LearnMatch, Value: flow.Bits{Lo: typ}, Dst: flow.Whole(flow.EthType)},
			{Kind: flow.LearnMatch, Src: flow.Whole(from), Dst: flow.Whole(from)},
			{Kind: flow.LearnLoad, Value: value, Dst: to},
			{Kind: flow.LearnLoad, Value: flow.Bits{Lo: uint64(m.Port)}, Dst: pipeline.Part},
			{Kind: flow.LearnLoad, Value: flow.Bits{Lo: 1}, Dst: pipeline.Kept},
		},
	})
}
