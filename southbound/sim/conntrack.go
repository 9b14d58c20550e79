package sim

import (
	"fmt"
	"net/netip"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// Bits of ct_state (ovs-fields(7)).
const (
	ctNew         = 1 << 0
	ctEstablished = 1 << 1
	ctReply       = 1 << 3
	ctInvalid     = 1 << 4
	ctTracked     = 1 << 5
)

// tuple5 is one direction of a connection.
type tuple5 struct {
	zone             uint16
	proto            uint8
	src, dst         netip.Addr
	srcPort, dstPort uint16 // of ICMP: the identifier, twice
	icmp             uint8  // of ICMP: the type
}

func (t tuple5) reverse() tuple5 {
	t.src, t.dst, t.srcPort, t.dstPort = t.dst, t.src, t.dstPort, t.srcPort
	switch t.proto {
	case protoICMP:
		t.icmp ^= 8 // 0 answers 8
	case protoICMPv6:
		t.icmp ^= 1 // 129 answers 128
	}
	return t
}

// connection is one that was committed.
type connection struct {
	original tuple5
	reply    tuple5 // what answers look like: the reverse of original, unless it is translated
	way      uint64 // in which it is translated: bits of ct_state
	answered bool
	mark     flow.Bits
	label    flow.Bits
}

// tracker remembers connections. It keeps no time, looks at no TCP sequence numbers and forgets nothing by itself.
type tracker map[tuple5]*connection

var ctFields = [...]flow.FieldID{
	flow.CTState, flow.CTZone, flow.CTMark, flow.CTLabel, flow.CTNwSrc, flow.CTNwDst, flow.CTIPv6Src, flow.CTIPv6Dst,
	flow.CTNwProto, flow.CTTpSrc, flow.CTTpDst,
}

func (p *packet) clearCT() {
	for _, id := range ctFields {
		p.vals[id] = flow.Bits{}
	}
}

// tuple returns the packet's direction, and false for what cannot be tracked.
func (p *packet) tuple(zone uint16) (tuple5, bool) {
	t := tuple5{zone: zone, proto: p.proto}
	if p.l3 == 0 || p.l4 == 0 || p.lo(flow.IPFrag) != 0 {
		return t, false
	}
	switch p.lo(flow.EthType) {
	case ethIPv4:
		t.src, _ = netip.AddrFromSlice(p.frame[p.l3+12 : p.l3+16])
		t.dst, _ = netip.AddrFromSlice(p.frame[p.l3+16 : p.l3+20])
	case ethIPv6:
		t.src, _ = netip.AddrFromSlice(p.frame[p.l3+8 : p.l3+24])
		t.dst, _ = netip.AddrFromSlice(p.frame[p.l3+24 : p.l3+40])
	default:
		return t, false
	}
	b := p.frame[p.l4:p.end]
	switch p.proto {
	case protoTCP, protoUDP, protoSCTP:
		t.srcPort, t.dstPort = be.Uint16(b), be.Uint16(b[2:])
		return t, true
	case protoICMP, protoICMPv6:
		if !isEcho(p.proto, b[0]) || b[1] != 0 { // another code than 0 is none
			return t, false
		}
		t.srcPort, t.dstPort, t.icmp = be.Uint16(b[4:]), be.Uint16(b[4:]), b[0]
		return t, true
	}
	return t, false
}

func isEcho(proto, typ uint8) bool {
	if proto == protoICMP {
		return typ == 0 || typ == 8
	}
	return typ == 128 || typ == 129
}

// opens says whether a packet may be the first of a connection.
func (p *packet) opens() bool {
	b := p.frame[p.l4:p.end]
	switch p.proto {
	case protoTCP:
		const fin, syn, rst, psh, ack, urg = 1, 2, 4, 8, 16, 32
		switch f := be.Uint16(b[12:]); {
		case f&syn != 0:
			return f&(rst|fin|ack|psh|urg) == 0
		case f&ack == 0:
			return f&rst != 0 && f&(fin|psh|urg) == 0 // Open vSwitch takes a reset for one
		}
		return true
	case protoICMP:
		return b[0] == 8
	case protoICMPv6:
		return b[0] == 128
	}
	return true
}

// track passes a packet through connection tracking, and translates it. As in Open vSwitch, a packet that was translated in a zone
// is not translated there once more, until it is forgotten that it was (ct_clear). Neighbour discovery and ICMP errors are invalid here, the latter where Open
// vSwitch would say related. The error is of a translation that changes nothing: Open vSwitch 3.1 aborts when packets of such a connection
// return after it has ended.
func (k tracker) track(p *packet, t *tracking, zone uint16, exec func(*packet)) error {
	before := p.lo(flow.CTState) & (ctSNAT | ctDNAT)
	if p.lo(flow.CTZone) != uint64(zone) {
		before = 0
	}
	p.clearCT()
	p.is(flow.CTZone, uint64(zone))
	dir, ok := p.tuple(zone)
	if !ok || !p.sound() {
		p.is(flow.CTState, ctTracked|ctInvalid)
		return nil
	}
	c, state := k[dir], uint64(ctTracked)
	switch {
	case c == nil && !p.opens():
		p.is(flow.CTState, ctTracked|ctInvalid)
		return nil
	case c != nil && dir != c.original && t.force:
		delete(k, c.original)
		delete(k, c.reply)
		c, state = nil, state|ctNew
	case c == nil:
		state |= ctNew
	case dir != c.original:
		c.answered = true
		state |= ctEstablished | ctReply
	case c.answered:
		state |= ctEstablished
	default:
		state |= ctNew
	}
	if c == nil {
		c = &connection{original: dir, reply: dir.reverse()}
		if t.commit {
			var free bool
			if c.reply, free = k.answer(dir, t.nat); !free {
				p.is(flow.CTState, state)
				return nil // it goes on as it is
			}
			c.way = t.nat.state()
			if c.way != 0 && c.reply == dir.reverse() {
				return fmt.Errorf("a connection from %s to %s is translated to what it is", dir.src, dir.dst)
			}
			k[dir], k[c.reply] = c, c
		}
	}
	p.vals[flow.CTMark], p.vals[flow.CTLabel] = c.mark, c.label
	if t.commit {
		exec(p)
		c.mark, c.label = p.vals[flow.CTMark], p.vals[flow.CTLabel]
	}
	if way := c.way; t.nat != nil && way != 0 && before == 0 {
		if dir == c.original {
			p.rewrite(c.reply.reverse())
		} else {
			p.rewrite(c.original.reverse())
			way ^= ctSNAT | ctDNAT // what was the source is the destination of an answer
		}
		state |= way
	}
	p.is(flow.CTState, state|before)
	p.describe(c.original)
	return nil
}

// forget drops the connections that look as asked.
func (k tracker) forget(q openflow.CTFlushRequest) {
	for _, c := range k {
		zone, proto := !bool(q.ZoneGiven) || c.original.zone == q.Zone, q.Proto == 0 || c.original.proto == q.Proto
		if zone && proto && c.original.fits(q.Orig) && c.reply.fits(q.Reply) {
			delete(k, c.original)
			delete(k, c.reply)
		}
	}
}

// fits tells whether a direction looks as asked; what is not valid or zero is not looked at.
func (t tuple5) fits(q openflow.CTTuple) bool {
	return (!q.Src.IsValid() || q.Src == t.src) && (!q.Dst.IsValid() || q.Dst == t.dst) &&
		(q.SrcPort == 0 || q.SrcPort == t.srcPort) && (q.DstPort == 0 || q.DstPort == t.dstPort)
}

// describe fills in the fields of the connection's original direction.
func (p *packet) describe(t tuple5) {
	src, dst := t.src.AsSlice(), t.dst.AsSlice()
	if t.src.Is4() {
		p.vals[flow.CTNwSrc], p.vals[flow.CTNwDst] = number(src), number(dst)
	} else {
		p.vals[flow.CTIPv6Src], p.vals[flow.CTIPv6Dst] = number(src), number(dst)
	}
	p.is(flow.CTNwProto, uint64(t.proto))
	if t.proto == protoICMP || t.proto == protoICMPv6 {
		typ, code := uint64(8), uint64(0)
		if t.proto == protoICMPv6 {
			typ = 128
		}
		p.is(flow.CTTpSrc, typ)
		p.is(flow.CTTpDst, code)
		return
	}
	p.is(flow.CTTpSrc, uint64(t.srcPort))
	p.is(flow.CTTpDst, uint64(t.dstPort))
}

// sound says whether the checksums are right; connection tracking believes no others.
func (p *packet) sound() bool {
	if p.lo(flow.EthType) == ethIPv4 && ones(p.frame[p.l3:p.l3+int(p.frame[p.l3]&15)*4]) != 0xffff {
		return false
	}
	if p.proto == protoSCTP {
		return true
	}
	at := p.sum()
	if at == 0 {
		return p.proto == protoUDP
	}
	var sum uint32
	if p.proto != protoICMP {
		from := p.l3 + 12
		if p.lo(flow.EthType) == ethIPv6 {
			from = p.l3 + 8
		}
		to := from + 8
		if p.lo(flow.EthType) == ethIPv6 {
			to = from + 32
		}
		sum = uint32(ones(p.frame[from:to])) + uint32(p.proto) + uint32(p.end-p.l4)
	}
	sum += uint32(ones(p.frame[p.l4:p.end]))
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return sum == 0xffff
}
