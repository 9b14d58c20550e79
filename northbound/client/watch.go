package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Where a watch may start, other than at a revision.
const (
	// FromNow delivers what changes from now on.
	FromNow int64 = 0
	// FromExisting delivers what exists, as TYPE_PUT, and then what changes.
	FromExisting int64 = -1
)

// WatchOptions say what to watch.
type WatchOptions struct {
	// Filter selects resources; nil: all.
	Filter *weftv1.Filter
	// From is the first revision wanted, FromNow or FromExisting.
	From int64
	// IncludeStatus delivers changes of status alone, too.
	IncludeStatus bool
	// OnRetry, if set, is called when the connection is lost, with the reason, before it is tried again.
	OnRetry func(error)
	// Idle is how long the server may stay silent before the connection counts as lost; 0: 30 s. It gives signs of life
	// every few seconds.
	Idle time.Duration
}

// Change is what happened at one revision.
type Change struct {
	// Revision: everything up to it has been delivered.
	Revision int64
	// Events of that revision; of several revisions, without what was undone meanwhile, when Listed is set.
	Events []*weftv1.Event
	// Listed says that the events were found by listing: what exists at the start, or the difference after a gap.
	Listed bool
}

// Watch delivers changes, in order, until the loop is left or ctx ends, which is no error. It resumes by itself:
//
//   - A lost connection is made again, and the watch goes on with the next revision. With IncludeStatus it also lists
//     again, as changes of status have no revision.
//   - When the server has compacted the next revision away, it lists again and delivers the difference to what it
//     delivered before: TYPE_PUT for what is new or changed (once, however often it changed), TYPE_DELETE with its last
//     known state for what is gone or no longer passes the filter; both for what was deleted and made again.
//
// So every change is delivered at least as its result, and a program that keeps a map of what it was told keeps it right.
// To know what is gone, a watch keeps the last state of all that passes its filter, and lists it at the start.
// An error that trying again does not mend ends the loop: a wrong filter, no permission, no server at the start.
func (c *Client) Watch(ctx context.Context, opt WatchOptions) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		if opt.Idle == 0 {
			opt.Idle = 30 * time.Second
		}
		w := &watcher{client: c, opt: opt, known: map[string]*weftv1.Resource{}, yield: yield}
		if err := w.run(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, errLeft) {
			yield(Change{}, err)
		}
	}
}

// errLeft says that the caller left the loop.
var errLeft = errors.New("left")

// watcher is one watch. Invariant: known holds the resources that the caller believes in (or may have seen before the
// watch began), and every change up to next-1 has been delivered.
type watcher struct {
	client *Client
	opt    WatchOptions
	yield  func(Change, error) bool
	known  map[string]*weftv1.Resource
	next   int64
	listed int64 // changes up to here may be in known already, because a list saw them
	delay  time.Duration
}

func (w *watcher) run(ctx context.Context) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	relist := false
	for {
		var err error
		if relist {
			err = w.resync(ctx)
		}
		if err == nil {
			relist = false
			err = w.stream(ctx)
		}
		switch {
		case ctx.Err() != nil || errors.Is(err, errLeft):
			return err
		case errors.Is(err, ErrCompacted):
			relist = true
			continue
		case !transient(err):
			return err
		}
		relist = relist || w.opt.IncludeStatus
		if w.opt.OnRetry != nil {
			w.opt.OnRetry(err)
		}
		if err := w.pause(ctx); err != nil {
			return err
		}
	}
}

// start learns what exists, and delivers it if wanted.
func (w *watcher) start(ctx context.Context) error {
	now, first, last, err := w.list(ctx)
	if err != nil {
		return err
	}
	if w.opt.From == FromExisting {
		w.next, w.listed = first+1, last
		return w.difference(now, first)
	}
	w.known = now
	w.next = w.opt.From
	if w.opt.From == FromNow {
		w.next = first + 1
	}
	return nil
}

// resync delivers the difference between what the caller knows and what exists.
func (w *watcher) resync(ctx context.Context) error {
	now, first, last, err := w.list(ctx)
	if err != nil {
		return err
	}
	w.next, w.listed = first+1, last
	return w.difference(now, first)
}

// list returns all resources, and the revisions of the first and the last page.
func (w *watcher) list(ctx context.Context) (all map[string]*weftv1.Resource, first, last int64, err error) {
	all = map[string]*weftv1.Resource{}
	for page, err := range w.client.pages(ctx, w.opt.Filter) {
		if err != nil {
			return nil, 0, 0, err
		}
		if first == 0 {
			first = page.GetRevision()
		}
		last = page.GetRevision()
		for _, r := range page.GetResources() {
			all[key(r)] = r
		}
	}
	return all, first, last, nil
}

// difference delivers what leads from known to now, deletions first, each in the order of keys.
func (w *watcher) difference(now map[string]*weftv1.Resource, revision int64) error {
	var gone, put []*weftv1.Event
	for k, old := range w.known {
		if r, ok := now[k]; !ok || r.GetUid() != old.GetUid() {
			gone = append(gone, &weftv1.Event{Type: weftv1.Event_TYPE_DELETE, Resource: old})
		}
	}
	for k, r := range now {
		old, ok := w.known[k]
		switch {
		case !ok || old.GetUid() != r.GetUid() || old.GetRevision() != r.GetRevision():
			put = append(put, &weftv1.Event{Type: weftv1.Event_TYPE_PUT, Resource: r})
		case w.opt.IncludeStatus && !proto.Equal(old.GetStatus(), r.GetStatus()):
			put = append(put, &weftv1.Event{Type: weftv1.Event_TYPE_STATUS, Resource: r})
		}
	}
	byKey := func(a, b *weftv1.Event) int { return strings.Compare(key(a.GetResource()), key(b.GetResource())) }
	slices.SortFunc(gone, byKey)
	slices.SortFunc(put, byKey)
	w.known = now
	if events := slices.Concat(gone, put); len(events) > 0 {
		return w.deliver(Change{Revision: revision, Events: events, Listed: true})
	}
	return nil
}

func (w *watcher) deliver(c Change) error {
	if !w.yield(c, nil) {
		return errLeft
	}
	return nil
}

// stream follows one stream until it ends, which it always does with an error.
func (w *watcher) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.client.weft.Watch(ctx, &weftv1.WatchRequest{Filter: w.opt.Filter, FromRevision: w.next, IncludeStatus: w.opt.IncludeStatus})
	if err != nil {
		return w.client.wrap(err)
	}
	for {
		silence := time.AfterFunc(w.opt.Idle, cancel)
		resp, err := stream.Recv()
		if !silence.Stop() && err != nil {
			return &Error{Code: codes.Unavailable, Message: "weftd at " + w.client.address + " fell silent", unreachable: true}
		}
		if err != nil {
			return w.client.wrap(err)
		}
		w.delay = 0
		if err := w.take(resp); err != nil {
			return err
		}
	}
}

// take delivers a message of the stream.
func (w *watcher) take(resp *weftv1.WatchResponse) error {
	var events []*weftv1.Event
	for _, e := range resp.GetEvents() {
		if w.learn(e, resp.GetRevision()) {
			events = append(events, e)
		}
	}
	w.next = max(w.next, resp.GetRevision()+1)
	if len(events) == 0 {
		return nil
	}
	return w.deliver(Change{Revision: resp.GetRevision(), Events: events})
}

// learn updates known by an event and says whether it is news to the caller.
func (w *watcher) learn(e *weftv1.Event, revision int64) bool {
	k := key(e.GetResource())
	old, ok := w.known[k]
	seen := e.GetType() != weftv1.Event_TYPE_STATUS && revision <= w.listed
	if e.GetType() == weftv1.Event_TYPE_DELETE {
		if seen && (!ok || old.GetUid() != e.GetResource().GetUid()) {
			return false
		}
		delete(w.known, k)
		return true
	}
	if seen && ok && old.GetRevision() >= e.GetResource().GetRevision() {
		return false
	}
	w.known[k] = e.GetResource()
	return true
}

// pause waits before the next attempt: 0.1 s, doubling to 5 s, each up to a quarter shorter, so that many clients of a
// server that restarts do not come at once.
func (w *watcher) pause(ctx context.Context) error {
	w.delay = min(max(2*w.delay, 100*time.Millisecond), 5*time.Second)
	timer := time.NewTimer(w.delay - rand.N(w.delay/4))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// transient says that trying again may help.
func transient(err error) bool {
	if errors.Is(err, io.EOF) {
		return true // a server that stops ends its streams in good order
	}
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case codes.Unavailable, codes.Aborted, codes.DeadlineExceeded, codes.Canceled, codes.Internal, codes.Unknown, codes.ResourceExhausted:
		return true
	}
	return false
}

// key tells resources apart.
func key(r *weftv1.Resource) string {
	return r.GetKind() + "/" + r.GetProject() + "/" + r.GetName()
}
