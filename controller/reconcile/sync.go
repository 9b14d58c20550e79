package reconcile

import (
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// connect is called when a switch connection begins: nothing is known of the switch.
func (t *Target) connect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.online, t.synced, t.failure = true, false, ""
	t.refused = map[flow.Key]string{}
}

// disconnect is called when the switch connection has ended.
func (t *Target) disconnect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.online, t.synced, t.flying = false, false, newMarks()
	t.marked = newMarks() // the next connection starts with a dump
}

// comparison is a dump under way.
type comparison struct {
	t                               *Target
	number                          uint64
	groups                          map[uint32]bool
	meters                          map[uint32]bool
	right, wrong, missing, unwanted int
}

func (t *Target) startSync() *comparison {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dumps++
	return &comparison{t: t, number: t.dumps, groups: map[uint32]bool{}, meters: map[uint32]bool{}}
}

// flow compares one flow of ours that the switch has.
func (c *comparison) flow(s *openflow.FlowStats) error {
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	if e, ok := c.t.flows[flow.Key{Table: s.Table, Priority: s.Priority, Match: string(s.Match)}]; ok {
		e.seen = c.number
		if e.cookie == s.Cookie && e.instructions == string(s.Instructions) {
			c.right++
			return nil
		}
		c.wrong++
	} else {
		c.unwanted++
	}
	c.t.marked.flows[flow.Key{Table: s.Table, Priority: s.Priority, Match: string(s.Match)}] = struct{}{}
	return nil
}

func (c *comparison) group(g flow.Group) {
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	c.groups[g.ID] = true
	if want, ok := c.t.groups[g.ID]; want != g && (ok || ourGroup(g.ID)) {
		c.t.marked.groups[g.ID] = struct{}{}
	}
}

func (c *comparison) meter(id uint32, flags uint16, bands []byte) {
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	c.meters[id] = true
	if want, ok := c.t.meters[id]; !ok || uint16(want.Flags) != flags || want.Bands != string(bands) {
		if ok || ourMeter(id) {
			c.t.marked.meters[id] = struct{}{}
		}
	}
}

// ourNumber begins the numbers of our groups (8 of 32 bits) and meters (the part above the lowest 12 bits): they have no cookies.
const ourNumber = 0x57

func ourGroup(id uint32) bool { return id>>24 == ourNumber }
func ourMeter(id uint32) bool { return id>>12 == ourNumber }

// finish marks what the dump did not show.
func (c *comparison) finish() {
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	for k, e := range c.t.flows {
		if e.seen != c.number {
			c.missing++
			c.t.marked.flows[k] = struct{}{}
		}
	}
	for id := range c.t.groups {
		if !c.groups[id] {
			c.t.marked.groups[id] = struct{}{}
		}
	}
	for id := range c.t.meters {
		if !c.meters[id] {
			c.t.marked.meters[id] = struct{}{}
		}
	}
	c.t.onSwitch = onSwitch{c.groups, c.meters}
	c.t.synced = true
	c.t.signal()
}

// onSwitch are the groups and meters that the switch has: adding one that exists fails.
type onSwitch struct{ groups, meters map[uint32]bool }

// batch is what one bundle does about.
type batch struct {
	mods []openflow.Mod
	keys marks
}

// take turns at most n marks into changes: meters, groups and flows are added before flows, groups and meters are removed.
// What may not be removed yet stays marked.
func (t *Target) take(n int) batch {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := batch{keys: newMarks()}
	if !t.synced {
		return b
	}
	var removals []openflow.Mod
	t.takeMeters(&b, &removals)
	t.takeGroups(&b, &removals)
	var flows []openflow.Mod
	for k := range t.marked.flows {
		if len(b.mods)+len(flows) >= n {
			break
		}
		if _, refused := t.refused[k]; refused {
			delete(t.marked.flows, k)
			continue
		}
		e, wanted := t.flows[k]
		switch {
		case wanted:
			b.mods = append(b.mods, openflow.Mod{Command: openflow.AddFlow, Flow: flow.Flow{Key: k, Instructions: e.instructions, Cookie: e.cookie}})
		case t.removals:
			flows = append(flows, openflow.Mod{Command: openflow.DeleteFlow, Flow: flow.Flow{Key: k}})
		default:
			continue
		}
		delete(t.marked.flows, k)
		b.keys.flows[k] = struct{}{}
	}
	t.stats.FlowsAdded += uint64(countAdds(b.mods))
	t.stats.FlowsRemoved += uint64(len(flows))
	b.mods = append(append(b.mods, flows...), removals...)
	t.flying = b.keys
	return b
}

func countAdds(mods []openflow.Mod) (n int) {
	for i := range mods {
		if mods[i].Command == openflow.AddFlow {
			n++
		}
	}
	return n
}

func (t *Target) takeMeters(b *batch, removals *[]openflow.Mod) {
	for id := range t.marked.meters {
		m, wanted := t.meters[id]
		switch {
		case wanted && t.onSwitch.meters[id]:
			b.mods = append(b.mods, openflow.Mod{Command: openflow.ModifyMeter, Meter: m})
		case wanted:
			b.mods = append(b.mods, openflow.Mod{Command: openflow.AddMeter, Meter: m})
		case !t.onSwitch.meters[id]:
		case t.removals:
			*removals = append(*removals, openflow.Mod{Command: openflow.DeleteMeter, Meter: flow.Meter{ID: id}})
		default:
			continue
		}
		delete(t.marked.meters, id)
		b.keys.meters[id] = struct{}{}
	}
}

func (t *Target) takeGroups(b *batch, removals *[]openflow.Mod) {
	for id := range t.marked.groups {
		g, wanted := t.groups[id]
		switch {
		case wanted && t.onSwitch.groups[id]:
			b.mods = append(b.mods, openflow.Mod{Command: openflow.ModifyGroup, Group: g})
		case wanted:
			b.mods = append(b.mods, openflow.Mod{Command: openflow.AddGroup, Group: g})
		case !t.onSwitch.groups[id]:
		case t.removals:
			*removals = append(*removals, openflow.Mod{Command: openflow.DeleteGroup, Group: flow.Group{ID: id}})
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
		for _, m := range b.mods {
			t.onSwitch.note(m)
		}
		return
	}
	t.stats.Failures++
	t.failure = err.Error()
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

func (o onSwitch) note(m openflow.Mod) {
	switch m.Command {
	case openflow.AddGroup:
		o.groups[m.Group.ID] = true
	case openflow.DeleteGroup:
		delete(o.groups, m.Group.ID)
	case openflow.AddMeter:
		o.meters[m.Meter.ID] = true
	case openflow.DeleteMeter:
		delete(o.meters, m.Meter.ID)
	}
}

// drifted marks a flow that somebody else changed, if what the switch has now is not what is wanted.
func (t *Target) drifted(u openflow.Update) bool {
	key := flow.Key{Table: u.Table, Priority: u.Priority, Match: string(u.Match)}
	t.mu.Lock()
	defer t.mu.Unlock()
	e, wanted := t.flows[key]
	switch {
	case wanted && !u.Deleted && e.cookie == u.Cookie && e.instructions == string(u.Instructions):
		return false
	case !wanted && (u.Deleted || !flow.CookieIsOurs(u.Cookie)):
		return false
	}
	t.stats.Drift++
	t.marked.flows[key] = struct{}{}
	t.signal()
	return true
}

// isolate leaves out a change that the switch refuses, so that others are not held up by it.
func (t *Target) isolate(m openflow.Mod, reason string) {
	if m.Command != openflow.AddFlow {
		return // tried again as it is: groups and meters that are refused hold up what uses them
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused[m.Flow.Key] = reason
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
