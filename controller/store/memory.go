package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Memory is a Store in memory, the twin of the others for tests: the same revisions, history, compaction and errors,
// and Fault to make it fail as they do. It starts no goroutine.
type Memory struct {
	mu        sync.Mutex
	rev       int64
	compacted int64
	keys      []string // sorted
	data      map[string]KV
	history   []Batch       // revisions compacted+1 … rev
	changed   chan struct{} // closed and replaced whenever a watch may have something to do
	lost      int           // how often watches were lost; a watch that sees it change ends
	fault     Fault
	closed    bool
}

// NewMemory makes an empty store at revision 1, as etcd begins.
func NewMemory() *Memory {
	return &Memory{rev: 1, compacted: 1, data: map[string]KV{}, changed: make(chan struct{})}
}

// Fault is what is wrong with a Memory; the zero value is health.
type Fault struct {
	Down      bool          // every call fails with ErrUnavailable, watches fall silent
	Delay     time.Duration // every call takes that long, and fails with ErrUnavailable when its deadline comes first
	LoseReply bool          // transactions are applied, but the caller is told ErrUnavailable
}

// Fault makes the store ill, or well again with Fault{}. Silent watches then go on with what they missed.
func (m *Memory) Fault(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
	m.wake()
}

// LoseWatches ends every watch under way with ErrLost.
func (m *Memory) LoseWatches() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost++
	m.wake()
}

// wake makes all watches look again. The caller holds mu.
func (m *Memory) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// enter takes the time a call takes and says whether it may go on.
func (m *Memory) enter(ctx context.Context) error {
	m.mu.Lock()
	fault := m.fault
	m.mu.Unlock()
	if fault.Delay > 0 {
		t := time.NewTimer(fault.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	case fault.Down:
		return fmt.Errorf("%w: made to fail", ErrUnavailable)
	}
	return nil
}

// Load implements Store.
func (m *Memory) Load(ctx context.Context, prefix string) ([]KV, int64, error) {
	if err := m.enter(ctx); err != nil {
		return nil, 0, fmt.Errorf("memory store: load: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, 0, fmt.Errorf("memory store: load: %w", ErrClosed)
	}
	var kvs []KV
	for i := sort.SearchStrings(m.keys, prefix); i < len(m.keys) && strings.HasPrefix(m.keys[i], prefix); i++ {
		kvs = append(kvs, m.data[m.keys[i]])
	}
	return kvs, m.rev, nil
}

// Txn implements Store.
func (m *Memory) Txn(ctx context.Context, compares []Compare, ops []Op) (int64, error) {
	rev, err := m.txn(ctx, compares, ops)
	if err != nil {
		return 0, fmt.Errorf("memory store: transaction: %w", err)
	}
	return rev, nil
}

func (m *Memory) txn(ctx context.Context, compares []Compare, ops []Op) (int64, error) {
	if err := checkTxn(compares, ops); err != nil {
		return 0, err
	}
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, ErrClosed
	}
	for _, c := range compares {
		if have := m.data[c.Key].Rev; have != c.Rev {
			return 0, m.conflict(compares, c, have)
		}
	}
	m.apply(ops)
	if m.fault.LoseReply {
		return 0, fmt.Errorf("%w: the reply was lost", ErrUnavailable)
	}
	return m.rev, nil
}

// conflict names the compare that failed, when the others would.
func (m *Memory) conflict(compares []Compare, c Compare, have int64) error {
	if len(compares) > namedCompares {
		return &ConflictError{}
	}
	return &ConflictError{Key: c.Key, Want: c.Rev, Have: have}
}

// apply writes ops as one revision; ops that change nothing make none. The caller holds mu.
func (m *Memory) apply(ops []Op) {
	batch := Batch{Rev: m.rev + 1}
	var added []string
	removed := false
	for _, op := range ops {
		old, exists := m.data[op.Key]
		switch {
		case op.Value == nil && !exists:
			continue
		case op.Value == nil:
			removed = true
			delete(m.data, op.Key)
			batch.Events = append(batch.Events, Event{KV: KV{Key: op.Key, Rev: batch.Rev}, Deleted: true})
			continue
		case !exists:
			added = append(added, op.Key)
			old.Created = batch.Rev
		}
		kv := KV{Key: op.Key, Value: slices.Clone(op.Value), Rev: batch.Rev, Created: old.Created}
		m.data[op.Key] = kv
		batch.Events = append(batch.Events, Event{KV: kv})
	}
	if len(batch.Events) == 0 {
		return
	}
	m.rev = batch.Rev
	m.history = append(m.history, batch)
	m.index(added, removed)
	m.wake()
}

// index keeps the sorted keys in step with the data, in one pass however many keys change.
func (m *Memory) index(added []string, removed bool) {
	if removed {
		m.keys = slices.DeleteFunc(m.keys, func(k string) bool { _, ok := m.data[k]; return !ok })
	}
	if len(added) == 1 {
		i := sort.SearchStrings(m.keys, added[0])
		m.keys = slices.Insert(m.keys, i, added[0])
		return
	}
	if len(added) > 0 {
		m.keys = append(m.keys, added...)
		slices.Sort(m.keys)
	}
}

// Compact implements Store.
func (m *Memory) Compact(ctx context.Context, rev int64) error {
	if err := m.enter(ctx); err != nil {
		return fmt.Errorf("memory store: compact: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return fmt.Errorf("memory store: compact: %w", ErrClosed)
	case rev > m.rev:
		return fmt.Errorf("memory store: compact: %w: revision %d is in the future", ErrInvalid, rev)
	case rev > m.compacted:
		m.history = slices.Clone(m.history[rev-m.compacted:])
		m.compacted = rev
		m.wake()
	}
	return nil
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		m.wake()
	}
	return nil
}
