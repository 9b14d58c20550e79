package security_test

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Datagrams and pings in fragments are let through, and not, as those that are not in fragments: on one host and across, from the first
// one on and when their connection is known.
func TestFragments(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red := e2e.Tenant{Project: "red", VMs: 3}
	c.Apply(red.YAML())
	c.Apply(`
kind: SecurityGroup
project: red
name: names
spec:
  rules:
    - {name: dns, direction: ingress, protocol: udp, ports: "53"}
    - {name: ping, direction: ingress, protocol: icmp, icmpType: 8, icmpCode: 0}
    - {name: ping6, direction: ingress, protocol: ipv6-icmp, icmpType: 128, icmpCode: 0}
---
kind: SecurityGroup
project: red
name: clients
`)
	c.Apply(red.Port(1, "securityGroups: [names]"), red.Port(2, "securityGroups: [clients]"), red.Port(3, "securityGroups: [clients]"))
	server, near, far := c.VM("h1", "red/vm1"), c.VM("h1", "red/vm2"), c.VM("h2", "red/vm3")
	c.Active("red/vm1", "red/vm2", "red/vm3")
	for _, port := range []string{":53", ":54"} {
		netlab.Must(server.ServeUDP(port))(t)
	}
	for _, client := range []*netlab.Endpoint{near, far} {
		for _, ip := range []string{server.IPv4().String(), server.IPv6().String()} {
			// Open vSwitch loses the first datagram in fragments that takes a way, while it learns that way.
			c.Eventually(20*time.Second, fmt.Sprintf("%s has its datagram back from %s", client.Name(), ip), func() error {
				_, err := client.UDP(net.JoinHostPort(ip, "53"), 4000, time.Second)
				return err
			})
			c.Eventually(20*time.Second, fmt.Sprintf("%s pings %s", client.Name(), ip), func() error {
				r, err := client.Ping(ip, netlab.PingOptions{Count: 1, Size: 4000})
				if err == nil && r.Lost() > 0 {
					err = errors.New(r.String())
				}
				return err
			})
			for range 3 {
				if who, err := client.UDP(net.JoinHostPort(ip, "54"), 4000, 500*time.Millisecond); err == nil {
					t.Errorf("%s answers %s at a port that no rule names", who, client.Name())
				}
			}
			if _, err := client.UDP(net.JoinHostPort(ip, "53"), 100, 3*time.Second); err != nil {
				t.Error(err)
			}
		}
	}
}
