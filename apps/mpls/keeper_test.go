package mpls

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
)

// plant is a ring of four switches with a host on each side, and which switches are in step.
type plant struct {
	*intent.Tables
	keeper *Keeper
	behind map[string]bool // switches that have not confirmed
	now    time.Time
}

func newPlant() *plant {
	t := intent.NewTables()
	p := &plant{Tables: t, keeper: NewKeeper(t), behind: map[string]bool{}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i := range 4 {
		t.Switches.Put(intent.Switch{Name: fmt.Sprintf("p%d", i+1), Up: true, Labels: true, Online: true})
	}
	for _, l := range []string{"h1-p1", "p1-p2", "p2-p3", "p3-p4", "p4-p1", "p3-h2"} {
		p.link(l, intent.Open, 10)
	}
	p.link("p1-p2", intent.Open, 5)
	t.Demands.Put(intent.Demand{Physical: "core", From: "h1", To: "h2"})
	t.Demands.Put(intent.Demand{Physical: "core", From: "h2", To: "h1"})
	return p
}

// InStep and Untrack implement compile.Switches.
func (p *plant) InStep(host string) bool                  { return !p.behind[host] }
func (p *plant) Untrack(string, compile.Connections) bool { return false }

// link sets the link "p1-p2".
func (p *plant) link(name string, state intent.AdjacencyState, cost uint32) {
	a, b, _ := strings.Cut(name, "-")
	end := func(host, to string) intent.End {
		if host[0] == 'h' {
			return intent.End{Host: host, Port: "core"}
		}
		return intent.End{Host: host, Port: "w-" + to}
	}
	ends := intent.Sighting{From: end(a, b), To: end(b, a)}.Ends()
	p.Adjacencies.Put(intent.Adjacency{Ends: ends, Cost: cost, State: state})
}

// keep lets the keeper decide until it has nothing more to say, and lists the paths from h1 to h2.
func (p *plant) keep() string {
	for wrote := true; wrote; {
		wrote, _ = p.keeper.Keep(p.now, p)
	}
	var all []string
	for path := range p.Paths.Scan() {
		if path.Key.From == "h1" {
			all = append(all, fmt.Sprintf("%s %s", []string{"standby", "active", "retiring"}[path.State], path.Route()))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (p *plant) labels() map[uint32]bool {
	all := map[uint32]bool{}
	for path := range p.Paths.Scan() {
		for _, h := range path.Hops {
			all[h.Label] = true
		}
	}
	return all
}

const over2, over4 = "h1 p1 p2 p3 h2", "h1 p1 p4 p3 h2"

func (p *plant) want(t *testing.T, when, want string) {
	t.Helper()
	if got := p.keep(); got != want {
		t.Fatalf("%s: %s, want %s", when, got, want)
	}
}

// TestKeeper is the life of a path: made, moved in good order, moved in haste, and gone.
func TestKeeper(t *testing.T) {
	p := newPlant()
	p.want(t, "at first", "active "+over2)
	if n := len(p.labels()); n != 8 {
		t.Errorf("%d labels on 8 links", n)
	}
	p.behind["p4"] = true
	p.link("p2-p3", intent.Closed, 10)
	p.want(t, "a link is taken down", "active "+over2+", standby "+over4)
	p.behind["p4"] = false
	p.keeper.dirty = true
	p.want(t, "all have confirmed", "active "+over4+", retiring "+over2)
	p.now = p.now.Add(retireAfter + time.Second)
	p.want(t, "a while later", "active "+over4)
	before := p.labels()
	p.link("p1-p2", intent.Broken, 5)
	p.want(t, "a link that it does not use is cut", "active "+over4)
	if after := p.labels(); len(after) != len(before) {
		t.Errorf("labels %v became %v", before, after)
	}
	p.link("p2-p3", intent.Open, 10)
	p.link("p1-p2", intent.Open, 5)
	p.link("p3-p4", intent.Broken, 10)
	p.want(t, "its link is cut", "active "+over2)
	p.link("p2-p3", intent.Broken, 10)
	p.want(t, "no way is left", "")
	p.link("p2-p3", intent.Avoided, 10)
	p.want(t, "one that nobody knows of is better than none", "active "+over2)
	p.link("p3-p4", intent.Open, 10)
	p.want(t, "and worse than one that is known", "active "+over4+", retiring "+over2)
	p.Demands.Delete(intent.Demand{Physical: "core", From: "h1", To: "h2"})
	p.want(t, "nobody wants it", "")
}

// TestKeeperStaysWhereItIs has two ways of one cost.
func TestKeeperStaysWhereItIs(t *testing.T) {
	p := newPlant()
	p.link("p1-p2", intent.Open, 20)
	p.want(t, "at first", "active "+over4)
	p.link("p1-p2", intent.Open, 10)
	p.want(t, "another way costs as much", "active "+over4)
	p.link("p1-p2", intent.Open, 9)
	p.want(t, "another way costs less", "active "+over2+", retiring "+over4)
}

// TestPopping has the host at the end choose where the label comes off: another path is made, and only then the first one goes.
func TestPopping(t *testing.T) {
	p := newPlant()
	last := func() string {
		t.Helper()
		for path := range p.Paths.Scan() {
			if path.Key.From == "h1" && path.State == intent.Active {
				return fmt.Sprintf("%t %d", path.Last().Label == intent.ImplicitNull, path.Popping)
			}
		}
		return "none"
	}
	p.want(t, "at first", "active "+over2)
	for _, step := range []struct {
		popping intent.Popping
		want    string
	}{{intent.PopUniform, "true 2"}, {intent.PopPipe, "true 1"}, {intent.PopAtEnd, "false 0"}} {
		before := last()
		p.behind["p2"] = true
		p.Hosts.Put(intent.Host{Name: "h2", Up: true, Popping: step.popping})
		p.want(t, "chosen", "active "+over2+", standby "+over2)
		if got := last(); got != before {
			t.Errorf("%s is used before all have it, in place of %s", got, before)
		}
		p.behind["p2"], p.keeper.dirty = false, true
		p.want(t, "all have it", "active "+over2+", retiring "+over2)
		if got := last(); got != step.want {
			t.Errorf("%s, want %s", got, step.want)
		}
		p.now = p.now.Add(retireAfter + time.Second)
		p.want(t, "a while later", "active "+over2)
	}
}

// TestPoppingOnOneLink has two hosts side by side: without a transport label there is none at all, and no time to live in it.
func TestPoppingOnOneLink(t *testing.T) {
	p := newPlant()
	ends := intent.Sighting{From: intent.End{Host: "h1", Port: "core"}, To: intent.End{Host: "h2", Port: "core"}}.Ends()
	p.Adjacencies.Put(intent.Adjacency{Ends: ends, Cost: 1})
	const direct = "h1 h2"
	p.want(t, "at first", "active "+direct)
	for _, popping := range []intent.Popping{intent.PopUniform, intent.PopAtEnd, intent.PopPipe} { // faster than old paths go
		p.Hosts.Put(intent.Host{Name: "h2", Up: true, Popping: popping})
		p.keep()
	}
	p.now = p.now.Add(retireAfter + time.Second)
	p.keeper.dirty = true
	p.want(t, "a while later", "active "+direct)
	for path := range p.Paths.Scan() {
		if path.Key.From == "h1" && (path.Key.Label != intent.ImplicitNull || path.Popping != intent.PopPipe) {
			t.Errorf("%+v", path)
		}
	}
}

// TestHostsPassNothingOn has a way that is cheap only through a host.
func TestHostsPassNothingOn(t *testing.T) {
	p := newPlant()
	p.link("p1-h3", intent.Open, 1)
	p.link("p3-h3", intent.Open, 1)
	p.want(t, "at first", "active "+over2)
}

func TestLabelsRunOut(t *testing.T) {
	l := &labels{taken: map[uint32]bool{}, last: lastLabel - 1}
	for _, want := range []uint32{lastLabel, firstLabel, firstLabel + 1} {
		if got, ok := l.next(); got != want || !ok {
			t.Errorf("%d, want %d", got, want)
		}
	}
	for label := uint32(firstLabel); label <= lastLabel; label++ {
		l.taken[label] = true
	}
	if got, ok := l.next(); ok {
		t.Errorf("%d was given out twice", got)
	}
}
