package ovsdb

import (
	"maps"
	"slices"

	wire "github.com/ovn-org/libovsdb/ovsdb"
)

// bridge makes or mends one bridge with its controllers and ports.
func (p *planner) bridge(want *DesiredBridge) {
	if p.full() {
		return
	}
	id, ok := p.r.bridgeByName[want.Name]
	if !ok && want.Elsewhere {
		p.conflict("bridge %s does not exist, and is not ours to make", want.Name)
		return
	}
	if !ok {
		p.makeBridge(want)
		return
	}
	before := len(p.ops)
	t := p.r.bridges[id]
	mark := string(Managed)
	if t.owner() != Managed {
		mark = string(Adopted)
	}
	p.keys("Bridge", id, "external_ids", t.externalIDs, nil, mark)
	p.keys("Bridge", id, "other_config", t.otherConfig, want.OtherConfig, "")
	row := wire.Row{}
	if want.DatapathType != "" && want.DatapathType != t.datapathType {
		row["datapath_type"] = want.DatapathType
		p.changed("bridge %s: datapath_type %q → %q", t.name, t.datapathType, want.DatapathType)
	}
	if want.FailMode != "" && want.FailMode != t.failMode {
		row["fail_mode"] = want.FailMode
		p.changed("bridge %s: fail_mode %q → %q", t.name, t.failMode, want.FailMode)
	}
	if len(row) > 0 {
		p.update("Bridge", id, row)
	}
	if missing := without(want.Protocols, t.protocols); len(missing) > 0 {
		p.mutate("Bridge", id, mutation("protocols", wire.MutateOperationInsert, texts(missing)))
		p.changed("bridge %s: protocols %v added", t.name, missing)
	}
	p.controllers(id, t, want.Controllers)
	var add []wire.UUID
	for i := range want.Ports {
		if p.full() {
			break
		}
		if port, ok := p.port(id, t.name, &want.Ports[i]); ok {
			add = append(add, port)
		}
	}
	if len(add) > 0 {
		p.mutate("Bridge", id, mutation("ports", wire.MutateOperationInsert, refs(add)))
	}
	if len(p.ops) > before {
		p.guard(id, t.name)
	}
}

// makeBridge makes a bridge with fail mode, controllers and ports in one transaction: its first flows come after its controllers.
func (p *planner) makeBridge(want *DesiredBridge) {
	if _, taken := p.r.portByName[want.Name]; taken {
		p.conflict("bridge %s: a port of that name exists", want.Name)
		return
	}
	ports := []wire.UUID{p.makePort(&DesiredPort{Name: want.Name, Type: "internal"})}
	p.changed("bridge %s: made", want.Name)
	for i := range want.Ports {
		if p.full() {
			break
		}
		if port, ok := p.port(rowID{}, want.Name, &want.Ports[i]); ok {
			ports = append(ports, port)
		}
	}
	row := wire.Row{"name": want.Name, "ports": refs(ports), "external_ids": marked(nil)}
	var ctls []wire.UUID
	for _, c := range want.Controllers {
		ctls = append(ctls, p.makeController(c))
	}
	if len(ctls) > 0 {
		row["controller"] = refs(ctls)
	}
	if want.DatapathType != "" {
		row["datapath_type"] = want.DatapathType
	}
	if want.FailMode != "" {
		row["fail_mode"] = want.FailMode
	}
	if len(want.Protocols) > 0 {
		row["protocols"] = texts(want.Protocols)
	}
	if len(want.OtherConfig) > 0 {
		row["other_config"] = pairs(want.OtherConfig)
	}
	made := p.insert("Bridge", row)
	p.mutate("Open_vSwitch", p.r.rootID, mutation("bridges", wire.MutateOperationInsert, refs([]wire.UUID{made})))
}

// dropBridges gives up the bridges that are not wanted any more.
func (p *planner) dropBridges(wanted map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(p.r.bridgeByName)) {
		id := p.r.bridgeByName[name]
		t := p.r.bridges[id]
		if wanted[name] || t.owner() == Foreign || p.full() {
			continue
		}
		if t.owner() == Adopted {
			p.release(id, t)
			continue
		}
		if foreign := p.foreignPort(t); foreign != "" {
			p.conflict("bridge %s: not wanted any more, but kept for port %s, which is not ours", name, foreign)
			continue
		}
		p.mutate("Open_vSwitch", p.r.rootID, mutation("bridges", wire.MutateOperationDelete, refs([]wire.UUID{ref(id)})))
		p.changed("bridge %s: removed", name)
	}
}

// release takes our mark and our controllers off a bridge that someone else made. (When ours were the only controllers its flows
// go, as they should: nobody looks after them any more.)
func (p *planner) release(id rowID, t *bridgeRow) {
	var ours []wire.UUID
	for c := range t.controllers {
		if row, ok := p.r.ctls[c]; ok && row.owner == Managed {
			ours = append(ours, ref(c))
		}
	}
	ms := []wire.Mutation{mutation("external_ids", wire.MutateOperationDelete, texts([]string{ownerKey}))}
	if len(ours) > 0 {
		ms = append(ms, mutation("controller", wire.MutateOperationDelete, refs(ours)))
	}
	p.mutate("Bridge", id, ms...)
	p.changed("bridge %s: given back", t.name)
}

// foreignPort names a port of a bridge that we did not make.
func (p *planner) foreignPort(t *bridgeRow) string {
	for id := range t.ports {
		if port, ok := p.r.ports[id]; ok && port.owner != Managed && port.name != t.name {
			return port.name
		}
	}
	return ""
}

// controllers brings our controllers on a bridge to what is wanted. Additions and removals go in one mutation each of one
// transaction, so that the bridge has a controller all the time.
func (p *planner) controllers(id rowID, t *bridgeRow, want []DesiredController) {
	if len(want) == 0 {
		return
	}
	there := make(map[string]rowID, len(t.controllers))
	var stale []wire.UUID
	for _, c := range sortedIDs(t.controllers) {
		row, ok := p.r.ctls[c]
		if !ok {
			continue
		}
		wanted := slices.ContainsFunc(want, func(d DesiredController) bool { return d.Target == row.target })
		_, double := there[row.target]
		if row.owner == Managed && (!wanted || double) {
			stale = append(stale, ref(c))
			p.changed("bridge %s: controller %s removed", t.name, row.target)
			continue
		}
		there[row.target] = c
	}
	var add []wire.UUID
	for _, d := range want {
		c, ok := there[d.Target]
		if !ok {
			add = append(add, p.makeController(d))
			p.changed("bridge %s: controller %s added", t.name, d.Target)
		} else if row := p.r.ctls[c]; row.owner == Managed {
			p.mendController(c, row, d)
		}
	}
	var ms []wire.Mutation
	if len(add) > 0 {
		ms = append(ms, mutation("controller", wire.MutateOperationInsert, refs(add)))
	}
	if len(stale) > 0 {
		ms = append(ms, mutation("controller", wire.MutateOperationDelete, refs(stale)))
	}
	if len(ms) > 0 {
		p.mutate("Bridge", id, ms...)
	}
}

func (p *planner) makeController(d DesiredController) wire.UUID {
	row := wire.Row{"target": d.Target, "external_ids": marked(nil)}
	maps.Copy(row, controllerRowOf(d))
	return p.insert("Controller", row)
}

// controllerRowOf returns the columns that d says something about.
func controllerRowOf(d DesiredController) wire.Row {
	row := wire.Row{}
	if d.MaxBackoffMS > 0 {
		row["max_backoff"] = d.MaxBackoffMS
	}
	if d.InactivityProbeMS != 0 {
		row["inactivity_probe"] = max(0, d.InactivityProbeMS)
	}
	if d.ConnectionMode != "" {
		row["connection_mode"] = d.ConnectionMode
	}
	return row
}

func (p *planner) mendController(id rowID, have *controllerRow, d DesiredController) {
	row := controllerRowOf(d)
	same := func(got *int64, column string) bool {
		want, set := row[column]
		return !set || got != nil && *got == int64(want.(int))
	}
	if same(have.maxBackoff, "max_backoff") && same(have.inactivityProbe, "inactivity_probe") &&
		(d.ConnectionMode == "" || d.ConnectionMode == have.connectionMode) {
		return
	}
	p.update("Controller", id, row)
	p.changed("controller %s: settings", d.Target)
}

func sortedIDs(set map[rowID]struct{}) []rowID {
	return slices.SortedFunc(maps.Keys(set), func(a, b rowID) int { return slices.Compare(a[:], b[:]) })
}

func without(all, taken []string) (left []string) {
	for _, s := range all {
		if !slices.Contains(taken, s) {
			left = append(left, s)
		}
	}
	return left
}
