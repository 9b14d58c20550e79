package controller

import (
	"context"
	"io"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// nowhere takes flows and packets for switches that there are none of.
type nowhere struct{}

func (nowhere) Apply(int64, []compile.HostDelta) {}
func (nowhere) Send(string, punt.Out) bool       { return false }
func (nowhere) Online(string) bool               { return false }
func (nowhere) Session(string) uint64            { return 0 }
func (nowhere) InStep(string) bool               { return false }

func (nowhere) Untrack(string, compile.Connections) bool { return false }

func (nowhere) Changed() <-chan struct{} { return nil }

// TestUnreadableIsNotGone has a record spoilt behind the catalog's back: whatever is read then, what it said before stays,
// until it is deleted.
func TestUnreadableIsNotGone(t *testing.T) {
	ctx := context.Background()
	s := store.NewMemory()
	catalog, err := intent.NewCatalog(intent.CatalogConfig{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	web := &weftv1.Resource{Kind: "Network", Project: "red", Name: "web", Spec: &weftv1.Resource_NetworkSpec{NetworkSpec: &weftv1.NetworkSpec{}}}
	if _, _, err := catalog.Apply(ctx, []*weftv1.Resource{web}, nil); err != nil {
		t.Fatal(err)
	}
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	log := logrus.NewEntry(logger)
	w, err := newWorld(nowhere{}, apps.Config{}, newMemory(s, log), log)
	if err != nil {
		t.Fatal(err)
	}
	w.statusChanged = func([]string) {}
	f := newFeed(catalog, w, log)
	kvs, rev, err := s.Load(ctx, intent.StorePrefix)
	if err != nil {
		t.Fatal(err)
	}
	key := intent.Key{Kind: intent.KindNetwork, Project: "red", Name: "web"}
	stored := intent.StoredKey(key)
	others := func(value []byte) []store.KV {
		var all []store.KV
		for _, kv := range kvs {
			if kv.Key != stored {
				all = append(all, kv)
			} else if value != nil {
				kv.Value = value
				all = append(all, kv)
			}
		}
		return all
	}
	garbage := []byte{0xff, 0xff, 0xff}
	for _, step := range []struct {
		name string
		do   func(rev int64) error
		want bool
	}{
		{"as it was stored", func(rev int64) error { return f.Snapshot(kvs, rev) }, true},
		{"spoilt, seen in a snapshot", func(rev int64) error { return f.Snapshot(others(garbage), rev) }, true},
		{"spoilt, seen in a batch", func(rev int64) error {
			return f.Batch(store.Batch{Rev: rev, Events: []store.Event{{KV: store.KV{Key: stored, Value: garbage, Rev: rev}}}})
		}, true},
		{"deleted, seen in a snapshot", func(rev int64) error { return f.Snapshot(others(nil), rev) }, false},
	} {
		rev++
		if err := step.do(rev); err != nil {
			t.Fatal(step.name, err)
		}
		w.step(w.inbox.take())
		if _, there := w.tables.Networks.Peek(key); there != step.want {
			t.Errorf("%s: the network's row is there: %v, want %v", step.name, there, step.want)
		}
	}
}
