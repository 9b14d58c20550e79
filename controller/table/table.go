package table

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Table holds rows of type R by key.
//
// Its methods are fields. The Go compiler compiles the methods of generic types anew in each package that imports a struct with fields
// of such types: with 120 tables in one struct these were 10,000 functions, 54 MB and 13 s for each app.
type Table[K comparable, R any] struct {
	// Name is the table's name.
	Name func() string
	// ID is the table's number within its DB, counted from 0 in the order of making.
	ID func() int
	// Text is what operators call the row with this key: "port/red/vm1".
	Text func(k K) string
	// Len is the number of rows.
	Len func() int
	// Equal says whether two rows are the same to this table.
	Equal func(a, b R) bool
	// Key is the key of a row.
	Key func(row R) K
	// Put adds a row, or replaces the one with the same key. It reports whether anything changed: an equal row changes nothing.
	Put func(row R) (changed bool)
	// Delete removes the row with key k. It reports whether there was one.
	Delete func(k K) (deleted bool)
	// Watch has f called by the writer after each row that was added, changed or deleted.
	Watch func(f func(K))
	// Get returns the row with key k. The read is remembered also when there is no such row.
	Get func(r *Reader, k K) (R, bool)
	// Peek is Get for code that is not a rule and whose reads nobody remembers.
	Peek func(k K) (R, bool)
	// Scan yields all rows in the order of their keys, remembered by nobody. The table may be changed meanwhile; Scan then
	// yields the rows as they are when it comes to them.
	Scan func() iter.Seq[R]
	// EqualFunc replaces the comparison of rows, OrderFunc the order of keys. Call them before the first Put.
	EqualFunc func(equal func(a, b R) bool)
	OrderFunc func(order func(a, b K) int)
	// TextFunc replaces what operators are told a row is called, which is "<table>/<key>" otherwise (a key whose text starts
	// so already stays as it is).
	TextFunc func(text func(K) string)

	made any // the *relation[K, R]
}

// relation is the rows of one table.
type relation[K comparable, R any] struct {
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
	t := &relation[K, R]{db: db, name: name, key: key, equal: equalOf[R]()}
	t.text = func(k K) string { return qualified(name, k) }
	t.rows = newShelf[K, R](db, db.tables, func(k K) string { return t.text(k) })
	db.tables++
	t.order = mustOrder[K](name)
	return &Table[K, R]{
		Name: func() string { return name }, ID: func() int { return t.rows.id }, Text: func(k K) string { return t.text(k) },
		Len: func() int { return t.len }, Equal: func(a, b R) bool { return t.equal(a, b) }, Key: key,
		Put: t.put, Delete: t.delete, Watch: func(f func(K)) { t.watch = append(t.watch, f) }, Get: t.get, Peek: t.peek, Scan: t.scan,
		EqualFunc: func(equal func(a, b R) bool) { t.equal = equal },
		OrderFunc: func(order func(a, b K) int) { t.order = func(a, b *K) int { return order(*a, *b) } },
		TextFunc:  func(text func(K) string) { t.text = text },
		made:      t,
	}
}

// relationOf returns what a table is made of.
func relationOf[K comparable, R any](t *Table[K, R]) *relation[K, R] { return t.made.(*relation[K, R]) }

func (t *relation[K, R]) put(row R) (changed bool) {
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

func (t *relation[K, R]) delete(k K) (deleted bool) {
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

func (t *relation[K, R]) changed(n *node[K, R]) {
	n.changed()
	for _, f := range t.watch {
		f(n.key)
	}
}

func (t *relation[K, R]) get(r *Reader, k K) (R, bool) {
	if n := t.rows.read(r, k); n != nil && n.full {
		return n.val, true
	}
	var none R
	return none, false
}

func (t *relation[K, R]) peek(k K) (R, bool) {
	if n := t.rows.nodes[k]; n != nil && n.full {
		return n.val, true
	}
	var none R
	return none, false
}

func (t *relation[K, R]) scan() iter.Seq[R] {
	return func(yield func(R) bool) {
		for _, k := range slices.SortedFunc(maps.Keys(t.rows.nodes), t.compare) {
			if row, ok := t.peek(k); ok && !yield(row) {
				return
			}
		}
	}
}

func (t *relation[K, R]) compare(a, b K) int { return t.order(&a, &b) }

// qualified is "<table>/<key>", unless the key says so itself.
func qualified[K any](name string, k K) string {
	text := fmt.Sprint(k)
	if strings.HasPrefix(text, name+"/") {
		return text
	}
	return name + "/" + text
}
