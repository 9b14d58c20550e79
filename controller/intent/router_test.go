package intent

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// routed is what routers are tried upon, on top of base.
const routed = base + `
network/red/db
subnet/red/db-v4 network:"db" cidr:"10.1.0.0/24"
subnet/red/db-v6 network:"db" cidr:"2001:db8:1::/64" gateway_ip:"none"
subnet/red/twin network:"db" cidr:"10.0.0.0/16"
router/red/r1 interfaces:{subnet:"web-v4"}
`

func TestRouterViolations(t *testing.T) {
	for _, tt := range []struct{ name, apply, want string }{
		{"no subnet", `router/red/x interfaces:{}`, `router/red/x: spec.interfaces[0].subnet: is missing`},
		{"unknown subnet", `router/red/x interfaces:{subnet:"db-v5"}`, `router/red/x: spec.interfaces[0].subnet: subnet "db-v5" does not exist, did you mean "db-v4"?`},
		{"a subnet twice", `router/red/x interfaces:{subnet:"db-v4"} interfaces:{subnet:"db-v4" ip:"10.1.0.7"}`, `router/red/x: spec.interfaces[1].subnet: is that of interfaces[0]`},
		{"a network that is not shared", `router/blue/x interfaces:{subnet:"red/db-v4"}`, `router/blue/x: spec.interfaces[0].subnet: subnet "red/db-v4" is on network network/red/db, which is not shared with other projects`},
		{"no gateway", `router/red/x interfaces:{subnet:"db-v6"}`, `router/red/x: spec.interfaces[0].ip: is missing: subnet "db-v6" has no gateway address`},
		{"address elsewhere", `router/red/x interfaces:{subnet:"db-v4" ip:"10.2.0.1"}`, `router/red/x: spec.interfaces[0].ip: 10.2.0.1 is not in subnet db-v4 (10.1.0.0/24)`},
		{"network address", `router/red/x interfaces:{subnet:"db-v4" ip:"10.1.0.0"}`, `router/red/x: spec.interfaces[0].ip: 10.1.0.0 is the network address of subnet db-v4 (10.1.0.0/24)`},
		{"another router's address", `router/red/x interfaces:{subnet:"web-v4"}`, `router/red/x: spec.interfaces[0].ip: 10.0.0.1 is in use by router/red/r1`},
		{"a port's address", `router/red/x interfaces:{subnet:"web-v4" ip:"10.0.0.10"}`, `router/red/x: spec.interfaces[0].ip: 10.0.0.10 is in use by port/red/vm1`},
		{"overlapping subnets", `router/red/x interfaces:{subnet:"db-v4"} interfaces:{subnet:"web-v4" ip:"10.0.0.2"} interfaces:{subnet:"twin" ip:"10.0.9.9"}`,
			`router/red/x: spec.interfaces[2].subnet: 10.0.0.0/16 overlaps 10.0.0.0/24 of interfaces[1]`},
		{"a port on a router's address", `port/red/x network:"web" fixed_ips:{ip:"10.0.0.1"}`, `port/red/x: spec.fixedIps[0].ip: 10.0.0.1 is the gateway of subnet web-v4 (10.0.0.0/24)`},
		{"another gateway under a router", `subnet/red/web-v4 network:"web" cidr:"10.0.0.0/24" gateway_ip:"10.0.0.254"`, `subnet/red/web-v4: spec.gatewayIp: cannot be changed: router/red/r1 has 10.0.0.1`},
		{"route with host bits", `router/red/x routes:{destination:"10.9.0.1/16"}`, `router/red/x: spec.routes[0].destination: 10.9.0.1/16 has host bits set; the block is 10.9.0.0/16`},
		{"route twice", `router/red/x routes:{destination:"10.9.0.0/16" type:"reject"} routes:{destination:"10.9.0.0/16" type:"blackhole"}`,
			`router/red/x: spec.routes[1].destination: 10.9.0.0/16 is that of routes[0]; a route may have several next hops`},
		{"route of an unknown type", `router/red/x routes:{destination:"10.9.0.0/16" type:"blackhol"}`, `router/red/x: spec.routes[0].type: "blackhol" is none of unicast, blackhole, reject, did you mean "blackhole"?`},
		{"route to nowhere", `router/red/x routes:{destination:"10.9.0.0/16"}`, `router/red/x: spec.routes[0].nextHops: are missing; a route without any is of type blackhole or reject`},
		{"blackhole somewhere", `router/red/x routes:{destination:"10.9.0.0/16" type:"blackhole" next_hops:{ip:"10.0.0.2"}}`,
			`router/red/x: spec.routes[0].nextHops: must be left out: a route of type blackhole goes nowhere`},
		{"next hop of another family", `router/red/x routes:{destination:"::/0" next_hops:{ip:"10.0.0.2"}}`, `router/red/x: spec.routes[0].nextHops[0].ip: 10.0.0.2 is of another family than ::/0`},
		{"next hop twice", `router/red/x routes:{destination:"0.0.0.0/0" next_hops:{ip:"10.0.0.2"} next_hops:{ip:"10.0.0.2"}}`, `router/red/x: spec.routes[0].nextHops[1].ip: 10.0.0.2 is given twice; give it a weight`},
		{"weight", `router/red/x routes:{destination:"0.0.0.0/0" next_hops:{ip:"10.0.0.2" weight:65}}`, `router/red/x: spec.routes[0].nextHops[0].weight: 65 is not between 1 and 64`},
		{"policy route without a priority", `router/red/x policy_routes:{action:"drop"}`, `router/red/x: spec.policyRoutes[0].priority: 0 is not between 1 and 32767`},
		{"priority twice", `router/red/x policy_routes:{priority:7 action:"drop"} policy_routes:{priority:7 action:"allow"}`, `router/red/x: spec.policyRoutes[1].priority: 7 is that of policyRoutes[0]`},
		{"policy route of two families", `router/red/x policy_routes:{priority:7 action:"drop" match:{source:"10.0.0.0/8" destination:"::/0"}}`,
			`router/red/x: spec.policyRoutes[0].match.destination: ::/0 is of another family than 10.0.0.0/8`},
		{"policy route by an unknown protocol", `router/red/x policy_routes:{priority:7 action:"drop" match:{protocol:"tpc"}}`,
			`router/red/x: spec.policyRoutes[0].match.protocol: "tpc" is none of tcp, udp, sctp, icmp, nor a number from 1 to 255`},
		{"unknown action", `router/red/x policy_routes:{priority:7 action:"drp"}`, `router/red/x: spec.policyRoutes[0].action: "drp" is none of reroute, allow, drop, did you mean "drop"?`},
		{"rerouted to nowhere", `router/red/x policy_routes:{priority:7 action:"reroute"}`, `router/red/x: spec.policyRoutes[0].nextHops: are missing`},
		{"dropped somewhere", `router/red/x policy_routes:{priority:7 action:"drop" next_hops:{ip:"10.0.0.2"}}`,
			`router/red/x: spec.policyRoutes[0].nextHops: must be left out: a policy route that says drop goes nowhere of its own`},
		{"rerouted to another family", `router/red/x policy_routes:{priority:7 action:"reroute" match:{source:"::/0"} next_hops:{ip:"10.0.0.2"}}`,
			`router/red/x: spec.policyRoutes[0].nextHops[0].ip: 10.0.0.2 is of another family than ::/0`},
	} {
		t.Run(tt.name, func(t *testing.T) { refuses(t, with(t, routed), all(tt.apply), tt.want) })
	}
}

// TestRouterIsFoundInRows follows a router from its spec to the rows that apps read.
func TestRouterIsFoundInRows(t *testing.T) {
	c := with(t, routed)
	apply(t, c, `router/red/r2 interfaces:{subnet:"db-v4"} interfaces:{subnet:"db-v6" ip:"2001:db8:1::1"} `+
		`routes:{destination:"0.0.0.0/0" next_hops:{ip:"10.1.0.7"} next_hops:{ip:"10.1.0.8" weight:3}} routes:{destination:"10.66.0.0/16" type:"reject"} admin_state_up:false`)
	router, interfaces, routes, err := RouterRows(get(t, c, "router/red/r2"))
	if err != nil || router.Up || router.Tag == 0 || router.MAC[0] != 0xfa {
		t.Error(router, err)
	}
	db := Key{KindNetwork, "red", "db"}
	want := []RouterInterface{
		{InterfaceOf{router.Key, Key{KindSubnet, "red", "db-v4"}}, db, netip.MustParsePrefix("10.1.0.0/24"), netip.MustParseAddr("10.1.0.1"), router.MAC, Key{}},
		{InterfaceOf{router.Key, Key{KindSubnet, "red", "db-v6"}}, db, netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParseAddr("2001:db8:1::1"), router.MAC, Key{}},
	}
	if !slices.Equal(interfaces, want) {
		t.Errorf("interfaces %v", interfaces)
	}
	wantRoutes := []Route{
		{RouteKey{router.Key, netip.MustParsePrefix("0.0.0.0/0")}, Unicast, []NextHop{{netip.MustParseAddr("10.1.0.7"), 1}, {netip.MustParseAddr("10.1.0.8"), 3}}},
		{RouteKey{router.Key, netip.MustParsePrefix("10.66.0.0/16")}, Reject, nil},
	}
	if !slices.EqualFunc(routes, wantRoutes, Route.Equal) {
		t.Errorf("routes %v", routes)
	}
}

// TestRouterKeepsWhatItHas changes a router: its MAC address and tag stay, and addresses can be traded in one request.
func TestRouterKeepsWhatItHas(t *testing.T) {
	c := with(t, routed)
	before := get(t, c, "router/red/r1").GetStatus().GetRouter()
	apply(t, c, `router/red/r1 interfaces:{subnet:"db-v4"}
		router/red/r2 interfaces:{subnet:"web-v4"}`)
	after := get(t, c, "router/red/r1").GetStatus().GetRouter()
	if after.GetMacAddress() != before.GetMacAddress() || after.GetTag() != before.GetTag() || after.GetInterfaces()[0].GetAddress() != "10.1.0.1/24" {
		t.Errorf("was %v, is %v", before, after)
	}
	_, _, err := c.Delete(t.Context(), []Key{{KindSubnet, "red", "web-v4"}}, false, nil)
	if diff := cmp.Diff("subnet/red/web-v4 is used by port/red/vm1, router/red/r2", fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}
