package ovsdb

import (
	"maps"
	"slices"

	wire "github.com/ovn-org/libovsdb/ovsdb"
)

// port makes or mends one port of ours; it returns the row to add to the bridge, if any. on is zero for a bridge to be made.
func (p *planner) port(on rowID, bridge string, want *DesiredPort) (add wire.UUID, ok bool) {
	id, exists := p.r.portByName[want.Name]
	if !exists {
		if _, taken := p.r.ifaceByName[want.Name]; taken {
			p.conflict("port %s: an interface of that name exists and is not ours", want.Name)
			return add, false
		}
		p.changed("port %s: added to %s", want.Name, bridge)
		return p.makePort(want), true
	}
	t := p.r.ports[id]
	if t.owner != Managed {
		p.conflict("port %s: a port of that name exists and is not ours", want.Name)
		return add, false
	}
	if !p.mendable(t) {
		p.unplug(t, id)
		p.changed("port %s: made anew", want.Name)
		return p.makePort(want), true
	}
	p.mendPort(t.interfaces[0], want)
	if t.bridge == on {
		return add, false
	}
	p.unplug(t, id)
	p.changed("port %s: moved to %s", want.Name, bridge)
	return ref(id), true
}

// mendable says whether a port still has the one interface of its name that we gave it.
func (p *planner) mendable(t *portRow) bool {
	if len(t.interfaces) != 1 {
		return false
	}
	i, ok := p.r.ifaces[t.interfaces[0]]
	return ok && i.Name == t.name
}

func (p *planner) unplug(t *portRow, id rowID) {
	p.mutate("Bridge", t.bridge, mutation("ports", wire.MutateOperationDelete, refs([]wire.UUID{ref(id)})))
}

func (p *planner) makePort(want *DesiredPort) wire.UUID {
	row := wire.Row{"name": want.Name, "type": want.Type, "external_ids": marked(want.ExternalIDs)}
	for column, m := range map[string]map[string]string{"options": want.Options, "other_config": want.OtherConfig, "bfd": want.BFD} {
		if len(m) > 0 {
			row[column] = pairs(m)
		}
	}
	if want.MAC != "" {
		row["mac"] = want.MAC
	}
	if want.OFPortRequest != 0 {
		row["ofport_request"] = want.OFPortRequest
	}
	iface := p.insert("Interface", row)
	return p.insert("Port", wire.Row{"name": want.Name, "interfaces": iface, "external_ids": marked(nil)})
}

// mendPort sets what differs on an interface of ours.
func (p *planner) mendPort(id rowID, want *DesiredPort) {
	t := p.r.ifaces[id]
	row := wire.Row{}
	if t.Type != want.Type {
		row["type"] = want.Type
	}
	if want.MAC != "" && t.mac != want.MAC {
		row["mac"] = want.MAC
	}
	if want.OFPortRequest != 0 && t.ofportRequest != int64(want.OFPortRequest) {
		row["ofport_request"] = want.OFPortRequest
	}
	for _, m := range []struct {
		column     string
		have, want map[string]string
	}{{"options", t.options, want.Options}, {"other_config", t.otherConfig, want.OtherConfig}, {"bfd", t.bfd, want.BFD}} {
		if !maps.Equal(m.have, m.want) {
			row[m.column] = pairs(m.want)
		}
	}
	if len(row) > 0 {
		p.update("Interface", id, row)
		p.changed("port %s: %v", want.Name, slices.Sorted(maps.Keys(row)))
	}
	p.keys("Interface", id, "external_ids", t.ids, want.ExternalIDs, string(Managed))
}

// dropPorts removes our ports that are not wanted, except the local ports of bridges that we made: those go with the bridge.
func (p *planner) dropPorts(wanted map[string]string) {
	gone := make(map[rowID][]wire.UUID)
	for _, id := range sortedIDs(p.r.owned) {
		t := p.r.ports[id]
		if _, ok := wanted[t.name]; ok || p.full() {
			continue
		}
		b, ok := p.r.bridges[t.bridge]
		if !ok || b.name == t.name {
			continue
		}
		gone[t.bridge] = append(gone[t.bridge], ref(id))
		p.changed("port %s: removed", t.name)
	}
	for bridge, ids := range gone {
		p.mutate("Bridge", bridge, mutation("ports", wire.MutateOperationDelete, refs(ids)))
	}
}
