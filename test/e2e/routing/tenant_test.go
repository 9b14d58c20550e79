package routing_test

import (
	"fmt"
	"strings"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// tenant is a project with the networks web, db and off: a router joins the first two. All tenants have the same addresses and
// MACs.
type tenant struct {
	project string
	c       *e2e.Cloud
	vm      map[string]*netlab.Endpoint // by port: web1, web2, db1, db2, off1
}

// networks of a tenant, with the third number of their addresses and what carries them.
var networks = []struct {
	name, typ string
	number    int
}{{"web", "vxlan", 0}, {"db", "geneve", 1}, {"off", "gre", 2}}

// ports of a tenant, and where they are plugged.
var ports = []struct {
	name, network, host string
	number              int
}{
	{"web1", "web", "h1", 0}, {"web2", "web", "h2", 0},
	{"db1", "db", "h1", 1}, {"db2", "db", "h3", 1},
	{"off1", "off", "h2", 2},
}

const (
	networkYAML = "kind: Network\nproject: %s\nname: %s\nspec: {type: %s}\n---\n"
	subnetYAML  = "kind: Subnet\nproject: %s\nname: %s\nspec: {network: %s, cidr: %q}\n---\n"
	portYAML    = `kind: Port
project: %s
name: %s
spec:
  network: %s
  macAddress: fa:16:3e:00:%02x:%02x
  fixedIps: [{ip: 10.%[4]d.0.%[6]d}, {ip: "fd00:1%[4]d::%[6]d"}]
  allowedAddressPairs: [%[7]s]
---
`
)

// newTenant applies a tenant without its router, and plugs its ports.
func newTenant(c *e2e.Cloud, project string) *tenant {
	c.T.Helper()
	t := &tenant{project: project, c: c, vm: map[string]*netlab.Endpoint{}}
	var b strings.Builder
	for _, n := range networks {
		fmt.Fprintf(&b, networkYAML, project, n.name, n.typ)
		fmt.Fprintf(&b, subnetYAML, project, n.name+"-v4", n.name, fmt.Sprintf("10.%d.0.0/24", n.number))
		fmt.Fprintf(&b, subnetYAML, project, n.name+"-v6", n.name, fmt.Sprintf("fd00:1%d::/64", n.number))
	}
	for i, p := range ports {
		pairs := ""
		if p.network == "web" { // they are next hops
			pairs = `{ip: 10.9.0.0/16}, {ip: "fd00:9::/64"}`
		}
		fmt.Fprintf(&b, portYAML, project, p.name, p.network, p.number, i+1, 11+i, pairs)
	}
	c.Apply(strings.TrimSuffix(b.String(), "---\n"))
	var names []string
	for _, p := range ports {
		name := project + "/" + p.name
		t.vm[p.name] = c.VMWith(p.host, name, netlab.EndpointOptions{
			Gateways: []string{fmt.Sprintf("10.%d.0.1", p.number), fmt.Sprintf("fd00:1%d::1", p.number)}})
		names = append(names, name)
	}
	c.Active(names...)
	return t
}

// router is the tenant's router, with more lines of its spec.
func (t *tenant) router(more ...string) string {
	s := "kind: Router\nproject: " + t.project + "\nname: r1\nspec:\n"
	for _, line := range more {
		s += "  " + line + "\n"
	}
	return s
}

// joined are the interfaces that join web and db.
const joined = "interfaces: [{subnet: web-v4}, {subnet: web-v6}, {subnet: db-v4}, {subnet: db-v6}]"

// across are probes between every port of web and every one of db, in both families and both directions.
func (t *tenant) across(expect netlab.Reach) []netlab.Probe { return t.between("web", "db", expect) }

func (t *tenant) between(one, other string, expect netlab.Reach) []netlab.Probe {
	var probes []netlab.Probe
	for _, a := range ports {
		for _, b := range ports {
			if a.network != one || b.network != other {
				continue
			}
			x, y := t.vm[a.name], t.vm[b.name]
			for _, p := range []netlab.Probe{{From: x, To: y, Addr: y.IPv4()}, {From: x, To: y, Addr: y.IPv6()}, {From: y, To: x, Addr: x.IPv4()}, {From: y, To: x, Addr: x.IPv6()}} {
				p.Expect = expect
				probes = append(probes, p)
			}
		}
	}
	return probes
}
