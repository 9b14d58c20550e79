package sim

import (
	"math/bits"
	"slices"

	"github.com/weft-sdn/weft/southbound/flow"
)

// rule is an installed flow.
type rule struct {
	flow.Flow
	idle, hard   uint16
	flags        uint16
	packets      uint64
	bytes        uint64
	born         int64 // nanoseconds
	next         *rule // in the classifier: another rule of the same hash
	match        []flow.Field
	steps        []step
	conjunctions []step // when the rule is a clause and does nothing else
}

// table holds the rules of one flow table, and finds the one for a packet by tuple space search: rules of the same masks share a
// hash table, and hash tables are asked in the order of their best rule.
//
// The classifier is made with the table's first packet: a thousand simulated hosts that only keep flows do not pay for it.
type table struct {
	rules   map[flow.Key]*rule
	ready   bool
	tuples  map[string]*tuple
	ordered []*tuple
	conj    int // how many rules are clauses of conjunctive matches
	lookups uint64
	matched uint64
}

// tuple is the rules with one combination of masks.
type tuple struct {
	masks []flow.Field // of which only ID and Mask count
	rules map[uint64]*rule
	prios map[uint16]int // how many rules have a priority
	best  uint16
	count int
}

func newTable() *table { return &table{rules: map[flow.Key]*rule{}} }

// compile fills in what the classifier needs of a rule.
func (r *rule) compile() error {
	m, err := flow.ParseMatch([]byte(r.Match))
	if err != nil {
		return refuse(typeBadMatch, 6, "%w", err)
	}
	for _, f := range m {
		if modelled(f.ID) != nil {
			return &Error{Type: typeBadMatch, Code: 6, Why: notModelled("match on " + f.ID.String())}
		}
	}
	steps, err := program([]byte(r.Instructions))
	if err != nil {
		return err
	}
	r.match, r.steps, r.conjunctions = m, steps, nil
	if slices.ContainsFunc(steps, func(s step) bool { return s.op == opConjunction }) {
		if slices.ContainsFunc(steps, func(s step) bool { return s.op != opConjunction }) {
			return refuse(typeBadAction, 5, "conjunction beside other actions")
		}
		r.conjunctions = steps
	}
	return nil
}

// put adds a rule, or puts it in the place of the one with its key, which it returns.
func (t *table) put(r *rule) (old *rule) {
	old = t.rules[r.Key]
	if old != nil && t.ready {
		t.unindex(old)
	}
	t.rules[r.Key] = r
	if t.ready {
		t.index(r)
	} else {
		r.match, r.steps, r.conjunctions = nil, nil, nil
	}
	return old
}

func (t *table) remove(r *rule) {
	delete(t.rules, r.Key)
	if t.ready {
		t.unindex(r)
	}
}

// prepare makes the classifier of a table that has had no packets.
func (t *table) prepare() {
	if t.ready {
		return
	}
	t.ready, t.tuples = true, map[string]*tuple{}
	for _, r := range t.rules {
		t.index(r)
	}
}

// tupleKey names a combination of masks.
func tupleKey(m []flow.Field) string {
	b := make([]byte, 0, 17*len(m))
	for _, f := range m {
		b = append(b, byte(f.ID))
		b = be.AppendUint64(be.AppendUint64(b, f.Mask.Hi), f.Mask.Lo)
	}
	return string(b)
}

func (t *table) index(r *rule) {
	if r.match == nil && r.steps == nil {
		_ = r.compile() // it was compiled when it was added, so that it can be: see Switch.add
	}
	key := tupleKey(r.match)
	u := t.tuples[key]
	if u == nil {
		u = &tuple{masks: r.match, rules: map[uint64]*rule{}, prios: map[uint16]int{}}
		t.tuples[key] = u
		t.ordered = append(t.ordered, u)
	}
	h := u.hashRule(r)
	r.next = u.rules[h]
	u.rules[h] = r
	u.count++
	u.prios[r.Priority]++
	if r.conjunctions != nil {
		t.conj++
	}
	if u.count == 1 || r.Priority > u.best {
		u.best = r.Priority
		t.sort()
	}
}

func (t *table) unindex(r *rule) {
	u := t.tuples[tupleKey(r.match)]
	h := u.hashRule(r)
	if at := u.rules[h]; at == r {
		if u.rules[h] = r.next; r.next == nil {
			delete(u.rules, h)
		}
	} else {
		for at.next != r {
			at = at.next
		}
		at.next = r.next
	}
	r.next = nil
	u.count--
	if r.conjunctions != nil {
		t.conj--
	}
	if u.prios[r.Priority]--; u.prios[r.Priority] > 0 {
		return
	}
	delete(u.prios, r.Priority)
	u.best = 0
	for p := range u.prios {
		u.best = max(u.best, p)
	}
	if u.count == 0 {
		delete(t.tuples, tupleKey(u.masks))
		t.ordered = slices.DeleteFunc(t.ordered, func(o *tuple) bool { return o == u })
	}
	t.sort()
}

func (t *table) sort() {
	slices.SortStableFunc(t.ordered, func(a, b *tuple) int { return int(b.best) - int(a.best) })
}

func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

func (u *tuple) hashRule(r *rule) uint64 {
	h := uint64(len(u.masks)) + 1
	for i := range r.match {
		f := &r.match[i]
		h = mix(h, f.Value.Lo)
		if f.Mask.Hi != 0 {
			h = mix(h, f.Value.Hi)
		}
	}
	return h
}

func (u *tuple) hash(p *packet) uint64 {
	h := uint64(len(u.masks)) + 1
	for i := range u.masks {
		f := &u.masks[i]
		v := &p.vals[f.ID]
		h = mix(h, v.Lo&f.Mask.Lo)
		if f.Mask.Hi != 0 {
			h = mix(h, v.Hi&f.Mask.Hi)
		}
	}
	return h
}

func (r *rule) matches(p *packet) bool {
	for i := range r.match {
		f := &r.match[i]
		if p.vals[f.ID].And(f.Mask) != f.Value {
			return false
		}
	}
	return true
}

// lookup returns the rule of highest priority that matches, or nil.
func (t *table) lookup(p *packet) *rule {
	t.prepare()
	t.lookups++
	var best *rule
	if t.conj > 0 {
		best = t.lookupConjunctive(p)
	} else {
		best = t.lookupHard(p)
	}
	if best != nil {
		t.matched++
	}
	return best
}

func (t *table) lookupHard(p *packet) (best *rule) {
	for _, u := range t.ordered {
		if best != nil && best.Priority >= u.best {
			break
		}
		for r := u.rules[u.hash(p)]; r != nil; r = r.next {
			if (best == nil || r.Priority > best.Priority) && r.matches(p) {
				best = r
			}
		}
	}
	return best
}

// lookupConjunctive is lookup where some rules are clauses (ovs-fields(7), "conjunctive match fields"): at each priority from the
// highest on, a rule that is no clause wins; otherwise a conjunction of which each clause has a rule there does, and the packet is
// looked up again with its conj_id.
func (t *table) lookupConjunctive(p *packet) *rule {
	var all []*rule
	for _, u := range t.ordered {
		for r := u.rules[u.hash(p)]; r != nil; r = r.next {
			if r.matches(p) {
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, func(a, b *rule) int { return int(b.Priority) - int(a.Priority) })
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Priority == all[0].Priority {
			n++
		}
		for _, r := range all[:n] {
			if r.conjunctions == nil {
				return r
			}
		}
		for _, id := range complete(all[:n]) {
			before := p.vals[flow.ConjID]
			p.is(flow.ConjID, uint64(id))
			found := t.lookupSkippingClauses(p)
			p.vals[flow.ConjID] = before
			if found != nil {
				return found
			}
		}
		all = all[n:]
	}
	return nil
}

func (t *table) lookupSkippingClauses(p *packet) (best *rule) {
	for _, u := range t.ordered {
		for r := u.rules[u.hash(p)]; r != nil; r = r.next {
			if r.conjunctions == nil && (best == nil || r.Priority > best.Priority) && r.matches(p) {
				best = r
			}
		}
	}
	return best
}

// complete returns the conjunctions of which all clauses are among the rules, the smallest id first.
func complete(rules []*rule) (ids []uint32) {
	type progress struct {
		seen uint64
		n    uint32
	}
	have := map[uint32]progress{}
	for _, r := range rules {
		for _, c := range r.conjunctions {
			was := have[c.n]
			have[c.n] = progress{was.seen | 1<<c.table, c.n2}
		}
	}
	for id, is := range have {
		if uint32(bits.OnesCount64(is.seen)) == is.n {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
