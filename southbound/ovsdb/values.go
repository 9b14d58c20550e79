package ovsdb

import (
	"encoding/hex"
	"maps"
	"slices"
)

// Bounds on one column's value. Open vSwitch's own values are far smaller.
const (
	maxString  = 64 << 10
	maxMapKeys = 1024
)

// rowID is a row's UUID. (16 bytes as a map key instead of 36 and a pointer: most of what a session keeps per row.)
type rowID [16]byte

func parseRowID(s string) (id rowID, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	var digits [32]byte
	copy(digits[0:], s[0:8])
	copy(digits[8:], s[9:13])
	copy(digits[12:], s[14:18])
	copy(digits[16:], s[19:23])
	copy(digits[20:], s[24:36])
	_, err := hex.Decode(id[:], digits[:])
	return id, err == nil
}

func (id rowID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// text reads a string that is to be kept.
func (c *cursor) text() string {
	s := c.str()
	if len(s) > maxString {
		c.fail("string of %d bytes", len(s))
		return ""
	}
	return s
}

// set reads a set (RFC 7047 section 5.1: one bare value, or ["set", [values]]) whose bare values do not start with "[".
func (c *cursor) set(element func()) {
	if c.peek() != '[' {
		element()
		return
	}
	c.tagged("set", func() { c.array(element) })
}

// tagged reads ["tag", value].
func (c *cursor) tagged(tag string, value func()) {
	n := 0
	c.array(func() {
		switch n {
		case 0:
			if got := c.str(); got != tag {
				c.fail("expected a %s, not %q", tag, got)
			}
		case 1:
			value()
		default:
			c.fail("%s of more than one value", tag)
		}
		n++
	})
	if n != 2 {
		c.fail("%s without a value", tag)
	}
}

// optText reads a string or nothing; so do optInteger with a number. Of an (invalid) bigger set the last one counts.
func (c *cursor) optText() (s string) {
	c.set(func() { s = c.text() })
	return s
}

func (c *cursor) optInteger() (n int64) {
	c.set(func() { n = c.integer() })
	return n
}

func (c *cursor) texts() (all []string) {
	c.set(func() {
		if len(all) >= maxMapKeys {
			c.fail("set of more than %d strings", maxMapKeys)
		}
		all = append(all, c.text())
	})
	return all
}

func (c *cursor) id() (id rowID) {
	c.tagged("uuid", func() { id = c.bareID() })
	return id
}

func (c *cursor) bareID() rowID {
	id, ok := parseRowID(c.str())
	if !ok {
		c.fail("expected a uuid")
	}
	return id
}

// ids reads a set of uuids: ["uuid", x] or ["set", [["uuid", x], …]].
func (c *cursor) ids(each func(rowID)) {
	n, single := 0, false
	c.array(func() {
		switch n {
		case 0:
			switch tag := c.str(); tag {
			case "uuid":
				single = true
			case "set":
			default:
				c.fail("expected uuids, not %q", tag)
			}
		case 1:
			if single {
				each(c.bareID())
			} else {
				c.array(func() { each(c.id()) })
			}
		default:
			c.fail("set of uuids with more than one value")
		}
		n++
	})
	if n != 2 {
		c.fail("set of uuids without a value")
	}
}

// pairs reads a map of strings: ["map", [[key, value], …]].
func (c *cursor) pairs(each func(key, value string)) {
	entries := 0
	c.tagged("map", func() {
		c.array(func() {
			if entries++; entries > maxMapKeys {
				c.fail("map of more than %d keys", maxMapKeys)
			}
			var pair [2]string
			n := 0
			c.array(func() {
				if n > 1 {
					c.fail("pair of more than two values")
					return
				}
				pair[n] = c.text()
				n++
			})
			if n != 2 {
				c.fail("pair of %d values", n)
			}
			if c.err == nil {
				each(pair[0], pair[1])
			}
		})
	})
}

// mergeMap reads a map column into a new map. In a difference (update2's "modify") a pair that is there already goes away and
// any other pair is set: ovsdb-server(7), "monitor_cond".
func (c *cursor) mergeMap(old map[string]string, diff difference) map[string]string {
	var m map[string]string
	if diff {
		m = maps.Clone(old)
	}
	c.pairs(func(k, v string) {
		if have, ok := m[k]; diff == isDifference && ok && have == v {
			delete(m, k)
			return
		}
		if m == nil {
			m = make(map[string]string)
		}
		m[k] = v
	})
	if len(m) > maxMapKeys {
		c.fail("map of more than %d keys", maxMapKeys)
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// mergeSet is mergeMap for a set: in a difference, what is there already goes away and what is not is added.
func (c *cursor) mergeSet(old []string, diff difference) []string {
	read := c.texts()
	if diff {
		all := slices.Clone(old)
		for _, s := range read {
			if i := slices.Index(all, s); i >= 0 {
				all = slices.Delete(all, i, i+1)
			} else if len(all) < maxMapKeys {
				all = append(all, s)
			}
		}
		read = all
	}
	slices.Sort(read)
	return slices.Compact(read)
}

// difference tells whether a row's columns hold new values or what changed of the old ones.
type difference bool

const (
	wholeValue   difference = false
	isDifference difference = true
)
