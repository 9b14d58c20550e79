package tunnel

import (
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Priorities in table tunnel_origin.
const (
	prioGroup   = 120 // a group address is nobody's
	prioAtHome  = 100 // a port's address, from the host where it is
	prioRouter  = 100 // a router's address, from wherever it routes
	prioAstray  = 90  // a port's address, from elsewhere
	prioAnybody = 50  // an address that is no port's, from a host that may have such
	prioNobody  = 10
)

// groupBit tells group addresses from individual ones.
var groupBit = flow.MACAddr{0: 0x01}

// group refuses frames that a group address claims to have sent.
func (a app) group(_ *table.Reader, h intent.Host, out *compile.Out) {
	if h.Up {
		out.Flow(h.Name, pipeline.TunnelOrigin, prioGroup, flow.Match{flow.MACMasked(flow.EthSrc, groupBit, groupBit)}, pipeline.Drop(pipeline.ForeignMAC))
	}
}

// loose derives from which hosts frames of a network may come with any source address: those with a port that may send such.
func (a app) loose(r *table.Reader, p intent.Port, out *compile.Out) {
	if p.Secure {
		return
	}
	if b, bound := a.Bindings.Get(r, p.Key); bound {
		compile.Emit(out, a.LooseSites, intent.LooseSite(b.Site()))
	}
}

// arrive knows the frames of a network that come by tunnels, on the hosts that have it. Whether their senders may send them
// is for table tunnel_origin, where each source address comes with the host that it may come from.
func (a app) arrive(r *table.Reader, s intent.Site, out *compile.Out) {
	n, ok := a.Networks.Get(r, s.Network)
	if !ok {
		return
	}
	net := pipeline.Net.Is(uint64(n.Tag))
	segments := slices.Collect(a.SegmentsOf.List(r, s.Network))
	at, tunnelled := a.AttachmentsAt.List(r, s), false
	for _, segment := range segments {
		by, err := carry.Of(segment.Type)
		if err != nil || by.Family() != carry.Tunnels || !slices.Contains(at, segment.Key.Index) {
			continue
		}
		tunnelled = true
		match, undo := by.Arrive(carry.Segment{ID: segment.ID, Inner: segment.Inner, Transparent: n.Transparent})
		out.Flow(s.Host, pipeline.Classify, 100, match, slices.Concat(undo, flow.Actions{
			pipeline.Net.Set(uint64(n.Tag)), pipeline.Via.Set(pipeline.ViaSegment(segment.Key.Index)), flow.Goto(pipeline.TunnelOrigin),
		}))
	}
	if !tunnelled {
		return
	}
	out.Flow(s.Host, pipeline.TunnelOrigin, prioNobody, flow.Match{net}, pipeline.Drop(pipeline.ForeignMAC))
	for _, host := range a.LooseOn.List(r, s.Network) {
		if host != s.Host {
			a.anybody(r, n, s.Host, host, segments, out)
		}
	}
}

// anybody lets in frames with any address that is no port's, from a host that may have such or from one that such come through.
func (a app) anybody(r *table.Reader, n intent.Network, at, from string, segments []intent.Segment, out *compile.Out) {
	hop, ip, ok := a.sender(r, n.Key, at, from, len(segments))
	if !ok {
		return
	}
	match := flow.Match{pipeline.Net.Is(uint64(n.Tag)), carry.From(ip)}
	do := flow.Actions{flow.Goto(pipeline.Arrived)}
	if len(segments) > 1 {
		via, src, dst := pipeline.ViaSegment(hop.Segment), flow.TunSrc, flow.TunDst
		if ip.Is6() {
			src, dst = flow.TunIPv6Src, flow.TunIPv6Dst
		}
		match = append(match, pipeline.Via.Is(via))
		part := a.AttachmentsAt.List(r, intent.Site{Network: n.Key, Host: at})
		if pipeline.Learns(has(segments, nil, carry.Wires), len(part), has(segments, part, carry.Wires)) {
			do = flow.Actions{pipeline.LearnTunnel(n.Tag, via, src, dst), flow.Goto(pipeline.Arrived)}
		}
	}
	out.Flow(at, pipeline.TunnelOrigin, prioAnybody, match, do)
}

// has tells whether one of some segments (nil: of all) is of a family.
func has(segments []intent.Segment, some []int, family carry.Family) bool {
	return slices.ContainsFunc(segments, func(s intent.Segment) bool {
		by, err := carry.Of(s.Type)
		return err == nil && by.Family() == family && (some == nil || slices.Contains(some, s.Key.Index))
	})
}

// sender returns by which segment frames that start on a host come to another, and the address of the tunnel that they come
// from; false when they come by none. Within one segment that is the host's own.
func (a app) sender(r *table.Reader, network intent.Key, at, from string, segments int) (intent.Hop, netip.Addr, bool) {
	hop := intent.Hop{Host: from}
	if segments > 1 {
		var ok bool
		if hop, ok = a.Way(r, network, at, from); !ok {
			return hop, netip.Addr{}, false
		}
		s, _ := a.Segments.Get(r, intent.SegmentKey{Network: network, Index: hop.Segment})
		if !has([]intent.Segment{s}, nil, carry.Tunnels) {
			return hop, netip.Addr{}, false
		}
	}
	h, ok := a.Hosts.Get(r, hop.Host)
	return hop, h.TunnelIP, ok && h.TunnelIP.IsValid()
}

// families says when the hosts of a network cannot reach each other.
func (a app) families(r *table.Reader, n intent.Network, out *compile.Out) {
	var one intent.Host // the first of a family
	for segment := range a.SegmentsOf.List(r, n.Key) {
		by, err := carry.Of(segment.Type)
		if err != nil || by.Family() != carry.Tunnels {
			continue
		}
		for _, host := range a.AttachedHosts.List(r, segment.Key) {
			h, ok := a.Hosts.Get(r, host)
			switch {
			case !ok || !h.TunnelIP.IsValid():
			case !one.TunnelIP.IsValid():
				one = h
			case one.TunnelIP.Is4() != h.TunnelIP.Is4():
				out.Failed("hosts %q (%s) and %q (%s) cannot reach each other: one tunnel address is IPv4, the other IPv6", one.Name, one.TunnelIP, h.Name, h.TunnelIP)
				return
			}
		}
	}
}

// origin tells every host with the network of a port from where the port's addresses may come.
func (a app) origin(r *table.Reader, p intent.Port, out *compile.Out) {
	b, bound := a.Bindings.Get(r, p.Key)
	if !bound {
		return
	}
	n, ok := a.Networks.Get(r, p.Network)
	if !ok || !a.tunnelled(r, p.Network) {
		return
	}
	net, mac := pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthSrc, p.MAC)
	// Where frames with any address are let in from some host, those of ports must be told from them.
	loose := len(a.LooseOn.List(r, p.Network)) > 0
	segments := a.SegmentsOf.Count(r, p.Network)
	_, ip, ok := a.sender(r, p.Network, "", b.Host, 1)
	for _, host := range a.SitesOf.List(r, p.Network) {
		if segments > 1 {
			_, ip, ok = a.sender(r, p.Network, host, b.Host, segments)
		}
		if ok && host != b.Host {
			from := flow.Match{net, carry.From(ip)}
			out.Flow(host, pipeline.TunnelOrigin, prioAtHome, append(from, mac), flow.Actions{flow.Goto(pipeline.Arrived)})
			for _, pair := range p.Pairs {
				if pair.MAC != p.MAC {
					out.Flow(host, pipeline.TunnelOrigin, prioAtHome, append(from[:2:2], flow.MAC(flow.EthSrc, pair.MAC)), flow.Actions{flow.Goto(pipeline.Arrived)})
				}
			}
		}
		if loose {
			out.Flow(host, pipeline.TunnelOrigin, prioAstray, flow.Match{net, mac}, pipeline.Drop(pipeline.ForeignMAC))
		}
	}
}

// routed lets in what a router sends: its address comes from every host where it is active.
func (a app) routed(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	router, ok := a.Routers.Get(r, i.Key.Router)
	if !ok || !router.Up {
		return
	}
	n, ok := a.Networks.Get(r, i.Network)
	if !ok || !a.tunnelled(r, i.Network) {
		return
	}
	match := flow.Match{pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthSrc, i.MAC)}
	segments := a.SegmentsOf.Count(r, i.Network)
	for _, at := range a.SitesOf.List(r, i.Network) {
		senders := map[netip.Addr]bool{} // several hosts may come by one that bridges
		for _, from := range a.ActiveOn.List(r, i.Key.Router) {
			_, ip, ok := a.sender(r, i.Network, at, from, segments)
			if !ok || from == at || senders[ip] {
				continue
			}
			senders[ip] = true
			out.Flow(at, pipeline.TunnelOrigin, prioRouter, append(match[:2:2], carry.From(ip)), flow.Actions{flow.Goto(pipeline.Arrived)})
		}
	}
}

// tunnelled tells whether a segment of a network is carried in tunnels.
func (a app) tunnelled(r *table.Reader, network intent.Key) bool {
	for s := range a.SegmentsOf.List(r, network) {
		if by, err := carry.Of(s.Type); err == nil && by.Family() == carry.Tunnels {
			return true
		}
	}
	return false
}
