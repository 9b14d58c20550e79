package segment

import (
	"strings"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
)

// bridge joins the segments of a network to a tree: pairs of segments in order, each that is not joined yet by the first
// host, by name, that can use both.
//
// A host's home is one of the segments that it bridges: were there a lower one that it can use, both would be joined to that
// one already, and the pair would not be considered. So the segments of a host always hang together, and hosts and segments
// make a tree.
func (a app) bridge(r *table.Reader, n intent.Network, out *compile.Out) {
	var segments []intent.Segment
	for s := range a.SegmentsOf.List(r, n.Key) {
		segments = append(segments, s)
	}
	if len(segments) < 2 || !n.Up {
		return
	}
	span := intent.Span{Network: n.Key}
	part := make([]int, len(segments)) // of the tree, by its lowest segment
	for i := range part {
		part[i] = i
	}
	for i, low := range segments {
		for j, high := range segments[i+1:] {
			j += i + 1
			if part[i] == part[j] {
				continue
			}
			host, ok := a.both(r, low, high)
			if !ok {
				continue
			}
			span.Bridges = append(span.Bridges, intent.Bridge{Low: low.Key.Index, High: high.Key.Index, Host: host})
			for k, old := 0, part[j]; k < len(part); k++ {
				if part[k] == old {
					part[k] = part[i]
				}
			}
		}
	}
	a.span(span, segments, out)
	for i := range part {
		if part[i] != part[0] {
			out.Pending("segments %d and %d are not bridged: no host can use both", segments[0].Key.Index, segments[i].Key.Index)
		}
	}
}

// span derives what follows from a network's bridges: they are there, in both segments, and may send what others sent.
func (a app) span(span intent.Span, segments []intent.Segment, out *compile.Out) {
	compile.Emit(out, a.Spans, span)
	wired := false
	for _, s := range segments {
		wired = wired || family(s) == carry.Wires
	}
	for _, b := range span.Bridges {
		site := intent.Site{Network: span.Network, Host: b.Host}
		compile.Emit(out, a.Sites, site)
		if wired {
			compile.Emit(out, a.LooseSites, intent.LooseSite(site))
		}
		for _, segment := range []int{b.Low, b.High} {
			compile.Emit(out, a.Attachments, intent.Attachment{Network: span.Network, Host: b.Host, Segment: segment})
		}
	}
}

// both returns the first host that can use two segments.
func (a app) both(r *table.Reader, s, t intent.Segment) (string, bool) {
	those, others := a.users(r, s), a.users(r, t)
	for len(those) > 0 && len(others) > 0 {
		switch order := strings.Compare(those[0], others[0]); {
		case order < 0:
			those = those[1:]
		case order > 0:
			others = others[1:]
		default:
			if h, ok := a.Hosts.Get(r, those[0]); ok && h.Up && !h.Unmanaged {
				return h.Name, true
			}
			those, others = those[1:], others[1:]
		}
	}
	return "", false
}

// users returns the hosts that may be able to use a segment, in order.
func (a app) users(r *table.Reader, s intent.Segment) []string {
	switch family(s) {
	case carry.Tunnels:
		return a.Tunnellers.List(r, true)
	case carry.Nowhere:
		return nil
	}
	return a.MappedOn.List(r, s.Physical)
}
