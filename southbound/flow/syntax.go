package flow

import (
	"errors"
	"fmt"
	"strings"
)

// SyntaxError is an error in the text of a flow.
type SyntaxError struct {
	Offset int    // of the character where the trouble is, from 0
	Near   string // what is there
	Err    error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("character %d, %q: %v", e.Offset+1, e.Near, e.Err)
}

// Unwrap returns what the trouble is.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Errors in the text of flows.
var (
	errUnknownWord = errors.New("unknown word")
	errNoValue     = errors.New("value missing")
	errBadNumber   = errors.New("not a number of this size")
	errBadValue    = errors.New("not a value of this field")
	errBrackets    = errors.New("brackets do not match")
	errArguments   = errors.New("wrong arguments")
	errTwice       = errors.New("said twice")
	errNoActions   = errors.New(`no "actions=": what becomes of packets is missing`)
	errTimeout     = errors.New("flows that are kept have no timeout")
)

// token is a piece of the text, with its place.
type token struct {
	text  string
	at    int
	words *Words // beside numbers; nil: none
}

func (t token) fail(err error) error {
	near := t.text
	if len(near) > 40 {
		near = near[:40] + "…"
	}
	return &SyntaxError{t.at, near, err}
}

// sub returns a piece of the token.
func (t token) sub(from, to int) token { return token{t.text[from:to], t.at + from, t.words} }

// trim takes blanks off both ends.
func (t token) trim() token {
	from, to := 0, len(t.text)
	for from < to && isBlank(t.text[from]) {
		from++
	}
	for to > from && isBlank(t.text[to-1]) {
		to--
	}
	return t.sub(from, to)
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// cut splits at the first sep.
func (t token) cut(sep string) (before, after token, found bool) {
	i := strings.Index(t.text, sep)
	if i < 0 {
		return t, t.sub(len(t.text), len(t.text)), false
	}
	return t.sub(0, i).trim(), t.sub(i+len(sep), len(t.text)).trim(), true
}

// split splits at commas, and at blanks too if they are among seps, outside of brackets. Empty pieces are left out.
func (t token) split(seps string) ([]token, error) {
	var list []token
	depth, from := 0, 0
	add := func(to int) {
		if p := t.sub(from, to).trim(); p.text != "" {
			list = append(list, p)
		}
		from = to + 1
	}
	for i := range len(t.text) {
		switch c := t.text[i]; {
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			if depth--; depth < 0 {
				return nil, t.sub(i, len(t.text)).fail(errBrackets)
			}
		case depth == 0 && strings.IndexByte(seps, c) >= 0:
			add(i)
		}
	}
	if depth != 0 {
		return nil, t.fail(errBrackets)
	}
	add(len(t.text))
	return list, nil
}

// call splits name(arguments)rest. Without brackets ok is false.
func (t token) call() (name string, args, rest token, ok bool) {
	i := strings.IndexByte(t.text, '(')
	if i < 0 {
		return t.text, token{}, token{}, false
	}
	depth := 0
	for j := i; j < len(t.text); j++ {
		switch t.text[j] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return strings.TrimSpace(t.text[:i]), t.sub(i+1, j), t.sub(j+1, len(t.text)).trim(), true
			}
		}
	}
	return t.text, token{}, token{}, false
}

// number reads a number of so many bits, in any base that C knows.
func (t token) number(bits int) (uint64, error) {
	v, err := t.wide()
	if err != nil || v.Len() > bits {
		return 0, t.fail(errBadNumber)
	}
	return v.Lo, nil
}

// wide reads a number of up to 128 bits.
func (t token) wide() (Bits, error) {
	s, base := t.text, uint64(10)
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		s, base = s[2:], 16
	}
	if s == "" {
		return Bits{}, t.fail(errNoValue)
	}
	var v Bits
	for i := range len(s) {
		d := digit(s[i])
		if d >= base || base == 16 && v.Len() > 124 || base == 10 && v.Len() > 60 {
			return Bits{}, t.fail(errBadNumber)
		}
		if base == 16 {
			v = v.Shl(4)
			v.Lo |= d
		} else {
			v.Lo = v.Lo*10 + d
		}
	}
	return v, nil
}

func digit(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case c >= 'a' && c <= 'f':
		return uint64(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return uint64(c-'A') + 10
	}
	return 255
}

// fieldsByName finds a field by any of its names. It is never written.
var fieldsByName = func() map[string]FieldID {
	names := map[string]FieldID{}
	for id := FieldID(1); id < fieldEnd; id++ {
		for _, name := range [...]string{id.partName(), longNames[id].set, id.info().name} {
			if _, taken := names[name]; !taken && name != "" {
				names[name] = id
			}
		}
	}
	for name, id := range map[string]FieldID{
		"in_port": InPort, "tunnel_id": TunID, "ip_proto": IPProto, "ip_ecn": IPECN, "nw_frag": IPFrag, "ip_dst": IPv4Dst, "ip_src": IPv4Src,
		"dl_vlan_pcp": VLANPCP, "nd_options_type": NDOptionsType, "nw_ttl": IPTTL, "ip_ttl": IPTTL, "OXM_OF_ETH_DST": EthDst, "OXM_OF_ETH_SRC": EthSrc,
	} {
		names[name] = id
	}
	return names
}()

// part reads a part of a field: reg0[0..7], reg0[3], reg0[] or reg0.
func (t token) part() (Sub, error) {
	if s, ok := t.words.sub(t.text); ok {
		return s, nil
	}
	name, inside, bracket := t.cut("[")
	id, ok := fieldsByName[name.text]
	if !ok {
		return Sub{}, name.fail(ErrUnknownField)
	}
	if id == InPort && name.text != "OXM_OF_IN_PORT" && name.text != "in_port_oxm" {
		id = InPort16
	}
	s := Whole(id)
	if id.isTunMetadata() {
		s.Len = 32
	}
	if !bracket {
		return s, nil
	}
	if !strings.HasSuffix(inside.text, "]") {
		return Sub{}, t.fail(errBrackets)
	}
	inside = inside.sub(0, len(inside.text)-1).trim()
	if inside.text == "" {
		return s, nil
	}
	from, to, ranged := inside.cut("..")
	first, err := from.number(8)
	last := first
	if err == nil && ranged {
		last, err = to.number(8)
	}
	if err != nil {
		return Sub{}, err
	}
	if last < first || last-first > 127 {
		return Sub{}, inside.fail(ErrPart)
	}
	s = Sub{id, uint8(first), uint8(last - first + 1)}
	if !s.valid() {
		return Sub{}, inside.fail(ErrPart)
	}
	return s, nil
}
