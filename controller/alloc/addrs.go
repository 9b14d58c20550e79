package alloc

import (
	"encoding/binary"
	"net/netip"
)

// Addrs is a set of IP addresses. The zero value is empty and ready to use. Addresses are of one family: an IPv4 address
// and the IPv6 address with the same lower bits are not told apart.
type Addrs struct {
	blocks map[uint64]*bitmap // the lower 64 bits, by the upper ones; IPv4 addresses are in block 0
	n      int
}

// Len returns how many addresses are in the set.
func (s *Addrs) Len() int { return s.n }

// Has tells whether ip is in the set.
func (s *Addrs) Has(ip netip.Addr) bool {
	hi, lo := split(ip)
	b := s.blocks[hi]
	return b != nil && b.has(lo)
}

// Add puts ip into the set, and tells whether it was not there.
func (s *Addrs) Add(ip netip.Addr) bool {
	hi, lo := split(ip)
	if s.blocks == nil {
		s.blocks = map[uint64]*bitmap{}
	}
	b := s.blocks[hi]
	if b == nil {
		b = &bitmap{}
		s.blocks[hi] = b
	}
	if !b.add(lo) {
		return false
	}
	s.n++
	return true
}

// Remove takes ip out of the set, and tells whether it was there.
func (s *Addrs) Remove(ip netip.Addr) bool {
	hi, lo := split(ip)
	b := s.blocks[hi]
	if b == nil || !b.remove(lo) {
		return false
	}
	if b.n == 0 {
		delete(s.blocks, hi)
	}
	s.n--
	return true
}

// nextFree returns the smallest address of from to to, both included and of one family, that is not in the set.
func (s *Addrs) nextFree(from, to netip.Addr) (netip.Addr, bool) {
	if to.Less(from) || from.BitLen() != to.BitLen() {
		return netip.Addr{}, false
	}
	hi, lo := split(from)
	lastHi, lastLo := split(to)
	for {
		end := lastLo
		if hi != lastHi {
			end = full
		}
		b := s.blocks[hi]
		if b == nil {
			return join(hi, lo, from.Is4()), true
		}
		if v, ok := b.nextFree(lo, end); ok {
			return join(hi, v, from.Is4()), true
		}
		if hi == lastHi {
			return netip.Addr{}, false
		}
		// No block is ever full, so this happens once.
		hi, lo = hi+1, 0
	}
}

// Next returns the next free address in ranges, which are sorted, of one family and do not overlap: the first one above
// after, or else the first of all. The zero address is below all others.
func (s *Addrs) Next(ranges []Range[netip.Addr], after netip.Addr) (netip.Addr, bool) {
	return next(ranges, after, s.nextFree)
}

func split(ip netip.Addr) (hi, lo uint64) {
	if ip.Is4() {
		b := ip.As4()
		return 0, uint64(binary.BigEndian.Uint32(b[:]))
	}
	b := ip.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

func join(hi, lo uint64, is4 bool) netip.Addr {
	if is4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
	return netip.AddrFrom16(b)
}
