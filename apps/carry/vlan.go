package carry

import "github.com/weft-sdn/weft/southbound/flow"

// VLAN carries frames on a physical network behind a tag with the id (IEEE 802.1Q).
var VLAN = vlan{}

type vlan struct{}

// Type implements Carrier.
func (vlan) Type() string { return "vlan" }

// Family implements Carrier.
func (vlan) Family() Family { return Wires }

// Leave implements Carrier.
func (vlan) Leave(s Segment, _ Remote) flow.Actions {
	return append(pushTag(customerTag, s.ID), flow.Output(s.OFPort))
}

// Arrive implements Carrier.
func (vlan) Arrive(s Segment) (flow.Match, flow.Actions) {
	return withTag(s, s.ID), flow.Actions{flow.PopVLAN()}
}
