package flow

// textOrder is the order in which ovs-ofctl writes fields; 0 stands for the word that says the protocol. It is never
// written.
var textOrder = [...]FieldID{
	PktMark, DPHash, ConjID, ActsetOutput, CTState, CTZone, CTMark, CTLabel, CTNwSrc, CTIPv6Src, CTNwDst, CTIPv6Dst,
	CTNwProto, CTTpSrc, CTTpDst, PacketType, 0, Reg0, Reg1, Reg2, Reg3, Reg4, Reg5, Reg6, Reg7, Reg8, Reg9, Reg10, Reg11,
	Reg12, Reg13, Reg14, Reg15, TunID, TunSrc, TunDst, TunIPv6Src, TunIPv6Dst, TunGBPID, TunGBPFlags, TunFlags,
	TunMetadata0, TunMetadata1, TunMetadata2, TunMetadata3, TunMetadata4, TunMetadata5, TunMetadata6, TunMetadata7,
	Metadata, InPort, VLANVID, VLANPCP, EthSrc, EthDst, EthType, IPv6Src, IPv6Dst, IPv6Label, ARPSPA, ARPTPA, IPv4Src,
	IPv4Dst, IPProto, ARPOp, ARPSHA, ARPTHA, IPDSCP, IPECN, IPTTL, MPLSLabel, MPLSTC, MPLSTTL, MPLSBOS, IPFrag, TCPSrc,
	TCPDst, UDPSrc, UDPDst, SCTPSrc, SCTPDst, ICMPv4Type, ICMPv4Code, ICMPv6Type, ICMPv6Code, NDTarget, NDSLL, NDTLL,
	NDReserved, NDOptionsType, TCPFlags, VLANTCI, InPort16, XReg0, XReg1, XReg2, XReg3, XReg4, XReg5, XReg6, XReg7,
	XXReg0, XXReg1, XXReg2, XXReg3,
}

// protocolWords say an Ethernet type, and an IP protocol with it.
var protocolWords = []struct {
	ethType uint64
	proto   int // -1: none
	word    string
}{
	{ethIPv4, protoICMP, "icmp"}, {ethIPv4, protoTCP, "tcp"}, {ethIPv4, protoUDP, "udp"},
	{ethIPv4, protoSCTP, "sctp"}, {ethIPv4, -1, "ip"}, {ethIPv6, protoICMPv6, "icmp6"}, {ethIPv6, protoTCP, "tcp6"},
	{ethIPv6, protoUDP, "udp6"}, {ethIPv6, protoSCTP, "sctp6"}, {ethIPv6, -1, "ipv6"}, {ethARP, -1, "arp"},
	{ethRARP, -1, "rarp"}, {ethMPLS, -1, "mpls"}, {ethMPLSM, -1, "mplsm"},
}

// match writes the fields of a canonical match with commas between.
func (p *printer) match(m Match) {
	var byID [fieldEnd]*Field
	for i := range m {
		if m[i].ID.Valid() && !m[i].Mask.IsZero() {
			byID[m[i].ID] = &m[i]
		}
	}
	start := len(p.b)
	sep := func() {
		if len(p.b) > start {
			p.comma()
		}
	}
	word, ethDone, protoDone := protocolWord(byID[EthType], byID[IPProto])
	for _, id := range textOrder {
		f := byID[id]
		switch {
		case id == 0 && word != "":
			sep()
			p.str(word)
		case f == nil, id == EthType && ethDone, id == IPProto && protoDone:
		case id == VLANVID:
			sep()
			p.vlan(*f, byID[VLANPCP])
		case id == VLANPCP && byID[VLANVID] != nil:
		default:
			sep()
			p.field(*f)
		}
	}
}

// protocolWord finds the word for an Ethernet type and an IP protocol, and says which of the two it tells.
func protocolWord(ethType, proto *Field) (word string, eth, ip bool) {
	if ethType == nil {
		return "", false, false
	}
	for _, w := range protocolWords {
		if w.ethType != ethType.Value.Lo {
			continue
		}
		if w.proto < 0 {
			return w.word, true, false
		}
		if proto != nil && proto.Value.Lo == uint64(w.proto) {
			return w.word, true, true
		}
	}
	return "", false, false
}

// vlan writes a VLAN id and priority the way ovs-ofctl does: in words where both are whole, else as vlan_tci.
func (p *printer) vlan(vid Field, pcp *Field) {
	const id = 0xfff
	tagged := vid.Value.Lo&vlanPresent != 0
	whole := vid.Mask.Lo&id == id
	if tagged && (whole || vid.Mask.Lo&id == 0 && pcp != nil) {
		if whole {
			p.str("dl_vlan=")
			p.dec(vid.Value.Lo & id)
		}
		if pcp != nil {
			if whole {
				p.comma()
			}
			p.str("dl_vlan_pcp=")
			p.dec(pcp.Value.Lo)
		}
		return
	}
	v, mask := vid.Value.Lo, vid.Mask.Lo
	if pcp != nil {
		v, mask = v|pcp.Value.Lo<<13, mask|0xe000
	}
	p.str("vlan_tci=0x")
	p.wide(v, 4)
	p.str("/0x")
	p.wide(mask, 4)
}

// field writes one field.
func (p *printer) field(f Field) {
	if parts := p.names.split(f); parts != nil {
		for i, s := range parts {
			if i > 0 {
				p.comma()
			}
			p.str(s.name, "=")
			p.partValue(s.Sub, f)
		}
		return
	}
	switch f.ID {
	case IPDSCP:
		p.str("nw_tos=")
		p.dec(f.Value.Lo << 2)
		return
	case IPFrag:
		p.str("nw_frag=")
	case TCPSrc, UDPSrc, SCTPSrc:
		p.str("tp_src=")
	case TCPDst, UDPDst, SCTPDst:
		p.str("tp_dst=")
	case ICMPv6Type:
		p.str("icmp_type=")
	case ICMPv6Code:
		p.str("icmp_code=")
	default:
		p.str(f.ID.String(), "=")
	}
	p.value(f)
}
