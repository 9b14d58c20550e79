package sim

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/southbound/flow"
)

// BenchmarkInject runs a packet through four tables, of which one has 40,000 flows in four combinations of masks.
func BenchmarkInject(b *testing.B) {
	s := newTestSwitch(b)
	var mods []FlowMod
	add := func(table uint8, priority uint16, m flow.Match, do ...flow.Action) {
		mods = append(mods, FlowMod{Flow: mustFlow(b, table, priority, m, do...)})
	}
	add(0, 100, flow.Match{flow.U32(flow.InPort, 1)}, flow.SetField(flow.U32(flow.Reg0, 7)), flow.Goto(10))
	add(10, 100, flow.Match{flow.U32(flow.InPort, 1), flow.MAC(flow.EthSrc, macs[0])}, flow.Goto(40))
	for i := range uint32(10000) {
		mac := flow.MACAddr{2, 0, 0, 1, byte(i >> 8), byte(i)}
		add(40, 100, flow.Match{flow.U32(flow.Reg0, 7), flow.MAC(flow.EthDst, mac)}, flow.SetField(flow.U32(flow.Reg1, 2)), flow.Goto(60))
		add(40, 90, flow.Match{flow.U32(flow.Reg0, i), flow.U32(flow.InPort, 3)}, flow.Goto(60))
		add(40, 80, flow.Match{flow.U32(flow.Reg0, i), flow.U32(flow.EthType, ethIPv4)}, flow.Goto(60))
		add(40, 70, flow.Match{flow.U32(flow.Reg0, i)}, flow.Goto(60))
	}
	add(60, 1, nil, flow.OutputReg(flow.Whole(flow.Reg1)))
	if err := s.Apply(mods...); err != nil {
		b.Fatal(err)
	}
	frame := rapid.Custom(func(rt *rapid.T) []byte { return few().generateIPv4(rt, make([]byte, 12)) }).Example(3)
	copy(frame, []byte{2, 0, 0, 1, 0, 9})
	copy(frame[6:], macs[0][:])
	b.ReportAllocs()
	for b.Loop() {
		if r := s.Inject(1, frame); len(r.Outputs) != 1 {
			b.Fatalf("%+v", r)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	s := newTestSwitch(b)
	n := uint32(0)
	for b.Loop() {
		n++
		f := mustFlow(b, 0, 1, flow.Match{flow.U32(flow.Reg0, n), flow.MAC(flow.EthDst, macs[0])}, flow.Output(2))
		if err := s.Apply(FlowMod{Flow: f}); err != nil {
			b.Fatal(err)
		}
	}
}
