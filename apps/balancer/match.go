package balancer

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Fragments: the first, and later ones. Flows see the ports of none, and what is known of the connection those of the first alone.
var (
	anyFragment   = flow.Part(flow.IPFrag, 0, 1).Is(1)
	firstFragment = flow.U32(flow.IPFrag, 1)
	laterFragment = flow.U32(flow.IPFrag, 3)
)

// Types of ICMP errors (RFC 792, RFC 4443).
var (
	errors4 = []uint32{3, 11, 12}
	errors6 = []uint32{1, 2, 3, 4}
)

// ends match what a server sends from the ports that it serves at.
func ends(s intent.ServedBy) []flow.Match {
	field := flow.UDPSrc
	if s.Protocol == protoTCP {
		field = flow.TCPSrc
	}
	m := flow.Match{ethType(s.Server.Is4()), flow.U32(flow.IPProto, uint32(s.Protocol)), source(s.Server)}
	var all []flow.Match
	for _, block := range pipeline.PortBlocks(s.Ports.First, s.Ports.Last) {
		all = append(all, with(m, block.Of(field)))
	}
	// Of IPv6, later fragments say 44 for a protocol.
	return append(all, flow.Match{ethType(s.Server.Is4()), source(s.Server), anyFragment})
}

// answers match what of a server may be for a client: besides what its ports send, errors about what they got.
func answers(s intent.ServedBy) []flow.Match {
	all := ends(s)
	if s.Server.Is4() {
		for _, t := range errors4 {
			all = append(all, flow.Match{source(s.Server), flow.U32(flow.ICMPv4Type, t)})
		}
		return all
	}
	for _, t := range errors6 {
		all = append(all, flow.Match{source(s.Server), flow.U32(flow.ICMPv6Type, t)})
	}
	return all
}
