package ovsdb

import "slices"

// fewIfaces is how many changed interfaces are put into a copy of the sorted list one by one; with more of them the list is
// made anew.
const fewIfaces = 32

// publish makes the State of the rows, sharing with the one before what did not change, and returns it; nil when nothing that
// a State shows has changed. Cost with one changed interface among n: one copy of n pointers.
func (r *replica) publish() *State {
	if r.root == nil {
		return nil
	}
	if r.state != nil && !r.dirtyRoot && !r.dirtyBridges && len(r.dirtyIfaces) == 0 {
		return nil
	}
	next := &State{}
	if r.state != nil {
		*next = *r.state
	}
	if r.dirtyRoot || r.state == nil {
		r.publishRoot(next)
	}
	if len(r.dirtyIfaces) > 0 || r.state == nil {
		r.publishInterfaces(next)
	}
	if r.dirtyBridges || r.state == nil {
		next.Bridges = r.publishBridges()
	}
	r.dirtyRoot, r.dirtyBridges = false, false
	clear(r.dirtyIfaces)
	r.state = next
	return next
}

func (r *replica) publishRoot(s *State) {
	t := r.root
	s.SystemID, s.Hostname = t.externalIDs["system-id"], t.externalIDs["hostname"]
	s.OVSVersion, s.DBVersion = t.ovsVersion, t.dbVersion
	s.ExternalIDs, s.OtherConfig = t.externalIDs, t.otherConfig
	s.DatapathTypes, s.IfaceTypes = t.datapathTypes, t.ifaceTypes
	s.NextCfg, s.CurCfg = t.nextCfg, t.curCfg
}

func (r *replica) publishInterfaces(s *State) {
	if s.Interfaces == nil || len(r.dirtyIfaces) > fewIfaces {
		all := make([]*Interface, 0, len(r.ifaces))
		for id, t := range r.ifaces {
			if _, dirty := r.dirtyIfaces[id]; dirty || t.shown == nil {
				r.show(id, t)
			}
			all = append(all, t.shown)
		}
		for id := range r.dirtyIfaces {
			if _, ok := r.ifaces[id]; !ok {
				delete(r.shownAs, id)
			}
		}
		slices.SortFunc(all, byName)
		s.Interfaces = all
		return
	}
	list := append(make([]*Interface, 0, len(s.Interfaces)+len(r.dirtyIfaces)), s.Interfaces...)
	for id := range r.dirtyIfaces {
		if was := r.shownAs[id]; was != nil {
			if i := slices.Index(list, was); i >= 0 {
				list = slices.Delete(list, i, i+1)
			}
			delete(r.shownAs, id)
		}
		t, ok := r.ifaces[id]
		if !ok {
			continue
		}
		r.show(id, t)
		i, _ := slices.BinarySearchFunc(list, t.shown, byName)
		list = slices.Insert(list, i, t.shown)
	}
	s.Interfaces = list
}

// show makes the published copy of an interface.
func (r *replica) show(id rowID, t *ifaceRow) {
	t.Bridge = ""
	owner := t.Owner
	if p, ok := r.ports[r.portOf[id]]; ok {
		if b, ok := r.bridges[p.bridge]; ok {
			t.Bridge = b.name
		}
		if p.owner == Managed {
			owner = Managed
		}
	}
	shown := t.Interface
	shown.Owner = owner
	t.shown = &shown
	r.shownAs[id] = t.shown
}

func byName(a, b *Interface) int { return compare(a.Name, b.Name) }

func (r *replica) publishBridges() map[string]Bridge {
	all := make(map[string]Bridge, len(r.bridges))
	for _, t := range r.bridges {
		b := Bridge{
			Name: t.name, DatapathID: t.datapathID, DatapathType: t.datapathType, FailMode: t.failMode, Protocols: t.protocols,
			Ports: t.portNames, ExternalIDs: t.externalIDs, OtherConfig: t.otherConfig, Owner: t.owner(),
		}
		for id := range t.controllers {
			if c, ok := r.ctls[id]; ok {
				b.Controllers = append(b.Controllers, Controller{Target: c.target, Connected: c.connected, Owner: c.owner})
				b.ControllerConnected = b.ControllerConnected || c.connected
			}
		}
		slices.SortFunc(b.Controllers, func(a, b Controller) int { return compare(a.Target, b.Target) })
		if id, ok := r.ifaceByName[t.name]; ok {
			b.Error = r.ifaces[id].Error
		}
		all[t.name] = b
	}
	return all
}
