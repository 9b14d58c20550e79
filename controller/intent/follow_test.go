package intent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// follower hands what a store says to a catalog.
type follower struct{ *Catalog }

func (f follower) Snapshot(kvs []store.KV, rev int64) error { return f.FollowSnapshot(kvs, rev) }
func (f follower) Batch(b store.Batch) error                { return f.FollowBatch(b) }
func (f follower) Lost(error)                               {}

// following returns a catalog that follows the store until the test ends.
func following(t *testing.T, s store.Store) *Catalog {
	t.Helper()
	c := newCatalog(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = store.Follow(ctx, s, StorePrefix, follower{c}) })
	t.Cleanup(func() { cancel(); running.Wait() })
	eventually(t, "the first snapshot", func() bool { return c.Revision() > 0 })
	return c
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestWriters has several controllers over one store write at once: each transaction counts once, and all end up the same.
func TestWriters(t *testing.T) {
	const writers, changes = 3, 25
	s := store.NewMemory()
	seed := following(t, s)
	apply(t, seed, `network/red/n shared:true`, `subnet/red/s network:"n" cidr:"10.0.0.0/24"`)
	catalogs := []*Catalog{seed, following(t, s), newCatalog(t, s)} // the last one follows nothing
	var running sync.WaitGroup
	for i, c := range catalogs {
		running.Go(func() {
			for n := range changes {
				_, _, err := c.Apply(context.Background(), all(fmt.Sprintf(`port/p%d/vm%d network:"red/n"`, i, n)), nil)
				if err != nil {
					t.Error(explain(err))
				}
			}
		})
	}
	running.Wait()
	used := map[string]string{}
	_, rev, err := s.Load(context.Background(), StorePrefix)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range catalogs {
		if i < 2 {
			eventually(t, "a follower", func() bool { return c.Revision() == rev })
			mustBeWhole(t, c, s)
		}
	}
	for r := range seed.List() {
		if p := r.GetStatus().GetPort(); p != nil {
			for _, holds := range []string{p.GetMacAddress(), p.GetFixedIps()[0].GetIp()} {
				if other := used[holds]; other != "" {
					t.Errorf("%s and %s have %s", KeyOf(r), other, holds)
				}
				used[holds] = KeyOf(r).String()
			}
		}
	}
	if len(used) != 2*writers*changes {
		t.Errorf("%d addresses", len(used))
	}
}

// TestRefusalsAreCurrent has a controller that has not heard of a change judge a request that depends on it.
func TestRefusalsAreCurrent(t *testing.T) {
	s := store.NewMemory()
	here, there := newCatalog(t, s), newCatalog(t, s)
	apply(t, here, `network/red/n`)
	apply(t, there, `port/red/p network:"n"`)
	if _, _, err := here.Delete(context.Background(), []Key{{KindPort, "red", "p"}}, false, nil); err != nil {
		t.Errorf("deleting what another controller has made: %v", err)
	}
	_, results, err := there.Apply(context.Background(), all(`port/red/p network:"n"`), nil)
	if err != nil || results[0].GetOutcome() != weftv1.ApplyResult_OUTCOME_CREATED {
		t.Errorf("what another controller deleted is not unchanged: %v %v", results, err)
	}
}

// faulty lets transactions go wrong.
type faulty struct {
	store.Store
	before, after error // what Txn returns instead of writing, and after it has written
}

func (f *faulty) Txn(ctx context.Context, compares []store.Compare, ops []store.Op) (int64, error) {
	if f.before != nil {
		return 0, f.before
	}
	rev, err := f.Store.Txn(ctx, compares, ops)
	if err == nil && f.after != nil {
		return 0, f.after
	}
	return rev, err
}

// TestUnknownOutcome loses the answer of the store: the next transaction finds out what happened.
func TestUnknownOutcome(t *testing.T) {
	for _, f := range []*faulty{
		{Store: store.NewMemory(), before: store.ErrUnavailable}, {Store: store.NewMemory(), after: store.ErrUnavailable},
	} {
		c := newCatalog(t, f)
		if _, _, err := c.Apply(context.Background(), all(`network/red/n`), nil); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("%v", err)
		}
		want := weftv1.ApplyResult_OUTCOME_CREATED
		if f.after != nil {
			want = weftv1.ApplyResult_OUTCOME_UNCHANGED
		}
		f.before, f.after = nil, nil
		_, results, err := c.Apply(context.Background(), all(`network/red/n`), nil)
		if err != nil || results[0].GetOutcome() != want {
			t.Errorf("%v %v, want %s", results, err, want)
		}
		mustBeWhole(t, c, f.Store)
	}
}

// TestBusy gives up when others are always faster, and when the caller does.
func TestBusy(t *testing.T) {
	f := &faulty{Store: store.NewMemory(), before: store.ErrConflict}
	c := newCatalog(t, f)
	if _, _, err := c.Apply(context.Background(), all(`network/red/n`), nil); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	c.turn <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := c.Apply(ctx, all(`network/red/n`), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestFollow feeds snapshots and batches, again and out of date.
func TestFollow(t *testing.T) {
	s := store.NewMemory()
	writer := newCatalog(t, s)
	apply(t, writer, base)
	c := newCatalog(t, s)
	kvs, rev, err := s.Load(context.Background(), StorePrefix)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.FollowSnapshot(kvs, rev); err != nil {
			t.Fatal(err)
		}
	}
	mustBeWhole(t, c, s)
	apply(t, c, `port/red/vm5 network:"web"`)
	if err := c.FollowSnapshot(kvs, rev); err != nil { // read before, told later
		t.Fatal(err)
	}
	get(t, c, "port/red/vm5")
	var old store.Batch
	for b, err := range s.Watch(context.Background(), StorePrefix, rev+1) {
		if err != nil {
			t.Fatal(err)
		}
		old = b
		break
	}
	if _, _, err := c.Delete(context.Background(), []Key{{KindPort, "red", "vm5"}}, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.FollowBatch(old); err != nil {
		t.Fatal(err)
	}
	if _, there := c.Get(Key{KindPort, "red", "vm5"}); there {
		t.Error("an old batch brought back what was deleted since")
	}
	other, err := s.Txn(context.Background(), nil, []store.Op{store.Put("o/x", nil)})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.FollowBatch(store.Batch{Rev: other, Progress: true}); err != nil || c.Revision() != other {
		t.Errorf("revision %d, want %d: %v", c.Revision(), other, err)
	}
	apply(t, c, `port/red/vm6 network:"web"`)
	mustBeWhole(t, c, s)
}

// TestOlderStore has the store put back to an older state while the catalog runs.
func TestOlderStore(t *testing.T) {
	f := &faulty{Store: store.NewMemory()}
	c := newCatalog(t, f)
	apply(t, c, base)
	apply(t, c, `port/red/vm5 network:"web"`)
	older := store.NewMemory()
	apply(t, newCatalog(t, older), `network/green/n`)
	f.Store = older
	apply(t, c, `port/green/p network:"n"`)
	mustBeWhole(t, c, older)
}

// TestUnreadable has records that cannot be read: they are reported, left out, not overwritten, and can be deleted.
func TestUnreadable(t *testing.T) {
	s := store.NewMemory()
	apply(t, newCatalog(t, s), base)
	garbage := map[string]string{
		"r/port/red/vm1": "\xff\xff", "r/network/red/odd": "", "r/what/red/x": "x", "r/port/red": "x",
	}
	for key, value := range garbage {
		if _, err := s.Txn(context.Background(), nil, []store.Op{store.Put(key, []byte(value))}); err != nil {
			t.Fatal(err)
		}
	}
	log := logrus.New()
	var out bytes.Buffer
	log.SetOutput(&out)
	c, err := NewCatalog(CatalogConfig{Store: s, Log: logrus.NewEntry(log)})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Apply(context.Background(), all(`port/red/vm1 network:"web"`, `network/red/odd`, `port/red/x network:"odd"`), nil)
	want := `port/red/vm1: what is stored under this name cannot be read; delete it first
network/red/odd: what is stored under this name cannot be read; delete it first
`
	if got := explain(err); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	_, _, err = c.Apply(context.Background(), all(`port/red/x network:"odd"`), nil)
	if got, want := explain(err), "port/red/x: spec.network: what is stored for network/red/odd cannot be read\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for key := range garbage {
		if !strings.Contains(out.String(), key) {
			t.Errorf("%s was not reported", key)
		}
	}
	if err := c.RegisterHost(context.Background(), "h3"); err != nil {
		t.Error(err)
	}
	for key, value := range garbage {
		if kv, _, _, err := store.Get(context.Background(), s, key); err != nil || string(kv.Value) != value {
			t.Errorf("%s: %q %v", key, kv.Value, err)
		}
	}
	if _, _, err := c.Delete(context.Background(), []Key{{KindPort, "red", "vm1"}, {KindNetwork, "red", "odd"}}, false, nil); err != nil {
		t.Error(err)
	}
	apply(t, c, base)
}

// TestTurnsUnreadable has a port's record damaged while the catalog runs: others are not given what the port has.
func TestTurnsUnreadable(t *testing.T) {
	s := store.NewMemory()
	c := newCatalog(t, s)
	apply(t, c, base)
	rev, err := s.Txn(context.Background(), nil, []store.Op{store.Put("r/port/red/vm1", []byte("?"))})
	if err != nil {
		t.Fatal(err)
	}
	kv, _, _, err := store.Get(context.Background(), s, "r/port/red/vm1")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.FollowBatch(store.Batch{Rev: rev, Events: []store.Event{{KV: kv}}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Get(Key{KindPort, "red", "vm1"}); ok {
		t.Error("what cannot be read is shown")
	}
	_, _, err = c.Apply(context.Background(), all(`port/red/x network:"web" fixed_ips:{ip:"10.0.0.10"}`), nil)
	if got, want := explain(err), "port/red/x: spec.fixedIps[0].ip: 10.0.0.10 is in use by port/red/vm1\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	apply(t, c, `network/red/web mtu:1400`)
}

func TestRegisterHost(t *testing.T) {
	s := store.NewMemory()
	c, other := newCatalog(t, s), newCatalog(t, s)
	for range 2 {
		if err := c.RegisterHost(context.Background(), "h1"); err != nil {
			t.Fatal(err)
		}
	}
	apply(t, c, `host/h1 tunnel_ip:"10.0.0.1"`)
	rev := c.Revision()
	if err := other.RegisterHost(context.Background(), "h1"); err != nil || other.Revision() != rev {
		t.Errorf("revision %d, want %d: %v", other.Revision(), rev, err)
	}
	if ip := get(t, other, "host/h1").GetHostSpec().GetTunnelIp(); ip != "10.0.0.1" {
		t.Errorf("the host's spec was overwritten: %q", ip)
	}
	err := c.RegisterHost(context.Background(), "a/b")
	if err == nil || !strings.HasPrefix(err.Error(), `the system-id cannot name a host: it "a/b" has the character '/'`) {
		t.Errorf("%v", err)
	}
}

// TestHeadUnreadable starts allocation over rather than failing.
func TestHeadUnreadable(t *testing.T) {
	s := store.NewMemory()
	apply(t, newCatalog(t, s), `network/red/a`)
	if _, err := s.Txn(context.Background(), nil, []store.Op{store.Put(headKey, []byte("?"))}); err != nil {
		t.Fatal(err)
	}
	c := newCatalog(t, s)
	apply(t, c, `network/red/b`)
	if id := get(t, c, "network/red/b").GetStatus().GetNetwork().GetSegmentationId(); id != 5002 {
		t.Errorf("id %d", id)
	}
}

// TestList yields in order, and a page goes on where the one before ended.
func TestList(t *testing.T) {
	c := with(t, base)
	var keys []string
	for r := range c.List() {
		keys = append(keys, KeyOf(r).String())
	}
	want := []string{
		"host/h1", "network/blue/own", "network/red/g1", "network/red/pub", "network/red/web", "port/blue/vm1", "port/red/vm1",
		"project/blue", "project/red", "segmentrange/g", "subnet/red/pub-v4", "subnet/red/web-v4",
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Fatal(diff)
	}
	for _, after := range []struct {
		key  Key
		from int
	}{{Key{}, 0}, {Key{KindHost, "", "h1"}, 1}, {Key{KindNetwork, "red", "a"}, 2}, {Key{KindSubnet, "red", "web-v4"}, 12}} {
		var rest []string
		for r := range c.ListAfter(after.key) {
			rest = append(rest, KeyOf(r).String())
		}
		if diff := cmp.Diff(want[after.from:], rest, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("after %s: %s", after.key, diff)
		}
	}
	// Whoever is still reading sees what was there.
	first := c.List()
	apply(t, c, `port/red/vm0 network:"web"`)
	n := 0
	for range first {
		n++
	}
	if n != len(want) {
		t.Errorf("%d resources, want %d", n, len(want))
	}
}

func TestSegmentUsage(t *testing.T) {
	c := with(t, base)
	used, available, ok := c.SegmentUsage(Key{KindSegmentRange, "", "g"})
	if used != 1 || available != 1 || !ok {
		t.Errorf("%d used, %d available, %t", used, available, ok)
	}
	for _, key := range []Key{{KindSegmentRange, "", "x"}, {KindHost, "", "h1"}} {
		if _, _, ok := c.SegmentUsage(key); ok {
			t.Errorf("%s is no range", key)
		}
	}
}
