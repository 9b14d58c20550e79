package security_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

const shadows = `
kind: SecurityGroup
project: red
name: web
spec:
  rules:
    - {name: ping, direction: ingress, protocol: icmp}
    - {name: ping6, direction: ingress, protocol: ipv6-icmp}
    - {name: tried, direction: ingress, protocol: udp, ports: "53", mode: shadow}
    - {name: idle, direction: ingress, protocol: udp, ports: "54"}
---
kind: SecurityPolicy
project: red
name: trial
spec:
  rules:
    - {name: silence, direction: ingress, protocol: icmp, action: drop, mode: shadow}
    - {name: silence6, direction: ingress, protocol: ipv6-icmp, action: drop, mode: shadow}
`

// Rules in the mode shadow count what they are about, and change nothing of what becomes of it. Once enforced, they do.
func TestShadow(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red := e2e.Tenant{Project: "red", VMs: 3}
	c.Apply(red.YAML())
	c.Apply(shadows)
	c.Apply(red.Port(1, "securityGroups: [web]"))
	web, near, far := c.VM("h1", "red/vm1"), c.VM("h1", "red/vm2"), c.VM("h2", "red/vm3")
	judge := func(ping, dns netlab.Reach) {
		c.T.Helper()
		var all []netlab.Probe
		for _, from := range []*netlab.Endpoint{near, far} {
			all = append(all, probes(from, web, netlab.ICMP, 0, ping)...)
			all = append(all, probes(from, web, netlab.UDP, 53, dns)...)
		}
		c.Reach(all...)
	}
	judge(netlab.Reaches, netlab.Unreached)
	c.Eventually(30*time.Second, "each rule has counted what it is about", func() error {
		seen := map[string]uint64{}
		for _, r := range c.Get("securitygroup/red/web").GetStatus().GetSecurityGroup().GetRules() {
			seen[r.Name] = r.Packets
		}
		for _, r := range c.Get("securitypolicy/red/trial").GetStatus().GetSecurityPolicy().GetRules() {
			seen[r.Name] = r.Packets
		}
		for _, name := range []string{"ping", "ping6", "tried", "silence", "silence6"} {
			if seen[name] < 2 { // one from each host
				return fmt.Errorf("%s has counted %d: %v", name, seen[name], seen)
			}
		}
		if seen["idle"] != 0 {
			return fmt.Errorf("idle has counted %d", seen["idle"])
		}
		return nil
	})
	c.Apply("kind: SecurityPolicy\nproject: red\nname: trial\nspec: {rules: [{name: silence, direction: ingress, protocol: icmp, action: drop}, " +
		"{name: silence6, direction: ingress, protocol: ipv6-icmp, action: drop}]}\n")
	judge(netlab.Unreached, netlab.Unreached)
}
