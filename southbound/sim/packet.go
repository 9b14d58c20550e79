package sim

import (
	"encoding/binary"

	"github.com/weft-sdn/weft/southbound/flow"
)

var be = binary.BigEndian

// Numbers of headers that the parser knows.
const (
	ethVLAN  = 0x8100
	ethQinQ  = 0x88a8
	ethIPv4  = 0x0800
	ethARP   = 0x0806
	ethRARP  = 0x8035
	ethIPv6  = 0x86dd
	ethNoLLC = 0x05ff // what Open vSwitch says of a frame that has no Ethernet type

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132

	ethHead  = 14
	vlanHead = 4
	vlanThis = 0x1000 // in VLANVID: there is a tag
)

// What ip_frag says: a fragment, and one that is not the first.
const (
	fragAny   = 1
	fragLater = 2
)

// packet is a frame with what the pipeline knows of it.
//
// Invariant: a field that the frame has is the same in vals and in frame: who writes one calls store.
type packet struct {
	vals   [flow.Metadata + 1]flow.Bits
	frame  []byte
	tags   int  // VLAN tags that were seen: none or one
	labels int  // of a label stack, as many as Open vSwitch sees
	bare   bool // it begins with a label stack, and has no Ethernet header
	l3     int  // where the header is; 0: none, or broken
	l4     int
	end    int // of what the IP header says is its own
	proto  uint8
	lla    int // where the link-layer address option of neighbour discovery is; 0: none
	stack  []flow.Bits
}

func (p *packet) is(id flow.FieldID, v uint64) { p.vals[id] = flow.Bits{Lo: v} }

func (p *packet) lo(id flow.FieldID) uint64 { return p.vals[id].Lo }

// clone copies the packet so that each copy can be changed.
func (p *packet) clone() *packet {
	c := *p
	c.frame = append(make([]byte, 0, len(p.frame)+vlanHead), p.frame...)
	c.stack = append([]flow.Bits(nil), p.stack...)
	return &c
}

// parse reads the headers of the frame, stopping, as Open vSwitch does, where one is cut short or contradicts itself.
func (p *packet) parse() {
	b := p.frame
	if len(b) < ethHead {
		return
	}
	p.vals[flow.EthDst] = number(b[0:6])
	p.vals[flow.EthSrc] = number(b[6:12])
	typ, at := be.Uint16(b[12:]), ethHead
	if (typ == ethVLAN || typ == ethQinQ) && len(b) >= at+vlanHead {
		tci := be.Uint16(b[at:])
		p.tags = 1
		p.is(flow.VLANVID, uint64(tci&0xfff|vlanThis))
		p.is(flow.VLANPCP, uint64(tci>>13))
		typ, at = be.Uint16(b[at+2:]), at+vlanHead
	}
	if typ < 0x600 {
		typ, at = snap(b, at)
	}
	p.is(flow.EthType, uint64(typ))
	switch typ {
	case ethIPv4:
		p.parseIPv4(at)
	case ethIPv6:
		p.parseIPv6(at)
	case ethARP, ethRARP:
		p.parseARP(at)
	case ethMPLS, ethMPLSMulticast:
		p.parseLabels(at)
	}
}

// snap finds the Ethernet type behind an LLC header.
func snap(b []byte, at int) (typ uint16, next int) {
	const head = "\xaa\xaa\x03\x00\x00\x00"
	if len(b) >= at+8 && string(b[at:at+6]) == head {
		if typ = be.Uint16(b[at+6:]); typ >= 0x600 {
			return typ, at + 8
		}
	}
	return ethNoLLC, at
}

func (p *packet) parseIPv4(at int) {
	b := p.frame[at:]
	if len(b) < 20 {
		return
	}
	head, total := int(b[0]&15)*4, int(be.Uint16(b[2:]))
	if head < 20 || len(b) < head || total > len(b) || head > total || len(b)-total > 0xffff {
		return
	}
	p.l3, p.end, p.proto = at, at+total, b[9]
	p.vals[flow.IPv4Src] = number(b[12:16])
	p.vals[flow.IPv4Dst] = number(b[16:20])
	p.ipCommon(b[1], b[8])
	if frag := be.Uint16(b[6:]); frag&0x3fff != 0 {
		p.is(flow.IPFrag, fragAny)
		if frag&0x1fff != 0 {
			p.is(flow.IPFrag, fragAny|fragLater)
			return
		}
		p.l4 = at + head
		return
	}
	p.parseL4(at + head)
}

// ipCommon is what both versions of IP have.
func (p *packet) ipCommon(tos, ttl byte) {
	p.is(flow.IPDSCP, uint64(tos>>2))
	p.is(flow.IPECN, uint64(tos&3))
	p.is(flow.IPTTL, uint64(ttl))
	p.is(flow.IPProto, uint64(p.proto))
}

func (p *packet) parseIPv6(at int) {
	b := p.frame[at:]
	if len(b) < 40 {
		return
	}
	total := 40 + int(be.Uint16(b[4:]))
	if total > len(b) || len(b)-total > 0xffff {
		return
	}
	next, l4, frag, ok := extensions(b[:total])
	if !ok {
		return
	}
	p.l3, p.end, p.proto = at, at+total, next
	p.vals[flow.IPv6Src] = number(b[8:24])
	p.vals[flow.IPv6Dst] = number(b[24:40])
	p.is(flow.IPv6Label, uint64(be.Uint32(b)&0xfffff))
	p.ipCommon(byte(be.Uint16(b)>>4), b[7])
	p.is(flow.IPFrag, uint64(frag))
	switch {
	case frag&fragLater != 0:
	case frag != 0:
		p.l4 = at + l4
	default:
		p.parseL4(at + l4)
	}
}

// extensions walks over the extension headers (RFC 8200 section 4).
func extensions(b []byte) (next byte, at int, frag uint8, ok bool) {
	next, at = b[6], 40
	for {
		var size int
		switch next {
		case 0, 43, 60, 135: // hop by hop, routing, destination, mobility
			if len(b) < at+8 {
				return 0, 0, 0, false
			}
			size = 8 + 8*int(b[at+1])
		case 51: // authentication
			if len(b) < at+8 {
				return 0, 0, 0, false
			}
			size = 8 + 4*int(b[at+1])
		case 44:
			if len(b) < at+8 {
				return 0, 0, 0, false
			}
			size = 8
			if word := be.Uint16(b[at+2:]); word&0xfff9 != 0 {
				frag = fragAny
				if word&0xfff8 != 0 {
					return b[at], at + 8, fragAny | fragLater, true
				}
			}
		default:
			return next, at, frag, true
		}
		if len(b) < at+size {
			return 0, 0, 0, false
		}
		next, at = b[at], at+size
	}
}

// parseL4 reads the transport header of a packet that is whole.
func (p *packet) parseL4(at int) {
	p.l4 = at
	b := p.frame[at:p.end]
	ports := func(src, dst flow.FieldID) {
		p.vals[src], p.vals[dst] = number(b[0:2]), number(b[2:4])
	}
	v4 := p.lo(flow.EthType) == ethIPv4
	switch {
	case p.proto == protoTCP && len(b) >= 20:
		ports(flow.TCPSrc, flow.TCPDst)
		p.is(flow.TCPFlags, uint64(be.Uint16(b[12:])&0xfff))
	case p.proto == protoUDP && len(b) >= 8:
		ports(flow.UDPSrc, flow.UDPDst)
	case p.proto == protoSCTP && len(b) >= 12:
		ports(flow.SCTPSrc, flow.SCTPDst)
	case p.proto == protoICMP && v4 && len(b) >= 8:
		p.vals[flow.ICMPv4Type], p.vals[flow.ICMPv4Code] = number(b[0:1]), number(b[1:2])
	case p.proto == protoICMPv6 && !v4 && len(b) >= 8:
		p.vals[flow.ICMPv6Type], p.vals[flow.ICMPv6Code] = number(b[0:1]), number(b[1:2])
		p.parseND(b)
	default:
		p.l4 = 0
	}
}

// parseND reads neighbour discovery (RFC 4861 sections 4.3, 4.4). A message with a broken option has none of its fields.
func (p *packet) parseND(b []byte) {
	if b[0] != 135 && b[0] != 136 || b[1] != 0 || len(b) < 24 {
		return
	}
	var sll, tll flow.Bits
	lla, kind := 0, byte(0)
	for at := 24; len(b)-at >= 8; {
		size := 8 * int(b[at+1])
		if size == 0 || size > len(b)-at {
			return
		}
		if size == 8 && (b[at] == 1 || b[at] == 2) {
			addr := &sll
			if b[at] == 2 {
				addr = &tll
			}
			if *addr != (flow.Bits{}) {
				return // twice: Open vSwitch believes neither
			}
			*addr = number(b[at+2 : at+8])
			if lla == 0 {
				lla, kind = p.l4+at, b[at]
			}
		}
		at += size
	}
	p.vals[flow.NDTarget] = number(b[8:24])
	p.vals[flow.NDReserved] = number(b[4:8])
	p.vals[flow.NDSLL], p.vals[flow.NDTLL] = sll, tll
	p.lla = lla
	p.is(flow.NDOptionsType, uint64(kind))
}

func (p *packet) parseARP(at int) {
	b := p.frame[at:]
	if len(b) < 28 || string(b[:6]) != "\x00\x01\x08\x00\x06\x04" {
		return
	}
	p.l3, p.end = at, at+28
	if op := be.Uint16(b[6:]); op <= 0xff {
		p.is(flow.ARPOp, uint64(op))
	}
	p.vals[flow.ARPSHA], p.vals[flow.ARPSPA] = number(b[8:14]), number(b[14:18])
	p.vals[flow.ARPTHA], p.vals[flow.ARPTPA] = number(b[18:24]), number(b[24:28])
}

// number reads up to 16 bytes, highest first.
func number(b []byte) (v flow.Bits) {
	for _, c := range b {
		v.Hi = v.Hi<<8 | v.Lo>>56
		v.Lo = v.Lo<<8 | uint64(c)
	}
	return v
}

// put writes a number over all of b, highest byte first.
func put(b []byte, v flow.Bits) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte(v.Lo)
		v.Lo = v.Lo>>8 | v.Hi<<56
		v.Hi >>= 8
	}
}
