// Package segment derives which hosts take part in which segments of the networks, and where segments are bridged. It emits
// no flows.
//
// A host takes part in a segment that it has the means for: a tunnel address, or a bridge for the physical network. Of a
// network with several segments a host takes part in the first that it can, its home, so that a frame reaches it by one of
// them only. The segments are joined to a tree by bridges, hosts that take part in two.
package segment

import (
	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "segment", ID: 7, Rules: []compile.Rule{
		compile.ForEach("bridge", t.Networks, a.bridge),
		compile.About("join", t.Reaches, reachNetwork, a.join),
		compile.About("need", t.Attachments, attachmentNetwork, a.need),
	}}
}

// Reaches and attachments are no resources of their own: what is said of them is said of their network.
func reachNetwork(x intent.Reach) string           { return x.Network.String() }
func attachmentNetwork(x intent.Attachment) string { return x.Network.String() }

// join has a host take part in the first segment that it can.
func (a app) join(r *table.Reader, x intent.Reach, out *compile.Out) {
	for s := range a.SegmentsOf.List(r, x.Network) {
		if a.usable(r, x.Host, s) {
			compile.Emit(out, a.Attachments, intent.Attachment{Network: x.Network, Host: x.Host, Segment: s.Key.Index})
			return
		}
	}
}

// usable tells whether a host has the means for a segment.
func (a app) usable(r *table.Reader, host string, s intent.Segment) bool {
	switch family(s) {
	case carry.Tunnels:
		h, ok := a.Hosts.Get(r, host)
		return ok && h.TunnelIP.IsValid()
	case carry.Nowhere:
		holders := a.HoldersOf.List(r, s.Key.Network)
		return len(holders) > 0 && holders[0].Host == host
	}
	m, ok := a.Mappings.Get(r, intent.MappingKey{Host: host, Physical: s.Physical})
	return ok && !m.Missing
}

// family is how a segment reaches other hosts; one that nothing carries reaches none.
func family(s intent.Segment) carry.Family {
	by, err := carry.Of(s.Type)
	if err != nil {
		return carry.Nowhere
	}
	return by.Family()
}

// need derives what a host must have for a segment: a tunnel, or a wire to a physical network.
func (a app) need(r *table.Reader, x intent.Attachment, out *compile.Out) {
	s, ok := a.Segments.Get(r, intent.SegmentKey{Network: x.Network, Index: x.Segment})
	switch {
	case !ok:
	case family(s) == carry.Tunnels:
		compile.Emit(out, a.Carried, intent.Carried{Host: x.Host, Type: s.Type})
	case s.Physical != "":
		compile.Emit(out, a.Wires, intent.Wired{Host: x.Host, Physical: s.Physical})
	}
}
