package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weft-sdn/weft/controller/store"
)

func writeAndRead(t *testing.T, s store.Store) {
	_, before := load(t, s, "")
	first := write(t, s, store.Put("a", []byte("1")), store.Put("b", nil))
	second := write(t, s, store.Put("a", []byte("2")))
	if first != before+1 || second != before+2 {
		t.Errorf("revisions %d, %d after %d: want each transaction to raise it by one", first, second, before)
	}
	got, rev := load(t, s, "")
	want := []store.KV{
		{Key: "a", Value: []byte("2"), Rev: second, Created: first},
		{Key: "b", Rev: first, Created: first},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || rev != second {
		t.Errorf("at revision %d (want %d):\n%s", rev, second, diff)
	}
	third := write(t, s, store.Delete("a"))
	if _, found, rev, err := store.Get(within(t), s, "a"); found || err != nil || rev != third {
		t.Errorf("Get of a deleted key: found %v, revision %d (want %d), %v", found, rev, third, err)
	}
	kv, found, _, err := store.Get(within(t), s, "b")
	if !found || err != nil || kv.Rev != first {
		t.Errorf("Get(b) = %+v, %v, %v", kv, found, err)
	}
}

func loadByPrefix(t *testing.T, s store.Store) {
	write(t, s, store.Put("r/b", nil), store.Put("r/a", nil), store.Put("r0", nil), store.Put("q", nil), store.Put("r/a/x", nil))
	for prefix, want := range map[string][]string{
		"":     {"q", "r/a", "r/a/x", "r/b", "r0"},
		"r/":   {"r/a", "r/a/x", "r/b"},
		"r/a":  {"r/a", "r/a/x"},
		"none": nil,
	} {
		kvs, _ := load(t, s, prefix)
		var got []string
		for _, kv := range kvs {
			got = append(got, kv.Key)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Load(%q):\n%s", prefix, diff)
		}
	}
	// A key that only begins with the one asked for is not it.
	if _, found, _, err := store.Get(within(t), s, "r"); found || err != nil {
		t.Errorf("Get(r) found %v, %v", found, err)
	}
}

func compareDecides(t *testing.T, s store.Store) {
	rev := write(t, s, store.Put("a", []byte("1")))
	newer := write(t, s, store.Put("b", nil))
	for name, c := range map[string]struct {
		compares []store.Compare
		conflict *store.ConflictError
	}{
		"right revision":      {compares: []store.Compare{{Key: "a", Rev: rev}}},
		"missing as expected": {compares: []store.Compare{{Key: "x"}, {Key: "b", Rev: newer}}},
		"other revision":      {[]store.Compare{{Key: "a", Rev: newer}}, &store.ConflictError{Key: "a", Want: newer, Have: rev}},
		"should not exist":    {[]store.Compare{{Key: "x"}, {Key: "a"}}, &store.ConflictError{Key: "a", Have: rev}},
		"should exist":        {[]store.Compare{{Key: "x", Rev: rev}}, &store.ConflictError{Key: "x", Want: rev}},
	} {
		t.Run(name, func(t *testing.T) {
			key := "written by " + name
			_, err := s.Txn(within(t), c.compares, []store.Op{store.Put(key, nil)})
			_, written := contents(t, s)[key]
			if c.conflict == nil {
				if err != nil || !written {
					t.Fatalf("error %v, written %v", err, written)
				}
				return
			}
			var got *store.ConflictError
			if !errors.Is(err, store.ErrConflict) || !errors.As(err, &got) || written {
				t.Fatalf("error %v, written %v; want a conflict and nothing written", err, written)
			}
			if diff := cmp.Diff(c.conflict, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("one of many", func(t *testing.T) {
		compares := []store.Compare{{Key: "a", Rev: newer}}
		for i := range 1000 {
			compares = append(compares, store.Compare{Key: fmt.Sprint("absent", i)})
		}
		if _, err := s.Txn(within(t), compares, []store.Op{store.Delete("a")}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("error %v, want a conflict", err)
		}
	})
}

func noChangeNoRevision(t *testing.T, s store.Store) {
	rev := write(t, s, store.Put("a", []byte("1")))
	if got := write(t, s, store.Delete("absent")); got != rev {
		t.Errorf("deleting what is not there: revision %d, want %d", got, rev)
	}
	if got := write(t, s); got != rev {
		t.Errorf("an empty transaction: revision %d, want %d", got, rev)
	}
	if got := write(t, s, store.Put("a", []byte("1"))); got != rev+1 {
		t.Errorf("writing the same value: revision %d, want %d", got, rev+1)
	}
}

func wrongCalls(t *testing.T, s store.Store) {
	_, rev := load(t, s, "")
	for name, call := range map[string]func(ctx context.Context) error{
		"empty key":         func(ctx context.Context) error { return txn(ctx, s, nil, store.Put("", nil)) },
		"empty compare":     func(ctx context.Context) error { return txn(ctx, s, []store.Compare{{}}, store.Put("a", nil)) },
		"written twice":     func(ctx context.Context) error { return txn(ctx, s, nil, store.Put("a", nil), store.Delete("a")) },
		"compact to future": func(ctx context.Context) error { return s.Compact(ctx, rev+10) },
	} {
		if err := call(within(t)); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
	if _, now := load(t, s, ""); now != rev {
		t.Errorf("revision went from %d to %d", rev, now)
	}
}

func txn(ctx context.Context, s store.Store, compares []store.Compare, ops ...store.Op) error {
	_, err := s.Txn(ctx, compares, ops)
	return err
}

func tooLarge(t *testing.T, s store.Store) {
	many := make([]store.Op, store.MaxOps+1)
	for i := range many {
		many[i] = store.Delete(strconv.Itoa(i))
	}
	big := make([]byte, store.MaxBytes/2)
	for name, ops := range map[string][]store.Op{
		"operations": many,
		"bytes":      {store.Put("a", big), store.Put("b", big)},
	} {
		if err := txn(within(t), s, nil, ops...); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("too many %s: error %v, want ErrTooLarge", name, err)
		}
	}
}

// racingWriters has many goroutines add to one counter. Every success counts, whatever a writer was told when it lost.
func racingWriters(t *testing.T, s store.Store) {
	const writers, each = 8, 25
	write(t, s, store.Put("counter", []byte("0")))
	ctx := within(t)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := increment(ctx, s, fmt.Sprintf("mark/%d/%d", w, i)); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
			}
		})
	}
	wg.Wait()
	kvs := contents(t, s)
	if got := kvs["counter"]; got != strconv.Itoa(writers*each) || len(kvs) != writers*each+1 {
		t.Errorf("counter %s and %d keys, want %d and one more", got, len(kvs), writers*each)
	}
}

func increment(ctx context.Context, s store.Store, mark string) error {
	for {
		kv, _, _, err := store.Get(ctx, s, "counter")
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(kv.Value))
		if err != nil {
			return err
		}
		_, err = s.Txn(ctx, []store.Compare{{Key: "counter", Rev: kv.Rev}, {Key: mark}},
			[]store.Op{store.Put("counter", []byte(strconv.Itoa(n+1))), store.Put(mark, nil)})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func deadline(t *testing.T, s store.Store) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if err := txn(ctx, s, nil, store.Put("a", nil)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Txn after its deadline: %v, want ErrUnavailable", err)
	}
	if _, _, err := s.Load(ctx, ""); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Load after its deadline: %v, want ErrUnavailable", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Load(cancelled, ""); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Load by a caller that went away: %v, want context.Canceled", err)
	}
}
