package intent

import (
	"slices"

	"github.com/weft-sdn/weft/controller/alloc"
)

// numbering is what is known of the ids in a space, which nothing may be in.
func (s *state) numbering(sp space) *typeState {
	if t := s.types[sp]; t != nil {
		return t
	}
	return &typeState{}
}

// changed returns what is known of the ids in a space, to be changed; trimSpace forgets it when that is nothing.
func (s *state) changed(sp space) *typeState {
	t := s.types[sp]
	if t == nil {
		t = &typeState{ids: holders[alloc.ID]{}}
		s.types[sp] = t
	}
	return t
}

func (s *state) trimSpace(sp space) {
	if t := s.types[sp]; t != nil && len(t.ids) == 0 && len(t.ranges) == 0 {
		delete(s.types, sp)
	}
}

func (s *state) indexSegments(key Key, segments []segmentFacts) {
	for _, f := range segments {
		if n, ok := f.number(); ok {
			t := s.changed(f.space)
			t.ids.add(n, key, &t.taken)
		}
	}
}

func (s *state) unindexSegments(key Key, segments []segmentFacts) {
	for _, f := range segments {
		if n, ok := f.number(); ok {
			t := s.changed(f.space)
			t.ids.remove(n, key, &t.taken)
			s.trimSpace(f.space)
		}
	}
}

// pools returns where ids of a space are allocated from.
func (s *state) pools(sp space) []alloc.Range[alloc.ID] {
	t := s.numbering(sp)
	if len(t.ranges) == 0 {
		e, _ := encapsulationOf(sp.typ)
		return []alloc.Range[alloc.ID]{e.builtin}
	}
	pools := make([]alloc.Range[alloc.ID], len(t.ranges))
	for i, r := range t.ranges {
		pools[i] = r.ids
	}
	return pools
}

// holder returns the network whose frames could not be told from those of a segment.
func (s *state) holder(f segmentFacts) (holder Key, taken bool) {
	number, ok := f.number()
	if !ok {
		return Key{}, false
	}
	n := s.numbering(f.space)
	if holder, taken = n.ids[number]; taken {
		return holder, true
	}
	within := func(n *typeState, r alloc.Range[alloc.ID]) {
		var first alloc.ID
		if first, taken = n.taken.First(r); taken {
			holder = n.ids[first]
		}
	}
	switch {
	case f.typ == "gre":
		// Frames of gre and nvgre are told from each other by the key alone, of which the upper 24 bits are an nvgre network's id.
		holder, taken = s.numbering(space{typ: "nvgre"}).ids[f.id>>flowIDBits]
	case f.typ == "nvgre":
		within(s.numbering(space{typ: "gre"}), alloc.Range[alloc.ID]{First: f.id << flowIDBits, Last: (f.id+1)<<flowIDBits - 1})
	case f.typ == "vlan":
		// Open vSwitch matches the id of an outer tag and not its type.
		outer := space{"qinq", f.physical}
		within(s.numbering(outer), outer.numbers(alloc.Range[alloc.ID]{First: f.id, Last: f.id}))
	case f.typ == "qinq" && s.numbering(space{"vlan", f.physical}).taken.Has(f.id):
		holder, taken = s.numbering(space{"vlan", f.physical}).ids[f.id]
	case f.typ == "qinq" && f.inner == 0:
		// Frames with the outer tag are all of the network's, whatever is in them.
		within(n, f.numbers(alloc.Range[alloc.ID]{First: f.id, Last: f.id}))
	case f.typ == "qinq":
		holder, taken = n.ids[f.id<<innerBits]
	}
	return holder, taken
}

// flowIDBits is how many bits of the key are not the id of an nvgre network (RFC 7637, section 3.2).
const flowIDBits = 8

// claim refuses a segment that could not be told from another network's.
func (t *txn) claim(d *draft, w wantedSegment) bool {
	holder, taken := t.holder(w.segmentFacts)
	if !taken || holder == d.key {
		return true
	}
	on := ""
	if w.physical != "" {
		on = " on " + w.physical
	}
	if w.id == 0 {
		t.refuse(d, w.field+"physicalNetwork", ReasonConflict, "%s has the untagged frames%s", holder, on)
		return false
	}
	t.refuse(d, w.field+"segmentationId", ReasonConflict, "%s id %d%s is in use by %s", w.typ, w.id, on, holder)
	return false
}

// choose gives an id to a segment that names none.
func (t *txn) chooseID(d *draft, w *wantedSegment) {
	id, ok := t.nextID(w.segmentFacts)
	if !ok {
		on := ""
		if w.physical != "" {
			on = " on " + w.physical
		}
		t.refuse(d, w.field+"segmentationId", ReasonExhausted, "no %s id%s is free: all of %s are in use", w.typ, on, t.numbering(w.space).describe())
		return
	}
	w.id = id
	t.last.IDs[w.String()] = id
}

// nextID finds an id that is free, after the one that was allocated last.
func (t *txn) nextID(f segmentFacts) (alloc.ID, bool) {
	pools, after, barred := t.pools(f.space), t.last.IDs[f.String()], alloc.ID(0)
	// Where several segments may have an id, which are taken is not known before each is tried.
	taken := &t.numbering(f.space).taken
	if f.typ == "qinq" {
		taken = &alloc.IDs{}
	}
	for {
		id, ok := taken.Next(pools, after)
		if !ok || id == barred {
			return 0, false
		}
		f.id = id
		if _, held := t.holder(f); !held {
			return id, true
		}
		// Another network is in the way of it. When the search is back here, that is so of all.
		if barred == 0 {
			barred = id
		}
		after = id
	}
}

// planSegments reads what of the segments of a network is known: what the spec says, and what was chosen before. It returns
// false when there is something to choose.
func (t *txn) planSegments(d *draft) (whole bool) {
	var old []segmentFacts
	if d.old != nil {
		old = d.old.facts.(*networkFacts).segments
	}
	whole = true
	for i := range d.segments {
		w := &d.segments[i]
		if i < len(old) {
			t.immutable(d, w.field+"type", old[i].typ, w.typ)
			if old[i].typ == w.typ {
				t.immutable(d, w.field+"physicalNetwork", old[i].physical, w.physical)
			}
			if w.id == 0 {
				w.id = old[i].id
			}
		}
		if e, _ := encapsulationOf(w.typ); e.numbered() && w.id == 0 {
			whole = false
			continue
		}
		t.claim(d, *w)
	}
	return whole
}

// chosen are the segments of a draft, as far as they are known.
func chosen(segments []wantedSegment) []segmentFacts {
	all := make([]segmentFacts, len(segments))
	for i, w := range segments {
		all[i] = w.segmentFacts
	}
	return slices.Clip(all)
}
