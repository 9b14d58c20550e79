package security_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

const guarded = `
kind: SecurityGroup
project: red
name: web
spec:
  onRevoke: %s
  rules:
    - {name: a, direction: ingress, protocol: tcp, ports: "7001"}
    - {name: b, direction: ingress, protocol: tcp, ports: "7002", remoteGroup: clients}
    - {name: c, direction: ingress, protocol: tcp, ports: "7003", remoteAddressGroup: known}
---
kind: SecurityGroup
project: red
name: clients
---
kind: AddressGroup
project: red
name: known
spec: {addresses: [%s]}
`

// What a change no longer lets through stops within a second, on both ends; everything else does not notice.
func TestRevocation(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red := e2e.Tenant{Project: "red", VMs: 3}
	c.Apply(red.YAML())
	all := fmt.Sprintf(guarded, "cut", "10.0.0.0/24, \"fd00:10::/64\"")
	c.Apply(all)
	c.Apply(red.Port(1, "securityGroups: [web]"), red.Port(2, "securityGroups: [clients]"), red.Port(3, "securityGroups: [clients]"))
	web, near, far := c.VM("h1", "red/vm1"), c.VM("h1", "red/vm2"), c.VM("h2", "red/vm3")
	for port := 7001; port <= 7003; port++ {
		netlab.Must(web.ServeTCP(fmt.Sprintf("[::]:%d", port)))(t)
	}
	streams := map[string]*e2e.Stream{}
	open := func() {
		for _, from := range []*netlab.Endpoint{near, far} {
			for port := 7001; port <= 7003; port++ {
				for _, ip := range []string{web.IPv4().String(), "[" + web.IPv6().String() + "]"} {
					name := fmt.Sprintf("%s to %s:%d", from.Name(), ip, port)
					streams[name] = c.Dial(name, from, web, fmt.Sprintf("%s:%d", ip, port))
				}
			}
		}
	}
	judge := func(when string, ends func(name string) bool) {
		c.T.Helper()
		c.Revalidated()
		for name, s := range streams {
			if err := s.Talk(time.Second); ends(name) != (err != nil) {
				c.T.Errorf("%s: %s: %v", when, name, err)
			}
			if ends(name) {
				_ = s.Close()
				delete(streams, name)
			}
		}
	}
	open()
	judge("before", func(string) bool { return false })
	c.Apply(strings.Replace(all, `{name: a, direction: ingress, protocol: tcp, ports: "7001"}`, `{name: x, direction: ingress, protocol: udp, ports: "7001"}`, 1))
	judge("a rule has gone", func(name string) bool { return strings.HasSuffix(name, ":7001") })
	c.Apply(red.Port(2, "securityGroups: []"))
	judge("a member has gone", func(name string) bool { return strings.HasPrefix(name, "red-vm2") && strings.HasSuffix(name, ":7002") })
	c.Apply(strings.Replace(all, "10.0.0.0/24", "10.0.0.12", 1))
	judge("an address has gone", func(name string) bool {
		return strings.HasPrefix(name, "red-vm3 to 10.") && strings.HasSuffix(name, ":7003")
	})
	c.Apply(red.Port(2, "securityGroups: [clients]"))
	c.Apply(all)
	open()
	c.Apply(red.Port(1, "securityGroups: [clients]"))
	judge("the group has gone", func(string) bool { return true })
	c.Apply(red.Port(1, "securityGroups: [web]"))
	c.Apply(strings.Replace(all, "onRevoke: cut", "onRevoke: drain", 1))
	open()
	c.Apply("kind: SecurityGroup\nproject: red\nname: web\nspec: {onRevoke: drain}\n")
	judge("rules have gone from a group that drains", func(string) bool { return false })
	for _, from := range []*netlab.Endpoint{near, far} {
		if who, err := from.TCP("10.0.0.11:7001", 10, time.Second); err == nil {
			t.Errorf("%s answers %s anew", who, from.Name())
		}
	}
}

// The project's default group lets its members reach each other, applies to ports that name no group, and comes and goes as a whole.
func TestDefaultGroup(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red := e2e.Tenant{Project: "red", VMs: 3}
	c.Apply(red.YAML())
	c.Apply("kind: SecurityGroup\nproject: red\nname: lonely\n")
	c.Apply(red.Port(3, "securityGroups: [lonely]"))
	vms := c.VMs(red, "h1", "h2")
	among := func(one, two netlab.Reach) {
		c.T.Helper()
		var all []netlab.Probe
		for _, protocol := range []netlab.Protocol{netlab.ICMP, netlab.TCP, netlab.UDP} {
			all = append(all, probes(vms[0], vms[1], protocol, 9, one)...)
			all = append(all, probes(vms[1], vms[0], protocol, 9, one)...)
			all = append(all, probes(vms[2], vms[0], protocol, 9, two)...)
			all = append(all, probes(vms[0], vms[2], protocol, 9, netlab.Unreached)...)
		}
		c.Reach(all...)
	}
	among(netlab.Reaches, netlab.Reaches)
	c.Apply("kind: SecurityGroup\nproject: red\nname: default\n")
	among(netlab.Reaches, netlab.Unreached)
	c.Do(c.Weftd.Kill())
	c.Restart()
	c.Synced()
	among(netlab.Reaches, netlab.Unreached)
	c.Delete(client.DeleteOptions{}, "securitygroup/red/default")
	among(netlab.Reaches, netlab.Reaches)
}

const tiers = `
kind: SecurityPolicy
project: ops
name: first
spec:
  scope: cloud
  rules:
    - {direction: ingress, protocol: tcp, ports: "23", action: drop}
    - {direction: ingress, protocol: tcp, ports: "24", remoteIpPrefix: 10.0.0.12, action: allow}
    - {direction: ingress, protocol: tcp, ports: 25-26, action: pass}
    - {direction: ingress, protocol: tcp, ports: "27", action: reject}
    - {direction: egress, protocol: tcp, ports: "28", action: reject}
---
kind: SecurityPolicy
project: red
name: last
spec:
  stage: after
  rules:
    - {direction: ingress, protocol: udp, ports: "53", action: allow}
---
kind: SecurityPolicy
project: red
name: before
spec:
  rules:
    - {direction: ingress, protocol: tcp, ports: "25", action: drop}
`

// Administrators' policies come before and after tenants' groups, for all projects or one.
func TestTiers(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red := e2e.Tenant{Project: "red", VMs: 3}
	c.Apply(red.YAML())
	c.Apply("kind: SecurityGroup\nproject: red\nname: web\nspec: {rules: [{direction: ingress, protocol: tcp, ports: 22-30, remoteIpPrefix: 0.0.0.0/0}]}\n")
	c.Apply(red.Port(1, "securityGroups: [web]"))
	vms := c.VMs(red, "h1", "h2")
	web := vms[0]
	judge := func(wants map[int][2]netlab.Reach, udp netlab.Reach) {
		c.T.Helper()
		var all []netlab.Probe
		for port, want := range wants {
			for i, from := range vms[1:] {
				all = append(all, netlab.Probe{From: from, To: web, Protocol: netlab.TCP, Port: port, Expect: want[i]})
			}
		}
		for _, from := range vms[1:] {
			all = append(all, probes(from, web, netlab.UDP, 53, udp)...)
		}
		c.Reach(all...)
	}
	yes, no := netlab.Reaches, netlab.Unreached
	judge(map[int][2]netlab.Reach{22: {yes, yes}, 23: {yes, yes}, 31: {no, no}}, no)
	c.Apply(tiers)
	judge(map[int][2]netlab.Reach{22: {yes, yes}, 23: {no, no}, 24: {yes, yes}, 25: {no, no}, 26: {yes, yes}, 31: {no, no}}, yes)
	for _, addr := range []string{"10.0.0.11:27", "[fd00:10::11]:27", "10.0.0.11:28", "[fd00:10::11]:28"} {
		for _, from := range vms[1:] { // who is on the same host, and who is not
			if _, err := from.TCP(addr, 10, 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s to %s: %v, want a reset", from.Name(), addr, err)
			}
		}
	}
	c.Apply("kind: SecurityGroup\nproject: red\nname: web\n")
	judge(map[int][2]netlab.Reach{22: {no, no}, 23: {no, no}, 24: {yes, no}, 26: {no, no}}, yes)
	// Ports without groups are open but for what the policies say.
	c.Reach(netlab.Probe{From: vms[2], To: vms[1], Protocol: netlab.TCP, Port: 23, Expect: no}, netlab.Probe{From: vms[2], To: vms[1], Protocol: netlab.TCP, Port: 99})
	c.Delete(client.DeleteOptions{}, "securitypolicy/ops/first", "securitypolicy/red/last", "securitypolicy/red/before")
	judge(map[int][2]netlab.Reach{22: {no, no}, 24: {no, no}}, no)
}
