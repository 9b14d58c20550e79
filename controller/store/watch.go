package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// errStopped: the caller left the loop over the watch.
var errStopped = errors.New("stopped")

// Watch implements Store.
//
// etcd's client reconnects and resumes after the last event by itself. What it cannot see is a cluster that comes back
// older than it was (restored from a snapshot, data directory lost): it would wait in silence for revisions that lie in
// the new cluster's future. So an idle watch asks for the store's revision now and then.
func (s *etcd) Watch(ctx context.Context, prefix string, from int64) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		if s.closed() {
			yield(Batch{}, s.wrap("watch", ErrClosed))
			return
		}
		if from < 1 {
			yield(Batch{}, s.wrap("watch", fmt.Errorf("%w: first revision %d", ErrInvalid, from)))
			return
		}
		w := &watch{store: s, from: from, last: from - 1, yield: yield, checked: make(chan check, 1)}
		if err := w.run(ctx, s.prefix+prefix); !errors.Is(err, errStopped) {
			yield(Batch{}, s.wrap("watch", err))
		}
	}
}

// watch is the state of one loop over Store.Watch.
type watch struct {
	store *etcd
	from  int64
	last  int64 // all events up to here have been yielded
	yield func(Batch, error) bool

	cluster  uint64     // id of the cluster the first answer came from
	verified bool       // from was found to be neither compacted nor in the future
	idle     bool       // nothing came since the last tick
	checked  chan check // result of the check under way; one at a time
	checking bool
}

func (w *watch) run(parent context.Context, key string) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	defer context.AfterFunc(w.store.life, cancel)()
	// Without a leader events stop in silence; with this the watch is cancelled and loaded again elsewhere.
	events := w.store.cli.Watch(clientv3.WithRequireLeader(ctx), key, clientv3.WithPrefix(),
		clientv3.WithRev(w.from), clientv3.WithProgressNotify())
	w.startCheck(ctx)
	defer w.endCheck(cancel)
	tick := time.NewTicker(w.store.check)
	defer tick.Stop()
	for {
		select {
		case <-parent.Done():
			return parent.Err()
		case <-w.store.life.Done():
			return ErrClosed
		case <-w.store.failed:
			return w.ended(parent)
		case <-tick.C:
			if w.idle || !w.verified {
				w.startCheck(ctx)
			}
			w.idle = true
		case c := <-w.checked:
			if err := w.judge(ctx, c); err != nil {
				return err
			}
		case resp, ok := <-events:
			if !ok {
				return w.ended(parent)
			}
			if err := w.deliver(parent, resp); err != nil {
				return err
			}
		}
	}
}

// ended says why the channel of events was closed.
func (w *watch) ended(ctx context.Context) error {
	switch cause := w.store.broken(); {
	case w.store.closed():
		return ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case cause != nil:
		return fmt.Errorf("%w: %w", ErrLost, cause)
	}
	return ErrLost
}

// deliver yields one response of etcd, split into revisions.
//
// Invariant: a response holds whole revisions, because fragments are not asked for and the server batches by revision.
func (w *watch) deliver(ctx context.Context, resp clientv3.WatchResponse) error {
	if resp.CompactRevision != 0 {
		return &CompactedError{Rev: resp.CompactRevision}
	}
	if err := resp.Err(); err != nil {
		if err := w.ended(ctx); !errors.Is(err, ErrLost) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	if err := w.sameCluster(resp.Header.ClusterId); err != nil {
		return err
	}
	w.idle = false
	if resp.IsProgressNotify() {
		if resp.Header.Revision < w.last {
			return nil // a member that lags behind the one that served us before
		}
		w.last = resp.Header.Revision
		return w.hand(Batch{Rev: w.last, Progress: true})
	}
	for evs := resp.Events; len(evs) > 0; {
		rev, n := evs[0].Kv.ModRevision, 1
		for n < len(evs) && evs[n].Kv.ModRevision == rev {
			n++
		}
		b := Batch{Rev: rev, Events: make([]Event, n)}
		for i, ev := range evs[:n] {
			b.Events[i] = Event{KV: w.store.kv(ev.Kv), Deleted: ev.Type == clientv3.EventTypeDelete}
		}
		w.last = rev
		if err := w.hand(b); err != nil {
			return err
		}
		evs = evs[n:]
	}
	return nil
}

func (w *watch) hand(b Batch) error {
	if !w.yield(b, nil) {
		return errStopped
	}
	return nil
}

// sameCluster fails when an answer comes from another cluster than the first one did.
func (w *watch) sameCluster(id uint64) error {
	if w.cluster == 0 {
		w.cluster = id
	}
	if id != w.cluster {
		return fmt.Errorf("%w: the cluster was replaced by another one", ErrLost)
	}
	return nil
}

// check is what a look at the store, beside the stream of events, was to find out and did.
type check struct {
	at       int64 // revision the store must still have; read there the first time
	verifies bool
	cluster  uint64
	rev      int64
	err      error
}

// startCheck starts a look at the store, one at a time. Its goroutine ends before run returns (endCheck).
func (w *watch) startCheck(ctx context.Context) {
	if w.checking {
		return
	}
	w.checking = true
	c := check{at: w.last, verifies: !w.verified}
	go func() { w.checked <- w.store.look(ctx, c) }()
}

func (w *watch) endCheck(cancel context.CancelFunc) {
	cancel()
	if w.checking {
		<-w.checked
	}
}

// judge draws the conclusion from a check.
func (w *watch) judge(ctx context.Context, c check) error {
	w.checking = false
	switch {
	case errors.Is(c.err, rpctypes.ErrFutureRev):
		return fmt.Errorf("%w: the store never reached revision %d", ErrLost, c.at)
	case errors.Is(c.err, rpctypes.ErrCompacted):
		return w.store.compacted(ctx, w.from)
	case denied(c.err):
		return fmt.Errorf("%w: %w", ErrDenied, c.err)
	case c.err != nil:
		return nil //nolint:nilerr // the store is away; the stream of events waits for it as well
	case c.rev < c.at:
		return fmt.Errorf("%w: the store went back from revision %d to %d", ErrLost, c.at, c.rev)
	}
	w.verified = w.verified || c.verifies
	return w.sameCluster(c.cluster)
}

// look reads one key, the first time at the revision before the watch: etcd before 3.5.20 watches from the compacted
// revision itself as if nothing were missing, though deletions are; a read there tells.
func (s *etcd) look(ctx context.Context, c check) check {
	ctx, cancel := s.request(ctx)
	defer cancel()
	opts := []clientv3.OpOption{clientv3.WithKeysOnly()}
	if c.verifies && c.at > 0 {
		opts = append(opts, clientv3.WithRev(c.at))
	}
	resp, err := s.cli.Get(ctx, s.prefix, opts...)
	if c.err = err; err == nil {
		c.cluster, c.rev = resp.Header.ClusterId, resp.Header.Revision
	}
	return c
}

// compacted asks for the compacted revision: a watch from the first revision is answered with it.
func (s *etcd) compacted(ctx context.Context, atLeast int64) error {
	ctx, cancel := s.request(ctx)
	defer cancel()
	for resp := range s.cli.Watch(ctx, s.prefix, clientv3.WithRev(1)) {
		if resp.CompactRevision != 0 {
			return &CompactedError{Rev: max(atLeast, resp.CompactRevision)}
		}
	}
	return &CompactedError{Rev: atLeast}
}
