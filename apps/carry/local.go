package carry

import "github.com/weft-sdn/weft/southbound/flow"

// Local is the type of networks that stay on one host.
var Local = local{}

type local struct{}

// Type implements Carrier.
func (local) Type() string { return "local" }

// Family implements Carrier.
func (local) Family() Family { return Nowhere }

// Leave implements Carrier: nothing leaves.
func (local) Leave(Segment, Remote) flow.Actions { return nil }

// Arrive implements Carrier: nothing arrives, so that nobody asks what matches it.
func (local) Arrive(Segment) (flow.Match, flow.Actions) { return nil, nil }
