package security_test

import (
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// web lets anybody in at port 80 and clients with pings; clients let nobody in.
const groups = `
kind: SecurityGroup
project: red
name: web
spec:
  rules:
    - {name: http, direction: ingress, protocol: tcp, ports: 80-81}
    - {name: ping, direction: ingress, protocol: icmp, remoteGroup: clients}
    - {name: ping6, direction: ingress, protocol: ipv6-icmp, remoteGroup: clients}
---
kind: SecurityGroup
project: red
name: clients
`

// probes are probes by both versions of IP.
func probes(from, to *netlab.Endpoint, protocol netlab.Protocol, port int, expect netlab.Reach) []netlab.Probe {
	return []netlab.Probe{
		{From: from, To: to, Addr: to.IPv4(), Protocol: protocol, Port: port, Expect: expect},
		{From: from, To: to, Addr: to.IPv6(), Protocol: protocol, Port: port, Expect: expect},
	}
}

// What groups let through, and what not: from a port of the same host and of another one, from a port without groups, in both directions.
func TestGroups(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red := e2e.Tenant{Project: "red", VMs: 4}
	c.Apply(red.YAML())
	c.Apply(groups)
	c.Apply(red.Port(1, "securityGroups: [web]"), red.Port(2, "securityGroups: [clients]"), red.Port(3, "securityGroups: [clients]"))
	vms := []*netlab.Endpoint{c.VM("h1", "red/vm1"), c.VM("h1", "red/vm2"), c.VM("h2", "red/vm3"), c.VM("h2", "red/vm4")}
	web, near, far, open := vms[0], vms[1], vms[2], vms[3]
	var all []netlab.Probe
	add := func(p []netlab.Probe) { all = append(all, p...) }
	for _, client := range []*netlab.Endpoint{near, far} {
		add(probes(client, web, netlab.TCP, 80, netlab.Reaches))
		add(probes(client, web, netlab.TCP, 81, netlab.Reaches))
		add(probes(client, web, netlab.TCP, 82, netlab.Unreached))
		add(probes(client, web, netlab.UDP, 80, netlab.Unreached))
		add(probes(client, web, netlab.ICMP, 0, netlab.Reaches))
		add(probes(web, client, netlab.ICMP, 0, netlab.Unreached))
		add(probes(web, client, netlab.TCP, 80, netlab.Unreached))
		add(probes(client, open, netlab.TCP, 22, netlab.Reaches))
		add(probes(open, client, netlab.UDP, 22, netlab.Unreached))
	}
	add(probes(near, far, netlab.ICMP, 0, netlab.Unreached))
	add(probes(far, near, netlab.TCP, 80, netlab.Unreached))
	add(probes(open, web, netlab.TCP, 80, netlab.Reaches))
	add(probes(open, web, netlab.ICMP, 0, netlab.Unreached))
	c.Reach(all...)
}
