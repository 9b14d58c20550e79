package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weft-sdn/weft/controller/store"
)

// take reads batches with events until n have come or the watch ends.
func take(ctx context.Context, s store.Store, prefix string, from int64, n int) ([]store.Batch, error) {
	var got []store.Batch
	for b, err := range s.Watch(ctx, prefix, from) {
		if err != nil {
			return got, err
		}
		if b.Progress {
			continue
		}
		if got = append(got, b); len(got) == n {
			return got, nil
		}
	}
	return got, errors.New("the watch ended without an error")
}

func mustTake(t *testing.T, s store.Store, prefix string, from int64, n int) []store.Batch {
	t.Helper()
	got, err := take(within(t), s, prefix, from, n)
	if err != nil {
		t.Fatalf("watch of %q from %d, after %d of %d batches: %v", prefix, from, len(got), n, err)
	}
	return got
}

func largeBatch(t *testing.T, s store.Store) {
	const n = 5000
	ops := make([]store.Op, n)
	for i := range ops {
		ops[i] = store.Put(fmt.Sprintf("k/%05d", n-i), make([]byte, 100))
	}
	_, before := load(t, s, "")
	got := make(chan []store.Batch, 1)
	ctx := within(t)
	go func() { // one watcher from the start, one (below) that reads the past
		b, err := take(ctx, s, "k/", before+1, 2)
		if err != nil {
			t.Errorf("watch: %v", err)
		}
		got <- b
	}()
	write(t, s, ops...)
	for i := range ops {
		ops[i].Value = nil
	}
	write(t, s, ops...)
	for name, batches := range map[string][]store.Batch{"present": <-got, "past": mustTake(t, s, "k/", before+1, 2)} {
		if len(batches) != 2 || len(batches[0].Events) != n || len(batches[1].Events) != n {
			t.Fatalf("%s: %d batches, want two of %d events", name, len(batches), n)
		}
		for i, ev := range batches[1].Events {
			if ev.Key != ops[i].Key || !ev.Deleted || ev.Rev != before+2 {
				t.Fatalf("%s: event %d is %+v, want the deletion of %s", name, i, ev, ops[i].Key)
			}
		}
	}
	// As large as Weft's largest transaction.
	ops = ops[:0]
	for i := range 30_000 {
		ops = append(ops, store.Put(fmt.Sprintf("big/%05d", i), make([]byte, 200)))
	}
	rev := write(t, s, ops...)
	if kvs, _ := load(t, s, "big/"); len(kvs) != len(ops) {
		t.Errorf("%d keys, want %d", len(kvs), len(ops))
	}
	if b := mustTake(t, s, "big/", rev, 1); len(b[0].Events) != len(ops) {
		t.Errorf("a batch of %d events, want %d", len(b[0].Events), len(ops))
	}
}

func watchFromOldRevision(t *testing.T, s store.Store) {
	first := write(t, s, store.Put("a", []byte("1")), store.Put("b", []byte("1")))
	second := write(t, s, store.Delete("a"))
	third := write(t, s, store.Put("b", []byte("2")), store.Put("a", []byte("3")))
	want := []store.Batch{
		{Rev: first, Events: []store.Event{
			{KV: store.KV{Key: "a", Value: []byte("1"), Rev: first, Created: first}},
			{KV: store.KV{Key: "b", Value: []byte("1"), Rev: first, Created: first}}}},
		{Rev: second, Events: []store.Event{{KV: store.KV{Key: "a", Rev: second}, Deleted: true}}},
		{Rev: third, Events: []store.Event{
			{KV: store.KV{Key: "b", Value: []byte("2"), Rev: third, Created: first}},
			{KV: store.KV{Key: "a", Value: []byte("3"), Rev: third, Created: third}}}},
	}
	for i := range want {
		got := mustTake(t, s, "", want[i].Rev, len(want)-i)
		if diff := cmp.Diff(want[i:], got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("from revision %d:\n%s", want[i].Rev, diff)
		}
	}
}

func watchPrefix(t *testing.T, s store.Store) {
	from := write(t, s, store.Put("r/a", nil), store.Put("o/a", nil))
	write(t, s, store.Put("o/b", nil))
	last := write(t, s, store.Put("r/b", nil))
	got := mustTake(t, s, "r/", from, 2)
	if got[0].Rev != from || len(got[0].Events) != 1 || got[0].Events[0].Key != "r/a" || got[1].Rev != last {
		t.Errorf("got %+v", got)
	}
}

func watchRefused(t *testing.T, s store.Store) {
	write(t, s, store.Put("a", nil))
	write(t, s, store.Delete("a"))
	rev := write(t, s, store.Put("b", nil))
	for from, want := range map[int64]error{0: store.ErrInvalid, -1: store.ErrInvalid, rev + 100: store.ErrLost} {
		if _, err := take(within(t), s, "", from, 1); !errors.Is(err, want) {
			t.Errorf("watch from %d at revision %d: %v, want %v", from, rev, err, want)
		}
	}
	if err := s.Compact(within(t), rev-1); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(within(t), rev-1); err != nil {
		t.Errorf("compacting twice: %v", err)
	}
	// rev-1, the compacted revision itself, deleted a key: what is left of it may lack that.
	for _, from := range []int64{1, rev - 2, rev - 1} {
		var compacted *store.CompactedError
		_, err := take(within(t), s, "", from, 10)
		if !errors.As(err, &compacted) || !errors.Is(err, store.ErrCompacted) || compacted.Rev != rev-1 {
			t.Errorf("watch from %d: %v, want to hear that %d is compacted", from, err, rev-1)
		}
	}
	mustTake(t, s, "", rev, 1)
}

func compactionWhileWatching(t *testing.T, s store.Store) {
	const n = 200
	from := write(t, s, store.Put("k", []byte("0")))
	seen := make(chan int64, n+2)
	ctx := within(t)
	go func() {
		defer close(seen)
		for b, err := range s.Watch(ctx, "", from) {
			if err != nil {
				t.Errorf("watch: %v", err)
				return
			}
			if seen <- b.Rev; b.Rev == from+n {
				return
			}
		}
	}()
	for want := from; want <= from+n; want++ {
		if got, ok := <-seen; !ok || got != want {
			t.Fatalf("revision %d, want %d", got, want)
		}
		if want%50 == 0 {
			if err := s.Compact(ctx, want); err != nil {
				t.Fatal(err)
			}
		}
		if want < from+n {
			write(t, s, store.Put("k", []byte("x")))
		}
	}
}

func leaveWatch(t *testing.T, s store.Store) {
	rev := write(t, s, store.Put("a", nil))
	for range 20 {
		mustTake(t, s, "", rev, 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := take(ctx, s, "", rev, 2)
		ended <- err
	}()
	cancel()
	if err := await(t, ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled watch ended with %v", err)
	}
}

func closeEnds(t *testing.T, s store.Store) {
	rev := write(t, s, store.Put("a", nil))
	begun := make(chan struct{})
	ended := make(chan error, 1)
	ctx := within(t)
	go func() {
		for _, err := range s.Watch(ctx, "", rev) {
			if err != nil {
				ended <- err
				return
			}
			close(begun)
		}
	}()
	<-begun
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := await(t, ended); !errors.Is(err, store.ErrClosed) {
		t.Errorf("the watch ended with %v, want ErrClosed", err)
	}
	if _, _, err := s.Load(ctx, ""); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Load: %v, want ErrClosed", err)
	}
	if err := txn(ctx, s, nil, store.Put("b", nil)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Txn: %v, want ErrClosed", err)
	}
	if err := store.Follow(ctx, s, "", NewMirror()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Follow: %v, want ErrClosed", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
