// Package topology knows which links label-switched paths may use: those that were given, and those that it finds by LLDP
// (IEEE 802.1AB). Bare switches and the hosts at the edge send a frame by each of their ports every second that says where it
// came from; whoever gets one hands it to the controller. What has been seen both ways is a link.
package topology

import (
	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	id = 10 // of the app

	prioDiscovery = 200 // classify: over what takes every frame of a port
	defaultCost   = 10  // of a link that was found
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "topology", ID: id, Handler: newFinder(t), Rules: []compile.Rule{
		compile.ForEach("listen", t.Switches, a.listen),
		compile.About("edge", t.Wires, func(w intent.Wired) string { return "host/" + w.Host }, a.edge),
		compile.About("found", t.Sightings, func(s intent.Sighting) string { return "host/" + s.To.Host }, a.found),
		compile.ForEach("given", t.Links, a.given),
	}}
}

// listen hands what neighbours of a bare switch send to the controller.
func (a app) listen(_ *table.Reader, s intent.Switch, out *compile.Out) {
	if s.Up {
		out.Flow(s.Name, pipeline.Classify, prioDiscovery,
			flow.Match{flow.MAC(flow.EthDst, group), flow.U32(flow.EthType, etherType)}, pipeline.Punt(id))
	}
}

// edge does the same where a host is wired to a physical network that carries networks by labels.
func (a app) edge(r *table.Reader, w intent.Wired, out *compile.Out) {
	if a.Labelled.Has(r, w.Physical, true) {
		out.Flow(w.Host, pipeline.Classify, prioDiscovery, flow.Match{
			flow.U32(flow.InPort, carry.PatchOFPort(a.MappedAt.List(r, w.Host), w.Physical)), flow.MAC(flow.EthDst, group), flow.U32(flow.EthType, etherType),
		}, pipeline.Punt(id))
	}
}

// found derives a link from two ends that have seen each other, unless one was given between them.
func (a app) found(r *table.Reader, s intent.Sighting, out *compile.Out) {
	ends := s.Ends()
	if _, both := a.Sightings.Get(r, intent.Sighting{From: s.To, To: s.From}); !both || len(a.LinksBetween.List(r, ends)) > 0 {
		return
	}
	compile.Emit(out, a.Adjacencies, intent.Adjacency{Ends: ends, Cost: defaultCost, State: a.state(r, ends)})
}

// given derives a link from one that was given.
func (a app) given(r *table.Reader, l intent.Link, out *compile.Out) {
	adjacency := intent.Adjacency{Ends: l.Ends, Cost: l.Cost, State: a.state(r, l.Ends), Given: true}
	if !l.Up {
		adjacency.State = max(adjacency.State, intent.Closed)
		out.Note(intent.ReasonDown, "the link is administratively down")
	}
	for _, end := range l.Ends {
		a.complain(r, end, out)
	}
	compile.Emit(out, a.Adjacencies, adjacency)
}

// complain says what keeps paths from the end of a link.
func (a app) complain(r *table.Reader, end intent.End, out *compile.Out) {
	s, bare := a.Switches.Get(r, end.Host)
	switch {
	case bare && !s.Labels:
		out.Pending("host %q does not switch labels (labelSwitching)", end.Host)
	case bare && !s.Online:
		out.Note("Offline", "host %q is not connected: paths avoid it", end.Host)
	case bare:
		if p, ok := a.SwitchPorts.Get(r, end); !ok {
			out.Pending("host %q has no port %q", end.Host, end.Port)
		} else if !p.Up {
			out.Note(intent.ReasonDown, "port %q of host %q is down", end.Port, end.Host)
		}
	default:
		if _, ok := a.Mappings.Get(r, intent.MappingKey{Host: end.Host, Physical: end.Port}); !ok {
			out.Pending("host %q has no bridge for physical network %q (weft-bridge-mappings)", end.Host, end.Port)
		}
	}
}

// state says what paths may do with a link, for the worse of its ends.
func (a app) state(r *table.Reader, ends [2]intent.End) intent.AdjacencyState {
	return max(a.end(r, ends[0]), a.end(r, ends[1]))
}

func (a app) end(r *table.Reader, end intent.End) intent.AdjacencyState {
	if s, bare := a.Switches.Get(r, end.Host); bare {
		p, ok := a.SwitchPorts.Get(r, end)
		switch {
		case !s.Labels || !ok || !p.Up:
			return intent.Broken
		case !s.Up:
			return intent.Closed
		case !s.Online:
			return intent.Avoided
		}
		return intent.Open
	}
	h, ok := a.Hosts.Get(r, end.Host)
	if !ok {
		return intent.Broken
	}
	if _, ok := a.Mappings.Get(r, intent.MappingKey{Host: end.Host, Physical: end.Port}); !ok {
		return intent.Broken
	}
	if !h.Up {
		return intent.Closed
	}
	return intent.Open
}
