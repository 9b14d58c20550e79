package routing_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// chain is three routers in a row, on two networks without ports between them: a – r1 – r2 – r3 – b. The network a carries more
// than b does. Ports of b that are next hops have other addresses beside their own.
const chain = `
kind: Network
project: red
name: a
spec: {type: vxlan, mtu: 1400}
---
kind: Subnet
project: red
name: a4
spec: {network: a, cidr: 10.0.0.0/24}
---
kind: Subnet
project: red
name: a6
spec: {network: a, cidr: "fd00:10::/64"}
---
kind: Network
project: red
name: b
spec: {type: geneve, mtu: 1300}
---
kind: Subnet
project: red
name: b4
spec: {network: b, cidr: 10.1.0.0/24}
---
kind: Subnet
project: red
name: b6
spec: {network: b, cidr: "fd00:11::/64"}
---
kind: Network
project: red
name: t1
spec: {mtu: 1400}
---
kind: Subnet
project: red
name: t14
spec: {network: t1, cidr: 10.2.0.0/24}
---
kind: Subnet
project: red
name: t16
spec: {network: t1, cidr: "fd00:12::/64"}
---
kind: Network
project: red
name: t2
spec: {mtu: 1400}
---
kind: Subnet
project: red
name: t24
spec: {network: t2, cidr: 10.3.0.0/24}
---
kind: Subnet
project: red
name: t26
spec: {network: t2, cidr: "fd00:13::/64"}
---
kind: Port
project: red
name: vm1
spec: {network: a, macAddress: fa:16:3e:00:00:01, fixedIps: [{ip: 10.0.0.11}, {ip: "fd00:10::11"}]}
---
kind: Port
project: red
name: vm2
spec: {network: b, macAddress: fa:16:3e:00:00:02, fixedIps: [{ip: 10.1.0.12}, {ip: "fd00:11::12"}], allowedAddressPairs: [{ip: 10.9.0.1}, {ip: "fd00:9::1"}]}
---
kind: Port
project: red
name: vm3
spec: {network: b, macAddress: fa:16:3e:00:00:03, fixedIps: [{ip: 10.1.0.13}, {ip: "fd00:11::13"}], allowedAddressPairs: [{ip: 10.9.0.1}, {ip: "fd00:9::1"}]}
---
kind: Router
project: red
name: r1
spec:
  interfaces: [{subnet: a4}, {subnet: a6}, {subnet: t14}, {subnet: t16}]
  routes: [{destination: 0.0.0.0/0, nextHops: [{ip: 10.2.0.2}]}, {destination: "::/0", nextHops: [{ip: "fd00:12::2"}]}]
---
kind: Router
project: red
name: r2
spec:
  interfaces: [{subnet: t14, ip: 10.2.0.2}, {subnet: t16, ip: "fd00:12::2"}, {subnet: t24, ip: 10.3.0.2}, {subnet: t26, ip: "fd00:13::2"}]
  routes:
  - {destination: 10.1.0.0/24, nextHops: [{ip: 10.3.0.1}]}
  - {destination: 10.9.0.0/16, nextHops: [{ip: 10.3.0.1}]}
  - {destination: "fd00:9::/64", nextHops: [{ip: "fd00:13::1"}]}
  - {destination: "fd00:11::/64", nextHops: [{ip: "fd00:13::1"}]}
  - {destination: 10.0.0.0/24, nextHops: [{ip: 10.2.0.1}]}
  - {destination: "fd00:10::/64", nextHops: [{ip: "fd00:12::1"}]}
`

const lastRouter = `kind: Router
project: red
name: r3
spec:
  interfaces: [{subnet: t24}, {subnet: t26}, {subnet: b4}, {subnet: b6}]
  routes: [{destination: 10.9.0.0/16, nextHops: [{ip: 10.1.0.12}]}, {destination: "fd00:9::/64", nextHops: [{ip: "fd00:11::12"}]}, {destination: 10.0.0.0/24, nextHops: [{ip: 10.3.0.2}]}, {destination: "fd00:10::/64", nextHops: [{ip: "fd00:13::2"}]}]
  policyRoutes: [%s]
`

// Packets go through three routers on the host of who sends them, in both families; each router is seen on the way; what is too
// large for the last network is told to the sender, which then sends less; and policy routes decide by source.
func TestRoutersInARow(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	policies := func(p string) string { return fmt.Sprintf(lastRouter, p) }
	c.Apply(strings.TrimPrefix(chain, "\n") + "---\n" + policies(""))
	gateways := netlab.EndpointOptions{Gateways: []string{"10.0.0.1", "fd00:10::1"}}
	one := c.VMWith("h1", "red/vm1", gateways)
	gateways.Gateways = []string{"10.1.0.1", "fd00:11::1"}
	two, three := c.VMWith("h2", "red/vm2", gateways), c.VMWith("h2", "red/vm3", gateways)
	c.Active("red/vm1", "red/vm2", "red/vm3")
	c.Run("they reach each other", func(c *e2e.Cloud) {
		c.Reach(netlab.Probe{From: one, To: two}, netlab.Probe{From: two, To: one, Addr: one.IPv6()},
			netlab.Probe{From: one, To: two, Addr: two.IPv6(), Protocol: netlab.TCP, Port: 80}, netlab.Probe{From: three, To: one, Protocol: netlab.TCP, Port: 80})
	})
	c.Run("every router is on both hosts", func(c *e2e.Cloud) {
		for _, r := range []string{"r1", "r2", "r3"} {
			if err := same(c.Get("router/red/"+r).GetStatus().GetRouter().GetHosts(), []string{"h1", "h2"}); err != nil {
				c.T.Errorf("%s: %v", r, err)
			}
		}
	})
	c.Run("each router is seen on the way", func(c *e2e.Cloud) {
		for _, tt := range []struct {
			to   string
			hops []string
		}{
			{"10.1.0.12", []string{"10.0.0.1", "10.2.0.2", "10.3.0.1", "10.1.0.12"}},
			{"fd00:11::12", []string{"fd00:10::1", "fd00:12::2", "fd00:13::1", "fd00:11::12"}},
		} {
			out, err := one.Exec("traceroute", "-n", "-q", "2", "-w", "5", tt.to)
			for i, hop := range tt.hops {
				if err != nil || !strings.Contains(out, fmt.Sprintf("%2d  %s ", i+1, hop)) {
					c.T.Errorf("traceroute to %s: %v, no hop %d %s\n%s", tt.to, err, i+1, hop, out)
				}
			}
			out, err = one.Exec("mtr", "-n", "-r", "-c", "5", "-i", "1", tt.to)
			for _, hop := range tt.hops {
				if err != nil || !strings.Contains(out, hop+" ") {
					c.T.Errorf("mtr to %s: %v, no %s\n%s", tt.to, err, hop, out)
				}
			}
			for _, hop := range tt.hops {
				if r, err := one.Ping(hop, netlab.PingOptions{Count: 3}); err != nil || r.Received == 0 {
					c.T.Errorf("ping %s: %v, %v", hop, r, err)
				}
			}
		}
	})
	c.Run("what is too large", func(c *e2e.Cloud) { tooLarge(c, one, two) })
	c.Run("policy routes", func(c *e2e.Cloud) {
		c.Do(two.AddAddress("10.9.0.1/32"), three.AddAddress("10.9.0.1/32"), two.AddAddress("fd00:9::1/128"), three.AddAddress("fd00:9::1/128"))
		bySource(c, one, two, three, policies)
	})
}

// bySource has the last router decide by where packets come from, in both families.
func bySource(c *e2e.Cloud, one, two, three *netlab.Endpoint, policies func(string) string) {
	apply := func(list string) { c.Apply(policies(list)) }
	all := func(at, not *netlab.Endpoint) {
		c.T.Helper()
		for _, ip := range []string{"10.9.0.1", "fd00:9::1"} {
			virtual := netip.MustParseAddr(ip)
			c.Reach(netlab.Probe{From: one, To: at, Addr: virtual}, netlab.Probe{From: one, To: not, Addr: virtual, Expect: netlab.Unreached})
		}
	}
	all(two, three)
	apply(`{priority: 10, match: {source: 10.0.0.0/25, destination: 10.9.0.0/16}, action: reroute, nextHops: [{ip: 10.1.0.13}]},
    {priority: 11, match: {source: "fd00:10::/65", destination: "fd00:9::/64"}, action: reroute, nextHops: [{ip: "fd00:11::13"}]}`)
	all(three, two)
	apply(`{priority: 10, match: {source: 10.0.0.128/25}, action: reroute, nextHops: [{ip: 10.1.0.13}]},
    {priority: 11, match: {source: "fd00:10:0:0:8000::/65"}, action: reroute, nextHops: [{ip: "fd00:11::13"}]}`)
	all(two, three)
	apply("{priority: 10, match: {source: 10.0.0.0/24}, action: drop}, {priority: 20, match: {protocol: tcp}, action: allow}")
	c.Reach(netlab.Probe{From: one, To: two, Expect: netlab.Unreached}, netlab.Probe{From: one, To: two, Protocol: netlab.TCP, Port: 80},
		netlab.Probe{From: one, To: two, Addr: two.IPv6()})
	apply(`{priority: 10, match: {source: "fd00:10::/64"}, action: drop}, {priority: 20, match: {protocol: tcp}, action: allow}`)
	c.Reach(netlab.Probe{From: one, To: two, Addr: two.IPv6(), Expect: netlab.Unreached}, netlab.Probe{From: one, To: two, Addr: two.IPv6(), Protocol: netlab.TCP, Port: 80},
		netlab.Probe{From: one, To: two})
	apply("{priority: 10, match: {}, action: reroute, nextHops: [{ip: 10.1.0.99}]}")
	c.Eventually(10*time.Second, "the status says what is wrong", func() error {
		for _, r := range c.Get("router/red/r3").GetStatus().GetRouter().GetRoutes() {
			if r.GetOrigin() == "policy" && !r.GetRealised() && strings.Contains(r.GetReason(), "next hop 10.1.0.99 is the address of no port") {
				return nil
			}
		}
		return fmt.Errorf("%v", c.Get("router/red/r3").GetStatus())
	})
	apply("")
	c.Reach(netlab.Probe{From: one, To: two})
}

// tooLarge sends packets that the last network does not carry: senders are told how much it does (RFC 1191, RFC 8201), and streams
// of large segments come through all the same.
func tooLarge(c *e2e.Cloud, one, two *netlab.Endpoint) {
	for _, tt := range []struct {
		to     string
		header int
	}{{"10.1.0.12", 28}, {"fd00:11::12", 48}} {
		ping := func(mtu int, args ...string) (string, error) {
			return one.Exec("ping", append(args, "-c", "1", "-W", "5", "-s", fmt.Sprint(mtu-tt.header), tt.to)...)
		}
		if out, err := ping(1300, "-M", "do"); err != nil {
			c.T.Errorf("what just fits: %v\n%s", err, out)
		}
		out, err := ping(1301, "-M", "do")
		if err == nil || !strings.Contains(strings.ToLower(fmt.Sprint(out, err)), "mtu") || !strings.Contains(fmt.Sprint(out, err), "1300") {
			c.T.Errorf("one byte more to %s: the sender is not told of 1300:\n%s%v", tt.to, out, err)
		}
		if out, err := ping(1390, "-M", "dont"); err != nil { // the sender knows now, and makes fragments
			c.T.Errorf("fragments: %v\n%s", err, out)
		}
	}
	c.Reach(netlab.Probe{From: one, To: two, Protocol: netlab.TCP, Port: 80})
}
