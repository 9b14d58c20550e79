package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// outgoing is something for a switch that is no part of its desired state: a packet to be sent, or connections to be forgotten.
type outgoing struct {
	packet punt.Out
	forget *openflow.CTFlushRequest
}

// maxOuts is how many packets may wait for a switch to take them: what it is slower than is dropped, and asked for again.
const maxOuts = 1024

// punted makes of a packet-in the packet that apps know; for which of them it is stands in the pipeline's state. A packet-in that no
// flow of ours asked for is none.
func punted(host string, p *openflow.PacketIn) (*punt.Packet, bool) {
	if len(p.UserData) == 0 {
		return nil, false
	}
	match, err := flow.ParseMatch(p.Match)
	if err != nil {
		return nil, false
	}
	packet := &punt.Packet{Host: host, At: time.Now(), Match: match, Data: p.Data}
	packet.InPort = uint32(packet.Register(flow.Whole(flow.InPort)))
	return packet, true
}

// Send has a host's switch send a packet, and tells whether it will: not when it is not connected, or has too many to send.
func (b *Board) Send(host string, o punt.Out) bool { return b.send(host, outgoing{packet: o}) }

// Untrack has a host's switch forget connections, and tells whether it will, as Send does.
func (b *Board) Untrack(host string, c compile.Connections) bool {
	return b.send(host, outgoing{forget: &openflow.CTFlushRequest{
		Proto: c.Protocol, Zone: c.Zone, ZoneGiven: true, Orig: openflow.CTTuple(c.Orig), Reply: openflow.CTTuple(c.Reply),
	}})
}

func (b *Board) send(host string, o outgoing) bool {
	if !b.Online(host) {
		return false
	}
	b.mu.Lock()
	t := b.targets[host]
	b.mu.Unlock()
	select {
	case t.outs <- o:
		return true
	default:
		return false
	}
}

// Online tells whether a host's switch is connected.
func (b *Board) Online(host string) bool {
	b.mu.Lock()
	t := b.targets[host]
	b.mu.Unlock()
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.online
}

// Session returns the number of a host's connection, which no other one of the host's has; 0: it is not connected.
func (b *Board) Session(host string) uint64 {
	b.mu.Lock()
	t := b.targets[host]
	b.mu.Unlock()
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.online {
		return 0
	}
	return t.sessions
}

// sendPackets sends what handlers have put into the outbox.
func (r *Reconciler) sendPackets(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o := <-r.Target.outs:
			message, err := o.message()
			if err != nil {
				r.Log.WithError(err).Error("a packet could not be sent")
				continue
			}
			if _, err := r.Conn.Send(ctx, message); err != nil {
				return fmt.Errorf("packet-out: %w", err)
			}
		}
	}
}

// message returns what appends it as a message.
func (o outgoing) message() (func(b []byte, xid uint32) []byte, error) {
	switch q := o.forget; {
	case q == nil:
	case q.Orig == openflow.CTTuple{} && q.Reply == openflow.CTTuple{}: // known by older switches, too
		return func(b []byte, xid uint32) []byte { return openflow.AppendCTFlushZone(b, xid, q.Zone) }, nil
	default:
		return func(b []byte, xid uint32) []byte { return openflow.AppendCTFlush(b, xid, q) }, nil
	}
	actions, err := flow.AppendActions(nil, o.packet.Actions)
	if err != nil {
		return nil, err
	}
	out := openflow.PacketOut{Buffer: openflow.NoBuffer, InPort: o.packet.InPort, Actions: actions, Data: o.packet.Data}
	return func(b []byte, xid uint32) []byte { return openflow.AppendPacketOut(b, xid, &out) }, nil
}
