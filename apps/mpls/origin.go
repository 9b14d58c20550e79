package mpls

import (
	"slices"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Priorities in table label_origin. They are those of tunnel_origin: what differs is only how the sender is known.
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

// nobody refuses frames from addresses that are no port's, but for those of hosts that may have such.
func (a app) nobody(r *table.Reader, s intent.Site, out *compile.Out) {
	n, ok := a.Networks.Get(r, s.Network)
	if !ok || !a.here(r, s) {
		return
	}
	out.Flow(s.Host, pipeline.LabelOrigin, prioNobody, flow.Match{pipeline.Net.Is(uint64(n.Tag))}, pipeline.Drop(pipeline.ForeignMAC))
	for _, host := range a.LooseOn.List(r, s.Network) {
		if host != s.Host {
			a.anybody(r, n, s, host, out)
		}
	}
}

// here tells whether a host takes part in a network by label-switched paths.
func (a app) here(r *table.Reader, s intent.Site) bool {
	return slices.ContainsFunc(a.AttachmentsAt.List(r, s), func(i int) bool {
		segment, ok := a.Segments.Get(r, intent.SegmentKey{Network: s.Network, Index: i})
		return ok && byPaths(segment)
	})
}

// anybody lets in frames with any address that is no port's, from a host that may have such or from one that such come through.
func (a app) anybody(r *table.Reader, n intent.Network, at intent.Site, from string, out *compile.Out) {
	edges, via := a.sender(r, n.Key, at.Host, from)
	for _, edge := range edges {
		do := flow.Actions{flow.Goto(pipeline.L2)}
		if edge != unknownEdge && a.learns(r, at) {
			do = flow.Actions{pipeline.LearnPath(n.Tag, via), flow.Goto(pipeline.L2)}
		}
		out.Flow(at.Host, pipeline.LabelOrigin, prioAnybody, flow.Match{pipeline.Net.Is(uint64(n.Tag)), pipeline.Via.Is(via), pipeline.Edge.Is(uint64(edge))}, do)
	}
}

// learns tells whether a host remembers the ways to addresses of a network that are no port's.
func (a app) learns(r *table.Reader, s intent.Site) bool {
	if a.SegmentsOf.Count(r, s.Network) < 2 {
		return false
	}
	part := a.AttachmentsAt.List(r, s)
	hasWire, onWire := false, false
	for segment := range a.SegmentsOf.List(r, s.Network) {
		if by, err := carry.Of(segment.Type); err == nil && by.Family() == carry.Wires {
			hasWire, onWire = true, onWire || slices.Contains(part, segment.Key.Index)
		}
	}
	return pipeline.Learns(hasWire, len(part), onWire)
}

// unknownEdge is who sent a frame that came without a transport label: it may be any host that has one with the network.
const unknownEdge = 0

// sender returns as whom frames are known that start on one host when they come to another, and by which segment; nobody when they
// do not come by label-switched paths.
func (a app) sender(r *table.Reader, network intent.Key, at, from string) (edges []uint32, via uint64) {
	hop, ok := a.Way(r, network, at, from)
	if !ok {
		return nil, 0
	}
	s, _ := a.Segments.Get(r, intent.SegmentKey{Network: network, Index: hop.Segment})
	if !byPaths(s) {
		return nil, 0
	}
	if e, ok := a.Edges.Get(r, intent.EdgeKey{Physical: s.Physical, Host: hop.Host}); ok {
		edges = append(edges, e.Number)
	}
	if a.PoppedAt.Has(r, intent.EdgeKey{Physical: s.Physical, Host: at}, true) {
		edges = append(edges, unknownEdge)
	}
	return edges, pipeline.ViaSegment(hop.Segment)
}

// origin tells every host with the network of a port from where the port's addresses may come.
func (a app) origin(r *table.Reader, p intent.Port, out *compile.Out) {
	if !a.carried(r, p.Network) {
		return
	}
	b, bound := a.Bindings.Get(r, p.Key)
	n, ok := a.Networks.Get(r, p.Network)
	if !bound || !ok {
		return
	}
	net, mac := pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthSrc, p.MAC)
	// Where frames with any address are let in from some host, those of ports must be told from them.
	loose := len(a.LooseOn.List(r, p.Network)) > 0
	for _, host := range a.SitesOf.List(r, p.Network) {
		if loose {
			out.Flow(host, pipeline.LabelOrigin, prioAstray, flow.Match{net, mac}, pipeline.Drop(pipeline.ForeignMAC))
		}
		if host == b.Host {
			continue
		}
		edges, _ := a.sender(r, p.Network, host, b.Host)
		for _, edge := range edges {
			from := flow.Match{net, pipeline.Edge.Is(uint64(edge))}
			out.Flow(host, pipeline.LabelOrigin, prioAtHome, append(from[:2:2], mac), flow.Actions{flow.Goto(pipeline.L2)})
			for _, pair := range p.Pairs {
				if pair.MAC != p.MAC {
					out.Flow(host, pipeline.LabelOrigin, prioAtHome, append(from[:2:2], flow.MAC(flow.EthSrc, pair.MAC)), flow.Actions{flow.Goto(pipeline.L2)})
				}
			}
		}
	}
}

// routed lets in what a router sends: it routes on every host, and its address comes from all of them.
func (a app) routed(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	router, ok := a.Routers.Get(r, i.Key.Router)
	if !ok || !router.Up || !a.carried(r, i.Network) {
		return
	}
	n, ok := a.Networks.Get(r, i.Network)
	if !ok {
		return
	}
	for _, host := range a.SitesOf.List(r, i.Network) {
		out.Flow(host, pipeline.LabelOrigin, prioRouter,
			flow.Match{pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthSrc, i.MAC)}, flow.Actions{flow.Goto(pipeline.L2)})
	}
}

// carried tells whether a segment of a network is carried by label-switched paths.
func (a app) carried(r *table.Reader, network intent.Key) bool {
	for s := range a.SegmentsOf.List(r, network) {
		if byPaths(s) {
			return true
		}
	}
	return false
}
