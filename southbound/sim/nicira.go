package sim

import (
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/southbound/flow"
)

// nicira reads one of Open vSwitch's own actions; b is all of it.
func nicira(subtype uint16, b []byte, depth int) (step, error) {
	r := &reader{b: b[10:]}
	switch subtype {
	case nxResubmit, nxResubmitTable:
		s := step{op: opResubmit, n: port32(r.u16()), table: 0xff}
		if subtype == nxResubmitTable {
			s.table = r.u8()
		}
		return r.done(s)
	case nxRegMove:
		n, from, to := r.u16(), r.u16(), r.u16()
		return r.done(step{op: opMove, src: r.sub(from, n), dst: r.target(to, n)})
	case nxRegLoad:
		place := r.u16()
		dst := r.target(place>>6, place&0x3f+1)
		v := flow.Bits{Lo: r.u64()}
		if v.And(low(int(dst.Len))) != v {
			r.bad = true
		}
		off := int(dst.Off)
		return r.done(step{op: opSet, field: flow.Field{ID: dst.ID, Value: v.Shl(off), Mask: low(int(dst.Len)).Shl(off)}})
	case nxRegLoad2:
		return setField(r.b)
	case nxStackPush, nxStackPop:
		off := r.u16()
		id := r.id()
		s := r.check(id, off, r.u16())
		if subtype == nxStackPush {
			return r.done(step{op: opPush, src: s})
		}
		r.bad = r.bad || !id.Writable()
		return r.done(step{op: opPop, dst: s})
	case nxOutputReg:
		place := r.u16()
		return r.done(step{op: opOutputReg, src: r.sub(place>>6, place&0x3f+1)})
	case nxConjunction:
		clause, n := r.u8(), r.u8()
		if n < 2 || n > 64 || clause >= n {
			r.bad = true
		}
		return r.done(step{op: opConjunction, table: clause, n2: uint32(n), n: r.u32()})
	case nxMultipath:
		return multipath(r)
	case nxCheckPktLarger:
		n, off := r.u16(), r.u16()
		return r.done(step{op: opCheckLarger, n: uint32(n), dst: r.target(off, 1)})
	}
	return niciraMore(subtype, r, depth)
}

// multipath hashes a flow to the number of a link.
func multipath(r *reader) (step, error) {
	fields, basis := r.u16(), r.u16()
	r.take(2)
	algorithm, links := r.u16(), uint32(r.u16())+1
	r.take(6) // the argument, which HRW has no use for, and padding
	place := r.u16()
	dst := r.target(place>>6, place&0x3f+1)
	if hashed[flow.HashFields(fields)] == nil || algorithm > uint16(flow.IterHash) || dst.Len < 32 && links > 1<<dst.Len {
		r.bad = true
	}
	return r.done(step{op: opMultipath, n: uint32(fields), n2: links, table: uint8(basis), dst: dst})
}

// hashed are the fields that a hash is made of.
var hashed = map[flow.HashFields][]flow.FieldID{
	flow.HashEthSrc:           {flow.EthSrc},
	flow.HashSymmetricL4:      slices.Concat(l2Fields, l3Fields, l4Fields),
	flow.HashSymmetricL3L4:    slices.Concat(l3Fields, l4Fields),
	flow.HashSymmetricL3L4UDP: slices.Concat(l3Fields, l4Fields, []flow.FieldID{flow.UDPSrc, flow.UDPDst}),
	flow.HashNwSrc:            {flow.IPv4Src, flow.IPv6Src},
	flow.HashNwDst:            {flow.IPv4Dst, flow.IPv6Dst},
	flow.HashSymmetricL3:      l3Fields,
}

var (
	l2Fields = []flow.FieldID{flow.EthSrc, flow.EthDst, flow.EthType}
	l3Fields = []flow.FieldID{flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst}
	l4Fields = []flow.FieldID{flow.IPProto, flow.TCPSrc, flow.TCPDst, flow.SCTPSrc, flow.SCTPDst}
)

func niciraMore(subtype uint16, r *reader, depth int) (step, error) {
	switch subtype {
	case nxNote, nxPopQueue, nxFinTimeout:
		return step{}, nil
	case nxExit:
		return step{op: opExit}, nil
	case nxCTClear:
		return step{op: opCTClear}, nil
	case nxDecTTLIDs:
		return step{op: opDecTTL}, nil
	case nxController:
		s := &sending{maxLen: r.u16()}
		r.u16() // which connection: here every one
		s.reason = r.u8()
		return r.done(step{op: opController, send: s})
	case nxController2:
		return controller2(r)
	case nxClone:
		r.take(6)
		do, err := actions(r.b, depth+1)
		return step{op: opClone, do: do}, err
	case nxCT:
		return track(r, depth)
	case nxEncap, nxDecap:
		return header(subtype, r)
	}
	return step{}, &Error{Type: typeBadAction, Code: 3, Why: notModelled(fmt.Sprintf("Open vSwitch's action %d", subtype))}
}

// header reads an encap or decap action. Headers other than labels and Ethernet are not modelled.
func header(subtype uint16, r *reader) (step, error) {
	r.take(2)
	s := step{op: opEncap, n: r.u32()}
	if subtype == nxDecap {
		s.op = opDecap
	}
	if s.n != typeEthernet && s.n != typeLabels && (s.op == opEncap || s.n != typeNextProto) {
		return step{}, &Error{Type: typeBadAction, Code: 5, Why: notModelled(fmt.Sprintf("a header of type %#x", s.n))}
	}
	return r.done(s)
}

// track reads a ct action.
func track(r *reader, depth int) (step, error) {
	t := &tracking{}
	flags := r.u16()
	t.commit, t.force = flags&1 != 0, flags&2 != 0
	if len(r.b) >= 4 && be.Uint32(r.b) != 0 {
		id := r.id()
		place := r.u16()
		t.zoneFrom = r.check(id, place>>6, place&0x3f+1)
	} else {
		r.take(4)
		t.zone = r.u16()
	}
	t.table = r.u8()
	t.recirculate = t.table != 0xff
	r.take(3)
	if alg := r.u16(); alg != 0 {
		return step{}, &Error{Type: typeBadAction, Code: 5, Why: notModelled("helpers of connection tracking")}
	}
	if r.bad {
		return step{}, errCut
	}
	if len(r.b) >= 16 && be.Uint16(r.b) == actExperimenter && be.Uint16(r.b[8:]) == nxNAT {
		r.take(2)
		var err error
		if t.nat, err = translate(r); err != nil {
			return step{}, err
		}
	}
	exec, err := actions(r.b, depth+1)
	if err != nil {
		return step{}, err
	}
	for _, s := range exec {
		if s.op != opSet && s.op != opMove {
			return step{}, refuse(typeBadAction, 5, "inside ct only fields of the connection can be set")
		}
	}
	t.exec = exec
	return step{op: opCT, ct: t}, nil
}

// Properties of the newer controller action (enum nx_action_controller2_prop_type).
const (
	propMaxLen   = 0
	propID       = 1
	propReason   = 2
	propUserData = 3
	propPause    = 4
	propMeter    = 5
)

func controller2(r *reader) (step, error) {
	s := &sending{maxLen: 0xffff, reason: 1}
	r.take(6)
	for len(r.b) >= 4 {
		typ, n := be.Uint16(r.b), int(be.Uint16(r.b[2:]))
		if n < 4 || n > len(r.b) {
			return step{}, errCut
		}
		body := &reader{b: r.b[4:n]}
		switch typ {
		case propMaxLen:
			s.maxLen = body.u16()
		case propReason:
			s.reason = body.u8()
		case propUserData:
			s.userData = string(body.b)
		case propMeter:
			s.meter = body.u32()
		case propID:
		case propPause:
			return step{}, &Error{Type: typeBadAction, Code: 5, Why: notModelled("a pause for the controller")}
		default:
			return step{}, refuse(typeBadAction, 5, "property %d of a controller action", typ)
		}
		r.take(min((n+7)/8*8, len(r.b)))
	}
	return r.done(step{op: opController, send: s})
}

// reader takes bytes apart. The first failure sticks, and what is read after it is zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.bad, r.b = true, nil
		return make([]byte, n)
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() uint16 { return be.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return be.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return be.Uint64(r.take(8)) }

// id reads the head of an OXM that only names a field.
func (r *reader) id() flow.FieldID {
	n := 4
	if len(r.b) >= 2 && be.Uint16(r.b) == 0xffff {
		n = 8
	}
	head := r.take(n)
	if r.bad {
		return 0
	}
	size := int(head[3])
	if n == 8 {
		size -= 4
	}
	if size <= 0 || head[2]&1 != 0 {
		r.bad = true
		return 0
	}
	m, err := flow.ParseMatch(append(append(make([]byte, 0, n+size), head...), make([]byte, size)...))
	if err != nil || len(m) != 1 || modelled(m[0].ID) != nil {
		r.bad = true
		return 0
	}
	return m[0].ID
}

func (r *reader) sub(off, n uint16) flow.Sub { return r.check(r.id(), off, n) }

// target is sub for a field that is written.
func (r *reader) target(off, n uint16) flow.Sub {
	s := r.sub(off, n)
	r.bad = r.bad || !s.ID.Writable()
	return s
}

func (r *reader) check(id flow.FieldID, off, n uint16) flow.Sub {
	if n == 0 || int(off)+int(n) > id.Bits() {
		r.bad = true
		return flow.Sub{}
	}
	return flow.Sub{ID: id, Off: uint8(off), Len: uint8(n)}
}

func (r *reader) done(s step) (step, error) {
	if r.bad {
		return step{}, refuse(typeBadAction, 5, "action with a bad argument")
	}
	return s, nil
}

// port32 is the OpenFlow 1.3 number of a port with an OpenFlow 1.0 number.
func port32(port uint16) uint32 {
	if port >= 0xff00 {
		return 0xffff0000 | uint32(port)
	}
	return uint32(port)
}
