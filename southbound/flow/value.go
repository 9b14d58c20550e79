package flow

import (
	"encoding/binary"
	"math/bits"
	"net"
	"net/netip"
)

// Bits is a value of up to 128 bits, the lowest ones in Lo.
type Bits struct{ Hi, Lo uint64 }

// ones returns the value with its n lowest bits set.
func ones(n int) Bits {
	switch {
	case n >= 128:
		return Bits{^uint64(0), ^uint64(0)}
	case n > 64:
		return Bits{1<<(n-64) - 1, ^uint64(0)}
	case n == 64:
		return Bits{0, ^uint64(0)}
	}
	return Bits{0, 1<<n - 1}
}

// And returns the bits set in both.
func (b Bits) And(c Bits) Bits { return Bits{b.Hi & c.Hi, b.Lo & c.Lo} }

// Or returns the bits set in either.
func (b Bits) Or(c Bits) Bits { return Bits{b.Hi | c.Hi, b.Lo | c.Lo} }

// Not returns the bits not set in b.
func (b Bits) Not() Bits { return Bits{^b.Hi, ^b.Lo} }

// IsZero says whether no bit is set.
func (b Bits) IsZero() bool { return b.Hi|b.Lo == 0 }

// Shl returns b moved n bits up.
func (b Bits) Shl(n int) Bits {
	if n >= 64 {
		return Bits{b.Lo << (n - 64), 0}
	}
	return Bits{b.Hi<<n | b.Lo>>(64-n), b.Lo << n}
}

// Shr returns b moved n bits down.
func (b Bits) Shr(n int) Bits {
	if n >= 64 {
		return Bits{0, b.Hi >> (n - 64)}
	}
	return Bits{b.Hi >> n, b.Lo>>n | b.Hi<<(64-n)}
}

// Len returns the position of the highest set bit, counted from 1; 0 when none is set.
func (b Bits) Len() int {
	if b.Hi != 0 {
		return 64 + bits.Len64(b.Hi)
	}
	return bits.Len64(b.Lo)
}

// within says whether all bits of b are set in c.
func (b Bits) within(c Bits) bool { return b.Hi&^c.Hi == 0 && b.Lo&^c.Lo == 0 }

// append writes the lowest size bytes, highest first.
func (b Bits) append(to []byte, size int) []byte {
	switch size {
	case 1:
		return append(to, byte(b.Lo))
	case 2:
		return binary.BigEndian.AppendUint16(to, uint16(b.Lo))
	case 4:
		return binary.BigEndian.AppendUint32(to, uint32(b.Lo))
	case 6:
		return append(to, byte(b.Lo>>40), byte(b.Lo>>32), byte(b.Lo>>24), byte(b.Lo>>16), byte(b.Lo>>8), byte(b.Lo))
	case 8:
		return binary.BigEndian.AppendUint64(to, b.Lo)
	case 16:
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(to, b.Hi), b.Lo)
	}
	for i := size - 1; i >= 0; i-- {
		to = append(to, byte(b.Shr(8*i).Lo))
	}
	return to
}

// bitsOf reads up to 16 bytes, highest first.
func bitsOf(p []byte) Bits {
	var b Bits
	for _, c := range p {
		b = b.Shl(8)
		b.Lo |= uint64(c)
	}
	return b
}

// Field is a field with the value and the mask that a match compares it with, or with which an action sets it: bits that
// are not in Mask do not count. Fields of several words compare with ==.
type Field struct {
	ID          FieldID
	Value, Mask Bits
}

// MACAddr is an Ethernet address.
type MACAddr [6]byte

// String returns the address with colons.
func (m MACAddr) String() string { return net.HardwareAddr(m[:]).String() }

func (m MACAddr) bits() Bits {
	return Bits{0, uint64(m[0])<<40 | uint64(m[1])<<32 | uint64(m[2])<<24 | uint64(m[3])<<16 | uint64(m[4])<<8 | uint64(m[5])}
}

func macOf(b Bits) MACAddr {
	return MACAddr{byte(b.Lo >> 40), byte(b.Lo >> 32), byte(b.Lo >> 24), byte(b.Lo >> 16), byte(b.Lo >> 8), byte(b.Lo)}
}

// U32 is a field of up to 32 bits with an exact value.
func U32(id FieldID, v uint32) Field {
	return Field{ID: id, Value: Bits{Lo: uint64(v)}, Mask: id.fit(32)}
}

// U64 is a field of up to 64 bits with an exact value.
func U64(id FieldID, v uint64) Field {
	return Field{ID: id, Value: Bits{Lo: v}, Mask: id.fit(64)}
}

// U128 is a field of up to 128 bits with an exact value.
func U128(id FieldID, hi, lo uint64) Field {
	return Field{ID: id, Value: Bits{hi, lo}, Mask: id.all()}
}

// Masked is a field of which the bits in mask have the value v.
func Masked(id FieldID, v, mask uint64) Field {
	return Field{ID: id, Value: Bits{Lo: v}, Mask: Bits{Lo: mask}}
}

// MAC is an Ethernet address field with an exact value.
func MAC(id FieldID, m MACAddr) Field { return Field{ID: id, Value: m.bits(), Mask: id.all()} }

// MACMasked is an Ethernet address field of which the bits in mask have the value m.
func MACMasked(id FieldID, m, mask MACAddr) Field {
	return Field{ID: id, Value: m.bits(), Mask: mask.bits()}
}

// IP is an IPv4 or IPv6 address field with an exact value. An address of the other family than the field's makes a match
// that cannot be encoded.
func IP(id FieldID, a netip.Addr) Field {
	v, n := addrBits(a)
	if n != id.Bits() {
		return Field{ID: id, Value: Bits{^uint64(0), 0}, Mask: Bits{}} // a value outside its mask: refused
	}
	return Field{ID: id, Value: v, Mask: id.all()}
}

// Prefix is an IPv4 or IPv6 address field that matches the addresses of a prefix. Bits of the address beyond the prefix do
// not count.
func Prefix(id FieldID, p netip.Prefix) Field {
	v, n := addrBits(p.Addr())
	if !p.IsValid() || n != id.Bits() {
		return Field{ID: id, Value: Bits{^uint64(0), 0}, Mask: Bits{}}
	}
	mask := ones(p.Bits()).Shl(n - p.Bits())
	return Field{ID: id, Value: v.And(mask), Mask: mask}
}

func addrBits(a netip.Addr) (v Bits, n int) {
	if a.Is4() || a.Is4In6() {
		b := a.As4()
		return Bits{0, uint64(binary.BigEndian.Uint32(b[:]))}, 32
	}
	if !a.IsValid() {
		return Bits{}, 0
	}
	b := a.As16()
	return Bits{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}, 128
}

// Addr returns the value of an address field.
func (f Field) Addr() netip.Addr {
	if f.ID.Bits() == 32 {
		return netip.AddrFrom4([4]byte(f.Value.append(nil, 4)))
	}
	return netip.AddrFrom16([16]byte(f.Value.append(nil, 16)))
}

// MACAddr returns the value of an Ethernet address field.
func (f Field) MACAddr() MACAddr { return macOf(f.Value) }

// Exact says whether all bits of the field count. Tunnel metadata counts as exact when whole words of 4 bytes do.
func (f Field) Exact() bool {
	if f.ID.isTunMetadata() {
		return f.Mask == ones(8*f.size())
	}
	return f.Mask == f.ID.all()
}

// size returns how many bytes the value takes on the wire.
func (f Field) size() int {
	if f.ID.isTunMetadata() {
		return max(4, (f.Mask.Len()+31)/32*4)
	}
	return f.ID.Bytes()
}

// fit returns the mask of an exact value of so many bits: all of the field, but of tunnel metadata, whose length varies,
// only as many bits as were given.
func (id FieldID) fit(bits int) Bits {
	if id.isTunMetadata() {
		return ones(bits)
	}
	return id.all()
}

// all returns the mask that takes in every bit of the field.
func (id FieldID) all() Bits { return wire[id].all }
