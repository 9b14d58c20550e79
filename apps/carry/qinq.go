package carry

import "github.com/weft-sdn/weft/southbound/flow"

// QinQ carries frames on a physical network behind a service tag with the id, and where there is an inner id behind a customer
// tag as well (IEEE 802.1ad). Without an inner id, the tags of a transparent network's ports are the customer tags.
//
// Open vSwitch matches the id of a tag but not its type, so that a service tag and a customer tag with one id are one to it.
var QinQ = qinq{}

type qinq struct{}

// Type implements Carrier.
func (qinq) Type() string { return "qinq" }

// Family implements Carrier.
func (qinq) Family() Family { return Wires }

// Leave implements Carrier.
func (qinq) Leave(s Segment, _ Remote) flow.Actions {
	var do flow.Actions
	if s.Inner != 0 {
		do = pushTag(customerTag, s.Inner)
	}
	return append(append(do, pushTag(serviceTag, s.ID)...), flow.Output(s.OFPort))
}

// Outer implements Nested: an outer id is shared by the networks that its inner ids tell apart.
func (qinq) Outer(s Segment) (flow.Match, flow.Actions, bool) {
	return withTag(s, s.ID), flow.Actions{flow.PopVLAN()}, s.Inner != 0
}

// Arrive implements Carrier.
func (qinq) Arrive(s Segment) (flow.Match, flow.Actions) {
	if s.Inner != 0 {
		return withTag(s, s.Inner), flow.Actions{flow.PopVLAN()}
	}
	return withTag(s, s.ID), flow.Actions{flow.PopVLAN()}
}
