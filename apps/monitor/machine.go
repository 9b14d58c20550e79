package monitor

import (
	"time"

	"github.com/gopacket/gopacket/layers"
)

// machine is a probe under way. It is told of time and of what the member sends, and says through its line what to send.
type machine interface {
	// begin sends the first packet.
	begin(l *line, now time.Time)
	// receive takes what the member sent.
	receive(l *line, p *packet, now time.Time)
	// due is when wake is to be called; the zero time: never.
	due() time.Time
	// wake does what has become due.
	wake(l *line, now time.Time)
	// late says what was found when the time to answer is over.
	late(timeout time.Duration) finding
	// end is called when the time is over, and sends what ends the exchange, if something does.
	end(l *line)
}

// finding is what a probe has found.
type finding struct {
	well   bool
	reason string
}

// line is what a machine sends by, and says what it has found to. The last of what is found before the exchange is done counts for nothing
// after the first.
type line struct {
	out   []segment // to be sent
	found *finding
	done  bool // nothing more is expected
}

func (l *line) send(s segment) { l.out = append(l.out, s) }

func (l *line) find(well bool, reason string) {
	if l.found == nil {
		l.found = &finding{well, reason}
	}
}

// segment is what a machine sends, without the addresses.
type segment struct {
	flags    flags // of TCP
	seq, ack uint32
	mss      uint16 // said; 0: not
	window   uint16
	data     []byte
}

// flags are those of TCP.
type flags uint8

const (
	fin flags = 1 << iota
	syn
	rst
	psh
	ack
)

// packet is what a member sent, as far as it concerns a probe.
type packet struct {
	segment
	unreachable string // what an ICMP error about the probe says; "": it is none
}

// datagram probes by UDP. It fails when an ICMP error comes back; silence is no failure, as datagrams need no answer.
type datagram struct{}

func (datagram) begin(l *line, _ time.Time) { l.send(segment{}) }

func (datagram) receive(l *line, p *packet, _ time.Time) {
	if p.unreachable != "" {
		l.find(false, p.unreachable)
	} else {
		l.find(true, "answers")
	}
	l.done = true
}

func (datagram) due() time.Time             { return time.Time{} }
func (datagram) wake(*line, time.Time)      {}
func (datagram) late(time.Duration) finding { return finding{true, "no ICMP error"} }
func (datagram) end(*line)                  {}

// ping probes by ICMP echo.
type ping struct{}

func (ping) begin(l *line, _ time.Time) { l.send(segment{data: []byte("weft health monitor")}) }

func (ping) receive(l *line, p *packet, _ time.Time) {
	if p.unreachable != "" {
		l.find(false, p.unreachable)
	} else {
		l.find(true, "answers")
	}
	l.done = true
}

func (ping) due() time.Time        { return time.Time{} }
func (ping) wake(*line, time.Time) {}
func (ping) late(timeout time.Duration) finding {
	return finding{false, "timed out after " + timeout.String()}
}
func (ping) end(*line) {}

// flagsOf reads the flags of a segment.
func flagsOf(t *layers.TCP) flags {
	var f flags
	for bit, set := range map[flags]bool{fin: t.FIN, syn: t.SYN, rst: t.RST, psh: t.PSH, ack: t.ACK} {
		if set {
			f |= bit
		}
	}
	return f
}
