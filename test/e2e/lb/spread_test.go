package lb_test

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Two networks that a router joins, and a load balancer on the first one.
const cloud = `
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
spec: {type: vxlan}
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
kind: Port
project: red
name: vip
spec: {network: web, fixedIps: [{ip: 10.0.0.100}, {ip: "fd00:10::100"}]}
---
kind: LoadBalancer
project: red
name: shop
spec: {port: vip}
---
kind: Listener
project: red
name: http
spec: {loadBalancer: shop, protocol: tcp, ports: "80", pool: web}
---
kind: Listener
project: red
name: dns
spec: {loadBalancer: shop, protocol: udp, ports: "53", pool: dns}
`

// lab is the cloud with its endpoints.
type lab struct {
	*e2e.Cloud
	vm      map[string]*netlab.Endpoint
	servers map[string]*netlab.Server // that take TCP connections
}

// endpoints are those of the lab: two clients and two members on the load balancer's network, one of each behind the router.
var endpoints = []struct{ name, network, host string }{
	{"c1", "web", "h1"}, {"c2", "web", "h2"}, {"c3", "db", "h1"}, {"s1", "web", "h1"}, {"s2", "web", "h2"}, {"s3", "db", "h2"},
}

func newLab(t *testing.T, more string) *lab {
	l := &lab{e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)}), map[string]*netlab.Endpoint{}, map[string]*netlab.Server{}}
	l.Apply(cloud, pool("web", "", "s1", "s2", "s3"), pool("dns", "", "s1", "s3"))
	var names []string
	for i, e := range endpoints {
		third, gateways := 0, []string{"10.0.0.1", "fd00:10::1"}
		if e.network == "db" {
			third, gateways = 1, []string{"10.1.0.1", "fd00:11::1"}
		}
		l.Apply(fmt.Sprintf("kind: Port\nproject: red\nname: %s\nspec: {network: %s, fixedIps: [{ip: 10.%d.0.%d}, {ip: \"fd00:1%[3]d::%[4]d\"}]%s}\n", e.name, e.network, third, 11+i, more))
		l.vm[e.name] = l.VMWith(e.host, "red/"+e.name, netlab.EndpointOptions{Gateways: gateways})
		names = append(names, "red/"+e.name)
	}
	l.Active(names...)
	for _, s := range []string{"s1", "s2", "s3"} {
		l.servers[s] = netlab.Must(l.vm[s].ServeTCP(":8080"))(t)
		netlab.Must(l.vm[s].ServeUDP(":53"))(t)
	}
	return l
}

// addresses are those of the members, by name.
var addresses = map[string][2]string{"s1": {"10.0.0.14", "fd00:10::14"}, "s2": {"10.0.0.15", "fd00:10::15"}, "s3": {"10.1.0.16", "fd00:11::16"}}

// pool is a pool with members by both versions of IP; what follows a member's name is more of its spec: "s1 weight: 0".
func pool(name, more string, members ...string) string {
	var all []string
	for _, m := range members {
		who, spec, _ := strings.Cut(m, " ")
		if spec != "" {
			spec = ", " + spec
		}
		port := 8080
		if name == "dns" {
			port = 53
		}
		for i, addr := range addresses[who] {
			all = append(all, fmt.Sprintf("{name: %s-%d, address: %q, port: %d%s}", who, 2*i+4, addr, port, spec))
		}
	}
	return fmt.Sprintf("kind: Pool\nproject: red\nname: %s\nspec: {members: [%s]%s}\n", name, strings.Join(all, ", "), more)
}

// vips are the load balancer's addresses.
var vips = []string{"10.0.0.100", "fd00:10::100"}

// ask opens connections to a VIP, and returns how many each endpoint has answered.
func (l *lab) ask(from, vip string, port, times int) map[string]int {
	l.T.Helper()
	got := map[string]int{}
	for range times {
		who, err := l.vm[from].TCP(net.JoinHostPort(vip, strconv.Itoa(port)), 100, 3*time.Second)
		if err != nil {
			who = "nobody"
			l.T.Errorf("%s: %v", from, err)
		}
		got[strings.TrimPrefix(who, "red-")]++
	}
	return got
}

// rejected fails unless an endpoint is told that nobody serves at an address.
func (l *lab) rejected(from, addr string) {
	l.T.Helper()
	if who, err := l.vm[from].TCP(addr, 10, 3*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		l.T.Errorf("%s to %s: %s answers, %v; want that the connection is refused", from, addr, who, err)
	}
}

// Every member gets its share, from clients on the load balancer's network, behind the router, and from members themselves; by both
// versions of IP, and for protocols that have no connections.
func TestSpread(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	for _, from := range []string{"c1", "c2", "c3", "s1", "s3"} {
		for _, vip := range vips {
			got := l.ask(from, vip, 80, 30)
			t.Logf("%s to %s: %v", from, vip, got)
			for _, s := range []string{"s1", "s2", "s3"} {
				if got[s] == 0 {
					t.Errorf("%s to %s: none of 30 connections went to %s", from, vip, s)
				}
			}
			l.rejected(from, net.JoinHostPort(vip, "8080"))
			if r, err := l.vm[from].Ping(vip, netlab.PingOptions{}); err != nil || r.Lost() > 0 {
				t.Errorf("%s pings %s: %v, %v", from, vip, r, err)
			}
			for _, size := range []int{10, 4000} {
				// Open vSwitch loses the first datagram in fragments that takes a way, while it learns that way.
				l.Eventually(20*time.Second, fmt.Sprintf("%s has %d bytes back from %s", from, size, vip), func() error {
					who, err := l.vm[from].UDP(net.JoinHostPort(vip, "53"), size, time.Second)
					if err == nil && who != "red-s1" && who != "red-s3" {
						t.Errorf("%s answers", who)
					}
					return err
				})
			}
		}
	}
	// Members are reached as before by addresses of their own.
	for _, addr := range []string{"10.0.0.15:8080", "[fd00:11::16]:8080"} {
		if _, err := l.vm["c1"].TCP(addr, 100, 3*time.Second); err != nil {
			t.Error(err)
		}
	}
	if s := l.Get("listener/red/http").GetStatus().GetListener(); s.GetOperatingStatus() != "NO_MONITOR" {
		t.Errorf("the listener says %v", s)
	}
}

// Connections stay with their members, whatever becomes of others.
func TestStay(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	streams := map[string][]*e2e.Stream{}
	for i := 0; i < 40; i++ {
		for _, vip := range vips {
			s := l.DialAny(fmt.Sprintf("stream %d", i), l.vm["c1"], net.JoinHostPort(vip, "80"))
			streams[s.Who()] = append(streams[s.Who()], s)
		}
	}
	live := func(when string) {
		t.Helper()
		for who, all := range streams {
			l.Live(when+", "+who, all...)
		}
	}
	live("at first")
	only := func(when string, members ...string) {
		t.Helper()
		for _, vip := range vips {
			for who := range l.ask("c1", vip, 80, 12) {
				if !strings.Contains(strings.Join(members, " "), who) {
					t.Errorf("%s, %s takes new connections", when, who)
				}
			}
		}
		live(when)
	}
	l.Apply(pool("web", "", "s1", "s2 weight: 0", "s3"))
	l.Revalidated()
	only("s2 drains", "s1", "s3")
	l.Apply(pool("web", "", "s1", "s2", "s3 adminStateUp: false"))
	l.Revalidated()
	only("s3 is down", "s1", "s2")
	delete(streams, "red-s3") // connections of a member that is gone are its own affair
	l.Apply(pool("web", "", "s1", "s2 backup: true"))
	l.Revalidated()
	only("s2 is a backup", "s1")
	l.Apply(pool("web", "", "s1 adminStateUp: false", "s2 backup: true"))
	l.Revalidated()
	only("the backup serves", "s2")
	l.Apply(pool("web", ", algorithm: SOURCE_IP", "s1", "s2", "s3"))
	l.Revalidated()
	for _, from := range []string{"c1", "c2", "c3"} {
		for _, vip := range vips {
			if got := l.ask(from, vip, 80, 12); len(got) != 1 {
				t.Errorf("%s to %s is served by %v", from, vip, got)
			}
		}
	}
	l.Do(l.Weftd.Stop())
	l.Restart()
	l.Apply(pool("web", "", "s1 weight: 0", "s2 adminStateUp: false"))
	l.Revalidated()
	for _, vip := range vips {
		l.rejected("c1", net.JoinHostPort(vip, "80"))
	}
	live("after a restart of weftd")
	// Open vSwitch forgets connections. Those that clients go on with come to the same members again, which have the same parts; but for
	// one that had another port at its member, because its own was taken there.
	l.Apply(pool("web", "", "s1", "s2", "s3"))
	l.Do(l.Host("h1").RestartVswitchd())
	l.Synced()
	ended, all := 0, 0
	for _, of := range streams {
		for _, s := range of {
			if all++; s.Talk(5*time.Second) != nil {
				ended++
			}
		}
	}
	if ended > all/20 {
		t.Errorf("%d of %d streams ended with a restart of ovs-vswitchd", ended, all)
	}
}
