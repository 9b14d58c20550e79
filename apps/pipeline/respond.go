package pipeline

import (
	"net/netip"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	arpRequest, arpReply        = 1, 2
	solicitation, advertisement = 135, 136
	targetLinkLayerAddress      = 2   // RFC 4861, section 4.6.1
	ndHopLimit                  = 255 // RFC 4861, section 7.1

	// PrioAnswer is the priority of answers in Resolve. What must not be answered has a higher one.
	PrioAnswer = 100
)

// Role is what a station says of itself in neighbour advertisements (RFC 4861, section 4.4).
type Role uint32

// Roles: the flags S and O, and for a router R.
const (
	Endpoint Role = 0x60000000
	Gateway  Role = 0xe0000000
)

// Station is somebody whose address is answered for.
type Station struct {
	MAC flow.MACAddr
	IP  netip.Addr
	As  Role // zero: Endpoint
	// Back are the actions that take the answer to who asked; nil: by the port that the question came in by.
	Back flow.Actions
}

func (s Station) back() flow.Actions {
	if s.Back == nil {
		return flow.Actions{flow.InPortOutput()}
	}
	return s.Back
}

// ToSender takes a frame, by now addressed to who sent it, back into its network. Open vSwitch sends no frame out by the port
// that it came in by, unless that is forgotten; and a frame of this host's own may leave by any way. It is the controller's: no policy
// judges it.
func ToSender() flow.Actions {
	return flow.Actions{flow.SetField(flow.U32(flow.InPort, flow.PortController)), Via.Set(0), flow.Goto(L2)}
}

// SwapMACs addresses a frame to who sent it, from who it was for. It writes over NextHop6, which a frame that goes back has no use
// for.
func SwapMACs() flow.Actions {
	kept := flow.Part(NextHop6.ID, 0, 48)
	return flow.Actions{
		flow.Move(flow.Whole(flow.EthSrc), kept), flow.Move(flow.Whole(flow.EthDst), flow.Whole(flow.EthSrc)), flow.Move(kept, flow.Whole(flow.EthDst)),
	}
}

// Answer wants the flows that answer ARP requests or neighbour solicitations for a station's address on one host, in place
// of the station itself.
func Answer(out *compile.Out, host string, net flow.Field, s Station) {
	if s.IP.Is4() {
		answerARP(out, host, net, s)
	} else {
		answerND(out, host, net, s)
	}
}

func answerARP(out *compile.Out, host string, net flow.Field, s Station) {
	out.Flow(host, Resolve, PrioAnswer,
		flow.Match{net, flow.U32(flow.ARPOp, arpRequest), flow.IP(flow.ARPTPA, s.IP)},
		append(flow.Actions{
			flow.Move(flow.Whole(flow.EthSrc), flow.Whole(flow.EthDst)), flow.SetField(flow.MAC(flow.EthSrc, s.MAC)),
			flow.SetField(flow.U32(flow.ARPOp, arpReply)),
			flow.Move(flow.Whole(flow.ARPSHA), flow.Whole(flow.ARPTHA)), flow.SetField(flow.MAC(flow.ARPSHA, s.MAC)),
			flow.Move(flow.Whole(flow.ARPSPA), flow.Whole(flow.ARPTPA)), flow.SetField(flow.IP(flow.ARPSPA, s.IP)),
		}, s.back()...))
}

// answerND takes two tables: Open vSwitch lets the target link-layer address be written only where the match says that the
// message is an advertisement.
func answerND(out *compile.Out, host string, net flow.Field, s Station) {
	flags := s.As
	if flags == 0 {
		flags = Endpoint
	}
	out.Flow(host, Resolve, PrioAnswer,
		flow.Match{net, flow.U32(flow.ICMPv6Type, solicitation), flow.U32(flow.ICMPv6Code, 0), flow.IP(flow.NDTarget, s.IP)},
		flow.Actions{
			flow.Move(flow.Whole(flow.EthSrc), flow.Whole(flow.EthDst)), flow.SetField(flow.MAC(flow.EthSrc, s.MAC)),
			flow.Move(flow.Whole(flow.IPv6Src), flow.Whole(flow.IPv6Dst)), flow.SetField(flow.IP(flow.IPv6Src, s.IP)),
			flow.SetField(flow.U32(flow.IPTTL, ndHopLimit)),
			flow.SetField(flow.U32(flow.NDOptionsType, targetLinkLayerAddress)),
			flow.SetField(flow.U32(flow.NDReserved, uint32(flags))),
			flow.SetField(flow.U32(flow.ICMPv6Type, advertisement)),
			flow.Goto(ResolveND),
		})
	out.Flow(host, ResolveND, PrioAnswer,
		flow.Match{net, flow.U32(flow.ICMPv6Type, advertisement), flow.U32(flow.ICMPv6Code, 0), flow.IP(flow.NDTarget, s.IP)},
		append(flow.Actions{flow.SetField(flow.MAC(flow.NDTLL, s.MAC))}, s.back()...))
}
