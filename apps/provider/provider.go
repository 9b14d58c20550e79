// Package provider wires the integration bridge of a host to the host's bridges for physical networks: a pair of patch ports
// for each physical network that a network on the host uses. What else is on those bridges, flows and ports, is not ours.
package provider

import (
	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "provider", ID: 8, Rules: []compile.Rule{
		compile.About("wire", t.Wires, wiredHost, a.wire),
	}}
}

// wiredHost says that what is noted of a wire is said of its host.
func wiredHost(w intent.Wired) string { return "host/" + w.Host }

// wire makes the pair of ports between the integration bridge and a physical network's.
func (a app) wire(r *table.Reader, w intent.Wired, out *compile.Out) {
	m, ok := a.Mappings.Get(r, intent.MappingKey(w))
	if !ok {
		return
	}
	if h, ok := a.Hosts.Get(r, w.Host); !ok || !h.Up {
		return
	}
	if m.Bridge == pipeline.Bridge {
		out.Failed("physical network %q is mapped to %s itself", w.Physical, pipeline.Bridge)
		return
	}
	inner, outer := carry.PatchNames(w.Physical, m.Bridge)
	// Two tags are looked at wherever there is a wire: which networks it carries changes, and a switch that is told of another
	// number of tags judges all its traffic anew.
	out.Port(w.Host, compile.OVSPort{
		Bridge: pipeline.Bridge, Name: inner, Type: "patch", Options: "peer=" + outer,
		OFPort: carry.PatchOFPort(a.MappedAt.List(r, w.Host), w.Physical), Tags: 2,
	})
	out.Port(w.Host, compile.OVSPort{Bridge: m.Bridge, Name: outer, Type: "patch", Options: "peer=" + inner})
}
