package intent

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// txn is one transaction being made. It changes the catalog's state as it goes, so that each step sees what the ones before
// it did, and remembers how to take that back. The catalog's mu is held all the while.
type txn struct {
	*state
	cfg  *CatalogConfig
	undo []undone

	bad      []placed
	now      *timestamppb.Timestamp
	hints    int // suggestions that may still be looked for
	declared map[Key]*draft

	last    head               // allocated last
	lastIPs map[Key]netip.Addr // allocated last in this transaction, by subnet
	refused map[Key][]netip.Prefix
	writes  []write
}

// undone is a record that was replaced.
type undone struct {
	key Key
	old *record
}

// placed is a violation with its place in the request.
type placed struct {
	Violation
	index int
}

// write is one change to be stored; rec is nil for a deletion.
type write struct {
	key Key
	rec *record
}

// maxHints is for how many violations of a request a name is suggested, which looks at all names of a project.
const maxHints = 20

func newTxn(s *state, cfg *CatalogConfig, h head) *txn {
	t := &txn{state: s, cfg: cfg, now: timestamppb.Now(), hints: maxHints, declared: map[Key]*draft{}}
	t.last = h.clone()
	t.lastIPs = map[Key]netip.Addr{}
	return t
}

// put changes a record, or with nil removes it.
func (t *txn) put(key Key, rec *record) {
	t.undo = append(t.undo, undone{key, t.replace(key, rec)})
}

// rollback takes everything back.
func (t *txn) rollback() {
	for _, u := range slices.Backward(t.undo) {
		t.replace(u.key, u.old)
	}
	t.undo = nil
}

// refuse notes that a resource of the request is wrong.
func (t *txn) refuse(d *draft, field string, reason Reason, format string, args ...any) {
	d.bad = true
	v := Violation{d.key, field, fmt.Sprintf(format, args...), reason}
	if v.Key.Name == "" || v.Key.Kind == "" {
		// It does not say which resource it is, but where in the request it is.
		v.Key, v.Field = Key{}, indexed("resources", d.index, "."+field)
	}
	t.bad = append(t.bad, placed{v, d.index})
}

// err returns what is wrong with the request, if anything, in its order.
func (t *txn) err() error {
	if len(t.bad) == 0 {
		return nil
	}
	slices.SortStableFunc(t.bad, func(a, b placed) int { return cmp.Compare(a.index, b.index) })
	e := &InvalidError{Total: len(t.bad)}
	for _, v := range t.bad[:min(len(t.bad), maxViolations)] {
		e.Violations = append(e.Violations, v.Violation)
	}
	return e
}

// suggest ends a sentence about a name that does not exist with one that does: of the same kind, in the same project.
func (t *txn) suggest(want Key, project string) string {
	if t.hints == 0 {
		return ""
	}
	t.hints--
	var names []string
	add := func(k Key) {
		if k.Kind == want.Kind && k.Project == want.Project {
			names = append(names, k.relative(project))
		}
	}
	for k := range t.members[want.Project] {
		add(k)
	}
	for k := range t.declared {
		if _, stored := t.records[k]; !stored {
			add(k)
		}
	}
	return didYouMean(want.relative(project), names)
}

// resolve says whether what a spec refers to is there. Where it is not, it tells why, unless that is the fault of another
// resource of the request, about which enough was said.
func (t *txn) resolve(d *draft, field string, ref Key) *record {
	if rec := t.records[ref]; rec != nil && rec.res != nil {
		return rec
	}
	other, declared := t.declared[ref]
	switch rec := t.records[ref]; {
	case declared && other.bad:
		d.bad = true
	case rec != nil:
		t.refuse(d, field, ReasonNotFound, "what is stored for %s cannot be read", ref)
	default:
		t.refuse(d, field, ReasonNotFound, "%s %q does not exist%s", ref.Kind.lower(), ref.relative(d.key.Project), t.suggest(ref, d.key.Project))
	}
	return nil
}
