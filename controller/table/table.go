package table

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Table holds rows of type R by key.
type Table[K comparable, R any] struct {
	db      *DB
	name    string
	rows    *shelf[K, R]
	key     func(R) K
	equal   func(a, b R) bool
	order   func(a, b *K) int
	text    func(K) string
	len     int
	indexes []index[K, R]
	watch   []func(K)
}

// index is what has to follow a table's rows. The row is in n; old is what was there before.
type index[K comparable, R any] interface {
	insert(n *node[K, R])
	replace(n *node[K, R], old R)
	erase(n *node[K, R], old R)
}

// New makes a table in db. Rows are never changed in place by the caller after Put.
//
// Keys are ordered by their Compare method, or else structurally (strings, numbers, and structs and arrays of such, field
// by field); rows are compared by their Equal method, or else with == where Go allows that, or else deeply. OrderFunc and
// EqualFunc replace these. New panics when the type of key has no order: that is a mistake in the program, found at start.
func New[K comparable, R any](db *DB, name string, key func(R) K) *Table[K, R] {
	t := &Table[K, R]{db: db, name: name, key: key, equal: equalOf[R]()}
	t.text = func(k K) string { return qualified(name, k) }
	t.rows = newShelf[K, R](db, db.tables, func(k K) string { return t.text(k) })
	db.tables++
	t.order = mustOrder[K](name)
	return t
}

// EqualFunc replaces the comparison of rows. Call it before the first Put.
func (t *Table[K, R]) EqualFunc(equal func(a, b R) bool) *Table[K, R] {
	t.equal = equal
	return t
}

// OrderFunc replaces the order of keys. Call it before the first Put.
func (t *Table[K, R]) OrderFunc(order func(a, b K) int) *Table[K, R] {
	t.order = func(a, b *K) int { return order(*a, *b) }
	return t
}

// TextFunc replaces what operators are told a row is called, which is "<table>/<key>" otherwise (a key whose text starts
// so already stays as it is).
func (t *Table[K, R]) TextFunc(text func(K) string) *Table[K, R] {
	t.text = text
	return t
}

// Name is the table's name.
func (t *Table[K, R]) Name() string { return t.name }

// ID is the table's number within its DB, counted from 0 in the order of making.
func (t *Table[K, R]) ID() int { return t.rows.id }

// Text is what operators call the row with this key: "port/red/vm1".
func (t *Table[K, R]) Text(k K) string { return t.text(k) }

// Len is the number of rows.
func (t *Table[K, R]) Len() int { return t.len }

// Equal says whether two rows are the same to this table.
func (t *Table[K, R]) Equal(a, b R) bool { return t.equal(a, b) }

// Key is the key of a row.
func (t *Table[K, R]) Key(row R) K { return t.key(row) }

// Put adds a row, or replaces the one with the same key. It reports whether anything changed: an equal row changes nothing.
func (t *Table[K, R]) Put(row R) (changed bool) {
	n := t.rows.ensure(t.key(row))
	if n.full {
		old := n.val
		if t.equal(old, row) {
			return false
		}
		n.val = row
		for _, ix := range t.indexes {
			ix.replace(n, old)
		}
	} else {
		n.fill()
		n.val = row
		t.len++
		for _, ix := range t.indexes {
			ix.insert(n)
		}
	}
	t.changed(n)
	return true
}

// Delete removes the row with key k. It reports whether there was one.
func (t *Table[K, R]) Delete(k K) (deleted bool) {
	n := t.rows.nodes[k]
	if n == nil || !n.full {
		return false
	}
	old := n.val
	for _, ix := range t.indexes {
		ix.erase(n, old)
	}
	n.empty()
	t.len--
	t.changed(n)
	return true
}

func (t *Table[K, R]) changed(n *node[K, R]) {
	n.changed()
	for _, f := range t.watch {
		f(n.key)
	}
}

// Watch has f called by the writer after each row that was added, changed or deleted.
func (t *Table[K, R]) Watch(f func(K)) { t.watch = append(t.watch, f) }

// Get returns the row with key k. The read is remembered also when there is no such row.
func (t *Table[K, R]) Get(r *Reader, k K) (R, bool) {
	if n := t.rows.read(r, k); n != nil && n.full {
		return n.val, true
	}
	var none R
	return none, false
}

// Peek is Get for code that is not a rule and whose reads nobody remembers.
func (t *Table[K, R]) Peek(k K) (R, bool) {
	if n := t.rows.nodes[k]; n != nil && n.full {
		return n.val, true
	}
	var none R
	return none, false
}

// Scan yields all rows in the order of their keys, remembered by nobody. The table may be changed meanwhile; Scan then
// yields the rows as they are when it comes to them.
func (t *Table[K, R]) Scan() iter.Seq[R] {
	return func(yield func(R) bool) {
		for _, k := range slices.SortedFunc(maps.Keys(t.rows.nodes), t.compare) {
			if row, ok := t.Peek(k); ok && !yield(row) {
				return
			}
		}
	}
}

func (t *Table[K, R]) compare(a, b K) int { return t.order(&a, &b) }

// qualified is "<table>/<key>", unless the key says so itself.
func qualified[K any](name string, k K) string {
	text := fmt.Sprint(k)
	if strings.HasPrefix(text, name+"/") {
		return text
	}
	return name + "/" + text
}
