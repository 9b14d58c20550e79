package ovsdb

import (
	"errors"
	"fmt"
	"slices"
)

// errState is wrapped by every complaint about what a well-formed message says.
var errState = errors.New("database out of step")

// row is a row of any table that is mirrored.
type row interface {
	// column reads one column, the cursor being on its value.
	column(r *replica, name string, c *cursor, diff difference)
	// size is about the number of bytes kept.
	size() int
}

// columns is what a session asks for, and all that the rows below can read. Statistics and other columns that change without
// meaning anything to a controller are left out: each would wake a thousand sessions every few seconds.
func columns() map[string][]string {
	return map[string][]string{
		"Open_vSwitch": {"external_ids", "other_config", "ovs_version", "db_version", "next_cfg", "cur_cfg", "datapath_types", "iface_types"},
		"Bridge":       {"name", "datapath_id", "datapath_type", "fail_mode", "protocols", "controller", "ports", "external_ids", "other_config"},
		"Port":         {"name", "interfaces", "external_ids"},
		"Interface": {"name", "type", "options", "other_config", "external_ids", "bfd", "bfd_status", "ofport", "ofport_request",
			"link_state", "admin_state", "mac", "mac_in_use", "mtu", "error"},
		"Controller": {"target", "is_connected", "max_backoff", "inactivity_probe", "connection_mode", "external_ids"},
	}
}

type rootRow struct {
	externalIDs, otherConfig  map[string]string
	ovsVersion, dbVersion     string
	nextCfg, curCfg           int64
	datapathTypes, ifaceTypes []string
}

func (t *rootRow) column(_ *replica, name string, c *cursor, diff difference) {
	switch name {
	case "external_ids":
		t.externalIDs = c.mergeMap(t.externalIDs, diff)
	case "other_config":
		t.otherConfig = c.mergeMap(t.otherConfig, diff)
	case "ovs_version":
		t.ovsVersion = c.optText()
	case "db_version":
		t.dbVersion = c.optText()
	case "next_cfg":
		t.nextCfg = c.optInteger()
	case "cur_cfg":
		t.curCfg = c.optInteger()
	case "datapath_types":
		t.datapathTypes = c.mergeSet(t.datapathTypes, diff)
	case "iface_types":
		t.ifaceTypes = c.mergeSet(t.ifaceTypes, diff)
	default:
		c.skip()
	}
}

func (t *rootRow) size() int {
	return 200 + mapSize(t.externalIDs) + mapSize(t.otherConfig) + setSize(t.datapathTypes) + setSize(t.ifaceTypes)
}

type bridgeRow struct {
	name, datapathID, datapathType, failMode string
	protocols                                []string
	controllers                              map[rowID]struct{}
	ports                                    map[rowID]struct{}
	portNames                                []string // sorted, copied on change; of rows in ports that are there
	externalIDs, otherConfig                 map[string]string
}

func (t *bridgeRow) owner() Owner { return ownerOf(t.externalIDs[ownerKey]) }

func (t *bridgeRow) column(r *replica, name string, c *cursor, diff difference) {
	switch name {
	case "name":
		t.name = c.text()
	case "datapath_id":
		t.datapathID = c.optText()
	case "datapath_type":
		t.datapathType = c.optText()
	case "fail_mode":
		t.failMode = c.optText()
	case "protocols":
		t.protocols = c.mergeSet(t.protocols, diff)
	case "controller":
		t.controllers = r.mergeIDs(c, t.controllers, diff, nil)
	case "ports":
		t.ports = r.mergeIDs(c, t.ports, diff, r.movedPorts)
	case "external_ids":
		t.externalIDs = c.mergeMap(t.externalIDs, diff)
	case "other_config":
		t.otherConfig = c.mergeMap(t.otherConfig, diff)
	default:
		c.skip()
	}
}

func (t *bridgeRow) size() int {
	return 300 + 40*(len(t.ports)+len(t.controllers)) + mapSize(t.externalIDs) + mapSize(t.otherConfig) + setSize(t.protocols)
}

type portRow struct {
	name        string
	owner       Owner
	bridge      rowID // zero: none that we know of
	interfaces  []rowID
	listedUnder string // the name under which the bridge's portNames has it
}

func (t *portRow) column(r *replica, name string, c *cursor, diff difference) {
	switch name {
	case "name":
		t.name = c.text()
	case "interfaces":
		had := make(map[rowID]struct{}, len(t.interfaces))
		for _, id := range t.interfaces {
			had[id] = struct{}{}
		}
		now := r.mergeIDs(c, had, diff, r.movedIfaces)
		t.interfaces = t.interfaces[:0:0]
		for id := range now {
			t.interfaces = append(t.interfaces, id)
		}
		slices.SortFunc(t.interfaces, func(a, b rowID) int { return slices.Compare(a[:], b[:]) })
	case "external_ids":
		t.owner = ownerOf(c.mergeKey(ownerKey, string(t.owner), diff))
	default:
		c.skip()
	}
}

func (t *portRow) size() int { return 200 + len(t.name) + 16*len(t.interfaces) }

type ifaceRow struct {
	Interface     // what is shown; copied before it is shown, so it may be changed here
	shown         *Interface
	ids           map[string]string // external_ids
	options, bfd  map[string]string
	otherConfig   map[string]string
	mac           string
	ofportRequest int64
}

func (t *ifaceRow) column(r *replica, name string, c *cursor, diff difference) {
	switch name {
	case "name":
		t.Name = c.text()
	case "type":
		t.Type = c.text()
	case "options":
		t.options = c.mergeMap(t.options, diff)
	case "other_config":
		t.otherConfig = c.mergeMap(t.otherConfig, diff)
	case "external_ids":
		t.readIDs(r, c, diff)
	case "bfd":
		t.bfd = c.mergeMap(t.bfd, diff)
	case "bfd_status":
		t.BFD = c.mergeMap(t.BFD, diff)
	case "ofport":
		t.OFPort = clamp32(c.optInteger())
	case "ofport_request":
		t.ofportRequest = c.optInteger()
	case "link_state":
		t.LinkState = c.optText()
	case "admin_state":
		t.AdminState = c.optText()
	case "mac":
		t.mac = c.optText()
	case "mac_in_use":
		t.MACInUse = c.optText()
	case "mtu":
		t.MTU = clamp32(c.optInteger())
	case "error":
		t.Error = c.optText()
	default:
		c.skip()
	}
}

// readIDs keeps all external_ids, since a later difference may make the row ours, but shows only those asked for.
func (t *ifaceRow) readIDs(r *replica, c *cursor, diff difference) {
	t.ids = c.mergeMap(t.ids, diff)
	t.IfaceID, t.AttachedMAC = t.ids["iface-id"], t.ids["attached-mac"]
	t.Owner = ownerOf(t.ids[ownerKey])
	t.ExternalIDs = nil
	if t.Owner == Managed {
		t.ExternalIDs = t.ids
		return
	}
	for _, k := range r.keepIDs {
		if v, ok := t.ids[k]; ok {
			if t.ExternalIDs == nil {
				t.ExternalIDs = make(map[string]string, len(r.keepIDs))
			}
			t.ExternalIDs[k] = v
		}
	}
}

func (t *ifaceRow) size() int {
	return 400 + len(t.Name) + len(t.Error) + len(t.mac) + len(t.MACInUse) + mapSize(t.ids) + mapSize(t.options) +
		mapSize(t.bfd) + mapSize(t.BFD) + mapSize(t.otherConfig)
}

type controllerRow struct {
	target, connectionMode      string
	connected                   bool
	maxBackoff, inactivityProbe *int64
	owner                       Owner
}

func (t *controllerRow) column(_ *replica, name string, c *cursor, diff difference) {
	switch name {
	case "target":
		t.target = c.text()
	case "is_connected":
		t.connected = c.boolean()
	case "max_backoff":
		t.maxBackoff = c.optIntegerOrNil()
	case "inactivity_probe":
		t.inactivityProbe = c.optIntegerOrNil()
	case "connection_mode":
		t.connectionMode = c.optText()
	case "external_ids":
		t.owner = ownerOf(c.mergeKey(ownerKey, string(t.owner), diff))
	default:
		c.skip()
	}
}

func (t *controllerRow) size() int { return 150 + len(t.target) }

// optIntegerOrNil tells 0 from nothing.
func (c *cursor) optIntegerOrNil() (n *int64) {
	c.set(func() { v := c.integer(); n = &v })
	return n
}

// mergeKey is mergeMap for one key of a map whose other keys are not kept.
func (c *cursor) mergeKey(key, old string, diff difference) string {
	now := ""
	if diff {
		now = old
	}
	c.pairs(func(k, v string) {
		switch {
		case k != key:
		case diff == isDifference && v == old:
			now = ""
		default:
			now = v
		}
	})
	return now
}

func ownerOf(mark string) Owner {
	switch o := Owner(mark); o {
	case Managed, Adopted:
		return o
	}
	return Foreign
}

func clamp32(n int64) int32 { return int32(max(-1, min(n, 1<<31-1))) }

func mapSize(m map[string]string) (n int) {
	if m == nil {
		return 0
	}
	n = 300
	for k, v := range m {
		n += 32 + len(k) + len(v)
	}
	return n
}

func setSize(s []string) (n int) {
	for _, v := range s {
		n += 16 + len(v)
	}
	return n
}

// mergeIDs reads a set of row ids into a set; moved is told of every id that comes or goes.
func (r *replica) mergeIDs(c *cursor, old map[rowID]struct{}, diff difference, moved func(rowID)) map[rowID]struct{} {
	now := make(map[rowID]struct{})
	if diff {
		now = old
		if now == nil {
			now = make(map[rowID]struct{})
		}
	}
	c.ids(func(id rowID) {
		if _, ok := now[id]; ok && diff == isDifference {
			delete(now, id)
		} else {
			now[id] = struct{}{}
		}
		if len(now) > r.maxRows {
			c.fail("set of more than %d rows", r.maxRows)
		}
		if moved != nil {
			moved(id)
		}
	})
	if diff == wholeValue && moved != nil {
		for id := range old {
			moved(id)
		}
	}
	return now
}

func stateError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errState, fmt.Sprintf(format, args...))
}
