package balancer

import (
	"math/bits"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

// choose gives new connections to members, as the pool says.
func (w writer) choose(pool intent.Pool) {
	all := append(w.ports(), w.fragments()...)
	switch {
	case pool.Persist > 0:
		w.byMemory(all, pool.Persist)
	case pool.Algorithm == intent.SourceIP:
		w.byHash(prioOne, all, flow.HashNwSrc)
	case pool.Algorithm == intent.SourceIPPort:
		w.byHash(prioOne, w.ports(), flow.HashSymmetricL3L4UDP)
		w.byHash(prioFirst, w.fragments(), flow.HashNwSrc)
	default:
		w.byFlow()
	}
}

// give gives a connection to a member.
func (w writer) give(m intent.PoolMember) flow.Actions {
	return flow.Actions{pipeline.Given.Set(1), flow.CT(flow.CTSpec{
		Flags: flow.CTCommit, ZoneFrom: pipeline.Zone, Table: flow.ToTable(pipeline.Tally),
		NAT:  &flow.NATSpec{Flags: flow.NATDst, MinAddr: m.IP, MinPort: m.Port},
		Exec: flow.Actions{flow.SetField(flow.Join(pipeline.LabelServing.Is(number(w.l, m)), pipeline.LabelServed.Is(1)))},
	})}
}

// number tells members of listeners apart: the listener's own number, and a hash of the member's name and address.
func number(l intent.PoolListener, m intent.PoolMember) uint64 {
	return uint64(l.Tag)<<32 | hash(m.Name+" "+m.IP.String())>>32
}

// group is the number of the listener's group of buckets.
func (w writer) group() uint32 {
	if w.is4 {
		return w.l.Tag << 1
	}
	return w.l.Tag<<1 | 1
}

// byFlow chooses by addresses, protocol and ports. Open vSwitch hashes over the buckets of a group; there is one for each part, so that each
// part keeps its place whatever becomes of others.
func (w writer) byFlow() {
	buckets := make([]flow.Bucket, len(w.parts))
	for i, m := range w.parts {
		buckets[i] = flow.Bucket{Weight: 1, Actions: w.give(w.members[m])}
	}
	g, err := flow.NewGroup(w.group(), flow.Select, buckets)
	if err != nil {
		w.out.Failed("%v", err)
		return
	}
	w.out.Group(w.host, g)
	w.take(prioOne, w.ports(), flow.ToGroup(g.ID))
	// Choosing from a group, Open vSwitch begins anew with each fragment, and would not put them together after that.
	w.byHash(prioFirst, w.fragments(), flow.HashNwSrc)
}

// byHash chooses by some fields alone, for some of what opens connections.
func (w writer) byHash(priority uint16, at []flow.Match, fields flow.HashFields) {
	w.take(priority, at, w.part(fields)...)
	w.byPart(priority, at, w.give)
}

// part finds the part that a packet belongs to, by some of its fields.
func (w writer) part(fields flow.HashFields) flow.Actions {
	return flow.Actions{
		flow.Multipath(flow.MultipathSpec{Fields: fields, Algorithm: flow.ModuloN, Links: uint32(len(w.parts))}, pipeline.Part),
		pipeline.Parted.Set(1), flow.Resubmit(pipeline.Balanced),
	}
}

// byPart does something with packets whose part is known.
func (w writer) byPart(priority uint16, at []flow.Match, do func(intent.PoolMember) flow.Actions) {
	for _, m := range at {
		for i := 0; i < len(w.parts); {
			n := run(w.parts[i:], i)
			part := flow.Join(pipeline.Parted.Is(1), pipeline.Part.IsMasked(uint64(i), uint64(0xffff)&^uint64(n-1)))
			w.out.Flow(w.host, pipeline.Balanced, priority, append(with(w.open(), part), m...), do(w.members[w.parts[i]]))
			i += n
		}
	}
}

// run is how many parts from a place on have the same member and can be matched together: a power of two.
func run(parts []uint8, at int) int {
	n := 1
	for n < len(parts) && parts[n] == parts[0] {
		n++
	}
	n = 1 << (bits.Len(uint(n)) - 1)
	for at&(n-1) != 0 {
		n >>= 1
	}
	return n
}
