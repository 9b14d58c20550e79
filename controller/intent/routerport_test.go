package intent

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/southbound/flow"
)

// faced is what interfaces by port are tried upon: r1 has web's gateway address, r2 is on web by port.
const faced = routed + `
subnet/red/web-v6 network:"web" cidr:"2001:db8::/64"
port/red/side network:"web" mac_address:"fa:16:3e:00:00:99" fixed_ips:{ip:"10.0.0.99"} fixed_ips:{ip:"2001:db8::99"}
port/red/free network:"web" fixed_ips:{ip:"10.0.0.98"}
port/red/bare network:"web" no_fixed_ips:true
port/red/down network:"web" admin_state_up:false
port/red/twice network:"db" fixed_ips:{ip:"10.1.0.7"} fixed_ips:{ip:"10.1.0.8"}
port/red/parent network:"db"
trunk/red/t port:"parent"
host/peer tunnel_ip:"10.9.0.1" unmanaged:true
port/red/far network:"db" host:"peer"
router/red/r2 interfaces:{port:"side"} interfaces:{subnet:"db-v4"}
`

func TestRouterPortViolations(t *testing.T) {
	for _, tt := range []struct{ name, apply, want string }{
		{"unknown port", `router/red/x interfaces:{port:"fre"}`, `router/red/x: spec.interfaces[0].port: port "fre" does not exist, did you mean "free"?`},
		{"another project's", `router/red/x interfaces:{port:"blue/vm"}`, `router/red/x: spec.interfaces[0].port: "blue/vm" is another project's`},
		{"with a subnet", `router/red/x interfaces:{port:"free" subnet:"web-v4"}`, `router/red/x: spec.interfaces[0].subnet: must be left out: port says where the interface is`},
		{"with an address", `router/red/x interfaces:{port:"free" ip:"10.0.0.98"}`, `router/red/x: spec.interfaces[0].ip: must be left out: the interface has the port's addresses`},
		{"twice", `router/red/x interfaces:{port:"free"} interfaces:{port:"free"}`, `router/red/x: spec.interfaces[1].port: is that of interfaces[0]`},
		{"another router's", `router/red/x interfaces:{port:"side"}`, `router/red/x: spec.interfaces[0].port: port "side" is an interface of router/red/r2`},
		{"without an address", `router/red/x interfaces:{port:"bare"}`, `router/red/x: spec.interfaces[0].port: port "bare" has no addresses`},
		{"that is down", `router/red/x interfaces:{port:"down"}`, `router/red/x: spec.interfaces[0].port: port "down" is administratively down`},
		{"with two addresses on a subnet", `router/red/x interfaces:{port:"twice"}`,
			`router/red/x: spec.interfaces[0].port: port "twice" has 10.1.0.7 and 10.1.0.8 on subnet "db-v4"; a router has one address on a subnet`},
		{"in a trunk", `router/red/x interfaces:{port:"parent"}`, `router/red/x: spec.interfaces[0].port: port "parent" is in trunk/red/t`},
		{"behind an unmanaged host", `router/red/x interfaces:{port:"far"}`, `router/red/x: spec.interfaces[0].port: port "far" is behind host/peer`},
		{"of a subnet that it has", `router/red/x interfaces:{subnet:"web-v4" ip:"10.0.0.5"} interfaces:{port:"free"}`,
			`router/red/x: spec.interfaces[1].port: 10.0.0.0/24 overlaps 10.0.0.0/24 of interfaces[0]`},
		{"other addresses of a router's port", `port/red/side network:"web" mac_address:"fa:16:3e:00:00:99" fixed_ips:{ip:"10.0.0.99"}`,
			`port/red/side: spec.fixedIps: cannot be changed: router/red/r2 has the port as an interface`},
		{"another MAC address of a router's port", `port/red/side network:"web" mac_address:"fa:16:3e:00:00:9a" fixed_ips:{ip:"10.0.0.99"} fixed_ips:{ip:"2001:db8::99"}`,
			`port/red/side: spec.macAddress: cannot be changed: router/red/r2 has the port as an interface`},
		{"a host for a router's port", `port/red/side network:"web" mac_address:"fa:16:3e:00:00:99" fixed_ips:{ip:"10.0.0.99"} fixed_ips:{ip:"2001:db8::99"} host:"peer"`,
			`port/red/side: spec.host: cannot be changed: router/red/r2 has the port as an interface`},
		{"a router's port down", `port/red/side network:"web" mac_address:"fa:16:3e:00:00:99" fixed_ips:{ip:"10.0.0.99"} fixed_ips:{ip:"2001:db8::99"} admin_state_up:false`,
			`port/red/side: spec.adminStateUp: cannot be changed: router/red/r2 has the port as an interface`},
		{"a router's port in a trunk", `trunk/red/x port:"side"`, `trunk/red/x: spec.port: port "side" is an interface of router/red/r2`},
	} {
		t.Run(tt.name, func(t *testing.T) { refuses(t, with(t, faced), all(tt.apply), tt.want) })
	}
}

// TestRouterPortIsTheRouters follows an interface by port to its rows, and what may become of the port.
func TestRouterPortIsTheRouters(t *testing.T) {
	c := with(t, faced)
	router, interfaces, _, err := RouterRows(get(t, c, "router/red/r2"))
	if err != nil {
		t.Fatal(err)
	}
	web, db, side := Key{KindNetwork, "red", "web"}, Key{KindNetwork, "red", "db"}, Key{KindPort, "red", "side"}
	mac := flow.MACAddr{0xfa, 0x16, 0x3e, 0, 0, 0x99}
	want := []RouterInterface{
		{InterfaceOf{router.Key, Key{KindSubnet, "red", "db-v4"}}, db, netip.MustParsePrefix("10.1.0.0/24"), netip.MustParseAddr("10.1.0.1"), router.MAC, Key{}},
		{InterfaceOf{router.Key, Key{KindSubnet, "red", "web-v4"}}, web, netip.MustParsePrefix("10.0.0.0/24"), netip.MustParseAddr("10.0.0.99"), mac, side},
		{InterfaceOf{router.Key, Key{KindSubnet, "red", "web-v6"}}, web, netip.MustParsePrefix("2001:db8::/64"), netip.MustParseAddr("2001:db8::99"), mac, side},
	}
	if !slices.Equal(interfaces, want) {
		t.Errorf("interfaces %v", interfaces)
	}
	_, _, err = c.Delete(t.Context(), []Key{side}, false, nil)
	if diff := cmp.Diff("port/red/side is used by router/red/r2", fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
	// What the router does not need may change, and a router that changes takes the port as it is then.
	const addresses = ` mac_address:"fa:16:3e:00:00:99" fixed_ips:{ip:"10.0.0.99"} `
	apply(t, c, `port/red/side network:"web" fixed_ips:{ip:"2001:db8::99"} device_owner:"us"`+addresses)
	apply(t, c, `port/red/side network:"web"`+addresses+`
		router/red/r2 interfaces:{port:"side"}`)
	if got := get(t, c, "router/red/r2").GetStatus().GetRouter().GetInterfaces(); len(got) != 1 || got[0].GetPort() != "side" || got[0].GetMacAddress() != mac.String() {
		t.Errorf("interfaces %v", got)
	}
	// Ports can be traded between routers in one request, and are free when their router is gone.
	apply(t, c, `router/red/r2 interfaces:{port:"free"}
		router/red/r3 interfaces:{port:"side"}`)
	if _, _, err := c.Delete(t.Context(), []Key{{KindRouter, "red", "r3"}}, false, nil); err != nil {
		t.Error(err)
	}
	if _, _, err := c.Delete(t.Context(), []Key{side}, false, nil); err != nil {
		t.Error(err)
	}
}
