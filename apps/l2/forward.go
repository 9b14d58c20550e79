package l2

import (
	"slices"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// forward tells every host of the network where p is, and by which wires frames from p cannot come.
func (a app) forward(r *table.Reader, p intent.Port, out *compile.Out) {
	n, ok := a.Networks.Get(r, p.Network)
	if !ok || a.InterfacesBy.Count(r, p.Key) > 0 || a.BalancersBy.Count(r, p.Key) > 0 { // a router is everywhere, as is what load balancers have
		return
	}
	b, bound := a.Bindings.Get(r, p.Key)
	if bound {
		g, _ := a.Guards.Get(r, p.Key)
		hand, next := pipeline.HandTo(b.OFPort, pipeline.Guard{Policy: g.Policy, Stateless: g.Stateless})
		if a.BalancedOn.Has(r, p.Network, true) {
			hand, next = append(hand, pipeline.Guard{Policy: g.Policy, Stateless: g.Stateless}.Set()...), pipeline.Answers
		}
		out.Flow(b.Host, pipeline.L2, prioPort,
			flow.Match{pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthDst, p.MAC)}, append(hand, flow.Goto(next)))
	}
	a.lead(r, n, p, b, bound, out)
}

// central tells every host of a network where an address is that is no port's.
func (a app) central(r *table.Reader, c intent.Central, out *compile.Out) {
	if n, ok := a.Networks.Get(r, c.Network); ok {
		a.lead(r, n, intent.Port{Network: c.Network, MAC: c.MAC}, intent.Binding{Network: c.Network, Host: c.Host}, true, out)
	}
}

// lead tells all other hosts of the network where p is, and by which wires frames from p cannot come.
func (a app) lead(r *table.Reader, n intent.Network, p intent.Port, b intent.Binding, bound bool, out *compile.Out) {
	segments := slices.Collect(a.SegmentsOf.List(r, p.Network))
	switch {
	case len(segments) > 1:
		a.forwardAcross(r, p, b, segments, out)
	case len(segments) == 1 && wired(segments[0]):
		a.guardWire(r, n, p, b, segments[0], out)
	case len(segments) == 1 && bound:
		a.forwardTunnel(r, n, p, b, segments[0], out)
	}
}

// forwardTunnel sends frames for p to its host, from all others that are in the segment with it.
func (a app) forwardTunnel(r *table.Reader, n intent.Network, p intent.Port, b intent.Binding, s intent.Segment, out *compile.Out) {
	hosts := a.AttachedHosts.List(r, s.Key)
	if _, in := slices.BinarySearch(hosts, b.Host); !in || len(hosts) < 2 {
		return
	}
	leave, ok := a.leave(r, n, s, "", b.Host)
	if !ok {
		return
	}
	match := flow.Match{pipeline.Net.Is(uint64(n.Tag)), pipeline.Via.Is(0), flow.MAC(flow.EthDst, p.MAC)}
	for _, host := range hosts {
		if host != b.Host {
			out.Flow(host, pipeline.L2, prioFar, match, leave)
		}
	}
}

// guardWire refuses frames from a network's only wire that claim to be p's where p cannot be behind the wire: on p's own
// host, or everywhere while p is on no host of the wire. Frames for p need no flow: what no port of the host has is on the
// wire.
func (a app) guardWire(r *table.Reader, n intent.Network, p intent.Port, b intent.Binding, s intent.Segment, out *compile.Out) {
	hosts := a.AttachedHosts.List(r, s.Key)
	if at, in := slices.BinarySearch(hosts, b.Host); in {
		hosts = hosts[at : at+1]
	}
	for _, host := range hosts {
		out.Flow(host, pipeline.WireOrigin, prioPort, from(n, s, p.MAC), pipeline.Drop(pipeline.ForeignMAC))
	}
}

// from matches frames that came by a segment with a source address.
func from(n intent.Network, s intent.Segment, mac flow.MACAddr) flow.Match {
	return flow.Match{pipeline.Net.Is(uint64(n.Tag)), pipeline.Via.Is(pipeline.ViaSegment(s.Key.Index)), flow.MAC(flow.EthSrc, mac)}
}

// forwardAcross is forward for a network of several segments: from every host there is one way to p, and frames from p come
// by that way only.
func (a app) forwardAcross(r *table.Reader, p intent.Port, b intent.Binding, segments []intent.Segment, out *compile.Out) {
	n, _ := a.Networks.Get(r, p.Network)
	for _, host := range a.ReachOf.List(r, p.Network) {
		hop, reached := intent.Hop{Segment: -1}, false
		if b.Host != "" && host != b.Host {
			hop, reached = a.Way(r, p.Network, host, b.Host)
		}
		at := a.AttachmentsAt.List(r, intent.Site{Network: n.Key, Host: host})
		for _, s := range segments {
			here := slices.Contains(at, s.Key.Index)
			switch {
			case !here:
			case !reached || s.Key.Index != hop.Segment:
				if wired(s) {
					out.Flow(host, pipeline.WireOrigin, prioPort, from(n, s, p.MAC), pipeline.Drop(pipeline.ForeignMAC))
				}
			default:
				if wired(s) {
					out.Flow(host, pipeline.WireOrigin, prioPort, from(n, s, p.MAC), flow.Actions{flow.Goto(pipeline.Arrived)})
				}
				a.forwardFrom(r, n, p, s, at, host, hop.Host, out)
			}
		}
	}
}

// routed lets in what a router on another host sends by a wire, and remembers no way to it: it is on every host.
func (a app) routed(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	router, ok := a.Routers.Get(r, i.Key.Router)
	if !ok || !router.Up {
		return
	}
	for _, host := range a.SitesOf.List(r, i.Network) {
		p, ok := a.part(r, intent.Site{Network: i.Network, Host: host})
		if !ok || !p.learns {
			continue
		}
		for _, s := range p.here() {
			if wired(s) {
				out.Flow(host, pipeline.WireOrigin, prioPort, from(p.Network, s, i.MAC), flow.Actions{flow.Goto(pipeline.Arrived)})
			}
		}
	}
}

// wireSource gives what a router sends by a wire the host's own MAC address, where the router's is elsewhere; and what other hosts
// have sent so has the router's again, before anybody else sees it.
func (a app) wireSource(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	router, ok := a.Routers.Get(r, i.Key.Router)
	n, known := a.Networks.Get(r, i.Network)
	if !ok || !router.Up || !known {
		return
	}
	seat, seated := a.Seats.Get(r, intent.SeatKey{Network: i.Network, MAC: i.MAC})
	for s := range a.SegmentsOf.List(r, i.Network) {
		if !wired(s) {
			continue
		}
		for _, host := range a.AttachedHosts.List(r, s.Key) {
			out.Flow(host, pipeline.WireOrigin, prioWire,
				flow.Match{pipeline.Net.Is(uint64(n.Tag)), pipeline.Via.Is(pipeline.ViaSegment(s.Key.Index)), pipeline.FromWireMAC(i.MAC)},
				flow.Actions{flow.SetField(flow.MAC(flow.EthSrc, i.MAC)), flow.Goto(pipeline.Arrived)})
			if seated && host != seat.Host {
				out.Flow(host, pipeline.WireSource, prioWire, flow.Match{pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthSrc, i.MAC)},
					flow.Actions{flow.SetField(flow.MAC(flow.EthSrc, pipeline.WireMAC(i.MAC, host)))})
			}
		}
	}
}

// forwardFrom sends frames for p from one host to another by a segment, unless they came by that.
func (a app) forwardFrom(r *table.Reader, n intent.Network, p intent.Port, s intent.Segment, at []int, host, next string, out *compile.Out) {
	leave, ok := a.leave(r, n, s, host, next)
	if !ok {
		return
	}
	to := flow.Match{pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthDst, p.MAC)}
	for _, via := range vias(at, s.Key.Index) {
		out.Flow(host, pipeline.L2, prioFar, append(to[:2:2], pipeline.Via.Is(via)), leave)
	}
	out.Flow(host, pipeline.L2, prioAway, to, nil)
}

// vias returns the ways by which a host gets frames that it may send by a segment.
func vias(at []int, segment int) []uint64 {
	ways := []uint64{0}
	for _, other := range at {
		if other != segment {
			ways = append(ways, pipeline.ViaSegment(other))
		}
	}
	return ways
}

// leave returns what sends a frame of n from a host by a segment: into its wire, or to a host.
func (a app) leave(r *table.Reader, n intent.Network, s intent.Segment, from, to string) (flow.Actions, bool) {
	by, err := carry.Of(s.Type)
	if err != nil {
		return nil, false // attach says so
	}
	switch by.Family() {
	case carry.Wires:
		return append(flow.Actions{flow.Resubmit(pipeline.WireSource)}, by.Leave(a.on(r, n, s, from), carry.Remote{})...), true
	case carry.Tunnels:
		h, ok := a.Hosts.Get(r, to)
		if !ok || !h.TunnelIP.IsValid() {
			return nil, false
		}
		return by.Leave(carry.Segment{ID: s.ID, Transparent: n.Transparent}, carry.Remote{IP: h.TunnelIP}), true
	case carry.Paths:
		e, ok := a.Edges.Get(r, intent.EdgeKey{Physical: s.Physical, Host: to})
		if !ok {
			return nil, false
		}
		return by.Leave(carry.Segment{ID: s.ID, Transparent: n.Transparent}, carry.Remote{Edge: e.Number}), true
	}
	return nil, false
}

// on returns what a carrier needs to know of a segment on a host.
func (a app) on(r *table.Reader, n intent.Network, s intent.Segment, host string) carry.Segment {
	c := carry.Segment{ID: s.ID, Inner: s.Inner, Transparent: n.Transparent}
	if s.Physical != "" {
		c.OFPort = carry.PatchOFPort(a.MappedAt.List(r, host), s.Physical)
	}
	return c
}

// wired tells whether a segment is a wire to a physical network.
func wired(s intent.Segment) bool {
	by, err := carry.Of(s.Type)
	return err == nil && by.Family() == carry.Wires
}
