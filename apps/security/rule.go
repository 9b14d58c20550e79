package security

import (
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

// view is a way to look at a packet: what it says of itself, what is known of the connection, or what it would say if it were the packet
// to which it is the answer.
type view struct {
	bits flow.Field // matches packets that are looked at in this way
	need flow.Match // besides
	// Where the other end's address is, and the fields that a rule's ports, ICMP type and code are held against.
	peer4, peer6 flow.FieldID
	ports        func(protocol uint32) flow.FieldID
	// The same of this end, which rules of firewalls name, and of the ports that packets come from.
	local4, local6 flow.FieldID
	fromPorts      func(protocol uint32) flow.FieldID
	tracked        bool
	asAnswer       bool
	protocol       flow.FieldID
	icmp4, icmp4co flow.FieldID
	icmp6, icmp6co flow.FieldID
}

// views returns the ways to look at packets with rules of one direction.
func views(outgoing uint64) []view {
	dst := func(protocol uint32) flow.FieldID {
		return map[uint32]flow.FieldID{protoTCP: flow.TCPDst, protoUDP: flow.UDPDst, protoSCTP: flow.SCTPDst}[protocol]
	}
	src := func(protocol uint32) flow.FieldID {
		return map[uint32]flow.FieldID{protoTCP: flow.TCPSrc, protoUDP: flow.UDPSrc, protoSCTP: flow.SCTPSrc}[protocol]
	}
	known := view{
		bits: pipeline.Untracked.Is(0), need: flow.Match{state(ctTracked, ctInvalid)}, tracked: true,
		peer4: flow.CTNwSrc, peer6: flow.CTIPv6Src, ports: func(uint32) flow.FieldID { return flow.CTTpDst }, protocol: flow.CTNwProto,
		icmp4: flow.CTTpSrc, icmp4co: flow.CTTpDst, icmp6: flow.CTTpSrc, icmp6co: flow.CTTpDst,
	}
	itself := view{
		bits: flow.Join(pipeline.Untracked.Is(1), pipeline.AsAnswer.Is(0)), peer4: flow.IPv4Src, peer6: flow.IPv6Src, ports: dst,
		protocol: flow.IPProto, icmp4: flow.ICMPv4Type, icmp4co: flow.ICMPv4Code, icmp6: flow.ICMPv6Type, icmp6co: flow.ICMPv6Code,
	}
	answer := itself
	answer.bits, answer.ports, answer.asAnswer = flow.Join(pipeline.Untracked.Is(1), pipeline.AsAnswer.Is(1)), src, true
	known.fromPorts, itself.fromPorts, answer.fromPorts = func(uint32) flow.FieldID { return flow.CTTpSrc }, src, dst
	known.local4, known.local6, itself.local4, itself.local6 = flow.CTNwDst, flow.CTIPv6Dst, flow.IPv4Dst, flow.IPv6Dst
	answer.local4, answer.local6 = flow.IPv4Src, flow.IPv6Src
	if outgoing == 1 {
		known.peer4, known.peer6, known.local4, known.local6 = known.local4, known.local6, known.peer4, known.peer6
		itself.peer4, itself.peer6, itself.local4, itself.local6 = itself.local4, itself.local6, itself.peer4, itself.peer6
	} else {
		answer.peer4, answer.peer6 = flow.IPv4Dst, flow.IPv6Dst
	}
	return []view{known, itself, answer}
}

// local copies the address of this end to where sets are looked up.
func (v view) local(is4 bool) flow.Action {
	if is4 {
		return flow.Move(flow.Whole(v.local4), pipeline.Peer4)
	}
	return flow.Move(flow.Whole(v.local6), pipeline.Peer6)
}

// peer copies the address of the other end to where sets are looked up.
func (v view) peer(is4 bool) flow.Action {
	if is4 {
		return flow.Move(flow.Whole(v.peer4), pipeline.Peer4)
	}
	return flow.Move(flow.Whole(v.peer6), pipeline.Peer6)
}

// gate says whether a rule is asked when another one has decided.
type gate func() flow.Field

func gated() flow.Field  { return flow.Join(pipeline.Decided.Is(0), pipeline.Passed.Is(0)) }
func always() flow.Field { return flow.Field{} }

// rule writes a rule, once for each way to look at packets in which it can match.
func (w listWriter) rule(outgoing uint64, s step, n numbered, g gate) {
	bits := flow.Join(pipeline.Outgoing.Is(outgoing), pipeline.Step.Is(s.number))
	if open := g(); open.ID != 0 {
		bits = flow.Join(bits, open)
	}
	c := compile.Counter{Kind: intent.SecurityRuleCounter, Subject: intent.SecurityRuleSubject(w.list.Key, n.Name)}
	do := w.decide(outgoing, n)
	if w.list.Logs(n.SecurityRule) {
		do = append(do, tell(intent.NewLogged(w.list.Key, n.SecurityRule))...)
	}
	if n.Protocol == intent.AnyValue && !n.Remote.IsValid() && !n.Local.IsValid() {
		for _, m := range family(n.Family) {
			w.out.Counted(c, w.host, pipeline.Rules, n.priority, append(flow.Match{w.tag(), bits}, m...), do)
		}
		return
	}
	for _, v := range views(outgoing) {
		if !w.seen(v, n) {
			continue
		}
		for _, m := range v.matches(n) {
			w.out.Counted(c, w.host, pipeline.Rules, n.priority, append(append(flow.Match{w.tag(), flow.Join(bits, v.bits)}, v.need...), m...), do)
		}
	}
}

// seen tells whether packets that a rule matches are looked at in a way. Administrators' lists are asked for ports of all kinds.
func (w listWriter) seen(v view, n numbered) bool {
	tracks := n.Protocol == intent.AnyValue || n.Protocol == protoICMP || n.Protocol == protoTCP || n.Protocol == protoUDP || n.Protocol == protoICMPv6
	others := n.Protocol == intent.AnyValue || !tracks
	if w.list.Tier == intent.TierFirewall { // which asks about single packets of all protocols, too
		return tracks || !v.tracked
	}
	stateful, stateless := true, true
	if w.list.Tier == intent.TierGroups {
		stateful, stateless = !w.list.Stateless, w.list.Stateless
	}
	switch {
	case v.tracked:
		return stateful && tracks
	case v.asAnswer:
		return stateful && others
	}
	return stateless || others
}

// decide does what a rule says.
func (w listWriter) decide(outgoing uint64, n numbered) flow.Actions {
	if n.Shadow {
		return nil
	}
	switch n.Verdict {
	case intent.VerdictPass:
		return flow.Actions{pipeline.Passed.Set(1)}
	case intent.VerdictDrop:
		return flow.Actions{flow.SetField(flow.Join(pipeline.Decided.Is(1), pipeline.Refused.Is(1)))}
	case intent.VerdictReject:
		return flow.Actions{flow.SetField(flow.Join(pipeline.Decided.Is(1), pipeline.Refused.Is(1), pipeline.Told.Is(1)))}
	}
	do := allow()
	if w.list.Drains {
		do = append(do, flow.SetField(pipeline.Lasting.IsMasked(1<<outgoing, 1<<outgoing)))
	}
	return do
}

// allow lets a packet through.
func allow() flow.Actions { return flow.Actions{pipeline.Decided.Set(1)} }

// matches returns what matches a rule's packets, looked at in this way.
func (v view) matches(n numbered) []flow.Match {
	var all []flow.Match
	for _, is4 := range []bool{true, false} {
		if !n.Family.Has(is4) || n.Remote.IsValid() && n.Remote.Addr().Is4() != is4 || n.Local.IsValid() && n.Local.Addr().Is4() != is4 {
			continue
		}
		m := flow.Match{ethType(is4)}
		if n.Remote.IsValid() && n.Remote.Bits() > 0 {
			m = append(m, v.remote(n.Remote))
		}
		if n.Local.IsValid() && n.Local.Bits() > 0 {
			m = append(m, v.here(n.Local))
		}
		if n.Protocol == intent.AnyValue {
			all = append(all, m)
			continue
		}
		if is4 && n.Protocol == protoICMPv6 || !is4 && n.Protocol == protoICMP {
			continue
		}
		m = append(m, flow.U32(v.protocol, uint32(n.Protocol)))
		switch {
		case n.Ports != intent.PortRange{}, n.RemotePorts != intent.PortRange{}:
			field := v.ports(uint32(n.Protocol))
			if field == 0 {
				continue // Open vSwitch does not know where the protocol has its ports
			}
			if v.follows(n) {
				all = append(all, append(m[:len(m):len(m)], laterFragment))
			}
			for _, from := range blocks(n.RemotePorts, v.fromPorts(uint32(n.Protocol))) {
				for _, to := range blocks(n.Ports, field) {
					all = append(all, slices.Concat(m, from, to))
				}
			}
		default:
			if v.follows(n) && n.ICMPType != intent.AnyValue {
				all = append(all, append(m[:len(m):len(m)], laterFragment))
			}
			all = append(all, append(m[:len(m):len(m)], v.icmp(n, is4)...))
		}
	}
	return all
}

// blocks matches the ports of a range; all, if it is none.
func blocks(ports intent.PortRange, field flow.FieldID) []flow.Match {
	if ports == (intent.PortRange{}) {
		return []flow.Match{nil}
	}
	var all []flow.Match
	for _, block := range pipeline.PortBlocks(ports.First, ports.Last) {
		all = append(all, flow.Match{block.Of(field)})
	}
	return all
}

// laterFragment matches fragments but the first: of their connection's ports and ICMP type, Open vSwitch says nothing.
var laterFragment = flow.U32(flow.IPFrag, 3)

// follows tells whether a rule lets later fragments through with the first one, whatever their ports. Without that one, which is held
// against the rule as it is, their receiver has no use for them. TCP looks for the size that fits.
func (v view) follows(n numbered) bool {
	return v.tracked && n.Verdict == intent.VerdictAllow && n.Protocol != protoTCP
}

// icmp matches the type and code that a rule names.
func (v view) icmp(n numbered, is4 bool) flow.Match {
	typ, code := v.icmp4, v.icmp4co
	if !is4 {
		typ, code = v.icmp6, v.icmp6co
	}
	var m flow.Match
	if n.ICMPType != intent.AnyValue {
		m = append(m, flow.U32(typ, uint32(n.ICMPType)))
	}
	if n.ICMPCode != intent.AnyValue {
		m = append(m, flow.U32(code, uint32(n.ICMPCode)))
	}
	return m
}

func (v view) remote(p netip.Prefix) flow.Field {
	if p.Addr().Is4() {
		return flow.Prefix(v.peer4, p)
	}
	return flow.Prefix(v.peer6, p)
}

func (v view) here(p netip.Prefix) flow.Field {
	if p.Addr().Is4() {
		return flow.Prefix(v.local4, p)
	}
	return flow.Prefix(v.local6, p)
}

func ethType(is4 bool) flow.Field {
	if is4 {
		return flow.U32(flow.EthType, ethIPv4)
	}
	return flow.U32(flow.EthType, ethIPv6)
}

// family matches the packets of a family.
func family(f intent.Family) []flow.Match {
	if f == intent.AnyFamily {
		return []flow.Match{nil}
	}
	return []flow.Match{{ethType(f == intent.OnlyIPv4)}}
}
