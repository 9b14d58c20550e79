// Package l2 forwards frames inside a network: known unicast to the one host and port that has the address, broadcast and
// multicast to every port of the network, copied once to each remote host that has it.
package l2

import (
	"math"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

type app struct{ *intent.Tables }

// Priorities. Frames with a tag are matched before a transparent network takes every frame of a wire.
const (
	prioTagged, prioWhole = 100, 90  // classify
	prioGroup             = 120      // wire_origin: a group address is nobody's
	prioWire              = 110      // wire_origin, wire_source: hosts' own addresses for routers
	prioPort              = 100      // wire_origin, l2: a port's address; in l2, of a port of this host
	prioGiant             = 97       // l2: what is too large leaves the host by no way
	prioRouted            = 250      // neighbour: what is too large has been answered before, if it is to be
	prioFar               = 95       // l2: the address of a port of another host
	prioAway              = 90       // l2: the same, from where the port itself is
	prioAnybody           = 10       // wire_origin, l2: an address that is no port's
	prioLearned, prioBack = 100, 110 // unknown: a way that was learned, but not the one that the frame came by
)

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "l2", ID: 6, Rules: []compile.Rule{
		compile.ForEach("base", t.Hosts, a.base),
		compile.About("attach", t.Bindings, intent.Key.String, a.attach),
		compile.ForEach("forward", t.Ports, a.forward),
		compile.About("central", t.Centrals, centralNetwork, a.central),
		compile.About("receive", t.Reaches, reachNetwork, a.receive),
		compile.About("flood", t.Reaches, reachNetwork, a.flood),
		compile.About("routed", t.RouterInterfaces, interfaceRouter, a.routed),
		compile.About("wire_source", t.RouterInterfaces, interfaceRouter, a.wireSource),
		compile.About("shard", t.Shards, shardNetwork, a.shard),
	}}
}

// Sites, shards and interfaces are no resources of their own: what is said of them is said of what they belong to.
func reachNetwork(x intent.Reach) string          { return x.Network.String() }
func shardNetwork(s intent.Shard) string          { return s.Site.Network.String() }
func centralNetwork(c intent.Central) string      { return c.Network.String() }
func interfaceRouter(k intent.InterfaceOf) string { return k.Router.String() }

// base sends group-addressed frames to be copied.
func (a app) base(_ *table.Reader, h intent.Host, out *compile.Out) {
	if !h.Up {
		return
	}
	out.Flow(h.Name, pipeline.WireOrigin, prioGroup, flow.Match{flow.MACMasked(flow.EthSrc, multicast, multicast)}, pipeline.Drop(pipeline.ForeignMAC))
	out.Flow(h.Name, pipeline.L2, prioGiant, flow.Match{pipeline.Giant.Is(1)}, pipeline.DropLarger(pipeline.Oversize))
	out.Flow(h.Name, pipeline.Neighbour, prioRouted, flow.Match{pipeline.Giant.Is(1)}, pipeline.DropLarger(pipeline.Oversize))
	out.Flow(h.Name, pipeline.L2, 50, flow.Match{flow.MACMasked(flow.EthDst, multicast, multicast)}, flow.Actions{flow.Goto(pipeline.Flood)})
}

// multicast is the bit that tells group addresses from individual ones.
var multicast = flow.MACAddr{0: 0x01}

// attach tells the frames of a bound port by the OpenFlow port that they come in by.
func (a app) attach(r *table.Reader, b intent.Binding, out *compile.Out) {
	p, ok := a.Ports.Get(r, b.Port)
	if !ok {
		return
	}
	n, ok := a.Networks.Get(r, b.Network)
	if !ok {
		out.Pending("%s does not exist", b.Network)
		return
	}
	if !a.here(r, b, out) {
		return
	}
	next := uint8(pipeline.Resolve)
	if p.Secure {
		next = pipeline.PortSecurity
	}
	match := flow.Match{flow.U32(flow.InPort, b.OFPort)}
	if !n.Transparent {
		match = append(match, flow.U32(flow.VLANVID, 0))
	}
	do := flow.Actions{pipeline.Net.Set(uint64(n.Tag))}
	if g, ok := a.Guards.Get(r, b.Port); ok {
		do = append(append(do, pipeline.Guard{Policy: g.Policy, Stateless: g.Stateless}.Set()...), pipeline.Zone.Set(uint64(n.Zone)))
	}
	do = append(do, flow.Goto(next))
	if b.MTU > n.MTU {
		// Looking at the size of each packet is not free: the datapath then sends them one by one. An interface that takes nothing
		// larger than the network carries needs none of it.
		do = append(flow.Actions{flow.CheckPktLarger(largest(n), pipeline.Giant)}, do...)
	}
	out.Flow(b.Host, pipeline.Classify, prioTagged, match, do)
}

// largest is the size of a network's largest frames, in bytes: with the Ethernet header and, where ports tag themselves, two tags.
func largest(n intent.Network) uint16 {
	size := n.MTU + 14
	if n.Transparent {
		size += 2 * 4
	}
	return uint16(min(size, math.MaxUint16))
}

// here tells whether frames of a port may enter its network on its host, and says what keeps the network from being carried
// there. Only a network of one host stops at that: others work among the ports of the host.
func (a app) here(r *table.Reader, b intent.Binding, out *compile.Out) bool {
	if len(a.AttachmentsAt.List(r, b.Site())) > 0 {
		return true
	}
	for s := range a.SegmentsOf.List(r, b.Network) {
		by, err := carry.Of(s.Type)
		switch {
		case err != nil:
			out.Failed("%v", err)
		case by.Family() == carry.Nowhere:
			if holders := a.HoldersOf.List(r, b.Network); len(holders) > 0 && holders[0].Host != b.Host {
				out.Pending("%s is local to host %q and the port is on host %q", b.Network, holders[0].Host, b.Host)
				return false
			}
		case by.Family() != carry.Tunnels:
			if m, mapped := a.Mappings.Get(r, intent.MappingKey{Host: b.Host, Physical: s.Physical}); mapped {
				out.Pending("host %q has no bridge %q, to which physical network %q is mapped", b.Host, m.Bridge, s.Physical)
			} else {
				out.Pending("host %q has no bridge for physical network %q (weft-bridge-mappings)", b.Host, s.Physical)
			}
		case len(a.SitesOf.List(r, b.Network)) > 1:
			out.Pending("host %q has no tunnel address", b.Host)
		}
	}
	return true
}

// shard copies a frame to the ports of one shard. Ports are dealt to shards by OpenFlow port number, so that one port's
// coming or going rewrites one short list, however many ports a network has on a host.
func (a app) shard(r *table.Reader, s intent.Shard, out *compile.Out) {
	n, ok := a.Networks.Get(r, s.Site.Network)
	if !ok {
		return
	}
	var copies flow.Actions
	for b := range a.BoundIn.List(r, s) {
		g, _ := a.Guards.Get(r, b.Port)
		hand, next := pipeline.HandTo(b.OFPort, pipeline.Guard{Policy: g.Policy, Stateless: g.Stateless})
		copies = append(append(copies, hand...), flow.Resubmit(next))
	}
	out.Flow(s.Site.Host, pipeline.FloodLocal, 100,
		flow.Match{pipeline.Net.Is(uint64(n.Tag)), pipeline.Shard.Is(uint64(s.Number))}, copies)
}
