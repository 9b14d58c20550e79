package openflow

import (
	"fmt"
	"net/netip"
	"strconv"
)

// Subtypes of experimenter messages.
const (
	nxtSetPacketInFormat = 16
	nxtSetControllerID   = 20
	nxtTLVTableMod       = 24
	nxtTLVTableRequest   = 25
	nxtTLVTableReply     = 26
	nxtResume            = 28
	nxtCTFlushZone       = 29
	nxtPacketIn2         = 30
	nxtCTFlush           = 32

	onfFlowMonitor    = 1870
	onfMonitorCancel  = 1870
	onfMonitorPaused  = 1871
	onfMonitorResumed = 1872
	onfBundleControl  = 2300
	onfBundleAdd      = 2301
)

// ExperimenterKind is what an experimenter message is.
type ExperimenterKind uint8

// Kinds of experimenter messages that this package reads.
const (
	UnknownExperimenter ExperimenterKind = iota
	SetPacketInFormat
	SetControllerID
	TLVTableMod
	TLVTableRequest
	TLVTableReply
	Resume
	CTFlushZone
	PacketIn2
	CTFlush
	MonitorCancel
	MonitorPaused
	MonitorResumed
	BundleControlMessage
	BundleAddMessage
)

// Kind says what the message is.
func (e *Experimenter) Kind() ExperimenterKind {
	switch e.ID {
	case ExperimenterNicira:
		switch e.Subtype {
		case nxtSetPacketInFormat:
			return SetPacketInFormat
		case nxtSetControllerID:
			return SetControllerID
		case nxtTLVTableMod:
			return TLVTableMod
		case nxtTLVTableRequest:
			return TLVTableRequest
		case nxtTLVTableReply:
			return TLVTableReply
		case nxtResume:
			return Resume
		case nxtCTFlushZone:
			return CTFlushZone
		case nxtPacketIn2:
			return PacketIn2
		case nxtCTFlush:
			return CTFlush
		}
	case ExperimenterONF:
		switch e.Subtype {
		case onfMonitorCancel:
			return MonitorCancel
		case onfMonitorPaused:
			return MonitorPaused
		case onfMonitorResumed:
			return MonitorResumed
		case onfBundleControl:
			return BundleControlMessage
		case onfBundleAdd:
			return BundleAddMessage
		}
	}
	return UnknownExperimenter
}

// reader reads the body of a message of one kind.
func (e *Experimenter) reader(id, subtype uint32) reader {
	if e.ID != id || e.Subtype != subtype {
		return reader{of: TypeExperimenter, reason: fmt.Errorf("%w: %#x/%d", ErrType, e.ID, e.Subtype)}
	}
	return reader{b: e.Body, of: TypeExperimenter}
}

// PacketInFormat is how packet-ins are sent.
type PacketInFormat uint32

// Formats of packet-ins.
const (
	PacketInStandard PacketInFormat = 0
	PacketInNicira2  PacketInFormat = 2
)

// AppendSetPacketInFormat appends an NXT_SET_PACKET_IN_FORMAT.
func AppendSetPacketInFormat(b []byte, xid uint32, f PacketInFormat) []byte {
	start := len(b)
	return end(be.AppendUint32(beginExperimenter(b, xid, ExperimenterNicira, nxtSetPacketInFormat), uint32(f)), start)
}

// ParseSetPacketInFormat reads an NXT_SET_PACKET_IN_FORMAT.
func ParseSetPacketInFormat(e Experimenter) (PacketInFormat, error) {
	r := e.reader(ExperimenterNicira, nxtSetPacketInFormat)
	return PacketInFormat(r.u32()), r.err()
}

// AppendSetControllerID appends an NXT_SET_CONTROLLER_ID: the id that controller actions name.
func AppendSetControllerID(b []byte, xid uint32, id uint16) []byte {
	start := len(b)
	b = zeros(beginExperimenter(b, xid, ExperimenterNicira, nxtSetControllerID), 6)
	return end(be.AppendUint16(b, id), start)
}

// ParseSetControllerID reads an NXT_SET_CONTROLLER_ID.
func ParseSetControllerID(e Experimenter) (uint16, error) {
	r := e.reader(ExperimenterNicira, nxtSetControllerID)
	r.skip(6)
	return r.u16(), r.err()
}

// AppendCTFlushZone appends an NXT_CT_FLUSH_ZONE, which forgets all connections of a zone.
func AppendCTFlushZone(b []byte, xid uint32, zone uint16) []byte {
	start := len(b)
	b = zeros(beginExperimenter(b, xid, ExperimenterNicira, nxtCTFlushZone), 6)
	return end(be.AppendUint16(b, zone), start)
}

// ParseCTFlushZone reads an NXT_CT_FLUSH_ZONE.
func ParseCTFlushZone(e Experimenter) (uint16, error) {
	r := e.reader(ExperimenterNicira, nxtCTFlushZone)
	r.skip(6)
	return r.u16(), r.err()
}

// TLV maps a Geneve option to a tunnel metadata field.
type TLV struct {
	Class  uint16
	Option uint8
	Length uint8  // bytes, a multiple of 4
	Index  uint16 // of the field: tun_metadata<Index>
}

// TLVCommand is what an NXT_TLV_TABLE_MOD does.
type TLVCommand uint16

// Commands for the TLV table.
const (
	TLVAdd TLVCommand = iota
	TLVDelete
	TLVClear
)

// AppendTLVTableMod appends an NXT_TLV_TABLE_MOD.
func AppendTLVTableMod(b []byte, xid uint32, c TLVCommand, maps []TLV) []byte {
	start := len(b)
	b = beginExperimenter(b, xid, ExperimenterNicira, nxtTLVTableMod)
	return end(appendTLVs(zeros(be.AppendUint16(b, uint16(c)), 6), maps), start)
}

func appendTLVs(b []byte, maps []TLV) []byte {
	for _, m := range maps[:min(len(maps), 4096)] {
		b = append(be.AppendUint16(b, m.Class), m.Option, m.Length)
		b = zeros(be.AppendUint16(b, m.Index), 2)
	}
	return b
}

func (r *reader) tlvs() []TLV {
	var list []TLV
	for len(r.b) > 0 && r.reason == nil {
		list = append(list, TLV{r.u16(), r.u8(), r.u8(), r.u16()})
		r.skip(2)
	}
	return list
}

// ParseTLVTableMod reads an NXT_TLV_TABLE_MOD.
func ParseTLVTableMod(e Experimenter) (TLVCommand, []TLV, error) {
	r := e.reader(ExperimenterNicira, nxtTLVTableMod)
	c := TLVCommand(r.u16())
	r.skip(6)
	list := r.tlvs()
	return c, list, r.err()
}

// AppendTLVTableRequest appends an NXT_TLV_TABLE_REQUEST.
func AppendTLVTableRequest(b []byte, xid uint32) []byte {
	start := len(b)
	return end(beginExperimenter(b, xid, ExperimenterNicira, nxtTLVTableRequest), start)
}

// TLVTable is the switch's TLV table.
type TLVTable struct {
	MaxSpace  uint32
	MaxFields uint16
	Maps      []TLV
}

// AppendTLVTable appends an NXT_TLV_TABLE_REPLY.
func AppendTLVTable(b []byte, xid uint32, t *TLVTable) []byte {
	start := len(b)
	b = be.AppendUint32(beginExperimenter(b, xid, ExperimenterNicira, nxtTLVTableReply), t.MaxSpace)
	return end(appendTLVs(zeros(be.AppendUint16(b, t.MaxFields), 10), t.Maps), start)
}

// ParseTLVTable reads an NXT_TLV_TABLE_REPLY.
func ParseTLVTable(e Experimenter) (TLVTable, error) {
	r := e.reader(ExperimenterNicira, nxtTLVTableReply)
	t := TLVTable{MaxSpace: r.u32(), MaxFields: r.u16()}
	r.skip(10)
	t.Maps = r.tlvs()
	return t, r.err()
}

// CTTuple is one direction of a connection; what is not valid or zero is not looked at.
type CTTuple struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
}

// CTFlushRequest says which connections to forget (NXT_CT_FLUSH, Open vSwitch 3.1 and later).
type CTFlushRequest struct {
	Proto       uint8
	Zone        uint16
	ZoneGiven   ZoneGiven
	Orig, Reply CTTuple
}

// ZoneGiven says whether CTFlushRequest.Zone counts.
type ZoneGiven bool

// TLVs of NXT_CT_FLUSH, and those inside its tuples.
const (
	ctOrig = iota
	ctReply
	ctZone
)

const (
	ctSrc = iota
	ctDst
	ctSrcPort
	ctDstPort
)

// AppendCTFlush appends an NXT_CT_FLUSH.
func AppendCTFlush(b []byte, xid uint32, q *CTFlushRequest) []byte {
	start := len(b)
	b = beginExperimenter(b, xid, ExperimenterNicira, nxtCTFlush)
	b = zeros(append(b, q.Proto), 7)
	b = appendTuple(b, ctOrig, &q.Orig)
	b = appendTuple(b, ctReply, &q.Reply)
	if q.ZoneGiven {
		b = appendProp(b, ctZone, []byte{byte(q.Zone >> 8), byte(q.Zone), 0, 0})
	}
	return end(b, start)
}

func appendTuple(b []byte, typ uint16, t *CTTuple) []byte {
	if *t == (CTTuple{}) {
		return b
	}
	start := len(b)
	b = zeros(be.AppendUint16(b, typ), 6)
	for i, a := range [...]netip.Addr{t.Src, t.Dst} {
		if a.IsValid() {
			v := a.As16() // IPv4 is mapped
			b = appendProp(b, uint16(ctSrc+i), v[:])
		}
	}
	for i, p := range [...]uint16{t.SrcPort, t.DstPort} {
		if p != 0 {
			b = appendProp(b, uint16(ctSrcPort+i), []byte{byte(p >> 8), byte(p), 0, 0})
		}
	}
	be.PutUint16(b[start+2:], uint16(len(b)-start))
	return pad8(b, start)
}

// ParseCTFlush reads an NXT_CT_FLUSH.
func ParseCTFlush(e Experimenter) (CTFlushRequest, error) {
	r := e.reader(ExperimenterNicira, nxtCTFlush)
	q := CTFlushRequest{Proto: r.u8()}
	r.skip(7)
	for len(r.b) > 0 {
		typ, value := r.property()
		v := reader{b: value, of: TypeExperimenter}
		switch typ {
		case ctOrig:
			v.tuple(&q.Orig)
		case ctReply:
			v.tuple(&q.Reply)
		case ctZone:
			q.Zone, q.ZoneGiven = v.u16(), true
		}
		if v.reason != nil {
			r.fail(v.reason)
		}
	}
	return q, r.err()
}

func (r *reader) tuple(t *CTTuple) {
	for r.skip(4); len(r.b) > 0; {
		typ, value := r.property()
		v := reader{b: value}
		switch typ {
		case ctSrc:
			t.Src = netip.AddrFrom16([16]byte(v.take(16))).Unmap()
		case ctDst:
			t.Dst = netip.AddrFrom16([16]byte(v.take(16))).Unmap()
		case ctSrcPort:
			t.SrcPort = v.u16()
		case ctDstPort:
			t.DstPort = v.u16()
		}
		if v.reason != nil {
			r.fail(v.reason)
		}
	}
}

func decimal(v uint32) string { return strconv.FormatUint(uint64(v), 10) }
