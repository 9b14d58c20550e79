package ovsdb

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	wire "github.com/ovn-org/libovsdb/ovsdb"
)

// maxChanges bounds one transaction; what is left is planned after its reply. (1,000 ports took ovsdb-server and ovs-vswitchd
// 0.37 s together, during which they answer nobody.)
const maxChanges = 2000

// plan is one transaction that brings a host closer to what is desired.
type plan struct {
	ops       []wire.Operation
	changes   []string // one line each, for the log and for counting
	conflicts []string // what is wanted but taken by someone else
	partial   bool     // maxChanges was reached
}

// planner compares. It reads the replica and the desired state and writes only its plan: equal inputs make equal plans, up to the
// order inside sets.
type planner struct {
	plan
	r     *replica
	named int
}

// makePlan returns the transaction that makes r what d wants; without operations when it is so already.
//
// Cost is proportional to what is desired and what we own, not to the endpoints that others plug in.
func makePlan(r *replica, d *Desired) plan {
	p := &planner{r: r}
	p.keys("Open_vSwitch", r.rootID, "other_config", r.root.otherConfig, d.OtherConfig, "")
	wanted := make(map[string]string) // port → bridge
	bridges := make(map[string]bool)
	for i := range d.Bridges {
		b := &d.Bridges[i]
		bridges[b.Name] = true
		for j := range b.Ports {
			wanted[b.Ports[j].Name] = b.Name
		}
	}
	if d.Unwanted == RemoveUnwanted {
		p.dropPorts(wanted)
	}
	for i := range d.Bridges {
		p.bridge(&d.Bridges[i])
	}
	if d.Unwanted == RemoveUnwanted {
		p.dropBridges(bridges)
	}
	slices.Sort(p.conflicts)
	return p.plan
}

func (p *planner) full() bool {
	if len(p.changes) >= maxChanges {
		p.partial = true
	}
	return p.partial
}

func (p *planner) changed(format string, args ...any) {
	p.changes = append(p.changes, fmt.Sprintf(format, args...))
}

func (p *planner) conflict(format string, args ...any) {
	p.conflicts = append(p.conflicts, fmt.Sprintf(format, args...))
}

// insert adds a row and returns the name by which other operations of the transaction refer to it.
func (p *planner) insert(table string, row wire.Row) wire.UUID {
	p.named++
	name := "row" + strconv.Itoa(p.named)
	p.ops = append(p.ops, wire.Operation{Op: wire.OperationInsert, Table: table, Row: row, UUIDName: name})
	return wire.UUID{GoUUID: name}
}

func (p *planner) update(table string, id rowID, row wire.Row) {
	p.ops = append(p.ops, wire.Operation{Op: wire.OperationUpdate, Table: table, Row: row, Where: is(id)})
}

func (p *planner) mutate(table string, id rowID, ms ...wire.Mutation) {
	p.ops = append(p.ops, wire.Operation{Op: wire.OperationMutate, Table: table, Mutations: ms, Where: is(id)})
}

// guard makes the transaction fail as a whole, instead of doing half, when a bridge went away meanwhile.
func (p *planner) guard(id rowID, name string) {
	now := 0
	p.ops = append(p.ops, wire.Operation{Op: wire.OperationWait, Table: "Bridge", Where: is(id), Columns: []string{"name"},
		Until: string(wire.WaitConditionEqual), Rows: []wire.Row{{"name": name}}, Timeout: &now})
}

// keys sets keys of a map column and leaves its other keys alone, whoever writes them at the same time.
func (p *planner) keys(table string, id rowID, column string, have, want map[string]string, mark string) {
	drop, add := []string{}, map[string]string{}
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			add[k] = v
			if ok {
				drop = append(drop, k)
			}
		}
	}
	if mark != "" && have[ownerKey] != mark {
		if _, ok := have[ownerKey]; ok {
			drop = append(drop, ownerKey)
		}
		add[ownerKey] = mark
	}
	if len(add) == 0 {
		return
	}
	var ms []wire.Mutation
	if len(drop) > 0 {
		slices.Sort(drop)
		ms = append(ms, mutation(column, wire.MutateOperationDelete, texts(drop)))
	}
	p.mutate(table, id, append(ms, mutation(column, wire.MutateOperationInsert, pairs(add)))...)
	for _, k := range slices.Sorted(maps.Keys(add)) {
		p.changed("%s: set %s:%s=%s", table, column, k, add[k])
	}
}

func is(id rowID) []wire.Condition {
	return []wire.Condition{wire.NewCondition("_uuid", wire.ConditionEqual, ref(id))}
}

func ref(id rowID) wire.UUID { return wire.UUID{GoUUID: id.String()} }

func mutation(column string, m wire.Mutator, value any) wire.Mutation {
	return wire.Mutation{Column: column, Mutator: m, Value: value}
}

func refs(ids []wire.UUID) wire.OvsSet {
	set := wire.OvsSet{GoSet: make([]any, len(ids))}
	for i, id := range ids {
		set.GoSet[i] = id
	}
	return set
}

func texts(all []string) wire.OvsSet {
	set := wire.OvsSet{GoSet: make([]any, len(all))}
	for i, s := range all {
		set.GoSet[i] = s
	}
	return set
}

func pairs(m map[string]string) wire.OvsMap {
	out := wire.OvsMap{GoMap: make(map[any]any, len(m))}
	for k, v := range m {
		out.GoMap[k] = v
	}
	return out
}

func marked(ids map[string]string) wire.OvsMap {
	m := pairs(ids)
	m.GoMap[ownerKey] = string(Managed)
	return m
}
