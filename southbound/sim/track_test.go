package sim

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// trackingFlows commit what is new and write what connection tracking said into the frame: the state into eth_src, mark and zone
// into eth_dst.
func trackingFlows(t interface{ Fatal(...any) }) []flow.Flow {
	show := []flow.Action{
		flow.Move(flow.Sub{ID: flow.CTState, Len: 32}, flow.Sub{ID: flow.EthSrc, Len: 32}),
		flow.Move(flow.Sub{ID: flow.CTMark, Len: 32}, flow.Sub{ID: flow.EthDst, Off: 16, Len: 32}),
		flow.Move(flow.Sub{ID: flow.CTZone, Len: 16}, flow.Sub{ID: flow.EthDst, Len: 16}),
		flow.Output(2),
	}
	var all []flow.Flow
	for i, typ := range []uint32{ethIPv4, ethIPv6} {
		ip := flow.U32(flow.EthType, typ)
		p := uint16(10 * i)
		is := flow.Masked(flow.CTState, ctNew|ctTracked, ctNew|ctTracked)
		commit := flow.CT(flow.CTSpec{Flags: flow.CTCommit, ZoneFrom: flow.Sub{ID: flow.Reg0, Len: 16},
			Exec: flow.Actions{flow.SetField(flow.U32(flow.CTMark, 77))}})
		all = append(all,
			mustFlow(t, 0, p+1, flow.Match{ip}, flow.SetField(flow.U32(flow.Reg0, 5)),
				flow.CT(flow.CTSpec{ZoneFrom: flow.Sub{ID: flow.Reg0, Len: 16}, Table: flow.ToTable(1)})),
			mustFlow(t, 1, p+1, flow.Match{ip}, show...),
			mustFlow(t, 1, p+2, flow.Match{ip, is}, append(append([]flow.Action(nil), show...), commit)...))
	}
	return all
}

// translatingFlows are trackingFlows that translate: what the clients send gets another source, or another destination.
func translatingFlows(t interface{ Fatal(...any) }, way flow.NATFlags) []flow.Flow {
	show := []flow.Action{
		flow.Move(flow.Sub{ID: flow.CTState, Len: 32}, flow.Sub{ID: flow.EthSrc, Len: 32}),
		flow.Output(2),
	}
	var all []flow.Flow
	for i, typ := range []uint32{ethIPv4, ethIPv6} {
		nat := flow.NATSpec{Flags: way, MinAddr: []netip.Addr{netip.MustParseAddr("192.0.2.99"), netip.MustParseAddr("2001:db8::99")}[i]}
		p, ip := uint16(10*i), flow.U32(flow.EthType, typ)
		all = append(all,
			mustFlow(t, 0, p+1, flow.Match{ip}, flow.CT(flow.CTSpec{Flags: flow.CTCommit, Zone: 5, Table: flow.ToTable(1), NAT: &nat})),
			mustFlow(t, 1, p+1, flow.Match{ip}, show...))
	}
	return all
}

// TestTranslationAgrees gives sequences of packets of few connections, whose addresses are translated, to a real switch and to the
// simulator. Answers are for the translated address, or from it.
func TestTranslationAgrees(t *testing.T) {
	o := startOVS(t, 1, 2)
	for way, name := range map[flow.NATFlags]string{flow.NATSrc: "source", flow.NATDst: "destination"} {
		t.Run(name, func(t *testing.T) {
			seen := map[uint32]int{}
			rapid.Check(t, func(rt *rapid.T) {
				o.clear()
				s := newTestSwitch(rt)
				for _, f := range translatingFlows(rt, way) {
					if e := o.try(openflow.AddFlow(f)); e != nil {
						rt.Fatalf("%s: %v", f, e)
					}
					if err := s.Apply(FlowMod{Flow: f}); err != nil {
						rt.Fatalf("%s: %v", f, err)
					}
				}
				var in []arriving
				open := map[string]int{}
				for i := range rapid.IntRange(1, 30).Draw(rt, "frames") {
					in = append(in, arriving{1, conversation{natted: way}.generate(rt, uint32(i), open)})
				}
				want := o.frames(in)[2]
				for i, a := range in {
					r := s.Inject(1, a.frame)
					if r.Err != nil || len(r.Outputs) != 1 || i >= len(want) || !bytes.Equal(r.Outputs[0].Frame, want[i]) {
						rt.Fatalf("frame %d of %d: %x\nOpen vSwitch: %x\nsimulator:    %x %v", i, len(in), a.frame, want[i:min(i+1, len(want))], r.Outputs, r.Err)
					}
					seen[be.Uint32(want[i][8:])]++
				}
			})
			t.Logf("ct_state: how often: %#x", seen)
			if len(seen) < 4 {
				t.Error("too few states were seen: the test says little")
			}
		})
	}
}

// TestConnectionTrackingAgrees gives sequences of packets of few connections to a real switch and to the simulator.
func TestConnectionTrackingAgrees(t *testing.T) {
	o := startOVS(t, 1, 2)
	seen := map[uint32]int{} // how often each state was agreed on
	rapid.Check(t, func(rt *rapid.T) {
		o.clear()
		s := newTestSwitch(rt)
		for _, f := range trackingFlows(rt) {
			if e := o.try(openflow.AddFlow(f)); e != nil {
				rt.Fatalf("%s: %v", f, e)
			}
			if err := s.Apply(FlowMod{Flow: f}); err != nil {
				rt.Fatalf("%s: %v", f, err)
			}
		}
		var in []arriving
		open := map[string]int{}
		for i := range rapid.IntRange(1, 30).Draw(rt, "frames") {
			in = append(in, arriving{1, conversation{}.generate(rt, uint32(i), open)})
		}
		want := o.frames(in)[2]
		for i, a := range in {
			r := s.Inject(1, a.frame)
			if r.Err != nil || len(r.Outputs) != 1 || i >= len(want) || !bytes.Equal(r.Outputs[0].Frame, want[i]) {
				rt.Fatalf("frame %d of %d, %d came out: %x\nOpen vSwitch: %x\nsimulator:    %x %v\n%s",
					i, len(in), len(want), a.frame, want[i:min(i+1, len(want))], r.Outputs, r.Err, o.drops())
			}
			seen[be.Uint32(want[i][8:])]++
		}
	})
	t.Logf("ct_state: how often: %#x", seen)
	for _, state := range []uint32{ctTracked | ctNew, ctTracked | ctEstablished, ctTracked | ctEstablished | ctReply, ctTracked | ctInvalid} {
		if seen[state] == 0 {
			t.Errorf("no packet was in state %#x", state)
		}
	}
}

// conversation is between two endpoints, one of which the other knows by a translated address.
type conversation struct{ natted flow.NATFlags }

// generate makes a packet. TCP goes by the book: open says how far each connection is.
func (c conversation) generate(rt *rapid.T, id uint32, open map[string]int) []byte {
	client, server := addrs4[0], addrs4[1]
	if chance(rt, 50, "v6") {
		client, server = addrs6[0], addrs6[1]
	}
	port := of[uint16](rt, "client port", 1000, 1001)
	proto := of[byte](rt, "proto", protoUDP, protoTCP, protoICMP)
	back := chance(rt, 40, "back")
	var l4 []byte
	switch proto {
	case protoTCP:
		key := fmt.Sprint(client, port)
		step := open[key]
		open[key] = min(step+1, 3)
		back = step == 1 || step == 3 && back
		l4 = tcpStep(step, back, port)
	case protoUDP:
		l4 = be.AppendUint16(be.AppendUint16(nil, port), 80)
		l4 = append(l4, 0, 8, 0, 0)
	case protoICMP:
		typ := byte(8)
		if back {
			typ = 0
		}
		if client.Is6() {
			proto = protoICMPv6
			typ = 128 + (8-typ)/8
		}
		l4 = []byte{typ, 0, 0, 0, 0, byte(port), 0, 1}
	}
	if back {
		translated := netip.MustParseAddr("192.0.2.99")
		if client.Is6() {
			translated = netip.MustParseAddr("2001:db8::99")
		}
		switch c.natted {
		case flow.NATSrc:
			client = translated
		case flow.NATDst:
			server = translated
		}
		client, server = server, client
		if proto == protoUDP {
			copy(l4, []byte{0, 80, byte(port >> 8), byte(port)})
		}
	}
	b := append(make([]byte, 0, 100), macs[0][:]...)
	b = append(b, macs[1][:]...)
	at := len(b) + 2
	if client.Is4() {
		b = append(be.AppendUint16(b, ethIPv4), 0x45, 0)
		b = append(be.AppendUint16(b, uint16(20+len(l4))), 0, 1, 0x40, 0, 64, proto, 0, 0)
	} else {
		b = be.AppendUint32(be.AppendUint16(b, ethIPv6), 0x60000000)
		b = append(be.AppendUint16(b, uint16(len(l4))), proto, 64)
	}
	b = append(append(b, client.AsSlice()...), server.AsSlice()...)
	addrs := b[len(b)-2*len(client.AsSlice()):]
	if client.Is4() {
		be.PutUint16(b[at+10:], ^ones(b[at:]))
	}
	from := len(b)
	b = append(b, l4...)
	finish(b, addrs, from, proto)
	for len(b) < 96 {
		b = append(b, 0)
	}
	return be.AppendUint32(b, id)
}

// tcpStep is a packet of a connection that has come so far: SYN, SYN and ACK, ACK, and then ACKs both ways.
func tcpStep(step int, back bool, port uint16) []byte {
	src, dst := port, uint16(80)
	seq, ack, flags := uint32(1001), uint32(5001), byte(16)
	if back {
		src, dst, seq, ack = dst, src, ack, seq
	}
	switch step {
	case 0:
		seq, ack, flags = 1000, 0, 2
	case 1:
		seq, flags = 5000, 18
	}
	l4 := be.AppendUint16(be.AppendUint16(nil, src), dst)
	l4 = be.AppendUint32(be.AppendUint32(l4, seq), ack)
	return append(l4, 0x50, flags, 0x10, 0, 0, 0, 0, 0)
}
