package ovsdb

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// errJSON is wrapped by every complaint about the form of a message.
var errJSON = errors.New("malformed message")

// maxDepth bounds how deeply a message may nest. The deepest OVSDB message that we ask for has nine levels.
const maxDepth = 32

// cursor reads one JSON text front to back without building a tree, so that what a hostile peer sends costs memory only where
// a decoder keeps something. The first error sticks and every later read returns a zero value: decoders check err once.
//
// Invariant: i only grows and never passes len(b); every loop over a container consumes at least one byte a turn.
type cursor struct {
	b     []byte
	i     int
	depth int
	err   error
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s at byte %d", errJSON, fmt.Sprintf(format, args...), c.i)
	}
	c.i = len(c.b)
}

// peek skips white space and returns the next byte, 0 at the end.
func (c *cursor) peek() byte {
	for c.i < len(c.b) {
		switch b := c.b[c.i]; b {
		case ' ', '\t', '\n', '\r':
			c.i++
		default:
			return b
		}
	}
	return 0
}

func (c *cursor) take(want byte) bool {
	if c.peek() != want || c.err != nil {
		return false
	}
	c.i++
	return true
}

func (c *cursor) expect(want byte) {
	if !c.take(want) {
		c.fail("expected %q", want)
	}
}

// object calls member for each member with the cursor on its value, which member must consume.
func (c *cursor) object(member func(key string)) {
	c.container('{', '}', func() {
		key := c.str()
		c.expect(':')
		if c.err == nil {
			member(key)
		}
	})
}

// array calls element for each element with the cursor on it, which element must consume.
func (c *cursor) array(element func()) { c.container('[', ']', element) }

func (c *cursor) container(open, end byte, item func()) {
	c.expect(open)
	if c.depth++; c.depth > maxDepth {
		c.fail("nested deeper than %d", maxDepth)
	}
	for first := true; c.err == nil && !c.take(end); first = false {
		if !first {
			c.expect(',')
		}
		if c.err == nil {
			item()
		}
	}
	c.depth--
}

// literal consumes word when it comes next.
func (c *cursor) literal(word string) bool {
	c.peek()
	if c.err != nil || len(c.b)-c.i < len(word) || string(c.b[c.i:c.i+len(word)]) != word {
		return false
	}
	c.i += len(word)
	return true
}

func (c *cursor) boolean() bool {
	if c.literal("true") {
		return true
	}
	if !c.literal("false") {
		c.fail("expected true or false")
	}
	return false
}

// number returns the text of a number.
func (c *cursor) number() string {
	c.peek()
	start := c.i
	for c.i < len(c.b) {
		b := c.b[c.i]
		if (b < '0' || b > '9') && b != '-' && b != '+' && b != '.' && b != 'e' && b != 'E' {
			break
		}
		c.i++
	}
	if start == c.i || c.i-start > 64 {
		c.fail("expected a number")
		return "0"
	}
	return string(c.b[start:c.i])
}

func (c *cursor) integer() int64 {
	n, err := strconv.ParseInt(c.number(), 10, 64)
	if err != nil {
		c.fail("expected an integer")
	}
	return n
}

// str returns a string. Broken UTF-8 and lone surrogates become U+FFFD, as in encoding/json.
func (c *cursor) str() string {
	c.expect('"')
	start := c.i
	for c.i < len(c.b) {
		switch b := c.b[c.i]; {
		case b == '"':
			s := c.b[start:c.i]
			c.i++
			if !utf8.Valid(s) {
				return string([]rune(string(s)))
			}
			return intern(s)
		case b == '\\':
			return c.escaped(start)
		case b < 0x20:
			c.fail("control character in a string")
		default:
			c.i++
		}
	}
	c.fail("unterminated string")
	return ""
}

// escaped continues str from the first backslash.
func (c *cursor) escaped(start int) string {
	out := append([]byte(nil), c.b[start:c.i]...)
	for c.i < len(c.b) {
		switch b := c.b[c.i]; {
		case b == '"':
			c.i++
			if !utf8.Valid(out) {
				return string([]rune(string(out)))
			}
			return string(out)
		case b < 0x20:
			c.fail("control character in a string")
		case b == '\\' && c.i+1 < len(c.b):
			c.i += 2
			out = c.unescape(out, c.b[c.i-1])
		default:
			out = append(out, b)
			c.i++
		}
	}
	c.fail("unterminated string")
	return ""
}

func (c *cursor) unescape(out []byte, b byte) []byte {
	switch b {
	case '"', '\\', '/':
		return append(out, b)
	case 'b':
		return append(out, '\b')
	case 'f':
		return append(out, '\f')
	case 'n':
		return append(out, '\n')
	case 'r':
		return append(out, '\r')
	case 't':
		return append(out, '\t')
	case 'u':
		r := c.hex4()
		if utf16.IsSurrogate(r) {
			mark := c.i
			if c.literalHere(`\u`) {
				if pair := utf16.DecodeRune(r, c.hex4()); pair != utf8.RuneError {
					return utf8.AppendRune(out, pair)
				}
				c.rewind(mark)
			}
			r = utf8.RuneError
		}
		return utf8.AppendRune(out, r)
	}
	c.fail("unknown escape \\%c", b)
	return out
}

func (c *cursor) literalHere(word string) bool {
	if len(c.b)-c.i < len(word) || string(c.b[c.i:c.i+len(word)]) != word {
		return false
	}
	c.i += len(word)
	return true
}

// rewind goes back over a second half that was none; a failed read stays failed.
func (c *cursor) rewind(mark int) {
	if c.err == nil {
		c.i = mark
	}
}

func (c *cursor) hex4() rune {
	if len(c.b)-c.i < 4 {
		c.fail("short \\u escape")
		return 0
	}
	n, err := strconv.ParseUint(string(c.b[c.i:c.i+4]), 16, 16)
	if err != nil {
		c.fail("bad \\u escape")
		return 0
	}
	c.i += 4
	return rune(n)
}

// skip consumes any value.
func (c *cursor) skip() {
	switch c.peek() {
	case '{':
		c.object(func(string) { c.skip() })
	case '[':
		c.array(c.skip)
	case '"':
		c.str()
	case 't', 'f':
		c.boolean()
	case 'n':
		c.null()
	default:
		if _, err := strconv.ParseFloat(c.number(), 64); err != nil && !errors.Is(err, strconv.ErrRange) {
			c.fail("expected a value")
		}
	}
}

func (c *cursor) null() {
	if !c.literal("null") {
		c.fail("expected null")
	}
}

// raw consumes a value and returns its text, which aliases the message.
func (c *cursor) raw() []byte {
	c.peek()
	start := c.i
	c.skip()
	if c.err != nil {
		return nil
	}
	return c.b[start:c.i]
}

// end fails when anything but white space is left.
func (c *cursor) end() {
	if c.peek() != 0 || c.i < len(c.b) {
		c.fail("text after the value")
	}
}

// intern returns s as a string, without an allocation for the words that most rows repeat.
func intern(s []byte) string {
	switch string(s) { // the compiler does not allocate for this conversion
	case "uuid":
		return "uuid"
	case "set":
		return "set"
	case "map":
		return "map"
	case "up":
		return "up"
	case "down":
		return "down"
	case "internal":
		return "internal"
	case "insert":
		return "insert"
	case "modify":
		return "modify"
	case "initial":
		return "initial"
	case "name":
		return "name"
	case "type":
		return "type"
	case "interfaces":
		return "interfaces"
	case "external_ids":
		return "external_ids"
	case "options":
		return "options"
	case "ofport":
		return "ofport"
	case "link_state":
		return "link_state"
	case "admin_state":
		return "admin_state"
	case "mac_in_use":
		return "mac_in_use"
	case "mtu":
		return "mtu"
	case "other_config":
		return "other_config"
	case "bfd":
		return "bfd"
	case "bfd_status":
		return "bfd_status"
	case "iface-id":
		return "iface-id"
	case "attached-mac":
		return "attached-mac"
	}
	return string(s)
}
