package flow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var be = binary.BigEndian

// Action types (OpenFlow 1.3, section 7.2.5).
const (
	actOutput       = 0
	actSetMPLSTTL   = 15
	actDecMPLSTTL   = 16
	actPushVLAN     = 17
	actPopVLAN      = 18
	actPushMPLS     = 19
	actPopMPLS      = 20
	actSetQueue     = 21
	actGroup        = 22
	actDecTTL       = 24
	actSetField     = 25
	actExperimenter = 0xffff
)

// Subtypes of Nicira's actions (ovs-actions(7)).
const (
	nxResubmit       = 1
	nxPopQueue       = 5
	nxRegMove        = 6
	nxRegLoad        = 7
	nxNote           = 8
	nxMultipath      = 10
	nxBundle         = 12
	nxBundleLoad     = 13
	nxResubmitTable  = 14
	nxOutputReg      = 15
	nxLearn          = 16
	nxExit           = 17
	nxFinTimeout     = 19
	nxController     = 20
	nxDecTTLIDs      = 21
	nxStackPush      = 27
	nxStackPop       = 28
	nxSample         = 29
	nxOutputReg2     = 32
	nxRegLoad2       = 33
	nxConjunction    = 34
	nxCT             = 35
	nxNAT            = 36
	nxController2    = 37
	nxSample3        = 41
	nxClone          = 42
	nxCTClear        = 43
	nxResubmitCT     = 44
	nxLearn2         = 45
	nxEncap          = 46
	nxDecap          = 47
	nxCheckPktLarger = 49
	nxDeleteField    = 50
)

// Instruction types (OpenFlow 1.3, section 7.2.4).
const (
	insGoto          = 1
	insWriteMetadata = 2
	insWriteActions  = 3
	insApplyActions  = 4
	insClearActions  = 5
	insMeter         = 6
)

// Errors in actions. Others say more in their text.
var (
	ErrReadOnly  = errors.New("field cannot be written")
	ErrOrder     = errors.New("instruction out of order")
	ErrNested    = errors.New("not allowed inside another action")
	ErrPart      = errors.New("no such part of the field")
	ErrTooLong   = errors.New("too long")
	ErrBadAction = errors.New("malformed")
)

// maxDepth bounds how deeply actions nest.
const maxDepth = 8

// AppendInstructions appends the canonical OpenFlow 1.3 form of actions, in the order meter, apply, clear, write, metadata,
// goto. On error b is returned as it was. AppendInstructions allocates only to grow b.
func AppendInstructions(b []byte, a Actions) ([]byte, error) {
	start := len(b)
	i := 0
	if len(a) > 0 && a[0].kind == kindMeter {
		b = be.AppendUint32(be.AppendUint32(b, insMeter<<16|8), a[0].n)
		i = 1
	}
	n := i
	for n < len(a) && a[n].kind < kindMeter {
		n++
	}
	var err error
	if n > i {
		if b, err = appendActionList(b, insApplyActions, a[i:n], 1); err != nil {
			return b[:start], err
		}
	}
	for last := kindMeter; n < len(a); n++ {
		k := a[n].kind
		if k <= last || k > kindGoto {
			return b[:start], actionError(k, ErrOrder)
		}
		last = k
		if b, err = appendInstruction(b, &a[n]); err != nil {
			return b[:start], err
		}
	}
	return b, nil
}

// appendInstruction writes one of those that come after the actions.
func appendInstruction(b []byte, a *Action) ([]byte, error) {
	switch a.kind {
	case kindClearActions:
		return be.AppendUint64(b, insClearActions<<48|8<<32), nil
	case kindWriteActions:
		do, _ := a.more.(Actions)
		return appendActionList(b, insWriteActions, do, 1)
	case kindWriteMetadata:
		f := &a.field
		if !f.Value.within(f.Mask) || f.Mask.Hi != 0 {
			return b, fieldError(Metadata, ErrRange)
		}
		b = be.AppendUint64(b, insWriteMetadata<<48|24<<32)
		return be.AppendUint64(be.AppendUint64(b, f.Value.Lo), f.Mask.Lo), nil
	}
	return be.AppendUint64(b, insGoto<<48|8<<32|uint64(a.table)<<24), nil
}

// appendActionList writes an instruction that holds actions.
func appendActionList(b []byte, typ uint16, a Actions, depth int) ([]byte, error) {
	start := len(b)
	b = be.AppendUint64(b, uint64(typ)<<48)
	b, err := appendActions(b, a, depth)
	if err != nil {
		return b, err
	}
	return closeLength(b, start)
}

// closeLength writes into the second 16 bits after start how long what began there is.
func closeLength(b []byte, start int) ([]byte, error) {
	n := len(b) - start
	if n > 0xfff8 {
		return b, errTooLong(n)
	}
	be.PutUint16(b[start+2:], uint16(n))
	return b, nil
}

// pad fills up to a multiple of 8 bytes from start.
func pad(b []byte, start int) []byte {
	var z [8]byte
	return append(b, z[:-(len(b)-start)&7]...)
}

func appendActions(b []byte, a Actions, depth int) ([]byte, error) {
	if depth > maxDepth {
		return b, actionError(kindClone, ErrNested)
	}
	var err error
	for i := range a {
		if b, err = appendAction(b, &a[i], depth); err != nil {
			return b, err
		}
	}
	return b, nil
}

// appendAction writes one action.
func appendAction(b []byte, a *Action, depth int) ([]byte, error) {
	switch a.kind {
	case kindOutput:
		b = be.AppendUint32(be.AppendUint32(b, actOutput<<16|16), a.n)
		return be.AppendUint64(b, uint64(a.n2)<<48), nil
	case kindSetField:
		return appendSetField(b, &a.field)
	case kindResubmit:
		b = nicira(b, nxResubmitTable, 16)
		return append(be.AppendUint16(b, port16(a.n)), a.table, 0, 0, 0), checkPort16(a.n)
	case kindGroup, kindSetQueue:
		typ := uint32(actGroup)
		if a.kind == kindSetQueue {
			typ = actSetQueue
		}
		return be.AppendUint32(be.AppendUint32(b, typ<<16|8), a.n), nil
	case kindMove:
		return appendMove(b, a)
	case kindPushVLAN, kindPushMPLS, kindPopMPLS:
		typ := uint32(actPushVLAN)
		switch a.kind {
		case kindPushMPLS:
			typ = actPushMPLS
		case kindPopMPLS:
			typ = actPopMPLS
		}
		return be.AppendUint32(be.AppendUint32(b, typ<<16|8), a.n<<16), nil
	case kindPopVLAN:
		return be.AppendUint64(b, actPopVLAN<<48|8<<32), nil
	case kindDecTTL:
		return be.AppendUint64(b, actDecTTL<<48|8<<32), nil
	case kindDecMPLSTTL:
		return be.AppendUint64(b, actDecMPLSTTL<<48|8<<32), nil
	case kindSetMPLSTTL:
		return be.AppendUint64(b, actSetMPLSTTL<<48|8<<32|uint64(a.n)<<24), nil
	case kindConjunction:
		if a.n2 < 2 || a.n2 > 64 || a.table < 1 || uint32(a.table) > a.n2 {
			return b, actionError(a.kind, ErrRange)
		}
		b = append(nicira(b, nxConjunction, 16), a.table-1, uint8(a.n2))
		return be.AppendUint32(b, a.n), nil
	case kindCT:
		return appendCT(b, a, depth)
	}
	return appendRareAction(b, a, depth)
}

// nicira writes the head of one of Open vSwitch's actions, 10 bytes.
func nicira(b []byte, subtype, size uint16) []byte {
	b = be.AppendUint64(b, actExperimenter<<48|uint64(size)<<32|experimenterNicira)
	return be.AppendUint16(b, subtype)
}

// port16 is the OpenFlow 1.0 number of a port.
func port16(port uint32) uint16 { return uint16(port) }

func checkPort16(port uint32) error {
	if port >= 0xff00 && port < PortMax {
		return actionError(kindResubmit, ErrRange)
	}
	return nil
}

// appendSetField writes a whole field as OpenFlow 1.3 does, and some bits of one with Open vSwitch's masked load.
func appendSetField(b []byte, f *Field) ([]byte, error) {
	if err := f.check(); err != nil {
		return b, err
	}
	if !wire[f.ID].writes {
		return b, fieldError(f.ID, ErrReadOnly)
	}
	if f.Mask.IsZero() {
		return b, fieldError(f.ID, ErrMask)
	}
	start := len(b)
	if r := &wire[f.ID]; r.head != 0 && f.Mask == r.all && f.ID != InPort {
		b = f.appendShort(be.AppendUint32(b, actSetField<<16), r.head)
		b = pad(b, start)
		be.PutUint16(b[start+2:], uint16(len(b)-start))
		return b, nil
	}
	switch {
	case f.ID.isTunMetadata():
		b = appendSetTunMetadata(b, f)
	case f.ID == InPort:
		if err := checkPort16(uint32(f.Value.Lo)); err != nil {
			return b, err
		}
		b = Bits{Lo: uint64(port16(uint32(f.Value.Lo)))}.append(InPort16.appendNXM(be.AppendUint32(b, actSetField<<16), 0, 2), 2)
	case f.Exact():
		b = appendField(be.AppendUint32(b, actSetField<<16), f)
	default:
		size := f.size()
		b = f.ID.appendNXM(nicira(b, nxRegLoad2, 0), hasMask, 2*size)
		b = f.Mask.append(f.Value.append(b, size), size)
	}
	b = pad(b, start)
	be.PutUint16(b[start+2:], uint16(len(b)-start))
	return b, nil
}

// appendSetTunMetadata writes no more bytes than it takes: an action does not know how long the option is.
func appendSetTunMetadata(b []byte, f *Field) []byte {
	if f.Exact() || f.Mask == f.ID.all() {
		size := max(1, (f.Value.Len()+7)/8)
		return f.Value.append(f.ID.appendNXM(be.AppendUint32(b, actSetField<<16), 0, size), size)
	}
	size := (f.Mask.Len() + 7) / 8
	b = f.ID.appendNXM(nicira(b, nxRegLoad2, 0), hasMask, 2*size)
	return f.Mask.append(f.Value.append(b, size), size)
}

// source and destination check a part that an action reads or writes.
func (s Sub) source() error {
	if !s.valid() {
		return fieldError(s.ID, ErrPart)
	}
	return nil
}

func (s Sub) destination() error {
	switch {
	case !s.valid():
		return fieldError(s.ID, ErrPart)
	case !s.ID.Writable():
		return fieldError(s.ID, ErrReadOnly)
	}
	return nil
}

// appendName writes which field a part is of.
func (s Sub) appendName(b []byte) []byte {
	size := s.ID.Bytes()
	if s.ID.isTunMetadata() {
		size = (int(s.Off) + int(s.Len) + 31) / 32 * 4
	}
	return s.ID.appendNXM(b, 0, size)
}

// isLong says whether a part's name takes 8 bytes, for which some actions have no room.
func (s Sub) isLong() bool { return nxmNames[s.ID].class == classExperimenter }

// offsetBits is a part's place in 16 bits: 10 for the offset, 6 for the length less one.
func (s Sub) offsetBits() uint16 { return uint16(s.Off)<<6 | uint16(s.Len-1) }

func appendMove(b []byte, a *Action) ([]byte, error) {
	if err := a.src.source(); err != nil {
		return b, err
	}
	if err := a.dst.destination(); err != nil {
		return b, err
	}
	if a.src.Len != a.dst.Len {
		return b, actionError(kindMove, ErrPart)
	}
	start := len(b)
	b = nicira(b, nxRegMove, 0)
	b = be.AppendUint16(b, uint16(a.src.Len))
	b = be.AppendUint16(b, uint16(a.src.Off))
	b = be.AppendUint16(b, uint16(a.dst.Off))
	b = pad(a.dst.appendName(a.src.appendName(b)), start)
	be.PutUint16(b[start+2:], uint16(len(b)-start))
	return b, nil
}

//go:noinline
func actionError(k kind, why error) error { return fmt.Errorf("action %s: %w", k, why) }

//go:noinline
func errTooLong(n int) error { return fmt.Errorf("actions of %d bytes: %w", n, ErrTooLong) }

// AppendActions appends actions without an instruction around them, as packet-outs and buckets have them.
func AppendActions(b []byte, a Actions) ([]byte, error) {
	start := len(b)
	b, err := appendActions(b, a, 1)
	if err != nil {
		return b[:start], err
	}
	return b, nil
}

// ParseActions reads what AppendActions wrote.
func ParseActions(b []byte) (Actions, error) { return parseActions(b, 1) }
