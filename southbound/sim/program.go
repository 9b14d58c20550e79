package sim

import (
	"fmt"

	"github.com/weft-sdn/weft/southbound/flow"
)

// opcode says what a step does with a packet.
type opcode uint8

const (
	opOutput opcode = iota + 1
	opOutputReg
	opController
	opSet
	opMove
	opPush
	opPop
	opPushVLAN
	opPopVLAN
	opPushMPLS
	opPopMPLS
	opSetMPLSTTL
	opDecMPLSTTL
	opEncap
	opDecap
	opDecTTL
	opGroup
	opResubmit
	opClone
	opCT
	opCTClear
	opCheckLarger
	opMultipath
	opConjunction
	opMeter
	opGoto
	opExit
)

// step is an action in the form in which it is carried out.
type step struct {
	op       opcode
	table    uint8
	n, n2    uint32
	src, dst flow.Sub
	field    flow.Field
	do       []step
	ct       *tracking
	send     *sending
}

// tracking is what a ct action asks for.
type tracking struct {
	commit, force bool
	zone          uint16
	zoneFrom      flow.Sub
	recirculate   bool
	table         uint8
	nat           *translation // nil: none
	exec          []step
}

// sending is what an action to the controller asks for.
type sending struct {
	maxLen   uint16
	reason   uint8
	userData string
	meter    uint32 // what it does not let through is not sent; 0: all is
}

// Actions as they come over the wire (OpenFlow 1.3 section 7.2.5; ovs-actions(7)). They are read here anew, and not by package
// flow, for two reasons: a switch knows nothing but the wire, and what is read twice is checked twice.
const (
	actOutput       = 0
	actSetMPLSTTL   = 15
	actDecMPLSTTL   = 16
	actPushVLAN     = 17
	actPopVLAN      = 18
	actPushMPLS     = 19
	actPopMPLS      = 20
	actSetQueue     = 21
	actGroup        = 22
	actDecTTL       = 24
	actSetField     = 25
	actExperimenter = 0xffff

	nxResubmit       = 1
	nxPopQueue       = 5
	nxRegMove        = 6
	nxRegLoad        = 7
	nxNote           = 8
	nxMultipath      = 10
	nxResubmitTable  = 14
	nxOutputReg      = 15
	nxExit           = 17
	nxFinTimeout     = 19
	nxController     = 20
	nxDecTTLIDs      = 21
	nxStackPush      = 27
	nxStackPop       = 28
	nxRegLoad2       = 33
	nxConjunction    = 34
	nxCT             = 35
	nxNAT            = 36
	nxController2    = 37
	nxClone          = 42
	nxCTClear        = 43
	nxEncap          = 46
	nxDecap          = 47
	nxCheckPktLarger = 49

	insGoto          = 1
	insWriteMetadata = 2
	insWriteActions  = 3
	insApplyActions  = 4
	insClearActions  = 5
	insMeter         = 6
)

var errCut = refuse(typeBadAction, 1, "action of an impossible length")

// program reads instructions. The order is that in which they are carried out, whatever the order on the wire.
func program(b []byte) ([]step, error) {
	var parts [insMeter + 1][]step
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, refuse(typeBadInstruction, 6, "instruction cut short")
		}
		typ, n := be.Uint16(b), int(be.Uint16(b[2:]))
		if n < 8 || n > len(b) || n%8 != 0 {
			return nil, refuse(typeBadInstruction, 6, "instruction %d of %d bytes", typ, n)
		}
		var err error
		switch typ {
		case insGoto:
			parts[typ] = []step{{op: opGoto, table: b[4]}}
		case insWriteMetadata:
			if n != 24 {
				return nil, refuse(typeBadInstruction, 6, "write_metadata of %d bytes", n)
			}
			f := flow.Masked(flow.Metadata, be.Uint64(b[8:]), be.Uint64(b[16:]))
			parts[typ] = []step{{op: opSet, field: f}}
		case insApplyActions:
			parts[typ], err = actions(b[8:n], 0)
		case insMeter:
			parts[typ] = []step{{op: opMeter, n: be.Uint32(b[4:])}}
		case insWriteActions, insClearActions:
			err = &Error{Type: typeBadInstruction, Code: 1, Why: notModelled("the action set")}
		default:
			err = refuse(typeBadInstruction, 0, "instruction %d", typ)
		}
		if err != nil {
			return nil, err
		}
		b = b[n:]
	}
	var all []step
	for _, typ := range [...]int{insMeter, insApplyActions, insWriteMetadata, insGoto} {
		all = append(all, parts[typ]...)
	}
	return all, nil
}

const maxNesting = 8

// actions reads a list of actions.
func actions(b []byte, depth int) ([]step, error) {
	if depth > maxNesting {
		return nil, refuse(typeBadAction, 1, "actions nested too deeply")
	}
	var list []step
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, errCut
		}
		n := int(be.Uint16(b[2:]))
		if n < 8 || n > len(b) || n%8 != 0 {
			return nil, errCut
		}
		s, err := action(b[:n], depth)
		if err != nil {
			return nil, err
		}
		if s.op != 0 {
			list = append(list, s)
		}
		b = b[n:]
	}
	return list, nil
}

// action reads one action; a step without opcode has nothing to do.
func action(b []byte, depth int) (step, error) {
	switch typ := be.Uint16(b); typ {
	case actOutput:
		if len(b) != 16 {
			return step{}, errCut
		}
		return output(be.Uint32(b[4:]), be.Uint16(b[8:]))
	case actPushVLAN:
		if t := be.Uint16(b[4:]); t != ethVLAN && t != ethQinQ {
			return step{}, refuse(typeBadAction, 5, "push_vlan of type %#x", t)
		}
		return step{op: opPushVLAN, n: uint32(be.Uint16(b[4:]))}, nil
	case actPopVLAN:
		return step{op: opPopVLAN}, nil
	case actPushMPLS:
		if t := be.Uint16(b[4:]); !isLabels(uint64(t)) {
			return step{}, refuse(typeBadAction, 5, "push_mpls of type %#x", t)
		}
		return step{op: opPushMPLS, n: uint32(be.Uint16(b[4:]))}, nil
	case actSetMPLSTTL:
		return step{op: opSetMPLSTTL, n: uint32(b[4])}, nil
	case actDecMPLSTTL:
		return step{op: opDecMPLSTTL}, nil
	case actPopMPLS:
		return step{op: opPopMPLS, n: uint32(be.Uint16(b[4:]))}, nil
	case actSetQueue:
		return step{}, nil // Open vSwitch's userspace datapath has no queues either
	case actGroup:
		return step{op: opGroup, n: be.Uint32(b[4:])}, nil
	case actDecTTL:
		return step{op: opDecTTL}, nil
	case actSetField:
		return setField(b[4:])
	case actExperimenter:
		if len(b) < 16 || be.Uint32(b[4:]) != experimenterNicira {
			return step{}, refuse(typeBadAction, 2, "action of an unknown experimenter")
		}
		return nicira(be.Uint16(b[8:]), b, depth)
	default:
		return step{}, &Error{Type: typeBadAction, Code: 0, Why: notModelled(fmt.Sprintf("action %d", typ))}
	}
}

func output(port uint32, maxLen uint16) (step, error) {
	switch port {
	case flow.PortController:
		return step{op: opController, send: &sending{maxLen: maxLen, reason: 1}}, nil
	case flow.PortNormal, flow.PortTable:
		return step{}, &Error{Type: typeBadAction, Code: 4, Why: notModelled("output to NORMAL or TABLE")}
	}
	return step{op: opOutput, n: port}, nil
}

// setField reads one OXM and up to 7 bytes of padding.
func setField(b []byte) (step, error) {
	n := oxmLen(b)
	if n > len(b) {
		return step{}, errCut
	}
	m, err := flow.ParseMatch(b[:n])
	if err != nil || len(m) != 1 || m[0].Mask.IsZero() {
		return step{}, refuse(typeBadAction, 13, "set_field of no field: %v", err)
	}
	if !m[0].ID.Writable() {
		return step{}, refuse(typeBadAction, 13, "set_field of %s, which is read only", m[0].ID)
	}
	return step{op: opSet, field: m[0]}, modelled(m[0].ID)
}

// modelled refuses fields that packets do not have here.
func modelled(id flow.FieldID) error {
	switch {
	case id >= flow.TunGBPID && id <= flow.TunMetadata7,
		id == flow.PacketType, id == flow.DPHash, id == flow.ActsetOutput:
		return &Error{Type: typeBadAction, Code: 13, Why: notModelled(id.String())}
	}
	return nil
}

// oxmLen is the length of the OXM at the start of b, its head included.
func oxmLen(b []byte) int {
	if len(b) < 4 {
		return len(b) + 1
	}
	return 4 + int(b[3])
}
