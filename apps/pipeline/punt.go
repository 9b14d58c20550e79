package pipeline

import (
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Punt hands a packet to the controller, for the handler of an app, and ends its way. What follows are notes to it, at most one.
func Punt(app uint8, why ...byte) flow.Actions {
	return flow.Actions{handler(app, why), flow.Goto(ToController)}
}

// PuntCopy hands a packet to the controller and has it go on, unless whoever sent it has more handed over than its meter lets.
func PuntCopy(app uint8, why ...byte) flow.Actions {
	return flow.Actions{handler(app, why), flow.Resubmit(ToController)}
}

func handler(app uint8, why []byte) flow.Action {
	n := uint64(app) << 8
	for _, note := range why {
		n |= uint64(note)
	}
	return Handler.Set(n)
}

// Punted reads from the pipeline's state for which app a packet is, and the note.
func Punted(handler uint64) (app uint8, why byte) { return uint8(handler >> 8), byte(handler) }

// HandledBy matches packets for the handler of an app.
func HandledBy(app uint8) flow.Field { return flow.Part(Handler.ID, Handler.Off+8, 8).Is(uint64(app)) }

// HandOver is what table to_controller does with a packet. The mark says that it is one of ours.
func HandOver() flow.Action { return flow.ToController(flow.ControllerSpec{UserData: "w"}) }

// Metered wants packets of some origin to be handed to the controller by a meter of their own.
func Metered(out *compile.Out, host string, priority uint16, m flow.Match, meter flow.Meter) {
	out.Meter(host, meter)
	out.Flow(host, ToController, priority, m, flow.Actions{flow.ToMeter(meter.ID), HandOver()})
}

// Priorities in table to_controller: what a port of the host sends, what a router with its gateway or floating IPs there got from
// elsewhere, answers to what the controller asked, and the rest.
const (
	PrioPort    = 100
	PrioRouter  = 50
	PrioAnswers = 20
	PrioRest    = 1
)

// The numbers of meters: the uppermost byte says that they are ours, the next bit that what follows is a router's tag, and the seventh after
// it that it is a port for the log.
const (
	ourMeters    = 0x57 << 24
	routerMeters = ourMeters | 1<<23
	logMeters    = ourMeters | 1<<17
	restMeter    = ourMeters | 1<<16
	answerMeter  = restMeter + 1
)

// LogMeter is for what the log is told of one port.
func LogMeter(ofport uint32) flow.Meter { return flow.PacketMeter(logMeters|ofport&0xffff, 50, 100) }

// PortMeter is for all that one port has the controller do: DHCP, router solicitations, multicast reports, errors.
func PortMeter(ofport uint32) flow.Meter { return flow.PacketMeter(ourMeters|ofport&0xffff, 100, 200) }

// RouterMeter is for what comes to one router from outside, and from other hosts for its gateway.
func RouterMeter(tag uint32) flow.Meter {
	return flow.PacketMeter(routerMeters|tag&(1<<23-1), 200, 400)
}

// AnswerMeter is for the answers of stations on physical networks.
func AnswerMeter() flow.Meter { return flow.PacketMeter(answerMeter, 1000, 2000) }

// RestMeter is for everything else.
func RestMeter() flow.Meter { return flow.PacketMeter(restMeter, 500, 1000) }

// DeliverTo returns the actions of a packet-out that leaves by a port in the way that all frames do.
func DeliverTo(port uint32) flow.Actions {
	return flow.Actions{OutPort.Set(uint64(port)), flow.Resubmit(Deliver)}
}

// ErrorApp is the app that tells the senders of packets what became of them.
const ErrorApp = 14

// RejectApp is the app that tells the senders of packets that they are rejected.
const RejectApp = 18

// LogApp is for whom packets are that the log is told of. No app answers them: they go to the controller's log.
const LogApp = 19

// loggedBytes is how much of a packet the log is told: its headers.
const loggedBytes = 192

// ToLog is what table log does with a packet. What the meter does not let through is not told of; the packet itself goes on.
func ToLog(meter flow.Meter) flow.Actions {
	return flow.Actions{handler(LogApp, nil), flow.ToController(flow.ControllerSpec{UserData: "w", MaxLen: loggedBytes, Meter: meter.ID, MeterGiven: true})}
}

// Reject has the sender of a packet told that it is rejected, by a TCP reset or by ICMP.
func Reject() flow.Actions { return Punt(RejectApp) }

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
	Rejected                        // a firewall rejects it
)

// Tell has the sender of a packet told of its fate.
func Tell(why Fate) flow.Actions { return Punt(ErrorApp, byte(why)) }

// ethHeader are the bytes of an Ethernet header, which the MTU of a network leaves out.
const ethHeader = 14

// CheckSize finds out whether a packet is larger than a network carries.
func CheckSize(mtu uint32) flow.Action { return flow.CheckPktLarger(uint16(mtu+ethHeader), Large) }
