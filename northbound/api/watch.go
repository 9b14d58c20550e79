package api

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Watch streams changes.
func (w *weft) Watch(req *weftv1.WatchRequest, stream grpc.ServerStreamingServer[weftv1.WatchResponse]) error {
	s := w.s
	if err := s.loaded(); err != nil {
		return err
	}
	f, err := newFilter("filter", req.GetFilter())
	if err != nil {
		return err
	}
	from := req.GetFromRevision()
	switch {
	case from < 0:
		return badField("from_revision", "%d is negative", from)
	case from == 0:
		from = s.cfg.Catalog.Revision() + 1
	}
	log, err := newLogFilter(req)
	if err != nil {
		return err
	}
	s.metrics.watches.Inc()
	defer s.metrics.watches.Dec()
	ctx, cancel := context.WithCancel(stream.Context())
	x := &watch{s: s, filter: f, stream: stream, sent: from - 1}
	if req.GetIncludeStatus() && !req.GetLogOnly() {
		x.status = s.cfg.Controller.StatusChanges(ctx)
	}
	if log != nil {
		l := s.cfg.Controller.Listen(log.passes)
		defer l.Close()
		x.log, x.heard = l, l.Wake()
	}
	if req.GetLogOnly() {
		err := x.run(ctx, nil)
		cancel()
		return err
	}
	x.remember(req.GetFromRevision())
	source := &source{store: s.cfg.Store, next: from, out: make(chan arrival)}
	var running sync.WaitGroup
	running.Go(func() { source.run(ctx) })
	err = x.run(ctx, source.out)
	cancel()
	running.Wait()
	return err
}

// watch is one call of Watch.
type watch struct {
	s      *Server
	filter *filter
	stream grpc.ServerStreamingServer[weftv1.WatchResponse]
	sent   int64 // all changes up to here have been sent
	status <-chan []intent.Key
	log    Listener // nil: nothing of the log is wanted
	heard  <-chan struct{}
	// shown is what passed the filter when last looked at, where that depends on status; otherwise nil.
	shown map[intent.Key]struct{}
}

// run sends what arrives until the call ends.
func (w *watch) run(ctx context.Context, arrivals <-chan arrival) error {
	if err := w.bookmark(); err != nil { // tells at once that the watch stands, and from where on
		return err
	}
	tick := time.NewTicker(w.s.cfg.Bookmark)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.s.life.Done():
			return stopping()
		case a := <-arrivals:
			err = w.take(ctx, a)
		case keys, ok := <-w.status:
			if !ok {
				w.status = nil
			}
			err = w.statuses(keys)
		case <-w.heard:
			err = w.entries()
		case <-tick.C:
			err = w.bookmark()
		}
		if err != nil {
			return err
		}
	}
}

// bookmark is a sign of life.
func (w *watch) bookmark() error {
	return w.stream.Send(&weftv1.WatchResponse{Revision: w.sent})
}

// take sends what the store tells.
func (w *watch) take(ctx context.Context, a arrival) error {
	if a.err != nil {
		return w.ended(a.err)
	}
	if a.batch.Progress {
		w.sent = max(w.sent, a.batch.Rev)
		return nil
	}
	w.s.past.reach(ctx, a.batch.Rev)
	var events []*weftv1.Event
	for _, e := range a.batch.Events {
		if event := w.event(e); event != nil {
			events = append(events, event)
		}
	}
	before := w.sent
	w.sent = a.batch.Rev
	return w.send(events, before)
}

// ended is why the store's watch ended, as the caller is told.
func (w *watch) ended(err error) error {
	if now := w.s.cfg.Catalog.Revision(); errors.Is(err, store.ErrLost) && w.sent > now {
		return compactedStatus(now, fmt.Sprintf("the store is at revision %d and knows none of %d; list again, and watch from the list's revision", now, w.sent)).Err()
	}
	return err
}

// event is what a change of the store is to the caller; nil: nothing.
func (w *watch) event(e store.Event) *weftv1.Event {
	key, err := intent.KeyOfStored(e.Key)
	if err != nil || !w.filter.admits(key) {
		return nil
	}
	v, known := w.s.past.of(change{e.Rev, e.Key})
	if !known {
		v = w.rebuild(key, e)
	}
	if v.after != nil {
		res := w.s.full(v.after)
		if w.filter.passes(res) {
			w.show(key)
			return &weftv1.Event{Type: weftv1.Event_TYPE_PUT, Resource: res}
		}
	}
	if v.before == nil || !w.hide(key, v.before, known) {
		return nil
	}
	return &weftv1.Event{Type: weftv1.Event_TYPE_DELETE, Resource: v.before}
}

// rebuild is a change of which it is no longer known what was there before.
func (w *watch) rebuild(key intent.Key, e store.Event) versions {
	v := versions{before: &weftv1.Resource{Kind: string(key.Kind), Project: key.Project, Name: key.Name}}
	if e.Deleted {
		return v
	}
	if e.Created == e.Rev {
		v.before = nil
	}
	if res, err := decode(e.KV); err == nil {
		v.after = res
	}
	return v
}

// show notes that the caller sees a resource.
func (w *watch) show(key intent.Key) {
	if w.shown != nil {
		w.shown[key] = struct{}{}
	}
}

// hide tells whether the caller may have seen a resource that is gone, or passes the filter no more, and notes that it sees
// it no longer.
func (w *watch) hide(key intent.Key, before *weftv1.Resource, known bool) bool {
	if w.shown != nil {
		_, saw := w.shown[key]
		delete(w.shown, key)
		return saw
	}
	return !known || w.filter.passesStored(before)
}

// entries sends what the log was told.
func (w *watch) entries() error {
	all, lost := w.log.Take()
	if lost > 0 {
		if err := w.stream.Send(&weftv1.WatchResponse{Revision: w.sent, LogLost: lost}); err != nil {
			return err
		}
	}
	events := make([]*weftv1.Event, len(all))
	for i, e := range all {
		events[i] = &weftv1.Event{Type: weftv1.Event_TYPE_LOG, Log: e}
	}
	return w.send(events, w.sent)
}

// remember notes what passes a filter that depends on status, to tell when it does no more.
func (w *watch) remember(from int64) {
	if !w.filter.status {
		return
	}
	w.shown = map[intent.Key]struct{}{}
	for res := range w.s.cfg.Catalog.List() {
		key := intent.KeyOf(res)
		if !w.filter.admits(key) || from > 0 && res.GetRevision() >= from {
			continue
		}
		if w.filter.passes(w.s.full(res)) {
			w.shown[key] = struct{}{}
		}
	}
}

// statuses sends resources whose status may have changed.
func (w *watch) statuses(keys []intent.Key) error {
	var events []*weftv1.Event
	for _, key := range keys {
		if !w.filter.admits(key) {
			continue
		}
		res, ok := w.s.cfg.Catalog.Get(key)
		if !ok || res.GetRevision() > w.sent {
			continue // its own change is still to come, and brings the status along
		}
		full := w.s.full(res)
		_, saw := w.shown[key]
		switch {
		case w.filter.passes(full):
			w.show(key)
			events = append(events, &weftv1.Event{Type: weftv1.Event_TYPE_STATUS, Resource: full})
		case saw:
			delete(w.shown, key)
			events = append(events, &weftv1.Event{Type: weftv1.Event_TYPE_DELETE, Resource: full})
		}
	}
	return w.send(events, w.sent)
}

// send sends events in messages that clients take. All but the last carry the revision before, as not all of it is sent.
func (w *watch) send(events []*weftv1.Event, before int64) error {
	for len(events) > 0 {
		n, size := 0, 0
		for n < len(events) && size < softMessage {
			size += proto.Size(events[n])
			n++
		}
		resp := &weftv1.WatchResponse{Revision: before, Events: events[:n]}
		if events = events[n:]; len(events) == 0 {
			resp.Revision = w.sent
		}
		if err := w.stream.Send(resp); err != nil {
			return err
		}
	}
	return nil
}
