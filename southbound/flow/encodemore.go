package flow

func appendNote(b []byte, a *Action) ([]byte, error) {
	data, _ := a.more.(string)
	start := len(b)
	b = pad(append(nicira(b, nxNote, 0), data...), start)
	if len(b)-start < 16 {
		b = zeros(b, 16-(len(b)-start))
	}
	return closeLength(b, start)
}

func appendCheckPktLarger(b []byte, a *Action) ([]byte, error) {
	if err := a.dst.destination(); err != nil {
		return b, err
	}
	if a.dst.Len != 1 {
		return b, fieldError(a.dst.ID, ErrPart)
	}
	start := len(b)
	b = be.AppendUint16(nicira(b, nxCheckPktLarger, 0), uint16(a.n))
	b = a.dst.appendName(be.AppendUint16(b, uint16(a.dst.Off)))
	return closeLength(pad(b, start), start)
}

func appendSample(b []byte, a *Action) ([]byte, error) {
	s, ok := a.more.(*SampleSpec)
	if !ok || s.Probability == 0 || s.Direction > SampleEgress {
		return b, actionError(a.kind, ErrBadAction)
	}
	start := len(b)
	if s.SamplingPort == 0 && s.Direction == SampleDefault {
		b = be.AppendUint16(nicira(b, nxSample, 24), s.Probability)
		b = be.AppendUint32(b, s.CollectorSet)
		return be.AppendUint32(be.AppendUint32(b, s.ObsDomain), s.ObsPoint), nil
	}
	port := s.SamplingPort
	if port == 0 {
		port = 0xffff // none
	}
	b = be.AppendUint16(nicira(b, nxSample3, 32), s.Probability)
	b = be.AppendUint32(b, s.CollectorSet)
	b = be.AppendUint32(be.AppendUint32(b, s.ObsDomain), s.ObsPoint)
	b = append(be.AppendUint16(b, port16(port)), uint8(s.Direction))
	return closeLength(pad(b, start), start)
}

func appendMultipath(b []byte, a *Action) ([]byte, error) {
	m, ok := a.more.(*MultipathSpec)
	if !ok || m.Fields > HashSymmetricL3 || m.Algorithm > IterHash || m.Links < 1 || m.Links > 1<<16 {
		return b, actionError(a.kind, ErrBadAction)
	}
	if err := a.dst.destination(); err != nil {
		return b, err
	}
	if a.dst.Len > 64 || a.dst.isLong() || a.dst.Len < 32 && m.Links > 1<<a.dst.Len {
		return b, fieldError(a.dst.ID, ErrPart)
	}
	b = be.AppendUint16(nicira(b, nxMultipath, 32), uint16(m.Fields))
	b = zeros(be.AppendUint16(b, m.Basis), 2)
	b = be.AppendUint16(b, uint16(m.Algorithm))
	b = be.AppendUint16(b, uint16(m.Links-1))
	b = zeros(be.AppendUint32(b, m.Arg), 2)
	return a.dst.appendName(be.AppendUint16(b, a.dst.offsetBits())), nil
}

func appendBundle(b []byte, a *Action) ([]byte, error) {
	s, ok := a.more.(*BundleSpec)
	if !ok || s.Fields > HashSymmetricL3 || s.Algorithm > BundleHRW || len(s.Members) > 2048 {
		return b, actionError(a.kind, ErrBadAction)
	}
	subtype := uint16(nxBundle)
	if a.dst.ID != 0 {
		subtype = nxBundleLoad
		if err := a.dst.destination(); err != nil {
			return b, err
		}
		if a.dst.Len > 64 || a.dst.isLong() {
			return b, fieldError(a.dst.ID, ErrPart)
		}
	}
	start := len(b)
	b = be.AppendUint16(nicira(b, subtype, 0), uint16(s.Algorithm))
	b = be.AppendUint16(b, uint16(s.Fields))
	b = be.AppendUint16(b, s.Basis)
	b = Sub{ID: InPort16}.appendName(b) // members are ports
	b = be.AppendUint16(b, uint16(len(s.Members)))
	if a.dst.ID != 0 {
		b = a.dst.appendName(be.AppendUint16(b, a.dst.offsetBits()))
	} else {
		b = zeros(b, 6)
	}
	b = zeros(b, 4)
	for _, m := range s.Members {
		b = be.AppendUint16(b, m)
	}
	return closeLength(pad(b, start), start)
}

// Bits of the head of a learned term (NX_LEARN_*).
const (
	learnImmediate = 1 << 13
	learnLoadTo    = 1 << 11
	learnOutputTo  = 2 << 11
)

func appendLearn(b []byte, a *Action) ([]byte, error) {
	l, ok := a.more.(*LearnSpec)
	if !ok || l.Flags > LearnSendFlowRemoved|LearnDeleteLearned || l.Table == 0xff {
		return b, actionError(a.kind, ErrBadAction)
	}
	start := len(b)
	newer := l.Limit != 0 || l.ResultDst.ID != 0
	subtype := uint16(nxLearn)
	flags := l.Flags
	if newer {
		subtype = nxLearn2
	}
	if l.ResultDst.ID != 0 {
		if err := l.ResultDst.destination(); err != nil {
			return b, err
		}
		if l.ResultDst.Len != 1 {
			return b, fieldError(l.ResultDst.ID, ErrPart)
		}
		flags |= LearnWriteResult
	}
	b = be.AppendUint16(nicira(b, subtype, 0), l.IdleTimeout)
	b = be.AppendUint16(b, l.HardTimeout)
	b = be.AppendUint16(b, l.Priority)
	b = be.AppendUint64(b, l.Cookie)
	b = append(be.AppendUint16(b, uint16(flags)), l.Table, 0)
	b = be.AppendUint16(b, l.FinIdleTimeout)
	b = be.AppendUint16(b, l.FinHardTimeout)
	if newer {
		b = be.AppendUint32(b, l.Limit)
		b = zeros(be.AppendUint16(b, uint16(l.ResultDst.Off)), 2)
		if l.ResultDst.ID != 0 {
			b = l.ResultDst.appendName(b)
		}
	}
	for i := range l.Terms {
		var err error
		if b, err = appendLearnTerm(b, &l.Terms[i]); err != nil {
			return b, err
		}
	}
	return closeLength(pad(b, start), start)
}

func appendLearnTerm(b []byte, t *LearnTerm) ([]byte, error) {
	n := t.Dst.Len
	head := uint16(0)
	switch t.Kind {
	case LearnMatch:
		if !t.Dst.valid() {
			return b, fieldError(t.Dst.ID, ErrPart)
		}
	case LearnLoad:
		head = learnLoadTo
		if err := t.Dst.destination(); err != nil {
			return b, err
		}
	case LearnOutput:
		head, n = learnOutputTo, t.Src.Len
		if t.Src.ID == 0 {
			return b, actionError(kindLearn, ErrBadAction)
		}
	default:
		return b, actionError(kindLearn, ErrBadAction)
	}
	if t.Src.ID == 0 {
		if !t.Value.within(ones(int(n))) {
			return b, fieldError(t.Dst.ID, ErrRange)
		}
		b = be.AppendUint16(b, head|learnImmediate|uint16(n))
		b = t.Value.append(b, (int(n)+15)/16*2)
	} else {
		if err := t.Src.source(); err != nil {
			return b, err
		}
		if t.Src.Len != n {
			return b, fieldError(t.Src.ID, ErrPart)
		}
		b = be.AppendUint16(b, head|uint16(n))
		b = be.AppendUint16(t.Src.appendName(b), uint16(t.Src.Off))
	}
	if t.Kind == LearnOutput {
		return b, nil
	}
	return be.AppendUint16(t.Dst.appendName(b), uint16(t.Dst.Off)), nil
}
