package carry

import (
	"hash/fnv"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/southbound/flow"
)

// MPLS carries frames behind two labels (RFC 3032): the outer one leads to the host, and is changed at each router on the way;
// the inner one is the segment's id, and is followed by the frame itself without a control word (RFC 4448).
var MPLS = mpls{}

type mpls struct{}

// LabelEtherType is the Ethernet type of MPLS unicast (RFC 3032, section 5).
const LabelEtherType = 0x8847

// Packet types of the actions encap and decap (OpenFlow 1.5, section 7.2.3.11).
const (
	ethernetPacket = 0
	labelPacket    = 1<<16 | LabelEtherType
)

// labelTTL is the time to live of both labels: what a frame of a tenant says of its own is not touched (the pipe model of RFC
// 3443), as a network forwards it without routing it.
const labelTTL = 64

// Type implements Carrier.
func (mpls) Type() string { return "mpls" }

// Family implements Carrier.
func (mpls) Family() Family { return Paths }

// Leave implements Carrier: which path leads to the host is known in one place, so that a path that takes the place of another
// changes one flow and not those of every port.
func (mpls) Leave(s Segment, to Remote) flow.Actions {
	do := flow.Actions{pipeline.Inner.Set(uint64(s.ID))}
	if to.Edge != 0 {
		do = append(do, pipeline.Edge.Set(uint64(to.Edge)))
	}
	return append(do, flow.Resubmit(pipeline.Paths))
}

// Arrive implements Carrier. The outer label is off already.
func (mpls) Arrive(s Segment) (flow.Match, flow.Actions) {
	return flow.Match{flow.U32(flow.InPort, s.OFPort), flow.U32(flow.EthType, LabelEtherType), flow.U32(flow.MPLSLabel, s.ID), flow.U32(flow.MPLSBOS, 1)},
		flow.Actions{flow.Decap(), flow.DecapTo(ethernetPacket)}
}

// PushLabels puts a frame behind the label in register Inner and those given, and sends it by a port. What the pipeline knows of
// the frame stays as it was.
func PushLabels(labels []uint32, ofport uint32, src, dst flow.MACAddr) flow.Actions {
	do := flow.Actions{flow.Encap(labelPacket), flow.Move(pipeline.Inner, flow.Whole(flow.MPLSLabel)), flow.SetField(flow.U32(flow.MPLSTTL, labelTTL))}
	for _, label := range labels {
		do = append(do, flow.Encap(labelPacket), flow.SetField(flow.U32(flow.MPLSLabel, label)), flow.SetField(flow.U32(flow.MPLSTTL, labelTTL)))
	}
	return flow.Actions{flow.Clone(append(do,
		flow.Encap(ethernetPacket), flow.SetField(flow.MAC(flow.EthSrc, src)), flow.SetField(flow.MAC(flow.EthDst, dst)), flow.Output(ofport),
	)...)}
}

// PopLabel takes the transport label off, and leaves what is left of its time to live behind.
func PopLabel() flow.Actions { return flow.Actions{flow.PopMPLS(LabelEtherType)} }

// PopLabelUniform has the label below go on from the time to live of the one that is taken off. Open vSwitch does not have
// OpenFlow's copy_ttl_in, so a register carries it over.
func PopLabelUniform() flow.Actions {
	ttl := flow.Whole(flow.MPLSTTL)
	return flow.Actions{flow.DecMPLSTTL(), flow.Move(ttl, pipeline.Time), flow.PopMPLS(LabelEtherType), flow.Move(pipeline.Time, ttl)}
}

// EdgeMAC is the MAC address by which a host takes part in the label-switched paths of a physical network. It is made from
// their names, and locally administered.
func EdgeMAC(host, physical string) flow.MACAddr {
	h := fnv.New64a()
	_, _ = h.Write([]byte(host + "/" + physical)) // hashing cannot fail
	var m flow.MACAddr
	for i, sum := 0, h.Sum64(); i < len(m); i++ {
		m[i] = byte(sum >> (8 * i))
	}
	m[0] = m[0]&^3 | 2
	return m
}
