package route

import (
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	ethIPv4, ethIPv6 = 0x0800, 0x86dd
	protoUDP         = 17

	ttlOfOurs = 64 // of packets that a router makes (RFC 1700)

	prioEcho, prioOwn, prioNever, prioExpired = 200, 190, 180, 170
)

// unroutable are destinations and sources that no router forwards (RFC 1812, section 5.3.7; RFC 4291, section 2.5.6).
var unroutable = struct{ to, from []netip.Prefix }{
	to: []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("224.0.0.0/3"), // multicast, reserved, broadcast
		netip.MustParsePrefix("::/127"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
	},
	from: []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("224.0.0.0/3"),
		netip.MustParsePrefix("::/127"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
	},
}

// base drops what no router forwards, and tells senders of what it cannot.
func (a app) base(_ *table.Reader, h intent.Host, out *compile.Out) {
	if !h.Up {
		return
	}
	for _, p := range unroutable.to {
		out.Flow(h.Name, pipeline.RouterLocal, prioNever, to(p), nil)
	}
	for _, p := range unroutable.from {
		out.Flow(h.Name, pipeline.RouterLocal, prioNever, from(p), nil)
	}
	for _, ethType := range []uint32{ethIPv4, ethIPv6} {
		out.Flow(h.Name, pipeline.Route, 1, flow.Match{flow.U32(flow.EthType, ethType)}, pipeline.Tell(pipeline.NoRoute))
		out.Flow(h.Name, pipeline.Neighbour, 1, flow.Match{flow.U32(flow.EthType, ethType)}, pipeline.Tell(pipeline.NoHost))
		out.Flow(h.Name, pipeline.RouteSize, 100, flow.Match{flow.U32(flow.EthType, ethType), pipeline.Large.Is(1)}, pipeline.Tell(pipeline.TooLarge))
		for ttl := range uint32(2) {
			out.Flow(h.Name, pipeline.RouterLocal, prioExpired, flow.Match{flow.U32(flow.EthType, ethType), flow.U32(flow.IPTTL, ttl)}, pipeline.Tell(pipeline.Expired))
		}
	}
}

// enter takes frames for the router out of the network of an interface. Two interfaces on one network want the same flow.
func (a app) enter(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	router, n, ok := a.both(r, i)
	if !ok {
		return
	}
	for _, host := range a.entrances(r, i) {
		out.Flow(host, pipeline.RouterIn, 100,
			flow.Match{pipeline.Net.Is(uint64(n.Tag)), flow.MAC(flow.EthDst, i.MAC)},
			flow.Actions{pipeline.Router.Set(uint64(router.Tag)), flow.Goto(pipeline.RouterLocal)})
	}
}

// answer resolves the router's addresses on the network of an interface.
func (a app) answer(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	_, n, ok := a.both(r, i)
	if !ok {
		return
	}
	net := pipeline.Net.Is(uint64(n.Tag))
	seat, _ := a.Seats.Get(r, intent.SeatKey{Network: i.Network, MAC: i.MAC})
	for _, host := range a.entrances(r, i) {
		var back flow.Actions
		if host == seat.Host { // who asks may be on a wire
			back = pipeline.ToSender()
		}
		pipeline.Answer(out, host, net, pipeline.Station{MAC: i.MAC, IP: i.IP, As: pipeline.Gateway, Back: back})
		if i.IP.Is6() {
			pipeline.Answer(out, host, net, pipeline.Station{MAC: i.MAC, IP: i.LinkLocal(), As: pipeline.Gateway, Back: back})
		}
	}
}

// echo answers pings to the address of an interface, wherever the router is, and drops what else is meant for the router
// itself.
func (a app) echo(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	router, _, ok := a.both(r, i)
	if !ok {
		return
	}
	ips := []netip.Addr{i.IP}
	if i.IP.Is6() {
		ips = append(ips, i.LinkLocal())
	}
	own := pipeline.Router.Is(uint64(router.Tag))
	for _, host := range a.ActiveOn.List(r, i.Key.Router) {
		for _, ip := range ips {
			match, do := pipeline.EchoReply(ip)
			out.Flow(host, pipeline.RouterLocal, prioEcho, append(flow.Match{own}, match...),
				slices.Concat(do, pipeline.SwapMACs(), pipeline.ToSender()))
			self := append(to(netip.PrefixFrom(ip, ip.BitLen())), own)
			out.Flow(host, pipeline.RouterLocal, prioOwn+1, append(self[:3:3], flow.U32(flow.IPProto, protoUDP)), pipeline.Tell(pipeline.NoPort))
			out.Flow(host, pipeline.RouterLocal, prioOwn, self, nil)
		}
	}
}

// both returns the router of an interface and the network that it is on.
func (a app) both(r *table.Reader, i intent.RouterInterface) (intent.Router, intent.Network, bool) {
	router, ok := a.Routers.Get(r, i.Key.Router)
	if !ok || !router.Up {
		return router, intent.Network{}, false
	}
	n, ok := a.Networks.Get(r, i.Network)
	return router, n, ok
}

// to matches packets to a block, also to the block of all addresses of a family.
func to(p netip.Prefix) flow.Match {
	if p.Addr().Is4() {
		return flow.Match{flow.U32(flow.EthType, ethIPv4), flow.Prefix(flow.IPv4Dst, p)}
	}
	return flow.Match{flow.U32(flow.EthType, ethIPv6), flow.Prefix(flow.IPv6Dst, p)}
}

// from matches packets from a block.
func from(p netip.Prefix) flow.Match {
	if p.Addr().Is4() {
		return flow.Match{flow.U32(flow.EthType, ethIPv4), flow.Prefix(flow.IPv4Src, p)}
	}
	return flow.Match{flow.U32(flow.EthType, ethIPv6), flow.Prefix(flow.IPv6Src, p)}
}
