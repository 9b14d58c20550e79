package flow

// Action is one thing to do with a packet. The zero Action is not valid; constructors make actions.
type Action struct {
	kind  kind
	table uint8
	src   Sub
	dst   Sub
	n, n2 uint32
	field Field
	more  any // what few kinds need; see the constructors
}

// Actions are what a flow does, in order. No actions at all drop the packet.
//
// Meter, when there, is first and Goto last: they are instructions of their own. ClearActions, WriteActions and
// WriteMetadata come directly before Goto, in this order.
type Actions []Action

type kind uint8

const (
	kindOutput kind = iota + 1
	kindOutputReg
	kindController
	kindSetField
	kindMove
	kindLoad
	kindPush
	kindPop
	kindPushVLAN
	kindPopVLAN
	kindPushMPLS
	kindPopMPLS
	kindDecTTL
	kindDecTTLIDs
	kindDecMPLSTTL
	kindSetMPLSTTL
	kindSetTunnel
	kindGroup
	kindSetQueue
	kindPopQueue
	kindResubmit
	kindResubmitCT
	kindCT
	kindNAT
	kindCTClear
	kindConjunction
	kindLearn
	kindMultipath
	kindBundle
	kindNote
	kindClone
	kindEncap
	kindDecap
	kindCheckPktLarger
	kindSample
	kindDeleteField
	kindFinTimeout
	kindExit
	// Instructions. They have no place inside Clone, CT or buckets.
	kindMeter
	kindClearActions
	kindWriteActions
	kindWriteMetadata
	kindGoto
	kindEnd
)

var kindNames = [kindEnd]string{
	kindOutput: "output", kindOutputReg: "output of a register", kindController: "controller", kindSetField: "set_field",
	kindMove: "move", kindLoad: "load", kindPush: "push", kindPop: "pop", kindPushVLAN: "push_vlan", kindPopVLAN: "pop_vlan",
	kindPushMPLS: "push_mpls", kindPopMPLS: "pop_mpls", kindDecTTL: "dec_ttl", kindDecTTLIDs: "dec_ttl",
	kindDecMPLSTTL: "dec_mpls_ttl", kindSetMPLSTTL: "set_mpls_ttl", kindSetTunnel: "set_tunnel", kindGroup: "group",
	kindSetQueue: "set_queue", kindPopQueue: "pop_queue", kindResubmit: "resubmit", kindResubmitCT: "resubmit", kindCT: "ct",
	kindNAT: "nat", kindCTClear: "ct_clear", kindConjunction: "conjunction", kindLearn: "learn", kindMultipath: "multipath",
	kindBundle: "bundle", kindNote: "note", kindClone: "clone", kindEncap: "encap", kindDecap: "decap",
	kindCheckPktLarger: "check_pkt_larger", kindSample: "sample", kindDeleteField: "delete_field",
	kindFinTimeout: "fin_timeout", kindExit: "exit", kindMeter: "meter", kindClearActions: "clear_actions",
	kindWriteActions: "write_actions", kindWriteMetadata: "write_metadata", kindGoto: "goto_table",
}

func (k kind) String() string {
	if k >= kindEnd || k == 0 {
		return "no action"
	}
	return kindNames[k]
}

// Reserved ports (OpenFlow 1.3, section 7.2.1).
const (
	PortMax        uint32 = 0xffffff00
	PortUnset      uint32 = 0xfffffff7
	PortInPort     uint32 = 0xfffffff8
	PortTable      uint32 = 0xfffffff9
	PortNormal     uint32 = 0xfffffffa
	PortFlood      uint32 = 0xfffffffb
	PortAll        uint32 = 0xfffffffc
	PortController uint32 = 0xfffffffd
	PortLocal      uint32 = 0xfffffffe
	PortAny        uint32 = 0xffffffff
)

// Output sends the packet out of a port. The port that it came in by is left out, unless it is PortInPort.
func Output(port uint32) Action { return Action{kind: kindOutput, n: port} }

// InPortOutput sends the packet back where it came from.
func InPortOutput() Action { return Output(PortInPort) }

// Normal hands the packet to the switch's own learning and VLAN processing.
func Normal() Action { return Output(PortNormal) }

// Flood sends the packet out of all ports but the one it came in by and those that block flooding.
func Flood() Action { return Output(PortFlood) }

// OutputReg sends the packet out of the port whose number is in a register.
func OutputReg(src Sub) Action { return Action{kind: kindOutputReg, src: src, n: 0xffff} }

// SetField writes a field, or of a maskable one only the bits in the mask.
func SetField(f Field) Action { return Action{kind: kindSetField, field: f} }

// Move copies a part of a field to another of the same length.
func Move(src, dst Sub) Action { return Action{kind: kindMove, src: src, dst: dst} }

// Load writes a value to a part of a field. It does what Sub.Set does, in an older form of up to 64 bits.
func Load(dst Sub, v uint64) Action {
	return Action{kind: kindLoad, dst: dst, field: Field{Value: Bits{Lo: v}}}
}

// Push saves a part of a field on a stack.
func Push(s Sub) Action { return Action{kind: kindPush, src: s} }

// Pop takes what was last pushed into a part of a field.
func Pop(s Sub) Action { return Action{kind: kindPop, dst: s} }

// PushVLAN adds an empty VLAN tag of an Ethernet type, 0x8100 or 0x88a8.
func PushVLAN(ethType uint16) Action { return Action{kind: kindPushVLAN, n: uint32(ethType)} }

// PopVLAN takes the outermost VLAN tag off.
func PopVLAN() Action { return Action{kind: kindPopVLAN} }

// PushMPLS adds a label of an Ethernet type, 0x8847 or 0x8848.
func PushMPLS(ethType uint16) Action { return Action{kind: kindPushMPLS, n: uint32(ethType)} }

// PopMPLS takes the outermost label off; ethType says what is below.
func PopMPLS(ethType uint16) Action { return Action{kind: kindPopMPLS, n: uint32(ethType)} }

// DecTTL counts the IP TTL or hop limit down. At zero processing stops, and controllers that ask for it get the packet.
func DecTTL() Action { return Action{kind: kindDecTTL} }

// DecTTLTo is DecTTL that tells the controllers with these ids of a packet at its end.
func DecTTLTo(controllers ...uint16) Action { return Action{kind: kindDecTTLIDs, more: controllers} }

// DecMPLSTTL counts the TTL of the outermost label down.
func DecMPLSTTL() Action { return Action{kind: kindDecMPLSTTL} }

// SetMPLSTTL writes the TTL of the outermost label.
func SetMPLSTTL(ttl uint8) Action { return Action{kind: kindSetMPLSTTL, n: uint32(ttl)} }

// ToGroup hands the packet to a group.
func ToGroup(id uint32) Action { return Action{kind: kindGroup, n: id} }

// SetQueue chooses the queue of the ports that the packet leaves by.
func SetQueue(id uint32) Action { return Action{kind: kindSetQueue, n: id} }

// PopQueue goes back to the default queue.
func PopQueue() Action { return Action{kind: kindPopQueue} }

// Resubmit looks the packet up in another table and comes back. The port that it came in by stays what it is.
func Resubmit(table uint8) Action { return ResubmitFrom(PortInPort, table) }

// ResubmitFrom is Resubmit that looks up as if the packet had come in by another port.
func ResubmitFrom(inPort uint32, table uint8) Action {
	return Action{kind: kindResubmit, n: inPort, table: table}
}

// ResubmitCT is Resubmit that looks up with the fields of the connection's original direction in place of the packet's.
func ResubmitCT(table uint8) Action { return Action{kind: kindResubmitCT, n: PortInPort, table: table} }

// CTClear forgets what connection tracking said of the packet.
func CTClear() Action { return Action{kind: kindCTClear} }

// Conjunction says that the flow is clause number clause, from 1, of the n that together make conjunctive match id.
func Conjunction(id uint32, clause, n uint8) Action {
	return Action{kind: kindConjunction, n: id, table: clause, n2: uint32(n)}
}

// Note carries bytes that the switch keeps and does not read. It pads them with zeros to a multiple of 8, less 2.
func Note(data string) Action { return Action{kind: kindNote, more: data} }

// Clone does actions on a copy of the packet.
func Clone(do ...Action) Action { return Action{kind: kindClone, more: Actions(do)} }

// Encap puts a header of a packet type (namespace<<16 | type) around the packet.
func Encap(packetType uint32) Action { return Action{kind: kindEncap, n: packetType} }

// Decap takes the outermost header off; the switch finds out what is below.
func Decap() Action { return DecapTo(useNextProto) }

// DecapTo is Decap where the packet type of what is below is given (namespace<<16 | type).
func DecapTo(packetType uint32) Action { return Action{kind: kindDecap, n: packetType} }

// useNextProto says that a header itself names what it holds.
const useNextProto = 0xfffe

// CheckPktLarger sets a one-bit part of a field when the packet is longer than n bytes.
func CheckPktLarger(n uint16, dst Sub) Action {
	return Action{kind: kindCheckPktLarger, n: uint32(n), dst: dst}
}

// DeleteField removes a tunnel option. The part is as long as the option.
func DeleteField(option Sub) Action { return Action{kind: kindDeleteField, dst: option} }

// FinTimeout shortens the flow's timeouts, in seconds, when a TCP FIN or RST passes.
func FinTimeout(idle, hard uint16) Action {
	return Action{kind: kindFinTimeout, n: uint32(idle), n2: uint32(hard)}
}

// Exit stops all processing of the packet, the resubmitting flows' too.
func Exit() Action { return Action{kind: kindExit} }

// ToMeter passes the packet through a meter before anything else.
func ToMeter(id uint32) Action { return Action{kind: kindMeter, n: id} }

// ClearActions empties the action set.
func ClearActions() Action { return Action{kind: kindClearActions} }

// WriteActions merges actions into the action set, which is done when no Goto follows.
func WriteActions(do ...Action) Action { return Action{kind: kindWriteActions, more: Actions(do)} }

// WriteMetadata writes the bits in mask of the metadata.
func WriteMetadata(v, mask uint64) Action {
	return Action{kind: kindWriteMetadata, field: Masked(Metadata, v, mask)}
}

// Goto goes on in a later table.
func Goto(table uint8) Action { return Action{kind: kindGoto, table: table} }

// Writes returns the field that the action changes.
func (a Action) Writes() (FieldID, bool) {
	switch a.kind {
	case kindSetField, kindWriteMetadata:
		return a.field.ID, true
	case kindMove, kindLoad, kindPop, kindCheckPktLarger, kindMultipath, kindDeleteField:
		return a.dst.ID, true
	case kindBundle:
		return a.dst.ID, a.dst.ID != 0
	}
	return 0, false
}

// Reads returns the field that the action copies from.
func (a Action) Reads() (FieldID, bool) {
	switch a.kind {
	case kindMove, kindOutputReg, kindPush:
		return a.src.ID, true
	}
	return 0, false
}

// Next returns the table to which the action sends the packet.
func (a Action) Next() (uint8, bool) {
	switch a.kind {
	case kindGoto, kindResubmit, kindResubmitCT:
		return a.table, true
	case kindCT:
		if spec, ok := a.more.(*CTSpec); ok {
			return spec.Table.table, spec.Table.on
		}
	}
	return 0, false
}

// Nested returns the actions inside the action, and nil when it has none.
func (a Action) Nested() Actions {
	switch more := a.more.(type) {
	case Actions:
		return more
	case *CTSpec:
		return more.Exec
	}
	return nil
}
