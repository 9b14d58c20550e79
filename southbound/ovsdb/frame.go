package ovsdb

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Reasons for which a connection is closed before its bytes are looked at any closer.
var (
	errGarbage  = errors.New("not an OVSDB peer: message does not start with {")
	errTooBig   = errors.New("message too big")
	errTooDeep  = errors.New("message nested too deeply")
	errSlow     = errors.New("message took too long to arrive")
	errNoBudget = errors.New("too many bytes held by connections that have not said who they are")
)

// budget is shared by the connections of one listener that are not identified yet: each may hold one big message (the first
// monitor reply is the biggest of all), all together may not.
type budget struct{ left atomic.Int64 }

// framer cuts the byte stream into JSON objects. OVSDB puts no delimiter between messages, so it follows strings and braces;
// nothing is handed on, and no memory beyond what has arrived is taken, before a whole object of permitted size is there.
type framer struct {
	r       io.Reader
	max     int           // bytes in a message
	patient time.Duration // from a message's first byte to its last
	budget  *budget       // nil once the peer is identified
	charged int64
	now     func() time.Time

	buf        []byte // buf[:n] has been received, buf[:pos] scanned
	n, pos     int
	depth      int
	inString   bool
	escape     bool
	started    time.Time
	identified *atomic.Bool
}

const frameChunk = 4 << 10

func newFramer(r io.Reader, cfg Config, b *budget, identified *atomic.Bool) *framer {
	return &framer{r: r, max: cfg.MaxMessageBytes, patient: cfg.MessageTimeout, budget: b, now: time.Now, identified: identified}
}

// next returns the next message. The slice is the caller's.
func (f *framer) next() ([]byte, error) {
	for {
		end, err := f.scan()
		if err != nil {
			return nil, err
		}
		if end > 0 {
			return f.cut(end), nil
		}
		if err := f.fill(); err != nil {
			return nil, err
		}
	}
}

// scan moves pos forward and returns the length of the message when it is complete, otherwise 0.
func (f *framer) scan() (int, error) {
	for ; f.pos < f.n; f.pos++ {
		b := f.buf[f.pos]
		if f.inString {
			switch {
			case f.escape:
				f.escape = false
			case b == '\\':
				f.escape = true
			case b == '"':
				f.inString = false
			}
			continue
		}
		switch b {
		case ' ', '\t', '\r', '\n':
			continue
		case '"':
			f.inString = true
		case '{', '[':
			if f.depth++; f.depth > maxDepth {
				return 0, errTooDeep
			}
		case '}', ']':
			f.depth--
		}
		if f.depth <= 0 {
			if b != '}' {
				return 0, errGarbage
			}
			f.pos++
			return f.pos, nil
		}
		if f.depth == 1 && b == '[' {
			return 0, errGarbage
		}
	}
	return 0, nil
}

// cut takes the first end bytes off the buffer.
func (f *framer) cut(end int) []byte {
	msg := append([]byte(nil), f.buf[:end]...)
	rest := f.n - end
	if len(f.buf) > 16*frameChunk && rest < frameChunk { // do not keep the buffer of the big first reply for ever
		f.buf = append(make([]byte, 0, frameChunk), f.buf[end:f.n]...)
		f.buf = f.buf[:cap(f.buf)]
	} else {
		copy(f.buf, f.buf[end:f.n])
	}
	f.n, f.pos = rest, 0
	f.started = time.Time{}
	if rest > 0 {
		f.started = f.now()
	}
	f.release()
	return msg
}

// fill reads more bytes behind the ones that are there.
func (f *framer) fill() error {
	if f.depth == 0 { // only white space so far
		f.n, f.pos, f.started = 0, 0, time.Time{}
	}
	if f.n >= f.max {
		return fmt.Errorf("%w: more than %d bytes", errTooBig, f.max)
	}
	if f.n == len(f.buf) {
		if err := f.grow(); err != nil {
			return err
		}
	}
	got, err := f.r.Read(f.buf[f.n:min(len(f.buf), f.max)])
	if got > 0 && f.n == 0 {
		f.started = f.now()
	}
	f.n += got
	if !f.started.IsZero() && f.now().Sub(f.started) > f.patient {
		return errSlow
	}
	if got > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

func (f *framer) grow() error {
	size := min(max(2*len(f.buf), frameChunk), max(f.max, frameChunk))
	if f.budget != nil && size > 4*frameChunk && !f.identified.Load() {
		more := int64(size) - f.charged
		f.charged += more
		if f.budget.left.Add(-more) < 0 {
			return errNoBudget
		}
	}
	bigger := make([]byte, size)
	copy(bigger, f.buf[:f.n])
	f.buf = bigger
	return nil
}

// release gives back what grow took; called after a message and at the end of the connection.
func (f *framer) release() {
	if f.budget != nil && f.charged > 0 {
		f.budget.left.Add(f.charged)
		f.charged = 0
	}
}
