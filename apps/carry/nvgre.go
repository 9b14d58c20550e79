package carry

import "github.com/weft-sdn/weft/southbound/flow"

// NVGRE carries frames in IP as GRE does, with the virtual subnet id (VSID) in the upper 24 bits of the key and, in the lower 8,
// entropy by which routers on the way spread flows over their links (RFC 7637, section 3.2).
//
// On the wire an NVGRE frame is a GRE frame with a key, and Open vSwitch refuses a second port of one kind ("File exists"). So
// both share the port, and a GRE key in the range of a VSID would be one network's frames in another.
//
// Invariant: no network of type gre has a key whose upper 24 bits are the VSID of one of type nvgre (controller/intent).
var NVGRE = nvgre{Tunnel{typ: "nvgre", Port: GRE.Port, Interface: GRE.Interface, OFPort: GRE.OFPort}}

type nvgre struct{ Tunnel }

// flowIDBits is how many bits of the key are the FlowID.
const flowIDBits = 8

var flowID = flow.Part(flow.TunID, 0, flowIDBits)

// Leave implements Carrier. The hash is symmetric, so that both directions of a connection have one FlowID; it is the
// one of those that looks at the ports of UDP, too.
func (n nvgre) Leave(s Segment, to Remote) flow.Actions {
	key := flow.Actions{
		flow.SetField(flow.U64(flow.TunID, uint64(s.ID)<<flowIDBits)),
		flow.Multipath(flow.MultipathSpec{Fields: flow.HashSymmetricL3L4UDP, Algorithm: flow.HashThreshold, Links: 1 << flowIDBits}, flowID),
	}
	return append(setRemote(key, to), flow.Output(n.OFPort))
}

// Arrive implements Carrier: any FlowID will do (RFC 7637, section 3.2).
func (n nvgre) Arrive(s Segment) (flow.Match, flow.Actions) {
	return flow.Match{flow.U32(flow.InPort, n.OFPort), flow.Part(flow.TunID, flowIDBits, 24).Is(uint64(s.ID))}, nil
}
