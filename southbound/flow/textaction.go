package flow

// String returns the actions as ovs-ofctl's dumps write them.
func (a Actions) String() string { return a.Text(Names{}) }

// Text is String with names.
func (a Actions) Text(names Names) string {
	p := printer{names: &names}
	p.actions(a)
	return string(p.b)
}

// String returns the action as ovs-ofctl's dumps write it.
func (a Action) String() string {
	p := printer{}
	p.action(a)
	return string(p.b)
}

// actions writes a flow's actions; none drop.
func (p *printer) actions(a Actions) {
	if len(a) == 0 {
		p.str("drop")
		return
	}
	p.list(a)
}

func (p *printer) list(a Actions) {
	for i := range a {
		if i > 0 {
			p.comma()
		}
		p.action(a[i])
	}
}

func (p *printer) call(name string, v uint64) {
	p.str(name, ":")
	p.dec(v)
}

func (p *printer) action(a Action) {
	switch a.kind {
	case kindOutput:
		p.output(a)
	case kindOutputReg:
		p.str("output:")
		p.part(a.src)
	case kindSetField:
		p.setField(a.field)
	case kindMove:
		p.str("move:")
		p.part(a.src)
		p.str("->")
		p.part(a.dst)
	case kindLoad:
		p.str("load:")
		p.hex(a.field.Value)
		p.str("->")
		p.part(a.dst)
	case kindPush:
		p.str("push:")
		p.part(a.src)
	case kindPop:
		p.str("pop:")
		p.part(a.dst)
	case kindResubmit, kindResubmitCT:
		p.resubmit(a)
	case kindGoto:
		p.str("goto_table:")
		p.table(a.table)
	case kindCT:
		p.ct(a)
	case kindGroup, kindSetQueue, kindMeter:
		p.call(a.kind.String(), uint64(a.n))
	case kindConjunction:
		p.conjunction(a)
	case kindClone, kindWriteActions:
		p.str(a.kind.String(), "(")
		if do := a.Nested(); len(do) > 0 {
			p.list(do)
		} else {
			p.str("drop")
		}
		p.str(")")
	case kindPopVLAN, kindDecTTL, kindDecMPLSTTL, kindPopQueue, kindCTClear, kindExit, kindClearActions:
		p.str(a.kind.String())
	case kindPushVLAN, kindPushMPLS, kindPopMPLS:
		p.str(a.kind.String(), ":0x")
		p.wide(uint64(a.n), 4)
	default:
		p.rareAction(a)
	}
}

// setField writes what a field is set to: where all its bits have names, part by part, which comes to the same.
func (p *printer) setField(f Field) {
	parts := p.names.split(f)
	if parts == nil {
		p.str("set_field:")
		p.setValue(f)
		p.str("->", f.ID.setName())
		return
	}
	for i, s := range parts {
		if i > 0 {
			p.comma()
		}
		p.str("set_field:")
		p.partValue(s.Sub, f)
		p.str("->", s.name)
	}
}

// setValue writes a value to be set. Unlike in matches, flags and tags are numbers.
func (p *printer) setValue(f Field) {
	switch f.ID {
	case TunFlags:
		p.flags(tunFlagNames, f.Value.Lo, f.Mask.Lo, f.ID.all().Lo)
	case InPort:
		p.port(uint32(f.Value.Lo))
	case VLANTCI, EthType, IPv6Label:
		p.hex(f.Value)
		if !f.Exact() {
			p.str("/")
			p.hex(f.Mask)
		}
	default:
		p.value(f)
	}
}

func (p *printer) output(a Action) {
	switch {
	case a.n == PortController:
		p.str("CONTROLLER:")
		p.dec(uint64(a.n2))
	case portNames[a.n] != "":
		p.str(portNames[a.n])
	default:
		p.str("output:")
		p.port(a.n)
	}
}

func (p *printer) resubmit(a Action) {
	if a.table == 0xff && a.kind == kindResubmit && a.n != PortInPort {
		p.str("resubmit:")
		p.port(a.n)
		return
	}
	p.str("resubmit(")
	if a.n != PortInPort {
		p.port(a.n)
	}
	p.comma()
	if a.table != 0xff {
		p.table(a.table)
	}
	if a.kind == kindResubmitCT {
		p.str(",ct")
	}
	p.str(")")
}

func (p *printer) conjunction(a Action) {
	p.str("conjunction(")
	p.dec(uint64(a.n))
	p.comma()
	p.dec(uint64(a.table))
	p.str("/")
	p.dec(uint64(a.n2))
	p.str(")")
}

// args writes the arguments inside an action's parentheses.
type args struct {
	*printer
	more bool
}

func (p *printer) open(name string) *args {
	p.str(name, "(")
	return &args{printer: p}
}

// next separates an argument from the one before it.
func (a *args) next(name string) {
	if a.more {
		a.comma()
	}
	a.more = true
	a.str(name)
}

// num writes an argument that is not zero.
func (a *args) num(name string, v uint64) {
	if v != 0 {
		a.next(name)
		a.dec(v)
	}
}

// flag writes an argument without a value when its bit is set.
func (a *args) flag(name string, bit uint16) {
	if bit != 0 {
		a.next(name)
	}
}

func (a *args) close() { a.str(")") }

func (p *printer) ct(a Action) {
	c, ok := a.more.(*CTSpec)
	if !ok {
		p.str("ct(?)")
		return
	}
	l := p.open("ct")
	l.flag("commit", uint16(c.Flags&CTCommit))
	l.flag("force", uint16(c.Flags&CTForce))
	if c.Table.on {
		l.next("table=")
		l.table(c.Table.table)
	}
	if c.ZoneFrom.ID != 0 {
		l.next("zone=")
		l.part(c.ZoneFrom)
	} else {
		l.num("zone=", uint64(c.Zone))
	}
	if c.NAT != nil {
		l.next("nat")
		p.nat(c.NAT)
	}
	if len(c.Exec) > 0 {
		l.next("exec(")
		p.list(c.Exec)
		p.str(")")
	}
	switch c.ALG {
	case 0:
	case 21:
		l.next("alg=ftp")
	case 69:
		l.next("alg=tftp")
	default:
		l.num("alg=", uint64(c.ALG))
	}
	l.close()
}

func (p *printer) nat(n *NATSpec) {
	if n.Flags == 0 {
		return
	}
	l := p.open("")
	l.next("dst")
	if n.Flags&NATSrc != 0 {
		copy(p.b[len(p.b)-3:], "src")
	}
	if n.MinAddr.IsValid() || n.MinPort != 0 {
		p.str("=")
		p.natRange(n)
	}
	l.flag("persistent", uint16(n.Flags&NATPersistent))
	l.flag("hash", uint16(n.Flags&NATHash))
	l.flag("random", uint16(n.Flags&NATRandom))
	l.close()
}

func (p *printer) natRange(n *NATSpec) {
	if n.MinAddr.IsValid() {
		bracket := n.MinAddr.Is6() && n.MinPort != 0
		if bracket {
			p.str("[")
		}
		p.str(n.MinAddr.String())
		if n.MaxAddr.IsValid() && n.MaxAddr != n.MinAddr {
			if bracket {
				p.str("]-[", n.MaxAddr.String())
			} else {
				p.str("-", n.MaxAddr.String())
			}
		}
		if bracket {
			p.str("]")
		}
	}
	if n.MinPort != 0 {
		p.str(":")
		p.dec(uint64(n.MinPort))
		if n.MaxPort != 0 && n.MaxPort != n.MinPort {
			p.str("-")
			p.dec(uint64(n.MaxPort))
		}
	}
}
