package openflow

import "math/bits"

// Versions is a set of protocol versions, a bit for each.
type Versions uint32

// Highest returns the newest version of the set; 0 for the empty one.
func (v Versions) Highest() uint8 { return uint8(max(bits.Len32(uint32(v))-1, 0)) }

// Has says whether a version is in the set.
func (v Versions) Has(version uint8) bool { return version < 32 && v>>version&1 != 0 }

// Hello is the first message of both sides.
type Hello struct {
	Version  uint8    // of the message
	Versions Versions // offered; 0 when the peer only gives the one in the header
}

const helloVersionBitmap = 1

// AppendHello appends a hello that offers versions.
func AppendHello(b []byte, xid uint32, offer Versions) []byte {
	start := len(b)
	b = begin(b, TypeHello, xid)
	b[start] = offer.Highest()
	b = be.AppendUint32(b, helloVersionBitmap<<16|8)
	return end(be.AppendUint32(b, uint32(offer)), start)
}

// ParseHello reads a hello. Elements that it does not know are passed over, as the specification asks.
func ParseHello(m Message) (Hello, error) {
	r := read(m, TypeHello)
	h := Hello{Version: m.Version}
	for len(r.b) >= 4 {
		typ, n := be.Uint16(r.b), int(be.Uint16(r.b[2:]))
		if n < 4 || n > len(r.b) {
			r.fail(ErrLength)
			break
		}
		e := r.part(n)
		if typ == helloVersionBitmap && n >= 8 {
			e.skip(4)
			h.Versions = Versions(e.u32())
		}
		r.skip(min(-n&7, len(r.b)))
	}
	return h, r.err()
}

// Agree returns the newest version that both sides speak; 0 when there is none.
func (h Hello) Agree(offer Versions) uint8 {
	if h.Versions != 0 {
		return (h.Versions & offer).Highest()
	}
	if v := min(h.Version, offer.Highest()); offer.Has(v) {
		return v
	}
	return 0
}
