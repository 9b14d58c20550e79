package openflow

// NoBuffer says that a message carries the packet itself.
const NoBuffer uint32 = 0xffffffff

// Reasons of packet-ins.
const (
	PacketNoMatch    uint8 = 0
	PacketAction     uint8 = 1
	PacketInvalidTTL uint8 = 2
)

// PacketIn is a packet for the controller, in OpenFlow's own form or in Open vSwitch's (NXT_PACKET_IN2). Its slices are parts
// of the message.
type PacketIn struct {
	Buffer       uint32
	TotalLen     uint32 // of the packet; Data may be shorter
	Reason       uint8
	Table        uint8
	Cookie       uint64 // of the flow that sent it
	Match        []byte // OXM TLVs of the packet's metadata
	Data         []byte
	UserData     []byte // NXT_PACKET_IN2: what the flow's controller action said
	Continuation []byte // NXT_PACKET_IN2: the state of a paused packet, for AppendResume
}

// AppendPacketIn appends a packet-in in OpenFlow's own form, without UserData and Continuation.
func AppendPacketIn(b []byte, xid uint32, p *PacketIn) []byte {
	start := len(b)
	b = be.AppendUint32(begin(b, TypePacketIn, xid), p.Buffer)
	b = append(be.AppendUint16(b, uint16(min(p.TotalLen, 0xffff))), p.Reason, p.Table)
	b = appendMatch(be.AppendUint64(b, p.Cookie), p.Match)
	b = zeros(b, 2)
	return end(append(b, p.Data[:min(len(p.Data), MaxMessage-(len(b)-start))]...), start)
}

// ParsePacketIn reads a packet-in of either form.
func ParsePacketIn(m Message) (PacketIn, error) {
	if m.Type == TypeExperimenter {
		return parsePacketIn2(m)
	}
	r := read(m, TypePacketIn)
	p := PacketIn{Buffer: r.u32(), TotalLen: uint32(r.u16()), Reason: r.u8(), Table: r.u8(), Cookie: r.u64(), Match: r.match()}
	r.skip(2)
	p.Data = r.rest()
	return p, r.err()
}

// Properties of NXT_PACKET_IN2 (enum nx_packet_in2_prop_type).
const (
	pinPacket = iota
	pinFullLen
	pinBufferID
	pinTableID
	pinCookie
	pinReason
	pinMetadata
	pinUserData
	pinContinuation
)

// AppendPacketIn2 appends an NXT_PACKET_IN2.
func AppendPacketIn2(b []byte, xid uint32, p *PacketIn) []byte {
	start := len(b)
	b = beginExperimenter(b, xid, ExperimenterNicira, nxtPacketIn2)
	return end(appendPacketProps(b, p), start)
}

// AppendResume appends an NXT_RESUME: the packet goes on where its continuation says, with Data and Match in place of what it
// was.
func AppendResume(b []byte, xid uint32, p *PacketIn) []byte {
	start := len(b)
	b = beginExperimenter(b, xid, ExperimenterNicira, nxtResume)
	return end(appendPacketProps(b, p), start)
}

func appendPacketProps(b []byte, p *PacketIn) []byte {
	b = appendProp(b, pinPacket, p.Data)
	if int(p.TotalLen) > len(p.Data) {
		b = appendProp(b, pinFullLen, be.AppendUint32(nil, p.TotalLen))
	}
	if p.Buffer != NoBuffer {
		b = appendProp(b, pinBufferID, be.AppendUint32(nil, p.Buffer))
	}
	b = appendProp(b, pinTableID, []byte{p.Table})
	if p.Cookie != ^uint64(0) {
		start := len(b)
		b = zeros(be.AppendUint32(b, pinCookie<<16|16), 4)
		b = pad8(be.AppendUint64(b, p.Cookie), start)
	}
	b = appendProp(b, pinReason, []byte{p.Reason})
	b = appendProp(b, pinMetadata, p.Match)
	if len(p.UserData) > 0 {
		b = appendProp(b, pinUserData, p.UserData)
	}
	if len(p.Continuation) > 0 {
		// A nested property: padded to 8 bytes before its own properties begin.
		start := len(b)
		b = zeros(be.AppendUint32(b, pinContinuation<<16), 4)
		b = append(b, p.Continuation...)
		be.PutUint16(b[start+2:], uint16(len(b)-start))
		b = pad8(b, start)
	}
	return b
}

// appendProp appends a property with padding.
func appendProp(b []byte, typ uint16, value []byte) []byte {
	start := len(b)
	b = be.AppendUint32(b, uint32(typ)<<16|uint32(4+len(value)))
	return pad8(append(b, value...), start)
}

// property reads the next property; its value lacks the padding. 64-bit values and nested properties are aligned, so their
// first 4 bytes are padding too.
func (r *reader) property() (typ uint16, value []byte) {
	typ = r.u16()
	n := int(r.u16())
	if r.reason == nil && n < 4 {
		r.fail(ErrLength)
	}
	value = r.take(n - 4)
	r.skip(min(-n&7, len(r.b)))
	return typ, value
}

func parsePacketIn2(m Message) (PacketIn, error) {
	r := read(m, TypeExperimenter)
	if id, sub := r.u32(), r.u32(); r.reason == nil && (id != ExperimenterNicira || sub != nxtPacketIn2 && sub != nxtResume) {
		r.fail(ErrType)
	}
	p := PacketIn{Buffer: NoBuffer, Cookie: ^uint64(0)}
	full := uint32(0)
	for len(r.b) > 0 {
		typ, value := r.property()
		v := reader{b: value, of: m.Type}
		switch typ {
		case pinPacket:
			p.Data = value
		case pinFullLen:
			full = v.u32()
		case pinBufferID:
			p.Buffer = v.u32()
		case pinTableID:
			p.Table = v.u8()
		case pinCookie:
			v.skip(4)
			p.Cookie = v.u64()
		case pinReason:
			p.Reason = v.u8()
		case pinMetadata:
			p.Match = value
		case pinUserData:
			p.UserData = value
		case pinContinuation:
			v.skip(4)
			p.Continuation = v.rest()
		}
		if v.reason != nil {
			r.fail(v.reason)
		}
	}
	p.TotalLen = max(full, uint32(len(p.Data)))
	return p, r.err()
}

// PacketOut is a packet that the controller sends. Its slices are parts of the message.
type PacketOut struct {
	Buffer  uint32
	InPort  uint32
	Actions []byte // wire form of an action list, without an instruction around it
	Data    []byte
}

// AppendPacketOut appends a packet-out.
func AppendPacketOut(b []byte, xid uint32, p *PacketOut) []byte {
	start := len(b)
	b = be.AppendUint32(be.AppendUint32(begin(b, TypePacketOut, xid), p.Buffer), p.InPort)
	b = zeros(be.AppendUint16(b, uint16(len(p.Actions))), 6)
	b = append(b, p.Actions...)
	return end(append(b, p.Data[:min(len(p.Data), max(0, MaxMessage-(len(b)-start)))]...), start)
}

// ParsePacketOut reads a packet-out.
func ParsePacketOut(m Message) (PacketOut, error) {
	r := read(m, TypePacketOut)
	p := PacketOut{Buffer: r.u32(), InPort: r.u32()}
	n := int(r.u16())
	r.skip(6)
	p.Actions = r.take(n)
	p.Data = r.rest()
	return p, r.err()
}
