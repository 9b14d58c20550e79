package alloc

// Ordered is what ranges are made of.
type Ordered[T any] interface {
	comparable
	Compare(T) int
	Next() T
}

// Range is what lies from First to Last, both included.
type Range[T Ordered[T]] struct{ First, Last T }

// Contains tells whether v is in the range.
func (r Range[T]) Contains(v T) bool { return r.First.Compare(v) <= 0 && r.Last.Compare(v) >= 0 }

// Overlaps tells whether two ranges have something in common.
func (r Range[T]) Overlaps(o Range[T]) bool {
	return r.First.Compare(o.Last) <= 0 && r.Last.Compare(o.First) >= 0
}

// next finds what is free in sorted ranges: above after, or else up to it.
func next[T Ordered[T]](ranges []Range[T], after T, free func(from, to T) (T, bool)) (T, bool) {
	for _, r := range ranges {
		if r.Last.Compare(after) <= 0 {
			continue
		}
		if r.First.Compare(after) <= 0 {
			r.First = after.Next()
		}
		if v, ok := free(r.First, r.Last); ok {
			return v, true
		}
	}
	for _, r := range ranges {
		if r.First.Compare(after) > 0 {
			break
		}
		if r.Last.Compare(after) > 0 {
			r.Last = after
		}
		if v, ok := free(r.First, r.Last); ok {
			return v, true
		}
	}
	var none T
	return none, false
}
