package openflow_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	. "github.com/weft-sdn/weft/southbound/flow"
	of "github.com/weft-sdn/weft/southbound/openflow"
)

// manyFlows makes flows such as an overlay network has: one per address, with a tunnel to its host.
func manyFlows(t testing.TB, n int) []Flow {
	t.Helper()
	flows := make([]Flow, n)
	for i := range flows {
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		f, err := New(40, 100,
			Match{U32(Reg0, uint32(i%50)), IP(IPv4Dst, ip), MAC(EthDst, MACAddr{2, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)})},
			Actions{SetField(U64(TunID, uint64(i%50))), SetField(IP(TunDst, ip)), Output(1)})
		if err != nil {
			t.Fatal(err)
		}
		f.Cookie = Cookie(1, f.Table, f.Priority, f.Match, f.Instructions)
		flows[i] = f
	}
	return flows
}

func additions(flows []Flow) []of.Mod {
	mods := make([]of.Mod, len(flows))
	for i := range flows {
		mods[i] = of.AddFlow(flows[i])
	}
	return mods
}

// BenchmarkFlowMod encodes a typical flow-mod from its canonical form, as it is sent.
func BenchmarkFlowMod(b *testing.B) {
	m := of.AddFlow(manyFlows(b, 1)[0])
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf = m.AppendInBundle(buf[:0], 7, 1, of.BundleAtomic)
	}
}

// BenchmarkFlowModFromTypes encodes it from what an app writes.
func BenchmarkFlowModFromTypes(b *testing.B) {
	ip := netip.MustParseAddr("10.0.0.1")
	buf := make([]byte, 0, 512)
	match, do := make([]byte, 0, 256), make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		match, _ = AppendMatch(match[:0], Match{U32(Reg0, 7), IP(IPv4Dst, ip), MAC(EthDst, MACAddr{2})})
		do, _ = AppendInstructions(do[:0], Actions{SetField(U64(TunID, 7)), SetField(IP(TunDst, ip)), Output(1)})
		buf = of.AppendFlowMod(buf[:0], 7, &of.FlowMod{Table: 40, Priority: 100, Buffer: of.NoBuffer, OutPort: PortAny, OutGroup: PortAny, Match: match, Instructions: do})
	}
}

// BenchmarkFlowStats decodes an entry of a flow dump and copies the flow out.
func BenchmarkFlowStats(b *testing.B) {
	f := manyFlows(b, 1)[0]
	entry := of.AppendFlowStats(nil, &of.FlowStats{Table: f.Table, Priority: f.Priority, Cookie: f.Cookie, Match: []byte(f.Match), Instructions: []byte(f.Instructions)})
	var s of.FlowStats
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Next(entry); err != nil {
			b.Fatal(err)
		}
		if g := s.Flow(); g != f {
			b.Fatal("wrong flow")
		}
	}
}

const many = 100_000

// BenchmarkPush100k sends 100,000 flows to a real Open vSwitch, by ovs-ofctl and by us in turn.
func BenchmarkPush100k(b *testing.B) {
	s := startOVS(b)
	c := s.connect(b, of.ConnConfig{})
	flows := manyFlows(b, many)
	file := s.file("flows.txt")
	writeFlows(b, file, flows)
	mods := additions(flows)
	var ours, theirs time.Duration
	for b.Loop() {
		s.ofctl(b, "del-flows")
		theirs += timed(func() {
			run(b, s.command("ovs-ofctl", "-O", "OpenFlow13", "--bundle", "add-flows", s.file(bridge+".mgmt"), file))
		})
		s.ofctl(b, "del-flows")
		ours += timed(func() {
			if err := c.Bundle(context.Background(), mods); err != nil {
				b.Fatal(err)
			}
		})
	}
	report(b, ours, theirs)
}

// BenchmarkDump100k reads 100,000 flows from a real Open vSwitch, by ovs-ofctl and by us in turn.
func BenchmarkDump100k(b *testing.B) {
	s := startOVS(b)
	c := s.connect(b, of.ConnConfig{})
	if err := c.Bundle(context.Background(), additions(manyFlows(b, many))); err != nil {
		b.Fatal(err)
	}
	var ours, theirs time.Duration
	for b.Loop() {
		theirs += timed(func() {
			cmd := s.command("ovs-ofctl", "-O", "OpenFlow13", "dump-flows", s.file(bridge+".mgmt"))
			null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer null.Close()
			cmd.Stdout = null
			run(b, cmd)
		})
		ours += timed(func() {
			n := 0
			seen := make(map[Key]uint64, many)
			err := c.Dump(context.Background(), of.EveryFlow(), func(s *of.FlowStats) error {
				n++
				seen[s.Key()] = s.Cookie
				return nil
			})
			if err != nil || n != many || len(seen) != many {
				b.Fatalf("%d flows: %v", n, err)
			}
		})
	}
	report(b, ours, theirs)
}

func run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
}

func timed(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

func report(b *testing.B, ours, theirs time.Duration) {
	b.ReportMetric(ours.Seconds()/float64(b.N), "ours-s")
	b.ReportMetric(theirs.Seconds()/float64(b.N), "ofctl-s")
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "ratio")
}

func writeFlows(t testing.TB, file string, flows []Flow) {
	t.Helper()
	var b []byte
	for i := range flows {
		b = fmt.Appendf(b, "%s\n", flows[i].String())
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
