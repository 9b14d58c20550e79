package intent

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Complete gives stored resources what an earlier version did not allocate for them: zones for networks and routers. It is for when the
// store has been read, and writes nothing where nothing is missing. When there are no more, it fails with an *InvalidError; else as Apply
// does.
func (c *Catalog) Complete(ctx context.Context) error {
	for {
		var exhausted error
		done := false
		_, err := c.transact(ctx, func(t *txn) error {
			lacking := t.lacking()
			done = len(lacking) <= MaxResources
			for _, key := range lacking[:min(len(lacking), MaxResources)] {
				if !t.complete(t.records[key]) {
					break
				}
			}
			exhausted = t.err()
			return nil
		})
		if done || err != nil || exhausted != nil {
			return errors.Join(err, exhausted)
		}
	}
}

// lacking returns the networks and routers that lack zones.
func (t *txn) lacking() []Key {
	var all []Key
	for key, rec := range t.records {
		switch f := rec.facts.(type) {
		case *networkFacts:
			if (f.zone == 0 || f.balances == 0) && rec.res != nil {
				all = append(all, key)
			}
		case *routerFacts:
			if f.zone == 0 && rec.res != nil {
				all = append(all, key)
			}
		}
	}
	slices.SortFunc(all, Key.Compare)
	return all
}

// complete gives a network or a router its zones, if there are enough left.
func (t *txn) complete(old *record) bool {
	d := &draft{key: old.key}
	switch f := old.facts.(type) {
	case *networkFacts:
		now, z := *f, zones{f.zone, f.balances}
		if !z.allocate(t, d) {
			return false
		}
		now.zone, now.balances = z.zone, z.balances
		t.amend(old, &now, func(s *weftv1.Status) {
			s.GetNetwork().Zone, s.GetNetwork().BalancingZone = uint32(z.zone), uint32(z.balances)
		})
	case *routerFacts:
		var zone alloc.ID
		if !t.newZone(d, "", &zone) {
			return false
		}
		now := *f
		now.zone = zone
		t.amend(old, &now, func(s *weftv1.Status) { s.GetRouter().Zone = uint32(zone) })
	}
	return true
}

// amend changes the status of a resource, which is no change of what is wanted of it.
func (t *txn) amend(old *record, facts any, change func(*weftv1.Status)) {
	res := proto.CloneOf(old.res)
	res.Revision = 0
	change(res.GetStatus())
	rec := &record{key: old.key, res: res, created: old.created, facts: facts}
	t.put(old.key, rec)
	if d := t.declared[old.key]; d != nil {
		d.next, d.outcome = rec, weftv1.ApplyResult_OUTCOME_UPDATED
		return
	}
	t.writes = append(t.writes, write{old.key, rec})
}
