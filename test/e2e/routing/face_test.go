package routing_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// sidePort is a port of web that is not for an endpoint, with MAC address and addresses of its own.
const sidePort = `kind: Port
project: red
name: side
spec: {network: web, macAddress: "fa:16:3e:00:00:99", fixedIps: [{ip: 10.0.0.99}, {ip: "fd00:10::99"}]}
`

// sideRouter is on web by that port, and has the network off.
const sideRouter = `kind: Router
project: red
name: side
spec:
  interfaces: [{port: side}, {subnet: off-v4}, {subnet: off-v6}]
  routes: [{destination: 10.1.0.0/24, nextHops: [{ip: 10.0.0.1}]}, {destination: "fd00:11::/64", nextHops: [{ip: "fd00:10::1"}]}]
`

// beyond are routes to off by the second router.
const beyond = `routes: [{destination: 10.2.0.0/24, nextHops: [{ip: 10.0.0.99}]}, {destination: "fd00:12::/64", nextHops: [{ip: "fd00:10::99"}]}]`

// Two routers are on one network: one has its gateway address, the other is there by port, and is the way to a third network.
func TestRouterByPort(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	red, blue := newTenant(c, "red"), newTenant(c, "blue")
	c.Apply(red.router(joined, beyond), blue.router(joined), sidePort, sideRouter)
	c.Phase("router/red/side", weftv1.Status_PHASE_ACTIVE)
	c.Run("traffic passes both", func(c *e2e.Cloud) {
		c.Reach(slices.Concat(red.across(netlab.Reaches), red.between("web", "off", netlab.Reaches), red.between("db", "off", netlab.Reaches),
			blue.across(netlab.Reaches), blue.between("web", "off", netlab.Unreached))...)
	})
	c.Run("by the second one's own address", func(c *e2e.Cloud) { bySide(c, red) })
	c.Run("the port is the router's", func(c *e2e.Cloud) { sideStatus(c, red) })
	c.Run("which goes away", func(c *e2e.Cloud) { noSide(c, red) })
}

// bySide has an endpoint use the second router by itself: it resolves and pings the port's addresses, and is a hop from off.
func bySide(c *e2e.Cloud, red *tenant) {
	web2, off := red.vm["web2"], red.vm["off1"]
	for _, ip := range []string{"10.0.0.99", "fd00:10::99"} {
		if r, err := web2.Ping(ip, netlab.PingOptions{Count: 3}); err != nil || r.Received == 0 {
			c.T.Errorf("web2 pings %s: %+v, %v", ip, r, err)
		}
		out, err := web2.Exec("ip", "neigh", "show", ip)
		if want := fmt.Sprintf("%s dev %s lladdr fa:16:3e:00:00:99", ip, web2.Link()); err != nil || len(out) < len(want) || out[:len(want)] != want {
			c.T.Errorf("web2 knows %s as %q, %v; want %q", ip, out, err, want)
		}
	}
	for to, by := range map[string]string{"10.2.0.0/24": "10.0.0.99", "fd00:12::/64": "fd00:10::99"} {
		_, err := web2.Exec("ip", "route", "add", to, "via", by)
		c.Do(err)
	}
	sent := netlab.Must(web2.Capture("ether dst fa:16:3e:00:00:99 and (icmp or icmp6)"))(c.T)
	got := netlab.Must(off.Capture("icmp or icmp6"))(c.T)
	for _, ip := range []netip.Addr{off.IPv4(), off.IPv6()} {
		if r, err := web2.Ping(ip.String(), netlab.PingOptions{Count: 3}); err != nil || r.Received == 0 {
			c.T.Errorf("web2 pings %s: %+v, %v", ip, r, err)
		}
	}
	c.Eventually(5*time.Second, "the pings are seen", func() error {
		if len(sent.Packets()) < 2 || len(got.Packets()) < 2 {
			return fmt.Errorf("%d and %d", len(sent.Packets()), len(got.Packets()))
		}
		return nil
	})
	for to := range map[string]string{"10.2.0.0/24": "", "fd00:12::/64": ""} {
		_, err := web2.Exec("ip", "route", "del", to)
		c.Do(err)
	}
}

// sideStatus looks at what is said of the port and its router, and tries to take the port for other things.
func sideStatus(c *e2e.Cloud, red *tenant) {
	if p := c.Get("port/red/side").GetStatus(); p.GetPort().GetRouter() != "side" || p.GetPhase() != weftv1.Status_PHASE_ACTIVE {
		c.T.Errorf("the port is %v", p)
	}
	for _, i := range c.Get("router/red/side").GetStatus().GetRouter().GetInterfaces() {
		if by := i.GetPort() == "side" && i.GetMacAddress() == "fa:16:3e:00:00:99"; by != (i.GetNetwork() == "web") {
			c.T.Errorf("interface %v", i)
		}
	}
	if _, stderr, status := c.TryWeft("", "delete", "port/red/side"); status == 0 {
		c.T.Errorf("the port could be deleted: %s", stderr)
	}
	// Whoever plugs something in for the port gets nothing by it, and the port says so.
	rogue := c.VM("h1", "red/side")
	c.Phase("port/red/side", weftv1.Status_PHASE_ERROR)
	c.Reach(netlab.Probe{From: rogue, To: red.vm["web1"], Addr: red.vm["web1"].IPv4(), Expect: netlab.Unreached})
	c.Reach(red.between("web", "off", netlab.Reaches)...)
	c.Leave(rogue)
	c.Do(rogue.Remove())
	c.Phase("port/red/side", weftv1.Status_PHASE_ACTIVE)
}

// noSide takes the second router's interface away and gives it back, and then the router.
func noSide(c *e2e.Cloud, red *tenant) {
	const withoutSide = "kind: Router\nproject: red\nname: side\nspec: {interfaces: [{subnet: off-v4}, {subnet: off-v6}]}\n"
	c.Apply(withoutSide)
	c.Revalidated()
	c.Reach(slices.Concat(red.across(netlab.Reaches), red.between("web", "off", netlab.Unreached), red.between("db", "off", netlab.Unreached))...)
	if r, err := red.vm["web1"].Ping("10.0.0.99", netlab.PingOptions{Count: 2}); err == nil && r.Received > 0 {
		c.T.Errorf("the port that is no router's answers: %+v", r)
	}
	c.Apply(sideRouter)
	c.Reach(red.between("web", "off", netlab.Reaches)...)
	c.Delete(client.DeleteOptions{}, "router/red/side")
	c.Delete(client.DeleteOptions{}, "port/red/side")
	c.Revalidated()
	c.Reach(slices.Concat(red.across(netlab.Reaches), red.between("web", "off", netlab.Unreached))...)
}
