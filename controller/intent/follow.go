package intent

import (
	"context"
	"fmt"

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
	return nil
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
	return &record{key: key, rev: kv.Rev}
}

func (c *Catalog) unreadable(storeKey string, err error) {
	c.cfg.Log.WithError(err).WithField("key", storeKey).Error("left out a stored resource that cannot be read")
}

// catchUp reads from the store what the catalog is in doubt about.
func (c *Catalog) catchUp(ctx context.Context) error {
	for {
		c.mu.RLock()
		d, rev := c.doubt, c.rev
		c.mu.RUnlock()
		if d == doubtNone {
			return nil
		}
		var kvs []store.KV
		var read int64
		var err error
		if d == doubtState {
			if kvs, read, err = c.cfg.Store.Load(ctx, StorePrefix); err != nil {
				return fmt.Errorf("%s: %w", StorePrefix, err)
			}
		}
		kv, found, _, err := store.Get(ctx, c.cfg.Store, headKey)
		if err != nil {
			return fmt.Errorf("%s: %w", headKey, err)
		}
		c.settle(seen{d, rev, kvs, read, kv, found})
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

// settle takes over what was read of the store, unless it does not fit together or came too late: then the doubt stays.
func (c *Catalog) settle(s seen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rev != s.rev || c.doubt != s.doubt {
		return
	}
	if s.doubt == doubtHead {
		if s.head.Rev > c.rev {
			c.doubt = doubtState // others wrote more than the catalog knows of
			return
		}
	} else {
		if s.head.Rev > s.read {
			return // written after the resources were read
		}
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
}
