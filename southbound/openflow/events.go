package openflow

import (
	"context"
	"sync"
)

// EventKind says what an Event is.
type EventKind uint8

// Kinds of events.
const (
	EventPacketIn EventKind = iota + 1
	EventPortStatus
	EventFlowRemoved
	EventFlowUpdate
	EventMonitorPaused  // the switch has more updates than we read; it will send what changed in between
	EventMonitorResumed // and has
	EventError          // of a message that nobody waits for
	EventsLost          // updates were dropped because nobody took them: read everything again
)

// Event is something that a switch said unasked. What it holds is the receiver's to keep.
type Event struct {
	Kind     EventKind
	PacketIn *PacketIn
	Port     *PortStatus
	Removed  *FlowRemoved
	Update   *FlowUpdate
	Err      *Error
}

// maxPorts is how many ports may have changed before what changed is called lost: more than a switch has.
const maxPorts = 1 << 16

// eventQueue keeps events until they are taken.
//
// Invariant: its memory is bounded. Packet-ins beyond their room are dropped and counted. Of several changes of one port the
// last counts, so port changes are never dropped. When updates have no room all of them go, and an EventsLost takes their
// place.
type eventQueue struct {
	maxPacketIns, maxUpdates int
	wake                     chan struct{}
	done                     chan struct{}

	mu               sync.Mutex
	packetIns        []Event
	others           []Event
	ports            map[uint32]int // position in others of each port's last change, from taken on
	taken            int            // events taken off others so far
	updates          int
	packets, updLost uint64
}

func newEventQueue(packetIns, updates int) *eventQueue {
	return &eventQueue{
		maxPacketIns: packetIns, maxUpdates: updates, wake: make(chan struct{}, 1), done: make(chan struct{}),
		ports: map[uint32]int{},
	}
}

func (q *eventQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// hasRoomForPacket says whether a packet-in would be kept, and counts it as dropped when not.
func (q *eventQueue) hasRoomForPacket() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.packetIns) < q.maxPacketIns {
		return true
	}
	q.packets++
	return false
}

func (q *eventQueue) put(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.signal()
	switch e.Kind {
	case EventPacketIn:
		q.packetIns = append(q.packetIns, e)
	case EventPortStatus:
		q.putPort(e)
	default:
		if q.updates >= q.maxUpdates {
			q.lose()
			return
		}
		q.updates++
		q.others = append(q.others, e)
	}
}

func (q *eventQueue) putPort(e Event) {
	n := e.Port.Port.Number
	if at, ok := q.ports[n]; ok {
		if was := q.others[at-q.taken].Port; was.Reason == PortAdded && e.Port.Reason == PortModified {
			e.Port.Reason = PortAdded
		}
		q.others[at-q.taken] = e
		return
	}
	if len(q.ports) >= maxPorts {
		q.lose()
		return
	}
	q.ports[n] = q.taken + len(q.others)
	q.others = append(q.others, e)
}

// lose puts one EventsLost in place of all that waits but packet-ins.
func (q *eventQueue) lose() {
	q.updLost += uint64(len(q.others)) + 1
	q.taken += len(q.others)
	q.others = append([]Event(nil), Event{Kind: EventsLost})
	clear(q.ports)
	q.updates = 1
}

// take returns the next event, if there is one. Packet-ins come after everything else.
func (q *eventQueue) take() (Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var e Event
	switch {
	case len(q.others) > 0:
		e, q.others[0] = q.others[0], Event{}
		q.others = q.others[1:]
		if e.Kind == EventPortStatus {
			delete(q.ports, e.Port.Port.Number)
		} else {
			q.updates--
		}
		q.taken++
	case len(q.packetIns) > 0:
		e, q.packetIns[0] = q.packetIns[0], Event{}
		q.packetIns = q.packetIns[1:]
	default:
		return Event{}, false
	}
	if len(q.others)+len(q.packetIns) > 0 {
		q.signal()
	}
	return e, true
}

func (q *eventQueue) close() { close(q.done) }

func (q *eventQueue) dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.packets
}

func (q *eventQueue) lostCount() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.updLost
}

// Next returns the next thing that the switch said unasked, and waits for it. When the connection has ended and all is
// taken, it returns why.
func (c *Conn) Next(ctx context.Context) (Event, error) {
	for {
		if e, ok := c.events.take(); ok {
			return e, nil
		}
		select {
		case <-c.events.wake:
		case <-c.events.done:
			if e, ok := c.events.take(); ok {
				return e, nil
			}
			return Event{}, c.cause
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}
