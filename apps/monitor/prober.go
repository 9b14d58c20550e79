package monitor

import (
	"container/heap"
	"crypto/rand"
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	// grain is how exactly times are kept: what is due within it is done together.
	grain = 50 * time.Millisecond
	// settling is how long a member that is new, or has moved, is not probed at the least: its flows are on their way to the switch.
	settling = time.Second
	// soonest is within what time a member is probed first, where the delay is longer.
	soonest = 10 * time.Second
)

// prober probes members. What it has found out is in rows, which are remembered; what it keeps itself is which probes are under way.
type prober struct {
	*intent.Tables
	random  func() uint32
	members map[intent.HealthKey]*member
	under   map[wire]*member // probes under way
	queue   queue            // of all members
	changed map[intent.HealthKey]struct{}
	now     time.Time // as far as it was told
}

// member is one that is probed.
type member struct {
	probe  intent.Probe
	streak streak
	next   time.Time // when the next probe begins
	port   uint16    // that the last one came from
	check  *check    // under way; nil: none
	at     time.Time // when there is something to do
	place  int       // in the queue
}

// check is a probe under way.
type check struct {
	machine
	wire
	line
	timeout time.Duration
	until   time.Time
	session uint64 // of the host's connection
	counted bool   // what it has found has been taken into account
}

func newProber(t *intent.Tables) *prober {
	s := &prober{Tables: t, random: random, members: map[intent.HealthKey]*member{}, under: map[wire]*member{}, changed: map[intent.HealthKey]struct{}{}}
	note := func(k intent.HealthKey) { s.changed[k] = struct{}{} }
	t.Probes.Watch(note)
	t.Healths.Watch(note)
	t.HealthMonitors.Watch(func(k intent.Key) {
		if m, ok := t.HealthMonitors.Peek(k); ok {
			for p := range t.ProbesOf.List(&table.Reader{}, m.Pool) {
				note(p.Key)
			}
		}
	})
	return s
}

func random() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.BigEndian.Uint32(b[:])
}

// Keep implements compile.Keeper: it follows which members are to be probed, and forgets what was found of those that are not, or are other
// ones than before.
func (s *prober) Keep(now time.Time, _ compile.Switches) (wrote, waits bool) {
	if s.now.IsZero() { // what was remembered may be of what is no more
		for h := range s.Healths.Scan() {
			s.changed[h.Key] = struct{}{}
		}
	}
	s.now = now
	for k := range s.changed {
		delete(s.changed, k)
		p, ok := s.Probes.Peek(k)
		if h, known := s.Healths.Peek(k); known && (!ok || h.At != at(p)) {
			s.Healths.Delete(k)
			wrote = true
		}
		s.follow(k, p, ok, now)
		delete(s.changed, k) // what was just written
	}
	return wrote, false
}

// follow has a member probed as it is to be, or no more.
func (s *prober) follow(k intent.HealthKey, p intent.Probe, wanted bool, now time.Time) {
	m := s.members[k]
	if !wanted {
		if m != nil {
			s.drop(m)
			delete(s.members, k)
			heap.Remove(&s.queue, m.place)
		}
		return
	}
	monitor, _ := s.HealthMonitors.Peek(p.Monitor)
	phase := phaseOf(k, max(min(monitor.Delay, soonest), grain))
	switch {
	case m == nil:
		m = &member{probe: p, port: uint16(s.random() % portCount), next: now.Add(settling + phase)}
		m.at = m.next
		s.members[k] = m
		heap.Push(&s.queue, m)
	case m.probe != p:
		if at(m.probe) != at(p) {
			m.streak = streak{}
		}
		s.drop(m)
		m.probe = p
		if soon := now.Add(settling); m.next.Before(soon) {
			m.next = soon
		}
		s.schedule(m)
	default:
		if most := now.Add(settling + monitor.Delay); m.next.After(most) {
			m.next = now.Add(settling + phase) // the delay is shorter now
			s.schedule(m)
		}
	}
}

// phaseOf spreads members over the time from one probe to the next.
func phaseOf(k intent.HealthKey, delay time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(k.String())) // it never fails
	return time.Duration(h.Sum64() % uint64(delay))
}

// drop ends a probe that is under way. What it may have found is not known.
func (s *prober) drop(m *member) {
	if m.check != nil {
		delete(s.under, m.check.wire)
		m.check = nil
	}
}

// schedule brings up to date when there is something to do about a member.
func (s *prober) schedule(m *member) {
	m.at = m.next
	if c := m.check; c != nil {
		m.at = c.until
		if due := c.due(); !due.IsZero() && due.Before(m.at) {
			m.at = due
		}
	}
	heap.Fix(&s.queue, m.place)
}

// Due implements punt.Timed.
func (s *prober) Due() time.Time {
	if len(s.queue) == 0 {
		return time.Time{}
	}
	return s.queue[0].at.Truncate(grain).Add(grain)
}

// Tick implements punt.Handler.
func (s *prober) Tick(now time.Time, out *punt.Outbox) {
	for len(s.queue) > 0 && !s.queue[0].at.After(now) {
		m := s.queue[0]
		if m.check == nil {
			s.start(m, now, out)
		} else {
			s.wake(m, now, out)
		}
		s.schedule(m)
	}
}

// start begins a probe.
func (s *prober) start(m *member, now time.Time, out *punt.Outbox) {
	p := m.probe
	monitor, ok := s.HealthMonitors.Peek(p.Monitor)
	if !ok {
		m.next = now.Add(settling)
		return
	}
	if m.next = m.next.Add(monitor.Delay); !m.next.After(now) { // time has been lost
		m.next = now.Add(monitor.Delay)
	}
	switch {
	case p.Nowhere:
		s.judge(m, monitor, finding{false, p.Problem}, now)
		return
	case p.Problem != "":
		return
	}
	c := &check{wire: wireOf(p), timeout: monitor.Timeout, until: now.Add(monitor.Timeout), session: out.Session(p.Host)}
	if c.session == 0 || !s.choose(m, &c.wire) { // where nobody can probe, nothing is found out
		return
	}
	switch monitor.Type {
	case intent.MonitorPing:
		c.machine = ping{}
	case intent.MonitorUDP:
		c.machine = datagram{}
	default:
		c.machine = newTCP(talkOf(monitor, at(p)), s.random(), monitor.Timeout)
	}
	m.check = c
	s.under[c.wire] = m
	c.begin(&c.line, now)
	s.flush(m, out)
}

// choose finds a port to probe from that no probe of the member's is using.
func (s *prober) choose(m *member, w *wire) bool {
	for range portCount {
		m.port = (m.port + 1) % portCount
		w.ours = firstPort + m.port
		if s.under[*w] == nil {
			return true
		}
	}
	return false
}

// wake does what has become due of a probe.
func (s *prober) wake(m *member, now time.Time, out *punt.Outbox) {
	c := m.check
	if now.Before(c.until) {
		c.machine.wake(&c.line, now)
	} else {
		if f := c.late(c.timeout); c.found == nil {
			c.found = &f
		}
		c.end(&c.line)
		c.done = true
	}
	s.settle(m, now, out)
}

// Packet implements punt.Handler.
func (s *prober) Packet(p *punt.Packet, out *punt.Outbox) {
	w, what, ok := read(p.Data)
	if !ok {
		return
	}
	m := s.under[w]
	if m == nil || m.check == nil {
		s.strange(p, w, what, out)
		return
	}
	m.check.receive(&m.check.line, &what, p.At)
	s.settle(m, p.At, out)
	s.schedule(m)
}

// settle sends what a probe has to send, and takes into account what it has found.
func (s *prober) settle(m *member, now time.Time, out *punt.Outbox) {
	c := m.check
	s.flush(m, out)
	if c.found != nil && !c.counted {
		c.counted = true
		monitor, ok := s.HealthMonitors.Peek(m.probe.Monitor)
		// A failure of the way to the switch is none of the member's.
		if ok && (c.found.well || out.Session(m.probe.Host) == c.session) {
			s.judge(m, monitor, *c.found, now)
		}
	}
	if c.done {
		s.drop(m)
	}
}

// judge writes down what has been found.
func (s *prober) judge(m *member, monitor intent.HealthMonitor, f finding, now time.Time) {
	h, known := s.Healths.Peek(m.probe.Key)
	if !known || h.At != at(m.probe) {
		h = intent.Health{Key: m.probe.Key, At: at(m.probe)}
	}
	s.Healths.Put(m.streak.judge(h, monitor, f, now))
}

// flush sends what a probe has to send: to the member's own port, or to where the host sends what is for it.
func (s *prober) flush(m *member, out *punt.Outbox) {
	c, p := m.check, m.probe
	for _, one := range c.out {
		frame, err := c.frame(one, p.FromMAC, p.ToMAC)
		if err != nil {
			continue // it is late then
		}
		do := pipeline.DeliverTo(p.OFPort)
		if p.OFPort == 0 {
			do = flow.Actions{pipeline.Net.Set(uint64(p.Net)), flow.Resubmit(pipeline.Server)}
		}
		if !out.Send(p.Host, punt.Out{InPort: flow.PortController, Data: frame, Actions: do}) {
			c.session = 0 // whatever is found now, it was not the member
		}
	}
	c.out = c.out[:0]
}

// strange answers segments of connections that are no more with a reset (RFC 9293, section 3.10.7.1), so that members forget them, too.
func (s *prober) strange(p *punt.Packet, w wire, what packet, out *punt.Outbox) {
	if w.protocol != protoTCP || what.unreachable != "" || what.flags&rst != 0 {
		return
	}
	var r table.Reader // what handlers read is nobody's to remember
	for b := range s.BoundAt.List(&r, intent.Place{Host: p.Host, OFPort: p.InPort}) {
		to, ok := s.Ports.Peek(b.Port)
		if !ok {
			return
		}
		reset := segment{flags: rst, seq: what.ack}
		if what.flags&ack == 0 {
			reset = segment{flags: rst | ack, ack: what.seq + uint32(len(what.data))}
		}
		var from flow.MACAddr
		copy(from[:], p.Data[:6]) // where it was sent
		if frame, err := w.frame(reset, from, to.MAC); err == nil {
			out.Send(p.Host, punt.Out{InPort: flow.PortController, Data: frame, Actions: pipeline.DeliverTo(p.InPort)})
		}
	}
}

// queue is members by when there is something to do about them.
type queue []*member

// Len implements heap.Interface.
func (q queue) Len() int { return len(q) }

// Less implements heap.Interface.
func (q queue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

// Swap implements heap.Interface.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	m := x.(*member)
	m.place = len(*q)
	*q = append(*q, m)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	m := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return m
}
