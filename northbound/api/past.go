package api

import (
	"context"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const (
	// remembered is of how many changes it is known what was there before.
	remembered = 16 << 10
	// catchUp is how long a watch waits for past and catalog to have what the watch has; then it goes on without.
	catchUp = time.Second
	// catalogPoll is how often it is looked whether the catalog has caught up.
	catalogPoll = 200 * time.Microsecond
)

// change names one write of one key of the store.
type change struct {
	rev int64
	key string
}

// versions is what a change made of what; nil: nothing.
type versions struct{ before, after *weftv1.Resource }

// past remembers the last changes, because the store tells a watch what is, but not what was: a deleted resource is sent
// as it was, and one that passes a filter no more is to be told. It is the handler of the server's own following of the store.
//
// Invariant: known holds what the store held at rev, and changes what led there, of the last changes.
type past struct {
	catalog *intent.Catalog
	log     *logrus.Entry

	mu      sync.Mutex
	rev     int64
	known   map[string]*weftv1.Resource // by key of the store
	changes map[change]versions
	order   []change      // a ring, once it is full
	oldest  int           // in order, once it is full
	moved   chan struct{} // closed when rev changes
}

func newPast(catalog *intent.Catalog, log *logrus.Entry) *past {
	return &past{
		catalog: catalog, log: log, known: map[string]*weftv1.Resource{},
		changes: map[change]versions{}, moved: make(chan struct{}),
	}
}

// Snapshot takes over all that is stored.
func (p *past) Snapshot(kvs []store.KV, rev int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := make(map[string]*weftv1.Resource, len(kvs))
	for _, kv := range kvs {
		if old := p.known[kv.Key]; old.GetRevision() == kv.Rev {
			known[kv.Key] = old
		} else if res, err := p.decode(kv); err == nil {
			known[kv.Key] = res
		}
	}
	p.known = known
	p.move(rev)
	return nil
}

// Batch takes over one revision.
func (p *past) Batch(b store.Batch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range b.Events {
		v := versions{before: p.known[e.Key]}
		delete(p.known, e.Key)
		if !e.Deleted {
			res, err := p.decode(e.KV)
			if err != nil {
				p.log.WithError(err).WithField("key", e.Key).Error("watches leave out a stored resource that cannot be read")
				continue
			}
			v.after, p.known[e.Key] = res, res
		}
		p.remember(change{b.Rev, e.Key}, v)
	}
	p.move(b.Rev)
	return nil
}

// Lost is told when the store cannot be followed; the next snapshot mends it.
func (p *past) Lost(error) {}

// decode reads a stored resource. What the catalog has read already is shared with it.
func (p *past) decode(kv store.KV) (*weftv1.Resource, error) {
	if key, err := intent.KeyOfStored(kv.Key); err == nil {
		if res, ok := p.catalog.Get(key); ok && res.GetRevision() == kv.Rev {
			return res, nil
		}
	}
	return decode(kv)
}

// decode reads a stored resource.
func decode(kv store.KV) (*weftv1.Resource, error) {
	res := &weftv1.Resource{}
	if err := proto.Unmarshal(kv.Value, res); err != nil {
		return nil, err
	}
	res.Revision = kv.Rev
	return res, nil
}

func (p *past) remember(c change, v versions) {
	if len(p.order) < remembered {
		p.order = append(p.order, c)
	} else {
		delete(p.changes, p.order[p.oldest])
		p.order[p.oldest] = c
		p.oldest = (p.oldest + 1) % remembered
	}
	p.changes[c] = v
}

func (p *past) move(rev int64) {
	p.rev = rev
	close(p.moved)
	p.moved = make(chan struct{})
}

// reach waits, for a while, until the past and the catalog go up to a revision: who is told of it will read what it made.
func (p *past) reach(ctx context.Context, rev int64) {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for {
		p.mu.Lock()
		there, moved := p.rev >= rev, p.moved
		p.mu.Unlock()
		if there {
			break
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
	for p.catalog.Revision() < rev && ctx.Err() == nil {
		// The catalog follows the store as the past does, so this is seldom the case, and not for long.
		time.Sleep(catalogPoll)
	}
}

// of returns what a change made of what, if that is still known.
func (p *past) of(c change) (versions, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := p.changes[c]
	return v, ok
}
