package carry

import (
	"fmt"
	"net/netip"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Family is how a way of carrying reaches other hosts.
type Family int

// The families.
const (
	// Tunnels reach one host at a time, by its tunnel address.
	Tunnels Family = iota
	// Wires reach every host and everything else on a physical network at once, through a patch port to its bridge.
	Wires
	// Paths reach one host at a time, by a label-switched path.
	Paths
	// Nowhere reaches no other host.
	Nowhere
)

// Carrier is one way of carrying.
type Carrier interface {
	// Type is the type of the segments that it carries: "vxlan".
	Type() string
	// Family is how it reaches other hosts.
	Family() Family
	// Leave returns the actions that send a frame of a segment to a remote: a host, or for Wires the wire.
	Leave(s Segment, to Remote) flow.Actions
	// Arrive returns what matches the frames of a segment in table Classify (of Paths, in table ClassifyLabel), and what undoes
	// the encapsulation.
	Arrive(s Segment) (flow.Match, flow.Actions)
}

// Nested is a Carrier with segments whose frames are told apart in two steps, as their tags are.
type Nested interface {
	Carrier
	// Outer returns what matches the frames of a segment in table Classify, together with those of others, and what undoes
	// that much of the encapsulation; false for a segment that needs one step only. Arrive is then for table ClassifyInner.
	Outer(s Segment) (flow.Match, flow.Actions, bool)
}

// Segment is what a carrier needs to know of a network's segment on one host.
type Segment struct {
	ID, Inner   uint32 // on the wire, as in intent.Segment
	Transparent bool   // frames may carry VLAN tags of the ports' own
	OFPort      uint32 // Wires and Paths: the patch port to the physical network's bridge
}

// Remote is what a carrier needs to know of where a frame goes. Wires need nothing.
type Remote struct {
	IP   netip.Addr // Tunnels: the host's tunnel address; zero: one that is set already
	Edge uint32     // Paths: the host's number; 0: one that is set already
}

// All lists every way of carrying.
var All = []Carrier{Local, Flat, VLAN, QinQ, VXLAN, Geneve, GRE, NVGRE, MPLSGRE, MPLS}

// Of finds what carries segments of a type.
func Of(segmentType string) (Carrier, error) {
	for _, c := range All {
		if c.Type() == segmentType {
			return c, nil
		}
	}
	return nil, fmt.Errorf("nothing carries networks of type %q", segmentType)
}
