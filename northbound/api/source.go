package api

import (
	"context"
	"time"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
)

// patience is how long the store keeps changes in memory for a caller that is slow to take them.
const patience = time.Second

// arrival is a batch of the store, or why there are no more.
type arrival struct {
	batch store.Batch
	err   error
}

// source takes the store's changes to a watch. While the caller is slow it does not watch the store at all, so that what
// is kept for it does not grow; then it goes on where it was, unless that was compacted meanwhile.
type source struct {
	store store.Store
	next  int64
	out   chan arrival
}

// run delivers changes until ctx ends or the store's watch fails.
func (s *source) run(ctx context.Context) {
	for {
		held, err := s.watch(ctx)
		if err != nil {
			s.hand(ctx, arrival{err: err}, nil)
			return
		}
		if !s.hand(ctx, arrival{batch: held}, nil) {
			return
		}
	}
}

// watch delivers changes until the store's watch fails, or the caller is slow; then it returns what is still to be delivered.
func (s *source) watch(ctx context.Context) (held store.Batch, err error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for b, err := range s.store.Watch(ctx, intent.StorePrefix, s.next) {
		if err != nil {
			return store.Batch{}, err
		}
		s.next = b.Rev + 1
		timer.Reset(patience)
		if !s.hand(ctx, arrival{batch: b}, timer.C) {
			return b, ctx.Err()
		}
	}
	return store.Batch{}, store.ErrLost
}

// hand delivers one arrival, unless ctx or the patience ends before it is taken.
func (s *source) hand(ctx context.Context, a arrival, patience <-chan time.Time) bool {
	select {
	case s.out <- a:
		return true
	case <-patience:
		return false
	case <-ctx.Done():
		return false
	}
}
