// Package route forwards packets between networks: routers, distributed over the hosts that need them.
//
// A router is active on every host that has a port on one of its networks, or where another router sends packets on to it, and
// only there. A packet that an endpoint sends to the router's MAC address is routed on the endpoint's own host: table router_in
// takes it out of its network, router_local answers what is meant for the router itself, policy_route decides by its source,
// route finds the longest prefix and decides the network and the next hop, route_hop spreads flows over several hops, route_size
// has senders told of what is too large, and neighbour finds the next hop's MAC address, or goes through the next router. From
// there it is a frame of the network that it goes to, like any other.
package route

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
)

const id = pipeline.ErrorApp

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "route", ID: id, Handler: newAnswerer(t), Rules: []compile.Rule{
		compile.About("reach", t.Sites, siteNetwork, a.reach),
		compile.About("home", t.RouterInterfaces, interfaceRouter, a.home),
		compile.About("size", t.RouterInterfaces, interfaceRouter, a.size),
		compile.ForEach("size_outside", t.Gateways, a.sizeOutside),
		compile.About("route_onward", t.Routes, routeRouter, a.routeOnward),
		compile.About("policy_onward", t.Policies, policyRouter, a.policyOnward),
		compile.ForEach("active", t.Routers, a.active),
		compile.About("join", t.RouterInterfaces, interfaceRouter, a.join),
		compile.ForEach("base", t.Hosts, a.base),
		compile.About("enter", t.RouterInterfaces, interfaceRouter, a.enter),
		compile.About("seat", t.RouterInterfaces, interfaceRouter, a.seat),
		compile.About("front", t.RouterInterfaces, interfaceRouter, a.front),
		compile.About("answer", t.RouterInterfaces, interfaceRouter, a.answer),
		compile.About("echo", t.RouterInterfaces, interfaceRouter, a.echo),
		compile.About("echo_far", t.RouterInterfaces, interfaceRouter, a.echoFar),
		compile.About("policy", t.Policies, policyRouter, a.policy),
		compile.About("hand_over", t.Onwards, onwardRouter, a.handOver),
		compile.About("connected", t.RouterInterfaces, interfaceRouter, a.connected),
		compile.About("static", t.Routes, routeRouter, a.static),
		compile.ForEach("neighbour", t.Ports, a.neighbour),
	}}
}

// Sites, interfaces and routes are no resources of their own: what is said of them is said of what they belong to.
func siteNetwork(s intent.Site) string            { return s.Network.String() }
func interfaceRouter(k intent.InterfaceOf) string { return k.Router.String() }
func routeRouter(k intent.RouteKey) string        { return k.Router.String() }
func policyRouter(k intent.PolicyKey) string      { return k.Router.String() }
func onwardRouter(o intent.Onward) string         { return o.From.String() }

// reach derives that frames of a network start where it has ports.
func (a app) reach(_ *table.Reader, s intent.Site, out *compile.Out) {
	compile.Emit(out, a.Reaches, intent.Reach(s))
}

// join derives that frames of a network start also where a router that joins it is active.
func (a app) join(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	for _, host := range a.ActiveOn.List(r, i.Key.Router) {
		compile.Emit(out, a.Reaches, intent.Reach{Network: i.Network, Host: host})
		compile.Emit(out, a.Routed, intent.Routed{Network: i.Network, Host: host})
	}
}
