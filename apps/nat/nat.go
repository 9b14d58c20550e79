// Package nat is the way outside of routers: their gateways on external networks, source NAT there, floating IPs and port
// forwarding.
//
// A router's gateway is on one host at a time, of those that have a bridge for the external network. What endpoints send outside
// is taken there as they sent it, over their own network, and is routed and translated there. A floating IP needs no gateway
// where the endpoint's own host has such a bridge: packets leave and enter by that.
//
// The way out: table route finds that a packet goes outside; outward has it leave from here or takes it to the gateway;
// neighbour finds the next hop; translate gives it an address outside, in the router's zone of connection tracking; translated
// lets nothing else pass; turn takes it back in when the address that it goes to is on this host itself. The way in: arrived,
// router_in, untranslate, and then as any routed packet.
package nat

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	id = 15 // of the app

	ethIPv4, ethIPv6 = 0x0800, 0x86dd

	arpRequest, solicitation = 1, 135
)

// Kinds of counters. Their subjects are floating IPs, and routers.
const (
	Received     = "floating-ip-received"
	Sent         = "floating-ip-sent"
	Untranslated = "untranslated"
)

// Priorities in the tables of translation: what is said of one port of an address, of an address, of all.
const (
	prioError   = 65000
	prioClaim   = 64000 // of what claims to have an external address already
	prioFloat   = 60000 // of what leaves with a floating IP of its own: on other hosts it does not meet the rules either
	prioRule    = 1000  // and more, by its own priority
	prioPorts   = 120
	prioAddress = 100
	prioGateway = 50
	prioRest    = 10
	prioDrop    = 1
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "nat", ID: id, Handler: newAnnouncer(t), Keeper: newKeeper(t), Rules: []compile.Rule{
		compile.ForEach("place", t.Gateways, a.place),
		compile.ForEach("locate", t.FloatingIPs, a.locate),
		compile.About("central", t.Placed, intent.Key.String, a.central),
		compile.About("answer", t.Externals, externalNetwork, a.answer),
		compile.ForEach("gate", t.Gateways, a.gate),
		compile.ForEach("translate", t.Gateways, a.translate),
		compile.ForEach("float", t.FloatingIPs, a.float),
		compile.ForEach("forward", t.PortForwardings, a.forward),
		compile.ForEach("rule", t.NATRules, a.rule),
	}}
}

// externalNetwork is what is said of an external address: it is no resource of its own.
func externalNetwork(k intent.ExternalKey) string { return k.Network.String() }

// outside is a router with its gateway, where it works.
type outside struct {
	intent.Gateway
	router intent.Router
	net    intent.Network
	narrow bool // the router has networks that carry more than the one outside
}

// outside returns a router with its gateway; false while it cannot work.
func (a app) outside(r *table.Reader, router intent.Key) (outside, bool) {
	g, ok := a.Gateways.Get(r, router)
	if !ok {
		return outside{}, false
	}
	o := outside{Gateway: g}
	if o.router, ok = a.Routers.Get(r, router); !ok || !o.router.Up {
		return o, false
	}
	if o.net, ok = a.Networks.Get(r, g.Network); !ok || !o.net.Up {
		return o, false
	}
	o.narrow = a.Narrow(r, router, o.net)
	return o, true
}

func (o outside) at() flow.Field { return pipeline.Router.Is(uint64(o.router.Tag)) }
func (o outside) on() flow.Field { return pipeline.Net.Is(uint64(o.net.Tag)) }

// leave makes a packet one that goes outside with a MAC address. Where the router has networks that carry more, its size is looked
// at.
func (o outside) leave(mac flow.MACAddr) flow.Actions {
	do := flow.Actions{flow.DecTTL(), pipeline.Net.Set(uint64(o.net.Tag)), flow.SetField(flow.MAC(flow.EthSrc, mac))}
	if o.narrow {
		return append(do, pipeline.CheckSize(o.net.MTU), flow.Goto(pipeline.RouteSize))
	}
	return append(do, flow.Goto(pipeline.Neighbour))
}

// track passes a packet through the router's zone and on to a table. With a NAT of its own, a connection that is new is
// remembered with it; of others, what was remembered counts.
//
// Invariant: every pass translates, and no connection is translated to what it is already: Open vSwitch 3.1 aborts when the packets of
// one return after it has ended (see docs/adr/0023-connections-that-nothing-changes.md).
func (o outside) track(nat flow.NATSpec, next uint8) flow.Actions {
	spec := flow.CTSpec{Zone: o.Zone, Table: flow.ToTable(next), NAT: &nat}
	if nat.Flags != 0 {
		spec.Flags = flow.CTCommit
	}
	return flow.Actions{flow.CT(spec)}
}

// claimed drops what comes from inside with the external address that it would be translated to. Ports without port security send
// what they like.
func (o outside) claimed(ip netip.Addr, host string, out *compile.Out) {
	out.Flow(host, pipeline.Translate, prioClaim, flow.Match{o.on(), o.at(), source(ip)}, pipeline.Drop(pipeline.SpoofedAddress))
}

// lookUp gives what comes for an external address the address inside that its connection has, if there is one.
func (o outside) lookUp(ip netip.Addr, host string, out *compile.Out) {
	out.Flow(host, pipeline.Untranslate, prioGateway, flow.Match{o.at(), destination(ip)}, o.track(flow.NATSpec{}, pipeline.RouterLocal))
}

// source and destination match packets from and to an address.
func source(ip netip.Addr) flow.Field {
	if ip.Is4() {
		return flow.IP(flow.IPv4Src, ip)
	}
	return flow.IP(flow.IPv6Src, ip)
}

func destination(ip netip.Addr) flow.Field {
	if ip.Is4() {
		return flow.IP(flow.IPv4Dst, ip)
	}
	return flow.IP(flow.IPv6Dst, ip)
}

func ethType(is4 bool) flow.Field {
	if is4 {
		return flow.U32(flow.EthType, ethIPv4)
	}
	return flow.U32(flow.EthType, ethIPv6)
}

// with returns a match with more fields.
func with(m flow.Match, more ...flow.Field) flow.Match { return append(m[:len(m):len(m)], more...) }
