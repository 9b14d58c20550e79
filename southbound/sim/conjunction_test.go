package sim

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// TestConjunctionsAndGroupsAgree holds conjunctive matches, and groups whose buckets change what they send, against a real switch.
func TestConjunctionsAndGroupsAgree(t *testing.T) {
	o := startOVS(t, ports...)
	frames, delivered := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		o.clear()
		s := newTestSwitch(rt)
		g, err := flow.NewGroup(1, flow.All, []flow.Bucket{
			{Actions: flow.Actions{flow.SetField(flow.MAC(flow.EthSrc, macs[2])), flow.Output(of(rt, "out", ports...))}},
			{Actions: flow.Actions{flow.SetField(flow.U32(flow.Reg5, 1)), flow.Resubmit(1)}},
			{Actions: flow.Actions{flow.Output(of(rt, "out", ports...))}},
		})
		if err != nil {
			rt.Fatal(err)
		}
		if e := o.try(openflow.AddGroup(g)); e != nil {
			rt.Fatal(e)
		}
		if err := s.ApplyGroup(GroupMod{Group: g}); err != nil {
			rt.Fatal(err)
		}
		flows := []flow.Flow{
			mustFlow(rt, 0, 100, flow.Match{flow.U32(flow.ConjID, 9)}, flow.ToGroup(1), flow.Output(3)),
			mustFlow(rt, 0, 101, flow.Match{flow.U32(flow.ConjID, 8), flow.U32(flow.EthType, ethIPv4)}, flow.Output(4)),
			mustFlow(rt, 0, 10, nil, flow.Output(2)),
			mustFlow(rt, 1, 1, nil, flow.Output(1), flow.Output(4)),
		}
		for i := range rapid.IntRange(0, 6).Draw(rt, "clauses") {
			_, fields := fieldsOf(rt, v4Kind)
			clause := uint8(1 + i%2)
			m := flow.Match{flow.U32(flow.EthType, ethIPv4)}
			if clause == 1 {
				m = append(m, loosen(rt, fields[8]))
			} else {
				m = append(m, loosen(rt, fields[9]))
			}
			id := uint32(9) // which of two complete conjunctions of one priority wins is not defined: each has its own
			if i >= 4 {
				id = 8
			}
			do := flow.Actions{flow.Conjunction(id, clause, 2)}
			if f, err := flow.New(0, uint16(20+i/2), m, do); err == nil {
				flows = append(flows, f)
			}
		}
		for _, f := range flows {
			theirs, ours := o.try(openflow.AddFlow(f)), s.Apply(FlowMod{Flow: f})
			if (theirs == nil) != (ours == nil) {
				rt.Fatalf("%s: Open vSwitch %v, simulator %v", f, theirs, ours)
			}
		}
		var in []arriving
		for i := range 24 {
			in = append(in, arriving{of(rt, "port", ports...), few().generateFrame(rt, uint32(i))})
		}
		frames += len(in)
		delivered += agree(rt, o, s, in)
	})
	t.Logf("%d frames in, %d out", frames, delivered)
}
