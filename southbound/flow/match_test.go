package flow

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

var (
	testIP4 = netip.MustParseAddr("10.0.0.1")
	testIP6 = netip.MustParseAddr("fe80::1")
)

// TestMatchesThatCannotBe: what contradicts itself or says too little is refused, and nothing is appended.
func TestMatchesThatCannotBe(t *testing.T) {
	for name, x := range map[string]struct {
		m    Match
		want error
	}{
		"twice":                          {Match{U32(InPort, 1), U32(InPort, 2)}, ErrDuplicate},
		"twice, once as a view":          {Match{U32(Reg1, 1), U64(XReg0, 2)}, ErrDuplicate},
		"too wide":                       {Match{U32(VLANVID, 0x2000)}, ErrRange},
		"too wide for a part":            {Match{Part(Reg0, 4, 4).Is(16)}, ErrRange},
		"outside the mask":               {Match{Masked(Reg0, 3, 1)}, ErrRange},
		"bits of eth_type":               {Match{Masked(EthType, 0x800, 0xff00)}, ErrMask},
		"no field":                       {Match{Field{}}, ErrUnknownField},
		"a field that does not exist":    {Match{U32(255, 1)}, ErrUnknownField},
		"a port without eth_type":        {Match{U32(TCPDst, 80)}, ErrPrerequisite},
		"a port of no protocol":          {Match{U32(EthType, 0x806), U32(TCPDst, 80)}, ErrPrerequisite},
		"two protocols":                  {Match{U32(EthType, 0x800), U32(TCPDst, 80), U32(UDPDst, 80)}, ErrPrerequisite},
		"another protocol":               {Match{U32(EthType, 0x800), U32(IPProto, 17), U32(TCPDst, 80)}, ErrPrerequisite},
		"two families":                   {Match{IP(IPv4Src, testIP4), IP(IPv6Dst, testIP6)}, ErrPrerequisite},
		"an address of the other family": {Match{IP(IPv4Src, testIP6)}, ErrRange},
		"a prefix of the other family":   {Match{Prefix(IPv6Src, netip.PrefixFrom(testIP4, 8))}, ErrRange},
		"no address":                     {Match{IP(IPv4Src, netip.Addr{})}, ErrRange},
		"a target without a type":        {Match{IP(NDTarget, testIP6)}, ErrPrerequisite},
		"a target of an echo":            {Match{IP(NDTarget, testIP6), U32(ICMPv6Type, 128)}, ErrPrerequisite},
		"a source option of an advert":   {Match{MAC(NDSLL, MACAddr{1}), U32(ICMPv6Type, 136)}, ErrPrerequisite},
		"both options":                   {Match{MAC(NDSLL, MACAddr{1}), MAC(NDTLL, MACAddr{1})}, ErrPrerequisite},
		"neighbours with a code":         {Match{MAC(NDSLL, MACAddr{1}), U32(ICMPv6Code, 1)}, ErrPrerequisite},
		"a priority of no tag":           {Match{U32(VLANVID, 0), U32(VLANPCP, 1)}, ErrPrerequisite},
		"a part of the priority":         {Match{Masked(VLANTCI, 0x2000, 0x2000)}, ErrMask},
		"unknown state":                  {Match{CTStateIs("+new+old")}, ErrRange},
	} {
		b, err := AppendMatch([]byte("as it was"), x.m)
		if !errors.Is(err, x.want) || string(b) != "as it was" {
			t.Errorf("%s: %q, %v; want %v", name, b, err, x.want)
		}
	}
}

// TestSameMeaningSameBytes: the order of fields, views of others, and what is implied make no difference.
func TestSameMeaningSameBytes(t *testing.T) {
	for name, x := range map[string][2]Match{
		"order":        {{U32(InPort, 1), U32(Reg0, 2), IP(IPv4Src, testIP4)}, {IP(IPv4Src, testIP4), U32(Reg0, 2), U32(InPort, 1)}},
		"implied type": {{IP(IPv4Src, testIP4)}, {U32(EthType, 0x800), IP(IPv4Src, testIP4)}},
		"implied all":  {{MAC(NDTLL, MACAddr{1})}, {U32(EthType, 0x86dd), U32(IPProto, 58), U32(ICMPv6Type, 136), U32(ICMPv6Code, 0), MAC(NDTLL, MACAddr{1})}},
		"no bits":      {{}, {Masked(Reg0, 0, 0), Prefix(IPv4Src, netip.MustParsePrefix("0.0.0.0/0"))}},
		"all bits":     {{U32(Reg0, 5)}, {Masked(Reg0, 5, 0xffffffff)}},
		"wide":         {{U32(Reg2, 1), U32(Reg3, 2)}, {U64(XReg1, 1<<32|2)}},
		"widest":       {{U32(Reg4, 1), U32(Reg5, 2), U32(Reg6, 3), U32(Reg7, 4)}, {U128(XXReg1, 1<<32|2, 3<<32|4)}},
		"part of wide": {{Masked(Reg0, 1, 1)}, {Masked(XReg0, 1<<32, 1<<32)}},
		"no tag":       {{U32(VLANVID, 0)}, {U32(VLANTCI, 0)}},
		"tag":          {{U32(VLANVID, 0x1005), U32(VLANPCP, 3)}, {U32(VLANTCI, 0x7005)}},
		"old port":     {{U32(InPort, PortLocal)}, {U32(InPort16, 0xfffe)}},
		"host bits":    {{Prefix(IPv4Dst, netip.MustParsePrefix("10.0.0.0/8"))}, {Prefix(IPv4Dst, netip.MustParsePrefix("10.1.2.3/8"))}},
		"ct_state":     {{CTStateIs("+trk-new")}, {Masked(CTState, 0x20, 0x21)}},
		"prefix":       {{IP(IPv6Src, testIP6)}, {Prefix(IPv6Src, netip.PrefixFrom(testIP6, 128))}},
	} {
		a, err1 := AppendMatch(nil, x[0])
		b, err2 := AppendMatch(nil, x[1])
		if err1 != nil || err2 != nil || string(a) != string(b) {
			t.Errorf("%s: %x %v, %x %v", name, a, err1, b, err2)
		}
		m, err := ParseMatch(a)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c, err := AppendMatch(nil, m); err != nil || string(c) != string(a) {
			t.Errorf("%s: %x parses to %x, %v", name, a, c, err)
		}
	}
}

// TestActionsThatCannotBe are refused, and nothing is appended.
func TestActionsThatCannotBe(t *testing.T) {
	for name, x := range map[string]struct {
		do   Actions
		want error
	}{
		"after goto":             {Actions{Goto(1), Output(1)}, ErrOrder},
		"two gotos":              {Actions{Goto(1), Goto(2)}, ErrOrder},
		"late meter":             {Actions{Output(1), ToMeter(1)}, ErrOrder},
		"metadata before clear":  {Actions{WriteMetadata(1, 1), ClearActions()}, ErrOrder},
		"nested goto":            {Actions{Clone(Goto(1))}, ErrNested},
		"read-only field":        {Actions{SetField(U32(EthType, 0x800))}, ErrReadOnly},
		"too large a value":      {Actions{Load(Part(Reg0, 0, 4), 16)}, ErrRange},
		"other length":           {Actions{Move(Whole(EthSrc), Whole(Reg0))}, ErrPart},
		"beyond the field":       {Actions{Move(Part(Reg0, 30, 4), Part(Reg1, 0, 4))}, ErrPart},
		"no bits":                {Actions{SetField(Masked(Reg0, 0, 0))}, ErrMask},
		"output in ct":           {Actions{CT(CTSpec{Flags: CTCommit, Exec: Actions{Output(1)}})}, ErrNested},
		"both ways":              {Actions{CT(CTSpec{Flags: CTCommit, NAT: &NATSpec{Flags: NATSrc | NATDst}})}, ErrBadAction},
		"range without way":      {Actions{CT(CTSpec{NAT: &NATSpec{MinAddr: testIP4}})}, ErrBadAction},
		"range upside down":      {Actions{CT(CTSpec{NAT: &NATSpec{Flags: NATSrc, MinAddr: netip.MustParseAddr("10.0.0.9"), MaxAddr: testIP4}})}, ErrRange},
		"clause 0":               {Actions{Conjunction(1, 0, 2)}, ErrRange},
		"clause beyond":          {Actions{Conjunction(1, 3, 2)}, ErrRange},
		"metadata outside mask":  {Actions{WriteMetadata(2, 1)}, ErrRange},
		"zero action":            {Actions{{}}, ErrBadAction},
		"too long":               {Actions{Note(strings.Repeat("x", 70000))}, ErrTooLong},
		"too long together":      {slicesRepeat(Output(1), 5000), ErrTooLong},
		"too many links":         {Actions{Multipath(MultipathSpec{Links: 17}, Part(Reg0, 0, 4))}, ErrPart},
		"a flag of several bits": {Actions{CheckPktLarger(1500, Part(Reg0, 0, 2))}, ErrPart},
		"a part with no field":   {Actions{OutputReg(Sub{})}, ErrPart},
	} {
		b, err := AppendInstructions([]byte("as it was"), x.do)
		if !errors.Is(err, x.want) || string(b) != "as it was" {
			t.Errorf("%s: %d bytes, %v; want %v", name, len(b), err, x.want)
		}
	}
}

func slicesRepeat(a Action, n int) Actions {
	list := make(Actions, n)
	for i := range list {
		list[i] = a
	}
	return list
}

// TestDeepNesting ends with an error and not with the stack.
func TestDeepNesting(t *testing.T) {
	a := Output(1)
	for range 100 {
		a = Clone(a)
	}
	if _, err := AppendInstructions(nil, Actions{a}); !errors.Is(err, ErrNested) {
		t.Error(err)
	}
	if _, err := ParseActionsText(strings.Repeat("clone(", 100) + "output:1" + strings.Repeat(")", 100)); !errors.Is(err, ErrNested) {
		t.Error(err)
	}
	b, err := AppendActions(nil, Actions{Output(1)})
	for err == nil && len(b) < 60000 {
		head := nicira(nil, nxClone, uint16(16+len(b)))
		b = append(zeros(head, 6), b...)
	}
	if _, err := ParseActions(b); !errors.Is(err, ErrNested) {
		t.Error(err)
	}
}

// TestWhatActionsSay: what a checker of pipelines asks of actions.
func TestWhatActionsSay(t *testing.T) {
	for _, x := range []struct {
		a      Action
		writes FieldID
		next   int
		nested int
	}{
		{SetField(U32(Reg0, 1)), Reg0, -1, 0}, {Move(Whole(Reg1), Whole(Reg2)), Reg2, -1, 0}, {Load(Whole(Reg3), 1), Reg3, -1, 0}, {Pop(Whole(Reg4)), Reg4, -1, 0},
		{CheckPktLarger(1, Part(Reg5, 0, 1)), Reg5, -1, 0}, {WriteMetadata(1, 1), Metadata, -1, 0}, {Goto(7), 0, 7, 0}, {Resubmit(8), 0, 8, 0}, {CT(CTSpec{Table: ToTable(9)}), 0, 9, 0},
		{CT(CTSpec{Flags: CTCommit, Exec: Actions{SetField(U32(CTMark, 1))}}), 0, -1, 1}, {Clone(Output(1), Output(2)), 0, -1, 2}, {WriteActions(Output(1)), 0, -1, 1}, {Output(1), 0, -1, 0},
	} {
		id, writes := x.a.Writes()
		next, goes := x.a.Next()
		if id != x.writes || writes != (x.writes != 0) || goes != (x.next >= 0) || goes && int(next) != x.next || len(x.a.Nested()) != x.nested {
			t.Errorf("%s: writes %v, next %d %v, nested %v", x.a, id, next, goes, x.a.Nested())
		}
	}
}

// TestCookie: the same flow has the same cookie, another one another, and it says whose it is.
func TestCookie(t *testing.T) {
	c := Cookie(3, 4, 5, []byte("match"), []byte("do"))
	if c != Cookie(3, 4, 5, "match", "do") || !CookieIsOurs(c) || CookieApp(c) != 3 {
		t.Errorf("%#x", c)
	}
	seen := map[uint64]bool{c: true}
	for _, d := range []uint64{Cookie(4, 4, 5, "match", "do"), Cookie(3, 5, 5, "match", "do"), Cookie(3, 4, 6, "match", "do"), Cookie(3, 4, 5, "matchd", "o"), Cookie(3, 4, 5, "match", "da")} {
		if seen[d] {
			t.Errorf("%#x again", d)
		}
		seen[d] = true
	}
	if CookieIsOurs(5) {
		t.Error("5 is ours")
	}
}

// TestGroups: buckets and bands come back, and what cannot be is refused.
func TestGroups(t *testing.T) {
	g, err := NewGroup(5, FastFailover, []Bucket{{WatchPort: 3, Actions: Actions{Output(3)}}, {WatchGroup: 4, Actions: Actions{ToGroup(4)}}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := g.ParseBuckets()
	if err != nil || len(list) != 2 || list[0].WatchPort != 3 || list[0].WatchGroup != 0 || list[1].WatchGroup != 4 || list[1].Actions.String() != "group:4" {
		t.Errorf("%+v, %v", list, err)
	}
	m, err := NewMeter(5, MeterPktps|MeterBurst, []Band{{Rate: 1, Burst: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if bands, err := m.ParseBands(); err != nil || len(bands) != 1 || bands[0] != (Band{1, 2}) {
		t.Errorf("%+v, %v", bands, err)
	}
	if _, err := NewGroup(5, Indirect, nil); err == nil {
		t.Error("an indirect group without a bucket")
	}
	if _, err := NewGroup(5, All, []Bucket{{Actions: Actions{Goto(1)}}}); !errors.Is(err, ErrNested) {
		t.Error(err)
	}
	if _, err := NewMeter(0, MeterKbps, nil); err == nil {
		t.Error("meter 0")
	}
	if _, err := NewMeter(1, 0, nil); err == nil {
		t.Error("a meter that counts nothing")
	}
}
