package mcast

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// groupBit tells the Ethernet addresses of groups from those of stations.
var groupBit = flow.MACAddr{0: 0x01}

var (
	// fromHere matches frames of the host's own ports.
	fromHere = pipeline.Via.Is(0)
	// chosen matches frames of networks for which the hosts that get a group are chosen here, and not by apps/l2.
	chosen = pipeline.Chosen.Is(1)
)

// families match IP multicast.
func families() []flow.Field {
	return []flow.Field{flow.Prefix(flow.IPv4Dst, groups4), flow.Prefix(flow.IPv6Dst, groups6)}
}

// ports are OpenFlow ports that get a copy, with their policies.
type ports map[uint32]pipeline.Guard

func (p ports) copies() flow.Actions {
	var do flow.Actions
	for _, port := range slices.Sorted(maps.Keys(p)) {
		hand, next := pipeline.HandTo(port, p[port])
		do = append(append(do, hand...), flow.Resubmit(next))
	}
	return do
}

// reports match what listeners say, which is for multicast routers alone: a listener that hears another one may keep silent
// (RFC 4541, section 2.1.1). In IGMP, that is everything but queries to all; Open vSwitch does not match its types.
func reports() []flow.Match {
	return []flow.Match{
		{flow.U32(flow.EthType, ethIPv4), flow.U32(flow.IPProto, protoIGMP)},
		{flow.U32(flow.ICMPv6Type, mldReport)}, {flow.U32(flow.ICMPv6Type, mldDone)}, {flow.U32(flow.ICMPv6Type, mldReport2)},
	}
}

func destination(group netip.Addr) flow.Field {
	if group.Is4() {
		return flow.IP(flow.IPv4Dst, group)
	}
	return flow.IP(flow.IPv6Dst, group)
}

func sender(source netip.Addr) flow.Field {
	if source.Is4() {
		return flow.IP(flow.IPv4Src, source)
	}
	return flow.IP(flow.IPv6Src, source)
}

// way is how a network that is carried by one kind of tunnel alone reaches a host.
type way struct {
	by      carry.Carrier
	segment carry.Segment
}

func (a app) tunnel(r *table.Reader, n intent.Network) (way, bool) {
	var all []intent.Segment
	for s := range a.SegmentsOf.List(r, n.Key) {
		all = append(all, s)
	}
	if len(all) != 1 {
		return way{}, false
	}
	by, err := carry.Of(all[0].Type)
	if err != nil || by.Family() != carry.Tunnels {
		return way{}, false
	}
	return way{by, carry.Segment{ID: all[0].ID, Transparent: n.Transparent}}, true
}

// to copies a frame to the hosts and to the local ports that listen to a group, and to multicast routers.
func (a app) to(r *table.Reader, w way, s intent.Site, group netip.Addr) flow.Actions {
	hosts, shards := map[string]bool{}, map[uint32]bool{}
	for _, g := range []netip.Addr{group, {}} {
		for _, host := range a.HeardOn.List(r, intent.GroupOf{Network: s.Network, Group: g}) {
			hosts[host] = true
		}
		for _, shard := range a.HeardAt.List(r, intent.GroupAt{Site: s, Group: g}) {
			shards[shard] = true
		}
	}
	var do flow.Actions
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		if h, ok := a.Hosts.Get(r, host); ok && host != s.Host && h.TunnelIP.IsValid() {
			do = append(do, w.by.Leave(w.segment, carry.Remote{IP: h.TunnelIP})...)
		}
	}
	if len(shards) > 0 {
		do = append(do, pipeline.Asked.Set(1))
	}
	for _, shard := range slices.Sorted(maps.Keys(shards)) {
		do = append(do, pipeline.Shard.Set(uint64(shard)), flow.Resubmit(pipeline.FloodLocal))
	}
	return do
}
