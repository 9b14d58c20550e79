package table

// place is a bucket that can be read: a row's key, an index's bucket, a member of a set.
type place interface {
	links() *links
	text() string // what an operator would call it: "network/red/web"
	table() int   // id of the table it belongs to
}

// bucket is a place that exists, and so can change.
type bucket interface {
	place
	tidy() // drops it when nothing is in it and nobody reads it
}

// shelf holds the buckets of one table, index or set by their key.
type shelf[B comparable, P any] struct {
	db      *DB
	id      int // of the table
	name    func(B) string
	nodes   map[B]*node[B, P]
	vacant  int // buckets that hold nothing and exist only to remember who looked
	sweepAt int // number of vacant buckets at which unread ones are dropped
}

// node is one bucket and what it holds.
type node[B comparable, P any] struct {
	entry[B, P]
	readers links
	home    *shelf[B, P]
	full    bool // holds something; otherwise it only remembers who looked
}

// entry is a key and what belongs to it.
type entry[B comparable, P any] struct {
	key B
	val P
}

const sweepSlack = 1024

func newShelf[B comparable, P any](db *DB, id int, name func(B) string) *shelf[B, P] {
	return &shelf[B, P]{db: db, id: id, name: name, nodes: map[B]*node[B, P]{}, sweepAt: sweepSlack}
}

// read notes in r that b was looked at, and returns its node, or nil when there is none.
func (s *shelf[B, P]) read(r *Reader, b B) *node[B, P] {
	if n := s.nodes[b]; n != nil {
		r.reads = append(r.reads, n)
		return n
	}
	r.reads = append(r.reads, &absent[B, P]{s, b})
	return nil
}

// ensure returns the node of b, a vacant new one when there is none.
func (s *shelf[B, P]) ensure(b B) *node[B, P] {
	n := s.nodes[b]
	if n == nil {
		if s.vacant >= s.sweepAt {
			s.sweep()
		}
		n = &node[B, P]{home: s, entry: entry[B, P]{key: b}}
		s.nodes[b] = n
		s.vacant++
	}
	return n
}

// sweep drops vacant buckets that nobody reads any more. The next one is due only after as many new vacant buckets as
// this one looked at, so that its cost is shared by those.
func (s *shelf[B, P]) sweep() {
	for b, n := range s.nodes {
		if !n.full && !n.readers.dirty && !n.readers.used(s.db) {
			delete(s.nodes, b)
			s.vacant--
		}
	}
	s.sweepAt = s.vacant + max(sweepSlack, len(s.nodes))
}

// fill marks the node as holding something.
func (n *node[B, P]) fill() {
	if !n.full {
		n.full = true
		n.home.vacant--
	}
}

// empty marks the node as holding nothing. It stays until its readers have been told.
func (n *node[B, P]) empty() {
	if n.full {
		n.full = false
		n.home.vacant++
	}
	var none P
	n.val = none
}

// changed queues the bucket for DB.Dirty.
func (n *node[B, P]) changed() {
	if !n.readers.dirty {
		n.readers.dirty = true
		n.home.db.dirty = append(n.home.db.dirty, n)
	}
}

func (n *node[B, P]) links() *links { return &n.readers }
func (n *node[B, P]) text() string  { return n.home.name(n.key) }
func (n *node[B, P]) table() int    { return n.home.id }

func (n *node[B, P]) tidy() {
	if !n.full && len(n.readers.list) == 0 && n.home.nodes[n.key] == n {
		delete(n.home.nodes, n.key)
		n.home.vacant--
	}
}

// absent is a bucket that was read before it existed. Readers run in parallel and may not make buckets, so it is made
// when the writer links the reader.
type absent[B comparable, P any] struct {
	home *shelf[B, P]
	key  B
}

func (a *absent[B, P]) links() *links { return &a.home.ensure(a.key).readers }
func (a *absent[B, P]) text() string  { return a.home.name(a.key) }
func (a *absent[B, P]) table() int    { return a.home.id }
