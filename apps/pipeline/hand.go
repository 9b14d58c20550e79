package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// Guard is by which policy a port is judged; the zero Guard: by none.
type Guard struct {
	Policy    uint64
	Stateless bool
}

// HandTo returns the actions that choose a port of this host as the one to deliver to, and the table that goes on with the frame: where
// policies of the port are asked first, if it has any.
func HandTo(ofport uint32, g Guard) (flow.Actions, uint8) {
	if g.Policy == 0 {
		return flow.Actions{OutPort.Set(uint64(ofport))}, Deliver
	}
	return append(flow.Actions{OutPort.Set(uint64(ofport))}, g.Set()...), Received
}

// Set says by which policy a port is judged.
func (g Guard) Set() flow.Actions {
	stateless := uint64(0)
	if g.Stateless {
		stateless = 1
	}
	return flow.Actions{Policy.Set(g.Policy), Stateless.Set(stateless)}
}
