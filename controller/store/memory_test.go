package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/store"
	"github.com/weft-sdn/weft/controller/store/storetest"
)

func put(t *testing.T, s store.Store, key, value string) int64 {
	t.Helper()
	rev, err := s.Txn(t.Context(), nil, []store.Op{store.Put(key, []byte(value))})
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// TestMemoryDown: calls fail, a follower keeps what it knew, and goes on where it was when the store is back.
func TestMemoryDown(t *testing.T) {
	s := store.NewMemory()
	rev := put(t, s, "a", "1")
	m := storetest.NewMirror()
	m.Follow(t, s, "")
	m.MustShow(t, s)
	s.Fault(store.Fault{Down: true})
	if _, err := s.Txn(t.Context(), nil, []store.Op{store.Put("a", nil)}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Txn: %v", err)
	}
	if _, _, err := s.Load(t.Context(), ""); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Load: %v", err)
	}
	if err := s.Compact(t.Context(), rev); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Compact: %v", err)
	}
	if got := m.Contents(); got["a"] != "1" {
		t.Errorf("the follower shows %v", got)
	}
	s.Fault(store.Fault{})
	put(t, s, "b", "2")
	m.MustShow(t, s)
	if n := m.Snapshots(); n != 1 {
		t.Errorf("%d snapshots, want one: %v", n, m.Lasts())
	}
}

// TestFollowStartsWhenStoreIsDown: the first snapshot comes when the store does.
func TestFollowStartsWhenStoreIsDown(t *testing.T) {
	s := store.NewMemory()
	put(t, s, "a", "1")
	s.Fault(store.Fault{Down: true})
	m := storetest.NewMirror()
	m.Follow(t, s, "")
	storetest.Eventually(t, "Lost is told twice", func() error {
		if n := len(m.Lasts()); n < 2 {
			return fmt.Errorf("%d times", n)
		}
		return nil
	})
	if m.Snapshots() != 0 {
		t.Error("a snapshot of a store that is down")
	}
	s.Fault(store.Fault{})
	m.MustShow(t, s)
}

// TestFollowReloads: after a lost watch, and after a compaction the follower slept through.
func TestFollowReloads(t *testing.T) {
	s := store.NewMemory()
	for i := range 10 {
		put(t, s, fmt.Sprint(i), "1")
	}
	m := storetest.NewMirror()
	m.Follow(t, s, "")
	m.MustShow(t, s)
	lose := func(round int) {
		s.LoseWatches()
		rev := put(t, s, fmt.Sprint(round), "2")
		if _, err := s.Txn(t.Context(), nil, []store.Op{store.Delete(fmt.Sprint(round + 5))}); err != nil {
			t.Fatal(err)
		}
		if err := s.Compact(t.Context(), rev); err != nil {
			t.Fatal(err)
		}
		m.MustShow(t, s)
	}
	for round := range 4 {
		lose(round)
	}
	if n := m.Snapshots(); n < 5 {
		t.Errorf("%d snapshots, want one more for every loss", n)
	}
}

func TestMemorySlow(t *testing.T) {
	s := store.NewMemory()
	s.Fault(store.Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.Txn(ctx, nil, []store.Op{store.Put("a", nil)}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Txn: %v", err)
	}
	s.Fault(store.Fault{Delay: time.Millisecond})
	put(t, s, "a", "1")
}

// TestMemoryLoseReply: a transaction that was applied though its caller was told otherwise; comparing tells.
func TestMemoryLoseReply(t *testing.T) {
	s := store.NewMemory()
	rev := put(t, s, "head", "1")
	s.Fault(store.Fault{LoseReply: true})
	compares, ops := []store.Compare{{Key: "head", Rev: rev}}, []store.Op{store.Put("head", []byte("2"))}
	if _, err := s.Txn(t.Context(), compares, ops); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Txn: %v", err)
	}
	s.Fault(store.Fault{})
	if _, err := s.Txn(t.Context(), compares, ops); !errors.Is(err, store.ErrConflict) {
		t.Errorf("retry: %v, want ErrConflict", err)
	}
}
