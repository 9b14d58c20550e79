package routing_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// lanYAML is a network on a wire, on which nobody has a port, and the router that joins it to web.
const lanYAML = `kind: Network
project: red
name: lan
spec: {%s, physicalNetwork: rack, mtu: 1400}
---
kind: Subnet
project: red
name: lan-v4
spec: {network: lan, cidr: 10.5.0.0/24}
---
kind: Subnet
project: red
name: lan-v6
spec: {network: lan, cidr: "fd00:15::/64"}
---
kind: Router
project: red
name: r1
spec:
  interfaces: [{subnet: web-v4}, {subnet: web-v6}, {subnet: lan-v4}, {subnet: lan-v6}]
`

// Endpoints of an overlay network and stations on a wire reach each other through a router, from hosts that have no port on the wire's
// network; the switch of the wire sees each address in one place.
func TestStationsBehindWire(t *testing.T) {
	t.Parallel()
	for _, carried := range []struct{ name, spec, tag string }{{"flat", "type: flat", ""}, {"vlan", "type: vlan, segmentationId: 77", "tag=77"}} {
		t.Run(carried.name, func(t *testing.T) {
			t.Parallel()
			c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3), Prepare: func(c *e2e.Cloud) { c.Physical("rack", "h1", "h2") }})
			red := newTenant(c, "red")
			var settings []string
			if carried.tag != "" {
				settings = append(settings, carried.tag)
			}
			station := netlab.Must(c.Physicals()[0].Machine("station", netlab.EndpointOptions{
				Addresses: []string{"10.5.0.9/24", "fd00:15::9/64"}, Gateways: []string{"10.5.0.1", "fd00:15::1"}}, settings...))(t)
			c.Apply(fmt.Sprintf(lanYAML, carried.spec))
			var probes []netlab.Probe
			for _, vm := range []*netlab.Endpoint{red.vm["web1"], red.vm["web2"]} {
				for _, ip := range []netip.Addr{station.IPv4(), station.IPv6()} {
					probes = append(probes, netlab.Probe{From: vm, To: station, Addr: ip}, netlab.Probe{From: vm, To: station, Addr: ip, Protocol: netlab.TCP, Port: 80})
				}
				for _, ip := range []netip.Addr{vm.IPv4(), vm.IPv6()} {
					probes = append(probes, netlab.Probe{From: station, To: vm, Addr: ip})
				}
			}
			for _, off := range []string{"off1", "db1"} {
				probes = append(probes, netlab.Probe{From: red.vm[off], To: station, Addr: station.IPv4(), Expect: netlab.Unreached},
					netlab.Probe{From: station, To: red.vm[off], Addr: red.vm[off].IPv6(), Expect: netlab.Unreached})
			}
			c.Reach(probes...)
			for _, gateway := range []string{"10.5.0.1", "fd00:15::1"} {
				if r, err := station.Ping(gateway, netlab.PingOptions{Count: 3}); err != nil || r.Received == 0 || r.Duplicates > 0 {
					t.Errorf("the station pings %s: %+v, %v", gateway, r, err)
				}
			}
			steady(c, red, station)
			c.Apply("kind: Router\nproject: red\nname: r1\nspec: {interfaces: [{subnet: web-v4}, {subnet: web-v6}]}\n")
			c.Revalidated()
			for i := range probes {
				probes[i].Expect = netlab.Unreached
			}
			c.Reach(probes...)
		})
	}
}

// steady watches where the switch of the wire knows the router's addresses while endpoints of both hosts ping the station: each of
// them at one port, from beginning to end.
func steady(c *e2e.Cloud, red *tenant, station *netlab.Endpoint) {
	c.T.Helper()
	router := flow.MACAddr(e2e.MAC(c.Get("router/red/r1").GetStatus().GetRouter().GetMacAddress()))
	ours := []string{router.String()}
	for _, host := range []string{"h1", "h2"} {
		ours = append(ours, pipeline.WireMAC(router, host).String())
	}
	places, seen := map[string]string{}, map[string]bool{}
	deadline := time.Now().Add(20 * time.Second)
	for round := 0; round < 10 && time.Now().Before(deadline); round++ {
		for _, vm := range []string{"web1", "web2"} {
			for _, ip := range []netip.Addr{station.IPv4(), station.IPv6()} {
				if r, err := red.vm[vm].Ping(ip.String(), netlab.PingOptions{Count: 2, Interval: 20 * time.Millisecond}); err != nil || r.Lost() > 0 {
					c.T.Errorf("%s pings %s: %+v, %v", vm, ip, r, err)
				}
			}
			out, err := c.Physicals()[0].Switch.Appctl("fdb/show", netlab.SwitchBridge)
			c.Do(err)
			for line := range strings.Lines(out) {
				f := strings.Fields(line) // port, VLAN, MAC address, age
				if len(f) != 4 || !slices.Contains(ours, f[2]) {
					continue
				}
				seen[f[2]] = true
				if was, known := places[f[2]]; known && was != f[0] {
					c.T.Errorf("%s was at port %s of the switch, and is at %s:\n%s", f[2], was, f[0], out)
				}
				places[f[2]] = f[0]
			}
		}
	}
	var seats int
	for _, host := range []string{"h1", "h2"} {
		macs := c.Get("host/" + host).GetStatus().GetHost().GetRouterMacs()
		for mac, whose := range macs {
			if len(macs) != 1 || whose != "router/red/r1 on network/red/lan" || !slices.Contains(ours, mac) {
				c.T.Errorf("%s says that it sends for %v", host, macs)
			}
			if mac == router.String() {
				seats++
			}
		}
	}
	for _, i := range c.Get("router/red/r1").GetStatus().GetRouter().GetInterfaces() {
		if (i.GetSeat() != "") != (i.GetNetwork() == "lan") {
			c.T.Errorf("interface %v", i)
		}
	}
	if seats != 1 {
		c.T.Errorf("%d hosts are the router's seat", seats)
	}
	if !seen[router.String()] || len(seen) != 2 {
		c.T.Errorf("the switch has seen %v, want the router's address %s and that of one of the hosts", places, router)
	}
}
