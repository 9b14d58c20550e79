// Package clienttest runs the real API server inside a test, over a store in memory and with no switches, for tests of
// programs that use the API.
package clienttest

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	"github.com/weft-sdn/weft/northbound/api"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Serve starts a server with an empty store on loopback and returns its address. It ends with the test.
func Serve(t testing.TB) string {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	entry := logrus.NewEntry(log)
	kv := store.NewMemory()
	catalog, err := intent.NewCatalog(intent.CatalogConfig{Store: kv, UnderlayMTU: 1500, Log: entry})
	if err != nil {
		t.Fatal(err)
	}
	server, err := api.New(api.Config{Catalog: catalog, Controller: idle{}, Store: kv, Registry: prometheus.NewRegistry(), Log: entry, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	loaded := make(chan struct{})
	ended := make(chan error, 2)
	go func() {
		ended <- store.Follow(ctx, kv, intent.StorePrefix, &follower{catalog: catalog, loaded: loaded})
	}()
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		for range cap(ended) {
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
	<-loaded
	return listener.Addr().String()
}

// follower keeps the catalog as the store is.
type follower struct {
	catalog *intent.Catalog
	loaded  chan struct{}
}

func (f *follower) Snapshot(kvs []store.KV, rev int64) error {
	err := f.catalog.FollowSnapshot(kvs, rev)
	select {
	case <-f.loaded:
	default:
		close(f.loaded)
	}
	return err
}

func (f *follower) Batch(b store.Batch) error { return f.catalog.FollowBatch(b) }

func (f *follower) Lost(error) {}

// idle is a controller without switches: whatever is stored is realised on all of its no hosts.
type idle struct{}

func (idle) Overlay(*weftv1.Resource) {}

func (idle) Await(context.Context, api.Await) ([]*weftv1.HostProgress, error) { return nil, nil }

func (idle) StatusChanges(ctx context.Context) <-chan []intent.Key {
	changes := make(chan []intent.Key)
	context.AfterFunc(ctx, func() { close(changes) })
	return changes
}

func (idle) Explain(context.Context, *weftv1.ExplainRequest) (*weftv1.ExplainResponse, error) {
	return &weftv1.ExplainResponse{}, nil
}

func (idle) Listen(func(*weftv1.LogEntry) bool) api.Listener { return silent{} }

// silent is a log that is told nothing.
type silent struct{}

func (silent) Wake() <-chan struct{}              { return nil }
func (silent) Take() ([]*weftv1.LogEntry, uint64) { return nil, 0 }
func (silent) Close()                             {}
