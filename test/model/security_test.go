package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// How many histories are played, how many packets they must take at least, and how long a simpler history that fails too is looked for.
const (
	histories    = 240
	leastPackets = 1_000_000
	shrinkWithin = time.Minute
)

// lasting is how many connections of a history are followed.
const lasting = 120

// TestRulesAgree draws ports with security groups, address groups and administrators' policies, and edits of those. After each edit all
// ports send packets of many kinds to each other: those that must pass arrive at the one that they are for, and the others nowhere. What
// arrived is answered, and connections that were established before the edit go on, or do not any more.
func TestRulesAgree(t *testing.T) { rulesAgree(t, 1, histories, leastPackets) }

func rulesAgree(t *testing.T, first, n, least int) {
	all := tally{}
	for seed := first; seed < first+n; seed++ {
		h := DrawHistory(seed)
		seen, err := play(h)
		all.add(seen)
		if err != nil {
			t.Fatalf("seed %d, after %d packets: %v\n%s", seed, all.packets(), err, shrunk(h))
		}
	}
	t.Logf("%d packets: %d first ones passed and %d did not, %d answers did and %d did not; of established connections %d went on and %d did not",
		all.packets(), all.opened, all.refused, all.answered, all.unanswered, all.lasted, all.stopped)
	if all.packets() < least || min(all.opened, all.refused, all.answered, all.unanswered, all.lasted, all.stopped)*200 < least {
		t.Error("too few to tell")
	}
}

// shrunk says what a simpler history is that fails as well, and how.
func shrunk(h History) string {
	var last error
	began := time.Now()
	least := h.Shrink(func(less History) bool {
		if time.Since(began) > shrinkWithin {
			return false
		}
		_, err := play(less)
		if err != nil {
			last = err
		}
		return err != nil
	})
	var b strings.Builder
	fmt.Fprintf(&b, "As little as fails too: %v\n", last)
	for i, state := range least {
		fmt.Fprintf(&b, "# state %d\n%s", i+1, state.YAML())
		for _, p := range state.Ports {
			fmt.Fprintf(&b, "# %s is on h%d\n", p.Name, p.Host)
		}
	}
	return b.String()
}

// tally counts packets.
type tally struct {
	opened, refused, answered, unanswered, lasted, stopped int
}

func (t tally) packets() int {
	return t.opened + t.refused + t.answered + t.unanswered + t.lasted + t.stopped
}

func (t *tally) add(o tally) {
	t.opened += o.opened
	t.refused += o.refused
	t.answered += o.answered
	t.unanswered += o.unanswered
	t.lasted += o.lasted
	t.stopped += o.stopped
}

// failure is what a world could not do.
type failure struct{ error }

// thrower ends a play.
type thrower struct{}

func (thrower) Fatal(args ...any)                 { panic(failure{errors.New(fmt.Sprint(args...))}) }
func (thrower) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// play makes one state of a history after the other, and tells which packet went elsewhere than it must.
func play(h History) (seen tally, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r
		default:
			panic(r)
		}
	}()
	p := &player{w: newWorld(thrower{}), port: firstPort}
	defer func() { seen = p.seen }()
	for i, t := range h {
		p.state, p.t = i+1, t
		p.w.become(p.w.rt, t)
		p.established()
		for from := range t.Ports {
			for to := range t.Ports {
				if from != to {
					p.pair(from, to)
				}
			}
		}
	}
	return p.seen, nil
}

// player sends packets.
type player struct {
	w     *world
	t     Topology
	state int
	port  uint16 // of the client of the next connection
	known []connection
	seen  tally
}

// firstPort is the first port of clients; no rule names one like it but those that name all.
const firstPort = 20000

// connection is one that was established.
type connection struct {
	from, to int
	first    Segment
	ends     [2]Standing
}

func (p *player) next() uint16 {
	p.port++
	return p.port
}

// pair sends all kinds of packets from one port to another, and what answers them.
func (p *player) pair(from, to int) {
	for _, ends := range p.t.Addresses(from, to) {
		for i, s := range Segments(ends[0], ends[1], p.next) {
			opens := p.t.Opens(from, to, s)
			p.passes(from, to, s, opens)
			if !opens {
				p.seen.refused++
				continue
			}
			p.seen.opened++
			if s.Stray() {
				continue
			}
			answers := p.t.Answers(from, to, s)
			p.passes(to, from, s.Answer(), answers)
			if !answers {
				p.seen.unanswered++
				continue
			}
			p.seen.answered++
			if len(p.known) < lasting && (i+from+to)%3 == 0 {
				p.known = append(p.known, connection{from, to, s, [2]Standing{p.t.Standing(from), p.t.Standing(to)}})
			}
		}
	}
}

// established sends on connections that were established before what has changed. Those whose ends have moved, or are judged in another way,
// are known again from what their client sends, and no longer followed where that does not pass.
func (p *player) established() {
	var going []connection
	for i, c := range p.known {
		s := c.first
		if s.Protocol == tcp {
			s.Flags = ACK
		}
		ends := [2]Standing{p.t.Standing(c.from), p.t.Standing(c.to)}
		onward, back := p.t.Opens(c.from, c.to, s), p.t.Answers(c.from, c.to, s)
		forth := func() { p.lasts(c.from, c.to, s, onward) }
		if c.ends != ends {
			if forth(); !onward {
				continue
			}
			forth = func() {}
		}
		if i%2 == 0 {
			forth()
		}
		p.lasts(c.to, c.from, s.Answer(), back)
		if i%2 == 1 {
			forth()
		}
		c.ends = ends
		going = append(going, c)
	}
	p.known = going
}

func (p *player) lasts(from, to int, s Segment, must bool) {
	p.passes(from, to, s, must)
	if must {
		p.seen.lasted++
	} else {
		p.seen.stopped++
	}
}

// passes sends a packet, and demands that it arrives where it is for, or nowhere.
func (p *player) passes(from, to int, s Segment, must bool) {
	sender, receiver := p.t.Ports[from], p.t.Ports[to]
	own, _ := p.w.mac(sender.Name, "")
	next, _ := p.w.mac(receiver.Name, "")
	if sender.Network != receiver.Network {
		router := p.t.Routers[0]
		if len(p.t.Routers) > 1 && (sender.Network == behind || receiver.Network == behind && sender.Network == transit) {
			router = p.t.Routers[1]
		}
		next, _ = p.w.mac("", router.Name)
	}
	j := p.w.fabric.Send(sender.Name, s.Frame(own[:], next[:], nil))
	if j.Err != nil {
		p.w.rt.Fatalf("%s sends %+v: %v", sender.Name, s, j.Err)
	}
	var at, want []string
	for _, d := range j.Deliveries {
		at = append(at, d.Endpoint)
	}
	if must {
		want = []string{receiver.Name}
	}
	if slices.Equal(at, want) {
		return
	}
	var path strings.Builder
	for i, r := range j.Results {
		fmt.Fprintf(&path, "at %#x: %v\n", j.Switches[i].DatapathID(), r.Drops)
		for _, step := range r.Trace {
			fmt.Fprintf(&path, "  table %d: %s\n", step.Table, step.Flow)
		}
	}
	p.w.rt.Fatalf("state %d: %s sends %+v to %s: arrives at %v, want %v\n%s", p.state, sender.Name, s, receiver.Name, at, want, &path)
}

// loadSecurity takes over groups and policies.
func (w *world) loadSecurity(res *weftv1.Resource, staying map[any]bool) {
	if intent.KeyOf(res).Kind == intent.KindAddressGroup {
		set, blocks, err := intent.AddressRows(res)
		w.must(err)
		w.tables.AddressSets.Put(set)
		staying[set.Key] = true
		for _, b := range blocks {
			a := intent.AddressOf{Set: set.Key, Block: b}
			w.tables.Addresses.Put(a)
			staying[a] = true
		}
		return
	}
	row, err := intent.RuleListRow(res)
	w.must(err)
	w.tables.RuleLists.Put(row)
	staying[row.Key] = true
}

// unsaid deletes groups and policies that are not among the resources.
func (w *world) unsaid(resources []*weftv1.Resource) {
	said := map[intent.Key]bool{}
	for _, res := range resources {
		said[intent.KeyOf(res)] = true
	}
	var gone []intent.Key
	for res := range w.catalog.List() {
		switch key := intent.KeyOf(res); key.Kind {
		case intent.KindSecurityGroup, intent.KindSecurityPolicy, intent.KindAddressGroup:
			if !said[key] {
				gone = append(gone, key)
			}
		}
	}
	if len(gone) > 0 {
		_, _, err := w.catalog.Delete(context.Background(), gone, false, nil)
		w.must(err)
	}
}
