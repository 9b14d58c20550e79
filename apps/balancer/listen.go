package balancer

import (
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
			w := writer{out: out, host: host, l: l, v: v, is4: is4, alone: alone, members: members, parts: parts}
			if parts == nil {
				w.refuse()
			} else {
				w.choose(pool)
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
	alone   bool
	members []intent.PoolMember
	parts   []uint8 // the member that has each part
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
		m = append(with(w.open(), flow.Join(pipeline.Parted.Is(0), pipeline.Recalled.Is(0))), m...)
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
