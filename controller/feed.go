package controller

import (
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// feed takes what the store holds to the catalog and to the world. It is the store's follower.
type feed struct {
	log     *logrus.Entry
	catalog *intent.Catalog
	world   *world
	first   sync.Once
	loaded  chan struct{} // closed when the first snapshot has been compiled
}

func newFeed(catalog *intent.Catalog, w *world, log *logrus.Entry) *feed {
	return &feed{log: log, catalog: catalog, world: w, loaded: make(chan struct{})}
}

// Snapshot hands over everything the store holds.
func (f *feed) Snapshot(kvs []store.KV, rev int64) error {
	if err := f.catalog.FollowSnapshot(kvs, rev); err != nil {
		return err
	}
	resources := make([]*weftv1.Resource, 0, len(kvs))
	var unread []intent.Key
	for _, kv := range kvs {
		if res, ok := f.decode(kv); ok {
			resources = append(resources, res)
		} else if key, err := intent.KeyOfStored(kv.Key); err == nil {
			unread = append(unread, key)
		}
	}
	f.world.inbox.post(func(w *world) {
		w.replace(resources, unread, rev)
		w.after(func() { f.first.Do(func() { close(f.loaded) }) })
	})
	return nil
}

// Batch hands over one revision.
func (f *feed) Batch(b store.Batch) error {
	if err := f.catalog.FollowBatch(b); err != nil {
		return err
	}
	var puts []*weftv1.Resource
	var drops []intent.Key
	for _, e := range b.Events {
		if !strings.HasPrefix(e.Key, intent.StorePrefix) {
			continue
		}
		if e.Deleted {
			if key, err := intent.KeyOfStored(e.Key); err == nil {
				drops = append(drops, key)
			}
		} else if res, ok := f.decode(e.KV); ok {
			puts = append(puts, res)
		}
	}
	f.world.inbox.post(func(w *world) {
		for _, key := range drops {
			w.drop(key)
		}
		for _, res := range puts {
			w.put(res)
		}
		w.revision = max(w.revision, b.Rev)
	})
	return nil
}

// Lost is told when the store cannot be followed. Rows stay as they were.
func (f *feed) Lost(err error) {
	f.log.WithError(err).Warn("the store cannot be followed; switches keep what they have")
}

func (f *feed) decode(kv store.KV) (*weftv1.Resource, bool) {
	res := &weftv1.Resource{}
	if err := proto.Unmarshal(kv.Value, res); err != nil {
		f.log.WithError(err).WithField("key", kv.Key).Error("left out a stored resource that cannot be read")
		return nil, false
	}
	res.Revision = kv.Rev
	return res, true
}
