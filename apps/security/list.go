package security

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// policy asks the lists of a policy one after the other, on a host with ports to which it applies. What a rule leaves to the next tier
// is decided there.
func (a app) policy(r *table.Reader, at intent.PolicyAt, out *compile.Out) {
	set, ok := a.PolicySets.Get(r, at.Policy)
	if !ok {
		return
	}
	var do flow.Actions
	tier := intent.Tier(0)
	var unmatched flow.Actions
	for _, key := range set.Lists {
		l, ok := a.RuleLists.Get(r, key)
		if !ok {
			continue
		}
		compile.Emit(out, a.ListsAt, intent.ListAt{Host: at.Host, List: key})
		start := flow.Join(pipeline.Step.Is(0))
		if l.Tier != tier {
			start = flow.Join(start, pipeline.Passed.Is(0))
		}
		tier = l.Tier
		if l.LogsUnmatched() && unmatched == nil {
			unmatched = flow.Actions{pipeline.Entry.Set(intent.Unmatched(key).Number), pipeline.Reported.Set(1)}
		}
		do = append(do, pipeline.List.Set(uint64(l.Tag)), flow.SetField(start), flow.Resubmit(pipeline.RuleLists))
	}
	if set.Open {
		do = append(do, pipeline.List.Set(0), flow.Resubmit(pipeline.Rules))
	}
	out.Flow(at.Host, pipeline.Policies, 100, flow.Match{pipeline.Policy.Is(at.Policy)}, append(do, unmatched...))
}

// step is rules of a list that follow each other and name the same set of addresses, or none.
type step struct {
	number uint64
	set    intent.Key // zero: none
	tag    uint32     // of the set
	local  intent.Key // of firewalls: a set that this end is sought in besides; zero: none
	// The number and the tag of that: asked when the other end is in set, or is not sought in one.
	via, localTag uint64
	rules         []numbered
}

// numbered is a rule with its place: what comes first counts.
type numbered struct {
	intent.SecurityRule
	priority uint16
}

// Parts of a list, which are asked in this order. Numbers of steps go on from there.
const (
	plain   = iota // the first rules, until one names a set
	more           // the others: only if those have not decided
	shadows        // rules that only count: in any case
	steps
)

// topRule is the priority of a list's first rule; those that follow have one less each.
const topRule = 0xfff0

// list writes the rules of a list on a host, and the steps in which they are asked.
func (a app) list(r *table.Reader, at intent.ListAt, out *compile.Out) {
	l, ok := a.RuleLists.Get(r, at.List)
	if !ok {
		return
	}
	w := listWriter{writer{out, at.Host}, l}
	for _, outgoing := range []uint64{0, 1} {
		enforced, shadowed := a.steps(r, l, outgoing, at.Host, out)
		w.parts(outgoing, enforced, shadowed)
		for _, s := range enforced {
			for _, n := range s.rules {
				w.rule(outgoing, s, n, gated)
			}
		}
		for _, s := range shadowed {
			for _, n := range s.rules {
				w.rule(outgoing, s, n, always)
			}
		}
	}
}

// steps cuts the rules of one direction into steps. In a security group, whose rules all allow, their order says nothing: those without
// sets come first, and each set has one step.
func (a app) steps(r *table.Reader, l intent.RuleList, outgoing uint64, host string, out *compile.Out) (enforced, shadowed []step) {
	next := uint64(steps)
	find := func(set intent.Key, tag *uint32) bool {
		if set == (intent.Key{}) {
			return true
		}
		var ok bool
		if *tag, ok = a.tagOf(r, set); !ok {
			out.Pending("%s does not exist", set)
			return false
		}
		compile.Emit(out, a.SetsAt, intent.SetAt{Host: host, Set: set})
		return true
	}
	add := func(to []step, n numbered) []step {
		if last := len(to) - 1; last >= 0 && to[last].set == n.RemoteSet && to[last].local == n.LocalSet {
			to[last].rules = append(to[last].rules, n)
			return to
		}
		if l.Tier == intent.TierGroups {
			for i := range to {
				if to[i].set == n.RemoteSet {
					to[i].rules = append(to[i].rules, n)
					return to
				}
			}
		}
		s := step{number: next, set: n.RemoteSet, local: n.LocalSet, rules: []numbered{n}}
		next++
		if !find(s.set, &s.tag) {
			return to
		}
		var local uint32
		if !find(s.local, &local) {
			return to
		}
		if local != 0 {
			s.via, s.localTag = next, uint64(local)
			next++
		}
		return append(to, s)
	}
	pass := func(wanted func(intent.SecurityRule) bool) {
		for i, rule := range l.Rules {
			if rule.Egress != (outgoing == 1) || !wanted(rule) {
				continue
			}
			n := numbered{rule, topRule - uint16(i)}
			if rule.Shadow {
				shadowed = add(shadowed, n)
			} else {
				enforced = add(enforced, n)
			}
		}
	}
	if l.Tier == intent.TierGroups {
		pass(func(rule intent.SecurityRule) bool { return rule.RemoteSet == intent.Key{} })
		pass(func(rule intent.SecurityRule) bool { return rule.RemoteSet != intent.Key{} })
	} else {
		pass(func(intent.SecurityRule) bool { return true })
	}
	return enforced, shadowed
}

// tagOf returns the number of a set of addresses.
func (a app) tagOf(r *table.Reader, set intent.Key) (uint32, bool) {
	if set.Kind == intent.KindSecurityGroup {
		l, ok := a.RuleLists.Get(r, set)
		return l.Tag, ok
	}
	s, ok := a.AddressSets.Get(r, set)
	return s.Tag, ok
}

// listWriter writes the flows of one list on one host.
type listWriter struct {
	writer
	list intent.RuleList
}

func (w listWriter) tag() flow.Field { return pipeline.List.Is(uint64(w.list.Tag)) }

// parts writes in which steps the rules of one direction are asked. Only where a rule names a set is the address of the other end
// looked at by itself: what the datapath remembers for a packet then is for that address only.
func (w listWriter) parts(outgoing uint64, enforced, shadowed []step) {
	var first []step
	rest := enforced
	if len(enforced) > 0 && enforced[0].set == (intent.Key{}) && enforced[0].local == (intent.Key{}) {
		first, rest = enforced[:1], enforced[1:]
	}
	var do flow.Actions
	for _, s := range first {
		do = append(do, pipeline.Step.Set(s.number), flow.Resubmit(pipeline.Rules))
	}
	if len(rest) > 0 {
		do = append(do, pipeline.Step.Set(more), flow.Resubmit(pipeline.RuleLists))
		w.asked(outgoing, rest, flow.Join(pipeline.Step.Is(more), pipeline.Decided.Is(0), pipeline.Passed.Is(0)))
	}
	if len(shadowed) > 0 {
		do = append(do, pipeline.Step.Set(shadows), flow.Resubmit(pipeline.RuleLists))
		w.asked(outgoing, shadowed, pipeline.Step.Is(shadows))
	}
	if len(do) > 0 {
		w.flow(pipeline.RuleLists, 100, flow.Match{w.tag(), flow.Join(pipeline.Outgoing.Is(outgoing), pipeline.Step.Is(plain))}, do...)
	}
}

// asked asks steps, some of which name sets.
func (w listWriter) asked(outgoing uint64, all []step, part flow.Field) {
	sets := false
	var do flow.Actions
	for _, s := range all {
		number := s.number
		if s.via != 0 {
			w.here(outgoing, s)
			number, sets = s.via, true
		}
		do = append(do, pipeline.Step.Set(number))
		if s.tag == 0 {
			do = append(do, flow.Resubmit(pipeline.Rules))
			continue
		}
		sets = true
		do = append(do, pipeline.Among.Set(uint64(s.tag)), flow.Resubmit(pipeline.Remotes))
	}
	part = flow.Join(part, pipeline.Outgoing.Is(outgoing))
	if !sets {
		w.flow(pipeline.RuleLists, 100, flow.Match{w.tag(), part}, do...)
		return
	}
	for _, is4 := range []bool{true, false} {
		for _, v := range views(outgoing) {
			m := append(flow.Match{w.tag(), flow.Join(part, v.bits), ethType(is4)}, v.need...)
			w.flow(pipeline.RuleLists, 100, m, append(flow.Actions{v.peer(is4)}, do...)...)
		}
	}
}

// here asks whether this end is in the set that a step names, when the other end is in its set. The address of the other end is back in its
// place then, for the steps that follow.
func (w listWriter) here(outgoing uint64, s step) {
	for _, is4 := range []bool{true, false} {
		for _, v := range views(outgoing) {
			bits := flow.Join(pipeline.Outgoing.Is(outgoing), pipeline.Step.Is(s.via), gated(), v.bits)
			w.flow(pipeline.Rules, topRule, append(flow.Match{w.tag(), bits, ethType(is4)}, v.need...),
				v.local(is4), pipeline.Among.Set(s.localTag), pipeline.Step.Set(s.number), flow.Resubmit(pipeline.Remotes), v.peer(is4))
		}
	}
}

// remote writes an address of a set on the hosts with rules that name the set.
func (a app) remote(r *table.Reader, x intent.AddressOf, out *compile.Out) {
	tag, ok := a.tagOf(r, x.Set)
	if !ok {
		return
	}
	peer := flow.Prefix(pipeline.Peer4.ID, x.Block)
	if x.Block.Addr().Is6() {
		peer = flow.Prefix(pipeline.Peer6.ID, x.Block)
	}
	m := flow.Match{pipeline.Among.Is(uint64(tag)), ethType(x.Block.Addr().Is4()), peer}
	for _, host := range a.SetHosts.List(r, x.Set) {
		out.Flow(host, pipeline.Remotes, uint16(100+x.Block.Bits()), m, flow.Actions{flow.Goto(pipeline.Rules)})
	}
}
