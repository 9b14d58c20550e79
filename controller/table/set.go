package table

import "slices"

// Set keeps, per bucket, the distinct values that the rows of a table contribute: "hosts of a network", from its ports.
// A bucket changes only when its set of values does.
type Set[B, V comparable] struct {
	// List returns the distinct values of bucket b in order. The slice is the set's own: read it before the rule returns,
	// and do not change it.
	List func(r *Reader, b B) []V
	// Has says whether v is in bucket b. The reader depends on that one value only.
	Has func(r *Reader, b B, v V) bool
}

// bags is the values of one set.
type bags[B, V comparable] struct {
	buckets *shelf[B, bag[V]]
	members *shelf[member[B, V], struct{}] // only those that Has was asked for
	order   func(a, b *V) int
}

// bag is a sorted set with the number of times that each value was contributed.
type bag[V comparable] struct {
	vals  []V
	count []uint32 // by position in vals
}

// member is one value of one bucket.
type member[B, V comparable] struct {
	b B
	v V
}

// setIndex feeds a Set from a table.
type setIndex[B, V, K comparable, R any] struct {
	set   *bags[B, V]
	of    func(row R, add func(B, V))
	found []member[B, V]
	add   func(B, V)
	was   []member[B, V]
}

// NewSet makes a set index: of adds any number of (bucket, value) pairs for a row. The name is used as in [NewIndex]:
// "hosts of". Values are ordered as keys are, see [New]; the table may have rows already.
func NewSet[B, V, K comparable, R any](t *Table[K, R], name string, of func(row R, add func(B, V))) *Set[B, V] {
	text := bucketText[B](name)
	rel := relationOf(t)
	s := &bags[B, V]{order: mustOrder[V](name)}
	s.buckets = newShelf[B, bag[V]](rel.db, rel.rows.id, text)
	s.members = newShelf[member[B, V], struct{}](rel.db, rel.rows.id, func(m member[B, V]) string {
		return plain(m.v) + " in " + text(m.b)
	})
	ix := &setIndex[B, V, K, R]{set: s, of: of}
	ix.add = func(b B, v V) { ix.found = append(ix.found, member[B, V]{b, v}) }
	for _, n := range rel.rows.nodes {
		if n.full {
			ix.insert(n)
		}
	}
	rel.indexes = append(rel.indexes, ix)
	return &Set[B, V]{s.list, s.has}
}

func (s *bags[B, V]) list(r *Reader, b B) []V {
	if n := s.buckets.read(r, b); n != nil {
		return n.val.vals
	}
	return nil
}

func (s *bags[B, V]) has(r *Reader, b B, v V) bool {
	s.members.read(r, member[B, V]{b, v})
	n := s.buckets.nodes[b]
	if n == nil {
		return false
	}
	_, ok := s.find(n, &v)
	return ok
}

func (s *bags[B, V]) find(n *node[B, bag[V]], v *V) (int, bool) {
	return search(len(n.val.vals), func(i int) *V { return &n.val.vals[i] }, v, s.order)
}

func (s *bags[B, V]) put(m member[B, V]) {
	n := s.buckets.ensure(m.b)
	i, ok := s.find(n, &m.v)
	if ok {
		n.val.count[i]++
		return
	}
	n.fill()
	n.val.vals = slices.Insert(n.val.vals, i, m.v)
	n.val.count = slices.Insert(n.val.count, i, 1)
	s.changed(n, m)
}

func (s *bags[B, V]) take(m member[B, V]) {
	n := s.buckets.ensure(m.b)
	i, ok := s.find(n, &m.v)
	if !ok {
		return
	}
	if n.val.count[i]--; n.val.count[i] > 0 {
		return
	}
	n.val.vals = slices.Delete(n.val.vals, i, i+1)
	n.val.count = slices.Delete(n.val.count, i, i+1)
	if len(n.val.vals) == 0 {
		n.empty()
	}
	s.changed(n, m)
}

func (s *bags[B, V]) changed(n *node[B, bag[V]], m member[B, V]) {
	n.changed()
	if has := s.members.nodes[m]; has != nil {
		has.changed()
	}
}

func (ix *setIndex[B, V, K, R]) collect(row R) []member[B, V] {
	ix.found = ix.found[:0]
	ix.of(row, ix.add)
	return ix.found
}

func (ix *setIndex[B, V, K, R]) insert(n *node[K, R]) {
	for _, m := range ix.collect(n.val) {
		ix.set.put(m)
	}
}

func (ix *setIndex[B, V, K, R]) erase(_ *node[K, R], old R) {
	for _, m := range ix.collect(old) {
		ix.set.take(m)
	}
}

// replace puts before it takes, so that a value which stays is never seen to leave.
func (ix *setIndex[B, V, K, R]) replace(n *node[K, R], old R) {
	ix.was = append(ix.was[:0], ix.collect(old)...)
	now := ix.collect(n.val)
	if slices.Equal(ix.was, now) {
		return
	}
	for _, m := range now {
		ix.set.put(m)
	}
	for _, m := range ix.was {
		ix.set.take(m)
	}
}
