package sim

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// everything touches each header, so that no frame gets by without being parsed, changed and tracked.
func everything(t interface{ Fatal(...any) }) *Switch {
	s := newTestSwitch(t)
	add := func(f flow.Flow) {
		if err := s.Apply(FlowMod{Flow: f}); err != nil {
			t.Fatal(f, err)
		}
	}
	addr4, addr6 := flow.IP(flow.IPv4Src, addrs4[2]), flow.IP(flow.IPv6Src, addrs6[2])
	typ := func(n uint32) flow.Field { return flow.U32(flow.EthType, n) }
	proto := func(n uint32) flow.Field { return flow.U32(flow.IPProto, n) }
	recirculate := flow.CT(flow.CTSpec{Table: flow.ToTable(2), Flags: flow.CTCommit})
	add(mustFlow(t, 0, 1, nil, flow.Resubmit(1), flow.PushVLAN(ethVLAN), flow.Output(2)))
	add(mustFlow(t, 0, 2, flow.Match{flow.Masked(flow.VLANVID, vlanThis, vlanThis)}, flow.SetField(flow.U32(flow.VLANPCP, 2)), flow.PopVLAN(), flow.Resubmit(1)))
	add(mustFlow(t, 1, 1, flow.Match{typ(ethARP)}, flow.SetField(flow.IP(flow.ARPTPA, addrs4[0])), flow.Output(3)))
	add(mustFlow(t, 1, 2, flow.Match{typ(ethIPv4)}, flow.SetField(addr4), flow.DecTTL(), recirculate, flow.Output(3)))
	add(mustFlow(t, 1, 3, flow.Match{typ(ethIPv6)}, flow.SetField(addr6), flow.DecTTL(), recirculate, flow.Output(3)))
	for i, k := range []struct {
		typ, proto uint32
		set        flow.Field
	}{{ethIPv4, protoTCP, flow.U32(flow.TCPDst, 9)}, {ethIPv6, protoUDP, flow.U32(flow.UDPSrc, 9)}, {ethIPv4, protoSCTP, flow.U32(flow.SCTPSrc, 9)},
		{ethIPv4, protoICMP, flow.U32(flow.ICMPv4Type, 0)}, {ethIPv6, protoICMPv6, flow.U32(flow.ICMPv6Type, 129)}} {
		add(mustFlow(t, 2, uint16(i), flow.Match{typ(k.typ), proto(k.proto)}, flow.SetField(k.set), flow.Output(4)))
	}
	return s
}

func FuzzInject(f *testing.F) {
	for i := range uint64(20) {
		f.Add(rapid.Custom(func(rt *rapid.T) []byte { return few().generateFrame(rt, 1) }).Example(int(i)))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		r := everything(t).Inject(1, frame)
		if !bytes.Equal(before, frame) {
			t.Error("the caller's frame was changed")
		}
		for _, o := range r.Outputs {
			if d := len(o.Frame) - len(frame); d != 0 && d != vlanHead && d != -vlanHead {
				t.Errorf("%d bytes became %d", len(frame), len(o.Frame))
			}
		}
	})
}

// FuzzServe sends a switch whatever follows a hello.
func FuzzServe(f *testing.F) {
	fl := mustFlow(f, 0, 1, flow.Match{flow.U32(flow.InPort, 1)}, flow.Output(2))
	add := openflow.AddFlow(fl)
	f.Add(add.Append(nil, 5))
	f.Add(add.AppendInBundle(nil, 5, 1, 3))
	f.Add(openflow.AppendBundleControl(nil, 6, openflow.BundleControl{ID: 1, Command: openflow.BundleCommit}))
	every := openflow.EveryFlow()
	f.Add(openflow.AppendFlowRequest(nil, 7, openflow.MultipartFlow, &every))
	f.Add(openflow.AppendMonitorRequest(nil, 8, &openflow.MonitorRequest{ID: 1, Table: 0xff, Flags: openflow.MonitorInitial}))
	f.Add(openflow.AppendPacketOut(nil, 9, &openflow.PacketOut{Buffer: openflow.NoBuffer, InPort: 1, Data: make([]byte, 60)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newTestSwitch(t)
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() { s.Serve(context.Background(), theirs); close(done) }()
		go io.Copy(io.Discard, ours)
		ours.SetWriteDeadline(time.Now().Add(timeout))
		ours.Write(openflow.AppendHello(nil, 1, 1<<openflow.Version13))
		ours.Write(b)
		ours.Close()
		select {
		case <-done:
		case <-time.After(timeout):
			t.Error("Serve goes on")
		}
	})
}
