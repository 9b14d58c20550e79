package carry

import "github.com/weft-sdn/weft/southbound/flow"

// MPLSGRE carries frames behind one label in GRE with protocol type 0x8847 (RFC 4023), where there is only IP between hosts: the IP
// header does what a transport label would. The label is the segment's id, and is followed by the frame itself without a control word
// (RFC 4448).
//
// Its port takes packets without an Ethernet header of their own (packet_type=legacy_l3), and so is another one than that of GRE: Open
// vSwitch tells them apart by the protocol type. There is no key.
var MPLSGRE = mplsGRE{Tunnel{typ: "mpls-gre", Port: "weft-mplsgre", Interface: "gre", OFPort: 65004, Options: []string{"packet_type=legacy_l3"}}}

type mplsGRE struct{ Tunnel }

// Leave implements Carrier. What the pipeline knows of the frame stays as it was.
func (m mplsGRE) Leave(s Segment, to Remote) flow.Actions {
	return append(setRemote(nil, to), flow.Clone(
		flow.Encap(labelPacket), flow.SetField(flow.U32(flow.MPLSLabel, s.ID)), flow.SetField(flow.U32(flow.MPLSTTL, labelTTL)), flow.Output(m.OFPort)))
}

// Arrive implements Carrier. What comes in by such a port has an empty Ethernet header, which Open vSwitch puts before it so that the
// bridge can look it up.
func (m mplsGRE) Arrive(s Segment) (flow.Match, flow.Actions) {
	return flow.Match{flow.U32(flow.InPort, m.OFPort), flow.U32(flow.EthType, LabelEtherType), flow.U32(flow.MPLSLabel, s.ID), flow.U32(flow.MPLSBOS, 1)},
		flow.Actions{flow.Decap(), flow.DecapTo(ethernetPacket)}
}
