package carry

import "github.com/weft-sdn/weft/southbound/flow"

// Flat carries frames on a physical network as they are.
var Flat = flat{}

type flat struct{}

// Type implements Carrier.
func (flat) Type() string { return "flat" }

// Family implements Carrier.
func (flat) Family() Family { return Wires }

// Leave implements Carrier.
func (flat) Leave(s Segment, _ Remote) flow.Actions { return flow.Actions{flow.Output(s.OFPort)} }

// Arrive implements Carrier. A transparent network has every frame of the wire that no tag makes another's.
func (flat) Arrive(s Segment) (flow.Match, flow.Actions) {
	m := flow.Match{flow.U32(flow.InPort, s.OFPort)}
	if !s.Transparent {
		m = append(m, flow.U32(flow.VLANVID, 0))
	}
	return m, nil
}
