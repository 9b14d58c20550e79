package security_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/model"
)

// How many packets must be sent at least, how many connections the edits of a history must end and leave for it to be worth it, and how
// long a simpler history that fails too is looked for.
const (
	leastPackets = 10_000
	worthwhile   = 100
	shrinkWithin = 90 * time.Second
)

// How many connections of a history are followed, and for how long a switch is sure to remember one that has answered once.
const (
	lasting    = 120
	remembered = 20 * time.Second
)

// TestConformance makes some histories real that the simulator's TestRulesAgree plays: ports with groups, address groups and
// administrators' policies on three hosts, and edits of those. Before and after each edit all ports send packets of many kinds to each
// other; what arrives is answered, and connections that were established before the edit go on, or do not any more. What must pass is
// what the model's judge says, which shares no code with the program.
func TestConformance(t *testing.T) {
	t.Parallel()
	conforms(t, 1, leastPackets)
}

func conforms(t *testing.T, first, least int) {
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	p := &player{ground: newGround(c), port: firstPort}
	for seed := first; p.seen.packets() < least && !t.Failed(); seed++ {
		h := model.DrawHistory(seed)
		if !worth(h) {
			continue
		}
		c.Run(fmt.Sprintf("seed %d", seed), func(sub *e2e.Cloud) {
			p.c = sub
			defer p.clear()
			if err := p.play(h); err != nil {
				sub.T.Errorf("%v\n%s", err, p.shrunk(h))
			}
		})
	}
	s := p.seen
	t.Logf("%d packets: %d first ones passed and %d did not, %d answers did and %d did not; of established connections %d packets passed and %d did not",
		s.packets(), s.opened, s.refused, s.answered, s.unanswered, s.lasted, s.stopped)
	if !t.Failed() && min(s.opened, s.refused, s.answered, s.unanswered, s.lasted, s.stopped)*200 < least {
		t.Error("too few to tell")
	}
}

// worth tells whether edits of a history end enough connections, and leave enough.
func worth(h model.History) bool {
	end, stay := 0, 0
	for i, t := range h[1:] {
		for from := range t.Ports {
			for to := range t.Ports {
				if from == to {
					continue
				}
				for _, ends := range h[i].Addresses(from, to) {
					for _, s := range model.Segments(ends[0], ends[1], func() uint16 { return firstPort }) {
						if s.Stray() || !h[i].Opens(from, to, s) || !h[i].Answers(from, to, s) {
							continue
						}
						count(t.Opens(from, to, s) && t.Answers(from, to, s), &stay, &end)
					}
				}
			}
		}
	}
	return end >= worthwhile && stay >= worthwhile
}

// player sends packets on the ground.
type player struct {
	*ground
	port  uint16 // of the client of the next connection
	known []connection
	seen  tally
}

// firstPort and lastPort are those of clients; no rule names one of them but those that name all.
const firstPort, lastPort = 20000, 65000

// connection is one that was established.
type connection struct {
	from, to int
	first    model.Segment
	ends     [2]model.Standing
	heard    time.Time
}

// tally counts packets.
type tally struct {
	opened, refused, answered, unanswered, lasted, stopped int
}

func (t tally) packets() int {
	return t.opened + t.refused + t.answered + t.unanswered + t.lasted + t.stopped
}

func (p *player) next() uint16 {
	if p.port++; p.port > lastPort {
		p.port = firstPort
	}
	return p.port
}

// play makes one state of a history after the other, and tells which packets went elsewhere than they must.
func (p *player) play(h model.History) error {
	p.known = nil
	for i, t := range h {
		p.become(t)
		p.open()
		err := p.established(t)
		if err == nil {
			err = p.pairs(t)
		}
		if err = errors.Join(err, p.close()); err != nil {
			return fmt.Errorf("state %d of %d: %w", i+1, len(h), err)
		}
	}
	return nil
}

// opening is a packet that begins a connection or belongs to none.
type opening struct {
	from, to int
	what     model.Segment
}

// pairs sends all kinds of packets from each port to each other one, and what answers them.
func (p *player) pairs(t model.Topology) error {
	var passed []opening
	var all []*dispatch
	for from := range t.Ports {
		for to := range t.Ports {
			if from == to {
				continue
			}
			for _, ends := range t.Addresses(from, to) {
				for _, s := range model.Segments(ends[0], ends[1], p.next) {
					opens := t.Opens(from, to, s)
					count(opens, &p.seen.opened, &p.seen.refused)
					all = append(all, p.dispatch(t, from, to, s, opens))
					if opens && !s.Stray() {
						passed = append(passed, opening{from, to, s})
					}
				}
			}
		}
	}
	if err := p.send(all); err != nil {
		return err
	}
	return p.answer(t, passed)
}

// answer answers what has passed, and keeps some of the connections that there are then.
func (p *player) answer(t model.Topology, passed []opening) error {
	var all []*dispatch
	for i, o := range passed {
		answers := t.Answers(o.from, o.to, o.what)
		count(answers, &p.seen.answered, &p.seen.unanswered)
		all = append(all, p.dispatch(t, o.to, o.from, o.what.Answer(), answers))
		if answers && len(p.known) < lasting && i%3 == 0 {
			ends := [2]model.Standing{t.Standing(o.from), t.Standing(o.to)}
			p.known = append(p.known, connection{o.from, o.to, o.what, ends, time.Now()})
		}
	}
	return p.send(all)
}

// established sends on connections that were established before what has changed, some first from the client's end and some from
// the server's. Those whose ends have moved, are judged in another way or were silent for long are known again from what their client sends, and
// no longer followed where that does not pass.
func (p *player) established(t model.Topology) error {
	var going []connection
	var first, second []*dispatch
	for i, c := range p.known {
		s := c.first
		if s.Flags == model.SYN {
			s.Flags = model.ACK
		}
		ends := [2]model.Standing{t.Standing(c.from), t.Standing(c.to)}
		onward, back := t.Opens(c.from, c.to, s), t.Answers(c.from, c.to, s)
		anew := c.ends != ends || time.Since(c.heard) > remembered
		count(onward, &p.seen.lasted, &p.seen.stopped)
		forth := p.dispatch(t, c.from, c.to, s, onward)
		if anew && !onward {
			first = append(first, forth)
			continue
		}
		count(back, &p.seen.lasted, &p.seen.stopped)
		reply := p.dispatch(t, c.to, c.from, s.Answer(), back)
		if anew || i%2 == 0 {
			first, second = append(first, forth), append(second, reply)
		} else {
			first, second = append(first, reply), append(second, forth)
		}
		c.ends, c.heard = ends, time.Now()
		going = append(going, c)
	}
	p.known = going
	if err := p.send(first); err != nil {
		return err
	}
	return p.send(second)
}

func count(yes bool, did, didNot *int) {
	if yes {
		*did++
	} else {
		*didNot++
	}
}

// shrunk says what a simpler history is that fails as well, and how.
func (p *player) shrunk(h model.History) string {
	var last error
	began, seen := time.Now(), p.seen
	p.within = 3 * time.Second
	least := h.Shrink(func(less model.History) bool {
		if time.Since(began) > shrinkWithin {
			return false
		}
		p.clear()
		err := p.play(less)
		if err != nil {
			last = err
		}
		return err != nil
	})
	p.seen = seen
	var b strings.Builder
	fmt.Fprintf(&b, "As little as fails too: %v\n", last)
	for i, state := range least {
		fmt.Fprintf(&b, "# state %d\n%s", i+1, state.YAML())
		for _, port := range state.Ports {
			fmt.Fprintf(&b, "# %s is on h%d\n", port.Name, port.Host)
		}
	}
	return b.String()
}
