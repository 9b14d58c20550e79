package intent

import (
	"maps"
	"slices"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// immutable refuses the change of a field that cannot be changed.
func (t *txn) immutable(d *draft, field, have, want string) {
	if have != want {
		t.refuse(d, field, ReasonImmutable, "cannot be changed from %s to %s; delete the %s and make it again", have, want, d.key.Kind.lower())
	}
}

// applyRanges accepts segment ranges. All old ones that change go first, so that ranges can trade ids in one request.
func (t *txn) applyRanges(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, nil)
		}
	}
	for _, d := range drafts {
		spec := d.given.GetSegmentRangeSpec()
		ids := alloc.Range[alloc.ID]{First: alloc.ID(spec.GetMinimum()), Last: alloc.ID(spec.GetMaximum())}
		sp := space{spec.GetNetworkType(), spec.GetPhysicalNetwork()}
		for _, other := range t.numbering(sp).ranges {
			if other.ids.Overlaps(ids) {
				t.refuse(d, "spec", ReasonConflict, "%d to %d overlaps %s (%d to %d)", ids.First, ids.Last, other.key, other.ids.First, other.ids.Last)
			}
		}
		if d.old != nil {
			old := d.old.facts.(*rangeFacts)
			t.immutable(d, "spec.networkType", old.typ, sp.typ)
			t.immutable(d, "spec.physicalNetwork", old.physical, sp.physical)
			if old.space == sp {
				t.keepUsed(d, sp, old.ids, ids)
			}
		}
		if !d.bad {
			t.accept(d, nil)
		}
	}
}

// keepUsed refuses a range that lets go of ids which networks have.
func (t *txn) keepUsed(d *draft, sp space, old, ids alloc.Range[alloc.ID]) {
	if ids.First > old.First {
		t.letGo(d, sp, "spec.minimum", alloc.Range[alloc.ID]{First: old.First, Last: min(old.Last, ids.First-1)})
	}
	if ids.Last < old.Last {
		t.letGo(d, sp, "spec.maximum", alloc.Range[alloc.ID]{First: max(old.First, ids.Last+1), Last: old.Last})
	}
}

func (t *txn) letGo(d *draft, sp space, field string, gone alloc.Range[alloc.ID]) {
	n := t.numbering(sp)
	if first, found := n.taken.First(sp.numbers(gone)); found {
		used := n.taken.Count(sp.numbers(gone))
		t.refuse(d, field, ReasonInUse, "leaves out %s that networks have, such as %d of %s", plural(int(used), "id"), sp.id(first), n.ids[first])
	}
}

// mtu is the MTU of a network: the one asked for, or else what the underlay leaves by the tightest of its segments.
func (t *txn) mtu(segments []segmentFacts, given uint32) uint32 {
	if given != 0 {
		return given
	}
	overhead := 0
	for _, f := range segments {
		overhead = max(overhead, t.cfg.overhead(f.typ))
	}
	return uint32(t.cfg.UnderlayMTU - overhead)
}

// applyNetworks accepts networks: first those all of whose ids are known, so that no other one is given them.
func (t *txn) applyNetworks(drafts []*draft) {
	var rest []*draft
	for _, d := range drafts {
		whole := t.planSegments(d)
		if d.old != nil {
			t.keepShared(d)
			t.keepExternal(d)
		}
		switch {
		case d.bad:
		case whole:
			t.acceptNetwork(d)
		default:
			rest = append(rest, d)
			t.put(d.key, &record{key: d.key, facts: &networkFacts{segments: chosen(d.segments), tag: t.tagOf(d), zone: t.zonesOf(d).zone, balances: t.zonesOf(d).balances}})
		}
	}
	for _, d := range rest {
		for i := range d.segments {
			w := &d.segments[i]
			if e, _ := encapsulationOf(w.typ); !e.numbered() || w.id != 0 {
				continue
			}
			t.chooseID(d, w)
			t.put(d.key, &record{key: d.key, facts: &networkFacts{segments: chosen(d.segments), tag: t.tagOf(d), zone: t.zonesOf(d).zone, balances: t.zonesOf(d).balances}})
		}
		if !d.bad {
			t.acceptNetwork(d)
		}
	}
}

// tagOf is the number in the flow tables that a network has already; 0: none.
func (t *txn) tagOf(d *draft) alloc.ID {
	if d.old == nil {
		return 0
	}
	return d.old.facts.(*networkFacts).tag
}

// zonesOf are the zones that a network has already; 0: none.
func (t *txn) zonesOf(d *draft) (z zones) {
	if d.old != nil {
		f := d.old.facts.(*networkFacts)
		z = zones{f.zone, f.balances}
	}
	return z
}

// zones are those of connection tracking that a network has.
type zones struct{ zone, balances alloc.ID }

// allocate gives what is missing; false: there are no more.
func (z *zones) allocate(t *txn, d *draft) bool {
	return (z.zone != 0 || t.newZone(d, "", &z.zone)) && (z.balances != 0 || t.newZone(d, "", &z.balances))
}

// describe names the ranges of a space.
func (t *typeState) describe() string {
	if len(t.ranges) == 0 {
		return "the built-in range"
	}
	keys := make([]Key, len(t.ranges))
	for i, r := range t.ranges {
		keys[i] = r.key
	}
	return list(keys, len(keys))
}

func (t *txn) acceptNetwork(d *draft) {
	tag := t.tagOf(d)
	if tag == 0 {
		var ok bool
		if tag, ok = t.tagged.Next(tagRange, t.last.Tag); !ok {
			t.refuse(d, "", ReasonExhausted, "there are %s networks, which is the most there can be", reported(tagRange[0].Last))
			return
		}
		t.last.Tag = tag
	}
	z := t.zonesOf(d)
	if !z.allocate(t, d) {
		return
	}
	segments := chosen(d.segments)
	t.accept(d, networkStatus(segments, tag, z, t.mtu(segments, d.given.GetNetworkSpec().GetMtu())))
}

func networkStatus(segments []segmentFacts, tag alloc.ID, z zones, mtu uint32) *weftv1.Status {
	s := &weftv1.NetworkStatus{
		SegmentationId: uint32(segments[0].id), Mtu: mtu, Tag: uint32(tag), Zone: uint32(z.zone), BalancingZone: uint32(z.balances), Type: segments[0].typ, PhysicalNetwork: segments[0].physical,
	}
	for _, f := range segments {
		s.Segments = append(s.Segments, &weftv1.NetworkSegment{
			Type: f.typ, PhysicalNetwork: f.physical, SegmentationId: uint32(f.id), InnerVlanId: uint32(f.inner),
		})
	}
	return &weftv1.Status{Details: &weftv1.Status_Network{Network: s}}
}

// keepShared refuses to take a network from other projects that use it.
func (t *txn) keepShared(d *draft) {
	if !d.old.facts.(*networkFacts).shared || d.given.GetNetworkSpec().GetShared() {
		return
	}
	if users := t.foreign(d.key); len(users) > 0 {
		t.refuse(d, "spec.shared", ReasonInUse, "cannot become false: other projects use the network: %s", list(users, len(users)))
	}
}

// passMTU tells the ports of networks whose MTU has changed.
func (t *txn) passMTU(drafts []*draft) {
	if len(t.bad) > 0 {
		return // ports that were refused are not whole
	}
	for _, d := range drafts {
		n, facts := t.networks[d.key], d.facts()
		if n == nil || facts == nil || d.old == nil || facts.(*networkFacts).mtu == d.old.facts.(*networkFacts).mtu {
			continue
		}
		for _, key := range slices.SortedFunc(maps.Keys(n.ports), Key.Compare) {
			t.setMTU(key, facts.(*networkFacts).mtu)
		}
	}
}

// setMTU changes the MTU that a port is told, which is no change of what is wanted of it.
func (t *txn) setMTU(key Key, mtu uint32) {
	old := t.records[key]
	if old.res == nil || old.res.GetStatus().GetPort().GetMtu() == mtu {
		return
	}
	t.amend(old, old.facts, func(s *weftv1.Status) { s.GetPort().Mtu = mtu })
}

// foreign returns what other projects have on a network.
func (t *txn) foreign(network Key) []Key {
	n := t.networks[network]
	if n == nil {
		return nil
	}
	var users []Key
	for p := range n.ports {
		if p.Project != network.Project {
			users = append(users, p)
		}
	}
	for _, b := range n.blocks {
		if b.subnet.Project != network.Project {
			users = append(users, b.subnet)
		}
	}
	for _, holder := range n.macs {
		if (holder.Kind == KindRouter || holder.Kind == KindFloatingIP) && holder.Project != network.Project {
			users = append(users, holder)
		}
	}
	slices.SortFunc(users, Key.Compare)
	return users
}

// networkOf resolves the network of a subnet or port.
func (t *txn) networkOf(d *draft) *networkFacts {
	rec := t.resolve(d, "spec.network", d.network)
	if rec == nil {
		return nil
	}
	f := rec.facts.(*networkFacts)
	if d.key.Project != d.network.Project && !f.shared {
		t.refuse(d, "spec.network", ReasonInvalid, "network %q is not shared with other projects", d.network.relative(d.key.Project))
		return nil
	}
	return f
}
