package openflow_test

import (
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"

	. "github.com/weft-sdn/weft/southbound/flow"
	of "github.com/weft-sdn/weft/southbound/openflow"
)

// sample is a flow of which the switch's own form is compared with ours.
type sample struct {
	m  Match
	do Actions
}

var (
	ip4  = netip.MustParseAddr("10.1.2.3")
	ip4b = netip.MustParseAddr("10.1.2.9")
	ip6  = netip.MustParseAddr("fe80::1:2")
	ip6b = netip.MustParseAddr("2001:db8::7")
	net4 = netip.MustParsePrefix("10.1.0.0/16")
	net6 = netip.MustParsePrefix("2001:db8::/32")
	mac  = MACAddr{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}
	half = MACAddr{0xff, 0xff, 0xff}
)

const (
	isIP, isIPv6, isARP, isMPLS = 0x0800, 0x86dd, 0x0806, 0x8847
)

// matchSamples has every field, exact and masked.
func matchSamples() []sample {
	ms := []Match{
		{}, {U32(InPort, 7)}, {U32(InPort, PortLocal)}, {U32(ConjID, 9)}, {U32(ActsetOutput, 5)}, {U32(PktMark, 5)}, {Masked(PktMark, 5, 0xf)},
		{MAC(EthSrc, mac)}, {MAC(EthDst, mac)}, {MACMasked(EthSrc, MACAddr{2}, half)}, {MACMasked(EthDst, MACAddr{1}, MACAddr{1})},
		{U32(EthType, 0x88cc)}, {U32(EthType, isIP)}, {U32(EthType, isIPv6)}, {U32(EthType, isARP)}, {U32(EthType, 0x8035)}, {U32(EthType, isMPLS)}, {U32(EthType, 0x8848)},
		{U32(VLANVID, 0x1005)}, {U32(VLANVID, 0)}, {Masked(VLANVID, 0x1000, 0x1000)}, {Masked(VLANVID, 0x1005, 0x100f)}, {U32(VLANPCP, 3)}, {U32(VLANVID, 0x1005), U32(VLANPCP, 3)},
		{Masked(VLANVID, 5, 0xfff)}, {Masked(VLANVID, 0x1005, 0x100f), U32(VLANPCP, 3)},
		{U32(VLANTCI, 0)}, {U32(VLANTCI, 0x1005)}, {U32(VLANTCI, 0xf005)}, {Masked(VLANTCI, 0x1000, 0x1000)}, {Masked(VLANTCI, 0x7000, 0xf000)},
		{U32(MPLSLabel, 100)}, {U32(MPLSTC, 3)}, {U32(MPLSBOS, 1)}, {U32(MPLSTTL, 64)}, {U32(MPLSLabel, 5), U32(MPLSTC, 1), U32(MPLSBOS, 0), U32(MPLSTTL, 3)},
		{IP(IPv4Src, ip4)}, {IP(IPv4Dst, ip4)}, {Prefix(IPv4Src, net4)}, {Prefix(IPv4Dst, net4)}, {Masked(IPv4Src, 0x0a000003, 0xff0000ff)}, {IP(IPv4Src, netip.IPv4Unspecified())},
		{IP(IPv6Src, ip6)}, {IP(IPv6Dst, ip6b)}, {Prefix(IPv6Src, net6)}, {Prefix(IPv6Dst, net6)}, {IP(IPv6Src, netip.IPv6Unspecified())}, {Field{ID: IPv6Dst, Value: Bits{Lo: 5}, Mask: Bits{Lo: 0xff}}},
		{U32(IPv6Label, 0x12345)}, {Masked(IPv6Label, 0x5, 0xf)},
		{U32(EthType, isIP), U32(IPDSCP, 46)}, {U32(EthType, isIPv6), U32(IPDSCP, 46)}, {U32(EthType, isIP), U32(IPECN, 1)}, {U32(EthType, isIP), U32(IPTTL, 64)}, {U32(EthType, isIPv6), U32(IPTTL, 255)},
		{U32(EthType, isIP), U32(IPFrag, 0)}, {U32(EthType, isIP), U32(IPFrag, 1)}, {U32(EthType, isIP), U32(IPFrag, 3)}, {U32(EthType, isIP), Masked(IPFrag, 1, 1)}, {U32(EthType, isIP), Masked(IPFrag, 0, 2)}, {U32(EthType, isIPv6), U32(IPFrag, 3)},
		{U32(EthType, isIP), U32(IPProto, 47)}, {U32(EthType, isIP), U32(IPProto, 2)}, {U32(EthType, isIPv6), U32(IPProto, 58)}, {U32(EthType, isIPv6), U32(IPProto, 6)},
		{U32(EthType, isIP), U32(TCPSrc, 80)}, {U32(EthType, isIP), U32(TCPDst, 443)}, {U32(EthType, isIPv6), Masked(TCPDst, 0x50, 0xf0)}, {U32(EthType, isIP), Masked(TCPFlags, 0x02, 0x12)}, {U32(EthType, isIP), U32(TCPFlags, 0x12)}, {U32(EthType, isIP), U32(TCPFlags, 0)},
		{U32(EthType, isIP), U32(UDPSrc, 53)}, {U32(EthType, isIPv6), U32(UDPDst, 547)}, {U32(EthType, isIP), Masked(UDPDst, 0x100, 0xff00)}, {U32(EthType, isIP), U32(SCTPSrc, 1)}, {U32(EthType, isIPv6), U32(SCTPDst, 2)},
		{U32(ICMPv4Type, 8)}, {U32(ICMPv4Type, 8), U32(ICMPv4Code, 0)}, {U32(ICMPv6Type, 128)}, {U32(ICMPv6Type, 128), U32(ICMPv6Code, 0)},
		{U32(ICMPv6Type, 135), IP(NDTarget, ip6)}, {U32(ICMPv6Type, 136), Prefix(NDTarget, net6)}, {MAC(NDSLL, mac)}, {MAC(NDTLL, mac)}, {IP(NDTarget, ip6), MAC(NDTLL, MACAddr{}), U32(ICMPv6Type, 136), U32(ICMPv6Code, 0)},
		{MACMasked(NDSLL, MACAddr{2}, half)}, {U32(ICMPv6Type, 136), U32(NDReserved, 5)}, {U32(ICMPv6Type, 135), U32(NDOptionsType, 2)},
		{U32(ARPOp, 1)}, {IP(ARPSPA, ip4)}, {Prefix(ARPTPA, net4)}, {MAC(ARPSHA, mac)}, {MACMasked(ARPTHA, MACAddr{2}, half)}, {U32(EthType, 0x8035), U32(ARPOp, 3)},
		{U64(TunID, 5001)}, {Masked(TunID, 0x500, 0xff00)}, {Masked(TunFlags, 1, 1)}, {Masked(TunFlags, 0, 1)}, {IP(TunSrc, ip4)}, {IP(TunDst, ip4)}, {Prefix(TunDst, net4)}, {IP(TunIPv6Src, ip6)}, {Prefix(TunIPv6Dst, net6)},
		{U32(TunGBPID, 5)}, {U32(TunGBPFlags, 8)}, {Masked(TunGBPID, 5, 7)}, {U32(TunMetadata0, 5)}, {U64(TunMetadata1, 5)}, {Masked(TunMetadata0, 5, 7)}, {Masked(TunMetadata0, 0x50000000, 0xf0000000)},
		{Masked(CTState, 0x21, 0x21)}, {Masked(CTState, 0x20, 0x31)}, {Masked(CTState, 0, 0x20)}, {U32(CTZone, 5)}, {U32(CTMark, 5)}, {Masked(CTMark, 4, 6)}, {U128(CTLabel, 1, 2)}, {Field{ID: CTLabel, Value: Bits{Lo: 1}, Mask: Bits{Lo: 3}}}, {U128(CTLabel, 0, 0)},
		{Masked(CTState, 0x22, 0x22), U32(EthType, isIP), IP(CTNwSrc, ip4), Prefix(CTNwDst, net4)}, {Masked(CTState, 0x22, 0x22), U32(EthType, isIPv6), IP(CTIPv6Src, ip6), Prefix(CTIPv6Dst, net6)},
		{Masked(CTState, 0x22, 0x22), U32(EthType, isIP), U32(CTNwProto, 6), U32(CTTpSrc, 5), Masked(CTTpDst, 0x50, 0xf0)},
		{U64(Metadata, 5)}, {Masked(Metadata, 5, 0xff)}, {U64(Metadata, 0)},
		{U64(XReg0, 5)}, {Masked(XReg7, 5<<32, 7<<32)}, {U128(XXReg0, 1, 2)}, {U128(XXReg3, 0, 0)}, {U32(Reg0, 0)}, {Masked(Reg1, 0, 1)},
		{U32(PacketType, 1<<16|isIP)}, {U32(PacketType, 1<<16|isIP), IP(IPv4Src, ip4)},
		{U32(Reg0, 1), U32(InPort, 2), U64(Metadata, 3), MAC(EthSrc, mac), MAC(EthDst, mac), U32(VLANVID, 0x1001), U32(VLANPCP, 2), IP(IPv4Src, ip4), IP(IPv4Dst, ip4b), U32(IPDSCP, 1), U32(IPECN, 1), U32(IPTTL, 1), U32(IPFrag, 0), U32(TCPSrc, 1), U32(TCPDst, 2), Masked(TCPFlags, 2, 2), U64(TunID, 1), IP(TunSrc, ip4), IP(TunDst, ip4), Masked(CTState, 0x22, 0x22), U32(CTZone, 1), U32(CTMark, 1), U128(CTLabel, 0, 1), U32(PktMark, 1), U32(Reg15, 1), U32(ConjID, 1)},
	}
	// Several at once, for their order.
	v6 := Match{IP(IPv6Src, ip6), IP(IPv6Dst, ip6b), U32(IPv6Label, 5), U32(IPDSCP, 1), U32(IPECN, 1), U32(IPTTL, 1), U32(IPFrag, 0)}
	all := func(more ...Field) Match { return append(v6[:len(v6):len(v6)], more...) }
	ms = append(ms,
		all(U32(UDPSrc, 1), U32(UDPDst, 2)), all(U32(SCTPSrc, 1), U32(SCTPDst, 2)), all(U32(TCPSrc, 1), U32(TCPDst, 2), Masked(TCPFlags, 2, 2)),
		all(IP(NDTarget, ip6), MAC(NDSLL, mac), U32(ICMPv6Type, 135), U32(NDReserved, 0), U32(NDOptionsType, 1)), all(IP(NDTarget, ip6), MAC(NDTLL, mac), U32(ICMPv6Type, 136), U32(NDReserved, 0), U32(NDOptionsType, 2)),
		Match{U32(ARPOp, 1), IP(ARPSPA, ip4), IP(ARPTPA, ip4), MAC(ARPSHA, mac), MAC(ARPTHA, mac), MAC(EthSrc, mac), U32(VLANVID, 0x1001)},
		Match{U32(EthType, isIP), U32(ICMPv4Type, 8), U32(ICMPv4Code, 0), U32(IPTTL, 4), U32(IPFrag, 0), U32(IPDSCP, 3), IP(IPv4Src, ip4)},
		Match{U64(TunID, 1), Masked(TunFlags, 1, 1), IP(TunSrc, ip4), IP(TunDst, ip4), U32(TunGBPID, 1), U32(TunGBPFlags, 1), U32(TunMetadata0, 5), U64(TunMetadata1, 7), U64(Metadata, 4), U32(Reg0, 4)},
		Match{U64(TunID, 1), IP(TunIPv6Src, ip6), IP(TunIPv6Dst, ip6), U32(PktMark, 3), U32(ActsetOutput, 3), U32(ConjID, 4), U32(InPort, 1)},
		Match{Masked(CTState, 0x22, 0x22), U32(EthType, isIP), IP(CTNwSrc, ip4), IP(CTNwDst, ip4), U32(CTNwProto, 6), U32(CTTpSrc, 5), U32(CTTpDst, 6), U32(CTZone, 1), U32(CTMark, 1), U128(CTLabel, 0, 1), U64(Metadata, 5)},
		Match{Masked(CTState, 0x22, 0x22), U32(EthType, isIPv6), IP(CTIPv6Src, ip6), IP(CTIPv6Dst, ip6), U32(CTNwProto, 17), U32(CTTpSrc, 5), U32(CTTpDst, 6)},
	)
	for i := range FieldID(16) {
		ms = append(ms, Match{U32(Reg0+i, uint32(i)+1)}, Match{Masked(Reg0+i, 2, 6)})
	}
	var list []sample
	for _, m := range ms {
		list = append(list, sample{m: m})
	}
	return list
}

// actionSamples has every action.
func actionSamples() []sample {
	port := uint16(80)
	reg := Part(Reg0, 0, 16)
	bit := Part(Reg3, 3, 1)
	ipm, ip6m, arpm := Match{U32(EthType, isIP)}, Match{U32(EthType, isIPv6)}, Match{U32(EthType, isARP)}
	vlan, mpls := Match{Masked(VLANVID, 0x1000, 0x1000)}, Match{U32(EthType, isMPLS)}
	tcp, udp, sctp := Match{U32(EthType, isIP), U32(IPProto, 6)}, Match{U32(EthType, isIP), U32(IPProto, 17)}, Match{U32(EthType, isIPv6), U32(IPProto, 132)}
	icmp, icmp6 := Match{U32(EthType, isIP), U32(IPProto, 1)}, Match{U32(EthType, isIPv6), U32(IPProto, 58)}
	ns, na := Match{U32(ICMPv6Type, 135), U32(ICMPv6Code, 0)}, Match{U32(ICMPv6Type, 136), U32(ICMPv6Code, 0)}
	list := []sample{
		{nil, Actions{Output(5)}}, {nil, Actions{InPortOutput(), Normal(), Flood(), Output(PortAll), Output(PortLocal)}}, {nil, Actions{OutputReg(reg)}}, {nil, Actions{OutputReg(Whole(Reg1))}},
		{nil, Actions{ToController(ControllerSpec{})}}, {nil, Actions{ToController(ControllerSpec{MaxLen: 128})}},
		{nil, Actions{ToController(ControllerSpec{MaxLen: 128, ID: 3, Reason: ReasonNoMatch})}}, {nil, Actions{ToController(ControllerSpec{Reason: ReasonInvalidTTL})}},
		{nil, Actions{ToController(ControllerSpec{UserData: "\x01\x02\x03", Pause: Paused, MeterGiven: true, Meter: 5, MaxLen: 64, ID: 2, Reason: ReasonNoMatch})}}, {nil, Actions{ToController(ControllerSpec{UserData: "12345678", Pause: Paused})}},
		{ipm, Actions{SetField(IP(IPv4Src, ip4)), SetField(IP(IPv4Dst, ip4b)), SetField(U32(IPDSCP, 46)), SetField(U32(IPECN, 1)), SetField(U32(IPTTL, 255))}},
		{ipm, Actions{SetField(Prefix(IPv4Src, net4))}},
		{ip6m, Actions{SetField(IP(IPv6Src, ip6)), SetField(IP(IPv6Dst, ip6b)), SetField(U32(IPv6Label, 5))}}, {ip6m, Actions{SetField(Prefix(IPv6Dst, net6))}},
		{arpm, Actions{SetField(U32(ARPOp, 2)), SetField(IP(ARPSPA, ip4)), SetField(IP(ARPTPA, ip4)), SetField(MAC(ARPSHA, mac)), SetField(MAC(ARPTHA, mac))}},
		{vlan, Actions{SetField(U32(VLANVID, 0x1005)), SetField(U32(VLANPCP, 3)), PopVLAN()}}, {nil, Actions{PushVLAN(0x8100), SetField(U32(VLANVID, 0x1005)), Output(1)}}, {nil, Actions{PushVLAN(0x88a8)}}, {nil, Actions{SetField(U32(VLANTCI, 0x1005))}},
		{mpls, Actions{SetField(U32(MPLSLabel, 5)), SetField(U32(MPLSTC, 3)), SetField(U32(MPLSTTL, 5)), DecMPLSTTL(), SetMPLSTTL(9), PopMPLS(isIP)}}, {ipm, Actions{DecTTL(), PushMPLS(isMPLS), SetField(U32(MPLSLabel, 7)), PushMPLS(isMPLS), Output(1)}},
		{tcp, Actions{SetField(U32(TCPSrc, 5)), SetField(U32(TCPDst, 6))}}, {udp, Actions{SetField(U32(UDPSrc, 5)), SetField(U32(UDPDst, 6))}}, {sctp, Actions{SetField(U32(SCTPSrc, 5)), SetField(U32(SCTPDst, 6))}},
		{icmp, Actions{SetField(U32(ICMPv4Type, 0)), SetField(U32(ICMPv4Code, 1))}}, {icmp6, Actions{SetField(U32(ICMPv6Type, 129)), SetField(U32(ICMPv6Code, 0))}},
		{ns, Actions{SetField(IP(NDTarget, ip6)), SetField(MAC(NDSLL, mac)), SetField(U32(NDReserved, 0x60000000)), SetField(U32(NDOptionsType, 2)), SetField(U32(ICMPv6Type, 136))}}, {na, Actions{SetField(MAC(NDTLL, mac))}},
		{nil, Actions{SetField(MAC(EthSrc, mac)), SetField(MAC(EthDst, mac)), SetField(MACMasked(EthDst, MACAddr{2}, half))}},
		{nil, Actions{SetField(U64(TunID, 5001)), SetField(IP(TunSrc, ip4)), SetField(IP(TunDst, ip4)), SetField(IP(TunIPv6Src, ip6)), SetField(IP(TunIPv6Dst, ip6)), SetField(U32(TunGBPID, 5)), SetField(U32(TunGBPFlags, 8)), SetField(U32(TunMetadata0, 5)), SetField(U64(TunMetadata1, 5))}},
		{nil, Actions{SetField(Masked(TunFlags, 1, 1))}}, {nil, Actions{SetField(Masked(TunMetadata0, 5, 0xff))}}, {nil, Actions{SetField(Masked(TunID, 5, 0xff))}},
		{nil, Actions{SetField(U32(InPort, 0))}}, {nil, Actions{SetField(U32(InPort16, 0))}}, {nil, Actions{SetField(U32(PktMark, 5)), SetField(U64(Metadata, 5)), SetField(Masked(Metadata, 5, 7))}},
		{nil, Actions{SetField(U32(Reg0, 5)), SetField(Masked(Reg1, 1, 1)), bit.Set(1), SetField(Masked(Reg2, 5, 0xf0f)), SetField(U64(XReg1, 5)), SetField(Masked(XReg2, 1<<32, 3<<32)), SetField(U128(XXReg1, 5, 6)), SetField(Field{ID: XXReg2, Value: Bits{Hi: 1}, Mask: Bits{Hi: 3}}), SetField(U32(Reg0, 0))}},
		{nil, Actions{Load(reg, 5), Load(bit, 1), Load(Whole(XReg0), 5), Load(Whole(TunID), 7), Load(Whole(Reg0), 0)}}, {ipm, Actions{Load(Whole(IPv4Src), 5)}}, {nil, Actions{Load(Part(TunID, 8, 24), 5)}},
		{nil, Actions{Move(reg, Part(Reg1, 16, 16)), Move(Whole(EthSrc), Whole(EthDst)), Move(Whole(InPort), Whole(Reg0)), Move(Whole(TunID), Whole(Metadata)), Move(Whole(TunSrc), Whole(TunDst)), Move(Whole(XXReg0), Whole(XXReg1)), Move(Part(TunMetadata0, 0, 32), Whole(Reg0))}},
		{ipm, Actions{Move(Whole(IPv4Src), Whole(IPv4Dst)), Move(Whole(IPTTL), Part(Reg0, 0, 8)), Move(Whole(CTMark), Whole(Reg0)), Move(Part(CTLabel, 0, 32), Whole(Reg1)), Move(Whole(IPDSCP), Part(Reg0, 0, 6))}}, {ip6m, Actions{Move(Whole(IPv6Src), Whole(XXReg0)), Move(Whole(IPv6Dst), Whole(IPv6Src))}},
		{arpm, Actions{Move(Whole(ARPSHA), Whole(ARPTHA)), Move(Whole(ARPSPA), Whole(ARPTPA)), Move(Whole(ARPOp), Part(Reg0, 0, 16))}}, {tcp, Actions{Move(Whole(TCPSrc), Whole(TCPDst)), Move(Whole(TCPFlags), Part(Reg0, 0, 12))}}, {ns, Actions{Move(Whole(NDTarget), Whole(IPv6Src))}},
		{nil, Actions{Push(Whole(Reg0)), Push(reg), Push(Whole(EthSrc)), Pop(Whole(EthSrc)), Pop(Part(Reg1, 16, 16)), Pop(Whole(Reg2)), Push(Whole(XXReg0)), Pop(Whole(XXReg1)), Push(Whole(Metadata)), Pop(Whole(TunID))}}, {ipm, Actions{Push(Whole(IPv4Src)), Pop(Whole(IPv4Dst))}},
		{ipm, Actions{DecTTL(), DecTTLTo(1, 2)}}, {nil, Actions{ToGroup(5)}}, {nil, Actions{SetQueue(6), Output(1), PopQueue()}},
		{nil, Actions{Resubmit(5), ResubmitFrom(7, 9), ResubmitFrom(7, 0xff), ResubmitFrom(PortInPort, 0xff)}}, {Match{U32(EthType, isIP), Masked(CTState, 0x22, 0x22), U32(CTNwProto, 6)}, Actions{ResubmitCT(5)}},
		{ipm, Actions{CT(CTSpec{}), CTClear(), CT(CTSpec{Table: ToTable(5), Zone: 7}), CT(CTSpec{ZoneFrom: reg, Table: ToTable(0)}), CT(CTSpec{Flags: CTCommit | CTForce, Zone: 1, Exec: Actions{SetField(U32(CTMark, 5)), SetField(U128(CTLabel, 1, 2)), SetField(Masked(CTMark, 1, 3)), SetField(Field{ID: CTLabel, Value: Bits{Lo: 1}, Mask: Bits{Lo: 3}}), Move(Whole(Reg0), Whole(CTMark)), Load(Whole(CTMark), 3)}})}},
		{ipm, Actions{CT(CTSpec{NAT: &NATSpec{}, Table: ToTable(3)}), CT(CTSpec{Flags: CTCommit, NAT: &NATSpec{Flags: NATSrc}}), CT(CTSpec{Flags: CTCommit, NAT: &NATSpec{Flags: NATSrc, MinAddr: ip4}}), CT(CTSpec{Flags: CTCommit, NAT: &NATSpec{Flags: NATDst | NATPersistent | NATRandom, MinAddr: ip4, MaxAddr: ip4b, MinPort: port, MaxPort: 99}}), CT(CTSpec{Flags: CTCommit, NAT: &NATSpec{Flags: NATDst | NATHash, MinAddr: ip4, MinPort: port}})}},
		{ip6m, Actions{CT(CTSpec{Flags: CTCommit, NAT: &NATSpec{Flags: NATSrc, MinAddr: ip6b}}), CT(CTSpec{Flags: CTCommit, Zone: 4, NAT: &NATSpec{Flags: NATDst, MinAddr: ip6b, MaxAddr: ip6, MinPort: 1, MaxPort: 2}, Exec: Actions{SetField(U32(CTMark, 1))}}), CT(CTSpec{Flags: CTCommit, NAT: &NATSpec{Flags: NATDst, MinAddr: ip6, MinPort: 1}})}},
		{tcp, Actions{CT(CTSpec{Flags: CTCommit, ALG: 21})}}, {udp, Actions{CT(CTSpec{Flags: CTCommit, ALG: 69, Table: ToTable(4)})}},
		{ipm, Actions{Conjunction(5, 1, 3), Conjunction(0xffffffff, 3, 3)}},
		{nil, Actions{Learn(LearnSpec{Table: 5, IdleTimeout: 5, HardTimeout: 6, FinIdleTimeout: 7, FinHardTimeout: 8, Priority: 9, Cookie: 10, Flags: LearnSendFlowRemoved | LearnDeleteLearned, Terms: []LearnTerm{
			{Kind: LearnMatch, Src: Whole(EthSrc), Dst: Whole(EthDst)}, {Kind: LearnMatch, Src: Part(VLANTCI, 0, 12), Dst: Part(VLANTCI, 0, 12)}, {Kind: LearnMatch, Value: Bits{Lo: isIP}, Dst: Whole(EthType)},
			{Kind: LearnLoad, Value: Bits{Lo: 5}, Dst: Part(Reg0, 0, 4)}, {Kind: LearnLoad, Src: Whole(Reg1), Dst: Whole(Reg2)}, {Kind: LearnLoad, Src: Whole(InPort16), Dst: reg}, {Kind: LearnOutput, Src: Whole(InPort16)},
		}})}},
		{nil, Actions{Learn(LearnSpec{Table: 3, Priority: 0x8000, Limit: 7, ResultDst: bit, Terms: []LearnTerm{{Kind: LearnMatch, Value: Bits{Lo: 5}, Dst: Whole(Reg0)}}})}}, {nil, Actions{Learn(LearnSpec{Table: 3, Priority: 0x8000, Limit: 7, Terms: []LearnTerm{{Kind: LearnMatch, Value: Bits{}, Dst: Part(Reg0, 0, 8)}, {Kind: LearnLoad, Dst: Whole(XXReg0), Value: Bits{Hi: 1, Lo: 2}}}})}},
		{ipm, Actions{Learn(LearnSpec{Table: 3, Priority: 1, Terms: []LearnTerm{{Kind: LearnMatch, Value: Bits{Lo: isIP}, Dst: Whole(EthType)}, {Kind: LearnMatch, Src: Whole(IPv4Src), Dst: Whole(IPv4Dst)}, {Kind: LearnMatch, Dst: Whole(IPv4Src), Value: Bits{Lo: 0x0a000001}}, {Kind: LearnMatch, Dst: Whole(EthSrc), Value: Bits{Lo: 0x0a0000010203}}}})}},
		{nil, Actions{Multipath(MultipathSpec{Fields: HashSymmetricL4, Basis: 50, Algorithm: HRW, Links: 12}, reg), Multipath(MultipathSpec{Fields: HashSymmetricL3L4UDP, Links: 3, Arg: 7, Algorithm: IterHash}, Whole(Reg1))}},
		{nil, Actions{BundleOutput(BundleSpec{Fields: HashEthSrc, Algorithm: BundleHRW, Members: []uint16{1, 2}}), BundleLoad(BundleSpec{Fields: HashSymmetricL4, Basis: 60, Members: []uint16{4, 8, 9, 1, 3}}, Whole(Reg0))}},
		{nil, Actions{Note("123456"), Note("\x01"), Note(""), Note("1234567")}}, {nil, Actions{Clone(SetField(U32(Reg0, 5)), Output(5), Clone(Output(6))), Clone()}},
		{nil, Actions{CheckPktLarger(1500, bit)}}, {nil, Actions{Sample(SampleSpec{Probability: 5, CollectorSet: 1, ObsDomain: 2, ObsPoint: 3}), Sample(SampleSpec{Probability: 5, SamplingPort: 4, Direction: SampleEgress}), Sample(SampleSpec{Probability: 5, SamplingPort: 4, Direction: SampleIngress})}},
		{tcp, Actions{FinTimeout(5, 6)}}, {nil, Actions{Exit()}}, {ip6m, Actions{CT(CTSpec{Flags: CTCommit, NAT: &NATSpec{Flags: NATSrc, MinAddr: ip6b, MaxAddr: ip6}})}}, {nil, Actions{Learn(LearnSpec{Table: 1, Priority: 1, Terms: []LearnTerm{{Kind: LearnLoad, Dst: Whole(Reg0)}, {Kind: LearnMatch, Dst: Whole(Reg1)}}})}}, {Match{U32(TunMetadata0, 5)}, Actions{DeleteField(Part(TunMetadata0, 0, 32))}},
		{nil, Actions{Encap(0), Encap(1<<16 | isMPLS), Decap(), DecapTo(0)}}, {Match{U32(PacketType, 1<<16|isIP)}, Actions{Encap(0), SetField(MAC(EthDst, mac)), Output(1)}},
		{nil, Actions{Goto(20)}}, {nil, Actions{Output(3), Goto(20)}}, {nil, Actions{WriteMetadata(5, 7), Goto(20)}}, {nil, Actions{WriteMetadata(5, ^uint64(0))}}, {nil, Actions{SetField(U32(Reg0, 1)), ClearActions(), WriteActions(SetField(U32(Reg1, 1)), Output(5)), WriteMetadata(1, 1), Goto(9)}}, {nil, Actions{ToMeter(5), Output(6)}}, {nil, Actions{ToMeter(5)}},
	}
	return list
}

// TestCanonicalFormIsTheSwitchsOwn installs every match field and every action through a bundle, and compares what the switch
// reports with our bytes, and what ovs-ofctl prints with our words.
func TestCanonicalFormIsTheSwitchsOwn(t *testing.T) {
	s := startOVS(t)
	s.vsctl(t, "add-port", bridge, "gre0", "--", "set", "interface", "gre0", "type=gre", "options:remote_ip=flow", "options:key=flow")
	c := s.connect(t, of.ConnConfig{})
	ctx := context.Background()
	if _, err := c.Send(ctx, func(b []byte, xid uint32) []byte {
		return of.AppendTLVTableMod(b, xid, of.TLVAdd, []of.TLV{{Class: 0x102, Option: 0x80, Length: 4, Index: 0}, {Class: 0x102, Option: 0x81, Length: 8, Index: 1}})
	}); err != nil {
		t.Fatal(err)
	}
	meter, err := NewMeter(5, MeterKbps, []Band{{Rate: 100}})
	if err != nil {
		t.Fatal(err)
	}
	group, err := NewGroup(5, All, []Bucket{{Actions: Actions{Output(5)}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Bundle(ctx, []of.Mod{of.AddMeter(meter), of.AddGroup(group)}); err != nil {
		t.Fatal(err)
	}
	for i, x := range append(matchSamples(), actionSamples()...) {
		table := uint8(i % 2)
		f, err := New(table, uint16(i)+1, x.m, x.do)
		if err != nil {
			t.Errorf("%v actions=%v: %v", x.m, x.do, err)
			continue
		}
		f.Cookie = Cookie(1, f.Table, f.Priority, f.Match, f.Instructions)
		t.Run(strings.ReplaceAll(f.String(), "/", "_"), func(t *testing.T) { sameOnSwitch(t, s, c, f) })
	}
}

func sameOnSwitch(t *testing.T, s *ovs, c *of.Conn, f Flow) {
	ctx := context.Background()
	if err := c.Bundle(ctx, []of.Mod{of.AddFlow(f)}); err != nil {
		t.Fatalf("%v\nmatch %s\ninstructions %s", err, hex.EncodeToString([]byte(f.Match)), hex.EncodeToString([]byte(f.Instructions)))
	}
	var got []Flow
	if err := c.Dump(ctx, of.EveryFlow(), func(s *of.FlowStats) error {
		got = append(got, s.Flow())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("%d flows", len(got))
	}
	if got[0].Match != f.Match {
		t.Errorf("match: the switch has\n%s, we\n%s", hex.EncodeToString([]byte(got[0].Match)), hex.EncodeToString([]byte(f.Match)))
	}
	if got[0].Instructions != f.Instructions {
		t.Errorf("instructions: the switch has\n%s, we\n%s", hex.EncodeToString([]byte(got[0].Instructions)), hex.EncodeToString([]byte(f.Instructions)))
	}
	if got[0].Cookie != f.Cookie || got[0].Table != f.Table || got[0].Priority != f.Priority {
		t.Errorf("the switch has %+v, we %+v", got[0], f)
	}
	if lines := s.dump(t); !slices.Equal(lines, []string{f.String()}) {
		t.Errorf("ovs-ofctl prints\n%s, we\n%s", strings.Join(lines, "\n"), f)
	}
	if err := c.Bundle(ctx, []of.Mod{of.DeleteFlowStrict(got[0].Key)}); err != nil {
		t.Fatal(err)
	}
}
