package intent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/controller/store"
)

// maxAttempts is how often a transaction is tried while other controllers are faster.
const maxAttempts = 16

// transact has build make a transaction and stores it. Build is called again when the catalog turns out not to be what the
// store holds; it must not keep anything from the call before.
func (c *Catalog) transact(ctx context.Context, build func(*txn) error) (int64, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for attempt := range maxAttempts {
		if err := yield(ctx, attempt); err != nil {
			return 0, err
		}
		if err := c.catchUp(ctx); err != nil {
			return 0, err
		}
		p, refused := c.plan(build)
		if refused != nil || len(p.writes) == 0 {
			// Others may have made what is missing here, or changed what is the same here.
			current, err := c.current(ctx, p)
			switch {
			case refused == nil && err != nil:
				return 0, err
			case err == nil && !current:
				continue
			}
			return p.rev, refused
		}
		rev, err := c.store(ctx, p)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		return rev, err
	}
	return 0, ErrBusy
}

// yield lets other writers of the store finish before another attempt: for a random time that doubles, up to 64 ms, so that of
// several writers each gets its turn.
func yield(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	select {
	case <-time.After(rand.N(time.Millisecond << min(attempt, 6))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// planned is a transaction that is right at rev.
type planned struct {
	rev     int64
	headRev int64
	head    head
	writes  []write
	lastIPs map[Key]netip.Addr
}

// plan makes a transaction and takes it back again: it counts when it is stored.
func (c *Catalog) plan(build func(*txn) error) (planned, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := planned{rev: c.rev, headRev: c.headRev}
	t := newTxn(c.state, &c.cfg, c.head)
	defer t.rollback()
	if err := build(t); err != nil {
		return p, err
	}
	p.head, p.writes, p.lastIPs = t.last, t.writes, t.lastIPs
	return p, nil
}

// current tells whether nobody has written since what a transaction was made from.
func (c *Catalog) current(ctx context.Context, p planned) (bool, error) {
	kv, _, _, err := store.Get(ctx, c.cfg.Store, headKey)
	if err != nil {
		return false, fmt.Errorf("%s: %w", headKey, err)
	}
	if kv.Rev == p.headRev {
		return true, nil
	}
	c.suspect(doubtHead)
	return false, nil
}

// store writes a transaction, and takes it over.
func (c *Catalog) store(ctx context.Context, p planned) (int64, error) {
	raw, err := p.head.marshal()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", headKey, err)
	}
	ops := make([]store.Op, 0, len(p.writes)+1)
	ops = append(ops, store.Put(headKey, raw))
	for _, w := range p.writes {
		if w.rec == nil {
			ops = append(ops, store.Delete(StoredKey(w.key)))
			continue
		}
		raw, err := marshal(w.rec.res)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", w.key, err)
		}
		ops = append(ops, store.Put(StoredKey(w.key), raw))
	}
	rev, err := c.cfg.Store.Txn(ctx, []store.Compare{{Key: headKey, Rev: p.headRev}}, ops)
	if err != nil {
		// Whether it was written is not known now, or others wrote.
		c.suspect(doubtHead)
		return 0, err
	}
	c.committed(p, rev)
	return rev, nil
}

// committed takes over a transaction that the store has written.
func (c *Catalog) committed(p planned, rev int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range p.writes {
		if w.rec != nil {
			w.rec.rev, w.rec.res.Revision = rev, rev
			if w.rec.created == 0 {
				w.rec.created = rev
			}
		}
	}
	// What follows the store may have been told already, and of more that came later.
	if c.rev < rev {
		c.swap(p.writes)
		for subnet, ip := range p.lastIPs {
			s := c.state.subnet(subnet)
			s.cursor, s.cursorRev = ip, rev
		}
		c.rev = rev
	}
	if c.rev == rev {
		c.head, c.headRev, c.doubt = p.head, rev, doubtNone
	}
	c.ahead = max(c.ahead, rev)
}

// swap puts records in place of those with their keys. First all go that come back otherwise, so that what one lets go of
// another one can have.
func (c *Catalog) swap(writes []write) {
	for _, w := range writes {
		c.touched[w.key] = struct{}{}
		if w.key.Kind != KindSubnet {
			c.state.replace(w.key, nil)
		}
	}
	for _, w := range writes {
		c.state.replace(w.key, w.rec)
	}
}

// suspect notes that the store is to be read before the next transaction.
func (c *Catalog) suspect(d doubt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubt = max(c.doubt, d)
}
