package intent

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// FollowSnapshot takes over everything that the store holds under StorePrefix. It is part of a store.Handler, and always
// returns nil.
func (c *Catalog) FollowSnapshot(kvs []store.KV, rev int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if rev < c.rev && c.ahead > rev {
		// Either it was read before what the catalog wrote since, or the store was put back to an older state.
		c.doubt = doubtState
		return nil
	}
	c.adopt(kvs)
	c.rev = rev
	c.doubt = max(c.doubt, doubtHead)
	c.move()
	return nil
}

// move wakes who waits for the store to be followed further.
func (c *Catalog) move() {
	if c.moved != nil {
		close(c.moved)
	}
	c.moved = make(chan struct{})
}

// FollowBatch takes over one revision, unless it is known. It is part of a store.Handler, and always returns nil.
func (c *Catalog) FollowBatch(b store.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.Rev <= c.rev {
		return nil
	}
	var writes []write
	for _, e := range b.Events {
		key, err := KeyOfStored(e.Key)
		switch {
		case err != nil:
			c.unreadable(e.Key, err)
		case e.Deleted:
			writes = append(writes, write{key, nil})
		default:
			writes = append(writes, write{key, c.read(key, e.KV)})
		}
	}
	c.swap(writes)
	c.noteCursors(writes)
	c.rev = b.Rev
	if len(writes) > 0 {
		c.doubt = max(c.doubt, doubtHead)
	}
	c.move()
	return nil
}

// adopt makes the state that of a snapshot.
func (c *Catalog) adopt(kvs []store.KV) {
	present := make(map[Key]struct{}, len(kvs))
	var writes []write
	for _, kv := range kvs {
		key, err := KeyOfStored(kv.Key)
		if err != nil {
			c.unreadable(kv.Key, err)
			continue
		}
		present[key] = struct{}{}
		if old := c.state.records[key]; old == nil || old.rev != kv.Rev {
			writes = append(writes, write{key, c.read(key, kv)})
		}
	}
	for key := range c.state.records {
		if _, ok := present[key]; !ok {
			writes = append(writes, write{key, nil})
		}
	}
	c.swap(writes)
	c.noteCursors(writes)
}

// noteCursors takes the newest allocated address of each subnet for the one that was allocated last.
func (c *Catalog) noteCursors(writes []write) {
	for _, w := range writes {
		if w.rec != nil {
			c.state.noteCursors(w.rec)
		}
	}
}

// read makes the record of what is stored. What cannot be read is remembered as such, so that nothing is put in its place
// by mistake.
func (c *Catalog) read(key Key, kv store.KV) *record {
	res := &weftv1.Resource{}
	err := proto.Unmarshal(kv.Value, res)
	if err == nil {
		res.Revision = kv.Rev
		var rec *record
		if rec, err = newRecord(key, res, kv.Rev); err == nil {
			rec.created = kv.Created
			return rec
		}
	}
	c.unreadable(kv.Key, err)
	rec := &record{key: key, rev: kv.Rev, created: kv.Created}
	if old := c.state.records[key]; old != nil {
		rec.facts = old.facts // what it was last known to have is not given to others
	}
	return rec
}

func (c *Catalog) unreadable(storeKey string, err error) {
	c.cfg.Log.WithError(err).WithField("key", storeKey).Error("left out a stored resource that cannot be read")
}

// followPatience is how long a writer waits for what another controller has written to come by itself. Reading everything
// anew costs more.
const followPatience = 200 * time.Millisecond

// catchUp reads from the store what the catalog is in doubt about.
func (c *Catalog) catchUp(ctx context.Context) error {
	patience := time.NewTimer(followPatience)
	defer patience.Stop()
	for {
		c.mu.RLock()
		s := seen{doubt: c.doubt, rev: c.rev}
		moved := c.moved
		c.mu.RUnlock()
		if s.doubt == doubtNone {
			return nil
		}
		if err := c.look(ctx, &s); err != nil {
			return err
		}
		if c.settle(s) {
			continue
		}
		// Others wrote what has not come yet.
		if moved == nil {
			c.suspect(doubtState)
			continue
		}
		select {
		case <-moved:
		case <-patience.C:
			c.suspect(doubtState)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// seen is what catchUp has read, and what the catalog was when it began.
type seen struct {
	doubt     doubt
	rev       int64
	resources []store.KV
	read      int64 // revision of resources
	head      store.KV
	found     bool // there is a head
}

func (c *Catalog) look(ctx context.Context, s *seen) (err error) {
	if s.doubt == doubtState {
		if s.resources, s.read, err = c.cfg.Store.Load(ctx, StorePrefix); err != nil {
			return fmt.Errorf("%s: %w", StorePrefix, err)
		}
	}
	if s.head, s.found, _, err = store.Get(ctx, c.cfg.Store, headKey); err != nil {
		return fmt.Errorf("%s: %w", headKey, err)
	}
	return nil
}

// settle takes over what was read of the store, unless it does not fit together or came too late: then the doubt stays. It
// returns false when there is more in the store than the catalog knows of.
func (c *Catalog) settle(s seen) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.rev != s.rev || c.doubt != s.doubt:
		return true
	case s.doubt == doubtHead && s.head.Rev > c.rev:
		return false
	case s.doubt == doubtHead && s.head.Rev < c.headRev:
		c.doubt = doubtState // the store was put back to an older state
		return true
	case s.doubt == doubtState && s.head.Rev > s.read:
		return true // written after the resources were read
	case s.doubt == doubtState:
		c.adopt(s.resources)
		if s.read < c.rev {
			c.rev = 0 // the store was put back to an older state
		}
		// Every change of a resource writes the head too, so that this is the revision of the last one.
		c.rev = max(c.rev, s.head.Rev)
		c.ahead = c.rev
	}
	c.head, c.headRev, c.doubt = head{}, s.head.Rev, doubtNone
	if s.found {
		var err error
		if c.head, err = unmarshalHead(s.head.Value); err != nil {
			c.cfg.Log.WithError(err).WithField("key", headKey).Error("what was allocated last cannot be read; allocation starts over")
		}
	}
	return true
}
