package intent

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

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
		typ := t.types[spec.GetNetworkType()]
		for _, other := range typ.ranges {
			if other.ids.Overlaps(ids) {
				t.refuse(d, "spec", ReasonConflict, "%d to %d overlaps %s (%d to %d)", ids.First, ids.Last, other.key, other.ids.First, other.ids.Last)
			}
		}
		if d.old != nil {
			old := d.old.facts.(*rangeFacts)
			t.immutable(d, "spec.networkType", old.typ, spec.GetNetworkType())
			if old.typ == spec.GetNetworkType() {
				t.keepUsed(d, typ, old.ids, ids)
			}
		}
		if !d.bad {
			t.accept(d, nil)
		}
	}
}

// keepUsed refuses a range that lets go of ids which networks have.
func (t *txn) keepUsed(d *draft, typ *typeState, old, ids alloc.Range[alloc.ID]) {
	if ids.First > old.First {
		t.letGo(d, typ, "spec.minimum", alloc.Range[alloc.ID]{First: old.First, Last: min(old.Last, ids.First-1)})
	}
	if ids.Last < old.Last {
		t.letGo(d, typ, "spec.maximum", alloc.Range[alloc.ID]{First: max(old.First, ids.Last+1), Last: old.Last})
	}
}

func (t *txn) letGo(d *draft, typ *typeState, field string, gone alloc.Range[alloc.ID]) {
	if first, found := typ.taken.First(gone); found {
		t.refuse(d, field, ReasonInUse, "leaves out %s that networks have, such as %d of %s", plural(int(typ.taken.Count(gone)), "id"), first, typ.ids[first])
	}
}

// mtu is the MTU of a network: the one asked for, or else what the underlay leaves.
func (t *txn) mtu(typ string, given uint32) uint32 {
	if given != 0 {
		return given
	}
	return uint32(t.cfg.UnderlayMTU - t.cfg.overhead(typ))
}

// applyNetworks accepts networks: first those that exist or name an id, so that no other one is given it.
func (t *txn) applyNetworks(drafts []*draft) {
	var anyID []*draft
	for _, d := range drafts {
		spec := d.given.GetNetworkSpec()
		id := alloc.ID(spec.GetSegmentationId())
		switch {
		case d.old != nil:
			t.updateNetwork(d, spec)
		case id == 0:
			anyID = append(anyID, d)
		default:
			typ := networkType(spec)
			if t.claimID(d, typ, id) {
				t.acceptNetwork(d, typ, id)
			}
		}
	}
	for _, d := range anyID {
		typ := networkType(d.given.GetNetworkSpec())
		s := t.types[typ]
		id, ok := t.nextID(typ)
		if !ok {
			t.refuse(d, "spec.segmentationId", ReasonExhausted, "no %s id is free: all of %s are in use", typ, s.describe())
			continue
		}
		t.last.IDs[typ] = id
		t.acceptNetwork(d, typ, id)
	}
}

// claimID refuses an id on the wire that another network has.
func (t *txn) claimID(d *draft, typ string, id alloc.ID) bool {
	holder, taken := t.idHolder(typ, id)
	if taken && holder != d.key {
		t.refuse(d, "spec.segmentationId", ReasonConflict, "%s id %d is in use by %s", typ, id, holder)
		return false
	}
	return true
}

// idHolder returns the network whose frames are told by an id on the wire. Frames of gre and nvgre are told from each other
// by the key alone, of which the upper 24 bits are an nvgre network's id.
func (t *txn) idHolder(typ string, id alloc.ID) (holder Key, taken bool) {
	if holder, taken = t.types[typ].ids[id]; taken {
		return holder, true
	}
	switch typ {
	case "gre":
		holder, taken = t.types["nvgre"].ids[id>>flowIDBits]
	case "nvgre":
		gre := t.types["gre"]
		var key alloc.ID
		if key, taken = gre.taken.First(alloc.Range[alloc.ID]{First: id << flowIDBits, Last: (id+1)<<flowIDBits - 1}); taken {
			holder = gre.ids[key]
		}
	}
	return holder, taken
}

// flowIDBits is how many bits of the key are not the id of an nvgre network (RFC 7637, section 3.2).
const flowIDBits = 8

// nextID chooses an id for a network.
func (t *txn) nextID(typ string) (alloc.ID, bool) {
	s, after, barred := t.types[typ], t.last.IDs[typ], alloc.ID(0)
	for {
		id, ok := s.taken.Next(s.pools(), after)
		if !ok || id == barred {
			return 0, false
		}
		if _, taken := t.idHolder(typ, id); !taken {
			return id, true
		}
		// A network of another type is in the way of it. When the search is back here, it is so of all.
		if barred == 0 {
			barred = id
		}
		after = id
	}
}

// describe names the ranges of a type.
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

func (t *txn) acceptNetwork(d *draft, typ string, id alloc.ID) {
	tag, ok := t.tagged.Next(tagRange, t.last.Tag)
	if !ok {
		t.refuse(d, "", ReasonExhausted, "there are %s networks, which is the most there can be", reported(tagRange[0].Last))
		return
	}
	t.last.Tag = tag
	t.accept(d, networkStatus(typ, id, tag, t.mtu(typ, d.given.GetNetworkSpec().GetMtu())))
}

func networkStatus(typ string, id, tag alloc.ID, mtu uint32) *weftv1.Status {
	return &weftv1.Status{Details: &weftv1.Status_Network{Network: &weftv1.NetworkStatus{
		SegmentationId: uint32(id), Mtu: mtu, Tag: uint32(tag), Type: typ}}}
}

func (t *txn) updateNetwork(d *draft, spec *weftv1.NetworkSpec) {
	old := d.old.facts.(*networkFacts)
	t.immutable(d, "spec.type", old.typ, networkType(spec))
	id := old.id
	if given := alloc.ID(spec.GetSegmentationId()); given != 0 && t.claimID(d, old.typ, given) {
		id = given
	}
	if old.shared && !spec.GetShared() {
		if users := t.foreign(d.key); len(users) > 0 {
			t.refuse(d, "spec.shared", ReasonInUse, "cannot become false: other projects use the network: %s", list(users, len(users)))
		}
	}
	if !d.bad {
		t.accept(d, networkStatus(old.typ, id, old.tag, t.mtu(old.typ, spec.GetMtu())))
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
	res := proto.CloneOf(old.res)
	res.Revision = 0
	res.GetStatus().GetPort().Mtu = mtu
	rec := &record{key: key, res: res, created: old.created, facts: old.facts}
	t.put(key, rec)
	if d := t.declared[key]; d != nil {
		d.next, d.outcome = rec, weftv1.ApplyResult_OUTCOME_UPDATED
		return
	}
	t.writes = append(t.writes, write{key, rec})
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
		if holder.Kind == KindRouter && holder.Project != network.Project {
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
