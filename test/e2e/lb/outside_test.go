package lb_test

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

const outside = `
kind: Network
project: net
name: ext
spec: {type: flat, physicalNetwork: ext, external: true, shared: true}
---
kind: Subnet
project: net
name: ext4
spec: {network: ext, cidr: 198.51.100.0/24, gatewayIp: 198.51.100.1, allocationPools: [{start: 198.51.100.100, end: 198.51.100.199}]}
---
kind: Subnet
project: net
name: ext6
spec: {network: ext, cidr: "2001:db8::/64", gatewayIp: "2001:db8::1"}
`

// A load balancer is reached from outside by a floating IP of its port; members see who asks, and nothing with an address from inside is seen
// outside.
func TestFromOutside(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	wire := l.Physical("ext", "h1", "h2")
	far := netlab.Must(wire.Machine("outside", netlab.EndpointOptions{Addresses: []string{"198.51.100.1/24", "2001:db8::1/64"}}))(t)
	leaks := netlab.Must(far.Capture("net 10.0.0.0/8 or net fd00::/8"))(t)
	l.Apply(outside)
	l.Apply(`kind: Router
project: red
name: r1
spec: {interfaces: [{subnet: web4}, {subnet: web6}, {subnet: db4}, {subnet: db6}], externalGateway: {network: net/ext, host: h2}}
---
kind: FloatingIP
project: red
name: www
spec: {network: net/ext, port: vip}
---
kind: FloatingIP
project: red
name: c1
spec: {network: net/ext, port: c1}
`)
	vip := l.Get("floatingip/red/www").GetStatus().GetFloatingIp().GetIp()
	got := map[string]int{}
	for range 30 {
		who, err := far.TCP(net.JoinHostPort(vip, "80"), 100, 3*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got[strings.TrimPrefix(who, "red-")]++
	}
	t.Logf("from outside: %v", got)
	for _, s := range []string{"s1", "s2", "s3"} {
		if got[s] == 0 {
			t.Errorf("none of 30 connections from outside went to %s", s)
		}
	}
	if who, err := far.TCP(net.JoinHostPort(vip, "8080"), 10, time.Second); err == nil {
		t.Errorf("%s answers from outside where nobody listens", who)
	}
	// From inside, also by way of the outside address; and members are clients of the outside as before.
	for _, from := range []string{"c1", "c2", "c3"} {
		l.ask(from, vips[0], 80, 6)
		l.ask(from, vip, 80, 6)
	}
	netlab.Must(far.ServeTCP(":22"))(t)
	if _, err := l.vm["s1"].TCP("198.51.100.1:22", 100, 5*time.Second); err != nil {
		t.Error(err)
	}
	for _, p := range leaks.Packets() {
		t.Fatalf("seen outside: %s", p.Decode())
	}
}

// With groups, the client's rules see the load balancer, and the member's rules see the client.
func TestGroups(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	l.Apply(`kind: SecurityGroup
project: red
name: servers
spec: {rules: [{name: web, direction: ingress, protocol: tcp, ports: "8080", remoteGroup: clients}]}
---
kind: SecurityGroup
project: red
name: clients
spec: {defaultRules: false, rules: [{name: vip, direction: egress, protocol: tcp, ports: "80", remoteIpPrefix: 10.0.0.100}, {name: vip6, direction: egress, protocol: tcp, ports: "80", remoteIpPrefix: "fd00:10::100"}]}
---
kind: SecurityGroup
project: red
name: others
`)
	group := func(name, network string, third, last int, groups string) {
		l.Apply(fmt.Sprintf("kind: Port\nproject: red\nname: %s\nspec: {network: %s, fixedIps: [{ip: 10.%d.0.%d}, {ip: \"fd00:1%[3]d::%[4]d\"}], securityGroups: [%[5]s]}\n", name, network, third, last, groups))
	}
	group("s1", "web", 0, 14, "servers")
	group("s2", "web", 0, 15, "servers")
	group("s3", "db", 1, 16, "servers")
	group("c1", "web", 0, 11, "clients")
	group("c2", "web", 0, 12, "others")
	group("c3", "db", 1, 13, "clients")
	l.Revalidated()
	for _, vip := range vips {
		for _, from := range []string{"c1", "c3"} {
			if got := l.ask(from, vip, 80, 20); len(got) < 3 {
				t.Errorf("%s to %s: %v", from, vip, got)
			}
		}
		for range 4 {
			if who, err := l.vm["c2"].TCP(net.JoinHostPort(vip, "80"), 10, 500*time.Millisecond); err == nil {
				t.Errorf("%s answers c2, which is in no group that its rules name", who)
			}
		}
	}
	for _, direct := range []string{"10.0.0.14:8080", "[fd00:11::16]:8080"} {
		if who, err := l.vm["c1"].TCP(direct, 10, 500*time.Millisecond); err == nil {
			t.Errorf("%s answers c1 at its own address, which c1's rules do not let it send to", who)
		}
	}
	before := netlab.Must(l.Host("h1").Passes())(t)
	s := l.DialAny("passes", l.vm["c1"], net.JoinHostPort(vips[0], "80"))
	for range 100 {
		l.Do(s.Talk(5 * time.Second))
	}
	after := netlab.Must(l.Host("h1").Passes())(t)
	t.Logf("with groups, to %s: %d packets, %d recirculations on the client's host", s.Who(), after.Packets-before.Packets, after.Recirculations-before.Recirculations)
}

// The manifest of examples/loadbalancer does what its README says.
func TestExample(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	file := filepath.Join(netlab.Must(e2e.Root())(t), "examples", "loadbalancer", "shop.yaml")
	c.Weft("apply", "--wait", "-f", file)
	one, two, client := c.VM("h1", "shop/server1"), c.VM("h2", "shop/server2"), c.VM("h1", "shop/client")
	c.Active("shop/server1", "shop/server2", "shop/client")
	for _, s := range []*netlab.Endpoint{one, two} {
		netlab.Must(s.ServeTCP(":8080"))(t)
	}
	for _, key := range []string{"loadbalancer/shop/www", "listener/shop/http", "pool/shop/servers"} {
		c.Phase(key, weftv1.Status_PHASE_ACTIVE)
	}
	c.Phase("healthmonitor/shop/servers", weftv1.Status_PHASE_ACTIVE)
	c.Eventually(30*time.Second, "both servers answer their monitor", func() error {
		if out := c.Weft("describe", "pool/shop/servers"); strings.Count(out, "ONLINE since") != 2 {
			return errors.New(out)
		}
		return nil
	})
	if out := c.Weft("get", "healthmonitors", "-p", "shop"); !strings.Contains(out, "ONLINE") {
		t.Errorf("weft get healthmonitors says\n%s", out)
	}
	if out := c.Weft("get", "pools", "-p", "shop"); !strings.Contains(out, "one 25%, two 75%") {
		t.Errorf("weft get pools says\n%s", out)
	}
	if out := c.Weft("get", "loadbalancers", "-p", "shop"); !strings.Contains(out, "10.0.0.100") {
		t.Errorf("weft get loadbalancers says\n%s", out)
	}
	const all = 400
	first := 0
	for range all {
		who, err := client.TCP("10.0.0.100:80", 10, 3*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if who == one.Name() {
			first++
		}
	}
	t.Logf("%d of %d connections went to the member with a quarter of the weight", first, all)
	if first < all/4-all/10 || first > all/4+all/10 {
		t.Errorf("%d of %d connections went to the member with a quarter of the weight", first, all)
	}
}
