package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/southbound/flow"
)

// host is what the units want on one host.
type host struct {
	name    string
	slots   map[slotKey]*slot
	touched []touch // slots that this Step has changed
}

// slot is one place on a host and the claims on it: nearly always one.
type slot struct {
	first     claim   // the winner
	rest      []claim // in no order
	touched   bool    // listed in host.touched
	contested bool    // reported as a conflict
}

// claim is one unit's wish for one place.
type claim struct {
	c *content
	u *unit
}

// touch remembers what a slot held when the Step began.
type touch struct {
	slot   *slot
	key    slotKey
	before *content
}

const keepTouched = 256 // room that a host keeps between Steps

func newHost(name string) *host { return &host{name: name, slots: map[slotKey]*slot{}} }

// compareUnits orders units by owner: app.rule, then subject.
func compareUnits(a, b *unit) int {
	if c := strings.Compare(a.rule.full, b.rule.full); c != 0 {
		return c
	}
	return strings.Compare(a.about.name, b.about.name)
}

// compareClaims orders claims on one place by who wins. Claims of one owner are told apart by what they want, so that the
// winner never depends on who came first.
func compareClaims(a, b claim) int {
	if c := compareUnits(a.u, b.u); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.c.cookie, b.c.cookie), strings.Compare(a.c.instructions, b.c.instructions),
		compareOther(a.c.other, b.c.other))
}

// compareOther orders groups, meters and ports; it matters only for two of one place and owner.
func compareOther(a, b any) int {
	if a == b {
		return 0
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

func (h *host) add(e *Engine, u *unit, c *content) {
	s := h.touch(e, c.slotKey)
	switch n := (claim{c, u}); {
	case s.first.c == nil:
		s.first = n
	case compareClaims(n, s.first) < 0:
		s.rest = append(s.rest, s.first)
		s.first = n
	default:
		s.rest = append(s.rest, n)
	}
}

// remove takes one claim back. Invariant: u has one on an equal content.
func (h *host) remove(e *Engine, u *unit, c *content) {
	s := h.touch(e, c.slotKey)
	if s.first.u == u && s.first.c.same(c) {
		s.first = claim{}
		if len(s.rest) > 0 {
			s.first = slices.MinFunc(s.rest, compareClaims)
			s.dropRest(s.first)
		}
	} else {
		s.dropRest(claim{c, u})
	}
}

func (s *slot) dropRest(d claim) {
	i := slices.IndexFunc(s.rest, func(r claim) bool { return r.u == d.u && r.c.same(d.c) })
	s.rest = slices.Delete(s.rest, i, i+1)
	if len(s.rest) == 0 {
		s.rest = nil
	}
}

// touch returns the slot at key, having noted what it held before this Step.
func (h *host) touch(e *Engine, key slotKey) *slot {
	s := h.slots[key]
	if s == nil {
		s = &slot{}
		h.slots[key] = s
	}
	if !s.touched {
		s.touched = true
		if len(h.touched) == 0 {
			e.touched = append(e.touched, h)
		}
		h.touched = append(h.touched, touch{s, key, s.first.c})
	}
	return s
}

// finish compares what the Step touched with what was there before, and says whether anything differs.
func (h *host) finish(e *Engine) (HostDelta, bool) {
	d := HostDelta{Host: h.name, Seq: e.seq}
	differs := false
	for _, t := range h.touched {
		s := t.slot
		s.touched = false
		h.judge(e, t.key, s)
		switch {
		case s.first.c == nil:
			delete(h.slots, t.key)
			if t.before != nil {
				d.remove(t.key, t.before)
				differs = true
			}
		case !s.first.c.same(t.before):
			d.add(s.first.c)
			differs = true
		}
	}
	if cap(h.touched) > keepTouched {
		h.touched = nil
	}
	clear(h.touched)
	h.touched = h.touched[:0]
	return d, differs
}

// judge reports the claims on a slot when they do not agree, or that they now do.
func (h *host) judge(e *Engine, key slotKey, s *slot) {
	var units []*unit
	for _, r := range s.rest {
		if !r.c.agrees(s.first.c) {
			units = append(units, r.u)
		}
	}
	if units == nil && !s.contested {
		return
	}
	if units != nil {
		slices.SortFunc(units, compareUnits)
		units = slices.Insert(units, 0, s.first.u)
	}
	e.report(conflictID{h.name, key}, units)
	s.contested = units != nil
}

func (d *HostDelta) add(c *content) {
	switch v := c.other.(type) {
	case nil:
		d.AddedFlows = append(d.AddedFlows, c.flow())
	case flow.Group:
		d.AddedGroups = append(d.AddedGroups, v)
	case flow.Meter:
		d.AddedMeters = append(d.AddedMeters, v)
	case OVSPort:
		d.AddedPorts = append(d.AddedPorts, v)
	case CountedFlow:
		d.AddedCounters = append(d.AddedCounters, v)
	}
}

func (d *HostDelta) remove(key slotKey, before *content) {
	switch v := before.other.(type) {
	case nil:
		d.RemovedFlows = append(d.RemovedFlows, key.flow())
	case flow.Group:
		d.RemovedGroups = append(d.RemovedGroups, v.ID)
	case flow.Meter:
		d.RemovedMeters = append(d.RemovedMeters, v.ID)
	case OVSPort:
		d.RemovedPorts = append(d.RemovedPorts, v.Key())
	case CountedFlow:
		d.RemovedCounters = append(d.RemovedCounters, v.Key)
	}
}

// state returns everything that the host is to have.
func (h *host) state() HostState {
	var d HostDelta
	d.AddedFlows = make([]flow.Flow, 0, len(h.slots))
	for _, s := range h.slots {
		d.add(s.first.c)
	}
	return HostState{Host: h.name, Flows: d.AddedFlows, Groups: d.AddedGroups, Meters: d.AddedMeters, Ports: d.AddedPorts, Counters: d.AddedCounters}
}
