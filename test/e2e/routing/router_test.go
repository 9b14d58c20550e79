package routing_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Two tenants with the same addresses, each behind a router of its own: what a router joins can talk, over different tunnel
// technologies and on the same host; what it does not join cannot, and nobody reaches the other tenant.
func TestRouters(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	red, blue := newTenant(c, "red"), newTenant(c, "blue")
	c.Run("not joined yet", func(c *e2e.Cloud) { c.Reach(red.across(netlab.Unreached)...) })
	c.Apply(red.router(joined), blue.router(joined))
	c.Run("joined", func(c *e2e.Cloud) {
		probes := append(red.across(netlab.Reaches), blue.across(netlab.Reaches)...)
		web, db := red.vm["web1"], red.vm["db2"]
		probes = append(probes,
			netlab.Probe{From: web, To: db, Protocol: netlab.TCP, Port: 80},
			netlab.Probe{From: db, To: web, Addr: web.IPv6(), Protocol: netlab.TCP, Port: 80},
			netlab.Probe{From: web, To: db, Addr: db.IPv6(), Protocol: netlab.UDP, Port: 53},
			netlab.Probe{From: red.vm["web2"], To: blue.vm["db1"], Expect: netlab.Unreached},
			netlab.Probe{From: blue.vm["db2"], To: red.vm["web1"], Expect: netlab.Unreached})
		probes = append(probes, red.between("web", "off", netlab.Unreached)...)
		c.Reach(append(probes, red.between("db", "off", netlab.Unreached)...)...)
	})
	c.Run("the router answers", func(c *e2e.Cloud) { answers(c, red) })
	c.Run("hops are counted", func(c *e2e.Cloud) { hops(c, red) })
	c.Run("errors", func(c *e2e.Cloud) { icmpErrors(c, red) })
	c.Run("on hosts that need it only", func(c *e2e.Cloud) { hosts(c, red) })
	c.Run("routes", func(c *e2e.Cloud) { routes(c, red) })
	c.Run("change", func(c *e2e.Cloud) { change(c, red, blue) })
}

// answers pings the router at its addresses, from a network that has them and from the other one.
func answers(c *e2e.Cloud, t *tenant) {
	for _, from := range []string{"web1", "db2"} {
		for _, ip := range []string{"10.0.0.1", "10.1.0.1", "fd00:10::1", "fd00:11::1"} {
			if r, err := t.vm[from].Ping(ip, netlab.PingOptions{Count: 3}); err != nil || r.Received == 0 {
				c.T.Errorf("%s pings %s: %+v, %v", from, ip, r, err)
			}
		}
	}
	if r, err := t.vm["off1"].Ping("10.0.0.1", netlab.PingOptions{Count: 3}); err == nil && r.Received > 0 {
		c.T.Errorf("a port of another network pings the router: %+v", r)
	}
}

// hops looks at the time to live of a packet that was routed.
func hops(c *e2e.Cloud, t *tenant) {
	to := t.vm["db2"]
	capture := netlab.Must(to.Capture("icmp[icmptype] == 8"))(c.T)
	if _, err := t.vm["web1"].Exec("ping", "-c1", "-W2", "-t", "7", to.IPv4().String()); err != nil {
		c.T.Fatal(err)
	}
	if _, err := capture.Expect(5*time.Second, "a packet with one hop less to live", func(p gopacket.Packet) bool {
		ip, ok := p.NetworkLayer().(*layers.IPv4)
		return ok && ip.TTL == 6
	}); err != nil {
		c.T.Error(err)
	}
	if out, err := t.vm["web1"].Exec("ping", "-c1", "-W1", "-t", "1", to.IPv4().String()); err == nil {
		c.T.Errorf("a packet whose time was over was forwarded:\n%s", out)
	}
}

// icmpErrors has packets that cannot be forwarded, and waits for the router to say why (RFC 792, RFC 4443).
func icmpErrors(c *e2e.Cloud, t *tenant) {
	from := t.vm["web1"]
	c.Apply(t.router(joined, `routes: [{destination: 10.66.0.0/16, type: reject}, {destination: "fd00:66::/64", type: reject}]`))
	for _, tt := range []struct{ args, want string }{
		{"-t 1 10.1.0.14", "From 10.0.0.1 icmp_seq=1 Time to live exceeded"},
		{"-6 -t 1 fd00:11::14", "From fd00:10::1 icmp_seq=1 Time exceeded: Hop limit"},
		{"10.77.0.1", "From 10.0.0.1 icmp_seq=1 Destination Net Unreachable"},
		{"-6 fd00:77::1", "From fd00:10::1 icmp_seq=1 Destination unreachable: No route"},
		{"10.66.0.1", "From 10.0.0.1 icmp_seq=1 Packet filtered"},
		{"-6 fd00:66::1", "From fd00:10::1 icmp_seq=1 Destination unreachable: Administratively prohibited"},
		{"10.1.0.200", "From 10.0.0.1 icmp_seq=1 Destination Host Unreachable"},
		{"-6 fd00:11::200", "From fd00:10::1 icmp_seq=1 Destination unreachable: Address unreachable"},
	} {
		out, err := from.Exec("ping", append([]string{"-c", "1", "-W", "5"}, strings.Fields(tt.args)...)...)
		if err == nil || !strings.Contains(fmt.Sprint(out, err), tt.want) {
			c.T.Errorf("ping %s: want %q, got\n%s%v", tt.args, tt.want, out, err)
		}
	}
	for _, tt := range []struct{ family, to, router string }{{"-4", "10.1.0.14", "10.0.0.1"}, {"-6", "fd00:11::14", "fd00:10::1"}} {
		out, err := from.Exec("traceroute", tt.family, "-n", "-q", "2", "-w", "5", tt.to)
		if err != nil || !strings.Contains(out, " 1  "+tt.router+" ") || !strings.Contains(out, " 2  "+tt.to+" ") {
			c.T.Errorf("traceroute to %s: %v\n%s", tt.to, err, out)
		}
	}
	c.Apply(t.router(joined))
}

// hosts looks for the router's flows where no port needs them.
func hosts(c *e2e.Cloud, t *tenant) {
	c.Eventually(10*time.Second, "the router is on every host with a port of its networks", func() error {
		return same(c.Get("router/"+t.project+"/r1").GetStatus().GetHosts(), []string{"h1", "h2", "h3"})
	})
	only := "kind: Router\nproject: " + t.project + "\nname: r2\nspec: {interfaces: [{subnet: off-v4}]}\n"
	c.Apply(only)
	c.Eventually(10*time.Second, "the other router is on one host", func() error {
		return same(c.Get("router/"+t.project+"/r2").GetStatus().GetHosts(), []string{"h2"})
	})
	c.Delete(client.DeleteOptions{}, "router/"+t.project+"/r2")
}

func same(got, want []string) error {
	if strings.Join(got, " ") != strings.Join(want, " ") {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

// routes sends to networks behind endpoints: by one next hop, by two, and by a longer prefix that drops.
func routes(c *e2e.Cloud, t *tenant) {
	web1, web2, db := t.vm["web1"], t.vm["web2"], t.vm["db2"]
	for _, e := range []*netlab.Endpoint{web1, web2} {
		c.Do(e.AddAddress("10.9.0.1/32"), e.AddAddress("fd00:9::1/128"))
	}
	reaches := func(to *netlab.Endpoint, ip string, expect netlab.Reach) netlab.Probe {
		return netlab.Probe{From: db, To: to, Addr: netip.MustParseAddr(ip), Expect: expect}
	}
	route := func(destination, more string) string {
		return fmt.Sprintf("{destination: %q, %s}", destination, more)
	}
	hop := func(e *netlab.Endpoint) string { return fmt.Sprintf("nextHops: [{ip: %q}]", e.IPv4()) }
	hop6 := func(e *netlab.Endpoint) string { return fmt.Sprintf("nextHops: [{ip: %q}]", e.IPv6()) }
	c.Apply(t.router(joined, "routes: ["+route("0.0.0.0/0", hop(web2))+", "+route("::/0", hop6(web1))+"]"))
	c.Reach(reaches(web2, "10.9.0.1", netlab.Reaches), reaches(web1, "10.9.0.1", netlab.Unreached), reaches(web1, "fd00:9::1", netlab.Reaches))
	c.Apply(t.router(joined, "routes: ["+route("10.9.0.0/16", hop(web1))+", "+route("fd00:9::1/128", "type: blackhole")+"]"))
	c.Reach(reaches(web1, "10.9.0.1", netlab.Reaches), reaches(web2, "10.9.0.1", netlab.Unreached), reaches(web1, "fd00:9::1", netlab.Unreached))
	c.Apply(t.router(joined, "routes: ["+route("10.9.0.0/16", hop(web1))+", "+route("10.9.0.1/32", "type: blackhole")+", "+route("fd00:9::/64", hop6(web1))+"]"))
	c.Reach(reaches(web1, "10.9.0.1", netlab.Unreached), reaches(web1, "fd00:9::1", netlab.Reaches))

	both := fmt.Sprintf("nextHops: [{ip: %q, weight: 1}, {ip: %q, weight: 3}]", web1.IPv4(), web2.IPv4())
	c.Apply(t.router(joined, "routes: ["+route("10.9.0.0/16", both)+"]"))
	share(c, db, web1, web2)
	c.Apply(t.router(joined, "routes: ["+route("10.9.0.0/16", "nextHops: [{ip: 10.77.0.1}]")+"]"))
	c.Reach(reaches(web1, "10.9.0.1", netlab.Unreached))
	c.Eventually(10*time.Second, "the status says why", func() error {
		st := fmt.Sprint(c.Get("router/" + t.project + "/r1").GetStatus().GetConditions())
		if !strings.Contains(st, "next hop 10.77.0.1 is on none of the router's subnets") {
			return fmt.Errorf("%s", st)
		}
		return nil
	})
	c.Apply(t.router(joined))
}

// share sends many flows to an address that two endpoints have, of which the second is to get three quarters. A busy switch loses
// first packets, so a flow is sent until it has arrived; whatever arrives of it goes to one place.
func share(c *e2e.Cloud, from, first, second *netlab.Endpoint) {
	const flows = 300
	captures := []*netlab.Capture{netlab.Must(first.Capture("udp dst port 9999"))(c.T), netlab.Must(second.Capture("udp dst port 9999"))(c.T)}
	senders := map[uint16]net.Conn{} // by source port
	for range flows {
		conn := netlab.Must(from.DialContext(c.T.Context(), "udp", "10.9.0.1:9999"))(c.T)
		defer conn.Close()
		senders[uint16(conn.LocalAddr().(*net.UDPAddr).Port)] = conn
	}
	c.Eventually(20*time.Second, "every flow arrives", func() error {
		at := [2]map[uint16]bool{}
		for i, capture := range captures {
			at[i] = map[uint16]bool{}
			for _, p := range capture.Packets() {
				if udp, ok := p.Decode().Layer(layers.LayerTypeUDP).(*layers.UDP); ok {
					at[i][uint16(udp.SrcPort)] = true
				}
			}
		}
		for port, conn := range senders {
			if at[0][port] && at[1][port] {
				c.T.Fatalf("the flow from port %d went to both", port)
			}
			if !at[0][port] && !at[1][port] {
				_, _ = conn.Write([]byte("x")) // a refusal of the one before
			}
		}
		a, b := len(at[0]), len(at[1])
		if a+b < flows {
			return fmt.Errorf("%d and %d of %d", a, b, flows)
		}
		if b < flows*6/10 || b > flows*9/10 {
			c.T.Errorf("of %d flows %d and %d, want one to three", flows, a, b)
		}
		return nil
	})
}

// change edits, moves, kills and takes away, while a flow through the router must not notice what does not concern it.
func change(c *e2e.Cloud, t, other *tenant) {
	web, db := t.vm["web1"], t.vm["db2"]
	ping, err := other.vm["web1"].StartPing(other.vm["db2"].IPv4().String(), netlab.PingOptions{Interval: 10 * time.Millisecond})
	c.Do(err)
	c.Apply(t.router("interfaces: [{subnet: web-v4}, {subnet: web-v6}]"))
	c.Reach(t.across(netlab.Unreached)...)
	c.Apply(t.router(joined))
	c.Reach(t.across(netlab.Reaches)...)
	c.Apply(t.router(joined, "adminStateUp: false"))
	c.Reach(netlab.Probe{From: web, To: db, Expect: netlab.Unreached})
	c.Apply(t.router(joined))
	c.Reach(netlab.Probe{From: web, To: db})
	c.Do(c.Weftd.Kill())
	c.Reach(netlab.Probe{From: web, To: db}, netlab.Probe{From: db, To: web, Addr: web.IPv6()})
	c.Restart()
	if r := ping.Stop(); r.Lost() > 0 {
		c.T.Errorf("pings of the other tenant: %s", r)
	}
	c.Do(db.MoveTo(c.Host("h2")))
	c.Active(t.project + "/db2")
	c.Reach(t.across(netlab.Reaches)...)
	c.Delete(client.DeleteOptions{}, "router/"+t.project+"/r1")
	c.Reach(t.across(netlab.Unreached)...)
	c.Reach(other.across(netlab.Reaches)...)
	for _, h := range c.Lab.Hosts() {
		flows, err := h.DumpFlows("br-int")
		c.Do(err)
		tag := fmt.Sprintf("reg5=%#x", c.Get("router/"+other.project+"/r1").GetStatus().GetRouter().GetTag())
		for _, f := range flows {
			if strings.Contains(f, "reg5=0x") && !strings.Contains(f, tag) && strings.Contains(f, ",reg5=") {
				c.T.Errorf("%s still has a flow of the router that was deleted: %s", h.Name(), f)
			}
		}
	}
}
