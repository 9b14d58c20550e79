package carry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// site is a network of a customer at one place: its subnets are 10.N.0.0/24 and fd00:N::/64, and its only machine has the address 9.
type site struct {
	project, name string
	number, label int
	host          string
}

// manifest is the site's network with its subnets and its port. The number is written as digits in both families.
func (s site) manifest() string {
	return fmt.Sprintf(`kind: Network
project: %[1]s
name: %[2]s
spec: {type: mpls, physicalNetwork: core, segmentationId: %[4]d}
---
kind: Subnet
project: %[1]s
name: %[2]s-v4
spec: {network: %[2]s, cidr: 10.%[3]d.0.0/24}
---
kind: Subnet
project: %[1]s
name: %[2]s-v6
spec: {network: %[2]s, cidr: "fd00:%[3]d::/64"}
---
kind: Port
project: %[1]s
name: %[2]s-vm
spec: {network: %[2]s, fixedIps: [{subnet: %[2]s-v4, ip: 10.%[3]d.0.9}, {subnet: %[2]s-v6, ip: "fd00:%[3]d::9"}]}
`, s.project, s.name, s.number, s.label)
}

// plug plugs the site's machine, which knows its gateways.
func (s site) plug(k *core) *netlab.Endpoint {
	return k.VMWith(s.host, s.project+"/"+s.name+"-vm", netlab.EndpointOptions{Gateways: []string{fmt.Sprintf("10.%d.0.1", s.number), fmt.Sprintf("fd00:%d::1", s.number)}})
}

// vpn has two customers with the same addresses, each with two sites that a router joins, and one of them with a third that no router
// has: sites of one customer reach each other over the core and nobody else, in both families, and what is on the wire between them
// is two labels, the inner of which is that of the site where a packet goes.
func (k *core) vpn(t *testing.T) {
	sites := []site{
		{"acme", "north", 51, 610051, "h1"}, {"acme", "south", 52, 610052, "h2"}, {"acme", "lab", 53, 610053, "h2"},
		{"zeta", "north", 51, 620051, "h1"}, {"zeta", "south", 52, 620052, "h2"},
	}
	var manifests, ports []string
	for _, s := range sites {
		manifests = append(manifests, s.manifest())
		ports = append(ports, s.project+"/"+s.name+"-vm")
	}
	const joined = "interfaces: [{subnet: north-v4}, {subnet: north-v6}, {subnet: south-v4}, {subnet: south-v6}]"
	for _, customer := range []string{"acme", "zeta"} {
		manifests = append(manifests, fmt.Sprintf("kind: Router\nproject: %s\nname: vpn\nspec: {%s}\n", customer, joined))
	}
	k.Apply(manifests...)
	vms := map[string]*netlab.Endpoint{}
	for i, s := range sites {
		vms[ports[i]] = s.plug(k)
	}
	k.Active(ports...)
	north, south, lab := vms["acme/north-vm"], vms["acme/south-vm"], vms["acme/lab-vm"]
	var probes []netlab.Probe
	both := func(expect netlab.Reach, from, to *netlab.Endpoint) {
		probes = append(probes, netlab.Probe{From: from, To: to, Addr: to.IPv4(), Expect: expect}, netlab.Probe{From: from, To: to, Addr: to.IPv6(), Expect: expect})
	}
	for _, customer := range []string{"acme", "zeta"} {
		both(netlab.Reaches, vms[customer+"/north-vm"], vms[customer+"/south-vm"])
		both(netlab.Reaches, vms[customer+"/south-vm"], vms[customer+"/north-vm"])
	}
	both(netlab.Unreached, north, lab)
	both(netlab.Unreached, lab, south)
	k.Reach(probes...)
	k.ownSite(t, vms)
	for _, to := range []struct {
		vm   *netlab.Endpoint
		addr string
		want string
	}{{south, south.IPv4().String(), "610052"}, {south, south.IPv6().String(), "610052"}} {
		k.betweenSites(t, north, to.addr, to.want)
	}
	k.betweenSites(t, vms["zeta/north-vm"], south.IPv4().String(), "620052")
}

// ownSite has the customers' machines of one address get what is theirs and nothing of the other's.
func (k *core) ownSite(t *testing.T, vms map[string]*netlab.Endpoint) {
	for _, customer := range []string{"acme", "zeta"} {
		captures := map[string]*netlab.Capture{}
		for name, vm := range vms {
			captures[name] = netlab.Must(vm.Capture("icmp or icmp6"))(t)
		}
		nonce := []byte("between " + customer + " 123")[:16]
		from, to := vms[customer+"/north-vm"], vms[customer+"/south-vm"]
		for _, addr := range []string{to.IPv4().String(), to.IPv6().String()} {
			if result, err := from.Ping(addr, netlab.PingOptions{Nonce: nonce}); err != nil || result.Lost() > 0 {
				t.Errorf("%s pings %s: %v, %v", customer, addr, result, err)
			}
		}
		for name, capture := range captures {
			got := slices.ContainsFunc(netlab.Must(capture.Stop())(t), func(p netlab.Packet) bool { return strings.Contains(string(p.Data), string(nonce)) })
			if want := name == customer+"/north-vm" || name == customer+"/south-vm"; got != want {
				t.Errorf("%s has seen packets of %s: %t, want %t", name, customer, got, want)
			}
		}
	}
}

// betweenSites looks at the echo requests of a ping in the middle of the core: the label of the network that they go to, their time to live
// counted down by the router alone, and the router as their sender.
func (k *core) betweenSites(t *testing.T, from *netlab.Endpoint, addr, label string) {
	capture := netlab.Must(k.switches["p2"].Capture("w-p1", "mpls"))(t)
	if result, err := from.Ping(addr, netlab.PingOptions{}); err != nil || result.Lost() > 0 {
		t.Errorf("ping %s: %v, %v", addr, result, err)
	}
	fields := []string{"mpls.label", "mpls.ttl", "ip.ttl", "ipv6.hlim", "icmp.type", "icmpv6.type"}
	all := netlab.Must(e2e.Dissect(netlab.Must(capture.Stop())(t), fields, "-d", "mpls.label=="+label+",pwethnocw"))(t)
	requests := 0
	for _, d := range all {
		if !d.Is("icmp.type", "8") && !d.Is("icmpv6.type", "128") {
			continue
		}
		requests++
		if labels := d["mpls.label"]; len(labels) != 2 || labels[1] != label {
			t.Errorf("to %s: labels %v, want two, the inner %s", addr, labels, label)
		}
		if hops := append(d["ip.ttl"], d["ipv6.hlim"]...); !slices.Equal(hops, []string{"63"}) {
			t.Errorf("to %s: time to live %v, want 63: one router", addr, hops)
		}
	}
	if requests == 0 {
		t.Errorf("to %s: no echo request was seen with label %s", addr, label)
	}
}
