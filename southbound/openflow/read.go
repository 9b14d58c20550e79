package openflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// readRoom is the size of the read buffer. It holds the longest message, so that none is ever copied together.
const readRoom = 2 * (MaxMessage + 1)

// readAll is the reader: it takes messages in order and gives each to who waits for it.
func (c *Conn) readAll(ctx context.Context) error {
	buf := make([]byte, readRoom)
	n := copy(buf, c.input)
	for c.input = nil; ; {
		b := buf[:n]
		for {
			if len(b) > 0 && b[0] != Version13 {
				// Said before the message is there: what is not OpenFlow may never come to its end.
				return fmt.Errorf("%w: message of version %d", ErrVersion, b[0])
			}
			m, rest, err := Next(b)
			if errors.Is(err, ErrTruncated) {
				break
			}
			if err == nil {
				err = c.dispatch(ctx, m)
			}
			if err != nil {
				return err
			}
			b = rest
		}
		n = copy(buf, b)
		k, err := c.nc.Read(buf[n:])
		if err != nil {
			return err
		}
		n += k
	}
}

// dispatch gives one message to who waits for it.
func (c *Conn) dispatch(ctx context.Context, m Message) error {
	c.counts.read.Add(1)
	c.lastRead.Store(time.Now().UnixNano())
	switch m.Type {
	case TypeEchoRequest:
		if !c.out.tryPut(func(b []byte) []byte { return AppendEcho(b, TypeEchoReply, m.XID, m.Body) }) {
			return ErrFlood
		}
		return nil
	case TypeEchoReply, TypeHello:
		return nil
	case TypePacketIn:
		return c.packetIn(m)
	case TypePortStatus:
		s, err := ParsePortStatus(m)
		if err == nil {
			c.events.put(Event{Kind: EventPortStatus, Port: &s})
		}
		return err
	case TypeFlowRemoved:
		m.Body = bytes.Clone(m.Body)
		f, err := ParseFlowRemoved(m)
		if err == nil {
			c.events.put(Event{Kind: EventFlowRemoved, Removed: &f})
		}
		return err
	case TypeError:
		return c.errorReply(m)
	case TypeExperimenter:
		return c.experimenter(ctx, m)
	case TypeMultipartReply:
		return c.multipartReply(ctx, m)
	}
	return c.reply(ctx, m)
}

func (c *Conn) packetIn(m Message) error {
	if !c.events.hasRoomForPacket() {
		return nil
	}
	m.Body = bytes.Clone(m.Body)
	p, err := ParsePacketIn(m)
	if err == nil {
		c.events.put(Event{Kind: EventPacketIn, PacketIn: &p})
	}
	return err
}

func (c *Conn) experimenter(ctx context.Context, m Message) error {
	e, err := ParseExperimenter(m)
	if err != nil {
		return err
	}
	switch e.Kind() {
	case PacketIn2:
		return c.packetIn(m)
	case MonitorPaused:
		c.events.put(Event{Kind: EventMonitorPaused})
		return nil
	case MonitorResumed:
		c.events.put(Event{Kind: EventMonitorResumed})
		return nil
	}
	return c.reply(ctx, m)
}

func (c *Conn) multipartReply(ctx context.Context, m Message) error {
	p, err := ParseMultipart(m)
	if err != nil {
		return err
	}
	if m.XID != 0 || !p.IsMonitor() {
		return c.reply(ctx, m)
	}
	for b := bytes.Clone(p.Body); len(b) > 0; {
		u, rest, err := NextFlowUpdate(b)
		if err != nil {
			return err
		}
		c.events.put(Event{Kind: EventFlowUpdate, Update: &u})
		b = rest
	}
	return nil
}

// errorReply gives an error to who sent what caused it.
func (c *Conn) errorReply(m Message) error {
	e, err := ParseError(m)
	if err != nil {
		return err
	}
	if p := c.find(m.XID); p != nil {
		p.refuse(e)
		return nil
	}
	c.events.put(Event{Kind: EventError, Err: e})
	return nil
}

// reply gives a reply to who asked. It waits until that one takes it, and so the switch too has to wait.
func (c *Conn) reply(ctx context.Context, m Message) error {
	p := c.find(m.XID)
	if p == nil {
		c.counts.strays.Add(1)
		return nil
	}
	m.Body = append(p.room(), m.Body...)
	select {
	case p.parts <- m:
		return nil
	default:
	}
	c.blocked.Store(true)
	defer c.blocked.Store(false)
	select {
	case p.parts <- m:
	case <-p.gone:
	case <-ctx.Done():
	}
	return nil
}
