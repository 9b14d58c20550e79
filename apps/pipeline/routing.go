package pipeline

import (
	"net/netip"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Ranks of routes to one prefix in table route. The connected one counts before the static (RFC 1812, section 5.2.4.3).
const (
	RankStatic = iota
	RankFragments
	RankConnected
	ranks
)

// RoutePriority orders routes in table route: the longer prefix first.
func RoutePriority(p netip.Prefix, rank int) uint16 { return uint16(100 + p.Bits()*ranks + rank) }

const (
	icmpEchoReply, icmpEcho     = 0, 8
	icmpv6Echo, icmpv6EchoReply = 128, 129

	ttlOfOurs = 64 // of packets that a router makes (RFC 1700)
)

// EchoReply returns what matches an echo request to an address and turns it into the reply (RFC 792, RFC 4443 section 4.2).
// Ethernet addresses are left as they are.
func EchoReply(ip netip.Addr) (flow.Match, flow.Actions) {
	if ip.Is4() {
		return flow.Match{flow.IP(flow.IPv4Dst, ip), flow.U32(flow.ICMPv4Type, icmpEcho), flow.U32(flow.ICMPv4Code, 0)},
			flow.Actions{
				flow.Move(flow.Whole(flow.IPv4Src), flow.Whole(flow.IPv4Dst)), flow.SetField(flow.IP(flow.IPv4Src, ip)),
				flow.SetField(flow.U32(flow.ICMPv4Type, icmpEchoReply)), flow.SetField(flow.U32(flow.IPTTL, ttlOfOurs)),
			}
	}
	return flow.Match{flow.IP(flow.IPv6Dst, ip), flow.U32(flow.ICMPv6Type, icmpv6Echo), flow.U32(flow.ICMPv6Code, 0)},
		flow.Actions{
			flow.Move(flow.Whole(flow.IPv6Src), flow.Whole(flow.IPv6Dst)), flow.SetField(flow.IP(flow.IPv6Src, ip)),
			flow.SetField(flow.U32(flow.ICMPv6Type, icmpv6EchoReply)), flow.SetField(flow.U32(flow.IPTTL, ttlOfOurs)),
		}
}
