package ovsdb

import "slices"

// replica mirrors the monitored rows of one host's database and the relations among them. One goroutine owns it.
//
// Invariant: after apply returned nil, every index agrees with the rows, and bytes is the sum of their sizes.
type replica struct {
	keepIDs           []string
	maxRows, maxBytes int

	rootID  rowID
	root    *rootRow
	bridges map[rowID]*bridgeRow
	ports   map[rowID]*portRow
	ifaces  map[rowID]*ifaceRow
	ctls    map[rowID]*controllerRow

	bridgeByName map[string]rowID
	portByName   map[string]rowID
	ifaceByName  map[string]rowID
	portOf       map[rowID]rowID    // interface → port that lists it
	owned        map[rowID]struct{} // ports that are Managed
	bytes        int

	// What changed since the last publish.
	dirtyPorts, dirtyIfaces map[rowID]struct{}
	shownAs                 map[rowID]*Interface // what the last State shows of an interface; outlives the row by one publish
	dirtyRoot, dirtyBridges bool
	// planDirty: something changed that the plan may depend on.
	planDirty bool

	state *State
}

func newReplica(cfg Config) *replica {
	return &replica{
		keepIDs: cfg.KeepIDs, maxRows: cfg.MaxRows, maxBytes: cfg.MaxStateBytes,
		bridges: map[rowID]*bridgeRow{}, ports: map[rowID]*portRow{}, ifaces: map[rowID]*ifaceRow{}, ctls: map[rowID]*controllerRow{},
		bridgeByName: map[string]rowID{}, portByName: map[string]rowID{}, ifaceByName: map[string]rowID{},
		portOf: map[rowID]rowID{}, owned: map[rowID]struct{}{},
		dirtyPorts: map[rowID]struct{}{}, dirtyIfaces: map[rowID]struct{}{}, shownAs: map[rowID]*Interface{},
	}
}

// apply reads a <table-updates2> (ovsdb-server(7), "monitor_cond"): the first reply or an update2 notification.
func (r *replica) apply(c *cursor) error {
	var bad error
	c.object(func(table string) {
		c.object(func(key string) {
			id, ok := parseRowID(key)
			if !ok {
				c.fail("expected a uuid")
				return
			}
			c.object(func(kind string) {
				if bad == nil {
					bad = r.update(c, table, id, kind)
				}
				if bad != nil {
					c.fail("stop")
				}
			})
		})
	})
	if bad != nil {
		return bad
	}
	if c.err != nil {
		return c.err
	}
	r.relate()
	if r.bytes > r.maxBytes {
		return stateError("about %d bytes, more than %d", r.bytes, r.maxBytes)
	}
	return nil
}

func (r *replica) update(c *cursor, table string, id rowID, kind string) error {
	old, known, err := r.find(table, id)
	if err != nil {
		return err
	}
	switch kind {
	case "initial", "insert":
		if known {
			return stateError("row %s of %s inserted twice", id, table)
		}
		if r.rows() >= r.maxRows {
			return stateError("more than %d rows", r.maxRows)
		}
		made := r.make(table, id)
		r.read(c, made, wholeValue)
		r.bytes += made.size()
		r.touched(id, made)
	case "modify":
		if !known {
			return stateError("row %s of %s changed before it was inserted", id, table)
		}
		before := old.size()
		r.unname(id, old)
		r.read(c, old, isDifference)
		r.bytes += old.size() - before
		r.touched(id, old)
	case "delete":
		if !known {
			return stateError("row %s of %s deleted before it was inserted", id, table)
		}
		c.skip()
		r.remove(id, old)
	default:
		return stateError("unknown kind of update %q", kind)
	}
	return nil
}

func (r *replica) rows() int { return len(r.bridges) + len(r.ports) + len(r.ifaces) + len(r.ctls) }

func (r *replica) read(c *cursor, t row, diff difference) {
	c.object(func(column string) { t.column(r, column, c, diff) })
}

func (r *replica) find(table string, id rowID) (t row, known bool, err error) {
	switch table {
	case "Open_vSwitch":
		if r.root != nil && r.rootID != id {
			return nil, false, stateError("two rows in Open_vSwitch")
		}
		return r.root, r.root != nil, nil
	case "Bridge":
		t, known = r.bridges[id]
	case "Port":
		t, known = r.ports[id]
	case "Interface":
		t, known = r.ifaces[id]
	case "Controller":
		t, known = r.ctls[id]
	default:
		return nil, false, stateError("table %q, which was not asked for", table)
	}
	return t, known, nil
}

func (r *replica) make(table string, id rowID) row {
	switch table {
	case "Open_vSwitch":
		r.rootID, r.root = id, &rootRow{}
		return r.root
	case "Bridge":
		t := &bridgeRow{}
		r.bridges[id] = t
		return t
	case "Port":
		t := &portRow{}
		r.ports[id] = t
		return t
	case "Interface":
		t := &ifaceRow{}
		r.ifaces[id] = t
		return t
	}
	t := &controllerRow{}
	r.ctls[id] = t
	return t
}

// touched notes that a row is new or changed. Indexes by name are set here: rows of one message come in any order, and a name
// that moved from a deleted row to a new one must end at the new one (see unname).
func (r *replica) touched(id rowID, t row) {
	switch t := t.(type) {
	case *rootRow:
		r.dirtyRoot, r.planDirty = true, true
	case *bridgeRow:
		r.bridgeByName[t.name] = id
		r.dirtyBridges, r.planDirty = true, true
	case *portRow:
		r.portByName[t.name] = id
		r.dirtyPorts[id] = struct{}{}
		if t.owner == Managed {
			r.owned[id] = struct{}{}
		} else {
			delete(r.owned, id)
		}
		r.planDirty = true
	case *ifaceRow:
		r.ifaceByName[t.Name] = id
		r.dirtyIfaces[id] = struct{}{}
		_, ours := r.owned[r.portOf[id]]
		r.planDirty = r.planDirty || ours || t.shown == nil
		if _, local := r.bridgeByName[t.Name]; local {
			r.dirtyBridges = true // a bridge shows its local port's error
		}
	case *controllerRow:
		r.dirtyBridges, r.planDirty = true, true
	}
}

// unname drops a row's name from the index, unless another row has it by now.
func (r *replica) unname(id rowID, t row) {
	drop := func(index map[string]rowID, name string) {
		if index[name] == id {
			delete(index, name)
		}
	}
	switch t := t.(type) {
	case *bridgeRow:
		drop(r.bridgeByName, t.name)
	case *portRow:
		drop(r.portByName, t.name)
	case *ifaceRow:
		drop(r.ifaceByName, t.Name)
	}
}

func (r *replica) remove(id rowID, t row) {
	r.bytes -= t.size()
	r.unname(id, t)
	r.planDirty = true
	switch t := t.(type) {
	case *rootRow:
		r.root, r.dirtyRoot = nil, true
	case *bridgeRow:
		for p := range t.ports {
			r.dirtyPorts[p] = struct{}{}
		}
		delete(r.bridges, id)
		r.dirtyBridges = true
	case *portRow:
		for _, i := range t.interfaces {
			r.dirtyIfaces[i] = struct{}{}
		}
		r.unlist(t)
		delete(r.ports, id)
		delete(r.owned, id)
		r.dirtyBridges = true
	case *ifaceRow:
		delete(r.ifaces, id)
		delete(r.portOf, id)
		r.dirtyIfaces[id] = struct{}{}
	case *controllerRow:
		delete(r.ctls, id)
		r.dirtyBridges = true
	}
}

func (r *replica) movedPorts(id rowID)  { r.dirtyPorts[id] = struct{}{} }
func (r *replica) movedIfaces(id rowID) { r.dirtyIfaces[id] = struct{}{} }

// fewPorts is how many changed ports are put into a bridge's sorted list one by one; more of them are sorted anew.
const fewPorts = 16

// relate brings the relations up to date with the rows that changed: which bridge has a port, which port an interface.
func (r *replica) relate() {
	for i := range r.dirtyIfaces {
		if p, ok := r.ports[r.portOf[i]]; !ok || !slices.Contains(p.interfaces, i) {
			delete(r.portOf, i)
		}
	}
	if len(r.dirtyPorts) == 0 {
		return
	}
	r.planDirty, r.dirtyBridges = true, true
	lists := make(map[rowID]rowID, len(r.dirtyPorts))
	for b, t := range r.bridges {
		for p := range r.dirtyPorts {
			if _, ok := t.ports[p]; ok {
				lists[p] = b
			}
		}
	}
	few := len(r.dirtyPorts) <= fewPorts
	for p := range r.dirtyPorts {
		if t, ok := r.ports[p]; ok {
			if few {
				r.unlist(t)
			}
			r.place(p, t, lists[p])
			if few {
				r.list(t)
			}
		}
	}
	clear(r.dirtyPorts)
	if !few {
		r.sortNames()
	}
}

// place says that port p is on bridge b; zero: on none.
func (r *replica) place(p rowID, t *portRow, b rowID) {
	t.bridge = b
	for _, i := range t.interfaces {
		r.portOf[i] = p
		r.dirtyIfaces[i] = struct{}{}
	}
}

// list puts a port on its bridge's list of names.
func (r *replica) list(t *portRow) {
	if br, ok := r.bridges[t.bridge]; ok {
		i, _ := slices.BinarySearch(br.portNames, t.name)
		br.portNames = slices.Insert(slices.Clone(br.portNames), i, t.name)
		t.listedUnder = t.name
	}
}

func (r *replica) sortNames() {
	for _, br := range r.bridges {
		names := make([]string, 0, len(br.ports))
		for p := range br.ports {
			if t, ok := r.ports[p]; ok {
				t.listedUnder = t.name
				names = append(names, t.name)
			}
		}
		slices.Sort(names)
		br.portNames = names
	}
}

// unlist takes a port off its bridge's list of names.
func (r *replica) unlist(t *portRow) {
	br, ok := r.bridges[t.bridge]
	if !ok || t.listedUnder == "" {
		return
	}
	if i, ok := slices.BinarySearch(br.portNames, t.listedUnder); ok {
		br.portNames = slices.Delete(slices.Clone(br.portNames), i, i+1)
	}
	t.listedUnder = ""
}
