package punt

import (
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Packet is a packet that a flow handed to the controller. A handler must not keep it.
type Packet struct {
	Host   string
	InPort uint32 // OpenFlow port that it came in by
	App    uint8  // that the flow is of
	Why    byte   // what the flow says beside that; the app's to define
	Of     uint32 // what else there is to tell apart who sends by one port; 0: nothing
	At     time.Time
	Match  flow.Match // the pipeline's state: registers, tunnel id
	Data   []byte     // the frame
}

// Register returns a part of the pipeline's state; zero when it is not known.
func (p *Packet) Register(s flow.Sub) uint64 {
	for _, f := range p.Match {
		if f.ID == s.ID {
			return s.Of(f.Value).Lo
		}
	}
	return 0
}

// Handler is the part of an app that answers packets. Its methods are called on the goroutine that owns the rows, between two
// Steps of the engine: they may read rows, and write rows of tables that are the app's own to observe into.
type Handler interface {
	// Packet answers one packet. Whatever is in it, it must not panic.
	Packet(p *Packet, out *Outbox)
	// Tick is called about once a second.
	Tick(now time.Time, out *Outbox)
}

// Timed is a Handler that has things to do between ticks, too.
type Timed interface {
	Handler
	// Due is when Tick is to be called next, if that is before the next tick; the zero time: never.
	Due() time.Time
}

// Out is a packet to be sent.
type Out struct {
	InPort  uint32 // that the switch takes it to have come in by; flow.PortController for none
	Actions flow.Actions
	Data    []byte // the frame
}

// Outbox gathers what handlers send.
type Outbox struct {
	send    func(host string, o Out) bool
	session func(host string) uint64
	refused int // packets, since the dispatcher looked
	passed  []*Packet
}

// NewOutbox returns an outbox that hands on what is sent. The function tells whether the switch takes it.
func NewOutbox(send func(host string, o Out) bool) *Outbox {
	return &Outbox{send: send, session: func(string) uint64 { return 1 }}
}

// Sessions says how an outbox learns of the connections of hosts. Otherwise each has one that never ends.
func (b *Outbox) Sessions(session func(host string) uint64) *Outbox {
	b.session = session
	return b
}

// Session returns the number of a host's connection, which no other one of the host's has; 0: it is not connected. As long as it is the
// same, what was sent has not been lost between here and the switch.
func (b *Outbox) Session(host string) uint64 { return b.session(host) }

// Send sends a packet from a host's switch. It is dropped and counted when the switch is not connected or takes too few, and
// Send then says so.
func (b *Outbox) Send(host string, o Out) bool { return b.send(host, o) }

// Pass hands a packet on to the handler of another app, which answers it when the handler at hand is done. Apps that pass packets
// to each other must not do so in a circle.
func (b *Outbox) Pass(p *Packet, app uint8, why byte) {
	on := *p
	on.App, on.Why = app, why
	b.passed = append(b.passed, &on)
}

// Refuse says that the packet at hand asks for more than its sender may have, so that it is counted.
func (b *Outbox) Refuse() { b.refused++ }
