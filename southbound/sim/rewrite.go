package sim

import (
	"hash/crc32"

	"github.com/weft-sdn/weft/southbound/flow"
)

// store writes a field that was changed in vals into the frame, where the frame has it, and mends the checksums.
func (p *packet) store(id flow.FieldID) {
	switch id {
	case flow.EthDst:
		put(p.frame[0:6], p.vals[id])
	case flow.EthSrc:
		put(p.frame[6:12], p.vals[id])
	case flow.VLANVID, flow.VLANPCP:
		p.storeTag()
	case flow.MPLSLabel, flow.MPLSTC, flow.MPLSBOS, flow.MPLSTTL:
		p.storeEntry()
	case flow.ARPOp, flow.ARPSHA, flow.ARPSPA, flow.ARPTHA, flow.ARPTPA:
		p.storeARP(id)
	default:
		if p.l3 == 0 {
			return
		}
		switch p.lo(flow.EthType) {
		case ethIPv4:
			p.storeIPv4(id)
		case ethIPv6:
			p.storeIPv6(id)
		}
	}
}

// storeTag makes the frame's tag what the fields say: absent, or with this number and priority.
func (p *packet) storeTag() {
	vid := p.lo(flow.VLANVID)
	switch {
	case vid&vlanThis == 0 && p.tags > 0:
		p.popVLAN()
		return
	case vid&vlanThis == 0:
		return
	case p.tags == 0:
		p.insertTag(ethVLAN)
	}
	be.PutUint16(p.frame[ethHead:], uint16(p.lo(flow.VLANPCP)<<13|vid&0xfff))
}

func (p *packet) insertTag(typ uint16) {
	p.frame = append(p.frame, 0, 0, 0, 0)
	copy(p.frame[ethHead+2:], p.frame[ethHead-2:len(p.frame)-vlanHead])
	be.PutUint16(p.frame[ethHead-2:], typ)
	be.PutUint16(p.frame[ethHead:], 0)
	p.tags++
	p.shift(vlanHead)
}

// shift moves what is known of places behind the tags.
func (p *packet) shift(n int) {
	for _, at := range []*int{&p.l3, &p.l4, &p.end, &p.lla} {
		if *at != 0 {
			*at += n
		}
	}
}

// pushVLAN adds a tag with number and priority 0; ErrNotModelled beside a tag that is there.
func (p *packet) pushVLAN(typ uint16) error {
	if p.tags > 0 || len(p.frame) < ethHead {
		return notModelled("a second VLAN tag")
	}
	p.insertTag(typ)
	p.is(flow.VLANVID, vlanThis)
	p.is(flow.VLANPCP, 0)
	return nil
}

// popVLAN takes the tag off; what it hid, if it was another one, is not looked at.
func (p *packet) popVLAN() {
	if p.tags == 0 {
		return
	}
	copy(p.frame[ethHead-2:], p.frame[ethHead+2:])
	p.frame = p.frame[:len(p.frame)-vlanHead]
	p.tags--
	p.is(flow.VLANVID, 0)
	p.is(flow.VLANPCP, 0)
	p.shift(-vlanHead)
}

func (p *packet) storeARP(id flow.FieldID) {
	if p.l3 == 0 || p.lo(flow.EthType) != ethARP && p.lo(flow.EthType) != ethRARP {
		return
	}
	b := p.frame[p.l3:]
	switch id {
	case flow.ARPOp:
		put(b[6:8], p.vals[id])
	case flow.ARPSHA:
		put(b[8:14], p.vals[id])
	case flow.ARPSPA:
		put(b[14:18], p.vals[id])
	case flow.ARPTHA:
		put(b[18:24], p.vals[id])
	case flow.ARPTPA:
		put(b[24:28], p.vals[id])
	}
}

func (p *packet) tos() flow.Bits {
	return flow.Bits{Lo: p.lo(flow.IPDSCP)<<2 | p.lo(flow.IPECN)}
}

func (p *packet) storeIPv4(id flow.FieldID) {
	switch id {
	case flow.IPDSCP, flow.IPECN:
		p.replace(p.l3+1, 1, p.tos(), p.l3+10)
	case flow.IPTTL:
		p.replace(p.l3+8, 1, p.vals[id], p.l3+10)
	case flow.IPv4Src:
		p.replace(p.l3+12, 4, p.vals[id], p.l3+10, p.pseudo())
	case flow.IPv4Dst:
		p.replace(p.l3+16, 4, p.vals[id], p.l3+10, p.pseudo())
	default:
		p.storeL4(id)
	}
}

func (p *packet) storeIPv6(id flow.FieldID) {
	switch id {
	case flow.IPDSCP, flow.IPECN:
		head := be.Uint16(p.frame[p.l3:])&0xf00f | uint16(p.tos().Lo)<<4
		be.PutUint16(p.frame[p.l3:], head)
	case flow.IPv6Label:
		head := be.Uint32(p.frame[p.l3:])&^0xfffff | uint32(p.lo(id))
		be.PutUint32(p.frame[p.l3:], head)
	case flow.IPTTL:
		put(p.frame[p.l3+7:p.l3+8], p.vals[id])
	case flow.IPv6Src:
		p.replace(p.l3+8, 16, p.vals[id], p.pseudo())
	case flow.IPv6Dst:
		p.replace(p.l3+24, 16, p.vals[id], p.pseudo())
	default:
		p.storeL4(id)
	}
}

// layout is where a field is in its transport header.
type layout struct {
	proto    uint8
	at, size int
}

func place(id flow.FieldID) (layout, bool) {
	switch id {
	case flow.TCPSrc:
		return layout{protoTCP, 0, 2}, true
	case flow.TCPDst:
		return layout{protoTCP, 2, 2}, true
	case flow.UDPSrc:
		return layout{protoUDP, 0, 2}, true
	case flow.UDPDst:
		return layout{protoUDP, 2, 2}, true
	case flow.SCTPSrc:
		return layout{protoSCTP, 0, 2}, true
	case flow.SCTPDst:
		return layout{protoSCTP, 2, 2}, true
	case flow.ICMPv4Type:
		return layout{protoICMP, 0, 1}, true
	case flow.ICMPv4Code:
		return layout{protoICMP, 1, 1}, true
	case flow.ICMPv6Type:
		return layout{protoICMPv6, 0, 1}, true
	case flow.ICMPv6Code:
		return layout{protoICMPv6, 1, 1}, true
	case flow.NDReserved:
		return layout{protoICMPv6, 4, 4}, true
	case flow.NDTarget:
		return layout{protoICMPv6, 8, 16}, true
	}
	return layout{}, false
}

func (p *packet) storeL4(id flow.FieldID) {
	if p.l4 == 0 {
		return
	}
	if at, ok := place(id); ok {
		if at.proto != p.proto || p.l4+at.at+at.size > p.end {
			return
		}
		if p.proto == protoSCTP {
			put(p.frame[p.l4+at.at:p.l4+at.at+at.size], p.vals[id])
			p.sumSCTP()
			return
		}
		p.replace(p.l4+at.at, at.size, p.vals[id], p.sum())
		return
	}
	if p.lla == 0 {
		return
	}
	kind := p.frame[p.lla]
	switch {
	case id == flow.NDOptionsType:
		p.replace(p.lla, 1, p.vals[id], p.sum())
	case id == flow.NDSLL && kind == 1, id == flow.NDTLL && kind == 2:
		p.replace(p.lla+2, 6, p.vals[id], p.sum())
	}
}

// sum is where the transport checksum is; 0: there is none to mend.
func (p *packet) sum() int {
	if p.l4 == 0 {
		return 0
	}
	at, size := 0, 0
	switch p.proto {
	case protoTCP:
		at, size = p.l4+16, 20
	case protoUDP:
		at, size = p.l4+6, 8
	case protoICMP, protoICMPv6:
		at, size = p.l4+2, 4
	}
	if size == 0 || p.l4+size > p.end {
		return 0
	}
	if p.proto == protoUDP && p.lo(flow.EthType) == ethIPv4 && be.Uint16(p.frame[at:]) == 0 {
		return 0 // the sender made none
	}
	return at
}

// pseudo is sum where the checksum covers the IP addresses.
func (p *packet) pseudo() int {
	if p.proto == protoICMP {
		return 0
	}
	return p.sum()
}

// replace writes a value of so many bytes and mends the checksums at the given places (RFC 1624); 0 is no place.
func (p *packet) replace(at, size int, v flow.Bits, sums ...int) {
	from := at - (at-p.l3)&1 // words are counted from the header, whose place is even to them
	to := at + size
	to += (to - from) & 1
	old := ones(p.frame[from:min(to, len(p.frame))])
	put(p.frame[at:at+size], v)
	now := ones(p.frame[from:min(to, len(p.frame))])
	for _, s := range sums {
		if s == 0 {
			continue
		}
		sum := uint32(^be.Uint16(p.frame[s:])) + uint32(^old) + uint32(now)
		sum = sum&0xffff + sum>>16
		sum = sum&0xffff + sum>>16
		out := ^uint16(sum)
		if out == 0 && p.proto == protoUDP && s == p.l4+6 {
			out = 0xffff
		}
		be.PutUint16(p.frame[s:], out)
	}
}

// ones is the ones' complement sum of the words in b.
func ones(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(be.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	sum = sum&0xffff + sum>>16
	return uint16(sum + sum>>16)
}

// sumSCTP makes the CRC32c anew (RFC 9260 section 6.8).
func (p *packet) sumSCTP() {
	b := p.frame[p.l4:p.end]
	for i := 8; i < 12; i++ {
		b[i] = 0
	}
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	b[8], b[9], b[10], b[11] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
}

// get reads a field, also one that is a view of others.
func (p *packet) get(id flow.FieldID) flow.Bits {
	switch {
	case id <= flow.Metadata:
		return p.vals[id]
	case id == flow.VLANTCI:
		return flow.Bits{Lo: p.lo(flow.VLANPCP)<<13 | p.lo(flow.VLANVID)}
	case id == flow.InPort16:
		return flow.Bits{Lo: p.lo(flow.InPort) & 0xffff}
	case id >= flow.XXReg0:
		r := flow.Reg0 + 4*(id-flow.XXReg0)
		return flow.Bits{Hi: p.lo(r)<<32 | p.lo(r+1), Lo: p.lo(r+2)<<32 | p.lo(r+3)}
	}
	r := flow.Reg0 + 2*(id-flow.XReg0)
	return flow.Bits{Lo: p.lo(r)<<32 | p.lo(r+1)}
}

// set writes the bits in mask of a field, in vals and in the frame.
func (p *packet) set(id flow.FieldID, v, mask flow.Bits) {
	v = p.get(id).And(mask.Not()).Or(v.And(mask))
	const word = 0xffffffff
	switch {
	case id <= flow.Metadata:
		p.vals[id] = v
		p.store(id)
	case id == flow.VLANTCI:
		p.is(flow.VLANPCP, v.Lo>>13)
		p.is(flow.VLANVID, v.Lo&0x1fff)
		p.storeTag()
	case id == flow.InPort16:
		port := v.Lo & 0xffff
		if port >= 0xff00 {
			port |= 0xffff0000
		}
		p.is(flow.InPort, port)
	case id >= flow.XXReg0:
		r := flow.Reg0 + 4*(id-flow.XXReg0)
		p.is(r, v.Hi>>32)
		p.is(r+1, v.Hi&word)
		p.is(r+2, v.Lo>>32)
		p.is(r+3, v.Lo&word)
	default:
		r := flow.Reg0 + 2*(id-flow.XReg0)
		p.is(r, v.Lo>>32)
		p.is(r+1, v.Lo&word)
	}
}

// part reads bits of a field.
func (p *packet) part(s flow.Sub) flow.Bits { return s.Of(p.get(s.ID)) }

// setPart writes bits of a field.
func (p *packet) setPart(s flow.Sub, v flow.Bits) {
	mask := low(int(s.Len)).Shl(int(s.Off))
	p.set(s.ID, v.Shl(int(s.Off)), mask)
}

// low has the n lowest bits set.
func low(n int) flow.Bits {
	if n == 0 {
		return flow.Bits{}
	}
	return flow.Bits{Hi: ^uint64(0), Lo: ^uint64(0)}.Shr(128 - n)
}
