// Package monitor probes the members of pools, so that those which do not answer get no connections.
//
// A health monitor says how; the rule aim finds out from where: a member is probed on its own host, from the address of a load balancer whose
// listener uses the pool. The handler sends probes by packet-out, and gets what members answer by packet-in: the rule recognise tells answers
// from what else members send to that address by the port that probes come from, of which there are 64. What has been found is rows
// (intent.Health), which are remembered, and which apps/balancer reads.
//
// A probe is a small state machine (machine): ping, datagram, or a TCP connection (tcp) with something to say (talk). It is driven by packets and
// by time alone.
package monitor

import (
	"cmp"
	"hash/fnv"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	id = 22 // of the app

	ethIPv4, ethIPv6                          = 0x0800, 0x86dd
	protoICMP, protoTCP, protoUDP, protoICMP6 = 1, 6, 17, 58

	icmpEchoReply, icmpEcho, icmpUnreachable    = 0, 8, 3
	icmp6EchoReply, icmp6Echo, icmp6Unreachable = 129, 128, 1

	prioAnswer = 300 // balance: before what load balancers do
	prioLet    = 195 // sent: before rules are asked
)

// Probes come from these ports. Hosts choose others for what they begin themselves: bindresvport(3) begins at 600.
const (
	firstPort = 512
	portCount = 64
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	p := newProber(t)
	return compile.App{Name: "monitor", ID: id, Handler: p, Keeper: p, Rules: []compile.Rule{
		compile.ForEach("aim", t.HealthMonitors, a.aim),
		compile.About("recognise", t.Probes, aboutPool, a.recognise),
	}}
}

// Probes are no resources of their own: what is said of them is said of the pool.
func aboutPool(k intent.HealthKey) string { return k.Pool.String() }

// aim derives how each member of a pool is probed.
func (a app) aim(r *table.Reader, m intent.HealthMonitor, out *compile.Out) {
	if !m.Up {
		out.Note(intent.ReasonDown, "the health monitor is administratively down")
		return
	}
	pool, ok := a.Pools.Get(r, m.Pool)
	if !ok {
		out.Pending("%s does not exist", m.Pool)
		return
	}
	sources := a.sources(r, pool)
	if len(sources) == 0 {
		out.Note("NotProbed", "no load balancer that works has a listener with %s", pool.Key)
	}
	for _, member := range pool.Members {
		if member.Up {
			compile.Emit(out, a.Probes, a.probe(r, m, sources, member))
		}
	}
}

// source is a load balancer that has connections for a pool.
type source struct {
	intent.LoadBalancer
	port  intent.Port
	net   intent.Network
	first uint16 // of the ports of its listeners with the pool
}

// sources returns the load balancers that work and use a pool.
func (a app) sources(r *table.Reader, pool intent.Pool) []source {
	var all []source
	for l := range a.PoolUsers.List(r, pool.Key) {
		b, ok := a.LoadBalancers.Get(r, l.Balancer)
		if !ok || !b.Up || slices.ContainsFunc(all, func(s source) bool { return s.Key == b.Key }) {
			continue
		}
		port, ok := a.Ports.Get(r, b.Port)
		if !ok || !port.Up {
			continue
		}
		if n, ok := a.Networks.Get(r, port.Network); ok && n.Up {
			all = append(all, source{b, port, n, l.Ports.First})
		}
	}
	slices.SortFunc(all, func(x, y source) int { return x.Key.Compare(y.Key) })
	return all
}

// probe finds out how a member is probed: from the first load balancer on whose networks it is, or else from the first that may have a way to
// it.
func (a app) probe(r *table.Reader, m intent.HealthMonitor, sources []source, member intent.PoolMember) intent.Probe {
	p := intent.Probe{Key: intent.HealthKey{Pool: m.Pool, Member: member.Name}, Monitor: m.Key, To: member.IP, Port: cmp.Or(member.Probed, member.Port)}
	p.Protocol = protocolOf(m.Type, member.IP.Is4())
	p.Problem = "no load balancer that works, and has an address of the member's version of IP, uses the pool"
	var elsewhere *intent.Probe
	for _, s := range sources {
		i := slices.IndexFunc(s.port.IPs, func(ip netip.Addr) bool { return ip.Is4() == member.IP.Is4() })
		if i < 0 {
			continue
		}
		from := p
		from.Balancer, from.From, from.FromMAC, from.Net, from.Problem = s.Key, s.port.IPs[i], s.port.MAC, s.net.Tag, ""
		if from.Port == 0 {
			from.Port = s.first
		}
		if m.Type == intent.MonitorPing {
			from.Port = 0
		}
		if a.plugged(r, s, &from) {
			return from
		}
		if elsewhere == nil {
			elsewhere = &from
		}
	}
	if elsewhere == nil {
		return p
	}
	if elsewhere.Host = a.spread(r, elsewhere); elsewhere.Host == "" {
		elsewhere.Problem = "no connected host has the load balancer's network"
	}
	return *elsewhere
}

func protocolOf(monitor string, is4 bool) uint8 {
	switch {
	case monitor == intent.MonitorUDP:
		return protoUDP
	case monitor != intent.MonitorPing:
		return protoTCP
	case is4:
		return protoICMP
	}
	return protoICMP6
}

// plugged finds the port that has a member's address, on the load balancer's own network first; false: none has it.
func (a app) plugged(r *table.Reader, s source, p *intent.Probe) bool {
	clients := slices.Collect(a.ClientsOf.List(r, s.Key))
	slices.SortStableFunc(clients, func(x, y intent.ClientNetwork) int { return x.Router.Compare(y.Router) }) // none is first
	for _, c := range clients {
		for port := range a.PortsWith.List(r, intent.Station{Network: c.Network, IP: p.To}) {
			if a.BalancersBy.Count(r, port.Key) > 0 {
				p.Problem = "its address is a load balancer's"
				return true
			}
			p.Network, p.ToMAC = c.Network, port.MAC
			a.bound(r, port, p)
			if c.Router != (intent.Key{}) && p.Problem == "" {
				a.behind(r, c, p)
			}
			return true
		}
	}
	return false
}

// bound says where the member's port is.
func (a app) bound(r *table.Reader, port intent.Port, p *intent.Probe) {
	b, ok := a.Bindings.Get(r, port.Key)
	switch {
	case !ok:
		p.Problem, p.Nowhere = "its port, "+port.Key.String()+", is on no host", true
	case b.OFPort == 0:
		p.Problem = "it is on host " + b.Host + ", which is unmanaged: answers would not come back"
	default:
		p.Host, p.OFPort = b.Host, b.OFPort
	}
}

// behind has frames to a member come from the router that is between.
func (a app) behind(r *table.Reader, c intent.ClientNetwork, p *intent.Probe) {
	for i := range a.InterfacesOf.List(r, c.Router) {
		if i.Network == c.Network && i.Prefix.Contains(p.To) {
			p.FromMAC = i.MAC
			return
		}
	}
	p.Problem = "no router of the load balancer's network is on the member's subnet"
}

// spread chooses the host that probes a member which is on none: of those with the load balancer's network, the one whose hash with the member is
// the highest (RFC 2991), so that a host that goes away moves its own members only.
func (a app) spread(r *table.Reader, p *intent.Probe) string {
	best, most := "", uint64(0)
	for c := range a.ClientsOf.List(r, p.Balancer) {
		if c.Router != (intent.Key{}) {
			continue
		}
		for _, host := range a.SitesOf.List(r, c.Network) {
			if _, away := a.Away.Get(r, intent.Away{Host: host}); away {
				continue
			}
			if f, ok := a.HostFacts.Get(r, host); !ok || f.Unmanaged {
				continue
			}
			h := fnv.New64a()
			_, _ = h.Write([]byte(host + " " + p.To.String())) // it never fails
			if sum := h.Sum64(); best == "" || sum > most {
				best, most = host, sum
			}
		}
	}
	return best
}

// recognise hands answers to probes to the controller. Rules of security groups are not asked about them: what comes from the controller is let
// through, too.
func (a app) recognise(r *table.Reader, p intent.Probe, out *compile.Out) {
	b, ok := a.LoadBalancers.Get(r, p.Balancer)
	if !ok || p.Problem != "" {
		return
	}
	balancer, answer, problem := pipeline.Balancer.Is(uint64(b.Tag)), answerOf(p), unreachable(p)
	for c := range a.ClientsOf.List(r, p.Balancer) {
		n, ok := a.Networks.Get(r, c.Network)
		if !ok || p.OFPort != 0 && c.Network != p.Network {
			continue
		}
		net := pipeline.Net.Is(uint64(n.Tag))
		hosts := []string{p.Host}
		if p.OFPort == 0 { // it may answer by any
			hosts = a.SitesOf.List(r, c.Network)
		}
		for _, host := range hosts {
			out.Flow(host, pipeline.Balance, prioAnswer, with(answer, net, balancer), pipeline.Punt(id))
			// It may be about a connection, too, of which it is one end.
			on := flow.Actions{pipeline.Zone.Set(uint64(n.Balances)), flow.CT(flow.CTSpec{ZoneFrom: pipeline.Zone, Table: flow.ToTable(pipeline.Balanced), NAT: &flow.NATSpec{}})}
			out.Flow(host, pipeline.Balance, prioAnswer, with(problem, net, balancer), append(pipeline.PuntCopy(id), on...))
			if p.OFPort != 0 && a.GuardedOn.Has(r, host, true) {
				for _, m := range []flow.Match{answer, problem} {
					out.Flow(host, pipeline.Sent, prioLet, with(m, net), flow.Actions{flow.Goto(pipeline.Resolve)})
				}
			}
		}
	}
}

// answerOf matches what a member answers.
func answerOf(p intent.Probe) flow.Match {
	m := between(p)
	ours := func(field flow.FieldID) flow.Field { return flow.Masked(field, firstPort, 0xffff&^(portCount-1)) }
	switch p.Protocol {
	case protoTCP:
		return append(m, flow.U32(flow.IPProto, protoTCP), flow.U32(flow.TCPSrc, uint32(p.Port)), ours(flow.TCPDst))
	case protoUDP:
		return append(m, flow.U32(flow.IPProto, protoUDP), flow.U32(flow.UDPSrc, uint32(p.Port)), ours(flow.UDPDst))
	case protoICMP:
		return append(m, flow.U32(flow.ICMPv4Type, icmpEchoReply))
	}
	return append(m, flow.U32(flow.ICMPv6Type, icmp6EchoReply))
}

// unreachable matches what a member says by ICMP of what it got.
func unreachable(p intent.Probe) flow.Match {
	if p.To.Is4() {
		return append(between(p), flow.U32(flow.ICMPv4Type, icmpUnreachable))
	}
	return append(between(p), flow.U32(flow.ICMPv6Type, icmp6Unreachable))
}

// between matches packets from a member to where probes come from.
func between(p intent.Probe) flow.Match {
	if p.To.Is4() {
		return flow.Match{flow.U32(flow.EthType, ethIPv4), flow.IP(flow.IPv4Src, p.To), flow.IP(flow.IPv4Dst, p.From)}
	}
	return flow.Match{flow.U32(flow.EthType, ethIPv6), flow.IP(flow.IPv6Src, p.To), flow.IP(flow.IPv6Dst, p.From)}
}

// with returns a match with more fields.
func with(m flow.Match, more ...flow.Field) flow.Match { return append(m[:len(m):len(m)], more...) }
