package store

import (
	"context"
	"fmt"
	"iter"
	"strings"
)

// Watch implements Store.
func (m *Memory) Watch(ctx context.Context, prefix string, from int64) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		m.mu.Lock()
		w := memoryWatch{store: m, prefix: prefix, next: from, lost: m.lost}
		m.mu.Unlock()
		err := w.begin()
		for err == nil {
			var b Batch
			if b, err = w.batch(ctx); err == nil && !yield(b, nil) {
				return
			}
		}
		yield(Batch{}, fmt.Errorf("memory store: watch: %w", err))
	}
}

// memoryWatch reads the history at its own pace.
type memoryWatch struct {
	store  *Memory
	prefix string
	next   int64 // first revision not looked at
	lost   int
}

func (w *memoryWatch) begin() error {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	switch {
	case w.next < 1:
		return fmt.Errorf("%w: first revision %d", ErrInvalid, w.next)
	case w.next > w.store.rev+1:
		return fmt.Errorf("%w: the store never reached revision %d", ErrLost, w.next-1)
	}
	return nil
}

// batch waits for the next revision that changed something under the prefix.
func (w *memoryWatch) batch(ctx context.Context) (Batch, error) {
	for {
		b, wait, err := w.look()
		if err != nil || wait == nil {
			return b, err
		}
		select {
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		case <-wait:
		}
	}
}

// look returns a batch, or the channel to wait on before looking again.
func (w *memoryWatch) look() (Batch, <-chan struct{}, error) {
	m := w.store
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return Batch{}, nil, ErrClosed
	case w.lost != m.lost:
		return Batch{}, nil, ErrLost
	case m.fault.Down:
		return Batch{}, m.changed, nil
	// The first revision is no change: a watch from it on misses nothing before the first compaction.
	case w.next <= m.compacted && m.compacted > 1:
		return Batch{}, nil, &CompactedError{Rev: m.compacted}
	}
	w.next = max(w.next, m.compacted+1)
	for ; w.next <= m.rev; w.next++ {
		if b := w.filter(m.history[w.next-m.compacted-1]); len(b.Events) > 0 {
			w.next++
			return b, nil, nil
		}
	}
	return Batch{}, m.changed, nil
}

func (w *memoryWatch) filter(b Batch) Batch {
	if w.prefix == "" {
		return b
	}
	out := Batch{Rev: b.Rev}
	for _, ev := range b.Events {
		if strings.HasPrefix(ev.Key, w.prefix) {
			out.Events = append(out.Events, ev)
		}
	}
	return out
}
