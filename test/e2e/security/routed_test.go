package security_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

const routed = `
kind: Network
project: red
name: web
spec: {type: vxlan}
---
kind: Subnet
project: red
name: web4
spec: {network: web, cidr: 10.0.0.0/24}
---
kind: Subnet
project: red
name: web6
spec: {network: web, cidr: "fd00:10::/64"}
---
kind: Network
project: red
name: db
spec: {type: geneve}
---
kind: Subnet
project: red
name: db4
spec: {network: db, cidr: 10.1.0.0/24}
---
kind: Subnet
project: red
name: db6
spec: {network: db, cidr: "fd00:11::/64"}
---
kind: Router
project: red
name: r1
spec: {interfaces: [{subnet: web4}, {subnet: web6}, {subnet: db4}, {subnet: db6}]}
---
kind: SecurityGroup
project: red
name: db
spec: {rules: [{direction: ingress, protocol: tcp, ports: "5432", remoteGroup: web}]}
---
kind: SecurityGroup
project: red
name: web
`

func port(name, network, ip4, ip6, more string) string {
	return fmt.Sprintf("kind: Port\nproject: red\nname: %s\nspec: {network: %s, fixedIps: [{ip: %s}, {ip: %q}]%s}\n", name, network, ip4, ip6, more)
}

// Groups on ports of different networks, with a router between them; and how often packets go through the tables for it.
func TestRouted(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	c.Apply(routed)
	c.Apply(port("web1", "web", "10.0.0.11", "fd00:10::11", ", securityGroups: [web]"), port("web2", "web", "10.0.0.12", "fd00:10::12", ", securityGroups: [web]"),
		port("other", "web", "10.0.0.13", "fd00:10::13", ""), port("db1", "db", "10.1.0.11", "fd00:11::11", ", securityGroups: [db]"),
		port("same", "web", "10.0.0.14", "fd00:10::14", ", securityGroups: [web, db]"))
	at := func(host, name, gw4, gw6 string) *netlab.Endpoint {
		return c.VMWith(host, "red/"+name, netlab.EndpointOptions{Gateways: []string{gw4, gw6}})
	}
	web1, web2, other := at("h1", "web1", "10.0.0.1", "fd00:10::1"), at("h2", "web2", "10.0.0.1", "fd00:10::1"), at("h1", "other", "10.0.0.1", "fd00:10::1")
	db1, same := at("h1", "db1", "10.1.0.1", "fd00:11::1"), at("h1", "same", "10.0.0.1", "fd00:10::1")
	c.Active("red/web1", "red/web2", "red/other", "red/db1", "red/same")
	var all []netlab.Probe
	for _, p := range []struct {
		from, to *netlab.Endpoint
		port     int
		want     netlab.Reach
	}{
		{web1, db1, 5432, netlab.Reaches}, {web2, db1, 5432, netlab.Reaches}, {other, db1, 5432, netlab.Unreached}, {web1, db1, 5433, netlab.Unreached},
		{db1, web1, 5432, netlab.Unreached}, {db1, web2, 22, netlab.Unreached}, {db1, other, 22, netlab.Reaches}, {web1, same, 5432, netlab.Reaches},
	} {
		all = append(all, probes(p.from, p.to, netlab.TCP, p.port, p.want)...)
	}
	c.Reach(all...)
	// Routers answer, and tell of what expires, although no rule names them.
	for _, ip := range []string{"10.0.0.1", "fd00:10::1"} {
		if r, err := web1.Ping(ip, netlab.PingOptions{}); err != nil || r.Lost() > 0 {
			t.Errorf("ping to the router's %s: %v, %v", ip, r, err)
		}
	}
	for _, tt := range []struct {
		what     string
		from, to *netlab.Endpoint
	}{{"bridged", web1, same}, {"routed", web1, db1}} {
		addr := netip.AddrPortFrom(tt.to.IPv4(), 5432)
		netlab.Must(tt.to.ServeTCP(addr.String()))(t)
		s := c.Dial(tt.what, tt.from, tt.to, addr.String())
		c.Live(tt.what, s)
		before := netlab.Must(web1.Host().Passes())(t)
		for range 200 {
			c.Do(s.Talk(5 * time.Second))
		}
		after := netlab.Must(web1.Host().Passes())(t)
		again, packets := after.Recirculations-before.Recirculations, after.Packets-before.Packets
		t.Logf("%s on one host: %d packets, %d recirculations", tt.what, packets, again)
		if again > packets+packets/10 {
			t.Errorf("%s on one host: %d recirculations for %d packets, want one each", tt.what, again, packets)
		}
	}
}
