package alloc

import "cmp"

// ID is a number to be allocated. 0 is none.
type ID uint32

// Compare orders ids.
func (n ID) Compare(o ID) int { return cmp.Compare(n, o) }

// Next returns the id that follows.
func (n ID) Next() ID { return n + 1 }

// IDs is a set of ids. The zero value is empty and ready to use.
type IDs struct{ bits bitmap }

// Len returns how many ids are in the set.
func (s *IDs) Len() int { return s.bits.n }

// Has tells whether an id is in the set.
func (s *IDs) Has(n ID) bool { return s.bits.has(uint64(n)) }

// Add puts an id into the set, and tells whether it was not there.
func (s *IDs) Add(n ID) bool { return s.bits.add(uint64(n)) }

// Remove takes an id out of the set, and tells whether it was there.
func (s *IDs) Remove(n ID) bool { return s.bits.remove(uint64(n)) }

// Next returns the next free id in ranges, which are sorted and do not overlap: the first one above after, or else the
// first of all.
func (s *IDs) Next(ranges []Range[ID], after ID) (ID, bool) {
	return next(ranges, after, func(from, to ID) (ID, bool) {
		n, ok := s.bits.nextFree(uint64(from), uint64(to))
		return ID(n), ok
	})
}

// First returns the smallest id of a range that is in the set.
func (s *IDs) First(r Range[ID]) (ID, bool) {
	n, ok := s.bits.nextUsed(uint64(r.First), uint64(r.Last))
	return ID(n), ok
}

// Count returns how many ids of a range are in the set. It takes at most a step for each of the set's.
func (s *IDs) Count(r Range[ID]) uint32 {
	return uint32(s.bits.count(uint64(r.First), uint64(r.Last)))
}
