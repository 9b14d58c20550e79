package security_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// behind is a second router, in a row with the one of routed, and a network behind that.
const behind = `
kind: Network
project: red
name: far
spec: {type: vxlan}
---
kind: Subnet
project: red
name: far4
spec: {network: far, cidr: 10.2.0.0/24}
---
kind: Subnet
project: red
name: far6
spec: {network: far, cidr: "fd00:12::/64"}
---
kind: Port
project: red
name: side
spec: {network: db, fixedIps: [{ip: 10.1.0.2}, {ip: "fd00:11::2"}]}
---
kind: Router
project: red
name: r2
spec:
  interfaces: [{subnet: far4}, {subnet: far6}, {port: side}]
  routes: [{destination: 0.0.0.0/0, nextHops: [{ip: 10.1.0.1}]}, {destination: "::/0", nextHops: [{ip: "fd00:11::1"}]}]
---
kind: Router
project: red
name: r1
spec:
  interfaces: [{subnet: web4}, {subnet: web6}, {subnet: db4}, {subnet: db6}]
  routes: [{destination: 10.2.0.0/24, nextHops: [{ip: 10.1.0.2}]}, {destination: "fd00:12::/64", nextHops: [{ip: "fd00:11::2"}]}]
`

// firewalls lets web reach 7001 of the others, and them 7002 of web; and of far, everybody 7001 and 7003, and far nobody.
const firewalls = `
kind: FirewallPolicy
project: red
name: from-web
spec:
  rules:
    - {name: served, action: allow, protocol: tcp, destinationPorts: "7001"}
    - {name: ping, action: allow, protocol: icmp}
    - {name: ping6, action: allow, protocol: ipv6-icmp}
---
kind: FirewallPolicy
project: red
name: to-web
spec:
  rules:
    - {name: not, action: reject, protocol: tcp, destinationPorts: "7004"}
    - {name: told, action: reject, protocol: udp, destinationPorts: "7004"}
    - {name: db, action: allow, protocol: tcp, sourceIpAddress: 10.1.0.0/24, destinationPorts: "7002"}
    - {name: db6, action: allow, protocol: tcp, sourceIpAddress: "fd00:11::/64", destinationPorts: "7002"}
---
kind: FirewallPolicy
project: ops
name: to-far
spec: {shared: true, rules: [{action: allow, protocol: tcp, destinationPorts: "7001"}, {action: allow, protocol: tcp, destinationPorts: "7003"}]}
---
kind: FirewallGroup
project: red
name: web
spec: {interfaces: [{router: r1, subnet: web4}, {router: r1, subnet: web6}], ingressPolicy: from-web, egressPolicy: to-web}
---
kind: FirewallGroup
project: red
name: far
spec: {interfaces: [{router: r2, subnet: far4}, {router: r2, subnet: far6}], egressPolicy: ops/to-far}
`

// walled is a lab with two routers in a row, both with firewalls, and machines of each network.
type walled struct {
	*e2e.Cloud
	web1, web2, db1, db2, far1, far2, kept *netlab.Endpoint
}

func newWalled(t *testing.T) walled {
	t.Helper()
	w := walled{Cloud: e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})}
	w.Apply(routed)
	w.Apply(behind)
	w.Apply(port("web1", "web", "10.0.0.11", "fd00:10::11", ""), port("web2", "web", "10.0.0.12", "fd00:10::12", ""),
		port("db1", "db", "10.1.0.11", "fd00:11::11", ""), port("db2", "db", "10.1.0.12", "fd00:11::12", ""),
		port("far1", "far", "10.2.0.11", "fd00:12::11", ""), port("far2", "far", "10.2.0.12", "fd00:12::12", ""),
		port("kept", "web", "10.0.0.13", "fd00:10::13", ", securityGroups: [web]"))
	w.Apply(firewalls)
	at := func(host, name, gw4, gw6 string) *netlab.Endpoint {
		return w.VMWith(host, "red/"+name, netlab.EndpointOptions{Gateways: []string{gw4, gw6}})
	}
	w.web1, w.web2, w.kept = at("h1", "web1", "10.0.0.1", "fd00:10::1"), at("h2", "web2", "10.0.0.1", "fd00:10::1"), at("h1", "kept", "10.0.0.1", "fd00:10::1")
	w.db1, w.db2 = at("h1", "db1", "10.1.0.1", "fd00:11::1"), at("h2", "db2", "10.1.0.1", "fd00:11::1")
	w.far1, w.far2 = at("h1", "far1", "10.2.0.1", "fd00:12::1"), at("h2", "far2", "10.2.0.1", "fd00:12::1")
	w.Active("red/web1", "red/web2", "red/db1", "red/db2", "red/far1", "red/far2", "red/kept")
	return w
}

// expected is what passes by the firewalls: from, to, port.
func (w walled) expected() []netlab.Probe {
	var all []netlab.Probe
	add := func(from, to *netlab.Endpoint, port int, want netlab.Reach) {
		all = append(all, probes(from, to, netlab.TCP, port, want)...)
	}
	for _, web := range []*netlab.Endpoint{w.web1, w.kept} {
		for _, db := range []*netlab.Endpoint{w.db1, w.db2} {
			add(web, db, 7001, netlab.Reaches)
			add(web, db, 7002, netlab.Unreached)
		}
	}
	for _, db := range []*netlab.Endpoint{w.db1, w.db2} {
		add(db, w.web1, 7002, netlab.Reaches)
		add(db, w.web1, 7001, netlab.Unreached)
		add(db, w.kept, 7002, netlab.Unreached) // by its security group
		add(db, w.far2, 7003, netlab.Reaches)
		add(db, w.far2, 7002, netlab.Unreached)
	}
	for _, far := range []*netlab.Endpoint{w.far1, w.far2} {
		add(w.web1, far, 7001, netlab.Reaches)   // by both
		add(w.kept, far, 7001, netlab.Reaches)   // with a group
		add(w.web1, far, 7003, netlab.Unreached) // by the second alone
		add(far, w.web1, 7002, netlab.Unreached)
		add(far, w.db1, 7001, netlab.Unreached) // far's group says nothing of what comes from there
	}
	add(w.web1, w.web2, 7005, netlab.Reaches) // no router is between
	add(w.db2, w.db1, 7005, netlab.Reaches)
	return all
}

// Firewalls of routers let through what their policies say: in both directions, both families, on one host and across hosts, by one router
// and by two, beside security groups.
func TestFirewall(t *testing.T) {
	t.Parallel()
	w := newWalled(t)
	w.Reach(w.expected()...)
	group := w.Get("firewallgroup/red/web").GetStatus()
	if group.GetPhase() != weftv1.Status_PHASE_ACTIVE || len(group.GetRealisedHosts()) != 2 {
		t.Errorf("the group is %v", group)
	}
	w.Eventually(20*time.Second, "counters", func() error {
		denied, rules := w.Get("firewallgroup/red/web").GetStatus().GetFirewallGroup(), w.Get("firewallpolicy/red/from-web").GetStatus().GetFirewallPolicy().GetRules()
		if denied.GetDeniedPackets() == 0 || len(rules) != 3 || rules[0].GetPackets() == 0 {
			return fmt.Errorf("%v, %v", denied, rules)
		}
		return nil
	})
	w.Run("reject", func(c *e2e.Cloud) { w.rejects(c) })
	w.Run("ping", func(c *e2e.Cloud) {
		for _, ip := range []string{"10.0.0.1", "fd00:10::1", w.db2.IPv4().String(), w.db2.IPv6().String()} {
			if r, err := w.web1.Ping(ip, netlab.PingOptions{}); err != nil || r.Lost() > 0 {
				c.T.Errorf("ping to %s: %v, %v", ip, r, err)
			}
		}
		if r, err := w.db2.Ping(w.web1.IPv4().String(), netlab.PingOptions{}); err == nil && r.Lost() == 0 {
			c.T.Error("a ping from where none may come was answered")
		}
	})
	w.Run("passes", func(c *e2e.Cloud) { w.passes(c) })
	w.Run("down", func(c *e2e.Cloud) {
		c.Apply(strings.Replace(firewalls, "egressPolicy: to-web", "egressPolicy: to-web, adminStateUp: false", 1))
		c.Phase("firewallgroup/red/web", weftv1.Status_PHASE_DOWN)
		c.Revalidated()
		c.Reach(append(probes(w.web1, w.db2, netlab.TCP, 7001, netlab.Unreached), probes(w.db1, w.web1, netlab.TCP, 7002, netlab.Unreached)...)...)
	})
	w.Run("gone", func(c *e2e.Cloud) {
		c.Weft("delete", "firewallgroup/red/web", "firewallgroup/red/far")
		c.Revalidated()
		c.Reach(append(probes(w.web1, w.db2, netlab.TCP, 7002, netlab.Reaches), probes(w.far2, w.web1, netlab.TCP, 7001, netlab.Reaches)...)...)
	})
}

// rejects has what a rule rejects answered: by a reset, or by ICMP, for which sockets say what they are told.
func (w walled) rejects(c *e2e.Cloud) {
	for _, from := range []*netlab.Endpoint{w.db1, w.db2} {
		for _, ip := range []string{w.web1.IPv4().String(), w.web1.IPv6().String()} {
			started := time.Now()
			_, err := from.TCP(net.JoinHostPort(ip, "7004"), 10, 10*time.Second)
			if !errors.Is(err, syscall.ECONNREFUSED) || time.Since(started) > 8*time.Second {
				c.T.Errorf("%s to %s: %v after %v, want a reset", from.Name(), ip, err, time.Since(started))
			}
			capture := netlab.Must(from.Capture("icmp or icmp6"))(c.T)
			_, err = from.UDP(net.JoinHostPort(ip, "7004"), 10, 2*time.Second)
			if err == nil {
				c.T.Errorf("%s to %s by UDP: is answered", from.Name(), ip)
			}
			router := "10.1.0.1"
			if strings.Contains(ip, ":") {
				router = "fd00:11::1"
			}
			_, err = capture.Expect(10*time.Second, "an ICMP error from "+router, func(p gopacket.Packet) bool {
				return p.NetworkLayer() != nil && p.NetworkLayer().NetworkFlow().Src().String() == router
			})
			c.Do(err, capture.Close())
		}
	}
}

// passes counts how often packets go through the tables: a firewall costs nothing where a port with groups has its connections looked up, and
// one pass elsewhere.
func (w walled) passes(c *e2e.Cloud) {
	netlab.Must(w.db1.ServeTCP(net.JoinHostPort(w.db1.IPv4().String(), "7001")))(c.T)
	for _, tt := range []struct {
		what string
		from *netlab.Endpoint
		most uint64 // recirculations for each packet
	}{{"no groups", w.web1, 1}, {"groups", w.kept, 1}} {
		addr := net.JoinHostPort(w.db1.IPv4().String(), "7001")
		s := c.Dial(tt.what, tt.from, w.db1, addr)
		c.Live(tt.what, s)
		before := netlab.Must(w.web1.Host().Passes())(c.T)
		for range 200 {
			c.Do(s.Talk(5 * time.Second))
		}
		after := netlab.Must(w.web1.Host().Passes())(c.T)
		again, packets := after.Recirculations-before.Recirculations, after.Packets-before.Packets
		c.T.Logf("%s, by a firewall on one host: %d packets, %d recirculations", tt.what, packets, again)
		if again > tt.most*packets+packets/10 {
			c.T.Errorf("%s: %d recirculations for %d packets, want %d each", tt.what, again, packets, tt.most)
		}
	}
}

// Established connections end when the rule goes that let them in, and no others do; they go on when weftd or the switch of a host restarts,
// during which nothing passes that must not.
func TestFirewallChanges(t *testing.T) {
	t.Parallel()
	w := newWalled(t)
	for _, to := range []*netlab.Endpoint{w.db1, w.db2, w.far2} {
		netlab.Must(to.ServeTCP("[::]:7001"))(t)
	}
	netlab.Must(w.web1.ServeTCP("[::]:7002"))(t)
	var stay, end []*e2e.Stream
	open := func() {
		for _, to := range []*netlab.Endpoint{w.db1, w.db2, w.far2} {
			for _, ip := range []string{to.IPv4().String(), to.IPv6().String()} {
				end = append(end, w.Dial("web1 to "+ip, w.web1, to, net.JoinHostPort(ip, "7001")))
			}
		}
	}
	for _, from := range []*netlab.Endpoint{w.db1, w.db2} {
		for _, ip := range []string{w.web1.IPv4().String(), w.web1.IPv6().String()} {
			stay = append(stay, w.Dial(from.Name()+" to "+ip, from, w.web1, net.JoinHostPort(ip, "7002")))
		}
	}
	open()
	w.Live("before", append(stay, end...)...)
	frame := func(from, to *netlab.Endpoint, gateway net.HardwareAddr) func([]byte) []byte {
		return e2e.UDP{SrcMAC: from.MAC(), DstMAC: gateway, Src: from.IPv4().String(), Dst: to.IPv4().String(), DstPort: 9}.Frame
	}
	mac := netlab.Must(net.ParseMAC(w.Get("router/red/r1").GetStatus().GetRouter().GetMacAddress()))(t)
	during := func(what string, held []*e2e.Stream, f func()) {
		w.Nowhere(what+", to web", w.db1, frame(w.db1, w.web1, mac), func() { w.Nowhere(what+", from web", w.web1, frame(w.web1, w.db2, mac), f) })
		w.Live(what, held...)
	}
	during("weftd restarts", append(stay, end...), func() { w.Do(w.Weftd.Kill()); w.Restart(); w.Realised(w.Revision()) })
	// By two routers in a row (to far2) a connection is not held to outlive its switch: see the README of the app.
	one := slices.Concat(stay, end[:4])
	for _, host := range []string{"h1", "h2"} {
		during("ovs-vswitchd of "+host+" restarts", one, func() {
			w.Do(w.Host(host).KillVswitchd(), w.Host(host).StartVswitchd())
			w.Synced()
			w.Active("red/web1", "red/web2", "red/db1", "red/db2", "red/far1", "red/far2", "red/kept")
		})
	}
	w.Apply(strings.Replace(firewalls, `{name: served, action: allow,`, `{name: served, action: deny,`, 1))
	w.Revalidated()
	w.Ended("the rule has gone", end...)
	w.Live("the rule has gone", stay...)
	w.Apply(firewalls)
	end = nil
	open()
	w.Live("the rule is back", end...)
	w.Apply(strings.Replace(firewalls, "ingressPolicy: from-web, ", "", 1))
	w.Revalidated()
	w.Ended("the policy has gone", end...)
	w.Live("the policy has gone", stay...)
}

// walledOutside has the gateway of translatedYAML in a firewall group. Addresses are those inside.
const walledOutside = `
kind: FirewallPolicy
project: red
name: in
spec:
  rules:
    - {action: reject, protocol: tcp, destinationPorts: "81"}
    - {action: allow, protocol: tcp, destinationIpAddress: 10.0.0.12, destinationPorts: "80"}
    - {action: allow, protocol: tcp, destinationIpAddress: "fd00:10::12", destinationPorts: "80"}
    - {action: allow, protocol: tcp, destinationIpAddress: 10.0.0.12, destinationPorts: "22", sourceIpAddress: 198.51.100.1}
---
kind: FirewallPolicy
project: red
name: out
spec:
  rules:
    - {action: deny, protocol: tcp, destinationPorts: "22"}
    - {action: allow, protocol: tcp, sourceAddressGroup: near, destinationAddressGroup: beyond}
---
kind: AddressGroup
project: red
name: near
spec: {addresses: [10.0.0.11, "fd00:10::11", 10.0.0.13]}
---
kind: AddressGroup
project: red
name: beyond
spec: {addresses: [203.0.113.0/24, "2001:db8:9::/64"]}
---
kind: FirewallGroup
project: red
name: edge
spec: {interfaces: [{router: r1, externalGateway: true}], ingressPolicy: in, egressPolicy: out}
`

// At the gateway, what leaves is judged before it is translated and what comes after that: by floating IPs, forwarded ports, NAT rules and
// source NAT.
func TestFirewallOutside(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	wire := c.Physical("ext", "h1", "h2")
	station := netlab.Must(wire.Machine("outside", netlab.EndpointOptions{Addresses: []string{station4 + "/24", station6 + "/64"}}))(t)
	for _, args := range [][]string{{"addr", "add", beyond4 + "/32", "dev", "lo"}, {"addr", "add", beyond6 + "/128", "dev", "lo"}, {"link", "set", "lo", "up"}} {
		_, err := station.Exec("ip", args...)
		c.Do(err)
	}
	c.Apply(translatedYAML)
	c.Apply(walledOutside, translatedGroup("server", ""))
	who := map[string]*netlab.Endpoint{"outside": station}
	for name, host := range map[string]string{"near": "h1", "same": "h2", "server": "h2"} {
		who[name] = c.VMWith(host, "red/"+name, netlab.EndpointOptions{Gateways: []string{"10.0.0.1", "fd00:10::1"}})
	}
	c.Active("red/near", "red/same", "red/server")
	_, err := station.Exec("ip", "route", "add", "default", "via", gateway4)
	c.Do(err)
	for _, at := range []*netlab.Endpoint{who["server"], who["near"], station} {
		for _, port := range []int{22, 80, 81} {
			netlab.Must(at.ServeTCP(fmt.Sprintf("[::]:%d", port)))(t)
		}
	}
	dial := func(line string, within time.Duration) error {
		var from, ip, port string
		if _, err := fmt.Sscan(line, &from, &ip, &port); err != nil {
			return err
		}
		_, err := who[from].TCP(net.JoinHostPort(ip, port), 10, within)
		return err
	}
	for _, line := range []string{
		"outside " + serverOut + " 80", "outside " + serverOut6 + " 80", "outside " + gateway4 + " 2222", // a floating IP, a rule, a forwarded port
		"near " + beyond4 + " 80", "near " + beyond6 + " 80", "same " + beyond4 + " 80", // a floating IP, source NAT from another host and from this one
		"near " + server4 + " 81", // not by the gateway
	} {
		c.Eventually(15*time.Second, line+" connects", func() error { return dial(line, 2*time.Second) })
	}
	for _, line := range []string{
		"near " + beyond4 + " 22", "near " + station4 + " 80", "server " + beyond4 + " 80", "same " + beyond6 + " 80",
		"outside " + nearOut + " 80",
	} {
		if dial(line, 600*time.Millisecond) == nil {
			t.Errorf("%s connects, and must not", line)
		}
	}
	started := time.Now()
	if err := dial("outside "+serverOut+" 81", 10*time.Second); !errors.Is(err, syscall.ECONNREFUSED) || time.Since(started) > 8*time.Second {
		t.Errorf("what is rejected from outside: %v after %v, want a reset", err, time.Since(started))
	}
	streams := []*e2e.Stream{
		c.Dial("in by a floating IP", station, who["server"], serverOut+":80"), c.Dial("out by source NAT", who["same"], station, beyond4+":80"),
	}
	c.Live("before", streams...)
	c.Apply(strings.Replace(strings.Replace(walledOutside, "{action: allow, protocol: tcp, destinationIpAddress: 10.0.0.12, destinationPorts: \"80\"}", "{action: deny}", 1), ", 10.0.0.13]", "]", 1))
	c.Revalidated()
	c.Ended("neither is let through any more", streams...)
}

// The manifest of examples/firewall does what its README says.
func TestFirewallExample(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	c.Weft("apply", "-f", "../../../examples/firewall/edge.yaml")
	web := c.VMWith("h1", "shop/web1", netlab.EndpointOptions{Gateways: []string{"10.0.0.1"}})
	db := c.VMWith("h2", "shop/db1", netlab.EndpointOptions{Gateways: []string{"10.1.0.1"}})
	c.Active("shop/web1", "shop/db1")
	c.Reach(netlab.Probe{From: web, To: db, Protocol: netlab.TCP, Port: 5432, Expect: netlab.Reaches})
	if r, err := web.Ping("10.1.0.11", netlab.PingOptions{}); err != nil || r.Lost() > 0 {
		t.Errorf("ping: %v, %v", r, err)
	}
	if _, err := web.TCP("10.1.0.11:22", 10, 10*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("another port: %v, want a reset", err)
	}
	netlab.Must(web.ServeTCP("10.0.0.11:80"))(t)
	if _, err := db.TCP("10.0.0.11:80", 10, time.Second); err == nil {
		t.Error("db1 reaches web1, and must not")
	}
	if out := c.Weft("describe", "firewallpolicy", "to-databases", "-p", "security"); !strings.Contains(out, "postgres") {
		t.Error(out)
	}
}
