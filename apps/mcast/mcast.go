// Package mcast sends IP multicast where it is asked for: it listens to what the ports of a network say in IGMP (RFC 2236,
// RFC 3376) and MLD (RFC 2710, RFC 3810), in the way of RFC 4541.
//
// A frame to a group goes to the hosts where a port asked for it, once to each, and there to those ports; groups of the link
// itself (224.0.0.0/24, ff02::/16) go everywhere (RFC 4541, section 2.1.2). Weft asks the ports of each network what they listen
// to, so that what nobody asked for need not be flooded. A port that asks others is taken for a multicast router, which gets
// everything.
//
// Where frames go to other hosts by wires, or by several segments, apps/l2 copies them there as it does broadcasts, and only the
// ports of each host are chosen here.
package mcast

import (
	"maps"
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	id = 9 // of the app

	ethIPv4, ethIPv6 = 0x0800, 0x86dd
	protoIGMP        = 2

	prioGroup = 60 // l2: over broadcasts
)

// Priorities in table members.
const (
	prioAsked     = 240 // what a local port asks everybody
	prioQuery     = 230 // what asks everybody
	prioToRouters = 220 // reports of local ports, where there is a multicast router
	prioToNobody  = 218 // reports of local ports, where there is none
	prioToWires   = 216 // reports of local ports, where apps/l2 copies frames to other hosts
	prioReport    = 210 // reports from elsewhere
	prioLink      = 200 // groups of the link itself
	prioListed    = 100 // a group that somebody listens to
	prioRouters   = 30  // the rest, from local ports, where there is a multicast router
	prioNobody    = 20  // the rest, from local ports, where there is none
	prioAny       = 10  // the rest
)

// Priorities in table flood_local: all above that of the ports that get every frame.
const (
	prioLocalReport = 140 // and one more where there is a router
	prioLocalSource = 130
	prioLocalGroup  = 120
	prioLocalRouter = 115
	prioLocalNobody = 110
)

var (
	groups4 = netip.MustParsePrefix("224.0.0.0/4")
	groups6 = netip.MustParsePrefix("ff00::/8")
	link4   = netip.MustParsePrefix("224.0.0.0/24")
	link6   = netip.MustParsePrefix("ff02::/16")
	all4    = netip.MustParseAddr("224.0.0.1")
	all6    = netip.MustParseAddr("ff02::1")
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "mcast", ID: id, Handler: newListener(t), Rules: []compile.Rule{
		compile.ForEach("base", t.Hosts, a.base),
		compile.About("listen", t.Members, func(m intent.Member) string { return m.Port.String() }, a.listen),
		compile.About("heard", t.Listeners, func(l intent.Listener) string { return l.Port.String() }, a.heard),
		compile.About("local", t.Heard, func(h intent.Heard) string { return h.Shard.Site.Network.String() }, a.local),
		compile.About("spread", t.Groups, func(g intent.GroupOf) string { return g.Network.String() }, a.spread),
		compile.About("group", t.GroupsAt, func(g intent.GroupAt) string { return g.Site.Network.String() }, a.group),
		compile.About("snoop", t.Sites, func(s intent.Site) string { return s.Network.String() }, a.snoop),
	}}
}

// listen derives where a member is plugged.
func (a app) listen(r *table.Reader, m intent.Member, out *compile.Out) {
	b, ok := a.Bindings.Get(r, m.Port)
	if !ok {
		return
	}
	if n, ok := a.Networks.Get(r, b.Network); ok && n.Snoop {
		compile.Emit(out, a.Listeners, intent.Listener{Member: m, Shard: b.Shard(), OFPort: b.OFPort})
	}
}

// heard derives which groups are listened to in a shard, and on a network.
func (a app) heard(_ *table.Reader, l intent.Listener, out *compile.Out) {
	compile.Emit(out, a.Heard, intent.Heard{Shard: l.Shard, Group: l.Group})
	if l.Group.IsValid() {
		compile.Emit(out, a.Groups, intent.GroupOf{Network: l.Shard.Site.Network, Group: l.Group})
	}
}

// spread derives the hosts from which a group may be sent.
func (a app) spread(r *table.Reader, g intent.GroupOf, out *compile.Out) {
	for _, host := range a.SitesOf.List(r, g.Network) {
		compile.Emit(out, a.GroupsAt, intent.GroupAt{Site: intent.Site{Network: g.Network, Host: host}, Group: g.Group})
	}
}

// local copies the frames of a group to the ports of a shard that asked for it: from any sender, or from the one that sent it.
func (a app) local(r *table.Reader, h intent.Heard, out *compile.Out) {
	n, ok := a.Networks.Get(r, h.Shard.Site.Network)
	if !ok {
		return
	}
	base := flow.Match{pipeline.Net.Is(uint64(n.Tag)), pipeline.Asked.Is(1), pipeline.Shard.Is(uint64(h.Shard.Number))}
	want := func(priority uint16, ports ports, more ...flow.Field) {
		out.Flow(h.Shard.Site.Host, pipeline.FloodLocal, priority, append(base[:3:3], more...), ports.copies())
	}
	add := func(to ports, l intent.Listener) {
		g, _ := a.Guards.Get(r, l.Port)
		to[l.OFPort] = pipeline.Guard{Policy: g.Policy, Stateless: g.Stateless}
	}
	all := ports{}
	for l := range a.ListenersIn.List(r, intent.Heard{Shard: h.Shard}) {
		add(all, l)
	}
	if !h.Group.IsValid() {
		want(prioLocalRouter, all)
		for _, report := range reports() {
			want(prioLocalReport+1, all, report...)
		}
		return
	}
	var sources []netip.Addr
	from := map[netip.Addr]ports{}
	for l := range a.ListenersIn.List(r, h) {
		if !l.Source.IsValid() {
			add(all, l)
			continue
		}
		if from[l.Source] == nil {
			from[l.Source] = ports{}
			sources = append(sources, l.Source)
		}
		add(from[l.Source], l)
	}
	to := destination(h.Group)
	want(prioLocalGroup, all, to)
	for _, source := range sources {
		maps.Copy(from[source], all)
		want(prioLocalSource, from[source], to, sender(source))
	}
}

// group sends the frames of a group from a host to those that listen. Where there is more than tunnels, apps/l2 does.
func (a app) group(r *table.Reader, g intent.GroupAt, out *compile.Out) {
	n, ok := a.Networks.Get(r, g.Site.Network)
	if !ok || !n.Snoop {
		return
	}
	if way, ok := a.tunnel(r, n); ok {
		out.Flow(g.Site.Host, pipeline.Members, prioListed,
			flow.Match{pipeline.Net.Is(uint64(n.Tag)), fromHere, destination(g.Group)}, a.to(r, way, g.Site, g.Group))
	}
}

// base is what holds on every host, for all networks: their frames are in table members only if they are snooped.
func (a app) base(_ *table.Reader, h intent.Host, out *compile.Out) {
	if !h.Up {
		return
	}
	want := func(table uint8, priority uint16, do flow.Actions, m ...flow.Field) {
		out.Flow(h.Name, table, priority, m, do)
	}
	members := uint8(pipeline.Members)
	flood := flow.Actions{flow.Goto(pipeline.Flood)}
	asked := flow.Actions{pipeline.Asked.Set(1), flow.Goto(pipeline.Flood)}
	toAll := flow.Match{flow.U32(flow.IPProto, protoIGMP), flow.IP(flow.IPv4Dst, all4)}
	want(members, prioAsked, append(pipeline.PuntCopy(id), flood...), append(toAll, fromHere)...)
	want(members, prioAsked, append(pipeline.PuntCopy(id), flood...), flow.U32(flow.ICMPv6Type, mldQuery), fromHere)
	want(members, prioQuery, flood, toAll...)
	for _, report := range reports() {
		want(members, prioToNobody, pipeline.Punt(id), append(report, fromHere, chosen)...)
		want(members, prioToWires, append(pipeline.PuntCopy(id), asked...), append(report, fromHere)...)
		want(members, prioReport, asked, report...)
		want(pipeline.FloodLocal, prioLocalReport, nil, append(report, pipeline.Asked.Is(1))...)
	}
	want(members, prioLink, flood, flow.Prefix(flow.IPv4Dst, link4))
	want(members, prioLink, flood, flow.Prefix(flow.IPv6Dst, link6))
	for _, family := range families() {
		want(members, prioNobody, nil, family, fromHere, chosen)
		want(members, prioAny, asked, family)
	}
	want(pipeline.FloodLocal, prioLocalNobody, nil, pipeline.Asked.Is(1))
}

// snoop takes a network's groups out of the flood on one host, and sends its multicast routers what they are to get.
func (a app) snoop(r *table.Reader, s intent.Site, out *compile.Out) {
	n, ok := a.Networks.Get(r, s.Network)
	if !ok || !n.Snoop {
		return
	}
	net := pipeline.Net.Is(uint64(n.Tag))
	way, alone := a.tunnel(r, n)
	do := flow.Actions{flow.Goto(pipeline.Members)}
	if alone {
		do = append(flow.Actions{pipeline.Chosen.Set(1)}, do...)
	}
	out.Flow(s.Host, pipeline.L2, prioGroup, flow.Match{net, flow.MACMasked(flow.EthDst, groupBit, groupBit)}, do)
	if !alone {
		return
	}
	routers := a.to(r, way, s, netip.Addr{})
	if len(routers) == 0 {
		return
	}
	for _, family := range families() {
		out.Flow(s.Host, pipeline.Members, prioRouters, flow.Match{net, fromHere, family}, routers)
	}
	for _, report := range reports() {
		out.Flow(s.Host, pipeline.Members, prioToRouters, append(report, net, fromHere), append(pipeline.PuntCopy(id), routers...))
	}
}
