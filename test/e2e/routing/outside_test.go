package routing_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

const outsideYAML = `kind: Network
project: net
name: ext
spec: {%s, physicalNetwork: ext, external: true, shared: true, mtu: 1400}
---
kind: Subnet
project: net
name: ext-v4
spec: {network: ext, cidr: 198.51.100.0/24, allocationPools: [{start: 198.51.100.100, end: 198.51.100.199}], enableDhcp: false}
---
kind: Subnet
project: net
name: ext-v6
spec: {network: ext, cidr: "2001:db8::/64", allocationPools: [{start: "2001:db8::100", end: "2001:db8::199"}], enableDhcp: false}
`

// outside is what is beyond the hosts: a plain Linux router, with a server behind it, on a physical network that h1 and h2 have.
type outside struct {
	wire   *netlab.Physical
	router *netlab.Endpoint
	leaks  *netlab.Capture
}

// server is an address beyond the router outside.
var (
	server4 = netip.MustParseAddr("203.0.113.9")
	server6 = netip.MustParseAddr("2001:db8:9::9")
)

// newOutside makes it, and the network that leads there.
func newOutside(c *e2e.Cloud, carried string, settings ...string) *outside {
	c.T.Helper()
	o := &outside{wire: c.Physical("ext", "h1", "h2")}
	o.router = netlab.Must(o.wire.Machine("outside", netlab.EndpointOptions{Addresses: []string{"198.51.100.1/24", "2001:db8::1/64"}}, settings...))(c.T)
	for _, ip := range []string{server4.String() + "/32", server6.String() + "/128"} {
		_, err := o.router.Exec("ip", "addr", "add", ip, "dev", "lo")
		c.Do(err)
	}
	_, err := o.router.Exec("ip", "link", "set", "lo", "up")
	c.Do(err)
	o.leaks = netlab.Must(o.router.Capture("net 10.0.0.0/8 or net fd00::/8"))(c.T)
	c.Apply(fmt.Sprintf(outsideYAML, carried))
	return o
}

// sealed fails when anything with an address from inside was seen outside.
func (o *outside) sealed(c *e2e.Cloud) {
	c.T.Helper()
	for _, p := range o.leaks.Packets() {
		c.T.Errorf("seen outside: %s", p.Decode())
		return
	}
}

// gateway is a line of a router's spec.
func gateway(more string) string { return "externalGateway: {network: net/ext" + more + "}" }

// floating is a floating IP of a tenant.
func (t *tenant) floating(name, more string) string {
	return fmt.Sprintf("kind: FloatingIP\nproject: %s\nname: %s\nspec: {network: net/ext, %s}\n", t.project, name, more)
}

// Two tenants with the same addresses reach the outside and are reached from it, each by addresses of its own.
func TestOutside(t *testing.T) {
	t.Parallel()
	for _, carried := range []struct{ name, spec, tag string }{{"flat", "type: flat", ""}, {"vlan", "type: vlan, segmentationId: 77", "tag=77"}} {
		t.Run(carried.name, func(t *testing.T) {
			t.Parallel()
			c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
			var settings []string
			if carried.tag != "" {
				settings = append(settings, carried.tag)
			}
			o := newOutside(c, carried.spec, settings...)
			red, blue := newTenant(c, "red"), newTenant(c, "blue")
			c.Apply(red.router(joined, gateway(", host: h2, enableSnat6: true")), blue.router(joined, gateway(", host: h1, enableSnat6: true")))
			c.Run("source NAT", func(c *e2e.Cloud) { sourceNAT(c, o, red, blue) })
			c.Run("floating IPs", func(c *e2e.Cloud) { floatingIPs(c, o, red, blue) })
			o.sealed(c)
		})
	}
}

// sources returns the source addresses of the packets of a capture.
func sources(capture *netlab.Capture) map[netip.Addr]bool {
	seen := map[netip.Addr]bool{}
	for _, p := range capture.Packets() {
		switch ip := p.Decode().NetworkLayer().(type) {
		case *layers.IPv4:
			a, _ := netip.AddrFromSlice(ip.SrcIP)
			seen[a] = true
		case *layers.IPv6:
			a, _ := netip.AddrFromSlice(ip.SrcIP)
			seen[a] = true
		}
	}
	return seen
}

// gatewayOf returns a router's address outside.
func gatewayOf(c *e2e.Cloud, t *tenant, is4 bool) netip.Addr {
	for _, f := range c.Get("router/" + t.project + "/r1").GetStatus().GetRouter().GetExternalGateway().GetFixedIps() {
		if ip := netip.MustParseAddr(f.GetIp()); ip.Is4() == is4 {
			return ip
		}
	}
	c.T.Fatalf("the router of %s has no gateway address", t.project)
	return netip.Addr{}
}

// sourceNAT has endpoints on and off the gateway's host, of both tenants at once, talk to the server.
func sourceNAT(c *e2e.Cloud, o *outside, red, blue *tenant) {
	echoes := netlab.Must(o.router.Capture("(icmp and icmp[icmptype] == 8) or (icmp6 and ip6[40] == 128)"))(c.T)
	var probes []netlab.Probe
	for _, t := range []*tenant{red, blue} {
		for _, name := range []string{"web1", "web2", "db2"} {
			for _, addr := range []netip.Addr{server4, server6} {
				probes = append(probes, netlab.Probe{From: t.vm[name], To: o.router, Addr: addr})
			}
		}
		probes = append(probes,
			netlab.Probe{From: t.vm["web1"], To: o.router, Addr: server4, Protocol: netlab.TCP, Port: 80},
			netlab.Probe{From: t.vm["db2"], To: o.router, Addr: server6, Protocol: netlab.TCP, Port: 80},
			netlab.Probe{From: t.vm["web2"], To: o.router, Addr: o.router.IPv4(), Protocol: netlab.UDP, Port: 53},
			netlab.Probe{From: t.vm["off1"], To: o.router, Addr: server4, Expect: netlab.Unreached})
	}
	c.Reach(probes...)
	want := map[netip.Addr]bool{}
	for _, t := range []*tenant{red, blue} {
		want[gatewayOf(c, t, true)], want[gatewayOf(c, t, false)] = true, true
	}
	if got := sources(echoes); fmt.Sprint(got) != fmt.Sprint(want) {
		c.T.Errorf("the server saw %v, want %v", got, want)
	}
	for _, t := range []*tenant{red, blue} {
		for _, is4 := range []bool{true, false} {
			for _, from := range []*netlab.Endpoint{o.router, t.vm["web1"], t.vm["db2"]} {
				if r, err := from.Ping(gatewayOf(c, t, is4).String(), netlab.PingOptions{Count: 3}); err != nil || r.Received == 0 {
					c.T.Errorf("%s pings %s: %+v, %v", from.Name(), gatewayOf(c, t, is4), r, err)
				}
			}
		}
	}
	// From outside nobody reaches an address inside, though packets for it arrive at the gateway.
	_, err := o.router.Exec("ip", "route", "add", "10.0.0.0/24", "via", gatewayOf(c, red, true).String())
	c.Do(err)
	if r, err := o.router.Ping("10.0.0.11", netlab.PingOptions{Count: 2}); err == nil && r.Received > 0 {
		c.T.Errorf("the outside pings an address inside: %+v", r)
	}
	_, err = o.router.Exec("ip", "route", "del", "10.0.0.0/24")
	c.Do(err)
	o.leaks = netlab.Must(o.router.Capture("src net 10.0.0.0/8 or src net fd00::/8"))(c.T)
}

// float applies floating IPs for ports, and returns their addresses.
func float(c *e2e.Cloud, t *tenant, ports ...string) map[string]netip.Addr {
	all := map[string]netip.Addr{}
	for _, p := range ports {
		c.Apply(t.floating("f-"+p, "port: "+p))
		c.Phase("floatingip/"+t.project+"/f-"+p, weftv1.Status_PHASE_ACTIVE)
		all[p] = netip.MustParseAddr(c.Get("floatingip/" + t.project + "/f-" + p).GetStatus().GetFloatingIp().GetIp())
	}
	return all
}

// floatingIPs reach endpoints on hosts with and without the wire, from outside and from other floating IPs.
func floatingIPs(c *e2e.Cloud, o *outside, red, blue *tenant) {
	ports := []string{"web1", "web2", "db2"}
	reds, blues := float(c, red, ports...), float(c, blue, "web1")
	for port, mode := range map[string]string{"web1": "distributed h1", "web2": "distributed h2", "db2": "central h2"} {
		st := c.Get("floatingip/red/f-" + port).GetStatus().GetFloatingIp()
		if got := st.GetMode() + " " + st.GetHost(); got != mode {
			c.T.Errorf("the floating IP of %s is %s, want %s", port, got, mode)
		}
	}
	echoes := netlab.Must(o.router.Capture("icmp and icmp[icmptype] == 8 and dst host 203.0.113.9"))(c.T)
	var probes []netlab.Probe
	for _, p := range ports {
		probes = append(probes,
			netlab.Probe{From: o.router, To: red.vm[p], Addr: reds[p]},
			netlab.Probe{From: o.router, To: red.vm[p], Addr: reds[p], Protocol: netlab.TCP, Port: 80},
			netlab.Probe{From: o.router, To: red.vm[p], Addr: reds[p], Protocol: netlab.UDP, Port: 53},
			netlab.Probe{From: red.vm[p], To: o.router, Addr: server4},
			netlab.Probe{From: blue.vm["web1"], To: red.vm[p], Addr: reds[p]}, // with a floating IP of its own
			netlab.Probe{From: blue.vm["db2"], To: red.vm[p], Addr: reds[p]},  // with the gateway's address
			netlab.Probe{From: red.vm[p], To: red.vm[p], Addr: reds[p]},       // itself
			netlab.Probe{From: red.vm[p], To: blue.vm["web1"], Addr: blues["web1"], Protocol: netlab.TCP, Port: 80})
		for _, q := range ports {
			probes = append(probes, netlab.Probe{From: red.vm[p], To: red.vm[q], Addr: reds[q]},
				netlab.Probe{From: red.vm[p], To: red.vm[q], Addr: reds[q], Protocol: netlab.TCP, Port: 80})
		}
	}
	c.Reach(append(probes, netlab.Probe{From: o.router, To: blue.vm["web1"], Addr: blues["web1"]})...)
	got := sources(echoes)
	for _, p := range ports {
		if !got[reds[p]] {
			c.T.Errorf("the server did not see the floating IP %s of %s, but %v", reds[p], p, got)
		}
	}
	c.Eventually(15*time.Second, "packets are counted", func() error {
		st := c.Get("floatingip/red/f-db2").GetStatus().GetFloatingIp()
		if st.GetReceivedPackets() == 0 || st.GetSentPackets() == 0 || st.GetReceivedBytes() == 0 || st.GetSentBytes() == 0 {
			return fmt.Errorf("%v", st)
		}
		return nil
	})
}
