package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// Punt hands a packet to the controller, for the handler of an app. What follows are notes to it, at most one.
func Punt(app uint8, why ...byte) flow.Action {
	return flow.ToController(flow.ControllerSpec{UserData: string(append([]byte{app}, why...))})
}

// DeliverTo returns the actions of a packet-out that leaves by a port in the way that all frames do.
func DeliverTo(port uint32) flow.Actions {
	return flow.Actions{OutPort.Set(uint64(port)), flow.Resubmit(Deliver)}
}
