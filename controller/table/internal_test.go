package table

import (
	"fmt"
	"testing"
)

// Absent rows that units once asked for must not pile up for ever.
func TestVacantBucketsAreSwept(t *testing.T) {
	db := NewDB()
	tbl := New(db, "row", func(s string) string { return s })
	u := db.NewUnit()
	for i := range 50_000 {
		var r Reader
		tbl.Get(&r, fmt.Sprint(i))
		db.Link(u, &r) // forgets the one before
	}
	if n := len(relationOf(tbl).rows.nodes); n > 3*sweepSlack {
		t.Errorf("%d buckets for absent rows are kept, want at most %d", n, 3*sweepSlack)
	}
}

// A unit that runs over and over leaves stale links; they must not pile up either.
func TestStaleLinksAreSqueezed(t *testing.T) {
	db := NewDB()
	tbl := New(db, "row", func(s string) string { return s })
	tbl.Put("a")
	u, idle := db.NewUnit(), db.NewUnit()
	var r Reader
	tbl.Get(&r, "a")
	db.Link(idle, &r)
	for range 10_000 {
		db.Link(u, &r)
	}
	ls := &relationOf(tbl).rows.nodes["a"].readers
	if len(ls.list) > firstSqueeze+1 {
		t.Errorf("%d links for 2 readers", len(ls.list))
	}
	tbl.Delete("a")
	seen := map[Unit]int{}
	db.Dirty(func(u Unit) { seen[u]++ })
	if seen[u] != 1 || seen[idle] != 1 {
		t.Errorf("units handed out %v times, want once each", seen)
	}
	if len(relationOf(tbl).rows.nodes) != 0 {
		t.Error("a deleted row that nobody reads is kept")
	}
}

func TestReadAllocatesLittle(t *testing.T) {
	db := NewDB()
	tbl := New(db, "row", func(s string) string { return s })
	set := NewSet(tbl, "all", func(s string, add func(int, string)) { add(len(s), s) })
	ix := NewIndex(tbl, "all", func(s string, add func(int)) { add(len(s)) })
	tbl.Put("a")
	var r Reader
	n := 0
	if got := testing.AllocsPerRun(100, func() {
		r.Reset()
		tbl.Get(&r, "a")
		n += len(set.List(&r, 1)) + ix.Count(&r, 1)
	}); got != 0 {
		t.Errorf("%v allocations for a row, a set and a count", got)
	}
	if got := testing.AllocsPerRun(100, func() {
		r.Reset()
		for row := range ix.List(&r, 1) {
			n += len(row)
		}
	}); got > 3 {
		t.Errorf("%v allocations for a list: the sequence, the loop's body and what that counts are 3", got)
	}
}

func BenchmarkDirtyOneChange(b *testing.B) {
	const rows = 20_000
	db := NewDB()
	type row struct{ ID, V int }
	tbl := New(db, "row", func(r row) int { return r.ID })
	nets := NewSet(tbl, "hosts of", func(r row, add func(int, int)) { add(r.ID/200, r.ID%100) })
	units := make([]Unit, rows)
	read := func(r *Reader, i int) {
		tbl.Get(r, i)
		nets.List(r, i/200)
	}
	var r Reader
	for i := range rows {
		tbl.Put(row{i, 0})
	}
	db.Dirty(func(Unit) {})
	for i := range rows {
		units[i] = db.NewUnit()
		r.Reset()
		read(&r, i)
		db.Link(units[i], &r)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tbl.Put(row{i % rows, i + 1})
		db.Dirty(func(u Unit) {
			r.Reset()
			read(&r, i%rows)
			db.Link(u, &r)
		})
	}
}
