package flow

// noRecirc is the table of a ct action that does not go on elsewhere.
const noRecirc = 0xff

// appendRareAction writes the actions that few flows have.
func appendRareAction(b []byte, a *Action, depth int) ([]byte, error) {
	switch a.kind {
	case kindOutputReg:
		return appendOutputReg(b, a)
	case kindLoad:
		return appendLoad(b, a)
	case kindPush, kindPop:
		return appendStack(b, a)
	case kindDecTTLIDs:
		return appendDecTTLIDs(b, a)
	case kindController:
		return appendController(b, a)
	case kindPopQueue:
		return zeros(nicira(b, nxPopQueue, 16), 6), nil
	case kindExit:
		return zeros(nicira(b, nxExit, 16), 6), nil
	case kindCTClear:
		return zeros(nicira(b, nxCTClear, 16), 6), nil
	case kindResubmitCT:
		b = be.AppendUint16(nicira(b, nxResubmitCT, 16), port16(a.n))
		return append(b, a.table, 0, 0, 0), checkPort16(a.n)
	case kindLearn:
		return appendLearn(b, a)
	case kindMultipath:
		return appendMultipath(b, a)
	case kindBundle:
		return appendBundle(b, a)
	case kindNote:
		return appendNote(b, a)
	case kindClone:
		start := len(b)
		do, _ := a.more.(Actions)
		b, err := appendActions(zeros(nicira(b, nxClone, 0), 6), do, depth+1)
		if err != nil {
			return b, err
		}
		return closeLength(b, start)
	case kindEncap:
		b = zeros(nicira(b, nxEncap, 16), 2)
		return be.AppendUint32(b, a.n), nil
	case kindDecap:
		b = zeros(nicira(b, nxDecap, 16), 2)
		return be.AppendUint32(b, a.n), nil
	case kindCheckPktLarger:
		return appendCheckPktLarger(b, a)
	case kindSample:
		return appendSample(b, a)
	case kindDeleteField:
		if !a.dst.ID.isTunMetadata() || !a.dst.valid() || a.dst.Off != 0 || a.dst.Len%32 != 0 {
			return b, fieldError(a.dst.ID, ErrPart)
		}
		return zeros(a.dst.appendName(nicira(b, nxDeleteField, 24)), 10), nil
	case kindFinTimeout:
		b = be.AppendUint16(nicira(b, nxFinTimeout, 16), uint16(a.n))
		return zeros(be.AppendUint16(b, uint16(a.n2)), 2), nil
	case kindMeter, kindClearActions, kindWriteActions, kindWriteMetadata, kindGoto:
		return b, actionError(a.kind, ErrNested)
	}
	return b, actionError(a.kind, ErrBadAction)
}

func zeros(b []byte, n int) []byte {
	var z [16]byte
	return append(b, z[:n]...)
}

// appendOutputReg has a short form, which has no room for experimenter fields, and a long one.
func appendOutputReg(b []byte, a *Action) ([]byte, error) {
	if err := a.src.source(); err != nil {
		return b, err
	}
	if a.src.Len > 64 {
		return b, fieldError(a.src.ID, ErrPart)
	}
	if a.src.isLong() {
		b = be.AppendUint16(nicira(b, nxOutputReg2, 24), a.src.offsetBits())
		b = be.AppendUint16(b, uint16(a.n))
		return zeros(a.src.appendName(b), 2), nil
	}
	b = a.src.appendName(be.AppendUint16(nicira(b, nxOutputReg, 24), a.src.offsetBits()))
	return zeros(be.AppendUint16(b, uint16(a.n)), 6), nil
}

func appendLoad(b []byte, a *Action) ([]byte, error) {
	if err := a.dst.destination(); err != nil {
		return b, err
	}
	if a.dst.Len > 64 || !a.field.Value.within(ones(int(a.dst.Len))) {
		return b, fieldError(a.dst.ID, ErrRange)
	}
	if a.dst.isLong() {
		return b, fieldError(a.dst.ID, ErrPart)
	}
	b = a.dst.appendName(be.AppendUint16(nicira(b, nxRegLoad, 24), a.dst.offsetBits()))
	return be.AppendUint64(b, a.field.Value.Lo), nil
}

func appendStack(b []byte, a *Action) ([]byte, error) {
	s, subtype := a.src, uint16(nxStackPush)
	var err error
	if a.kind == kindPop {
		s, subtype = a.dst, nxStackPop
		err = s.destination()
	} else {
		err = s.source()
	}
	if err != nil {
		return b, err
	}
	start := len(b)
	b = be.AppendUint16(nicira(b, subtype, 0), uint16(s.Off))
	b = be.AppendUint16(s.appendName(b), uint16(s.Len))
	return closeLength(pad(b, start), start)
}

func appendDecTTLIDs(b []byte, a *Action) ([]byte, error) {
	ids, _ := a.more.([]uint16)
	start := len(b)
	b = zeros(be.AppendUint16(nicira(b, nxDecTTLIDs, 0), uint16(len(ids))), 4)
	for _, id := range ids {
		b = be.AppendUint16(b, id)
	}
	return closeLength(pad(b, start), start)
}

// Properties of the newer controller action (enum nx_action_controller2_prop_type).
const (
	propMaxLen = iota
	propControllerID
	propReason
	propUserData
	propPause
	propMeter
)

func appendController(b []byte, a *Action) ([]byte, error) {
	c, ok := a.more.(*ControllerSpec)
	if !ok {
		return b, actionError(a.kind, ErrBadAction)
	}
	if !c.extended() {
		b = be.AppendUint16(nicira(b, nxController, 16), c.maxLen())
		return append(be.AppendUint16(b, c.ID), c.wireReason(), 0), nil
	}
	start := len(b)
	b = zeros(nicira(b, nxController2, 0), 6)
	if c.maxLen() != 0xffff {
		b = be.AppendUint64(b, propMaxLen<<48|8<<32|uint64(c.maxLen())<<16)
	}
	if c.ID != 0 {
		b = be.AppendUint64(b, propControllerID<<48|8<<32|uint64(c.ID)<<16)
	}
	if c.Reason != 0 {
		b = be.AppendUint64(b, propReason<<48|5<<32|uint64(c.wireReason())<<24)
	}
	if c.UserData != "" {
		at := len(b)
		b = append(be.AppendUint32(b, propUserData<<16), c.UserData...)
		if len(b)-at > 0xfff8 {
			return b, errTooLong(len(b) - at)
		}
		be.PutUint16(b[at+2:], uint16(len(b)-at))
		b = pad(b, start)
	}
	if c.Pause {
		b = be.AppendUint64(b, propPause<<48|4<<32)
	}
	if c.MeterGiven {
		b = be.AppendUint64(b, propMeter<<48|8<<32|uint64(c.Meter))
	}
	return closeLength(pad(b, start), start)
}

func (c *ControllerSpec) wireReason() uint8 {
	switch c.Reason {
	case ReasonAction:
		return 1
	case ReasonNoMatch:
		return 0
	}
	return c.Reason
}

func appendCT(b []byte, a *Action, depth int) ([]byte, error) {
	c, ok := a.more.(*CTSpec)
	if !ok || c.Flags > CTCommit|CTForce {
		return b, actionError(a.kind, ErrBadAction)
	}
	start := len(b)
	b = be.AppendUint16(nicira(b, nxCT, 0), uint16(c.Flags))
	if c.ZoneFrom.ID != 0 {
		if err := c.ZoneFrom.source(); err != nil {
			return b, err
		}
		if c.ZoneFrom.Len != 16 || c.ZoneFrom.isLong() {
			return b, fieldError(c.ZoneFrom.ID, ErrPart)
		}
		b = be.AppendUint16(c.ZoneFrom.appendName(b), c.ZoneFrom.offsetBits())
	} else {
		b = be.AppendUint16(zeros(b, 4), c.Zone)
	}
	table := uint8(noRecirc)
	if c.Table.on {
		table = c.Table.table
	}
	b = be.AppendUint16(append(b, table, 0, 0, 0), c.ALG)
	b, err := appendNAT(b, c.NAT)
	if err != nil {
		return b, err
	}
	for i := range c.Exec {
		switch c.Exec[i].kind {
		case kindSetField, kindMove, kindLoad:
		default:
			return b, actionError(c.Exec[i].kind, ErrNested)
		}
	}
	if b, err = appendActions(b, c.Exec, depth+1); err != nil {
		return b, err
	}
	return closeLength(b, start)
}

// Bits that say which parts of a range there are (enum nx_nat_range).
const (
	natIPv4Min = 1 << iota
	natIPv4Max
	natIPv6Min
	natIPv6Max
	natPortMin
	natPortMax
)

func appendNAT(b []byte, n *NATSpec) ([]byte, error) {
	if n == nil {
		return b, nil
	}
	if err := n.check(); err != nil {
		return b, err
	}
	start := len(b)
	b = be.AppendUint16(zeros(nicira(b, nxNAT, 0), 2), uint16(n.Flags))
	at, present := len(b), uint16(0)
	b = zeros(b, 2)
	for _, end := range [...]struct {
		max    bool
		v4, v6 uint16
	}{{false, natIPv4Min, natIPv6Min}, {true, natIPv4Max, natIPv6Max}} {
		addr := n.MinAddr
		if end.max {
			addr = n.MaxAddr
		}
		if !addr.IsValid() || end.max && addr == n.MinAddr {
			continue
		}
		v, bits := addrBits(addr)
		if bits == 32 {
			present |= end.v4
		} else {
			present |= end.v6
		}
		b = v.append(b, bits/8)
	}
	if n.MinPort != 0 {
		present |= natPortMin
		b = be.AppendUint16(b, n.MinPort)
	}
	if n.MaxPort != 0 && n.MaxPort != n.MinPort {
		present |= natPortMax
		b = be.AppendUint16(b, n.MaxPort)
	}
	be.PutUint16(b[at:], present)
	return closeLength(pad(b, start), start)
}

func (n *NATSpec) check() error {
	ways := n.Flags & (NATSrc | NATDst)
	ranged := n.MinAddr.IsValid() || n.MinPort != 0
	switch {
	case n.Flags > NATSrc|NATDst|NATPersistent|NATHash|NATRandom, ways == NATSrc|NATDst,
		n.Flags&NATHash != 0 && n.Flags&NATRandom != 0:
		return actionError(kindNAT, ErrBadAction)
	case ways == 0 && (ranged || n.Flags != 0):
		return actionError(kindNAT, ErrBadAction)
	case n.MaxAddr.IsValid() && (!n.MinAddr.IsValid() || n.MinAddr.BitLen() != n.MaxAddr.BitLen() || n.MaxAddr.Less(n.MinAddr)):
		return actionError(kindNAT, ErrRange)
	case n.MaxPort != 0 && (n.MinPort == 0 || n.MaxPort < n.MinPort):
		return actionError(kindNAT, ErrRange)
	}
	return nil
}
