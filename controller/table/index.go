package table

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Index groups the rows of a table into buckets. Whoever lists a bucket is run again when any row in it changes: where
// distinct values are enough, a [Set] is far cheaper.
type Index[B, K comparable, R any] struct {
	// read returns the rows of a bucket in the order of their keys, and remembers that.
	read func(r *Reader, b B) []*entry[K, R]
}

// grouping is the buckets of one index.
type grouping[B, K comparable, R any] struct {
	table   *relation[K, R]
	buckets *shelf[B, []*entry[K, R]]
	of      func(row R, add func(B))
	found   []B // what add collected
	add     func(B)
	was     []B // scratch of replace
}

// NewIndex makes an index: of adds the buckets that a row belongs to, any number of them. The name reads as in
// "ports of": a bucket is told to operators as "ports of network/red/web". A name that ends in / is put before the bucket
// without a space. The table may have rows already.
func NewIndex[B, K comparable, R any](t *Table[K, R], name string, of func(row R, add func(B))) *Index[B, K, R] {
	rel := relationOf(t)
	ix := &grouping[B, K, R]{table: rel, of: of}
	ix.buckets = newShelf[B, []*entry[K, R]](rel.db, rel.rows.id, bucketText[B](name))
	ix.add = func(b B) {
		if !slices.Contains(ix.found, b) {
			ix.found = append(ix.found, b)
		}
	}
	for _, n := range rel.rows.nodes {
		if n.full {
			ix.insert(n)
		}
	}
	rel.indexes = append(rel.indexes, ix)
	return &Index[B, K, R]{ix.read}
}

// List yields the rows of bucket b in the order of their keys. It is remembered: the reader depends on the whole bucket.
func (ix *Index[B, K, R]) List(r *Reader, b B) iter.Seq[R] {
	rows := ix.read(r, b)
	return func(yield func(R) bool) {
		for _, row := range rows {
			if !yield(row.val) {
				return
			}
		}
	}
}

// Count is the number of rows in bucket b. The reader depends on the whole bucket, as with List.
func (ix *Index[B, K, R]) Count(r *Reader, b B) int { return len(ix.read(r, b)) }

func (ix *grouping[B, K, R]) read(r *Reader, b B) []*entry[K, R] {
	if n := ix.buckets.read(r, b); n != nil {
		return n.val
	}
	return nil
}

// collect returns the buckets of a row, valid until the next collect.
func (ix *grouping[B, K, R]) collect(row R) []B {
	ix.found = ix.found[:0]
	ix.of(row, ix.add)
	return ix.found
}

func (ix *grouping[B, K, R]) insert(n *node[K, R]) {
	for _, b := range ix.collect(n.val) {
		ix.put(b, n)
	}
}

func (ix *grouping[B, K, R]) erase(n *node[K, R], old R) {
	for _, b := range ix.collect(old) {
		ix.take(b, n)
	}
}

func (ix *grouping[B, K, R]) replace(n *node[K, R], old R) {
	ix.was = append(ix.was[:0], ix.collect(old)...)
	now := ix.collect(n.val)
	for _, b := range ix.was {
		if !slices.Contains(now, b) {
			ix.take(b, n)
		}
	}
	for _, b := range now {
		if slices.Contains(ix.was, b) {
			ix.buckets.ensure(b).changed() // the row in it is another
		} else {
			ix.put(b, n)
		}
	}
}

func (ix *grouping[B, K, R]) put(b B, n *node[K, R]) {
	bucket := ix.buckets.ensure(b)
	bucket.fill()
	i, _ := ix.find(bucket, n)
	bucket.val = slices.Insert(bucket.val, i, &n.entry)
	bucket.changed()
}

func (ix *grouping[B, K, R]) take(b B, n *node[K, R]) {
	bucket := ix.buckets.ensure(b)
	if i, ok := ix.find(bucket, n); ok {
		bucket.val = slices.Delete(bucket.val, i, i+1)
	}
	if len(bucket.val) == 0 {
		bucket.empty()
	}
	bucket.changed()
}

func (ix *grouping[B, K, R]) find(bucket *node[B, []*entry[K, R]], n *node[K, R]) (int, bool) {
	return search(len(bucket.val), func(i int) *K { return &bucket.val[i].key }, &n.key, ix.table.order)
}

// bucketText returns how the buckets of an index are told.
func bucketText[B any](name string) func(B) string {
	if strings.HasSuffix(name, "/") {
		return func(b B) string { return name + fmt.Sprint(b) }
	}
	return func(b B) string { return name + " " + fmt.Sprint(b) }
}
