package flow

import "net/netip"

func parseCT(r *reader, depth int) (Action, error) {
	c := CTSpec{Flags: CTFlags(r.u16())}
	if len(r.b) >= 4 && be.Uint32(r.b) != 0 {
		id := r.name()
		ofs := r.u16()
		c.ZoneFrom = r.part(Sub{ID: id, Off: sat8(ofs >> 6), Len: uint8(ofs&0x3f) + 1})
	} else {
		r.take(4)
		c.Zone = r.u16()
	}
	if table := r.u8(); table != noRecirc {
		c.Table = ToTable(table)
	}
	r.take(3)
	c.ALG = r.u16()
	if len(r.b) >= 16 && be.Uint16(r.b) == actExperimenter && be.Uint16(r.b[8:]) == nxNAT {
		n := int(be.Uint16(r.b[2:]))
		nat, err := parseNAT(&reader{b: r.take(max(n, 16))[10:]})
		if err != nil {
			return Action{}, err
		}
		c.NAT = nat
	}
	var err error
	if c.Exec, err = parseActions(r.b, depth+1); err != nil {
		return Action{}, err
	}
	return r.done(CT(c))
}

func parseNAT(r *reader) (*NATSpec, error) {
	r.take(2)
	n := &NATSpec{Flags: NATFlags(r.u16())}
	present := r.u16()
	if present&natIPv4Min != 0 {
		n.MinAddr = netip.AddrFrom4([4]byte(r.take(4)))
	}
	if present&natIPv4Max != 0 {
		n.MaxAddr = netip.AddrFrom4([4]byte(r.take(4)))
	}
	if present&natIPv6Min != 0 {
		n.MinAddr = netip.AddrFrom16([16]byte(r.take(16)))
	}
	if present&natIPv6Max != 0 {
		n.MaxAddr = netip.AddrFrom16([16]byte(r.take(16)))
	}
	if present&natPortMin != 0 {
		n.MinPort = r.u16()
	}
	if present&natPortMax != 0 {
		n.MaxPort = r.u16()
	}
	if r.bad {
		return nil, actionError(kindNAT, ErrTruncated)
	}
	return n, n.check()
}

func parseDecTTLIDs(r *reader) (Action, error) {
	n := int(r.u16())
	r.take(4)
	if len(r.b) < 2*n {
		return Action{}, actionError(kindDecTTLIDs, ErrTruncated)
	}
	ids := make([]uint16, n)
	for i := range ids {
		ids[i] = r.u16()
	}
	return r.done(DecTTLTo(ids...))
}

func (c *ControllerSpec) setWireReason(v uint8) {
	switch v {
	case 1:
		c.Reason = ReasonAction
	case 0:
		c.Reason = ReasonNoMatch
	default:
		c.Reason = v
	}
}

func parseController(r *reader) (Action, error) {
	c := ControllerSpec{MaxLen: r.u16(), ID: r.u16()}
	c.setWireReason(r.u8())
	return r.done(Action{kind: kindController, more: &c})
}

func parseController2(r *reader) (Action, error) {
	c := &ControllerSpec{}
	r.take(6)
	for len(r.b) >= 4 && !r.bad {
		typ, n := be.Uint16(r.b), int(be.Uint16(r.b[2:]))
		if n < 4 || n > len(r.b) {
			r.bad = true
			break
		}
		p := &reader{b: r.b[4:n]}
		switch typ {
		case propMaxLen:
			c.MaxLen = p.u16()
		case propControllerID:
			c.ID = p.u16()
		case propReason:
			c.setWireReason(p.u8())
		case propUserData:
			c.UserData = string(p.b)
		case propPause:
			c.Pause = Paused
		case propMeter:
			c.Meter, c.MeterGiven = p.u32(), true
		default:
			p.bad = true
		}
		r.bad = r.bad || p.bad
		r.take(min((n+7)/8*8, len(r.b)))
	}
	return r.done(Action{kind: kindController, more: c})
}

func parseMultipath(r *reader) (Action, error) {
	m := &MultipathSpec{Fields: HashFields(r.u16()), Basis: r.u16()}
	r.take(2)
	m.Algorithm = MultipathAlgorithm(r.u16())
	m.Links = uint32(r.u16()) + 1
	m.Arg = r.u32()
	r.take(2)
	return r.done(Action{kind: kindMultipath, dst: r.place(), more: m})
}

// parseBundle reads both forms: to the chosen port, or its number to a register.
func parseBundle(r *reader, subtype uint16) (Action, error) {
	s := &BundleSpec{Algorithm: BundleAlgorithm(r.u16()), Fields: HashFields(r.u16()), Basis: r.u16()}
	if r.name() != InPort16 {
		r.bad = true
	}
	n := int(r.u16())
	a := Action{kind: kindBundle, more: s}
	if subtype == nxBundleLoad {
		a.dst = r.place()
	} else {
		r.take(6)
	}
	r.take(4)
	if len(r.b) < 2*n {
		return Action{}, actionError(kindBundle, ErrTruncated)
	}
	s.Members = make([]uint16, n)
	for i := range s.Members {
		s.Members[i] = r.u16()
	}
	return r.done(a)
}

// parseSample reads both forms; the newer one has port and direction too.
func parseSample(r *reader, subtype uint16) (Action, error) {
	s := &SampleSpec{Probability: r.u16(), CollectorSet: r.u32(), ObsDomain: r.u32(), ObsPoint: r.u32()}
	if subtype == nxSample3 {
		if p := r.u16(); p != 0xffff {
			s.SamplingPort = port32(p)
		}
		s.Direction = SampleDirection(r.u8())
	}
	return r.done(Action{kind: kindSample, more: s})
}

// parseLearn reads both forms; the newer one has limit and result too.
func parseLearn(r *reader, subtype uint16) (Action, error) {
	l := &LearnSpec{IdleTimeout: r.u16(), HardTimeout: r.u16(), Priority: r.u16(), Cookie: r.u64(), Flags: LearnFlags(r.u16())}
	l.Table = r.u8()
	r.take(1)
	l.FinIdleTimeout, l.FinHardTimeout = r.u16(), r.u16()
	if subtype == nxLearn2 {
		l.Limit = r.u32()
		off := r.u16()
		r.take(2)
		if l.Flags&LearnWriteResult != 0 {
			l.ResultDst = r.part(Sub{r.name(), sat8(off), 1})
			l.Flags &^= LearnWriteResult
		}
	}
	for len(r.b) >= 2 && be.Uint16(r.b) != 0 && !r.bad {
		l.Terms = append(l.Terms, parseLearnTerm(r))
	}
	return r.done(Action{kind: kindLearn, more: l})
}

func parseLearnTerm(r *reader) LearnTerm {
	head := r.u16()
	n := head & 0x3ff
	var t LearnTerm
	switch head & (3 << 11) {
	case learnLoadTo:
		t.Kind = LearnLoad
	case learnOutputTo:
		t.Kind = LearnOutput
	case 0:
	default:
		r.bad = true
	}
	switch {
	case n == 0 || n > 128:
		r.bad = true
	case head&learnImmediate != 0:
		t.Value = bitsOf(r.take((int(n) + 15) / 16 * 2))
	default:
		id := r.name()
		t.Src = r.part(Sub{id, sat8(r.u16()), sat8(n)})
	}
	if t.Kind != LearnOutput {
		id := r.name()
		t.Dst = r.part(Sub{id, sat8(r.u16()), sat8(n)})
	}
	return t
}

func parseDeleteField(r *reader) (Action, error) {
	size := 0
	if len(r.b) >= 4 {
		size = min(int(r.b[3]), 16)
	}
	return r.done(DeleteField(r.part(Sub{ID: r.name(), Len: uint8(8 * size)})))
}
