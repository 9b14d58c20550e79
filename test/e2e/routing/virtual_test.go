package routing_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// An address that ports may share is reached through routers, and is a next hop, while it is known whose it is.
func TestSharedAddress(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	red := newTenant(c, "red")
	share := func(i int, more string) {
		p := ports[i]
		c.Apply(fmt.Sprintf(portYAML, "red", p.name, p.network, p.number, i+1, 11+i, `{ip: 10.9.0.0/16}, {ip: "fd00:9::/64"}`+more))
	}
	const both = `, {ip: 10.0.0.50}, {ip: "fd00:10::50"}`
	routes := `routes: [{destination: 10.9.0.0/16, nextHops: [{ip: 10.0.0.50}]}, {destination: "fd00:9::/64", nextHops: [{ip: "fd00:10::50"}]}]`
	c.Apply(red.router(joined, routes))
	web1, web2 := red.vm["web1"], red.vm["web2"]
	for _, vm := range []*netlab.Endpoint{web1, web2} {
		for _, ip := range []string{"10.0.0.50/32", "fd00:10::50/128", "10.9.0.1/32", "fd00:9::1/128"} {
			_, err := vm.Exec("ip", "addr", "add", ip, "dev", "lo")
			c.Do(err)
		}
		_, err := vm.Exec("ip", "link", "set", "lo", "up")
		c.Do(err)
	}
	reach := func(when string, at *netlab.Endpoint) {
		c.T.Helper()
		var probes []netlab.Probe
		for _, from := range []string{"db1", "db2"} {
			for _, ip := range []string{"10.0.0.50", "fd00:10::50", "10.9.0.1", "fd00:9::1"} {
				probe := netlab.Probe{From: red.vm[from], To: at, Addr: netip.MustParseAddr(ip), Protocol: netlab.TCP, Port: 80}
				if at == nil {
					probe.To, probe.Expect = web1, netlab.Unreached
				}
				probes = append(probes, probe)
			}
		}
		c.Reach(probes...)
		c.Eventually(10*time.Second, when+": the routes are shown as they are", func() error {
			for _, r := range c.Get("router/red/r1").GetStatus().GetRouter().GetRoutes() {
				if r.GetOrigin() == "static" && r.GetRealised() != (at != nil) {
					return fmt.Errorf("%v", r)
				}
			}
			return nil
		})
	}
	reach("nobody's", nil)
	share(0, both)
	reach("one port's", web1)
	share(1, both)
	reach("two ports', each with its own MAC address", nil)
	share(0, "")
	reach("the other port's", web2)
	c.Do(web2.Unplug())
	reach("unplugged", nil)
}
