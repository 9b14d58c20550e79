package openflow

import "github.com/weft-sdn/weft/southbound/flow"

// BundleCommand is what a bundle control message asks for or answers.
type BundleCommand uint16

// Commands of bundle control messages; each reply is the request's number plus 1.
const (
	BundleOpen BundleCommand = iota
	BundleOpened
	BundleClose
	BundleClosed
	BundleCommit
	BundleCommitted
	BundleDiscard
	BundleDiscarded
)

// Flags of bundles.
const (
	BundleAtomic  uint16 = 1 << 0 // all or nothing, and packets see all or nothing
	BundleOrdered uint16 = 1 << 1 // in the order given
)

// BundleControl opens, commits or discards a bundle, or says that this was done.
type BundleControl struct {
	ID      uint32
	Command BundleCommand
	Flags   uint16
}

// AppendBundleControl appends a bundle control message, in the form of the ONF's extension to OpenFlow 1.3.
func AppendBundleControl(b []byte, xid uint32, c BundleControl) []byte {
	start := len(b)
	b = be.AppendUint32(beginExperimenter(b, xid, ExperimenterONF, onfBundleControl), c.ID)
	return end(be.AppendUint16(be.AppendUint16(b, uint16(c.Command)), c.Flags), start)
}

// ParseBundleControl reads the body of a bundle control message.
func ParseBundleControl(e Experimenter) (BundleControl, error) {
	r := e.reader(ExperimenterONF, onfBundleControl)
	c := BundleControl{ID: r.u32(), Command: BundleCommand(r.u16()), Flags: r.u16()}
	return c, r.err()
}

// BundleAdd is a message in a bundle. Its transaction id must be that of the message around it.
type BundleAdd struct {
	ID      uint32
	Flags   uint16
	Message Message
}

// ParseBundleAdd reads the body of a bundle add message.
func ParseBundleAdd(e Experimenter) (BundleAdd, error) {
	r := e.reader(ExperimenterONF, onfBundleAdd)
	a := BundleAdd{ID: r.u32()}
	r.skip(2)
	a.Flags = r.u16()
	if r.reason == nil {
		m, _, err := Next(r.b)
		if err != nil {
			r.fail(err)
		}
		a.Message = m
	}
	return a, r.err()
}

// beginBundleAdd writes the 24 bytes before the message inside.
func beginBundleAdd(b []byte, xid, bundle uint32, flags uint16) []byte {
	b = beginExperimenter(b, xid, ExperimenterONF, onfBundleAdd)
	return be.AppendUint64(b, uint64(bundle)<<32|uint64(flags))
}

// Mod is one change to a switch. It holds what it is about by value, so that a slice of 100,000 is one piece of memory.
type Mod struct {
	kind               modKind
	typ                flow.GroupType
	table              uint8
	priority           uint16
	flags              uint16
	idle, hard         uint16
	id                 uint32
	cookie, cookieMask uint64
	match, body        string
}

type modKind uint8

const (
	modFlowAdd modKind = iota + 1
	modFlowDeleteStrict
	modFlowDelete
	modGroupAdd
	modGroupModify
	modGroupDelete
	modMeterAdd
	modMeterModify
	modMeterDelete
)

// AddFlow writes a flow, in place of one with the same key.
func AddFlow(f flow.Flow) Mod {
	return Mod{kind: modFlowAdd, table: f.Table, priority: f.Priority, cookie: f.Cookie, match: f.Match, body: f.Instructions}
}

// AddFlowTimed is AddFlow for a flow that ends: idle seconds after its last packet, hard seconds after it was added. Zero is
// never.
func AddFlowTimed(f flow.Flow, idle, hard, flags uint16) Mod {
	m := AddFlow(f)
	m.idle, m.hard, m.flags = idle, hard, flags
	return m
}

// DeleteFlowStrict removes the flow with exactly this key. The match may be what the switch itself reported.
func DeleteFlowStrict(k flow.Key) Mod {
	return Mod{kind: modFlowDeleteStrict, table: k.Table, priority: k.Priority, match: k.Match}
}

// DeleteFlows removes all flows of a table (or AllTables) that match is a part of and whose cookie agrees in the bits of
// mask.
func DeleteFlows(table uint8, cookie, mask uint64, match string) Mod {
	return Mod{kind: modFlowDelete, table: table, cookie: cookie, cookieMask: mask, match: match}
}

// AddGroup adds a group. It fails when there is one with this id.
func AddGroup(g flow.Group) Mod {
	return Mod{kind: modGroupAdd, typ: g.Type, id: g.ID, body: g.Buckets}
}

// ModifyGroup changes a group. It fails when there is none with this id.
func ModifyGroup(g flow.Group) Mod {
	return Mod{kind: modGroupModify, typ: g.Type, id: g.ID, body: g.Buckets}
}

// DeleteGroup removes a group, or AllGroups, and the flows that output to it.
func DeleteGroup(id uint32) Mod { return Mod{kind: modGroupDelete, id: id} }

// AddMeter adds a meter. It fails when there is one with this id.
func AddMeter(m flow.Meter) Mod {
	return Mod{kind: modMeterAdd, flags: uint16(m.Flags), id: m.ID, body: m.Bands}
}

// ModifyMeter changes a meter. It fails when there is none with this id.
func ModifyMeter(m flow.Meter) Mod {
	return Mod{kind: modMeterModify, flags: uint16(m.Flags), id: m.ID, body: m.Bands}
}

// DeleteMeter removes a meter, or AllMeters, and the flows that pass through it.
func DeleteMeter(id uint32) Mod { return Mod{kind: modMeterDelete, id: id} }

// isMeter says whether the change is about a meter. Open vSwitch takes no meters in bundles.
func (m *Mod) isMeter() bool { return m.kind >= modMeterAdd }

// Append appends the change as a message.
func (m *Mod) Append(b []byte, xid uint32) []byte {
	switch m.kind {
	case modFlowAdd, modFlowDeleteStrict, modFlowDelete:
		return m.appendFlow(b, xid)
	case modGroupAdd, modGroupModify, modGroupDelete:
		return appendGroup(b, xid, Command(m.kind-modGroupAdd), m.typ, m.id, m.body)
	}
	return appendMeter(b, xid, Command(m.kind-modMeterAdd), flow.MeterFlags(m.flags), m.id, m.body)
}

func (m *Mod) appendFlow(b []byte, xid uint32) []byte {
	start := len(b)
	command := FlowAdd
	switch m.kind {
	case modFlowDeleteStrict:
		command = FlowDeleteStrict
	case modFlowDelete:
		command = FlowDelete
	}
	b = appendFlowHead(b, xid, m.cookie, m.cookieMask, m.table, command, m.priority)
	if m.idle|m.hard|m.flags != 0 {
		be.PutUint16(b[start+26:], m.idle)
		be.PutUint16(b[start+28:], m.hard)
		be.PutUint16(b[start+44:], m.flags)
	}
	return end(append(appendMatch(b, m.match), m.body...), start)
}

// AppendInBundle appends the change as a message of a bundle.
func (m *Mod) AppendInBundle(b []byte, xid, bundle uint32, flags uint16) []byte {
	start := len(b)
	return end(m.Append(beginBundleAdd(b, xid, bundle, flags), xid), start)
}

// size is more than the change takes inside a bundle.
func (m *Mod) size() int { return 96 + len(m.match) + len(m.body) }

// fits says whether the change can be sent at all.
func (m *Mod) fits() bool { return m.kind != 0 && m.size() <= MaxMessage }

// String says what the change is, as ovs-ofctl's dumps do.
func (m *Mod) String() string {
	f := flow.Flow{Key: flow.Key{Table: m.table, Priority: m.priority, Match: m.match}, Instructions: m.body}
	switch m.kind {
	case modFlowAdd:
		return "add flow " + f.String()
	case modFlowDeleteStrict:
		return "delete flow " + f.Key.String()
	case modFlowDelete:
		return "delete flows " + f.Key.String()
	case modGroupAdd, modGroupModify, modGroupDelete:
		return [...]string{"add", "modify", "delete"}[m.kind-modGroupAdd] + " group " + decimal(m.id)
	case modMeterAdd, modMeterModify, modMeterDelete:
		return [...]string{"add", "modify", "delete"}[m.kind-modMeterAdd] + " meter " + decimal(m.id)
	}
	return "no change"
}
