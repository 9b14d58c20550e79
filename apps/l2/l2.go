// Package l2 forwards frames inside a network: known unicast to the one host and port that has the address, broadcast and
// multicast to every port of the network, copied once to each remote host that has it.
package l2

import (
	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "l2", ID: 6, Rules: []compile.Rule{
		compile.ForEach("base", t.Hosts, a.base),
		compile.About("attach", t.Bindings, intent.Key.String, a.attach),
		compile.ForEach("forward", t.Ports, a.forward),
		compile.About("receive", t.Sites, siteNetwork, a.receive),
		compile.About("flood", t.Sites, siteNetwork, a.flood),
		compile.About("shard", t.Shards, shardNetwork, a.shard),
	}}
}

// Sites and shards are no resources of their own: what is said of them is said of their network.
func siteNetwork(s intent.Site) string   { return s.Network.String() }
func shardNetwork(s intent.Shard) string { return s.Site.Network.String() }

// base sends group-addressed frames to be copied.
func (a app) base(_ *table.Reader, h intent.Host, out *compile.Out) {
	if !h.Up {
		return
	}
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
	next := uint8(pipeline.Resolve)
	if p.Secure {
		next = pipeline.PortSecurity
	}
	out.Flow(b.Host, pipeline.Classify, 100,
		flow.Match{flow.U32(flow.InPort, b.OFPort), flow.U32(flow.VLANVID, 0)},
		flow.Actions{pipeline.Net.Set(uint64(n.Tag)), flow.Goto(next)})
}

// forward tells every host with a port on the network where p is.
func (a app) forward(r *table.Reader, p intent.Port, out *compile.Out) {
	b, ok := a.Bindings.Get(r, p.Key)
	if !ok {
		return // the binding app says why
	}
	n, ok := a.Networks.Get(r, p.Network)
	if !ok {
		return
	}
	for _, host := range a.ReachOf.List(r, p.Network) { // distinct hosts, not ports
		if host == b.Host {
			out.Flow(host, pipeline.L2, 100,
				flow.Match{pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthDst, p.MAC)},
				flow.Actions{pipeline.OutPort.Set(uint64(b.OFPort)), flow.Goto(pipeline.Deliver)})
			continue
		}
		leave, ok := a.leave(r, n, b.Host, out)
		if !ok {
			continue
		}
		out.Flow(host, pipeline.L2, 100,
			flow.Match{pipeline.Net.Is(uint64(n.Tag)), pipeline.FromTunnel.Is(0), flow.MAC(flow.EthDst, p.MAC)}, leave)
	}
}

// leave returns what sends a frame of n to a host.
func (a app) leave(r *table.Reader, n intent.Network, host string, out *compile.Out) (flow.Actions, bool) {
	s, ok := a.Segments.Get(r, intent.SegmentKey{Network: n.Key})
	if !ok {
		return nil, false
	}
	by, err := carry.Of(s.Type)
	if err != nil {
		out.Failed("%v", err)
		return nil, false
	}
	h, ok := a.Hosts.Get(r, host)
	if !ok || !h.TunnelIP.IsValid() {
		out.Pending("host %q has no tunnel address", host)
		return nil, false
	}
	return by.Leave(carry.Segment{ID: s.ID}, carry.Remote{IP: h.TunnelIP}), true
}

// receive accepts the frames of a network that other hosts send, on the hosts that have it. Those that come by tunnels are
// apps/tunnel's.
func (a app) receive(r *table.Reader, s intent.Site, out *compile.Out) {
	n, ok := a.Networks.Get(r, s.Network)
	if !ok {
		return
	}
	for segment := range a.SegmentsOf.List(r, s.Network) {
		by, err := carry.Of(segment.Type)
		if err != nil || by.Family() == carry.Tunnels {
			continue // forward says so
		}
		match, undo := by.Arrive(carry.Segment{ID: segment.ID})
		out.Flow(s.Host, pipeline.Classify, 100, match,
			append(undo, pipeline.Net.Set(uint64(n.Tag)), pipeline.FromTunnel.Set(1), flow.Goto(pipeline.L2)))
	}
}

// flood copies group-addressed frames to the network's other hosts and to its ports on this one.
func (a app) flood(r *table.Reader, s intent.Site, out *compile.Out) {
	n, ok := a.Networks.Get(r, s.Network)
	if !ok {
		return
	}
	var local, remote flow.Actions
	for _, shard := range a.ShardsAt.List(r, s) {
		local = append(local, pipeline.Shard.Set(uint64(shard)), flow.Resubmit(pipeline.FloodLocal))
	}
	for _, host := range a.SitesOf.List(r, s.Network) {
		if host == s.Host {
			continue
		}
		if leave, ok := a.leave(r, n, host, out); ok {
			remote = append(remote, leave...)
		}
	}
	net := pipeline.Net.Is(uint64(n.Tag))
	out.Flow(s.Host, pipeline.Flood, 100, flow.Match{net, pipeline.FromTunnel.Is(1)}, local)
	out.Flow(s.Host, pipeline.Flood, 100, flow.Match{net, pipeline.FromTunnel.Is(0)}, append(remote, local...))
	if a.Open.Has(r, s.Network, true) {
		// Some port may send from addresses that only it knows: frames to those must be able to find it.
		out.Flow(s.Host, pipeline.L2, 10, flow.Match{net}, flow.Actions{flow.Goto(pipeline.Flood)})
	}
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
		copies = append(copies, pipeline.OutPort.Set(uint64(b.OFPort)), flow.Resubmit(pipeline.Deliver))
	}
	out.Flow(s.Site.Host, pipeline.FloodLocal, 100,
		flow.Match{pipeline.Net.Is(uint64(n.Tag)), pipeline.Shard.Is(uint64(s.Number))}, copies)
}
