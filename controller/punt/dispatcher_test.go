package punt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
)

// journal writes down what it is asked to answer, and answers with a packet of its own.
type journal struct {
	seen  []string
	ticks int
}

func (j *journal) Packet(p *Packet, out *Outbox) {
	j.seen = append(j.seen, fmt.Sprintf("%s/%d", p.Host, p.InPort))
	out.Send(p.Host, Out{InPort: flow.PortController, Data: p.Data})
}

func (j *journal) Tick(time.Time, *Outbox) { j.ticks++ }

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func from(host string, port uint32, at time.Time) *Packet {
	return &Packet{Host: host, InPort: port, App: 7, At: at, Data: []byte{1}}
}

// TestTurns has one port flood and another one ask once: the quiet one is answered second.
func TestTurns(t *testing.T) {
	j := &journal{}
	d := NewDispatcher(map[uint8]Handler{7: j}, Limits{})
	for range 1000 {
		d.Offer(from("h1", 1, noon))
	}
	d.Offer(from("h1", 2, noon))
	d.Offer(from("h2", 1, noon))
	sent := 0
	out := NewOutbox(func(string, Out) bool { sent++; return true })
	d.Run(out)
	if want := "h1/1 h1/2 h2/1 h1/1"; !strings.HasPrefix(strings.Join(j.seen, " "), want) {
		t.Errorf("answered in the order %v, want %s …", j.seen[:4], want)
	}
	limits := Limits{}.withDefaults()
	c := d.Counts("h1")
	if int(c.Taken) != limits.Queued+1 || c.Dropped[Congested] == 0 || c.Taken+c.Dropped[Congested]+c.Dropped[Excess] != 1001 || sent != len(j.seen) {
		t.Errorf("%+v, %d answered, %d sent", c, len(j.seen), sent)
	}
}

// TestAllowance has a port ask steadily: no more than its allowance is answered, which grows again with time.
func TestAllowance(t *testing.T) {
	j := &journal{}
	d := NewDispatcher(map[uint8]Handler{7: j}, Limits{PerSecond: 10, Burst: 5})
	out := NewOutbox(func(string, Out) bool { return true })
	now := noon
	for range 200 { // 100 a second for 2 s
		d.Offer(from("h1", 1, now))
		d.Run(out)
		now = now.Add(10 * time.Millisecond)
	}
	if n := len(j.seen); n < 23 || n > 26 {
		t.Errorf("%d answered, want 5 and 10 a second", n)
	}
	d.Tick(now.Add(time.Minute), out)
	if len(d.queues) != 0 || j.ticks != 1 {
		t.Errorf("%d places are kept after a minute of silence; %d ticks", len(d.queues), j.ticks)
	}
}

// TestBatches answers more than a batch in several runs, each of which asks for the next.
func TestBatches(t *testing.T) {
	j := &journal{}
	d := NewDispatcher(map[uint8]Handler{7: j}, Limits{Waiting: 2*batch + 1})
	for port := range uint32(3 * batch) {
		d.Offer(from("h1", port+1, noon))
	}
	runs := 0
	for more := true; more; {
		select {
		case <-d.Wake():
			d.Run(NewOutbox(func(string, Out) bool { return true }))
			runs++
		default:
			more = false
		}
	}
	if len(j.seen) != 2*batch+1 || runs != 3 || d.Counts("h1").Dropped[Congested] != batch-1 {
		t.Errorf("%d answered in %d runs; %+v", len(j.seen), runs, d.Counts("h1"))
	}
}

func TestUnknownApp(t *testing.T) {
	d := NewDispatcher(map[uint8]Handler{}, Limits{})
	d.Offer(from("h1", 1, noon))
	d.Dropped("h1", Unsent)
	if c := d.Counts("h1"); c.Taken != 0 || c.Dropped[Unknown] != 1 || c.Dropped[Unsent] != 1 {
		t.Errorf("%+v", c)
	}
	d.Forget("h1")
	if c := d.Counts("h1"); len(c.Dropped) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestRegister(t *testing.T) {
	reg := flow.Part(flow.Reg5, 8, 8)
	p := Packet{Match: flow.Match{flow.U32(flow.InPort, 3), flow.U32(flow.Reg5, 0x1234)}}
	if p.Register(reg) != 0x12 || p.Register(flow.Whole(flow.Reg1)) != 0 {
		t.Errorf("%#x", p.Register(reg))
	}
}

// handing passes what it is asked on to another app.
type handing struct{ to uint8 }

func (h handing) Packet(p *Packet, out *Outbox) { out.Pass(p, h.to, 3) }
func (h handing) Tick(at time.Time, out *Outbox) {
	out.Pass(&Packet{Host: "h9", InPort: 9, App: 8, At: at}, h.to, 3)
}

// TestPass has one app hand packets on to another, which answers them; to one that is not there they are gone.
func TestPass(t *testing.T) {
	j := &journal{}
	d := NewDispatcher(map[uint8]Handler{7: j, 8: handing{7}, 9: handing{10}}, Limits{})
	out := NewOutbox(func(string, Out) bool { return true })
	for _, app := range []uint8{8, 9} {
		p := from("h1", uint32(app), noon)
		p.App = app
		d.Offer(p)
	}
	d.Run(out)
	d.Tick(noon, out)
	if got := strings.Join(j.seen, " "); got != "h1/8 h9/9" {
		t.Errorf("answered %s", got)
	}
}

// clock is a journal that has something to do at a time.
type clock struct {
	journal
	due time.Time
}

func (c *clock) Tick(now time.Time, out *Outbox) {
	c.journal.Tick(now, out)
	c.due = now.Add(time.Minute)
}
func (c *clock) Due() time.Time { return c.due }

// TestHurry tells the time to a handler that has something to do, and to no other.
func TestHurry(t *testing.T) {
	plain, early, late := &journal{}, &clock{due: noon.Add(time.Second)}, &clock{due: noon.Add(time.Hour)}
	d := NewDispatcher(map[uint8]Handler{7: plain, 8: early, 9: late}, Limits{})
	out := NewOutbox(func(string, Out) bool { return true })
	if at := d.Due(); !at.Equal(noon.Add(time.Second)) {
		t.Errorf("due at %v", at)
	}
	d.Hurry(noon, out)
	d.Hurry(noon.Add(time.Second), out)
	if plain.ticks != 0 || early.ticks != 1 || late.ticks != 0 || !d.Due().Equal(noon.Add(time.Second+time.Minute)) {
		t.Errorf("ticks: %d, %d, %d; due at %v", plain.ticks, early.ticks, late.ticks, d.Due())
	}
	early.due, late.due = time.Time{}, time.Time{}
	if at := d.Due(); !at.IsZero() {
		t.Errorf("due at %v", at)
	}
	if out.Session("h1") != 1 || out.Sessions(func(string) uint64 { return 7 }).Session("h1") != 7 {
		t.Error("sessions")
	}
}
