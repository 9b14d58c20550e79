package route

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// families are an address of each.
var families = []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}

// policy does with packets what a policy route says, before the routes see them.
func (a app) policy(r *table.Reader, p intent.Policy, out *compile.Out) {
	router, ok := a.Routers.Get(r, p.Key.Router)
	if !ok || !router.Up {
		return
	}
	ways := a.ways(r, router, p.Hops, func(problem string) { out.Pending("policy route %d: %s", p.Key.Priority, problem) })
	prio := 2 * p.Key.Priority // one more is for fragments
	for _, family := range families {
		if !p.About(family) {
			continue
		}
		match := append(about(p, family), pipeline.Router.Is(uint64(router.Tag)))
		for _, host := range a.ActiveOn.List(r, p.Key.Router) {
			switch {
			case p.Action == intent.Allow:
				out.Flow(host, pipeline.PolicyRoute, prio, match, flow.Actions{flow.Goto(pipeline.Route)})
			case len(ways) == 0: // also where none of the next hops can be
				out.Flow(host, pipeline.PolicyRoute, prio, match, nil)
			case len(ways) == 1:
				out.Flow(host, pipeline.PolicyRoute, prio, match, ways[0].do)
			default:
				d := dealt{pipeline.PolicyRoute, router, uint64(p.Key.Priority), ways}
				d.spread(out, host, prio, match)
				d.take(out, host, prio, flow.Match{ofFamily(family), pipeline.Router.Is(uint64(router.Tag))})
			}
		}
	}
}

func ofFamily(ip netip.Addr) flow.Field {
	if ip.Is4() {
		return flow.U32(flow.EthType, ethIPv4)
	}
	return flow.U32(flow.EthType, ethIPv6)
}

// about matches the packets of a family that a policy route is about.
func about(p intent.Policy, family netip.Addr) flow.Match {
	match := flow.Match{ofFamily(family)}
	source, destination, protocol := flow.IPv4Src, flow.IPv4Dst, p.Protocol4
	if family.Is6() {
		source, destination, protocol = flow.IPv6Src, flow.IPv6Dst, p.Protocol6
	}
	if p.Source.IsValid() {
		match = append(match, flow.Prefix(source, p.Source))
	}
	if p.Destination.IsValid() {
		match = append(match, flow.Prefix(destination, p.Destination))
	}
	if protocol != 0 {
		match = append(match, flow.U32(flow.IPProto, uint32(protocol)))
	}
	return match
}
