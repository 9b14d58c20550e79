package pipeline

import (
	"net/netip"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Leave returns the actions that send a frame of a network to another host: id is the network's id on the wire, remote the
// host's tunnel address.
func (e Encap) Leave(id uint32, remote netip.Addr) flow.Actions {
	dst := flow.TunDst
	if remote.Is6() {
		dst = flow.TunIPv6Dst
	}
	return flow.Actions{
		flow.SetField(flow.U64(flow.TunID, uint64(id))),
		flow.SetField(flow.IP(dst, remote)),
		flow.Output(e.OFPort),
	}
}

// Arrive matches the frames of a network that other hosts send.
func (e Encap) Arrive(id uint32) flow.Match {
	return flow.Match{flow.U32(flow.InPort, e.OFPort), flow.U64(flow.TunID, uint64(id))}
}
