package flow

import (
	"math/bits"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// ParseFlow reads a flow in ovs-ofctl's syntax, as ovs-ofctl reads and dumps it: what Flow.String writes, and much of what
// people write. What a dump says of statistics is passed over; timeouts are refused, for a Flow has none. Errors are
// *SyntaxError, or say what is wrong with the flow as a whole.
func ParseFlow(text string) (Flow, error) {
	r, err := Words{}.ParseRule(text)
	if err != nil {
		return Flow{}, err
	}
	f, err := New(r.Table, r.Priority, r.Match, r.Actions)
	f.Cookie = r.Cookie
	return f, err
}

// ParseMatchText reads the match of a flow in ovs-ofctl's syntax.
func ParseMatchText(text string) (Match, error) {
	words, err := token{text: text}.split(", \t\n")
	if err != nil {
		return nil, err
	}
	return parseFields(words)
}

// parseFields reads the words of a match. Which field some words mean depends on the protocol, which other words say.
func parseFields(words []token) (Match, error) {
	var m Match
	var late []token
	for _, w := range words {
		key, _, _ := w.cut("=")
		if slices.Contains(lateWords, key.text) {
			late = append(late, w)
			continue
		}
		f, err := w.match()
		if err != nil {
			return nil, err
		}
		m = append(m, f...)
	}
	for _, w := range late {
		key, value, _ := w.cut("=")
		f, err := value.field(byProtocol(key.text, m))
		if err != nil {
			return nil, err
		}
		m = append(m, f)
	}
	return joinParts(mergeVLAN(m)), nil
}

// lateWords depend on the protocol.
var lateWords = []string{"tp_src", "tp_dst", "nw_src", "nw_dst", "nw_proto", "icmp_type", "icmp_code"}

func byProtocol(word string, m Match) FieldID {
	var ethType, proto uint64
	for _, f := range m {
		switch f.ID {
		case EthType:
			ethType = f.Value.Lo
		case IPProto:
			proto = f.Value.Lo
		}
	}
	switch {
	case word == "nw_src" && (ethType == ethARP || ethType == ethRARP):
		return ARPSPA
	case word == "nw_dst" && (ethType == ethARP || ethType == ethRARP):
		return ARPTPA
	case word == "nw_proto" && (ethType == ethARP || ethType == ethRARP):
		return ARPOp
	case word == "icmp_type" && ethType == ethIPv6:
		return ICMPv6Type
	case word == "icmp_code" && ethType == ethIPv6:
		return ICMPv6Code
	}
	switch word {
	case "nw_src":
		return IPv4Src
	case "nw_dst":
		return IPv4Dst
	case "nw_proto":
		return IPProto
	case "icmp_type":
		return ICMPv4Type
	case "icmp_code":
		return ICMPv4Code
	case "tp_src":
		return map[uint64]FieldID{protoTCP: TCPSrc, protoUDP: UDPSrc, protoSCTP: SCTPSrc, protoICMP: ICMPv4Type, protoICMPv6: ICMPv6Type}[proto]
	}
	return map[uint64]FieldID{protoTCP: TCPDst, protoUDP: UDPDst, protoSCTP: SCTPDst, protoICMP: ICMPv4Code, protoICMPv6: ICMPv6Code}[proto]
}

// mergeVLAN drops a vlan_vid that only says that there is a tag, where another one says which.
func mergeVLAN(m Match) Match {
	tag := Masked(VLANVID, vlanPresent, vlanPresent)
	if i := slices.Index(m, tag); i >= 0 && slices.ContainsFunc(m, func(f Field) bool { return f.ID == VLANVID && f != tag }) {
		return slices.Delete(m, i, i+1)
	}
	return m
}

// joinParts makes one field of those that say different bits of the same one.
func joinParts(m Match) Match {
	joined := m[:0]
	for _, f := range m {
		i := slices.IndexFunc(joined, func(o Field) bool { return o.ID == f.ID && o.Mask.And(f.Mask).IsZero() })
		if i >= 0 {
			joined[i] = Join(joined[i], f)
			continue
		}
		joined = append(joined, f)
	}
	return joined
}

// match reads one word of a match that does not depend on others.
func (t token) match() ([]Field, error) {
	key, value, ok := t.cut("=")
	if !ok {
		if t.text == "igmp" {
			return []Field{U32(EthType, ethIPv4), U32(IPProto, 2)}, nil
		}
		for _, w := range protocolWords {
			if w.word != t.text {
				continue
			}
			f := []Field{U64(EthType, w.ethType)}
			if w.proto >= 0 {
				f = append(f, U32(IPProto, uint32(w.proto)))
			}
			return f, nil
		}
		return nil, t.fail(errUnknownWord)
	}
	switch key.text {
	case "dl_vlan":
		v, err := value.number(16)
		switch {
		case err != nil:
			return nil, err
		case v == 0xffff:
			return []Field{U32(VLANVID, 0)}, nil
		case v > 0xfff:
			return nil, value.fail(errBadNumber)
		}
		return []Field{U64(VLANVID, v|vlanPresent)}, nil
	case "nw_tos", "ip_dscp":
		v, err := value.number(8)
		if key.text == "nw_tos" {
			v >>= 2
		}
		return []Field{U64(IPDSCP, v)}, err
	}
	if s, ok := t.words.sub(key.text); ok {
		f, err := value.partValue(s)
		return []Field{f}, err
	}
	id, ok := fieldsByName[key.text]
	if !ok {
		return nil, key.fail(ErrUnknownField)
	}
	f, err := value.field(id)
	return []Field{f}, err
}

// field reads a field's value, and its mask after a slash.
func (t token) field(id FieldID) (Field, error) {
	if id == 0 {
		return Field{}, t.fail(ErrPrerequisite)
	}
	switch id.info().format {
	case ctState:
		return t.flags(id, ctStateNames)
	case tcpFlags:
		return t.flags(id, tcpFlagNames)
	case tunFlags:
		return t.flags(id, tunFlagNames)
	case frag:
		for v := range uint64(4) {
			for mask := range uint64(4) {
				if f := Masked(IPFrag, v, mask); fragName(f) == t.text {
					return f, nil
				}
			}
		}
		return Field{}, t.fail(errBadValue)
	case packetType:
		inner := strings.TrimSuffix(strings.TrimPrefix(t.text, "("), ")")
		ns, typ, _ := token{text: inner, at: t.at + 1}.cut(",")
		n, err := ns.number(16)
		if err != nil {
			return Field{}, err
		}
		v, err := typ.number(16)
		return U64(PacketType, n<<16|v), err
	}
	if p, ok := t.words.port(t.text); ok && id.info().format == port {
		return U32(id, p), nil
	}
	value, mask, slashed := t.cut("/")
	v, err := value.value(id)
	if err != nil {
		return Field{}, err
	}
	f := Field{ID: id, Value: v, Mask: id.all()}
	if id.isTunMetadata() {
		f.Mask = ones(max(4, (v.Len()+31)/32*4) * 8)
	}
	if slashed {
		if f.Mask, err = mask.mask(id); err != nil {
			return Field{}, err
		}
		f.Value = f.Value.And(f.Mask)
	}
	if !f.Value.within(id.all()) || !f.Mask.within(id.all()) {
		return Field{}, t.fail(ErrRange)
	}
	return f, nil
}

// value reads one value in the field's format.
func (t token) value(id FieldID) (Bits, error) {
	switch id.info().format {
	case ethernet:
		hw, err := net.ParseMAC(t.text)
		if err != nil || len(hw) != 6 {
			return Bits{}, t.fail(errBadValue)
		}
		return MACAddr(hw).bits(), nil
	case ipv4, ipv6:
		a, err := netip.ParseAddr(t.text)
		v, n := addrBits(a)
		if err != nil || n != id.Bits() || a.Zone() != "" {
			return Bits{}, t.fail(errBadValue)
		}
		return v, nil
	case port:
		p, err := t.port()
		if id == InPort16 {
			p &= 0xffff
		}
		return Bits{Lo: uint64(p)}, err
	}
	return t.wide()
}

// port reads a port's number, reserved name, or name.
func (t token) port() (uint32, error) {
	if p, ok := t.words.port(t.text); ok {
		return p, nil
	}
	return t.plainPort()
}

// plainPort reads a port's number or reserved name. Numbers of OpenFlow 1.0's reserved ports mean those.
func (t token) plainPort() (uint32, error) {
	for v, name := range portNames {
		if strings.EqualFold(t.text, name) {
			return v, nil
		}
	}
	v, err := t.number(32)
	if v >= 0xff00 && v <= 0xffff {
		v = uint64(port32(uint16(v)))
	}
	return uint32(v), err
}

// mask reads what is behind a slash: a mask in the field's format, or for addresses a prefix length.
func (t token) mask(id FieldID) (Bits, error) {
	if f := id.info().format; f == ipv4 || f == ipv6 {
		if n, err := t.number(8); err == nil {
			if int(n) > id.Bits() {
				return Bits{}, t.fail(ErrRange)
			}
			return ones(int(n)).Shl(id.Bits() - int(n)), nil
		}
	}
	return t.value(id)
}

// flags reads +a-b, a|b or value/mask.
func (t token) flags(id FieldID, names []string) (Field, error) {
	f := Field{ID: id}
	if t.text == "" {
		return f, t.fail(errNoValue)
	}
	if t.text[0] >= '0' && t.text[0] <= '9' {
		value, mask, slashed := t.cut("/")
		v, err := value.number(id.Bits())
		f = U64(id, v)
		if err == nil && slashed {
			f.Mask.Lo, err = mask.number(id.Bits())
		}
		return f, err
	}
	bit := func(name token) (uint64, error) {
		if i := slices.Index(names, name.text); i >= 0 {
			return 1 << i, nil
		}
		return 0, name.fail(errBadValue)
	}
	if t.text[0] != '+' && t.text[0] != '-' {
		f.Mask = id.all()
		words, err := t.split("|")
		for _, w := range words {
			v, err := bit(w)
			if err != nil {
				return f, err
			}
			f.Value.Lo |= v
		}
		return f, err
	}
	for i := 0; i < len(t.text); {
		n := 1 + strings.IndexAny(t.text[i+1:]+"+", "+-")
		v, err := bit(t.sub(i+1, i+n))
		if err != nil {
			return f, err
		}
		if f.Mask.Lo&v != 0 {
			return f, t.sub(i, i+n).fail(errTwice)
		}
		if f.Mask.Lo |= v; t.text[i] == '+' {
			f.Value.Lo |= v
		}
		i += n
	}
	return f, nil
}

// CTStateIs is ct_state as ovs-ofctl writes it: "+trk-new". Words that it does not know make a match that cannot be
// encoded.
func CTStateIs(flags string) Field {
	f, err := token{text: flags}.flags(CTState, ctStateNames)
	if err != nil {
		return Field{ID: CTState, Value: ones(bits.UintSize)}
	}
	return f
}
