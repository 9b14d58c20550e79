package flow

import (
	"encoding/hex"
	"slices"
	"strings"
)

// ParseActionsText reads actions in ovs-ofctl's syntax, without "actions=".
func ParseActionsText(text string) (Actions, error) { return token{text: text}.actions(0) }

// actions reads a list of actions.
func (t token) actions(depth int) (Actions, error) {
	if depth > maxDepth {
		return nil, t.fail(ErrNested)
	}
	words, err := t.split(",")
	if err != nil {
		return nil, err
	}
	var list Actions
	for _, w := range words {
		if w.text == "drop" && len(words) == 1 {
			return nil, nil
		}
		a, err := w.action(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// plainActions have no arguments. It is never written.
var plainActions = map[string]Action{
	"pop_vlan": PopVLAN(), "strip_vlan": PopVLAN(), "dec_ttl": DecTTL(), "dec_mpls_ttl": DecMPLSTTL(), "pop_queue": PopQueue(),
	"ct_clear": CTClear(), "exit": Exit(), "clear_actions": ClearActions(), "ct": CT(CTSpec{}), "controller": Output(PortController),
}

// action reads one action.
func (t token) action(depth int) (Action, error) {
	if a, ok := plainActions[t.text]; ok {
		if t.text == "controller" {
			return ToController(ControllerSpec{}), nil
		}
		return a, nil
	}
	bracket, colon := strings.IndexByte(t.text, '('), strings.IndexByte(t.text, ':')
	if bracket > 0 && (colon < 0 || bracket < colon) {
		name, args, rest, ok := t.call()
		if !ok {
			return Action{}, t.fail(errBrackets)
		}
		if name == "check_pkt_larger" {
			return args.checkPktLarger(rest)
		}
		if rest.text != "" {
			return Action{}, rest.fail(errUnknownWord)
		}
		return t.actionCall(name, args, depth)
	}
	name, arg, ok := t.cut(":")
	if !ok {
		p, err := t.plainPort()
		switch {
		case err != nil:
			return Action{}, t.fail(errUnknownWord)
		case p == PortController:
			return ToController(ControllerSpec{}), nil
		}
		return Output(p), nil
	}
	return arg.actionValue(strings.ToLower(name.text), name)
}

// actionValue reads name:value.
func (t token) actionValue(name string, at token) (Action, error) {
	switch name {
	case "output":
		return t.outputTo()
	case "controller":
		n, err := t.number(16)
		return ToController(ControllerSpec{MaxLen: uint16(n)}), err
	case "set_field":
		return t.setField()
	case "load", "move":
		return t.copyTo(name)
	case "push":
		s, err := t.part()
		return Push(s), err
	case "pop":
		s, err := t.part()
		return Pop(s), err
	case "delete_field":
		s, err := t.part()
		return DeleteField(s), err
	case "resubmit":
		p, err := t.port()
		return ResubmitFrom(p, 0xff), err
	case "note":
		data, err := hex.DecodeString(strings.ReplaceAll(t.text, ".", ""))
		if err != nil {
			return Action{}, t.fail(errBadValue)
		}
		return Note(string(data)), nil
	case "write_metadata":
		f, err := t.field(Metadata)
		return WriteMetadata(f.Value.Lo, f.Mask.Lo), err
	}
	if name == "goto_table" {
		table, err := t.table()
		if err == nil && table == 0xff {
			err = t.fail(errBadNumber)
		}
		return Goto(table), err
	}
	v, err := t.number(32)
	if err != nil {
		return Action{}, err
	}
	switch name {
	case "group":
		return ToGroup(uint32(v)), nil
	case "meter":
		return ToMeter(uint32(v)), nil
	case "set_queue":
		return SetQueue(uint32(v)), nil
	case "push_vlan":
		return PushVLAN(uint16(v)), nil
	case "push_mpls":
		return PushMPLS(uint16(v)), nil
	case "pop_mpls":
		return PopMPLS(uint16(v)), nil
	}
	return Action{}, at.fail(errUnknownWord)
}

func (t token) outputTo() (Action, error) {
	if p, err := t.port(); err == nil {
		if p == PortController {
			return ToController(ControllerSpec{}), nil
		}
		return Output(p), nil
	}
	s, err := t.part()
	return OutputReg(s), err
}

func (t token) setField() (Action, error) {
	value, dst, ok := t.cut("->")
	if !ok {
		return Action{}, t.fail(errArguments)
	}
	if s, ok := dst.words.sub(dst.text); ok {
		return value.setPart(s)
	}
	s, err := dst.part()
	if err != nil {
		return Action{}, err
	}
	if s.ID == InPort16 {
		s.ID = InPort
	}
	f, err := value.field(s.ID)
	if err == nil && f.ID.isTunMetadata() && !strings.Contains(value.text, "/") {
		f.Mask = f.ID.all()
	}
	return SetField(f), err
}

// setPart reads what a part with a name is set to.
func (t token) setPart(s Sub) (Action, error) {
	v, err := t.partValue(s)
	return SetField(v), err
}

// copyTo reads load:value->part and move:part->part.
func (t token) copyTo(name string) (Action, error) {
	from, to, ok := t.cut("->")
	if !ok {
		return Action{}, t.fail(errArguments)
	}
	dst, err := to.part()
	if err != nil {
		return Action{}, err
	}
	if name == "load" {
		v, err := from.wide()
		if err == nil && v.Hi != 0 {
			err = from.fail(errBadNumber)
		}
		return Load(dst, v.Lo), err
	}
	src, err := from.part()
	return Move(src, dst), err
}

func (t token) checkPktLarger(rest token) (Action, error) {
	n, err := t.number(16)
	if err != nil {
		return Action{}, err
	}
	_, dst, ok := rest.cut("->")
	if !ok {
		return Action{}, rest.fail(errArguments)
	}
	s, err := dst.part()
	return CheckPktLarger(uint16(n), s), err
}

// actionCall reads name(arguments).
func (t token) actionCall(name string, args token, depth int) (Action, error) {
	switch name {
	case "clone", "write_actions":
		do, err := args.actions(depth + 1)
		if name == "clone" {
			return Clone(do...), err
		}
		return WriteActions(do...), err
	case "encap", "decap":
		return args.packetTypeAction(name)
	}
	list, err := args.split(",")
	if err != nil {
		return Action{}, err
	}
	switch name {
	case "ct":
		return parseCTText(list, depth)
	case "resubmit":
		return args.resubmit()
	case "conjunction":
		return t.conjunction(list)
	case "controller":
		return parseControllerText(list)
	case "learn":
		return parseLearnText(list)
	case "multipath":
		return t.multipath(list)
	case "bundle", "bundle_load":
		return t.bundle(list, name)
	case "sample":
		return parseSampleText(list)
	case "dec_ttl":
		return decTTL(list)
	case "fin_timeout":
		var idle, hard uint64
		err := eachArgument(list, map[string]*uint64{"idle_timeout": &idle, "hard_timeout": &hard}, 16)
		return FinTimeout(uint16(idle), uint16(hard)), err
	case "set_mpls_ttl":
		v, err := args.number(8)
		return SetMPLSTTL(uint8(v)), err
	}
	return Action{}, t.fail(errUnknownWord)
}

// eachArgument reads name=number arguments.
func eachArgument(list []token, into map[string]*uint64, bits int) error {
	for _, w := range list {
		key, value, _ := w.cut("=")
		to := into[key.text]
		if to == nil {
			return key.fail(errArguments)
		}
		v, err := value.number(bits)
		if err != nil {
			return err
		}
		*to = v
	}
	return nil
}

func decTTL(list []token) (Action, error) {
	ids := make([]uint16, len(list))
	for i, w := range list {
		v, err := w.number(16)
		if err != nil {
			return Action{}, err
		}
		ids[i] = uint16(v)
	}
	return DecTTLTo(ids...), nil
}

func (t token) resubmit() (Action, error) {
	port, rest, _ := t.cut(",")
	table, ct, isCT := rest.cut(",")
	a := ResubmitFrom(PortInPort, 0xff)
	if port.text != "" {
		p, err := port.port()
		if err != nil {
			return Action{}, err
		}
		a.n = p
	}
	if table.text != "" {
		v, err := table.table()
		if err != nil {
			return Action{}, err
		}
		a.table = v
	}
	if isCT {
		if ct.text != "ct" {
			return Action{}, ct.fail(errArguments)
		}
		a.kind = kindResubmitCT
	}
	return a, nil
}

func (t token) conjunction(list []token) (Action, error) {
	if len(list) != 2 {
		return Action{}, t.fail(errArguments)
	}
	id, err := list[0].number(32)
	if err != nil {
		return Action{}, err
	}
	clause, n, _ := list[1].cut("/")
	k, err := clause.number(8)
	if err != nil {
		return Action{}, err
	}
	of, err := n.number(8)
	return Conjunction(uint32(id), uint8(k), uint8(of)), err
}

func (t token) packetTypeAction(name string) (Action, error) {
	if name == "encap" {
		v, ok := map[string]uint32{"ethernet": packetEthernet, "mpls": packetMPLS, "mpls_mcast": packetMPLSM, "nsh": packetNSH}[t.text]
		if !ok {
			n, err := t.number(32)
			return Encap(uint32(n)), err
		}
		return Encap(v), nil
	}
	if t.text == "" {
		return Decap(), nil
	}
	called, args, _, ok := t.call()
	if !ok || called != "packet_type" {
		return Action{}, t.fail(errArguments)
	}
	list, err := args.split(",")
	if err != nil {
		return Action{}, err
	}
	var ns, typ uint64
	err = eachArgument(list, map[string]*uint64{"ns": &ns, "type": &typ}, 16)
	return DecapTo(uint32(ns<<16 | typ)), err
}

// choice reads one of a list of names as its position.
func (t token) choice(names []string) (uint16, error) {
	if i := slices.Index(names, t.text); i >= 0 {
		return uint16(i), nil
	}
	return 0, t.fail(errArguments)
}
