package sim

import (
	"fmt"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Command says what a FlowMod, GroupMod or MeterMod does. The numbers are OpenFlow's.
type Command uint8

// Commands of flow-mods.
const (
	Add Command = iota
	Modify
	ModifyStrict
	Delete
	DeleteStrict
)

// AllTables is the table of a Delete from all tables, and all other reserved numbers.
const AllTables = 0xff

const (
	allGroups = 0xfffffffc
	anyGroup  = 0xffffffff
)

// FlowMod is a change of flows.
type FlowMod struct {
	Command    Command
	Flow       flow.Flow
	CookieMask uint64
	OutPort    uint32 // of Delete: only flows that output there; 0 or flow.PortAny: all
	OutGroup   uint32 // of Delete: only flows that use the group; 0 or flow.PortAny: all
	Idle, Hard uint16
	Flags      uint16
}

// GroupMod is a change of groups: Add, Modify or Delete (with Delete, group 0xfffffffc is all of them).
type GroupMod struct {
	Command Command
	Group   flow.Group
}

// MeterMod is a change of meters: Add, Modify or Delete (with Delete, meter 0xffffffff is all of them).
type MeterMod struct {
	Command Command
	Meter   flow.Meter
}

// Apply makes changes, all or none.
func (s *Switch) Apply(mods ...FlowMod) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.atomically(func() error {
		for i := range mods {
			if err := s.applyFlow(&mods[i], nil); err != nil {
				return fmt.Errorf("flow %d: %w", i, err)
			}
		}
		return nil
	})
}

// ApplyGroup changes groups.
func (s *Switch) ApplyGroup(m GroupMod) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.atomically(func() error { return s.applyGroup(&m, nil) })
}

// ApplyMeter changes meters.
func (s *Switch) ApplyMeter(m MeterMod) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.atomically(func() error { return s.applyMeter(&m, nil) })
}

// atomically takes back what change did when it fails. What monitors are told waits until it is certain.
func (s *Switch) atomically(change func() error) error {
	s.bundling, s.undo = true, s.undo[:0]
	err := change()
	s.bundling = false
	if err != nil {
		for i := len(s.undo) - 1; i >= 0; i-- {
			s.undo[i]()
		}
	}
	clear(s.undo)
	s.undo = s.undo[:0]
	s.flushMonitors(happens(err == nil))
	return err
}

func (s *Switch) onFailure(undo func()) {
	if s.bundling {
		s.undo = append(s.undo, undo)
	}
}

// applyFlow makes one change; by is the connection that asked for it.
func (s *Switch) applyFlow(m *FlowMod, by *session) error {
	match, err := canonical(m.Flow.Match)
	if err != nil {
		return err
	}
	m.Flow.Match = match
	switch m.Command {
	case Add:
		return s.add(m, by)
	case Modify, ModifyStrict:
		if err := s.check(m); err != nil {
			return err
		}
		for _, r := range s.selectRules(m) {
			changed := *r
			changed.Instructions, changed.next = m.Flow.Instructions, nil
			s.install(&changed, by)
		}
		return nil
	case Delete, DeleteStrict:
		for _, r := range s.selectRules(m) {
			s.drop(r, removedDelete, by)
		}
		return nil
	}
	return refuse(typeFlowModFailed, 6, "flow-mod command %d", m.Command)
}

// canonical brings a match into the form in which Open vSwitch reports it, and refuses one that contradicts itself.
func canonical(match string) (string, error) {
	if match == "" {
		return "", nil
	}
	m, err := flow.ParseMatch([]byte(match))
	if err != nil {
		return "", refuse(typeBadMatch, 6, "%w", err)
	}
	b, err := flow.AppendMatch(make([]byte, 0, len(match)+16), m)
	if err != nil {
		return "", refuse(typeBadMatch, 9, "%w", err)
	}
	if string(b) == match {
		return match, nil
	}
	return string(b), nil
}

// check reads a flow's instructions and holds them against what the switch has.
func (s *Switch) check(m *FlowMod) error {
	r := &rule{Flow: m.Flow}
	if err := r.compile(); err != nil {
		return err
	}
	has := certainOf(r.match)
	if err := has.consistent(r.steps); err != nil {
		return err
	}
	return s.checkSteps(r.steps, m.Flow.Table)
}

func (s *Switch) checkSteps(steps []step, from uint8) error {
	for i := range steps {
		switch a := &steps[i]; a.op {
		case opGroup:
			if s.groups[a.n] == nil {
				return refuse(typeBadAction, 9, "group %d does not exist", a.n)
			}
		case opMeter:
			if s.meters[a.n] == nil {
				return refuse(typeMeterModFailed, 2, "meter %d does not exist", a.n)
			}
		case opGoto:
			if a.table <= from || a.table == AllTables {
				return refuse(typeBadInstruction, 2, "goto_table %d from table %d", a.table, from)
			}
		case opClone:
			if err := s.checkSteps(a.do, from); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Switch) add(m *FlowMod, by *session) error {
	if int(m.Flow.Table) >= len(s.tables) {
		return refuse(typeFlowModFailed, 2, "table %d", m.Flow.Table)
	}
	if err := s.check(m); err != nil {
		return err
	}
	s.install(&rule{Flow: m.Flow, idle: m.Idle, hard: m.Hard, flags: m.Flags, born: s.cfg.Now().UnixNano()}, by)
	return nil
}

// install puts a rule in, in the place of one with its key.
func (s *Switch) install(r *rule, by *session) {
	t := s.tables[r.Table]
	if t == nil {
		t = newTable()
		s.tables[r.Table] = t
	}
	if t.ready {
		_ = r.compile() // it was compiled before to be checked, and can be
	}
	old := t.put(r)
	if old == nil {
		s.flows++
		s.tellMonitors(eventAdded, r, 0, by)
		s.onFailure(func() { t.remove(r); s.flows-- })
		return
	}
	s.tellMonitors(eventModified, r, 0, by)
	s.onFailure(func() { t.put(old) })
}

// drop takes a rule out.
func (s *Switch) drop(r *rule, reason uint8, by *session) {
	t := s.tables[r.Table]
	t.remove(r)
	s.flows--
	s.tellMonitors(eventRemoved, r, reason, by)
	s.onFailure(func() { t.put(r); s.flows++ })
}

// selectRules returns the rules that a Modify or Delete is about.
func (s *Switch) selectRules(m *FlowMod) (found []*rule) {
	strict := m.Command == ModifyStrict || m.Command == DeleteStrict
	want, _ := flow.ParseMatch([]byte(m.Flow.Match))
	for n, t := range s.tables {
		if t == nil || m.Flow.Table != AllTables && int(m.Flow.Table) != n {
			continue
		}
		if strict {
			key := m.Flow.Key
			key.Table = uint8(n)
			if r := t.rules[key]; r != nil && r.selected(m) {
				found = append(found, r)
			}
			continue
		}
		for _, r := range t.rules {
			if r.selected(m) && r.within(want) {
				found = append(found, r)
			}
		}
	}
	return found
}

// selected says whether a rule passes the filters of a change.
func (r *rule) selected(m *FlowMod) bool {
	if (r.Cookie^m.Flow.Cookie)&m.CookieMask != 0 {
		return false
	}
	if m.Command != Delete && m.Command != DeleteStrict {
		return true
	}
	return r.uses(opOutput, m.OutPort) && r.uses(opGroup, m.OutGroup)
}

// uses says whether a rule has such a step at its top level; any rule has one with number 0 or "any".
func (r *rule) uses(op opcode, n uint32) bool {
	if n == 0 || n == anyGroup {
		return true
	}
	steps, _ := program([]byte(r.Instructions))
	for i := range steps {
		if steps[i].op == op && steps[i].n == n {
			return true
		}
	}
	return false
}

// within says whether all that a rule matches, the wanted match matches too.
func (r *rule) within(want flow.Match) bool {
	if len(want) == 0 {
		return true
	}
	have, _ := flow.ParseMatch([]byte(r.Match))
	for _, w := range want {
		ok := false
		for _, h := range have {
			ok = ok || h.ID == w.ID && h.Mask.And(w.Mask) == w.Mask && h.Value.And(w.Mask) == w.Value
		}
		if !ok {
			return false
		}
	}
	return true
}

func (s *Switch) applyGroup(m *GroupMod, by *session) error {
	old := s.groups[m.Group.ID]
	switch m.Command {
	case Add, Modify:
		if m.Command == Add && old != nil {
			return refuse(typeGroupModFailed, 0, "group %d exists", m.Group.ID)
		}
		if m.Command == Modify && old == nil {
			return refuse(typeGroupModFailed, 8, "group %d does not exist", m.Group.ID)
		}
		g, err := s.readGroup(m.Group)
		if err != nil {
			return err
		}
		s.setGroup(m.Group.ID, g)
		return nil
	case Delete:
		if m.Group.ID != allGroups {
			s.removeGroup(m.Group.ID, by)
			return nil
		}
		for id := range s.groups {
			s.removeGroup(id, by)
		}
		return nil
	}
	return refuse(typeGroupModFailed, 10, "group-mod command %d", m.Command)
}

func (s *Switch) setGroup(id uint32, g *group) {
	old := s.groups[id]
	if g == nil {
		delete(s.groups, id)
	} else {
		s.groups[id] = g
	}
	s.onFailure(func() {
		if old == nil {
			delete(s.groups, id)
		} else {
			s.groups[id] = old
		}
	})
}

// removeGroup removes a group with the flows that use it.
func (s *Switch) removeGroup(id uint32, by *session) {
	if s.groups[id] == nil {
		return
	}
	all := &FlowMod{Command: Delete, Flow: flow.Flow{Key: flow.Key{Table: AllTables}}, OutGroup: id}
	for _, r := range s.selectRules(all) {
		s.drop(r, removedGroup, by)
	}
	s.setGroup(id, nil)
}

// readGroup reads the buckets (OpenFlow 1.3 section 7.3.4.2).
func (s *Switch) readGroup(in flow.Group) (*group, error) {
	g := &group{Group: in}
	if in.Type > flow.FastFailover || in.ID >= 0xffffff00 {
		return nil, refuse(typeGroupModFailed, 1, "group %#x of type %d", in.ID, in.Type)
	}
	for b := []byte(in.Buckets); len(b) > 0; {
		if len(b) < 16 || int(be.Uint16(b)) < 16 || int(be.Uint16(b)) > len(b) {
			return nil, refuse(typeGroupModFailed, 9, "bucket cut short")
		}
		n := int(be.Uint16(b))
		do, err := actions(b[16:n], 0)
		if err != nil {
			return nil, err
		}
		g.buckets = append(g.buckets, bucket{be.Uint16(b[2:]), be.Uint32(b[4:]), be.Uint32(b[8:]), do})
		b = b[n:]
	}
	if in.Type == flow.Indirect && len(g.buckets) != 1 {
		return nil, refuse(typeGroupModFailed, 1, "indirect group with %d buckets", len(g.buckets))
	}
	return g, nil
}
