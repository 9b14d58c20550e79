package flow

import (
	"encoding/hex"
	"net/netip"
	"strings"
)

func parseCTText(list []token, depth int) (Action, error) {
	var c CTSpec
	for _, w := range list {
		if err := w.ctArgument(&c, depth); err != nil {
			return Action{}, err
		}
	}
	return CT(c), nil
}

func (t token) ctArgument(c *CTSpec, depth int) (err error) {
	switch t.text {
	case "commit":
		c.Flags |= CTCommit
		return nil
	case "force":
		c.Flags |= CTForce
		return nil
	case "nat":
		c.NAT = &NATSpec{}
		return nil
	}
	if name, args, _, ok := t.call(); ok {
		switch name {
		case "exec":
			c.Exec, err = args.actions(depth + 1)
			return err
		case "nat":
			c.NAT, err = args.nat()
			return err
		}
	}
	key, value, _ := t.cut("=")
	switch key.text {
	case "table":
		v, err := value.table()
		c.Table = ToTable(v)
		return err
	case "zone":
		if v, err := value.number(16); err == nil {
			c.Zone = uint16(v)
			return nil
		}
		c.ZoneFrom, err = value.part()
		return err
	case "alg":
		ports := map[string]uint16{"ftp": 21, "tftp": 69}
		if c.ALG = ports[value.text]; c.ALG == 0 {
			return value.fail(errBadValue)
		}
		return nil
	}
	return t.fail(errArguments)
}

// nat reads src=10.0.0.1-10.0.0.9:100-200,random.
func (t token) nat() (*NATSpec, error) {
	n := &NATSpec{}
	list, err := t.split(",")
	for _, w := range list {
		key, value, given := w.cut("=")
		switch key.text {
		case "src":
			n.Flags |= NATSrc
		case "dst":
			n.Flags |= NATDst
		case "persistent":
			n.Flags |= NATPersistent
		case "hash":
			n.Flags |= NATHash
		case "random":
			n.Flags |= NATRandom
		default:
			return nil, w.fail(errArguments)
		}
		if given {
			if err := value.natRange(n); err != nil {
				return nil, err
			}
		}
	}
	return n, err
}

func (t token) natRange(n *NATSpec) error {
	addrs, ports := t, token{}
	switch bracket := strings.LastIndexByte(t.text, ']'); {
	case bracket >= 0:
		addrs, ports = t.sub(0, bracket+1), t.sub(bracket+1, len(t.text))
	case strings.Count(t.text, ":") == 1:
		i := strings.IndexByte(t.text, ':')
		addrs, ports = t.sub(0, i), t.sub(i, len(t.text))
	}
	low, high, ranged := addrs.cut("-")
	var err error
	if low.text != "" {
		if n.MinAddr, err = low.address(); err != nil {
			return err
		}
	}
	if ranged {
		if n.MaxAddr, err = high.address(); err != nil {
			return err
		}
	}
	if ports.text == "" {
		return nil
	}
	low, high, ranged = ports.sub(1, len(ports.text)).cut("-")
	v, err := low.number(16)
	if n.MinPort = uint16(v); err == nil && ranged {
		v, err = high.number(16)
		n.MaxPort = uint16(v)
	}
	return err
}

func (t token) address() (netip.Addr, error) {
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(t.text, "["), "]"))
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, t.fail(errBadValue)
	}
	return a, nil
}

func parseControllerText(list []token) (Action, error) {
	var c ControllerSpec
	for _, w := range list {
		key, value, _ := w.cut("=")
		var v uint64
		var err error
		switch key.text {
		case "max_len":
			v, err = value.number(16)
			c.MaxLen = uint16(v)
		case "id":
			v, err = value.number(16)
			c.ID = uint16(v)
		case "reason":
			var r uint16
			r, err = value.choice(reasonNames)
			c.setWireReason(uint8(r))
		case "userdata":
			var data []byte
			data, err = hex.DecodeString(strings.ReplaceAll(value.text, ".", ""))
			c.UserData = string(data)
		case "pause":
			c.Pause = Paused
		case "meter_id":
			v, err = value.number(32)
			c.Meter, c.MeterGiven = uint32(v), true
		default:
			err = errArguments
		}
		if err != nil {
			return Action{}, w.fail(err)
		}
	}
	return ToController(c), nil
}

func (t token) multipath(list []token) (Action, error) {
	if len(list) != 6 {
		return Action{}, t.fail(errArguments)
	}
	fields, err := list[0].choice(hashNames)
	if err != nil {
		return Action{}, err
	}
	algorithm, err := list[2].choice(mpNames)
	if err != nil {
		return Action{}, err
	}
	var v [3]uint64
	for i, at := range [...]int{1, 3, 4} {
		if v[i], err = list[at].number(32); err != nil {
			return Action{}, err
		}
	}
	dst, err := list[5].part()
	m := MultipathSpec{Fields: HashFields(fields), Basis: uint16(v[0]), Algorithm: MultipathAlgorithm(algorithm), Links: uint32(v[1]), Arg: uint32(v[2])}
	return Multipath(m, dst), err
}

// bundle reads bundle(fields,basis,algorithm,ofport,members:1,2) and bundle_load, which has a part before the members.
func (t token) bundle(list []token, name string) (Action, error) {
	first := 4
	if name == "bundle_load" {
		first = 5
	}
	if len(list) <= first || list[3].text != "ofport" {
		return Action{}, t.fail(errArguments)
	}
	fields, err := list[0].choice(hashNames)
	if err != nil {
		return Action{}, err
	}
	basis, err := list[1].number(16)
	if err != nil {
		return Action{}, err
	}
	algorithm, err := list[2].choice(bundleNames)
	if err != nil {
		return Action{}, err
	}
	s := BundleSpec{Fields: HashFields(fields), Basis: uint16(basis), Algorithm: BundleAlgorithm(algorithm)}
	for i, w := range list[first:] {
		if i == 0 {
			_, w, _ = w.cut(":")
		}
		p, err := w.port()
		if err != nil {
			return Action{}, err
		}
		s.Members = append(s.Members, port16(p))
	}
	if first == 4 {
		return BundleOutput(s), nil
	}
	dst, err := list[4].part()
	return BundleLoad(s, dst), err
}

func parseSampleText(list []token) (Action, error) {
	var s SampleSpec
	var v [4]uint64
	var plain []token
	for _, w := range list {
		key, value, _ := w.cut("=")
		switch key.text {
		case "ingress":
			s.Direction = SampleIngress
		case "egress":
			s.Direction = SampleEgress
		case "sampling_port":
			p, err := value.port()
			if err != nil {
				return Action{}, err
			}
			s.SamplingPort = p
		default:
			plain = append(plain, w)
		}
	}
	err := eachArgument(plain, map[string]*uint64{"probability": &v[0], "collector_set_id": &v[1], "obs_domain_id": &v[2], "obs_point_id": &v[3]}, 32)
	s.Probability, s.CollectorSet, s.ObsDomain, s.ObsPoint = uint16(v[0]), uint32(v[1]), uint32(v[2]), uint32(v[3])
	return Sample(s), err
}

func parseLearnText(list []token) (Action, error) {
	l := LearnSpec{Priority: defaultPriority, Table: 1}
	numbers := map[string]*uint64{}
	for _, name := range [...]string{"table", "idle_timeout", "hard_timeout", "fin_idle_timeout", "fin_hard_timeout", "priority", "limit", "cookie"} {
		numbers[name] = new(uint64)
	}
	*numbers["table"], *numbers["priority"] = 1, defaultPriority
	for _, w := range list {
		key, value, _ := w.cut("=")
		var err error
		switch {
		case w.text == "send_flow_rem":
			l.Flags |= LearnSendFlowRemoved
		case w.text == "delete_learned":
			l.Flags |= LearnDeleteLearned
		case key.text == "result_dst":
			l.ResultDst, err = value.part()
		case key.text == "table":
			var table uint8
			table, err = value.table()
			*numbers["table"] = uint64(table)
		case numbers[key.text] != nil:
			var v Bits
			v, err = value.wide()
			*numbers[key.text] = v.Lo
		default:
			var term LearnTerm
			term, err = w.learnTerm()
			l.Terms = append(l.Terms, term)
		}
		if err != nil {
			return Action{}, err
		}
	}
	n := func(name string) uint16 { return uint16(*numbers[name]) }
	l.Table, l.Priority, l.Cookie, l.Limit = uint8(n("table")), n("priority"), *numbers["cookie"], uint32(*numbers["limit"])
	l.IdleTimeout, l.HardTimeout = n("idle_timeout"), n("hard_timeout")
	l.FinIdleTimeout, l.FinHardTimeout = n("fin_idle_timeout"), n("fin_hard_timeout")
	return Learn(l), nil
}

func (t token) learnTerm() (LearnTerm, error) {
	if rest, ok := strings.CutPrefix(t.text, "output:"); ok {
		src, err := t.sub(len(t.text)-len(rest), len(t.text)).part()
		return LearnTerm{Kind: LearnOutput, Src: src}, err
	}
	if rest, ok := strings.CutPrefix(t.text, "load:"); ok {
		from, to, _ := t.sub(len(t.text)-len(rest), len(t.text)).cut("->")
		dst, err := to.part()
		if err != nil {
			return LearnTerm{}, err
		}
		return from.learnFrom(LearnTerm{Kind: LearnLoad, Dst: dst})
	}
	to, from, given := t.cut("=")
	dst, err := to.part()
	if err != nil {
		return LearnTerm{}, err
	}
	term := LearnTerm{Kind: LearnMatch, Dst: dst}
	if !given {
		term.Src = dst
		return term, nil
	}
	if !strings.Contains(to.text, "[") {
		if f, err := from.field(dst.ID); err == nil {
			term.Value = f.Value
			return term, nil
		}
	}
	return from.learnFrom(term)
}

// learnFrom reads a value or the part of the packet that a term takes it from.
func (t token) learnFrom(term LearnTerm) (LearnTerm, error) {
	v, err := t.wide()
	if err == nil {
		term.Value = v
		return term, nil
	}
	term.Src, err = t.part()
	return term, err
}
