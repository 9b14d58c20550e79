package flow

import (
	"net/netip"
	"testing"
)

var (
	benchIP  = netip.AddrFrom4([4]byte{10, 0, 0, 1})
	benchMAC = MACAddr{0xfa, 0x16, 0x3e, 1, 2, 3}
)

// encodeTypical is written as an app writes flows.
func encodeTypical(b []byte, net uint32) ([]byte, error) {
	b, err := AppendMatch(b, Match{U32(Reg0, net), IP(IPv4Dst, benchIP), MAC(EthDst, benchMAC)})
	if err != nil {
		return b, err
	}
	return AppendInstructions(b, Actions{SetField(U64(TunID, uint64(net))), SetField(IP(TunDst, benchIP)), Output(5), Goto(20)})
}

func TestEncodeAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, 512)
	n := testing.AllocsPerRun(100, func() {
		var err error
		if b, err = encodeTypical(b[:0], 7); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkEncodeTypical(bm *testing.B) {
	b := make([]byte, 0, 512)
	bm.ReportAllocs()
	for bm.Loop() {
		b, _ = encodeTypical(b[:0], 7)
	}
}

func BenchmarkCookie(bm *testing.B) {
	b, _ := encodeTypical(nil, 7)
	bm.ReportAllocs()
	for bm.Loop() {
		_ = Cookie(1, 2, 3, b[:40], b[40:])
	}
}

func BenchmarkParseMatch(bm *testing.B) {
	b, _ := AppendMatch(nil, Match{U32(Reg0, 7), IP(IPv4Dst, benchIP), MAC(EthDst, benchMAC)})
	bm.ReportAllocs()
	for bm.Loop() {
		if _, err := ParseMatch(b); err != nil {
			bm.Fatal(err)
		}
	}
}

// BenchmarkEncodeBuilt leaves out what it takes to write the literals down.
func BenchmarkEncodeBuilt(bm *testing.B) {
	m := Match{U32(Reg0, 7), IP(IPv4Dst, benchIP), MAC(EthDst, benchMAC)}
	do := Actions{SetField(U64(TunID, 7)), SetField(IP(TunDst, benchIP)), Output(5)}
	b := make([]byte, 0, 512)
	bm.ReportAllocs()
	for bm.Loop() {
		b, _ = AppendMatch(b[:0], m)
		b, _ = AppendInstructions(b, do)
	}
}
