package sim

import (
	"net/netip"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Few values, so that flows and frames meet.
var (
	macs   = []flow.MACAddr{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, {0x33, 0x33, 0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	addrs4 = []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.1.1")}
	addrs6 = []netip.Addr{netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2"), netip.MustParseAddr("fe80::1:ff00:1")}
	l4s    = []uint32{1, 80, 65535}
	vids   = []uint32{1, 100}
)

// world is the values that generated frames have.
type world struct {
	macs           []flow.MACAddr
	addrs4, addrs6 []netip.Addr
	l4s            []uint32
	options        int // percent of the IPv6 packets that have an extension header
}

func few() world { return world{macs, addrs4, addrs6, l4s, 20} }

type kindOf uint8

const (
	anyKind kindOf = iota
	arpKind
	v4Kind
	v6Kind
	tcp4Kind
	udp4Kind
	icmp4Kind
	tcp6Kind
	udp6Kind
	nsKind
	naKind
	tagKind
	kinds
)

// chance is true in so many of a hundred cases.
func chance(rt *rapid.T, percent int, what string) bool {
	return rapid.IntRange(0, 99).Draw(rt, what) < percent
}

func of[T any](rt *rapid.T, what string, all ...T) T { return rapid.SampledFrom(all).Draw(rt, what) }

// fieldsOf returns fields that a flow for such packets may match and set.
func fieldsOf(rt *rapid.T, k kindOf) (base flow.Match, more []flow.Field) {
	mac := func(id flow.FieldID) flow.Field { return flow.MAC(id, of(rt, "mac", macs...)) }
	v4 := func(id flow.FieldID) flow.Field { return flow.IP(id, of(rt, "addr", addrs4...)) }
	v6 := func(id flow.FieldID) flow.Field { return flow.IP(id, of(rt, "addr", addrs6...)) }
	num := func(id flow.FieldID) flow.Field { return flow.U32(id, of(rt, "port", l4s...)) }
	more = []flow.Field{mac(flow.EthSrc), mac(flow.EthDst), flow.U32(flow.Reg0, 5), flow.Masked(flow.Reg1, 3, 0xff), flow.U64(flow.Metadata, 1<<40)}
	ip := []flow.Field{flow.U32(flow.IPTTL, 64), flow.U32(flow.IPDSCP, 46), flow.U32(flow.IPECN, 1)}
	typ := func(n uint32) flow.Match { return flow.Match{flow.U32(flow.EthType, n)} }
	proto := func(typ, n uint32) flow.Match {
		return flow.Match{flow.U32(flow.EthType, typ), flow.U32(flow.IPProto, n)}
	}
	nd := []flow.Field{v6(flow.IPv6Src), v6(flow.IPv6Dst), v6(flow.NDTarget)}
	switch k {
	case tagKind:
		return flow.Match{flow.Masked(flow.VLANVID, vlanThis, vlanThis)}, append(more,
			flow.U32(flow.VLANVID, vlanThis|of(rt, "vid", vids...)), flow.U32(flow.VLANPCP, 3))
	case arpKind:
		return typ(ethARP), append(more, flow.U32(flow.ARPOp, 1), v4(flow.ARPSPA), v4(flow.ARPTPA), mac(flow.ARPSHA), mac(flow.ARPTHA))
	case v4Kind:
		return typ(ethIPv4), append(append(more, ip...), v4(flow.IPv4Src), v4(flow.IPv4Dst))
	case v6Kind:
		return typ(ethIPv6), append(append(more, ip...), v6(flow.IPv6Src), v6(flow.IPv6Dst), flow.U32(flow.IPv6Label, 7))
	case tcp4Kind:
		return proto(ethIPv4, protoTCP), append(more, v4(flow.IPv4Src), v4(flow.IPv4Dst), num(flow.TCPSrc), num(flow.TCPDst))
	case udp4Kind:
		return proto(ethIPv4, protoUDP), append(more, v4(flow.IPv4Src), v4(flow.IPv4Dst), num(flow.UDPSrc), num(flow.UDPDst))
	case icmp4Kind:
		return proto(ethIPv4, protoICMP), append(more, v4(flow.IPv4Src), flow.U32(flow.ICMPv4Type, 8), flow.U32(flow.ICMPv4Code, 0))
	case tcp6Kind:
		return proto(ethIPv6, protoTCP), append(more, v6(flow.IPv6Src), v6(flow.IPv6Dst), num(flow.TCPSrc), num(flow.TCPDst))
	case udp6Kind:
		return proto(ethIPv6, protoUDP), append(more, v6(flow.IPv6Src), v6(flow.IPv6Dst), num(flow.UDPSrc), num(flow.UDPDst))
	case nsKind:
		return append(proto(ethIPv6, protoICMPv6), flow.U32(flow.ICMPv6Type, 135), flow.U32(flow.ICMPv6Code, 0)), append(more, append(nd, mac(flow.NDSLL))...)
	case naKind:
		return append(proto(ethIPv6, protoICMPv6), flow.U32(flow.ICMPv6Type, 136), flow.U32(flow.ICMPv6Code, 0)), append(more, append(nd, mac(flow.NDTLL))...)
	}
	return nil, append(more, flow.U32(flow.InPort, of(rt, "in_port", ports...)))
}

const lastTable = 3

// generateFlows makes flows of different priorities, so that which one wins is certain.
func generateFlows(rt *rapid.T) (all []flow.Flow) {
	priority := uint16(1)
	for table := range uint8(lastTable + 1) {
		n := rapid.IntRange(1, 5).Draw(rt, "flows")
		for i := range n {
			k := kindOf(rapid.IntRange(0, int(kinds)-1).Draw(rt, "kind"))
			m, more := fieldsOf(rt, k)
			if i == 0 { // what no other flow wants
				m, k = nil, anyKind
			}
			for _, f := range more {
				if i > 0 && chance(rt, 18, "match") {
					m = append(m, loosen(rt, f))
				}
			}
			if f, err := flow.New(table, priority, m, generateActions(rt, table, k)); err == nil {
				all = append(all, f)
			}
			priority++
		}
	}
	return all
}

// loosen drops some mask bits of a field.
func loosen(rt *rapid.T, f flow.Field) flow.Field {
	if !f.ID.Maskable() || chance(rt, 70, "exact") {
		return f
	}
	keep := low(f.ID.Bits()).And(low(rapid.IntRange(0, f.ID.Bits()-1).Draw(rt, "masked")).Not())
	f.Mask = f.Mask.And(keep)
	f.Value = f.Value.And(f.Mask)
	return f
}

func generateActions(rt *rapid.T, table uint8, k kindOf) (do flow.Actions) {
	for range rapid.IntRange(1, 4).Draw(rt, "actions") {
		do = append(do, generateAction(rt, table, k))
	}
	if table < lastTable && chance(rt, 30, "goto") {
		do = append(do, flow.Goto(table+1))
	}
	return do
}

func generateAction(rt *rapid.T, table uint8, k kindOf) flow.Action {
	_, fields := fieldsOf(rt, k)
	reg := flow.Sub{ID: flow.Reg2, Off: 4, Len: 16}
	switch rapid.IntRange(0, 13).Draw(rt, "action") {
	case 0, 1, 2:
		return flow.Output(of(rt, "out", ports...))
	case 3:
		return flow.InPortOutput()
	case 4, 5:
		if f := of(rt, "field", fields...); f.ID.Writable() && f.ID != flow.InPort {
			return flow.SetField(loosen(rt, f))
		}
		return flow.Flood()
	case 6:
		if table < lastTable {
			return flow.Resubmit(table + 1)
		}
		return flow.Output(2)
	case 7:
		return flow.Load(reg, uint64(of(rt, "out", ports...)))
	case 8:
		return flow.OutputReg(reg)
	case 9:
		return flow.Clone(flow.SetField(flow.MAC(flow.EthDst, macs[0])), flow.Output(of(rt, "out", ports...)))
	case 10:
		if k == v4Kind || k == v6Kind || k == tcp4Kind || k == udp6Kind {
			return flow.DecTTL()
		}
		return flow.Move(flow.Whole(flow.EthSrc), flow.Whole(flow.EthDst))
	case 11:
		if k == arpKind {
			return flow.Move(flow.Whole(flow.ARPSPA), flow.Whole(flow.ARPTPA))
		}
		return flow.Move(flow.Sub{ID: flow.EthSrc, Len: 16}, flow.Sub{ID: flow.Reg2, Off: 4, Len: 16})
	case 12:
		if k == tagKind {
			return flow.PopVLAN()
		}
		return flow.CheckPktLarger(100, flow.Sub{ID: flow.Reg0, Off: 3, Len: 1})
	}
	return flow.Push(flow.Whole(flow.EthDst))
}

// generateFrame makes a frame of 100 bytes or more which ends, behind what IP calls its own, with a number.
func (w world) generateFrame(rt *rapid.T, id uint32) []byte {
	var b []byte
	dst, src := of(rt, "dst", w.macs...), of(rt, "src", w.macs[:2]...)
	b = append(append(b, dst[:]...), src[:]...)
	if chance(rt, 25, "tag") {
		b = be.AppendUint16(be.AppendUint16(b, ethVLAN), uint16(of(rt, "vid", vids...))|uint16(of[uint32](rt, "pcp", 0, 3))<<13)
	}
	switch rapid.IntRange(0, 9).Draw(rt, "what") {
	case 0:
		b = be.AppendUint16(b, 0x88b5)
	case 1, 2:
		b = w.generateARP(rt, b)
	case 3, 4, 5:
		b = w.generateIPv4(rt, b)
	case 6, 7, 8:
		b = w.generateIPv6(rt, b)
	case 9: // broken somewhere
		b = w.generateIPv4(rt, b)
		b[rapid.IntRange(12, len(b)-1).Draw(rt, "where")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
	}
	for len(b) < 96 {
		b = append(b, 0)
	}
	return be.AppendUint32(b, id)
}

func (w world) generateARP(rt *rapid.T, b []byte) []byte {
	b = append(be.AppendUint16(b, ethARP), "\x00\x01\x08\x00\x06\x04"...)
	b = be.AppendUint16(b, of[uint16](rt, "op", 1, 2))
	for _, what := range []string{"sender", "target"} {
		m := of(rt, what, w.macs...)
		b = append(append(b, m[:]...), of(rt, what, w.addrs4...).AsSlice()...)
	}
	return b
}

func (w world) generateIPv4(rt *rapid.T, b []byte) []byte {
	l4, proto := w.generateL4(rt, protoICMP)
	later := of[byte](rt, "later", 0, 0, 0, 0, 0, 0, 9)
	if later != 0 {
		proto = 47 // of others, Open vSwitch 3.1 "mends" a checksum that is not there when it changes an address
	}
	b = be.AppendUint16(b, ethIPv4)
	at := len(b)
	b = append(b, 0x45, of[byte](rt, "tos", 0, 0xb9))
	b = be.AppendUint16(b, uint16(20+len(l4)))
	b = append(b, 0, 1, of[byte](rt, "fragment", 0, 0, 0, 0, 0, 0, 0x20, 0x40), later)
	b = append(b, of[byte](rt, "ttl", 1, 2, 64), proto, 0, 0)
	b = append(append(b, of(rt, "src", w.addrs4...).AsSlice()...), of(rt, "dst", w.addrs4...).AsSlice()...)
	be.PutUint16(b[at+10:], ^ones(b[at:]))
	from := len(b)
	b = append(b, l4...)
	finish(b, b[at+12:at+20], from, proto)
	return b
}

func (w world) generateIPv6(rt *rapid.T, b []byte) []byte {
	l4, proto := w.generateL4(rt, protoICMPv6)
	b = be.AppendUint16(b, ethIPv6)
	var options []byte
	next := proto
	if chance(rt, w.options, "options") {
		options, next = []byte{proto, 0, 1, 4, 0, 0, 0, 0}, 60
	}
	at := len(b)
	b = be.AppendUint32(b, 0x60000000|of[uint32](rt, "class", 0, 0x0b900007))
	b = append(be.AppendUint16(b, uint16(len(options)+len(l4))), next, of[byte](rt, "ttl", 1, 2, 64))
	b = append(append(b, of(rt, "src", w.addrs6...).AsSlice()...), of(rt, "dst", w.addrs6...).AsSlice()...)
	b = append(b, options...)
	from := len(b)
	b = append(b, l4...)
	finish(b, b[at+8:at+40], from, proto)
	return b
}

// generateL4 makes a transport header with data and without a checksum.
func (w world) generateL4(rt *rapid.T, icmp byte) (b []byte, proto byte) {
	src, dst := uint16(of(rt, "sport", w.l4s...)), uint16(of(rt, "dport", w.l4s...))
	data := make([]byte, rapid.IntRange(0, 40).Draw(rt, "data"))
	switch proto = of(rt, "proto", protoTCP, protoUDP, icmp, icmp, 47); proto {
	case protoTCP:
		b = be.AppendUint16(be.AppendUint16(nil, src), dst)
		b = append(b, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, of[byte](rt, "flags", 2, 16, 18), 1, 0, 0, 0, 0, 0)
	case protoUDP:
		b = be.AppendUint16(be.AppendUint16(nil, src), dst)
		b = append(be.AppendUint16(b, uint16(8+len(data))), 0, 0)
	case protoICMP:
		b = append(b, of[byte](rt, "type", 8, 0, 3), of[byte](rt, "code", 0, 1), 0, 0, 0, byte(src), 0, 1)
	case protoICMPv6:
		b = append(b, of[byte](rt, "type", 135, 136, 128), 0, 0, 0, 0x60, 0, 0, byte(src))
		b = append(b, of(rt, "target", w.addrs6...).AsSlice()...)
		m := of(rt, "lla", w.macs...)
		b = append(append(b, of[byte](rt, "option", 1, 2), 1), m[:]...)
		return b, proto
	}
	return append(b, data...), proto
}

// finish fills in the transport checksum.
func finish(b, addrs []byte, from int, proto byte) {
	at := map[byte]int{protoTCP: 16, protoUDP: 6, protoICMP: 2, protoICMPv6: 2}[proto]
	if at == 0 {
		return
	}
	sum := uint32(ones(b[from:]))
	if proto != protoICMP {
		sum += uint32(ones(addrs)) + uint32(proto) + uint32(len(b)-from)
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	if sum = ^sum & 0xffff; sum == 0 && proto == protoUDP {
		sum = 0xffff
	}
	be.PutUint16(b[from+at:], uint16(sum))
}
