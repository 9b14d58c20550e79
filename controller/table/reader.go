package table

import "iter"

// Reader notes what one run of a unit reads. The zero value is ready for use; a Reader that is never linked simply reads.
// A Reader belongs to one goroutine.
type Reader struct {
	reads []place
}

// Reset forgets what was read, for the next unit.
func (r *Reader) Reset() {
	clear(r.reads) // absent buckets must not be kept alive
	r.reads = r.reads[:0]
}

// Len is the number of reads so far, repeated ones included.
func (r *Reader) Len() int { return len(r.reads) }

// From returns a view of the reads since the first n, to be linked while r goes on.
func (r *Reader) From(n int) Reader { return Reader{reads: r.reads[n:len(r.reads):len(r.reads)]} }

// Tables yields the id of the table behind each read.
func (r *Reader) Tables() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, p := range r.reads {
			if !yield(p.table()) {
				return
			}
		}
	}
}

// Names tells what was read, in the order of first reading: "network/red/web", "hosts of network/red/web".
func (r *Reader) Names() []string {
	seen := make(map[string]bool, len(r.reads))
	names := make([]string, 0, len(r.reads))
	for _, p := range r.reads {
		if name := p.text(); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}
