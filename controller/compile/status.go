package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Conflict is a place for which units want different things.
type Conflict struct {
	Host   string  // empty for a derived row
	Place  string  // "flow table=20 priority=100 match=…"
	Owners []Owner // the winner first
}

func (c Conflict) String() string {
	names := make([]string, len(c.Owners))
	for i, o := range c.Owners {
		names[i] = o.String()
	}
	where := c.Place
	if c.Host != "" {
		where += " on host " + c.Host
	}
	return fmt.Sprintf("%s is wanted differently by %s; the first has it", where, strings.Join(names, " and "))
}

type conflictID struct {
	host string
	key  slotKey
}

// report records who is in conflict over a place, the winner first; no units: nobody is any more.
func (e *Engine) report(id conflictID, units []*unit) {
	if old := e.conflicts[id]; old != nil {
		delete(e.conflicts, id)
		for _, o := range old.Owners {
			if s := e.subjects[o.Subject]; s != nil {
				delete(s.conflicts, id)
			}
			e.changed[o.Subject] = struct{}{}
		}
	}
	if units == nil {
		return
	}
	c := &Conflict{Host: id.host, Place: id.key.String()}
	e.conflicts[id] = c
	for _, u := range units {
		c.Owners = append(c.Owners, u.owner())
		if u.about.conflicts == nil {
			u.about.conflicts = map[conflictID]*Conflict{}
		}
		u.about.conflicts[id] = c
		e.changed[u.about.name] = struct{}{}
	}
}

// Conflicts returns all conflicts there are, in order of host and place.
func (e *Engine) Conflicts() []Conflict {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return sortConflicts(maps.Values(e.conflicts))
}

func sortConflicts(seq func(func(*Conflict) bool)) []Conflict {
	var all []Conflict
	for c := range seq {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Conflict) int {
		return cmp.Or(strings.Compare(a.Host, b.Host), strings.Compare(a.Place, b.Place))
	})
	return all
}

// Notes returns what the units of a subject ("port/red/vm1") say about it, and the conflicts they are in. The order is
// that of apps and rules, then of severity.
func (e *Engine) Notes(about string) []Note {
	e.mu.RLock()
	defer e.mu.RUnlock()
	s := e.subjects[about]
	if s == nil {
		return nil
	}
	var notes []Note
	for _, u := range s.units {
		notes = append(notes, u.notes...)
	}
	slices.SortStableFunc(notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.Owner, b.Owner), strings.Compare(a.Text, b.Text))
	})
	for _, c := range sortConflicts(maps.Values(s.conflicts)) {
		notes = append(notes, Note{Failed, "Conflict", c.Owners[0].App + "." + c.Owners[0].Rule, c.String()})
	}
	return notes
}

// Subjects returns the names of all subjects that have units, sorted.
func (e *Engine) Subjects() []string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return slices.Sorted(maps.Keys(e.subjects))
}

// HostsOf returns the hosts for which the units of a subject emitted something, by name.
func (e *Engine) HostsOf(about string) []string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	s := e.subjects[about]
	if s == nil {
		return nil
	}
	seen := map[*host]struct{}{}
	for _, u := range s.units {
		for _, m := range u.emits {
			seen[m.host] = struct{}{}
		}
	}
	names := make([]string, 0, len(seen))
	for h := range seen {
		names = append(names, h.name)
	}
	slices.Sort(names)
	return names
}

// FlowsOf returns the flows that the units of a subject emitted, by host and key, in no particular order.
func (e *Engine) FlowsOf(about string) []HostFlow {
	e.mu.RLock()
	defer e.mu.RUnlock()
	s := e.subjects[about]
	if s == nil {
		return nil
	}
	var all []HostFlow
	for _, u := range s.units {
		for _, m := range u.emits {
			if m.c.kind == kindFlow {
				all = append(all, HostFlow{m.host.name, m.c.slotKey.flow()})
			}
		}
	}
	return all
}

// Hosts returns the names of all hosts that are to have anything.
func (e *Engine) Hosts() []string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return slices.Sorted(maps.Keys(e.hosts))
}

// Host returns everything that one host is to have; nothing for a host that no unit emitted for. Strings are shared.
func (e *Engine) Host(name string) HostState {
	e.mu.RLock()
	defer e.mu.RUnlock()
	state := HostState{Host: name}
	if h := e.hosts[name]; h != nil {
		state = h.state()
	}
	state.Seq, state.Rev = e.seq, e.rev
	return state
}

// RuleStats counts what one rule's units did since the engine started.
type RuleStats struct {
	Rule    string // "l2.deliver"
	Units   int
	Runs    uint64
	Changes uint64 // runs whose output differed from the one before
	Took    time.Duration
}

// Stats returns the counts of all rules, in the order of apps.
func (e *Engine) Stats() []RuleStats {
	e.mu.RLock()
	defer e.mu.RUnlock()
	all := make([]RuleStats, len(e.rules))
	for i, r := range e.rules {
		all[i] = RuleStats{r.full, len(r.units), r.runs, r.changes, r.took}
	}
	return all
}

// Explanation is why a host has a flow.
type Explanation struct {
	Host  string
	Flow  flow.Flow
	Owner Owner    // the unit that it is from
	Also  []Owner  // others that want it, or something else in its place
	Read  []string // what the unit reads: "network/red/web", "hosts of network/red/web"
	Since int64    // revision at which some host first had this flow
}

// Explain returns why flows with this cookie are there, one Explanation per host and flow, by host. It runs rules again
// to learn what they read, so that only the writer of the tables may call it.
func (e *Engine) Explain(cookie uint64) []Explanation {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var all []Explanation
	read := map[*unit][]string{}
	for c := e.pool[cookie]; c != nil; c = c.next {
		for _, name := range slices.Sorted(maps.Keys(e.hosts)) {
			h := e.hosts[name]
			if s := h.slots[c.slotKey]; s != nil && s.first.c == c {
				all = append(all, e.explain(h, s, read))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Explanation) int { return strings.Compare(a.Host, b.Host) })
	return all
}

// ExplainFlow returns why a host has the flow with this key; false when it is not to have one. See [Engine.Explain].
func (e *Engine) ExplainFlow(hostName string, key flow.Key) (Explanation, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	h := e.hosts[hostName]
	if h == nil {
		return Explanation{}, false
	}
	s, ok := h.slots[slotKey{kind: kindFlow, table: key.Table, priority: key.Priority, text: key.Match}]
	if !ok {
		return Explanation{}, false
	}
	return e.explain(h, s, map[*unit][]string{}), true
}

// OwnerOf returns the unit that a host's flow is from; false when the host is not to have the flow.
func (e *Engine) OwnerOf(hostName string, key flow.Key) (Owner, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	h := e.hosts[hostName]
	if h == nil {
		return Owner{}, false
	}
	s, ok := h.slots[slotKey{kind: kindFlow, table: key.Table, priority: key.Priority, text: key.Match}]
	if !ok {
		return Owner{}, false
	}
	return s.first.u.owner(), true
}

func (e *Engine) explain(h *host, s *slot, read map[*unit][]string) Explanation {
	u := s.first.u
	if _, ok := read[u]; !ok {
		read[u] = e.readsOf(u)
	}
	x := Explanation{Host: h.name, Flow: s.first.c.flow(), Owner: u.owner(), Read: read[u], Since: s.first.c.since}
	rest := slices.Clone(s.rest)
	slices.SortFunc(rest, compareClaims)
	for _, r := range rest {
		x.Also = append(x.Also, r.u.owner())
	}
	return x
}

// readsOf runs a unit for what it reads only.
func (e *Engine) readsOf(u *unit) []string {
	var res result
	newOut(e).run(u, &res)
	return res.reads.Names()
}
