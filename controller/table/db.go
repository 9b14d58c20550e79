package table

// Unit is the handle of one reader of tables whose reads are remembered: in Weft, one rule applied to one row.
type Unit uint32

// DB is a set of tables that are written together, and the memory of which unit read what.
// The zero value is ready for use.
type DB struct {
	tables int      // number of tables made, the next table's id
	dirty  []bucket // buckets changed since the last Dirty
	runs   []uint32 // by unit: stamp of its last run
	free   []Unit   // units to be used again
}

// NewDB returns an empty database.
func NewDB() *DB { return &DB{} }

// NewUnit returns a unit that has read nothing yet.
func (db *DB) NewUnit() Unit {
	if n := len(db.free); n > 0 {
		u := db.free[n-1]
		db.free = db.free[:n-1]
		return u
	}
	db.runs = append(db.runs, 0)
	return Unit(len(db.runs) - 1)
}

// Free forgets a unit and all it read. Its number may be given out again by NewUnit.
func (db *DB) Free(u Unit) {
	db.runs[u]++
	db.free = append(db.free, u)
}

// Link ties the unit to everything that r has read, in place of what earlier runs of the unit read.
func (db *DB) Link(u Unit, r *Reader) {
	db.runs[u]++
	l := link{unit: u, run: db.runs[u]}
	for _, p := range r.reads {
		p.links().add(db, l)
	}
}

// Dirty calls f for every unit that read a bucket which has changed since the last call. A unit that read several of
// them is handed over several times. The caller must run and link each unit again: Dirty forgets the links it followed.
func (db *DB) Dirty(f func(Unit)) {
	for i, p := range db.dirty {
		db.dirty[i] = nil
		ls := p.links()
		for _, l := range ls.list {
			if db.fresh(l) {
				f(l.unit)
			}
		}
		ls.dirty = false
		ls.forget()
		p.tidy()
	}
	db.dirty = db.dirty[:0]
}

func (db *DB) fresh(l link) bool { return db.runs[l.unit] == l.run }

// link says that a run of a unit read a bucket.
type link struct {
	unit Unit
	run  uint32
}

// links are the units that read one bucket, with stale ones in between.
type links struct {
	list    []link
	squeeze int  // length at which stale links are squeezed out before the list grows
	dirty   bool // queued in DB.dirty
}

const (
	firstSqueeze = 8
	keepLinks    = 64 // a forgotten list up to this capacity is kept for reuse
)

// add appends l. Appending costs amortised constant time: a squeeze is paid for by the links that were added since the last.
func (ls *links) add(db *DB, l link) {
	n := len(ls.list)
	if n > 0 && ls.list[n-1] == l {
		return // read twice in one run; links of one run come one after another
	}
	if n >= max(ls.squeeze, firstSqueeze) {
		kept := ls.list[:0]
		for _, old := range ls.list {
			if db.fresh(old) {
				kept = append(kept, old)
			}
		}
		ls.list = kept
		ls.squeeze = 2 * len(kept)
	}
	ls.list = append(ls.list, l)
}

// forget drops all links: those of a changed bucket are stale once their units have run again.
func (ls *links) forget() {
	if cap(ls.list) > keepLinks {
		ls.list = nil
	}
	ls.list = ls.list[:0]
	ls.squeeze = 0
}

// used says whether any fresh link is left.
func (ls *links) used(db *DB) bool {
	for _, l := range ls.list {
		if db.fresh(l) {
			return true
		}
	}
	return false
}
