package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/controller/store"
)

// Mirror is a store.Handler that keeps a copy of what it is told, and notes when the story it is told has a hole.
type Mirror struct {
	mu        sync.Mutex
	kvs       map[string]string
	revs      map[string]int64
	rev       int64
	snapshots int
	lost      []error
	faults    []string
	refuse    error
}

// NewMirror makes an empty one.
func NewMirror() *Mirror { return &Mirror{kvs: map[string]string{}, revs: map[string]int64{}} }

// Snapshot implements store.Handler, with store.Diff.
func (m *Mirror) Snapshot(kvs []store.KV, rev int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed, gone := store.Diff(m.revs, kvs)
	for _, kv := range changed {
		m.kvs[kv.Key], m.revs[kv.Key] = string(kv.Value), kv.Rev
	}
	for _, key := range gone {
		delete(m.kvs, key)
		delete(m.revs, key)
	}
	if want := values(kvs); !maps.Equal(want, m.kvs) {
		m.faults = append(m.faults, "Diff of a snapshot: "+cmp.Diff(want, m.kvs))
	}
	m.snapshots++
	m.rev = rev
	return nil
}

// Batch implements store.Handler.
func (m *Mirror) Batch(b store.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Rev < m.rev || b.Rev == m.rev && !b.Progress {
		m.faults = append(m.faults, fmt.Sprintf("revision %d after %d", b.Rev, m.rev))
	}
	m.rev = b.Rev
	for _, ev := range b.Events {
		if ev.Rev != b.Rev {
			m.faults = append(m.faults, fmt.Sprintf("event of revision %d in batch %d", ev.Rev, b.Rev))
		}
		if ev.Deleted {
			delete(m.kvs, ev.Key)
			delete(m.revs, ev.Key)
			continue
		}
		m.kvs[ev.Key], m.revs[ev.Key] = string(ev.Value), ev.Rev
	}
	return m.refuse
}

// Lost implements store.Handler.
func (m *Mirror) Lost(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost = append(m.lost, err)
}

// Refuse makes the next Batch fail.
func (m *Mirror) Refuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = err
}

// Revision is the last revision heard of.
func (m *Mirror) Revision() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rev
}

// Snapshots counts them.
func (m *Mirror) Snapshots() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snapshots
}

// Lasts is what Lost was told.
func (m *Mirror) Lasts() []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]error{}, m.lost...)
}

// Contents is a copy of what the mirror shows.
func (m *Mirror) Contents() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.kvs)
}

// MustShow waits until the mirror shows what the store holds, and fails when its story had a hole.
func (m *Mirror) MustShow(t *testing.T, s store.Store) {
	t.Helper()
	want := contents(t, s)
	Eventually(t, "the mirror shows what the store holds", func() error {
		if diff := cmp.Diff(want, m.Contents()); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.faults {
		t.Error(f)
	}
}

// Follow runs store.Follow beside the test and stops it at its end.
func (m *Mirror) Follow(t *testing.T, s store.Store, prefix string) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = store.Follow(ctx, s, prefix, m)
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// Eventually waits until what holds, with a deadline.
func Eventually(t *testing.T, what string, holds func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if err = holds(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %v: %v", what, patience, err)
}

func await[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("nothing happened within %v", patience)
		panic("unreachable")
	}
}

func followSeesAll(t *testing.T, s store.Store) {
	write(t, s, store.Put("r/a", []byte("1")), store.Put("r/b", []byte("1")))
	m := NewMirror()
	m.Follow(t, s, "")
	for i := range 300 {
		ops := []store.Op{store.Put(fmt.Sprintf("r/%d", i%40), []byte(fmt.Sprint(i))), store.Delete(fmt.Sprintf("r/%d", (i+7)%40))}
		write(t, s, ops...)
	}
	m.MustShow(t, s)
	if n := m.Snapshots(); n != 1 {
		t.Errorf("%d snapshots, want only the first: %v", n, m.Lasts())
	}
}

func followRefused(t *testing.T, s store.Store) {
	m := NewMirror()
	refused := errors.New("refused")
	m.Refuse(refused)
	ended := make(chan error, 1)
	ctx := within(t)
	go func() { ended <- store.Follow(ctx, s, "", m) }()
	Eventually(t, "the first snapshot", func() error {
		if m.Snapshots() == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	write(t, s, store.Put("a", nil))
	if err := await(t, ended); !errors.Is(err, refused) {
		t.Errorf("Follow ended with %v", err)
	}
}
