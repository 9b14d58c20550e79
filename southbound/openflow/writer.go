package openflow

import (
	"context"
	"net"
	"sync"
	"time"
)

// writeChunk is how much is handed to the network at once, with a deadline of its own.
const writeChunk = 64 << 10

// outbox holds what is to be written. Senders append to one buffer while the writer writes the other, so that messages that
// come while a write is under way go out together.
//
// Invariant: the buffer holds whole messages, and at most limit bytes more than a sender appends in one go.
type outbox struct {
	limit int
	wake  chan struct{} // something is there

	mu    sync.Mutex
	buf   []byte
	space chan struct{} // closed when the writer takes the buffer
}

func newOutbox(limit int) *outbox {
	return &outbox{limit: limit, wake: make(chan struct{}, 1), space: make(chan struct{})}
}

// put appends messages, waiting for room.
func (o *outbox) put(ctx context.Context, dead <-chan struct{}, appendTo func([]byte) []byte) error {
	for {
		o.mu.Lock()
		if len(o.buf) < o.limit {
			o.buf = appendTo(o.buf)
			o.mu.Unlock()
			o.signal()
			return nil
		}
		space := o.space
		o.mu.Unlock()
		select {
		case <-space:
		case <-dead:
			return errDead
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryPut appends messages without waiting, and says whether there was room. Replies that the reader itself gives have as
// much room again, so that they get through when senders fill the buffer.
func (o *outbox) tryPut(appendTo func([]byte) []byte) bool {
	o.mu.Lock()
	ok := len(o.buf) < 2*o.limit
	if ok {
		o.buf = appendTo(o.buf)
	}
	o.mu.Unlock()
	o.signal()
	return ok
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// swap takes what is there and leaves an empty buffer.
func (o *outbox) swap(empty []byte) []byte {
	o.mu.Lock()
	full := o.buf
	o.buf = empty[:0]
	close(o.space)
	o.space = make(chan struct{})
	o.mu.Unlock()
	return full
}

// run writes until ctx ends or a write fails. A write under way is not waited for: the connection is closed by then.
func (o *outbox) run(ctx context.Context, nc net.Conn, timeout time.Duration) error {
	var spare []byte
	for {
		select {
		case <-o.wake:
		case <-ctx.Done():
			return nil
		}
		full := o.swap(spare)
		for b := full; len(b) > 0; {
			n := min(len(b), writeChunk)
			if err := nc.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
				return err
			}
			if _, err := nc.Write(b[:n]); err != nil {
				return err
			}
			b = b[n:]
		}
		spare = full
		if cap(spare) > 4*o.limit {
			spare = nil
		}
	}
}
