package openflow

import "github.com/weft-sdn/weft/southbound/flow"

// Command is what a flow-mod, group-mod or meter-mod does.
type Command uint16

// Commands of flow-mods.
const (
	FlowAdd Command = iota
	FlowModify
	FlowModifyStrict
	FlowDelete
	FlowDeleteStrict
)

// Commands of group-mods and meter-mods.
const (
	Add Command = iota
	Modify
	Delete
)

// Flags of flows.
const (
	SendFlowRemoved uint16 = 1 << iota
	CheckOverlap
	ResetCounts
	NoPacketCounts
	NoByteCounts
)

// AllTables, AllGroups and AllMeters address all there are.
const (
	AllTables uint8  = 0xff
	AllGroups uint32 = 0xfffffffc
	AllMeters uint32 = 0xffffffff
)

// FlowMod adds, changes or deletes flows. Its slices are parts of the message.
type FlowMod struct {
	Cookie, CookieMask uint64 // CookieMask: which flows to change or delete
	Table              uint8
	Command            Command
	Idle, Hard         uint16 // timeouts, seconds
	Priority           uint16
	Buffer             uint32
	OutPort, OutGroup  uint32 // to delete only flows that output there; flow.PortAny otherwise
	Flags              uint16
	Match              []byte // OXM TLVs
	Instructions       []byte
}

// AppendFlowMod appends a flow-mod.
func AppendFlowMod(b []byte, xid uint32, m *FlowMod) []byte {
	start := len(b)
	b = begin(b, TypeFlowMod, xid)
	b = be.AppendUint64(be.AppendUint64(b, m.Cookie), m.CookieMask)
	b = append(b, m.Table, byte(m.Command))
	b = be.AppendUint16(be.AppendUint16(be.AppendUint16(b, m.Idle), m.Hard), m.Priority)
	b = be.AppendUint32(be.AppendUint32(be.AppendUint32(b, m.Buffer), m.OutPort), m.OutGroup)
	b = appendMatch(be.AppendUint32(b, uint32(m.Flags)<<16), m.Match)
	return end(append(b, m.Instructions...), start)
}

// AppendFlow appends a flow-mod for a flow in canonical form: FlowAdd writes it, FlowDeleteStrict removes what has its key.
func AppendFlow(b []byte, xid uint32, c Command, f *flow.Flow) []byte {
	instructions := f.Instructions
	if c >= FlowDelete {
		instructions = ""
	}
	start := len(b)
	b = appendFlowHead(b, xid, f.Cookie, 0, f.Table, c, f.Priority)
	return end(append(appendMatch(b, f.Match), instructions...), start)
}

// appendFlowHead writes the 48 bytes before the match.
func appendFlowHead(b []byte, xid uint32, cookie, mask uint64, table uint8, c Command, priority uint16) []byte {
	b = begin(b, TypeFlowMod, xid)
	b = be.AppendUint64(be.AppendUint64(b, cookie), mask)
	b = append(b, table, byte(c), 0, 0, 0, 0, byte(priority>>8), byte(priority))
	b = be.AppendUint64(b, uint64(NoBuffer)<<32|uint64(flow.PortAny))
	return be.AppendUint64(b, uint64(flow.PortAny)<<32)
}

// ParseFlowMod reads a flow-mod.
func ParseFlowMod(m Message) (FlowMod, error) {
	r := read(m, TypeFlowMod)
	f := FlowMod{
		Cookie: r.u64(), CookieMask: r.u64(), Table: r.u8(), Command: Command(r.u8()), Idle: r.u16(), Hard: r.u16(),
		Priority: r.u16(), Buffer: r.u32(), OutPort: r.u32(), OutGroup: r.u32(), Flags: r.u16(),
	}
	r.skip(2)
	f.Match = r.match()
	f.Instructions = r.rest()
	return f, r.err()
}

// GroupMod adds, changes or deletes a group. Buckets is a part of the message.
type GroupMod struct {
	Command Command
	Type    flow.GroupType
	ID      uint32
	Buckets []byte
}

// AppendGroupMod appends a group-mod.
func AppendGroupMod(b []byte, xid uint32, g *GroupMod) []byte {
	return appendGroup(b, xid, g.Command, g.Type, g.ID, g.Buckets)
}

func appendGroup[B bytesLike](b []byte, xid uint32, c Command, t flow.GroupType, id uint32, buckets B) []byte {
	start := len(b)
	b = append(be.AppendUint16(begin(b, TypeGroupMod, xid), uint16(c)), byte(t), 0)
	return end(append(be.AppendUint32(b, id), buckets...), start)
}

// ParseGroupMod reads a group-mod.
func ParseGroupMod(m Message) (GroupMod, error) {
	r := read(m, TypeGroupMod)
	g := GroupMod{Command: Command(r.u16()), Type: flow.GroupType(r.u8())}
	r.skip(1)
	g.ID = r.u32()
	g.Buckets = r.rest()
	return g, r.err()
}

// MeterMod adds, changes or deletes a meter. Bands is a part of the message.
type MeterMod struct {
	Command Command
	Flags   flow.MeterFlags
	ID      uint32
	Bands   []byte
}

// AppendMeterMod appends a meter-mod.
func AppendMeterMod(b []byte, xid uint32, m *MeterMod) []byte {
	return appendMeter(b, xid, m.Command, m.Flags, m.ID, m.Bands)
}

func appendMeter[B bytesLike](b []byte, xid uint32, c Command, f flow.MeterFlags, id uint32, bands B) []byte {
	start := len(b)
	b = be.AppendUint16(be.AppendUint16(begin(b, TypeMeterMod, xid), uint16(c)), uint16(f))
	return end(append(be.AppendUint32(b, id), bands...), start)
}

// ParseMeterMod reads a meter-mod.
func ParseMeterMod(m Message) (MeterMod, error) {
	r := read(m, TypeMeterMod)
	mod := MeterMod{Command: Command(r.u16()), Flags: flow.MeterFlags(r.u16()), ID: r.u32()}
	mod.Bands = r.rest()
	return mod, r.err()
}

// FlowRemoved says that a flow is gone.
type FlowRemoved struct {
	Cookie         uint64
	Priority       uint16
	Reason         uint8
	Table          uint8
	Seconds, Nanos uint32 // how long it was there
	Idle, Hard     uint16
	Packets, Bytes uint64
	Match          []byte // OXM TLVs, a part of the message
}

// AppendFlowRemoved appends a flow-removed.
func AppendFlowRemoved(b []byte, xid uint32, f *FlowRemoved) []byte {
	start := len(b)
	b = be.AppendUint64(begin(b, TypeFlowRemoved, xid), f.Cookie)
	b = append(be.AppendUint16(b, f.Priority), f.Reason, f.Table)
	b = be.AppendUint32(be.AppendUint32(b, f.Seconds), f.Nanos)
	b = be.AppendUint16(be.AppendUint16(b, f.Idle), f.Hard)
	b = be.AppendUint64(be.AppendUint64(b, f.Packets), f.Bytes)
	return end(appendMatch(b, f.Match), start)
}

// ParseFlowRemoved reads a flow-removed.
func ParseFlowRemoved(m Message) (FlowRemoved, error) {
	r := read(m, TypeFlowRemoved)
	f := FlowRemoved{
		Cookie: r.u64(), Priority: r.u16(), Reason: r.u8(), Table: r.u8(), Seconds: r.u32(), Nanos: r.u32(),
		Idle: r.u16(), Hard: r.u16(), Packets: r.u64(), Bytes: r.u64(), Match: r.match(),
	}
	return f, r.err()
}
