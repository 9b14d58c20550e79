package sim

import "github.com/weft-sdn/weft/southbound/flow"

// Label stacks (RFC 3032), and packets without an Ethernet header of their own (OpenFlow 1.5, section 7.2.3.11).
const (
	ethMPLS          = 0x8847
	ethMPLSMulticast = 0x8848

	labelHead = 4
	// labelsSeen is how far into a stack Open vSwitch looks: what is below can neither be matched nor come to the top.
	labelsSeen = 3

	entryBottom = 1 << 8
	firstTTL    = 64
)

// Packet types of encap and decap: namespace and type.
const (
	typeEthernet  = 0
	typeLabels    = 1<<16 | ethMPLS
	typeNextProto = 0xfffe // of decap: the header says what is below
)

func isLabels(typ uint64) bool { return typ == ethMPLS || typ == ethMPLSMulticast }

// labelsAt is where the label stack begins, if the packet has one.
func (p *packet) labelsAt() int {
	if p.bare {
		return 0
	}
	return ethHead + vlanHead*p.tags
}

// parseLabels reads the outermost entry of a label stack, and counts those that Open vSwitch sees.
func (p *packet) parseLabels(at int) {
	for b := p.frame[at:]; len(b) >= labelHead && p.labels < labelsSeen; b = b[labelHead:] {
		p.labels++
		if be.Uint32(b)&entryBottom != 0 {
			break
		}
	}
	if p.labels > 0 {
		p.readEntry(be.Uint32(p.frame[at:]))
	}
}

func (p *packet) readEntry(e uint32) {
	p.is(flow.MPLSLabel, uint64(e>>12))
	p.is(flow.MPLSTC, uint64(e>>9&7))
	p.is(flow.MPLSBOS, uint64(e>>8&1))
	p.is(flow.MPLSTTL, uint64(e&0xff))
}

// storeEntry writes the outermost entry of the label stack.
func (p *packet) storeEntry() {
	if p.labels > 0 {
		e := p.lo(flow.MPLSLabel)<<12 | p.lo(flow.MPLSTC)<<9 | p.lo(flow.MPLSBOS)<<8 | p.lo(flow.MPLSTTL)
		be.PutUint32(p.frame[p.labelsAt():], uint32(e))
	}
}

// again reads the frame anew after its headers have changed. What is not in the frame stays as it is known.
func (p *packet) again() {
	for id := flow.EthSrc; id <= flow.ARPTHA; id++ {
		p.vals[id] = flow.Bits{}
	}
	p.tags, p.labels, p.l3, p.l4, p.end, p.proto, p.lla = 0, 0, 0, 0, 0, 0, 0
	if p.bare {
		p.is(flow.EthType, ethMPLS)
		p.parseLabels(0)
		return
	}
	p.parse()
}

// pushLabel puts an entry before what is there: a copy of the outermost one, or the first one, which begins with what an IP packet says.
func (p *packet) pushLabel(typ uint16) {
	entry := uint32(entryBottom | firstTTL)
	switch {
	case p.labels > 0:
		entry = be.Uint32(p.frame[p.labelsAt():]) &^ entryBottom
	case p.l3 > 0 && p.lo(flow.EthType) != ethARP && p.lo(flow.EthType) != ethRARP:
		entry = entryBottom | uint32(p.lo(flow.IPTTL)) | uint32(p.lo(flow.IPDSCP)&7)<<9
		if p.lo(flow.EthType) == ethIPv6 {
			entry |= 2 << 12 // IPv6 explicit null
		}
	}
	at := p.labelsAt()
	p.frame = append(p.frame, 0, 0, 0, 0)
	copy(p.frame[at+labelHead:], p.frame[at:len(p.frame)-labelHead])
	be.PutUint32(p.frame[at:], entry)
	if !p.bare {
		be.PutUint16(p.frame[at-2:], typ)
	}
	p.again()
}

// popLabel takes the outermost entry off; typ says what is below. False: Open vSwitch does not know what comes up from below, and drops
// the packet.
func (p *packet) popLabel(typ uint16) bool {
	at := p.labelsAt()
	if p.labels == labelsSeen && be.Uint32(p.frame[at+(labelsSeen-1)*labelHead:])&entryBottom == 0 {
		return false
	}
	if p.labels == 0 {
		return true
	}
	copy(p.frame[at:], p.frame[at+labelHead:])
	p.frame = p.frame[:len(p.frame)-labelHead]
	if !p.bare {
		be.PutUint16(p.frame[at-2:], typ)
	}
	p.again()
	return true
}

// label carries out the steps that have to do with label stacks; false: the packet is dropped.
func (x *run) label(p *packet, a *step) bool {
	switch a.op {
	case opPushMPLS:
		p.pushLabel(uint16(a.n))
	case opPopMPLS:
		if !p.popLabel(uint16(a.n)) {
			x.dropped("too many labels")
			x.exit = true
			return false
		}
	case opSetMPLSTTL:
		if p.labels > 0 {
			p.set(flow.MPLSTTL, flow.Bits{Lo: uint64(a.n)}, low(8))
		}
	case opDecMPLSTTL:
		return x.decLabelTTL(p)
	case opEncap:
		return x.encapTo(p, a.n)
	case opDecap:
		return x.decapTo(p, a.n)
	}
	return true
}

func (x *run) decLabelTTL(p *packet) bool {
	ttl := p.lo(flow.MPLSTTL)
	if p.labels > 0 && ttl <= 1 {
		x.controller(p, nil, &sending{maxLen: 0xffff, reason: reasonTTL})
		x.dropped("label's ttl expired")
		return false
	}
	if p.labels > 0 {
		p.set(flow.MPLSTTL, flow.Bits{Lo: ttl - 1}, low(8))
	}
	return true
}

// encapTo puts a header before the packet.
func (x *run) encapTo(p *packet, typ uint32) bool {
	switch {
	case typ == typeLabels && p.bare:
		p.pushLabel(ethMPLS)
	case typ == typeLabels:
		entry := be.AppendUint32(nil, entryBottom|firstTTL)
		p.frame, p.bare = append(entry, p.frame...), true
		p.again()
	case typ == typeEthernet && p.bare:
		head := make([]byte, ethHead, ethHead+len(p.frame))
		be.PutUint16(head[ethHead-2:], ethMPLS)
		p.frame, p.bare = append(head, p.frame...), false
		p.again()
	default:
		x.dropped("encap of a packet that has such a header")
		x.exit = true
		return false
	}
	return true
}

// decapTo takes a header off: Ethernet from before a label stack, or the last label.
func (x *run) decapTo(p *packet, typ uint32) bool {
	switch {
	case typ == typeNextProto && !p.bare && p.tags == 0 && isLabels(p.lo(flow.EthType)):
		p.frame, p.bare = p.frame[ethHead:], true
		p.again()
	case typ == typeEthernet && p.bare && p.labels == 1:
		p.frame, p.bare = p.frame[labelHead:], false
		p.again()
	default:
		x.fail(notModelled("decap of what is neither Ethernet before labels nor the last label"))
		return false
	}
	return true
}
