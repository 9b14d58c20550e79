package reconcile

import (
	"errors"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// connect is called when a switch connection begins: nothing is known of the switch.
func (t *Target) connect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.online, t.synced, t.failure = true, false, ""
	t.sessions++
	t.marked, t.flying = newMarks(), newMarks() // the dump decides
	t.refused = map[flow.Key]string{}
}

// disconnect is called when the switch connection has ended.
func (t *Target) disconnect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.online, t.synced = false, false
	t.marked, t.flying = newMarks(), newMarks() // the next connection starts with a dump
}

// comparison is a dump under way.
type comparison struct {
	t                               *Target
	number                          uint64
	right, wrong, missing, unwanted int
}

// startSync forgets what is marked: the dump that follows shows what of it is still wrong, and what changes from here on is
// marked again. Otherwise everything compiled before the switch connected would be written once more.
func (t *Target) startSync() *comparison {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dumps++
	t.marked = newMarks()
	return &comparison{t: t, number: t.dumps}
}

// flow compares one flow of ours that the switch has.
func (c *comparison) flow(s *openflow.FlowStats) error {
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	e, wanted := c.t.flows[flow.Key{Table: s.Table, Priority: s.Priority, Match: string(s.Match)}]
	if !wanted {
		c.unwanted++
		c.t.marked.flows[s.Key()] = struct{}{}
		return nil
	}
	e.seen = c.number
	if e.cookie != s.Cookie || e.instructions != string(s.Instructions) {
		c.wrong++
		c.t.marked.flows[s.Key()] = struct{}{}
		return nil
	}
	c.right++
	if len(c.t.marked.flows) > 0 {
		delete(c.t.marked.flows, s.Key()) // whoever marked it, it is right now
	}
	return nil
}

// ourNumber begins the numbers of our groups and meters (8 of 32 bits): they have no cookies.
const ourNumber = 0x57

func isOurs(id uint32) bool { return id>>24 == ourNumber }

// finish compares groups and meters, and marks what the dumps did not show.
func (c *comparison) finish(groups []flow.Group, meters []flow.Meter) {
	t := c.t
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, e := range t.flows {
		if e.seen != c.number {
			c.missing++
			t.marked.flows[k] = struct{}{}
		}
	}
	t.onSwitch = onSwitch{map[uint32]bool{}, map[uint32]bool{}}
	for _, g := range groups {
		t.onSwitch.groups[g.ID] = true
		if want, ok := t.groups[g.ID]; want != g && (ok || isOurs(g.ID)) {
			t.marked.groups[g.ID] = struct{}{}
		}
	}
	for _, m := range meters {
		t.onSwitch.meters[m.ID] = true
		if want, ok := t.meters[m.ID]; want != m && (ok || isOurs(m.ID)) {
			t.marked.meters[m.ID] = struct{}{}
		}
	}
	for id := range t.groups {
		if !t.onSwitch.groups[id] {
			t.marked.groups[id] = struct{}{}
		}
	}
	for id := range t.meters {
		if !t.onSwitch.meters[id] {
			t.marked.meters[id] = struct{}{}
		}
	}
	t.synced = true
	t.signal()
}

// onSwitch are the groups and meters that the switch has: adding one that exists fails.
type onSwitch struct{ groups, meters map[uint32]bool }

// batch is one bundle: its changes, and the keys that they are about.
type batch struct {
	mods  []openflow.Mod
	about []change // of each of mods
	keys  marks
}

// change says what one change of a bundle is about.
type change struct {
	what what
	key  flow.Key // of a flow
	id   uint32   // of a group or meter
}

type what uint8

const (
	addFlow what = iota
	removeFlow
	addGroup
	changeGroup
	removeGroup
	addMeter
	changeMeter
	removeMeter
)

func (b *batch) add(m openflow.Mod, c change) {
	b.mods = append(b.mods, m)
	b.about = append(b.about, c)
}

// take turns at most about n marks into changes: meters, groups and flows are added before flows, groups and meters are
// removed. What may not be removed yet stays marked.
func (t *Target) take(n int) batch {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, removals := batch{keys: newMarks()}, batch{}
	if !t.synced {
		return b
	}
	t.takeMeters(&b, &removals)
	t.takeGroups(&b, &removals)
	t.takeFlows(&b, &removals, n)
	// Flows go before the groups and meters that they use.
	for i := len(removals.mods) - 1; i >= 0; i-- {
		b.add(removals.mods[i], removals.about[i])
	}
	if len(b.mods) == 0 {
		b.keys = newMarks() // nothing to wait for
	}
	if len(t.marked.flows) == 0 {
		t.marked.flows = map[flow.Key]struct{}{} // an emptied map keeps its size, and going over it costs what it once held
	}
	t.flying = b.keys
	return b
}

func (t *Target) takeFlows(b, removals *batch, n int) {
	for k := range t.marked.flows {
		if len(b.mods)+len(removals.mods) >= n {
			return
		}
		e, wanted := t.flows[k]
		_, refused := t.refused[k]
		switch {
		case wanted && refused:
			delete(t.marked.flows, k)
			continue
		case wanted:
			b.add(openflow.AddFlow(flow.Flow{Key: k, Instructions: e.instructions, Cookie: e.cookie}), change{what: addFlow, key: k})
			t.stats.FlowsAdded++
		case t.removals:
			removals.add(openflow.DeleteFlowStrict(k), change{what: removeFlow, key: k})
			t.stats.FlowsRemoved++
		default:
			continue
		}
		delete(t.marked.flows, k)
		b.keys.flows[k] = struct{}{}
	}
}

func (t *Target) takeMeters(b, removals *batch) {
	for id := range t.marked.meters {
		m, wanted := t.meters[id]
		switch {
		case wanted && t.onSwitch.meters[id]:
			b.add(openflow.ModifyMeter(m), change{what: changeMeter, id: id})
		case wanted:
			b.add(openflow.AddMeter(m), change{what: addMeter, id: id})
		case !t.onSwitch.meters[id]:
		case t.removals:
			removals.add(openflow.DeleteMeter(id), change{what: removeMeter, id: id})
		default:
			continue
		}
		delete(t.marked.meters, id)
		b.keys.meters[id] = struct{}{}
	}
}

func (t *Target) takeGroups(b, removals *batch) {
	for id := range t.marked.groups {
		g, wanted := t.groups[id]
		switch {
		case wanted && t.onSwitch.groups[id]:
			b.add(openflow.ModifyGroup(g), change{what: changeGroup, id: id})
		case wanted:
			b.add(openflow.AddGroup(g), change{what: addGroup, id: id})
		case !t.onSwitch.groups[id]:
		case t.removals:
			removals.add(openflow.DeleteGroup(id), change{what: removeGroup, id: id})
		default:
			continue
		}
		delete(t.marked.groups, id)
		b.keys.groups[id] = struct{}{}
	}
}

// done notes how a batch went. What failed is marked again.
func (t *Target) done(b batch, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flying = newMarks()
	t.stats.Bundles++
	if err == nil {
		t.failure = ""
		for _, reason := range t.refused {
			t.failure = reason
		}
		for _, c := range b.about {
			t.onSwitch.note(c)
		}
		return
	}
	t.stats.Failures++
	t.failure = err.Error()
	// Meters are in no bundle: some may have been changed. And a flow whose meter somebody else removed is refused.
	if len(b.keys.meters) > 0 || aboutMeter(err) {
		t.synced = false
	}
	for k := range b.keys.flows {
		t.marked.flows[k] = struct{}{}
	}
	for id := range b.keys.groups {
		t.marked.groups[id] = struct{}{}
	}
	for id := range b.keys.meters {
		t.marked.meters[id] = struct{}{}
	}
	t.signal()
}

// aboutMeter tells whether a switch refused a meter, or a flow for its meter.
func aboutMeter(err error) bool {
	e, ok := errors.AsType[*openflow.Error](err)
	return ok && e.Type == openflow.ErrorTypeMeterModFailed
}

func (o onSwitch) note(c change) {
	switch c.what {
	case addGroup:
		o.groups[c.id] = true
	case removeGroup:
		delete(o.groups, c.id)
	case addMeter:
		o.meters[c.id] = true
	case removeMeter:
		delete(o.meters, c.id)
	}
}

// doubt says that changes by others may have been missed: everything is to be compared again.
func (t *Target) doubt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.synced = false
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *Target) unsynced() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.synced
}

// drifted marks a flow that somebody else changed, if what the switch has now is not what is wanted.
func (t *Target) drifted(u *openflow.FlowUpdate) bool {
	if u.Event == openflow.FlowAbbreviated {
		return false // our own
	}
	key, deleted := u.Key(), u.Event == openflow.FlowDeleted
	t.mu.Lock()
	defer t.mu.Unlock()
	e, wanted := t.flows[key]
	switch {
	case wanted && !deleted && e.cookie == u.Cookie && e.instructions == string(u.Instructions):
		return false
	case !wanted && (deleted || !flow.CookieIsOurs(u.Cookie)):
		return false
	}
	t.stats.Drift++
	t.marked.flows[key] = struct{}{}
	t.signal()
	return true
}

// isolate leaves out a flow that the switch refuses, so that others are not held up by it. Groups and meters that are
// refused are tried again as they are: flows that use them could not work without. So is a flow whose meter is gone.
func (t *Target) isolate(b batch, e *openflow.ModError) {
	if c := b.about[e.Index]; c.what == addFlow && !aboutMeter(e) {
		t.mu.Lock()
		t.refused[c.key] = e.Error()
		t.mu.Unlock()
	}
}

// reconsider marks what was refused once more, and tells whether there was anything.
func (t *Target) reconsider() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k := range t.refused {
		t.marked.flows[k] = struct{}{}
	}
	any := len(t.refused) > 0
	clear(t.refused)
	return any
}
