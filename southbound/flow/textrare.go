package flow

import "encoding/hex"

func (p *printer) rareAction(a Action) {
	switch a.kind {
	case kindDecTTLIDs:
		ids, _ := a.more.([]uint16)
		l := p.open("dec_ttl")
		for _, id := range ids {
			l.next("")
			l.dec(uint64(id))
		}
		l.close()
	case kindSetMPLSTTL:
		p.str("set_mpls_ttl(")
		p.dec(uint64(a.n))
		p.str(")")
	case kindController:
		p.controller(a)
	case kindWriteMetadata:
		p.str("write_metadata:")
		p.hex(a.field.Value)
		if !a.field.Exact() {
			p.str("/")
			p.hex(a.field.Mask)
		}
	case kindNote:
		data, _ := a.more.(string)
		p.str("note:")
		p.bytes(data)
	case kindEncap, kindDecap:
		p.packetTypeAction(a)
	case kindCheckPktLarger:
		p.str("check_pkt_larger(")
		p.dec(uint64(a.n))
		p.str(")->")
		p.part(a.dst)
	case kindDeleteField:
		p.str("delete_field:", a.dst.ID.setName())
	case kindFinTimeout:
		l := p.open("fin_timeout")
		l.num("idle_timeout=", uint64(a.n))
		l.num("hard_timeout=", uint64(a.n2))
		l.close()
	case kindSample:
		p.sample(a)
	case kindMultipath:
		p.multipath(a)
	case kindBundle:
		p.bundle(a)
	case kindLearn:
		p.learn(a)
	default:
		p.str("<", a.kind.String(), ">")
	}
}

// bytes writes hexadecimal pairs with dots between.
func (p *printer) bytes(data string) {
	for i := range len(data) {
		if i > 0 {
			p.str(".")
		}
		p.b = hex.AppendEncode(p.b, []byte{data[i]})
	}
}

func (p *printer) controller(a Action) {
	c, ok := a.more.(*ControllerSpec)
	if !ok {
		p.str("controller(?)")
		return
	}
	if c.plain() {
		p.str("CONTROLLER:")
		p.dec(uint64(c.maxLen()))
		return
	}
	l := p.open("controller")
	if c.Reason != ReasonAction {
		l.next("reason=")
		if r := int(c.wireReason()); r < len(reasonNames) {
			l.str(reasonNames[r])
		} else {
			l.dec(uint64(r))
		}
	}
	if c.maxLen() != 0xffff {
		l.num("max_len=", uint64(c.MaxLen))
	}
	l.num("id=", uint64(c.ID))
	if c.UserData != "" {
		l.next("userdata=")
		p.bytes(c.UserData)
	}
	if c.Pause {
		l.next("pause")
	}
	if c.MeterGiven {
		l.next("meter_id=")
		l.dec(uint64(c.Meter))
	}
	l.close()
}

// Packet types that encap and decap call by name.
const (
	packetEthernet = 0
	packetMPLS     = 1<<16 | ethMPLS
	packetMPLSM    = 1<<16 | ethMPLSM
	packetNSH      = 1<<16 | 0x894f
)

func (p *printer) packetTypeAction(a Action) {
	if a.kind == kindDecap {
		p.str("decap(")
		if a.n != useNextProto {
			p.str("packet_type(ns=")
			p.dec(uint64(a.n >> 16))
			p.str(",type=")
			p.hex(Bits{Lo: uint64(a.n & 0xffff)})
			p.str(")")
		}
		p.str(")")
		return
	}
	p.str("encap(")
	switch a.n {
	case packetEthernet:
		p.str("ethernet")
	case packetMPLS:
		p.str("mpls")
	case packetMPLSM:
		p.str("mpls_mcast")
	case packetNSH:
		p.str("nsh")
	default:
		p.hex(Bits{Lo: uint64(a.n)})
	}
	p.str(")")
}

func (p *printer) sample(a Action) {
	s, ok := a.more.(*SampleSpec)
	if !ok {
		return
	}
	l := p.open("sample")
	for _, v := range [...]struct {
		name string
		v    uint32
	}{{"probability=", uint32(s.Probability)}, {"collector_set_id=", s.CollectorSet}, {"obs_domain_id=", s.ObsDomain}, {"obs_point_id=", s.ObsPoint}} {
		l.next(v.name)
		l.dec(uint64(v.v))
	}
	if s.SamplingPort != 0 {
		l.next("sampling_port=")
		l.port(s.SamplingPort)
	}
	switch s.Direction {
	case SampleIngress:
		l.next("ingress")
	case SampleEgress:
		l.next("egress")
	}
	l.close()
}

func pick(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "?"
}

func (p *printer) multipath(a Action) {
	m, ok := a.more.(*MultipathSpec)
	if !ok {
		return
	}
	p.str("multipath(", pick(hashNames, int(m.Fields)), ",")
	p.dec(uint64(m.Basis))
	p.str(",", pick(mpNames, int(m.Algorithm)), ",")
	p.dec(uint64(m.Links))
	p.comma()
	p.dec(uint64(m.Arg))
	p.comma()
	p.part(a.dst)
	p.str(")")
}

func (p *printer) bundle(a Action) {
	s, ok := a.more.(*BundleSpec)
	if !ok {
		return
	}
	p.str("bundle")
	if a.dst.ID != 0 {
		p.str("_load")
	}
	p.str("(", pick(hashNames, int(s.Fields)), ",")
	p.dec(uint64(s.Basis))
	p.str(",", pick(bundleNames, int(s.Algorithm)), ",ofport,")
	if a.dst.ID != 0 {
		p.part(a.dst)
		p.comma()
	}
	p.str("members:")
	for i, m := range s.Members {
		if i > 0 {
			p.comma()
		}
		p.port(port32(m))
	}
	p.str(")")
}

func (p *printer) learn(a Action) {
	s, ok := a.more.(*LearnSpec)
	if !ok {
		return
	}
	l := p.open("learn")
	l.next("table=")
	l.table(s.Table)
	l.num("idle_timeout=", uint64(s.IdleTimeout))
	l.num("hard_timeout=", uint64(s.HardTimeout))
	l.num("fin_idle_timeout=", uint64(s.FinIdleTimeout))
	l.num("fin_hard_timeout=", uint64(s.FinHardTimeout))
	if s.Priority != defaultPriority {
		l.next("priority=")
		l.dec(uint64(s.Priority))
	}
	l.flag("send_flow_rem", uint16(s.Flags&LearnSendFlowRemoved))
	l.flag("delete_learned", uint16(s.Flags&LearnDeleteLearned))
	if s.Cookie != 0 {
		l.next("cookie=")
		l.hex(Bits{Lo: s.Cookie})
	}
	l.num("limit=", uint64(s.Limit))
	if s.ResultDst.ID != 0 {
		l.next("result_dst=")
		l.part(s.ResultDst)
	}
	for i := range s.Terms {
		l.next("")
		p.learnTerm(&s.Terms[i])
	}
	l.close()
}

func (p *printer) learnTerm(t *LearnTerm) {
	whole := t.Dst.Off == 0 && int(t.Dst.Len) == t.Dst.ID.Bits()
	switch {
	case t.Kind == LearnOutput:
		p.str("output:")
		p.part(t.Src)
	case t.Kind == LearnLoad:
		p.str("load:")
		if t.Src.ID != 0 {
			p.part(t.Src)
		} else {
			p.hex(t.Value)
		}
		p.str("->")
		p.part(t.Dst)
	case t.Src.ID == 0 && whole:
		p.str(t.Dst.ID.setName(), "=")
		p.setValue(Field{t.Dst.ID, t.Value, t.Dst.mask()})
	case t.Src.ID == 0:
		p.part(t.Dst)
		p.str("=")
		p.hex(t.Value)
	default:
		p.part(t.Dst)
		if t.Src != t.Dst {
			p.str("=")
			p.part(t.Src)
		}
	}
}
