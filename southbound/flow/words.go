package flow

import "strings"

// Words are what a text may say for numbers, beside them: what [Names] writes. Nil functions know no word; none may know a number,
// or the name of a reserved port.
type Words struct {
	Table func(name string) (uint8, bool)
	Port  func(name string) (uint32, bool)
	Sub   func(name string) (Sub, bool) // registers
}

func (w *Words) sub(name string) (Sub, bool) {
	if w == nil || w.Sub == nil {
		return Sub{}, false
	}
	return w.Sub(name)
}

func (w *Words) port(name string) (uint32, bool) {
	if w == nil || w.Port == nil {
		return 0, false
	}
	return w.Port(name)
}

// table reads a table's number or name.
func (t token) table() (uint8, error) {
	if t.words != nil && t.words.Table != nil {
		if id, ok := t.words.Table(t.text); ok {
			return id, nil
		}
	}
	v, err := t.number(8)
	return uint8(v), err
}

// partValue reads the value of a part of a field, and its mask after a slash, as if the part were a field.
func (t token) partValue(s Sub) (Field, error) {
	if p, ok := t.words.port(t.text); ok && s.Len >= 16 {
		return s.Is(uint64(p)), nil
	}
	value, mask, slashed := t.cut("/")
	v, err := value.addressOr(int(s.Len))
	if err != nil {
		return Field{}, err
	}
	m := ones(int(s.Len))
	if slashed {
		if m, err = mask.wide(); err != nil {
			return Field{}, err
		}
	}
	if !v.within(ones(int(s.Len))) || !m.within(ones(int(s.Len))) {
		return Field{}, t.fail(ErrRange)
	}
	return Field{ID: s.ID, Value: v.And(m).Shl(int(s.Off)), Mask: m.Shl(int(s.Off))}, nil
}

// addressOr reads a number, or an address of so many bits, which registers hold as well.
func (t token) addressOr(bits int) (Bits, error) {
	if a, err := t.address(); err == nil {
		if v, n := addrBits(a); n == bits {
			return v, nil
		}
	}
	return t.wide()
}

// IsReservedPort tells whether a name is that of a reserved port, such as LOCAL.
func IsReservedPort(name string) bool {
	for _, reserved := range portNames {
		if strings.EqualFold(name, reserved) {
			return true
		}
	}
	return false
}

// Rule is a flow as it is written: what New makes a Flow of.
type Rule struct {
	Table    uint8
	Priority uint16
	Cookie   uint64
	Match    Match
	Actions  Actions
}

// ParseRule is ParseFlow with words, before it is encoded.
func (w Words) ParseRule(text string) (Rule, error) {
	all := token{text, 0, &w}
	left, right, ok := all.cut("actions=")
	if !ok {
		return Rule{}, all.fail(errNoActions)
	}
	words, err := left.split(", \t\n")
	if err != nil {
		return Rule{}, err
	}
	r := Rule{Priority: defaultPriority}
	rest := words[:0]
	for _, word := range words {
		key, value, _ := word.cut("=")
		var v uint64
		switch key.text {
		case "table":
			r.Table, err = value.table()
		case "priority":
			v, err = value.number(16)
			r.Priority = uint16(v)
		case "cookie":
			var c Bits
			c, err = value.wide()
			r.Cookie = c.Lo
		case "duration", "n_packets", "n_bytes", "idle_age", "hard_age":
		case "idle_timeout", "hard_timeout":
			err = key.fail(errTimeout)
		default:
			rest = append(rest, word)
		}
		if err != nil {
			return Rule{}, err
		}
	}
	if r.Match, err = parseFields(rest); err != nil {
		return Rule{}, err
	}
	r.Actions, err = right.actions(0)
	return r, err
}

// ParseActions is ParseActionsText with words.
func (w Words) ParseActions(text string) (Actions, error) { return token{text, 0, &w}.actions(0) }
