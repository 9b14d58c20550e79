package intent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// End is where a link ends: a port of a bare switch, by its name, or a host's way into a physical network.
type End struct{ Host, Port string }

// String returns "eth1 of p1".
func (e End) String() string { return e.Port + " of " + e.Host }

func (e End) less(o End) bool {
	return e.Host < o.Host || e.Host == o.Host && e.Port < o.Port
}

// ordered returns two ends, the lesser first.
func ordered(a, b End) [2]End {
	if b.less(a) {
		return [2]End{b, a}
	}
	return [2]End{a, b}
}

// Link is a link that was given.
type Link struct {
	Key  Key
	Ends [2]End // the lesser first
	Cost uint32 // of a path over it
	Up   bool   // administratively
}

// Switch is a bare switch: a host without OVSDB.
type Switch struct {
	Name   string
	Up     bool // administratively
	Labels bool // it switches labels
	Online bool // it is connected
}

// SwitchPort is a port of a bare switch, as the switch reports it.
type SwitchPort struct {
	End    End
	OFPort uint32
	MAC    flow.MACAddr
	Up     bool // it has carrier and is administratively up
}

// Sighting says that what one end sent was received at another: observed by apps/topology.
type Sighting struct{ From, To End }

// String returns "eth1 of p1 seen at eth2 of p2".
func (s Sighting) String() string { return s.From.String() + " seen at " + s.To.String() }

// Ends are the ends of the link that a sighting tells of, the lesser first.
func (s Sighting) Ends() [2]End { return ordered(s.From, s.To) }

// AdjacencyState says what paths may do with an adjacency.
type AdjacencyState uint8

// The states, the best first.
const (
	Open    AdjacencyState = iota // anything
	Avoided                       // use it where there is no other way: nobody knows whether it works
	Closed                        // stay until there is another way
	Broken                        // leave at once
)

// Adjacency is a link that paths may use, given or found, with the state of what it joins.
type Adjacency struct {
	Ends  [2]End // the lesser first
	Cost  uint32
	State AdjacencyState
	Given bool // there is a Link that says so
}

// Demand says that frames go from one host to another by label-switched paths over a physical network.
type Demand struct{ Physical, From, To string }

// String returns "path from h1 to h2 over core".
func (d Demand) String() string { return "path from " + d.From + " to " + d.To + " over " + d.Physical }

// EdgeKey names a host at the edge of the label-switched paths of a physical network.
type EdgeKey struct{ Physical, Host string }

// String returns "h1 at the edge of core".
func (k EdgeKey) String() string { return k.Host + " at the edge of " + k.Physical }

// Edge is a host at the edge of label-switched paths, with the number by which flows know it. The number is an observed fact:
// it stays as long as the host has paths.
type Edge struct {
	Key    EdgeKey
	Number uint32
}

// PathState says how far a path has come.
type PathState uint8

// The states.
const (
	Standby  PathState = iota // being made along its way, and not used yet
	Active                    // used
	Retiring                  // used no more, and still there for what is under way
)

// PathKey names a path. A path that takes another's place has another label.
type PathKey struct {
	Demand
	Label uint32 // on the first link
}

// String returns "path from h1 to h2 over core, label 16".
func (k PathKey) String() string { return fmt.Sprintf("%s, label %d", k.Demand, k.Label) }

// PathHop is a link of a path in its direction, and the transport label of frames on it.
type PathHop struct {
	Out, In End
	Label   uint32
}

// Popping says where the transport label of a path comes off, and what becomes of its time to live.
type Popping uint8

// The ways. Where a path is one link long there is no transport label, and the second and the third are the same.
const (
	PopAtEnd   Popping = iota // the host where the path ends takes it off
	PopPipe                   // the switch before it does; the network's label arrives as it was sent (RFC 3443, section 3.2)
	PopUniform                // the switch before it does, and the network's label counts on from it (RFC 3443, section 3.1)
)

// PoppingOf returns what a host is configured for.
func PoppingOf(spec *weftv1.HostSpec) Popping {
	switch {
	case !spec.GetPenultimateHopPopping():
		return PopAtEnd
	case spec.GetTtlModel() == ttlUniform:
		return PopUniform
	}
	return PopPipe
}

// ImplicitNull is the label of a path's last link when there is none (RFC 3032, section 2.1).
const ImplicitNull = 3

// Path is a label-switched path. Which way it takes and which labels it has were decided once: a path is never changed, but
// for its state, and what is unrelated to it does not renumber it.
type Path struct {
	Key   PathKey
	Hops  []PathHop // at least one
	State PathState
	// Popping is where the transport label comes off. Unless that is at the end, the last hop's label is ImplicitNull.
	Popping Popping
}

// Equal tells whether two rows are the same.
func (p Path) Equal(o Path) bool {
	return p.Key == o.Key && p.State == o.State && p.Popping == o.Popping && slices.Equal(p.Hops, o.Hops)
}

// Last is the hop that arrives.
func (p Path) Last() PathHop { return p.Hops[len(p.Hops)-1] }

// Route returns "h1 p1 p2 h2".
func (p Path) Route() string {
	names := []string{p.Key.From}
	for _, h := range p.Hops {
		names = append(names, h.In.Host)
	}
	return strings.Join(names, " ")
}

// topology makes the tables of switches, links and paths.
func (t *Tables) topology() {
	db := t.DB
	t.Links = table.New(db, "link", func(l Link) Key { return l.Key })
	t.FlowRules = table.New(db, "flowrule", func(f FlowRule) Key { return f.Key })
	t.Switches = table.New(db, "switch", func(s Switch) string { return s.Name })
	t.Switches.TextFunc(func(name string) string { return "host/" + name })
	t.SwitchPorts = table.New(db, "switchport", func(p SwitchPort) End { return p.End })
	t.Sightings = table.New(db, "sighting", func(s Sighting) Sighting { return s })
	t.Adjacencies = table.New(db, "adjacency", func(a Adjacency) [2]End { return a.Ends })
	t.Demands = table.New(db, "demand", func(d Demand) Demand { return d })
	t.Edges = table.New(db, "edge", func(e Edge) EdgeKey { return e.Key })
	t.Paths = table.New(db, "path", func(p Path) PathKey { return p.Key })
	t.PortsOf = table.NewIndex(t.SwitchPorts, "ports of switch", func(p SwitchPort, add func(string)) { add(p.End.Host) })
	t.LinksBetween = table.NewSet(t.Links, "links between", func(l Link, add func([2]End, Key)) { add(l.Ends, l.Key) })
	t.Labelled = table.NewSet(t.Segments, "labels on", func(s Segment, add func(string, bool)) {
		if s.Type == "mpls" {
			add(s.Physical, true)
		}
	})
	t.PathsOf = table.NewIndex(t.Paths, "paths of", func(p Path, add func(Demand)) { add(p.Key.Demand) })
	t.PoppedAt = table.NewSet(t.Paths, "popped before", func(p Path, add func(EdgeKey, bool)) {
		if p.Popping != PopAtEnd {
			add(EdgeKey{Physical: p.Key.Physical, Host: p.Key.To}, true)
		}
	})
}

// ActivePath returns the path in use between two hosts.
func (t *Tables) ActivePath(r *table.Reader, d Demand) (Path, bool) {
	for p := range t.PathsOf.List(r, d) {
		if p.State == Active {
			return p, true
		}
	}
	return Path{}, false
}
