package flow

import (
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Key is what tells the flows of a switch apart.
type Key struct {
	Table    uint8
	Priority uint16
	Match    string // canonical OXM bytes
}

// Flow is a flow in canonical form. Two flows are the same when they compare with ==.
type Flow struct {
	Key
	Instructions string // canonical OpenFlow 1.3 instructions
	Cookie       uint64
}

// New makes a flow. Its cookie is 0: see Cookie.
func New(table uint8, priority uint16, m Match, a Actions) (Flow, error) {
	b, err := AppendMatch(make([]byte, 0, 192), m)
	if err != nil {
		return Flow{}, fmt.Errorf("flow in table %d: %w", table, err)
	}
	cut := len(b)
	if b, err = AppendInstructions(b, a); err != nil {
		return Flow{}, fmt.Errorf("flow in table %d: %w", table, err)
	}
	s := string(b)
	return Flow{Key: Key{Table: table, Priority: priority, Match: s[:cut]}, Instructions: s[cut:]}, nil
}

// Cookies of the controller's own flows: 8 bits that say so and which format they have, 8 bits for the app, one that marks
// flows whose packets are counted, and 47 bits of a hash over what the flow is.
const (
	CookieTag     uint64 = 0x57 << 56 // "W"
	CookieMask    uint64 = 0xff << 56
	CookieCounted uint64 = 1 << 47 // a switch can be asked for these flows alone
)

// Cookie returns the cookie of a flow of an app: a flow whose cookie is right is right.
func Cookie[M, I []byte | string](app, table uint8, priority uint16, match M, instructions I) uint64 {
	// The lengths separate match from instructions: no two flows are hashed over the same bytes.
	var d xxhash.Digest
	d.Reset()
	head := [5]byte{table, byte(priority >> 8), byte(priority), byte(len(match) >> 8), byte(len(match))}
	_, _ = d.Write(head[:]) // hashing cannot fail
	write(&d, match)
	write(&d, instructions)
	return CookieTag | uint64(app)<<48 | d.Sum64()>>17
}

func write[B []byte | string](d *xxhash.Digest, b B) {
	switch b := any(b).(type) {
	case []byte:
		_, _ = d.Write(b)
	case string:
		_, _ = d.WriteString(b)
	}
}

// CookieIsOurs says whether a cookie is one of the controller's own.
func CookieIsOurs(c uint64) bool { return c&CookieMask == CookieTag }

// CookieApp returns the app in a cookie of ours.
func CookieApp(c uint64) uint8 { return uint8(c >> 48) }
