package openflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
)

// pending is a request that waits for answers, or a transaction of several messages.
type pending struct {
	first, count uint32       // its transaction ids
	parts        chan Message // replies
	spare        chan []byte  // room for replies, given back
	refusals     chan *Error  // errors
	gone         chan struct{}
}

// maxRefusals is how many errors of one transaction are kept; one is enough to fail it.
const maxRefusals = 16

// partsAhead is how many messages of a reply may wait for who asked.
const partsAhead = 4

// expect begins to wait for the answers to n messages in a row.
func (c *Conn) expect(n uint32) *pending {
	p := &pending{
		first: c.nextXIDs(n), count: n, parts: make(chan Message, partsAhead), spare: make(chan []byte, partsAhead+2),
		refusals: make(chan *Error, maxRefusals), gone: make(chan struct{}),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n == 1 {
		c.pending[p.first] = p
	} else {
		c.ranges = append(c.ranges, p)
	}
	return p
}

// forget ends what expect began.
func (c *Conn) forget(p *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(p.gone)
	if p.count == 1 {
		delete(c.pending, p.first)
		return
	}
	c.ranges = slices.DeleteFunc(c.ranges, func(q *pending) bool { return q == p })
}

func (c *Conn) find(xid uint32) *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pending[xid]; p != nil {
		return p
	}
	for _, p := range c.ranges {
		if xid-p.first < p.count {
			return p
		}
	}
	return nil
}

// room returns an empty buffer that was given back, or nil.
func (p *pending) room() []byte {
	select {
	case b := <-p.spare:
		return b[:0]
	default:
		return nil
	}
}

func (p *pending) giveBack(b []byte) {
	select {
	case p.spare <- b:
	default:
	}
}

func (p *pending) refuse(e *Error) {
	select {
	case p.refusals <- e:
	default:
	}
}

// await waits for one reply or error. The switch has ReplyTimeout for each.
func (c *Conn) await(ctx context.Context, p *pending) (Message, error) {
	timer := time.NewTimer(c.cfg.ReplyTimeout)
	defer timer.Stop()
	select {
	case m := <-p.parts:
		return m, nil
	case e := <-p.refusals:
		return Message{}, e
	case <-c.dead:
		return Message{}, c.cause
	case <-ctx.Done():
		return Message{}, context.Cause(ctx)
	case <-timer.C:
		err := fmt.Errorf("%w: no reply for %v", ErrSilent, c.cfg.ReplyTimeout)
		c.Close(err)
		return Message{}, c.cause
	}
}

// put sends messages.
func (c *Conn) put(ctx context.Context, appendTo func(b []byte) []byte) error {
	err := c.out.put(ctx, c.dead, appendTo)
	if errors.Is(err, errDead) {
		return c.cause
	}
	return err
}

// Send sends a message that has no reply, and returns its transaction id. It waits while too much waits to be written. An
// error that the switch answers comes as an EventError.
func (c *Conn) Send(ctx context.Context, appendMsg func(b []byte, xid uint32) []byte) (uint32, error) {
	xid := c.nextXIDs(1)
	return xid, c.put(ctx, func(b []byte) []byte { return appendMsg(b, xid) })
}

// Request sends a message and returns the reply, or the error that the switch answers (*Error).
func (c *Conn) Request(ctx context.Context, appendMsg func(b []byte, xid uint32) []byte) (Message, error) {
	p := c.expect(1)
	defer c.forget(p)
	if err := c.put(ctx, func(b []byte) []byte { return appendMsg(b, p.first) }); err != nil {
		return Message{}, err
	}
	return c.await(ctx, p)
}

// Parts sends a multipart request and gives each message of the reply to fn. What fn gets is good until it returns; while it
// runs the switch waits, so it must not wait for the switch itself. An error of fn ends the request.
func (c *Conn) Parts(ctx context.Context, appendMsg func(b []byte, xid uint32) []byte, fn func(Multipart) error) error {
	p := c.expect(1)
	defer c.forget(p)
	if err := c.put(ctx, func(b []byte) []byte { return appendMsg(b, p.first) }); err != nil {
		return err
	}
	for {
		m, err := c.await(ctx, p)
		if err != nil {
			return err
		}
		part, err := ParseMultipart(m)
		if err == nil {
			err = fn(part)
		}
		if err != nil || !part.More() {
			return err
		}
		p.giveBack(m.Body)
	}
}

// Barrier returns when the switch has done all that was sent before.
func (c *Conn) Barrier(ctx context.Context) error {
	_, err := c.Request(ctx, func(b []byte, xid uint32) []byte { return AppendEmpty(b, TypeBarrierRequest, xid) })
	return err
}

// Dump gives every flow that q asks for to fn, one by one. See Parts for what fn may do; what it keeps of an entry it must
// copy (FlowStats.Flow). Flows are in no order.
func (c *Conn) Dump(ctx context.Context, q FlowRequest, fn func(*FlowStats) error) error {
	var s FlowStats
	return c.Parts(ctx, func(b []byte, xid uint32) []byte { return AppendFlowRequest(b, xid, MultipartFlow, &q) },
		func(p Multipart) error {
			for b := p.Body; len(b) > 0; {
				rest, err := s.Next(b)
				if err == nil {
					err = fn(&s)
				}
				if err != nil {
					return err
				}
				b = rest
			}
			return nil
		})
}

// list reads a reply of entries.
func list[E any](ctx context.Context, c *Conn, appendMsg func(b []byte, xid uint32) []byte, next func([]byte) (E, []byte, error)) ([]E, error) {
	var all []E
	err := c.Parts(ctx, appendMsg, func(p Multipart) error {
		for b := p.Body; len(b) > 0; {
			e, rest, err := next(b)
			if err != nil {
				return err
			}
			all, b = append(all, e), rest
		}
		return nil
	})
	return all, err
}

func requestOf(typ MultipartType) func(b []byte, xid uint32) []byte {
	return func(b []byte, xid uint32) []byte { return AppendMultipartRequest(b, xid, typ) }
}

// Ports returns the switch's ports.
func (c *Conn) Ports(ctx context.Context) ([]Port, error) {
	return list(ctx, c, requestOf(MultipartPortDesc), NextPort)
}

// Groups returns the switch's groups.
func (c *Conn) Groups(ctx context.Context) ([]flow.Group, error) {
	return list(ctx, c, requestOf(MultipartGroupDesc), NextGroupDesc)
}

// Meters returns the switch's meters.
func (c *Conn) Meters(ctx context.Context) ([]flow.Meter, error) {
	return list(ctx, c, func(b []byte, xid uint32) []byte { return AppendMeterConfigRequest(b, xid, AllMeters) }, NextMeterConfig)
}

// Tables returns what the switch's tables count.
func (c *Conn) Tables(ctx context.Context) ([]TableStats, error) {
	return list(ctx, c, requestOf(MultipartTable), NextTableStats)
}

// Aggregate returns how many flows there are that q asks for.
func (c *Conn) Aggregate(ctx context.Context, q FlowRequest) (a Aggregate, err error) {
	err = c.Parts(ctx, func(b []byte, xid uint32) []byte { return AppendFlowRequest(b, xid, MultipartAggregate, &q) },
		func(p Multipart) (err error) {
			a, err = ParseAggregate(p.Body)
			return err
		})
	return a, err
}

// Monitor starts a flow monitor and gives the flows that are there already to fn, if q asks for them (MonitorInitial). See
// Parts for what fn may do. What changes after that comes as EventFlowUpdate.
func (c *Conn) Monitor(ctx context.Context, q MonitorRequest, fn func(*FlowUpdate) error) error {
	return c.Parts(ctx, func(b []byte, xid uint32) []byte { return AppendMonitorRequest(b, xid, &q) },
		func(p Multipart) error {
			for b := p.Body; len(b) > 0; {
				u, rest, err := NextFlowUpdate(b)
				if err == nil && fn != nil {
					err = fn(&u)
				}
				if err != nil {
					return err
				}
				b = rest
			}
			return nil
		})
}

// SetRole asks for another role, and returns the one granted. A generation that the switch calls old is refused (*Error,
// OFPRRFC_STALE).
func (c *Conn) SetRole(ctx context.Context, want Role) (Role, error) {
	m, err := c.Request(ctx, func(b []byte, xid uint32) []byte { return AppendRole(b, TypeRoleRequest, xid, want) })
	if err != nil {
		return Role{}, err
	}
	return ParseRole(m)
}
