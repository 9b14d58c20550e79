package firewall

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// prioDenied is the priority in table firewall_verdict of what is denied by one group: below all verdicts.
const prioDenied = 20

// base writes what is the same for all groups, on hosts that have one.
func (a app) base(r *table.Reader, h intent.Host, out *compile.Out) {
	if !h.Up || !a.FirewalledOn.Has(r, h.Name, true) {
		return
	}
	w := writer{out, h.Name}
	w.flow(pipeline.Firewall, prioSaid, flow.Match{pipeline.Said.Is(1)}, flow.Goto(pipeline.PassOn))
	w.track()
	w.states()
	w.verdicts()
	// An interface in no group lets everything pass.
	for leaving, face := range []flow.Sub{pipeline.CameBy, pipeline.LeavesBy} {
		w.flow(pipeline.FirewallLists, 100, flow.Match{face.Is(0), pipeline.AtReceiver.Is(uint64(leaving))}, pipeline.Decided.Set(1))
	}
}

// writer writes flows of one host.
type writer struct {
	out  *compile.Out
	host string
}

func (w writer) flow(t uint8, priority uint16, m flow.Match, do ...flow.Action) {
	w.out.Flow(w.host, t, priority, m, do)
}

// track has connections looked up, where there are such, and what was looked up is not known.
func (w writer) track() {
	state := flow.Goto(pipeline.FirewallState)
	untracked := pipeline.Untracked.Set(1)
	w.flow(pipeline.FirewallTrack, 200, flow.Match{pipeline.CameBy.Is(0), pipeline.LeavesBy.Is(0)}, flow.Goto(pipeline.PassOn))
	w.flow(pipeline.FirewallTrack, 190, flow.Match{pipeline.Dealt.Is(1)}, untracked, state)
	w.flow(pipeline.FirewallTrack, 190, flow.Match{flow.Join(pipeline.Dealt.Is(0), pipeline.OneWay.Is(1))}, untracked, state)
	w.flow(pipeline.FirewallTrack, 150, flow.Match{pipeline.Tracked.Is(1)}, pipeline.Untracked.Set(0), state)
	for _, eth := range families {
		is := flow.U32(flow.EthType, eth)
		for _, protocol := range pipeline.Trackable(eth) {
			w.flow(pipeline.FirewallTrack, 50, flow.Match{is, flow.U32(flow.IPProto, protocol)},
				flow.SetField(flow.Join(pipeline.Untracked.Is(0), pipeline.Tracked.Is(1))),
				flow.CT(flow.CTSpec{ZoneFrom: pipeline.Zone, Table: flow.ToTable(pipeline.FirewallState)}))
		}
		w.flow(pipeline.FirewallTrack, 10, flow.Match{is}, untracked, state)
	}
}

// ask are the actions that hold a packet against the policy of the interface that it came by, from the beginning: by itself, or as the answer
// to one.
func ask(answer uint64, more ...flow.Action) flow.Actions {
	return append(more, flow.SetField(flow.Join(pipeline.Judged.Is(0), pipeline.AsAnswer.Is(answer))), flow.Resubmit(pipeline.FirewallLists))
}

// states asks about the packet itself where its sender began, and else about what it answers.
func (w writer) states() {
	tracked, t := pipeline.Untracked.Is(0), uint8(pipeline.FirewallState)
	verdict := flow.Goto(pipeline.FirewallVerdict)
	fresh := pipeline.Fresh.Set(1)
	// ICMP errors about a connection: their sender is a router, of which no rule knows.
	w.flow(t, 100, flow.Match{tracked, flow.CTStateIs("+trk+rel-inv")}, flow.Goto(pipeline.PassOn))
	w.flow(t, 90, flow.Match{tracked, flow.CTStateIs("+trk+inv")}, pipeline.Drop(pipeline.InvalidState)...)
	w.flow(t, 80, flow.Match{tracked, flow.CTStateIs("+trk+rpl-inv")}, append(ask(1), verdict)...)
	w.flow(t, 60, flow.Match{tracked, flow.CTStateIs("+trk+new-inv")}, append(ask(0, fresh), verdict)...)
	w.flow(t, 50, flow.Match{tracked, flow.CTStateIs("+trk-inv")}, append(ask(0), verdict)...)
	// Its connection is remembered though it was not looked up: what a gateway gets from the member is an answer.
	w.flow(t, 40, flow.Match{pipeline.Untracked.Is(1), pipeline.Dealt.Is(1)}, append(ask(0, fresh), verdict)...)
	w.flow(t, 30, flow.Match{pipeline.Untracked.Is(1)}, append(ask(0), verdict)...)
}

// verdicts does what the policies have decided.
func (w writer) verdicts() {
	t := uint8(pipeline.FirewallVerdict)
	again := flow.Resubmit(t)
	passed := func(leaving uint64, more ...flow.Field) flow.Field {
		return flow.Join(append(more, pipeline.Decided.Is(1), pipeline.Refused.Is(0), pipeline.AtReceiver.Is(leaving))...)
	}
	w.flow(t, 100, flow.Match{passed(0)}, flow.SetField(flow.Join(pipeline.Decided.Is(0), pipeline.Passed.Is(0), pipeline.AtReceiver.Is(1))), flow.Resubmit(pipeline.FirewallLists), again)
	w.flow(t, 99, flow.Match{passed(1, pipeline.Fresh.Is(1))}, pipeline.Vouched.Set(1), flow.Goto(pipeline.PassOn))
	answer := flow.CTStateIs("+trk+rpl-inv")
	for _, eth := range families {
		// The first answer that rules let pass says that the connection began where this host believes it did.
		w.flow(t, 98, flow.Match{flow.U32(flow.EthType, eth), passed(1, pipeline.Untracked.Is(0), pipeline.AsAnswer.Is(1)), answer, pipeline.MarkVouched.Is(0)},
			flow.CT(flow.CTSpec{Flags: flow.CTCommit, ZoneFrom: pipeline.Zone, Exec: flow.Actions{pipeline.MarkVouched.Set(1)}}), flow.Goto(pipeline.PassOn))
	}
	w.flow(t, 97, flow.Match{passed(1)}, flow.Goto(pipeline.PassOn))
	// What is not tracked may be an answer.
	w.flow(t, 90, flow.Match{flow.Join(pipeline.Decided.Is(0), pipeline.Untracked.Is(1), pipeline.AsAnswer.Is(0)), pipeline.Dealt.Is(0)}, append(ask(1), again)...)
	// And what seems to be one may be none: of a connection that this host has lost and then heard of from the other side first, it believes
	// that the other side began.
	w.flow(t, 89, flow.Match{flow.Join(pipeline.Untracked.Is(0), pipeline.AsAnswer.Is(1)), answer, pipeline.MarkVouched.Is(0)}, append(ask(0), again)...)
	told := flow.Join(pipeline.Decided.Is(1), pipeline.Refused.Is(1), pipeline.Told.Is(1))
	w.flow(t, 85, flow.Match{told}, append(flow.Actions{pipeline.Told.Set(0)}, append(pipeline.PuntCopy(pipeline.ErrorApp, byte(pipeline.Rejected)), again)...)...)
	for _, eth := range families {
		// The first packet that an established connection is refused: it is counted, and marked so that it is not again.
		m := flow.Match{flow.U32(flow.EthType, eth), flow.Join(pipeline.Untracked.Is(0), pipeline.Fresh.Is(0)), flow.CTStateIs("+trk+est-inv-new"), pipeline.MarkCut.Is(0)}
		w.out.Counted(compile.Counter{Kind: intent.ConnectionsCut, Subject: "host/" + w.host}, w.host, t, 80, m, append(flow.Actions{
			flow.CT(flow.CTSpec{Flags: flow.CTCommit, ZoneFrom: pipeline.Zone, Exec: flow.Actions{pipeline.MarkCut.Set(1)}}),
		}, pipeline.Drop(pipeline.FirewallDenied)...))
	}
	w.flow(t, 10, nil, pipeline.Drop(pipeline.FirewallDenied)...)
}
