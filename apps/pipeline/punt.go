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

// ErrorApp is the app that tells the senders of packets what became of them.
const ErrorApp = 14

// Fate says why a router does not forward a packet. Flows and handlers tell ErrorApp.
type Fate byte

// The fates.
const (
	Expired         Fate = iota + 1 // its time to live is over
	NoRoute                         // no route holds its destination
	Prohibited                      // a route rejects it
	NoHost                          // nobody is known to have the next hop's address
	NoPort                          // it is for the router itself, which has no such port
	TooLarge                        // the network that it goes to does not carry so much
	TooLargeOutside                 // the external network does not, to which it would go by way of another host
	Pinged                          // nothing is wrong: it is a ping that came by way of another router
)

// Tell has the sender of a packet told of its fate.
func Tell(why Fate) flow.Actions { return flow.Actions{Punt(ErrorApp, byte(why))} }

// ethHeader are the bytes of an Ethernet header, which the MTU of a network leaves out.
const ethHeader = 14

// CheckSize finds out whether a packet is larger than a network carries.
func CheckSize(mtu uint32) flow.Action { return flow.CheckPktLarger(uint16(mtu+ethHeader), Large) }
