package monitor

import (
	"fmt"
	"slices"
	"time"
)

// Of the small TCP.
const (
	ourMSS       = 1220 // what every link of IPv6 carries
	defaultMSS   = 536  // RFC 9293, section 3.7.1
	leastMSS     = 64
	ourWindow    = 8192
	maxHeld      = 8       // segments that came out of order
	maxRead      = 4096    // bytes that are kept of what a member says
	maxDrained   = 1 << 16 // bytes that a member may say after it has been judged
	slowestRetry = time.Second
	fastestRetry = 100 * time.Millisecond
)

// talk is what is said over a connection.
type talk interface {
	// request is what is sent first; nil: that there is a connection is enough.
	request() []byte
	// answer judges what has been said; closed: there will be no more. nil: that is not enough yet.
	answer(got []byte, closed bool) *finding
}

type tcpState int

const (
	opening tcpState = iota
	open
	closing // the member has been judged: what is left is to part in good order
)

// tcp is the client's end of a TCP connection (RFC 9293), as small as can be: it sends one request, reads the beginning of what is answered, and
// parts. It retransmits, takes segments in any order, and believes no more of resets and acknowledgements than that they are of this
// connection.
type tcp struct {
	talk
	state tcpState

	una, nxt uint32 // sent: the oldest that was not acknowledged, and what comes next
	top      uint32 // what comes after all that has ever been sent
	iss      uint32
	out      []byte // the request
	finished bool   // ours is to be sent after it, or has been
	mss      int
	window   uint32 // the member's

	rcv     uint32 // received in order up to here
	got     []byte
	drained int
	held    []segment // that came too early
	closed  bool      // the member has said all

	retry   time.Duration
	retryAt time.Time // zero: nothing waits to be acknowledged
}

// newTCP makes a connection of which a member has some time to answer.
func newTCP(t talk, iss uint32, timeout time.Duration) *tcp {
	return &tcp{talk: t, iss: iss, una: iss, nxt: iss, top: iss + 1, mss: defaultMSS, retry: max(fastestRetry, min(slowestRetry, timeout/4))}
}

func (c *tcp) begin(l *line, now time.Time) {
	c.nxt = c.iss + 1
	c.retryAt = now.Add(c.retry)
	l.send(segment{flags: syn, seq: c.iss, mss: ourMSS, window: ourWindow})
}

func (c *tcp) due() time.Time { return c.retryAt }

// wake sends again what nobody has acknowledged.
func (c *tcp) wake(l *line, now time.Time) {
	if c.retryAt.IsZero() || now.Before(c.retryAt) {
		return
	}
	c.retry = min(2*c.retry, 4*slowestRetry)
	c.retryAt = now.Add(c.retry)
	if c.state == opening {
		l.send(segment{flags: syn, seq: c.iss, mss: ourMSS, window: ourWindow})
		return
	}
	c.nxt = c.una
	c.push(l, now)
}

// end resets what is left.
func (c *tcp) end(l *line) {
	if c.state != opening {
		l.send(segment{flags: rst | ack, seq: c.nxt, ack: c.rcv})
	}
	l.done = true
}

func (c *tcp) late(timeout time.Duration) finding {
	switch {
	case c.state == opening:
		return finding{false, fmt.Sprintf("timed out after %s: no connection", timeout)}
	case len(c.got) == 0:
		return finding{false, fmt.Sprintf("timed out after %s: connected, no answer", timeout)}
	}
	return finding{false, fmt.Sprintf("timed out after %s: connected, an answer that does not end", timeout)}
}

// receive takes a segment.
func (c *tcp) receive(l *line, p *packet, now time.Time) {
	switch {
	case p.unreachable != "":
		if p.seq == c.iss && c.state == opening { // later, it may be of no consequence (RFC 5927)
			l.find(false, p.unreachable)
			l.done = true
		}
	case c.state == opening:
		c.opened(l, p, now)
	default:
		c.more(l, p, now)
	}
}

// opened takes what answers the first segment.
func (c *tcp) opened(l *line, p *packet, now time.Time) {
	switch {
	case p.flags&ack == 0:
		return
	case p.ack != c.iss+1: // of a connection before this one, which the member has not forgotten
		if p.flags&rst == 0 {
			l.send(segment{flags: rst, seq: p.ack})
		}
		return
	case p.flags&rst != 0:
		l.find(false, "connection refused")
		l.done = true
		return
	case p.flags&syn == 0:
		return
	}
	c.state, c.una, c.rcv, c.window = open, p.ack, p.seq+1, uint32(p.window)
	c.retryAt = time.Time{}
	if p.mss != 0 {
		c.mss = max(leastMSS, min(int(p.mss), ourMSS))
	}
	if c.out = c.request(); c.out == nil {
		// That is all there is to know. The member's own end need not hear of it.
		l.find(true, "connected")
		l.send(segment{flags: rst, seq: c.nxt})
		l.done = true
		return
	}
	c.push(l, now)
}

// more takes segments of an open connection.
func (c *tcp) more(l *line, p *packet, now time.Time) {
	if p.flags&rst != 0 {
		if p.seq-c.rcv < ourWindow {
			l.find(false, "connection reset")
			l.done = true
		}
		return
	}
	if p.flags&syn != 0 { // our acknowledgement got lost
		c.acknowledge(l)
		return
	}
	if p.flags&ack == 0 || p.ack-c.una > c.whole()-c.una {
		return
	}
	if p.ack != c.una {
		c.una, c.retryAt = p.ack, time.Time{}
		if after(c.una, c.nxt) {
			c.nxt = c.una
		}
	}
	c.window = uint32(p.window)
	said := len(p.data) > 0 || p.flags&fin != 0
	if said {
		c.take(p.segment)
	}
	c.judge(l)
	if c.state == closing && (c.drained > maxDrained || c.closed && c.una == c.whole()) {
		if c.drained > maxDrained {
			c.end(l)
			return
		}
		c.acknowledge(l)
		l.done = true
		return
	}
	if sent := c.push(l, now); said && !sent {
		c.acknowledge(l)
	}
}

// after tells whether a sequence number comes after another one.
func after(a, b uint32) bool { return int32(a-b) > 0 }

// whole is the sequence number that acknowledges all that there is to send.
func (c *tcp) whole() uint32 {
	n := c.iss + 1 + uint32(len(c.out))
	if c.finished {
		n++
	}
	return n
}

func (c *tcp) acknowledge(l *line) {
	l.send(segment{flags: ack, seq: c.nxt, ack: c.rcv, window: ourWindow})
}

// push sends what the member has room for, and tells whether it has sent something.
func (c *tcp) push(l *line, now time.Time) bool {
	sent := false
	for {
		at := int(c.nxt - c.iss - 1)
		room := int(max(c.window, 1)) - int(c.nxt-c.una) // one byte finds out whether there is room again
		n := min(c.mss, len(c.out)-at, room)
		last := at+max(n, 0) == len(c.out) && c.finished
		if n < 0 || n == 0 && (!last || c.nxt == c.whole()) {
			break
		}
		s := segment{flags: ack | psh, seq: c.nxt, ack: c.rcv, window: ourWindow, data: c.out[at : at+n]}
		c.nxt += uint32(n)
		if last {
			s.flags |= fin
			c.nxt++
		}
		l.send(s)
		sent = true
		if last {
			break
		}
	}
	if after(c.nxt, c.top) {
		c.top = c.nxt
	}
	if c.una != c.nxt && c.retryAt.IsZero() {
		c.retryAt = now.Add(c.retry)
	}
	return sent
}

// take takes what a segment says, when it is its turn.
func (c *tcp) take(s segment) {
	if s.seq-c.rcv >= ourWindow && c.rcv-s.seq > uint32(len(s.data))+1 {
		return // outside the window, and long known
	}
	s.data = slices.Clone(s.data) // it may have to wait
	c.held = append(c.held, s)
	slices.SortStableFunc(c.held, func(a, b segment) int { return int(int32(a.seq - b.seq)) })
	for len(c.held) > 0 && !after(c.held[0].seq, c.rcv) {
		next := c.held[0]
		c.held = c.held[1:]
		if c.closed {
			continue
		}
		known := c.rcv - next.seq
		if known > uint32(len(next.data)) {
			continue
		}
		c.read(next.data[known:])
		if next.flags&fin != 0 {
			c.rcv++
			c.closed = true
		}
	}
	if len(c.held) > maxHeld {
		c.held = c.held[:maxHeld]
	}
}

func (c *tcp) read(data []byte) {
	c.rcv += uint32(len(data))
	if c.state == closing {
		c.drained += len(data)
		return
	}
	c.got = append(c.got, data[:min(len(data), maxRead-len(c.got))]...)
}

// judge asks what there is to say of what was said.
func (c *tcp) judge(l *line) {
	if c.state != open {
		return
	}
	f := c.answer(c.got, c.closed || len(c.got) == maxRead)
	if f == nil {
		return
	}
	l.find(f.well, f.reason)
	c.state, c.finished = closing, true
	c.got = nil
	if at := c.top - c.iss - 1; at < uint32(len(c.out)) {
		c.out = c.out[:at] // it did not want to hear the rest
	}
}
