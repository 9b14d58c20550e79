package carry_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

const besideWire = `kind: Network
project: red
name: web
spec: {type: vlan, physicalNetwork: physnet1, segmentationId: 100}
---
kind: Network
project: red
name: db
spec: {type: vxlan}
---
kind: Router
project: red
name: r1
spec: {interfaces: [{subnet: web-v4}, {subnet: web-v6}, {subnet: db-v4}, {subnet: db-v6}]}
`

func besideWireYAML() string {
	var b strings.Builder
	b.WriteString(besideWire)
	for i, name := range []string{"web", "db"} {
		net := i + 1
		fmt.Fprintf(&b, "---\nkind: Subnet\nproject: red\nname: %s-v4\nspec: {network: %[1]s, cidr: 10.%[2]d.0.0/24}\n", name, net)
		fmt.Fprintf(&b, "---\nkind: Subnet\nproject: red\nname: %s-v6\nspec: {network: %[1]s, cidr: \"fd00:%[2]d::/64\"}\n", name, net)
		for n := 1; n <= 2; n++ {
			fmt.Fprintf(&b, "---\nkind: Port\nproject: red\nname: %s%d\nspec: {network: %[1]s, fixedIps: [{subnet: %[1]s-v4, ip: 10.%[3]d.0.1%[2]d}, {subnet: %[1]s-v6, ip: \"fd00:%[3]d::1%[2]d\"}]}\n", name, n, net)
		}
	}
	return b.String()
}

// A network with a router is on a wire, and so is a station that is no port: ports are routed, on their own hosts, and the
// station talks to the ports of its network. What it sends to the router's MAC address is routed by one of the hosts that hear it, and
// arrives once.
func TestRouterBesideWire(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2), Prepare: func(c *e2e.Cloud) { c.Physical("physnet1", "h1", "h2") }})
	c.Apply(besideWireYAML())
	var web, db []*netlab.Endpoint
	for i, host := range []string{"h1", "h2"} {
		web = append(web, c.VMWith(host, fmt.Sprintf("red/web%d", i+1), netlab.EndpointOptions{Gateways: gateways(1)}))
		db = append(db, c.VMWith(host, fmt.Sprintf("red/db%d", i+1), netlab.EndpointOptions{Gateways: gateways(2)}))
	}
	c.Active("red/web1", "red/web2", "red/db1", "red/db2")
	station := netlab.Must(c.Physicals()[0].Machine("station", netlab.EndpointOptions{Addresses: []string{"10.1.0.200/24", "fd00:1::200/64"}}, "tag=100"))(t)
	router := e2e.MAC(c.Get("router/red/r1").GetStatus().GetRouter().GetMacAddress())
	talk := func() {
		for _, vm := range web {
			for _, ip := range []netip.Addr{vm.IPv4(), vm.IPv6()} {
				c.Reach(netlab.Probe{From: vm, To: station, Addr: alike(station, ip)})
			}
			c.Reach(netlab.Probe{From: vm, To: db[0], Addr: db[0].IPv4()}, netlab.Probe{From: vm, To: db[1], Addr: db[1].IPv6()})
		}
	}
	talk()
	var cases []e2e.Case
	for _, to := range db {
		for _, ip := range []netip.Addr{to.IPv4(), to.IPv6()} {
			frame := e2e.UDP{SrcMAC: station.MAC(), DstMAC: router, Src: alike(station, ip).String(), Dst: ip.String()}
			cases = append(cases, e2e.Case{Name: fmt.Sprintf("from the wire to the router's MAC address, for %s", ip), From: station, Frame: frame.Frame, To: []*netlab.Endpoint{to}})
		}
	}
	c.Deliver(cases...)
	for _, gateway := range gateways(1) {
		if r, err := station.Ping(gateway, netlab.PingOptions{Count: 3}); err != nil || r.Received == 0 || r.Duplicates > 0 {
			t.Errorf("the station pings %s: %v, %v; want one answer each", gateway, r, err)
		}
	}
}

// What is remembered of a station that is silent goes with time, and a station that was forgotten is found again. The switches
// have the apps' own flows, but for how long they remember: seconds, and not minutes.
func TestLearnedAges(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	r.remember = "hard_timeout=3"
	r.must(r.wire.Switch.Vsctl("set", "Port", r.gateway.Port(), "tag=100"))
	r.carry(false, intent.Segment{Type: "vlan", ID: 100, Physical: "rack1"}, intent.Segment{Type: "vxlan", ID: 5001})
	knows := func(h *netlab.Host) bool {
		out := r.must(h.Ofctl("-O", "OpenFlow13", "dump-flows", pipeline.Bridge, fmt.Sprintf("table=%d", pipeline.Learned)))
		return strings.Contains(out, "dl_dst="+r.gateway.MAC().String())
	}
	for range 2 {
		for _, dst := range []netip.Addr{r.gateway.IPv4(), r.gateway.IPv6()} {
			reached := func() error {
				if res, err := r.vms[2].Ping(dst.String(), netlab.PingOptions{}); err != nil || res.Lost() > 0 {
					return fmt.Errorf("%v, %w", res, err)
				}
				if !knows(r.hosts[1]) || !knows(r.hosts[2]) {
					return errors.New("h2 or h3 has not learned where the gateway is")
				}
				return nil
			}
			if err := netlab.Eventually(patience, "the gateway is reached", reached); err != nil {
				t.Fatal(err)
			}
		}
		forgotten := func() error {
			if knows(r.hosts[1]) || knows(r.hosts[2]) {
				return errors.New("h2 or h3 still knows where the gateway is")
			}
			return nil
		}
		if err := netlab.Eventually(patience, "the gateway is forgotten", forgotten); err != nil {
			t.Fatal(err)
		}
	}
}
