package client

import (
	"context"
	"errors"
	"iter"
	"time"

	"google.golang.org/grpc/codes"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// LogOptions say what to hear of the log.
type LogOptions struct {
	// Filter selects entries; nil: all.
	Filter *weftv1.LogFilter
	// OnRetry, if set, is called when the connection is lost, with the reason, before it is tried again.
	OnRetry func(error)
	// Idle is how long the server may stay silent before the connection counts as lost; 0: 30 s.
	Idle time.Duration
}

// Heard is what the log was told.
type Heard struct {
	// Entries in their order.
	Entries []*weftv1.LogEntry
	// Lost is how many entries are missing before them, because they were not taken in time.
	Lost uint64
}

// Log delivers what the log is told, until the loop is left or ctx ends, which is no error. First, and each time that a lost connection has
// been made again, it delivers a Heard without entries: what the log was told until then is not kept anywhere. An error that trying
// again does not mend ends the loop: a wrong filter, no permission, no server at the start.
func (c *Client) Log(ctx context.Context, opt LogOptions) iter.Seq2[Heard, error] {
	return func(yield func(Heard, error) bool) {
		if opt.Idle == 0 {
			opt.Idle = 30 * time.Second
		}
		l := &listener{watcher: watcher{client: c}, opt: opt, yield: yield}
		for {
			err := l.stream(ctx)
			if ctx.Err() != nil || errors.Is(err, errLeft) {
				return
			}
			if !l.stood || !transient(err) {
				yield(Heard{}, err)
				return
			}
			if opt.OnRetry != nil {
				opt.OnRetry(err)
			}
			if l.pause(ctx) != nil {
				return
			}
		}
	}
}

// listener is one call of Log.
type listener struct {
	watcher
	opt   LogOptions
	yield func(Heard, error) bool
	stood bool // a connection was there
}

// stream follows one stream until it ends, which it always does with an error.
func (l *listener) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	want := l.opt.Filter
	if want == nil {
		want = &weftv1.LogFilter{}
	}
	stream, err := l.client.weft.Watch(ctx, &weftv1.WatchRequest{Log: want, LogOnly: true})
	if err != nil {
		return l.client.wrap(err)
	}
	for first := true; ; first = false {
		silence := time.AfterFunc(l.opt.Idle, cancel)
		resp, err := stream.Recv()
		if !silence.Stop() && err != nil {
			return &Error{Code: codes.Unavailable, Message: "weftd at " + l.client.address + " fell silent", unreachable: true}
		}
		if err != nil {
			return l.client.wrap(err)
		}
		l.delay, l.stood = 0, true
		heard := Heard{Lost: resp.GetLogLost()}
		for _, e := range resp.GetEvents() {
			if e.GetLog() != nil {
				heard.Entries = append(heard.Entries, e.GetLog())
			}
		}
		if (first || heard.Lost > 0 || len(heard.Entries) > 0) && !l.yield(heard, nil) {
			return errLeft
		}
	}
}
