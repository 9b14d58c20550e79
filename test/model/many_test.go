package model

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// What a network of a router, with one endpoint elsewhere, may cost a host with endpoints of another one: its route, three flows for
// the router's own address on it, and two for the endpoint.
const flowsANetwork = 6

// hub is one router on many networks, each with an endpoint on the second host; of the first network the endpoint is on the first one.
func hub(networks int) Topology {
	t := Topology{Hosts: 3, Routers: []Router{{Name: "r"}}}
	for n := range networks {
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 0}), 24)
		gateway := cidr.Addr().Next()
		name, host := fmt.Sprintf("n%d", n), 2
		if n == 0 {
			host = 1
		}
		t.Networks = append(t.Networks, Network{Name: name, Type: "vxlan", Subnets: []Subnet{{name + "-v4", cidr, gateway}}})
		t.Ports = append(t.Ports, Port{Name: fmt.Sprintf("p%d", n), Network: n, Host: host, IPs: []netip.Addr{gateway.Next()}})
		t.Routers[0].Interfaces = append(t.Routers[0].Interfaces, Interface{n, 0, gateway})
	}
	return t
}

// A router on hundreds of networks costs a host without endpoints of them nothing, one with a single endpoint what that endpoint can
// reach and no more, and one that has endpoints of them all as much for each network, however many there are.
func TestManyNetworks(t *testing.T) {
	const few, many = 10, 300
	flows := map[int][3]int{}
	measure := func(rt *rapid.T) bool {
		for _, n := range []int{few, 2 * few, many} {
			w := newWorld(rt)
			w.become(rt, hub(n))
			flows[n] = [3]int{w.switches["h1"].FlowCount(), w.switches["h2"].FlowCount(), w.switches["h3"].FlowCount()}
		}
		return rapid.Bool().Draw(rt, "nothing") // there is nothing to draw: the world reports to a rapid.T
	}
	rapid.Custom(measure).Example(1)
	if one := flows[many][0] - flows[few][0]; one != flowsANetwork*(many-few) {
		t.Errorf("a host with one endpoint has %d flows more for %d networks more, want %d for each", one, many-few, flowsANetwork)
	}
	each := (flows[2*few][1] - flows[few][1]) / few
	if all := flows[many][1] - flows[few][1]; all != each*(many-few) {
		t.Errorf("a host with endpoints of all networks has %d flows more for %d networks more, and %d for each of the first", all, many-few, each)
	}
	if flows[many][2] != flows[few][2] {
		t.Errorf("a host without endpoints has %d flows of %d networks, and %d of %d", flows[many][2], many, flows[few][2], few)
	}
	t.Logf("flows on the three hosts, by the number of networks: %v", flows)
}
