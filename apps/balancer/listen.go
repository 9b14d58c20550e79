package balancer

import (
	"math/bits"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// listen gives new connections at a listener's ports to the members of its pool.
func (a app) listen(r *table.Reader, l intent.PoolListener, out *compile.Out) {
	v, ok := a.vip(r, l.Balancer)
	if !ok || !v.Up {
		return
	}
	if !l.Up {
		out.Note(intent.ReasonDown, "the listener is administratively down")
	}
	pool, _ := a.Pools.Get(r, l.Pool)
	hosts, alone := a.hosts(r, l.Balancer), true
	for other := range a.ListenersOf.List(r, l.Balancer) {
		alone = alone && (other.Key == l.Key || other.Protocol != l.Protocol)
	}
	for _, is4 := range []bool{true, false} {
		if _, has := v.of(is4); !has {
			continue
		}
		var members []intent.PoolMember
		var parts []uint8
		if members = serving(a.fit(r, v, pool, is4)); l.Up && len(members) > 0 {
			parts = spread(members)
		}
		for _, host := range hosts {
			w := writer{out: out, host: host, l: l, v: v, is4: is4, alone: alone}
			switch {
			case parts == nil:
				w.refuse()
			case pool.SourceIP:
				w.byClient(prioOne, append(w.ports(), w.fragments()...), members, parts)
			default:
				w.byFlow(members, parts)
			}
		}
	}
}

// fit returns the members of a pool that have an address of the family, and can be reached with it.
func (a app) fit(r *table.Reader, v vip, pool intent.Pool, is4 bool) []intent.PoolMember {
	var fit []intent.PoolMember
	for _, m := range pool.Members {
		if m.IP.Is4() == is4 && !a.virtual(r, v, m) {
			m.Up = m.Up && !a.DeadMembers.Has(r, pool.Key, m.Name)
			fit = append(fit, m)
		}
	}
	return fit
}

// virtual tells whether a member's address is one of a load balancer: packets for it would go round in circles.
func (a app) virtual(r *table.Reader, v vip, m intent.PoolMember) bool {
	networks := []intent.Key{v.net.Key}
	for c := range a.ClientsOf.List(r, v.Key) {
		networks = append(networks, c.Network)
	}
	for _, n := range networks {
		for p := range a.PortsWith.List(r, intent.Station{Network: n, IP: m.IP}) {
			if a.BalancersBy.Count(r, p.Key) > 0 {
				return true
			}
		}
	}
	return false
}

// writer writes flows of a listener on a host, for one version of IP.
type writer struct {
	out  *compile.Out
	host string
	l    intent.PoolListener
	v    vip
	is4  bool
	// alone says that the load balancer has no other listener with the protocol. Then what opens a connection may be in fragments, of which
	// the later ones say no port.
	alone bool
}

// open matches what opens a connection with the listener's protocol.
func (w writer) open() flow.Match {
	return flow.Match{w.v.is(), ethType(w.is4), state(ctTracked|ctNew, ctInvalid), flow.U32(flow.CTNwProto, uint32(w.l.Protocol))}
}

// ports match the ports of the listener.
func (w writer) ports() []flow.Match {
	var all []flow.Match
	for _, block := range pipeline.PortBlocks(w.l.Ports.First, w.l.Ports.Last) {
		all = append(all, flow.Match{block.Of(flow.CTTpDst)})
	}
	return all
}

// fragments match what opens a connection in fragments, where it can be the listener's only: the later ones say no port.
func (w writer) fragments() []flow.Match {
	if !w.alone || w.l.Protocol == protoTCP { // which looks for the size that fits
		return nil
	}
	all := []flow.Match{{laterFragment}}
	for _, m := range w.ports() {
		all = append(all, with(m, firstFragment))
	}
	return all
}

// take does something with new connections, of clients that may have some.
func (w writer) take(priority uint16, at []flow.Match, do ...flow.Action) {
	c := compile.Counter{Kind: Taken, Subject: w.l.Key.String()}
	for _, m := range at {
		m = append(with(w.open(), pipeline.Parted.Is(0)), m...)
		if len(w.l.Allowed) == 0 {
			w.out.Counted(c, w.host, pipeline.Balanced, priority, m, do)
		}
		for _, from := range w.l.Allowed {
			switch {
			case from.Addr().Is4() != w.is4:
			case from.Bits() == 0:
				w.out.Counted(c, w.host, pipeline.Balanced, priority, m, do)
			case w.is4:
				w.out.Counted(c, w.host, pipeline.Balanced, priority, with(m, flow.Prefix(flow.IPv4Src, from)), do)
			default:
				w.out.Counted(c, w.host, pipeline.Balanced, priority, with(m, flow.Prefix(flow.IPv6Src, from)), do)
			}
		}
	}
}

// refuse drops what nobody serves. Elsewhere, that is rejected.
func (w writer) refuse() {
	if !w.l.Silent {
		return
	}
	for _, at := range w.ports() {
		w.out.Flow(w.host, pipeline.Balanced, prioOne, append(w.open(), at...), nil)
	}
}

// give gives a connection to a member.
func give(m intent.PoolMember) flow.Action {
	return track(flow.NATSpec{Flags: flow.NATDst, MinAddr: m.IP, MinPort: m.Port}, pipeline.Hairpin)
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
func (w writer) byFlow(members []intent.PoolMember, parts []uint8) {
	buckets := make([]flow.Bucket, len(parts))
	for i, m := range parts {
		buckets[i] = flow.Bucket{Weight: 1, Actions: flow.Actions{give(members[m])}}
	}
	g, err := flow.NewGroup(w.group(), flow.Select, buckets)
	if err != nil {
		w.out.Failed("%v", err)
		return
	}
	w.out.Group(w.host, g)
	w.take(prioOne, w.ports(), flow.ToGroup(g.ID))
	// Choosing from a group, Open vSwitch begins anew with each fragment, and would not put them together after that.
	w.byClient(prioFirst, w.fragments(), members, parts)
}

// byClient chooses by the client's address alone, for some of what opens connections.
func (w writer) byClient(priority uint16, at []flow.Match, members []intent.PoolMember, parts []uint8) {
	w.take(priority, at, flow.Multipath(flow.MultipathSpec{Fields: flow.HashNwSrc, Algorithm: flow.ModuloN, Links: uint32(len(parts))}, pipeline.Part),
		pipeline.Parted.Set(1), flow.Resubmit(pipeline.Balanced))
	for _, m := range at {
		for i := 0; i < len(parts); {
			n := run(parts[i:], i)
			part := flow.Join(pipeline.Parted.Is(1), pipeline.Part.IsMasked(uint64(i), uint64(0xffff)&^uint64(n-1)))
			w.out.Flow(w.host, pipeline.Balanced, priority, append(with(w.open(), part), m...), flow.Actions{give(members[parts[i]])})
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
