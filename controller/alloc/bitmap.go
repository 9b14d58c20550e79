package alloc

import "math/bits"

const (
	wordBits = 6 // 64 numbers a word
	levels   = 11
	full     = ^uint64(0)
)

// bitmap is a set of numbers of 64 bits. The zero value is empty and ready to use.
//
// It is kept as a bitmap with summaries: bit i of a word in level 0 says that a number is in the set, and in a higher level that
// word i below has all of its bits set. Words without a bit set are not kept, so memory follows what is in the set and not
// the space it is from.
type bitmap struct {
	words [levels]map[uint64]uint64
	n     int
}

// has tells whether v is in the set.
func (s *bitmap) has(v uint64) bool { return s.words[0][v>>wordBits]&bit(v) != 0 }

func bit(v uint64) uint64 { return 1 << (v & (1<<wordBits - 1)) }

// add puts v into the set, and tells whether it was not there.
func (s *bitmap) add(v uint64) bool {
	if s.has(v) {
		return false
	}
	s.n++
	for level := range levels {
		if s.words[level] == nil {
			s.words[level] = map[uint64]uint64{}
		}
		w := s.words[level][v>>wordBits] | bit(v)
		s.words[level][v>>wordBits] = w
		if w != full {
			break
		}
		v >>= wordBits
	}
	return true
}

// remove takes v out of the set, and tells whether it was there.
func (s *bitmap) remove(v uint64) bool {
	if !s.has(v) {
		return false
	}
	s.n--
	for level := range levels {
		before := s.words[level][v>>wordBits]
		if w := before &^ bit(v); w == 0 {
			delete(s.words[level], v>>wordBits)
		} else {
			s.words[level][v>>wordBits] = w
		}
		if before != full {
			break
		}
		v >>= wordBits
	}
	return true
}

// nextFree returns the smallest number of from to to, both included, that is not in the set.
func (s *bitmap) nextFree(from, to uint64) (uint64, bool) {
	if from > to {
		return 0, false
	}
	v, level := from, 0
	// Up, until a word has a clear bit at or after v.
	for {
		free := ^s.words[level][v>>wordBits] & (full << (v & (1<<wordBits - 1)))
		if free != 0 {
			v = v&^(1<<wordBits-1) | uint64(bits.TrailingZeros64(free))
			break
		}
		v = v>>wordBits + 1
		level++
		// Past the last word of the space: the top level has a word of its own for the 4 bits that are left there.
		if level == levels || v > full>>(wordBits*level) {
			return 0, false
		}
	}
	// Down again, to the first clear bit in each.
	for ; level > 0; level-- {
		free := ^s.words[level-1][v]
		v = v<<wordBits | uint64(bits.TrailingZeros64(free))
	}
	return v, v <= to
}

// nextUsed returns the smallest number of from to to, both included, that is in the set. It takes a step for each word
// between the two, or for each word of the set when those are fewer.
func (s *bitmap) nextUsed(from, to uint64) (uint64, bool) {
	if from > to {
		return 0, false
	}
	if uint64(len(s.words[0])) < to>>wordBits-from>>wordBits {
		return s.nextOfAll(from, to)
	}
	for w := from >> wordBits; ; w++ {
		if v, ok := s.firstOfWord(w, from); ok {
			return v, v <= to
		}
		if w == to>>wordBits {
			return 0, false
		}
	}
}

func (s *bitmap) nextOfAll(from, to uint64) (best uint64, found bool) {
	for w := range s.words[0] {
		if v, ok := s.firstOfWord(w, from); ok && v <= to && (!found || v < best) {
			best, found = v, true
		}
	}
	return best, found
}

// firstOfWord returns the first number of a word that is from or above and in the set.
func (s *bitmap) firstOfWord(w, from uint64) (uint64, bool) {
	used := s.words[0][w]
	switch {
	case w < from>>wordBits:
		return 0, false
	case w == from>>wordBits:
		used &= full << (from & (1<<wordBits - 1))
	}
	return w<<wordBits | uint64(bits.TrailingZeros64(used)), used != 0
}

// count returns how many numbers of from to to, both included, are in the set, in at most a step for each of its words.
func (s *bitmap) count(from, to uint64) int {
	if from > to {
		return 0
	}
	n := 0
	for w, used := range s.words[0] {
		if w < from>>wordBits || w > to>>wordBits {
			continue
		}
		if w == from>>wordBits {
			used &= full << (from & (1<<wordBits - 1))
		}
		if w == to>>wordBits {
			used &= full >> (63 - to&(1<<wordBits-1))
		}
		n += bits.OnesCount64(used)
	}
	return n
}
