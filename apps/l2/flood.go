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

// part is a network on one host.
type part struct {
	intent.Network
	host     string
	segments []intent.Segment // all of the network
	at       []int            // those that the host takes part in
	span     intent.Span
	open     bool // addresses that are no port's may be anywhere
	learns   bool // the host remembers the ways to them
}

func (a app) part(r *table.Reader, s intent.Site) (part, bool) {
	n, ok := a.Networks.Get(r, s.Network)
	if !ok {
		return part{}, false
	}
	p := part{Network: n, host: s.Host, segments: slices.Collect(a.SegmentsOf.List(r, s.Network)), at: a.AttachmentsAt.List(r, s)}
	p.open = a.Open.Has(r, s.Network, true)
	if len(p.segments) > 1 {
		p.span, _ = a.Spans.Get(r, s.Network)
		p.learns = pipeline.Learns(p.hasWire(), len(p.at), p.onWire())
	}
	return p, true
}

func (p part) net() flow.Field { return pipeline.Net.Is(uint64(p.Tag)) }

// here returns the segments that the host takes part in.
func (p part) here() []intent.Segment {
	var here []intent.Segment
	for _, s := range p.segments {
		if slices.Contains(p.at, s.Key.Index) {
			here = append(here, s)
		}
	}
	return here
}

func (p part) hasWire() bool { return slices.ContainsFunc(p.segments, wired) }
func (p part) onWire() bool  { return slices.ContainsFunc(p.here(), wired) }

// receive lets in the frames of a network that come by its wires, on the hosts that have ports of it or send into it for a
// router, and so get answers. Those that come by tunnels are apps/tunnel's.
func (a app) receive(r *table.Reader, x intent.Reach, out *compile.Out) {
	s := intent.Site(x)
	p, ok := a.part(r, s)
	if !ok {
		return
	}
	for _, segment := range p.here() {
		by, err := carry.Of(segment.Type)
		if err != nil || by.Family() != carry.Wires {
			continue
		}
		via := pipeline.ViaSegment(segment.Key.Index)
		on := a.on(r, p.Network, segment, s.Host)
		match, undo := by.Arrive(on)
		table := uint8(pipeline.Classify)
		if nested, ok := by.(carry.Nested); ok {
			if outer, undoOuter, ok := nested.Outer(on); ok {
				out.Flow(s.Host, pipeline.Classify, prioTagged, outer,
					append(undoOuter, pipeline.OuterTag.Set(uint64(on.ID)), flow.Goto(pipeline.ClassifyInner)))
				match, table = append(match, pipeline.OuterTag.Is(uint64(on.ID))), pipeline.ClassifyInner
			}
		}
		out.Flow(s.Host, table, rank(match), match,
			append(undo, p.net0(), pipeline.Via.Set(via), flow.Goto(pipeline.WireOrigin)))
		p.admit(via, out)
	}
}

func (p part) net0() flow.Action { return pipeline.Net.Set(uint64(p.Tag)) }

// rank puts what matches the VLAN tag of a frame before what takes all frames.
func rank(m flow.Match) uint16 {
	for _, f := range m {
		if f.ID == flow.VLANVID {
			return prioTagged
		}
	}
	return prioWhole
}

// admit lets in frames of a wire with an address that is no port's. One tag too many is of no network, unless that carries
// the tags of its ports.
func (p part) admit(via uint64, out *compile.Out) {
	match := flow.Match{p.net(), pipeline.Via.Is(via)}
	if !p.Transparent {
		match = append(match, flow.U32(flow.VLANVID, 0))
	}
	do := flow.Actions{flow.Goto(pipeline.Arrived)}
	if p.learns {
		do = flow.Actions{pipeline.LearnWire(p.Tag, via), flow.Goto(pipeline.Arrived)}
	}
	out.Flow(p.host, pipeline.WireOrigin, prioAnybody, match, do)
}

// flood copies group-addressed frames to the network's other hosts and wires and to its ports on this one, and sends on
// frames to addresses that are no port's. A host that only has routers send into the network sends nothing to groups; it
// needs this where frames for some address go further than to where a port is.
func (a app) flood(r *table.Reader, x intent.Reach, out *compile.Out) {
	s := intent.Site(x)
	p, ok := a.part(r, s)
	if !ok {
		return
	}
	if _, site := a.Sites.Get(r, s); !site && !p.open && !p.hasWire() {
		return
	}
	var local flow.Actions
	for _, shard := range a.ShardsAt.List(r, s) {
		local = append(local, pipeline.Shard.Set(uint64(shard)), flow.Resubmit(pipeline.FloodLocal))
	}
	for _, via := range append(vias(p.at, -1)[:1:1], viasOf(p.at)...) {
		var remote flow.Actions
		for _, segment := range p.here() {
			if pipeline.ViaSegment(segment.Key.Index) != via {
				remote = append(remote, a.copies(r, p, segment)...)
			}
		}
		out.Flow(s.Host, pipeline.Flood, 100, flow.Match{p.net(), pipeline.Via.Is(via)}, append(remote, local...))
	}
	a.unknown(r, p, out)
}

// viasOf returns the ways by which a host gets frames from elsewhere.
func viasOf(at []int) []uint64 { return vias(at, -1)[1:] }

// copies sends a frame by a segment to all who are there: once into a wire, or to each host by its tunnel.
func (a app) copies(r *table.Reader, p part, s intent.Segment) flow.Actions {
	if wired(s) {
		leave, _ := a.leave(r, p.Network, s, p.host, "")
		return flow.Actions{flow.Clone(leave...)}
	}
	var do flow.Actions
	attached := a.AttachedHosts.List(r, s.Key)
	for _, host := range a.SitesOf.List(r, p.Key) {
		if _, in := slices.BinarySearch(attached, host); in && host != p.host {
			leave, _ := a.leave(r, p.Network, s, p.host, host)
			do = append(do, leave...)
		}
	}
	return do
}

// unknown sends on frames to addresses that are no port's: by the way that was learned, or else to wherever they may be. That
// is every place if some port may send from addresses that only it knows, and else the wires.
func (a app) unknown(r *table.Reader, p part, out *compile.Out) {
	if !p.open && !p.hasWire() {
		return
	}
	if p.learns {
		out.Flow(p.host, pipeline.L2, prioAnybody, flow.Match{p.net()},
			flow.Actions{flow.Resubmit(pipeline.Learned), flow.Goto(pipeline.Unknown)})
		a.learned(r, p, out)
	} else {
		out.Flow(p.host, pipeline.L2, prioAnybody, flow.Match{p.net()}, flow.Actions{flow.Goto(pipeline.Unknown)})
	}
	if p.open {
		out.Flow(p.host, pipeline.Unknown, prioAnybody, flow.Match{p.net()}, flow.Actions{flow.Goto(pipeline.Flood)})
		return
	}
	for _, via := range vias(p.at, -1) {
		var do flow.Actions
		for _, s := range p.here() {
			if pipeline.ViaSegment(s.Key.Index) != via {
				do = append(do, a.towardsWires(r, p, s)...)
			}
		}
		if len(do) > 0 {
			out.Flow(p.host, pipeline.Unknown, prioAnybody, flow.Match{p.net(), pipeline.Via.Is(via)}, do)
		}
	}
}

// towardsWires sends a frame by a segment to where there are wires: into the segment itself, or to the hosts that bridge it
// with one.
func (a app) towardsWires(r *table.Reader, p part, s intent.Segment) flow.Actions {
	if wired(s) {
		leave, _ := a.leave(r, p.Network, s, p.host, "")
		return flow.Actions{flow.Clone(leave...)}
	}
	var do flow.Actions
	for _, host := range p.span.BridgesOn(s.Key.Index) {
		if host == p.host || !p.wireBeyond(s.Key.Index, host) {
			continue
		}
		if leave, ok := a.leave(r, p.Network, s, p.host, host); ok {
			do = append(do, leave...)
		}
	}
	return do
}

// wireBeyond tells whether a host's bridges lead from a segment to a wire.
func (p part) wireBeyond(segment int, host string) bool {
	beyond := p.span.Beyond(segment, host)
	return slices.ContainsFunc(p.segments, func(s intent.Segment) bool { return wired(s) && slices.Contains(beyond, s.Key.Index) })
}

// learned sends frames by the way that table learned knows, unless they came by it.
func (a app) learned(r *table.Reader, p part, out *compile.Out) {
	for _, s := range p.here() {
		by, err := carry.Of(s.Type)
		if err != nil {
			continue
		}
		way := pipeline.ViaSegment(s.Key.Index)
		leave := by.Leave(a.on(r, p.Network, s, p.host), carry.Remote{}) // the remote of a tunnel is learned, too
		if wired(s) {
			leave, _ = a.leave(r, p.Network, s, p.host, "")
		}
		out.Flow(p.host, pipeline.Unknown, prioLearned, flow.Match{p.net(), pipeline.Toward.Is(way)}, leave)
		out.Flow(p.host, pipeline.Unknown, prioBack, flow.Match{p.net(), pipeline.Toward.Is(way), pipeline.Via.Is(way)}, nil)
	}
}
