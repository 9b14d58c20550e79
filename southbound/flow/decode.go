package flow

import "fmt"

// ParseInstructions reads OpenFlow 1.3 instructions, in any order, into actions in canonical order.
func ParseInstructions(b []byte) (Actions, error) {
	var parts [insMeter + 1]Actions
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, fmt.Errorf("instruction: %w", ErrTruncated)
		}
		typ, n := be.Uint16(b), int(be.Uint16(b[2:]))
		if n < 8 || n > len(b) || n%8 != 0 {
			return nil, fmt.Errorf("instruction %d of %d bytes: %w", typ, n, ErrTruncated)
		}
		if typ == 0 || typ > insMeter || parts[typ] != nil {
			return nil, fmt.Errorf("instruction %d: %w", typ, ErrBadAction)
		}
		list, err := parseInstruction(typ, b[:n])
		if err != nil {
			return nil, err
		}
		parts[typ], b = list, b[n:]
	}
	var a Actions
	for _, typ := range [...]int{insMeter, insApplyActions, insClearActions, insWriteActions, insWriteMetadata, insGoto} {
		a = append(a, parts[typ]...)
	}
	return a, nil
}

func parseInstruction(typ uint16, b []byte) (Actions, error) {
	switch typ {
	case insMeter:
		return Actions{ToMeter(be.Uint32(b[4:]))}, nil
	case insApplyActions:
		return parseActions(b[8:], 1)
	case insClearActions:
		return Actions{ClearActions()}, nil
	case insWriteActions:
		list, err := parseActions(b[8:], 1)
		return Actions{WriteActions(list...)}, err
	case insWriteMetadata:
		if len(b) != 24 {
			return nil, fmt.Errorf("write_metadata of %d bytes: %w", len(b), ErrTruncated)
		}
		mask := be.Uint64(b[16:])
		return Actions{WriteMetadata(be.Uint64(b[8:])&mask, mask)}, nil
	}
	return Actions{Goto(b[4])}, nil
}

// parseActions reads a list of actions.
func parseActions(b []byte, depth int) (Actions, error) {
	if depth > maxDepth {
		return nil, actionError(kindClone, ErrNested)
	}
	var list Actions
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, fmt.Errorf("action: %w", ErrTruncated)
		}
		n := int(be.Uint16(b[2:]))
		if n < 8 || n > len(b) || n%8 != 0 {
			return nil, fmt.Errorf("action %d of %d bytes: %w", be.Uint16(b), n, ErrTruncated)
		}
		a, err := parseAction(b[:n], depth)
		if err != nil {
			return nil, err
		}
		list, b = append(list, a), b[n:]
	}
	return list, nil
}

func parseAction(b []byte, depth int) (Action, error) {
	typ := be.Uint16(b)
	switch typ {
	case actOutput:
		if len(b) != 16 {
			return Action{}, actionError(kindOutput, ErrTruncated)
		}
		return Action{kind: kindOutput, n: be.Uint32(b[4:]), n2: uint32(be.Uint16(b[8:]))}, nil
	case actSetField:
		f, rest, err := parseField(b[4:])
		switch {
		case f.ID.isTunMetadata() && err == nil:
			f.Mask = f.ID.all()
		case f.ID == InPort16 && err == nil:
			f = U32(InPort, port32(uint16(f.Value.Lo)))
		}
		if err == nil && (len(rest) >= 8 || !f.ID.Writable() || f.Mask.IsZero()) {
			err = actionError(kindSetField, ErrBadAction)
		}
		return SetField(f), err
	case actExperimenter:
		return parseNicira(b, depth)
	}
	if len(b) != 8 {
		return Action{}, fmt.Errorf("action %d of %d bytes: %w", typ, len(b), ErrTruncated)
	}
	switch typ {
	case actGroup:
		return ToGroup(be.Uint32(b[4:])), nil
	case actSetQueue:
		return SetQueue(be.Uint32(b[4:])), nil
	case actPushVLAN:
		return PushVLAN(be.Uint16(b[4:])), nil
	case actPopVLAN:
		return PopVLAN(), nil
	case actPushMPLS:
		return PushMPLS(be.Uint16(b[4:])), nil
	case actPopMPLS:
		return PopMPLS(be.Uint16(b[4:])), nil
	case actDecTTL:
		return DecTTL(), nil
	case actDecMPLSTTL:
		return DecMPLSTTL(), nil
	case actSetMPLSTTL:
		return SetMPLSTTL(b[4]), nil
	}
	return Action{}, fmt.Errorf("action %d: %w", typ, ErrBadAction)
}

// reader takes an action apart. The first failure sticks, and what is read after it is zero.
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

// name reads which field a part is of.
func (r *reader) name() FieldID {
	h, rest, err := parseHeaderAny(r.b)
	if err != nil {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = rest
	return h.id
}

// parts are checked as the encoder checks them.
func (r *reader) part(s Sub) Sub {
	if !s.valid() {
		r.bad = true
	}
	return s
}

// place reads offset and length in 16 bits and then the field.
func (r *reader) place() Sub {
	ofs := r.u16()
	return r.part(Sub{ID: r.name(), Off: sat8(ofs >> 6), Len: uint8(ofs&0x3f) + 1})
}

// sat8 keeps a number that does not fit too large for any field.
func sat8(v uint16) uint8 { return uint8(min(v, 255)) }

func (r *reader) done(a Action) (Action, error) {
	if r.bad {
		return Action{}, actionError(a.kind, ErrTruncated)
	}
	return a, nil
}

// parseHeaderAny is parseHeader that does not mind lengths: where a field is only named they say little.
func parseHeaderAny(b []byte) (oxm, []byte, error) {
	if len(b) >= 4 && be.Uint16(b) == classNXM1 {
		if id := at(niciraFields[:], b[2]>>1); id.isTunMetadata() {
			return oxm{id: id}, b[4:], nil
		}
	}
	return parseHeader(b)
}

// parseNicira reads one of Open vSwitch's actions.
func parseNicira(b []byte, depth int) (Action, error) {
	if len(b) < 16 || be.Uint32(b[4:]) != experimenterNicira {
		return Action{}, fmt.Errorf("experimenter action of %d bytes: %w", len(b), ErrBadAction)
	}
	subtype := be.Uint16(b[8:])
	r := &reader{b: b[10:]}
	switch subtype {
	case nxResubmit:
		return r.done(ResubmitFrom(port32(r.u16()), 0xff))
	case nxResubmitTable, nxResubmitCT:
		a := ResubmitFrom(port32(r.u16()), r.u8())
		if subtype == nxResubmitCT {
			a.kind = kindResubmitCT
		}
		return r.done(a)
	case nxConjunction:
		clause, n := r.u8(), r.u8()
		if n < 2 || n > 64 || clause >= n {
			return Action{}, actionError(kindConjunction, ErrRange)
		}
		return r.done(Conjunction(r.u32(), clause+1, n))
	case nxRegMove:
		n, src, dst := r.u16(), r.u16(), r.u16()
		return r.done(Move(
			r.part(Sub{r.name(), sat8(src), sat8(n)}),
			r.part(Sub{r.name(), sat8(dst), sat8(n)})))
	case nxRegLoad:
		dst := r.place()
		return r.done(Load(dst, r.u64()))
	case nxRegLoad2:
		f, _, err := parseField(r.b)
		if err == nil && (!f.ID.Writable() || f.Mask.IsZero()) {
			err = actionError(kindSetField, ErrReadOnly)
		}
		return SetField(f), err
	case nxStackPush, nxStackPop:
		off := r.u16()
		s := Sub{ID: r.name(), Off: sat8(off)}
		s.Len = sat8(r.u16())
		if subtype == nxStackPush {
			return r.done(Push(r.part(s)))
		}
		return r.done(Pop(r.part(s)))
	case nxCT:
		return parseCT(r, depth)
	case nxCTClear:
		return CTClear(), nil
	case nxExit:
		return Exit(), nil
	case nxPopQueue:
		return PopQueue(), nil
	case nxClone:
		r.take(6)
		list, err := parseActions(r.b, depth+1)
		return Clone(list...), err
	}
	return parseRareNicira(subtype, r)
}

func parseRareNicira(subtype uint16, r *reader) (Action, error) {
	switch subtype {
	case nxOutputReg:
		a := OutputReg(r.place())
		a.n = uint32(r.u16())
		return r.done(a)
	case nxOutputReg2:
		ofs, maxLen := r.u16(), r.u16()
		a := OutputReg(r.part(Sub{ID: r.name(), Off: sat8(ofs >> 6), Len: uint8(ofs&0x3f) + 1}))
		a.n = uint32(maxLen)
		return r.done(a)
	case nxNote:
		return Note(string(r.b)), nil
	case nxDecTTLIDs:
		return parseDecTTLIDs(r)
	case nxController:
		return parseController(r)
	case nxController2:
		return parseController2(r)
	case nxMultipath:
		return parseMultipath(r)
	case nxBundle, nxBundleLoad:
		return parseBundle(r, subtype)
	case nxLearn, nxLearn2:
		return parseLearn(r, subtype)
	case nxEncap, nxDecap:
		r.take(2)
		a := DecapTo(r.u32())
		if subtype == nxEncap {
			a.kind = kindEncap
		}
		return r.done(a)
	case nxCheckPktLarger:
		n, off := r.u16(), r.u16()
		return r.done(CheckPktLarger(n, r.part(Sub{r.name(), sat8(off), 1})))
	case nxSample, nxSample3:
		return parseSample(r, subtype)
	case nxDeleteField:
		return parseDeleteField(r)
	case nxFinTimeout:
		return r.done(FinTimeout(r.u16(), r.u16()))
	}
	return Action{}, fmt.Errorf("action %d of Open vSwitch: %w", subtype, ErrBadAction)
}
