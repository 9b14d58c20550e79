package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A Handler is told the state under a prefix and every change of it, always from Follow's goroutine. An error from
// Snapshot or Batch ends Follow with that error.
type Handler interface {
	// Snapshot hands over everything there is at rev. It comes first, and again whenever changes may have been missed;
	// what the handler knows and the snapshot does not have is gone (see Diff).
	Snapshot(kvs []KV, rev int64) error
	// Batch hands over one revision, or the word that nothing changed up to one (Batch.Progress).
	Batch(b Batch) error
	// Lost says that the store cannot be followed right now, and why. What was handed over stays the last word until
	// the next Snapshot: an unreachable store is not an empty one.
	Lost(err error)
}

const (
	followPauseMin = 20 * time.Millisecond
	followPauseMax = 2 * time.Second
)

// Follow loads prefix and watches it until ctx ends, the store is closed or the handler fails. Whatever else happens
// (no connection, compaction, a lost watch, a store restored from a backup) it tells the handler, waits a little longer
// each time, and begins again with a Snapshot.
func Follow(ctx context.Context, s Store, prefix string, h Handler) error {
	pause := followPauseMin
	for {
		f := follow{h: h}
		err := f.once(ctx, s, prefix)
		switch {
		case f.refused != nil:
			return f.refused
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrClosed):
			return err
		}
		h.Lost(err)
		if f.loaded {
			pause = followPauseMin
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, followPauseMax)
	}
}

// follow is one round of load and watch.
type follow struct {
	h       Handler
	refused error // what the handler returned
	loaded  bool
}

func (f *follow) once(ctx context.Context, s Store, prefix string) error {
	kvs, rev, err := s.Load(ctx, prefix)
	if err != nil {
		return err
	}
	if f.refused = f.h.Snapshot(kvs, rev); f.refused != nil {
		return f.refused
	}
	f.loaded = true
	for b, err := range s.Watch(ctx, prefix, rev+1) {
		if err != nil {
			return err
		}
		if f.refused = f.h.Batch(b); f.refused != nil {
			return f.refused
		}
	}
	return ErrLost
}

// sleep waits d, give or take a quarter so that many followers do not return at once.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d*3/4 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
