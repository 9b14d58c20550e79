package sim

import (
	"errors"
	"testing"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
)

// TestWhatIsNotModelledIsRefused: nothing that the simulator cannot do is ever installed.
func TestWhatIsNotModelledIsRefused(t *testing.T) {
	s := newTestSwitch(t)
	ip := flow.Match{flow.U32(flow.EthType, ethIPv4)}
	for _, tt := range []struct {
		name string
		m    flow.Match
		do   flow.Actions
	}{
		{"nat to several addresses", ip, flow.Actions{flow.CT(flow.CTSpec{Flags: flow.CTCommit, NAT: &flow.NATSpec{Flags: flow.NATSrc, MinAddr: addrs4[0], MaxAddr: addrs4[0].Next()}})}},
		{"learn", nil, flow.Actions{flow.Learn(flow.LearnSpec{Table: 1})}},
		{"normal", nil, flow.Actions{flow.Normal()}},
		{"action set", nil, flow.Actions{flow.WriteActions(flow.Output(1))}},
		{"encap", nil, flow.Actions{flow.Encap(1 << 16)}},
		{"inside clone", nil, flow.Actions{flow.Clone(flow.Normal())}},
	} {
		err := s.Apply(FlowMod{Flow: mustFlow(t, 0, 1, nil, flow.Output(1))}, FlowMod{Flow: mustFlow(t, 0, 2, tt.m, tt.do...)})
		var refused *Error
		if !errors.Is(err, ErrNotModelled) || !errors.As(err, &refused) || s.FlowCount() != 0 {
			t.Errorf("%s: %v; %d flows", tt.name, err, s.FlowCount())
		}
	}
}

func TestMeterDropsWhatIsTooMuch(t *testing.T) {
	now := time.Unix(1000, 0)
	s := NewSwitch(Config{Now: func() time.Time { return now }})
	if err := s.SetPort(Port{Number: 2}); err != nil {
		t.Fatal(err)
	}
	m, err := flow.NewMeter(1, flow.MeterPktps, []flow.Band{{Rate: 5}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ApplyMeter(MeterMod{Meter: m}); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(FlowMod{Flow: mustFlow(t, 0, 1, nil, flow.ToMeter(1), flow.Output(2))}); err != nil {
		t.Fatal(err)
	}
	passed := func() (n int) {
		for range 20 {
			n += len(s.Inject(1, make([]byte, 60)).Outputs)
		}
		return n
	}
	first := passed()
	now = now.Add(400 * time.Millisecond)
	if second := passed(); first != 5 || second != 2 {
		t.Errorf("%d packets passed at once and %d after 0.4 s; want 5 and 2", first, second)
	}
}
