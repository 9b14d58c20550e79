package punt

import (
	"sync"
	"time"
)

// Limits say how much the dispatcher takes. The zero value of each field is its default.
type Limits struct {
	PerSecond int // packets from one place and for one app; default 50
	Burst     int // that may come at once; default 100
	Queued    int // packets of one place that may wait; default 32
	Waiting   int // packets of all places that may wait; default 16,384
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *int
		value int
	}{{&l.PerSecond, 50}, {&l.Burst, 100}, {&l.Queued, 32}, {&l.Waiting, 16384}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return l
}

// Reason says why a packet was dropped.
type Reason string

// The reasons.
const (
	Unknown   Reason = "unknown_app" // no app answers such packets
	Excess    Reason = "rate"        // its place has sent more than it may
	Congested Reason = "queue"       // too many wait
	Refused   Reason = "limit"       // its sender has as much of what it asks for as it may
	Unsent    Reason = "packet_out"  // an answer that the switch does not take
)

// Counts are what has become of packets.
type Counts struct {
	Taken   uint64
	Dropped map[Reason]uint64
}

// place is where packets come from, for the purpose of taking turns.
type place struct {
	host   string
	inPort uint32
	of     uint32
	app    uint8
}

// queue is what waits of one place, and what it may still send.
type queue struct {
	at        place
	packets   []*Packet
	allowance float64
	since     time.Time // when the allowance was counted
}

// Dispatcher keeps packets for the apps that answer them.
type Dispatcher struct {
	limits   Limits
	handlers map[uint8]Handler
	timed    []Timed       // of the handlers
	wake     chan struct{} // capacity 1

	mu      sync.Mutex
	queues  map[place]*queue
	turn    []*queue // those with packets, in the order of their turns
	waiting int
	counts  map[string]*Counts // by host
	swept   time.Time
}

// NewDispatcher returns a dispatcher for the handlers of apps, by the apps' ids.
func NewDispatcher(handlers map[uint8]Handler, l Limits) *Dispatcher {
	d := &Dispatcher{limits: l.withDefaults(), handlers: handlers, wake: make(chan struct{}, 1), queues: map[place]*queue{}, counts: map[string]*Counts{}}
	for _, h := range handlers {
		if t, ok := h.(Timed); ok {
			d.timed = append(d.timed, t)
		}
	}
	return d
}

// Wake receives a value when there is something for Run to do.
func (d *Dispatcher) Wake() <-chan struct{} { return d.wake }

// Offer takes a packet, or drops it.
func (d *Dispatcher) Offer(p *Packet) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.handlers[p.App] == nil {
		d.drop(p.Host, Unknown)
		return
	}
	q := d.queue(place{p.Host, p.InPort, p.Of, p.App}, p.At)
	switch {
	case q.allowance < 1:
		d.drop(p.Host, Excess)
		return
	case len(q.packets) >= d.limits.Queued || d.waiting >= d.limits.Waiting:
		d.drop(p.Host, Congested)
		return
	}
	q.allowance--
	d.count(p.Host).Taken++
	if len(q.packets) == 0 {
		d.turn = append(d.turn, q)
	}
	q.packets = append(q.packets, p)
	d.waiting++
	d.signal()
}

func (d *Dispatcher) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// queue returns the queue of a place, with its allowance brought up to date.
func (d *Dispatcher) queue(at place, now time.Time) *queue {
	q := d.queues[at]
	if q == nil {
		q = &queue{at: at, allowance: float64(d.limits.Burst), since: now}
		d.queues[at] = q
		return q
	}
	if passed := now.Sub(q.since); passed > 0 {
		q.allowance = min(float64(d.limits.Burst), q.allowance+passed.Seconds()*float64(d.limits.PerSecond))
		q.since = now
	}
	return q
}

func (d *Dispatcher) count(host string) *Counts {
	c := d.counts[host]
	if c == nil {
		c = &Counts{Dropped: map[Reason]uint64{}}
		d.counts[host] = c
	}
	return c
}

func (d *Dispatcher) drop(host string, why Reason) { d.count(host).Dropped[why]++ }

// Dropped counts a packet that was dropped elsewhere on its way.
func (d *Dispatcher) Dropped(host string, why Reason) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(host, why)
}

// Counts returns what has become of a host's packets.
func (d *Dispatcher) Counts(host string) Counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := Counts{Dropped: map[Reason]uint64{}}
	if of := d.counts[host]; of != nil {
		c.Taken = of.Taken
		for why, n := range of.Dropped {
			c.Dropped[why] = n
		}
	}
	return c
}

// batch is how many packets are answered before the rows' goroutine looks at what else there is to do.
const batch = 256

// Run has packets answered, at most a batch of them, and signals again when more wait.
func (d *Dispatcher) Run(out *Outbox) {
	for range batch {
		p := d.next()
		if p == nil {
			return
		}
		d.handlers[p.App].Packet(p, out)
		d.passOn(out)
		for ; out.refused > 0; out.refused-- {
			d.Dropped(p.Host, Refused)
		}
	}
	d.signal()
}

// passOn has those packets answered that a handler has passed.
func (d *Dispatcher) passOn(out *Outbox) {
	for len(out.passed) > 0 {
		all := out.passed
		out.passed = nil
		for _, p := range all {
			if h := d.handlers[p.App]; h != nil {
				h.Packet(p, out)
			}
		}
	}
}

// next takes the packet whose turn it is.
func (d *Dispatcher) next() *Packet {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.turn) == 0 {
		return nil
	}
	q := d.turn[0]
	d.turn = d.turn[1:]
	p := q.packets[0]
	q.packets[0] = nil
	q.packets = q.packets[1:]
	d.waiting--
	if len(q.packets) > 0 {
		d.turn = append(d.turn, q)
	} else {
		q.packets = nil
	}
	return p
}

// Due is when Hurry is to be called next, if that is before the next tick; the zero time: never.
func (d *Dispatcher) Due() time.Time {
	var first time.Time
	for _, h := range d.timed {
		if at := h.Due(); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// Hurry tells the time to those handlers that have something to do.
func (d *Dispatcher) Hurry(now time.Time, out *Outbox) {
	for _, h := range d.timed {
		if at := h.Due(); !at.IsZero() && !at.After(now) {
			h.Tick(now, out)
			d.passOn(out)
		}
	}
}

// sweepEvery is how often places are forgotten that have been silent for so long that their allowance is full.
const sweepEvery = 10 * time.Second

// Tick tells the handlers the time.
func (d *Dispatcher) Tick(now time.Time, out *Outbox) {
	for _, h := range d.handlers {
		h.Tick(now, out)
		d.passOn(out)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.swept) < sweepEvery {
		return
	}
	d.swept = now
	full := time.Duration(d.limits.Burst) * time.Second / time.Duration(d.limits.PerSecond)
	for at, q := range d.queues {
		if len(q.packets) == 0 && now.Sub(q.since) > full {
			delete(d.queues, at)
		}
	}
}

// Forget drops what is kept of a host that was deleted.
func (d *Dispatcher) Forget(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.counts, host)
}
