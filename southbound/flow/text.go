package flow

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Names says what people call the numbers in flows. Nil functions and maps leave the numbers.
type Names struct {
	Table func(uint8) string
	Port  func(uint32) string
	Sub   map[Sub]string // registers
	// PortIn is a register that holds a port's number, which is written by its name.
	PortIn Sub
}

// named is a part of a field that has a name.
type named struct {
	Sub
	name string
}

// split finds the parts with names that say together what a field says: the largest first, none when some bits have no name.
func (n *Names) split(f Field) []named {
	if n == nil || len(n.Sub) == 0 {
		return nil
	}
	var all []named
	for s, name := range n.Sub {
		if m := s.mask(); s.ID == f.ID && m.And(f.Mask) == m {
			all = append(all, named{s, name})
		}
	}
	slices.SortFunc(all, func(a, b named) int {
		return cmp.Or(cmp.Compare(b.Len, a.Len), cmp.Compare(a.Off, b.Off), cmp.Compare(a.name, b.name))
	})
	var parts []named
	var said Bits
	for _, s := range all {
		if m := s.mask(); m.And(said).IsZero() {
			said = said.Or(m)
			parts = append(parts, s)
		}
	}
	if said != f.Mask {
		return nil
	}
	slices.SortFunc(parts, func(a, b named) int { return cmp.Compare(a.Off, b.Off) })
	return parts
}

// partValue writes the value that a field has in a part.
func (p *printer) partValue(s Sub, f Field) {
	if v := s.Of(f.Value); s != p.names.PortIn {
		p.hex(v)
	} else {
		p.port(uint32(v.Lo))
	}
}

// defaultPriority is not written out in dumps.
const defaultPriority = 0x8000

// printer writes ovs-ofctl's syntax.
type printer struct {
	b     []byte
	names *Names
}

func (p *printer) str(s ...string) {
	for _, x := range s {
		p.b = append(p.b, x...)
	}
}

func (p *printer) dec(v uint64) { p.b = strconv.AppendUint(p.b, v, 10) }

// hex writes as C's %#x does: zero has no prefix.
func (p *printer) hex(v Bits) {
	switch {
	case v.IsZero():
		p.str("0")
	case v.Hi == 0:
		p.str("0x")
		p.b = strconv.AppendUint(p.b, v.Lo, 16)
	default:
		p.str("0x")
		p.b = strconv.AppendUint(p.b, v.Hi, 16)
		p.wide(v.Lo, 16)
	}
}

// wide writes hexadecimal digits with leading zeros.
func (p *printer) wide(v uint64, digits int) {
	for i := digits - 1; i >= 0; i-- {
		p.b = append(p.b, "0123456789abcdef"[v>>(4*i)&15])
	}
}

func (p *printer) comma() { p.b = append(p.b, ',') }

func (p *printer) port(v uint32) {
	name := portNames[v]
	if name == "" && p.names != nil && p.names.Port != nil {
		name = p.names.Port(v)
	}
	if name == "" {
		p.dec(uint64(v))
		return
	}
	p.str(name)
}

func (p *printer) table(v uint8) {
	name := ""
	if p.names != nil && p.names.Table != nil {
		name = p.names.Table(v)
	}
	if name == "" {
		p.dec(uint64(v))
		return
	}
	p.str(name)
}

// part writes a part of a field.
func (p *printer) part(s Sub) {
	if p.names != nil && p.names.Sub[s] != "" {
		p.str(p.names.Sub[s])
		return
	}
	p.str(s.ID.partName(), "[")
	switch {
	case s.Off == 0 && int(s.Len) == s.ID.Bits():
	case s.Len == 1:
		p.dec(uint64(s.Off))
	default:
		p.dec(uint64(s.Off))
		p.str("..")
		p.dec(uint64(s.Off) + uint64(s.Len) - 1)
	}
	p.str("]")
}

// flags writes named bits: +a-b where only some count, a|b where all do.
func (p *printer) flags(names []string, v, mask, all uint64) {
	name := func(i int) string {
		if i < len(names) {
			return names[i]
		}
		return "[Unknown]"
	}
	if mask == all {
		first := true
		for i := range 64 {
			if v>>i&1 == 0 {
				continue
			}
			if !first {
				p.str("|")
			}
			first = false
			p.str(name(i))
		}
		if first {
			p.str("0")
		}
		return
	}
	for i := range 64 {
		switch {
		case mask>>i&1 == 0:
		case v>>i&1 != 0:
			p.str("+", name(i))
		default:
			p.str("-", name(i))
		}
	}
}

// value writes a field's value, and its mask when not all bits count.
func (p *printer) value(f Field) {
	switch f.ID.info().format {
	case ethernet:
		p.str(macOf(f.Value).String())
		if !f.Exact() {
			p.str("/", macOf(f.Mask).String())
		}
	case ipv4, ipv6:
		p.address(f)
	case port:
		if f.ID == InPort16 {
			p.port(port32(uint16(f.Value.Lo)))
			return
		}
		p.port(uint32(f.Value.Lo))
	case ctState:
		p.flags(ctStateNames, f.Value.Lo, f.Mask.Lo, f.ID.all().Lo)
	case tcpFlags:
		p.flags(tcpFlagNames, f.Value.Lo, f.Mask.Lo, f.ID.all().Lo)
	case tunFlags:
		p.flags(tunFlagNames, f.Value.Lo, f.Mask.Lo, 0)
	case frag:
		p.str(fragName(f))
	case packetType:
		p.str("(")
		p.dec(f.Value.Lo >> 16)
		p.str(",")
		p.hex(Bits{Lo: f.Value.Lo & 0xffff})
		p.str(")")
	case decimal:
		if f.Exact() {
			p.dec(f.Value.Lo)
			return
		}
		p.hex(f.Value)
		p.str("/")
		p.hex(f.Mask)
	default:
		p.hexValue(f)
	}
}

func (p *printer) hexValue(f Field) {
	digits := 0
	switch f.ID {
	case EthType, VLANTCI:
		digits = 4
	case IPv6Label:
		digits = 5
	}
	for i, v := range [...]Bits{f.Value, f.Mask} {
		if i == 1 {
			if f.Exact() {
				return
			}
			p.str("/")
		}
		if digits == 0 {
			p.hex(v)
			continue
		}
		p.str("0x")
		p.wide(v.Lo, digits)
	}
}

// fragName follows ovs-ofctl: bit 0 says fragment, bit 1 says not the first one.
func fragName(f Field) string {
	switch [2]uint64{f.Value.Lo, f.Mask.Lo} {
	case [2]uint64{0, 3}:
		return "no"
	case [2]uint64{1, 3}:
		return "first"
	case [2]uint64{3, 3}:
		return "later"
	case [2]uint64{1, 1}:
		return "yes"
	case [2]uint64{0, 2}:
		return "not_later"
	}
	return "<error>"
}

// address writes an IP address, with a prefix length when the mask is one.
func (p *printer) address(f Field) {
	p.str(f.Addr().String())
	if f.Exact() {
		return
	}
	p.str("/")
	all := f.ID.Bits()
	n := 0
	for n < all && !f.Mask.And(ones(1).Shl(all-1-n)).IsZero() {
		n++
	}
	if f.Mask == ones(n).Shl(all-n) {
		p.dec(uint64(n))
		return
	}
	mask := f
	mask.Value = f.Mask
	p.str(mask.Addr().String())
}

// String returns the match as ovs-ofctl's dumps write it. A match that cannot be encoded is written field by field.
func (m Match) String() string { return m.Text(Names{}) }

// Text is String with names.
func (m Match) Text(names Names) string {
	p := printer{names: &names}
	p.match(m.canonical())
	return string(p.b)
}

// canonical returns the match as its bytes say it.
func (m Match) canonical() Match {
	b, err := AppendMatch(nil, m)
	if err != nil {
		return m
	}
	c, err := ParseMatch(b)
	if err != nil {
		return m
	}
	return c
}

// Text returns the flow as `ovs-ofctl --no-names --no-stats dump-flows` writes it, but without cookie.
func (f Flow) Text(names Names) string {
	p := printer{names: &names}
	if f.Table != 0 || names.Table != nil {
		p.str("table=")
		p.table(f.Table)
		p.str(", ")
	}
	m, err := ParseMatch([]byte(f.Match))
	if f.Priority != defaultPriority {
		p.str("priority=")
		p.dec(uint64(f.Priority))
		if len(m) > 0 || err != nil {
			p.comma()
		}
	}
	if err != nil {
		p.str("<", err.Error(), ">")
	}
	p.match(m)
	if n := len(p.b); n > 0 && p.b[n-1] != ' ' {
		p.str(" ")
	}
	p.str("actions=")
	do, err := ParseInstructions([]byte(f.Instructions))
	if err != nil {
		p.str("<", err.Error(), ">")
		return string(p.b)
	}
	p.actions(do)
	return string(p.b)
}

// String returns the flow as `ovs-ofctl --no-names --no-stats dump-flows` writes it, but for the leading blank.
func (f Flow) String() string {
	if f.Cookie == 0 {
		return f.Text(Names{})
	}
	return "cookie=0x" + strconv.FormatUint(f.Cookie, 16) + ", " + f.Text(Names{})
}

// String returns the field as a match of its own would be written.
func (f Field) String() string {
	p := printer{}
	p.field(f)
	return string(p.b)
}

// String returns the key as Flow.String writes it, without actions.
func (k Key) String() string {
	s := Flow{Key: k}.String()
	return strings.TrimSuffix(strings.TrimSuffix(s, "actions=drop"), " ")
}
