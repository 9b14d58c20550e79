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
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// What is translated stays so, and nothing else gets outside, whatever happens to hosts, controller and connections.
func TestTranslation(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	o := newOutside(c, "type: flat")
	red, blue := newTenant(c, "red"), newTenant(c, "blue")
	c.Apply(red.router(joined, gateway(", host: h2, enableSnat6: true")), blue.router(joined, gateway("")))
	o.leaks = netlab.Must(o.router.Capture("src net 10.0.0.0/8 or src net fd00::/8"))(c.T)
	floats := float(c, red, "web1", "db2")
	c.Run("passes through the datapath", func(c *e2e.Cloud) { passes(c, red, o, floats["web1"]) })
	c.Run("port forwarding", func(c *e2e.Cloud) { forwarding(c, o, red, blue) })
	c.Run("rules", func(c *e2e.Cloud) { rules(c, o, red, blue) })
	c.Run("errors", func(c *e2e.Cloud) { translatedErrors(c, o, red, blue, floats["db2"]) })
	c.Run("its own answer", func(c *e2e.Cloud) { ownAnswer(c, red) })
	c.Run("restarts", func(c *e2e.Cloud) { restarts(c, o, red, blue, floats) })
	c.Run("a gateway's host goes", func(c *e2e.Cloud) { gatewayMoves(c, o, blue) })
	c.Run("change", func(c *e2e.Cloud) { natChange(c, o, red, floats) })
	o.sealed(c)
}

// passes counts how often packets go through the tables: routed ones as often as bridged ones, that is once more where a tunnel's
// header is taken off; once more where they are translated, twice more where they turn.
func passes(c *e2e.Cloud, t *tenant, o *outside, own netip.Addr) {
	near, far := t.vm["web1"], t.vm["web2"] // the gateway is on the host of the second
	const pings = 200
	for _, tt := range []struct {
		what     string
		from     *netlab.Endpoint
		to       netip.Addr
		at, also string // hosts
		each     uint64 // recirculations of a ping and its answer on each of them
	}{
		{"bridged on another host", near, far.IPv4(), "h1", "h2", 1},
		{"bridged on another host, IPv6", near, far.IPv6(), "h1", "h2", 1},
		{"routed on the same host", near, t.vm["db1"].IPv4(), "h1", "", 0},
		{"routed on the same host, IPv6", near, t.vm["db1"].IPv6(), "h1", "", 0},
		{"routed to another host", near, t.vm["db2"].IPv4(), "h1", "h3", 1},
		{"routed to another host, IPv6", near, t.vm["db2"].IPv6(), "h1", "h3", 1},
		{"to outside", far, server4, "h2", "", 2},
		{"to outside, IPv6", far, server6, "h2", "", 2},
		{"to outside with a floating IP", near, server4, "h1", "", 2},
		{"from outside to a floating IP", o.router, own, "h1", "", 2},
		{"to its own floating IP", near, own, "h1", "", 4},
	} {
		if _, err := tt.from.Ping(tt.to.String(), netlab.PingOptions{Count: 3}); err != nil {
			c.T.Fatal(err)
		}
		var hosts []*netlab.Host
		var before []uint64
		for _, name := range []string{tt.at, tt.also} {
			if name != "" {
				hosts = append(hosts, c.Host(name))
				before = append(before, netlab.Must(c.Host(name).Passes())(c.T).Recirculations)
			}
		}
		if r, err := tt.from.Ping(tt.to.String(), netlab.PingOptions{Count: pings, Interval: 5 * time.Millisecond}); err != nil || r.Lost() > 0 {
			c.T.Errorf("%s: %+v, %v", tt.what, r, err)
		}
		for i, h := range hosts {
			again := netlab.Must(h.Passes())(c.T).Recirculations - before[i]
			if most := tt.each*pings + pings/10; again > most || again < tt.each*pings {
				c.T.Errorf("%s: %d recirculations for %d pings on %s, want %d for each", tt.what, again, pings, h.Name(), tt.each)
			}
		}
	}
}

// forwarding sends ports of a floating IP and of the gateway's address on, from outside and from inside.
func forwarding(c *e2e.Cloud, o *outside, red, blue *tenant) {
	const yaml = "kind: PortForwarding\nproject: red\nname: %s\nspec: {%s}\n"
	c.Apply(red.floating("parts", "router: r1"),
		fmt.Sprintf(yaml, "shifted", `floatingIp: parts, protocol: tcp, externalPorts: "8000-8009", port: db2, internalPorts: "9000-9009"`),
		fmt.Sprintf(yaml, "same", `floatingIp: parts, protocol: udp, externalPorts: "7000-7010", port: web2`),
		fmt.Sprintf(yaml, "gateway", `router: r1, protocol: tcp, externalPorts: "2222", port: web2, internalPorts: "22"`))
	parts := c.Get("floatingip/red/parts").GetStatus().GetFloatingIp().GetIp()
	for _, f := range []string{"shifted", "same", "gateway"} {
		c.Phase("portforwarding/red/"+f, weftv1.Status_PHASE_ACTIVE)
		if host := c.Get("portforwarding/red/" + f).GetStatus().GetPortForwarding().GetHost(); host != "h2" {
			c.T.Errorf("%s is on %q, want h2", f, host)
		}
	}
	for _, s := range []struct {
		at   *netlab.Endpoint
		port string
	}{{red.vm["db2"], ":9005"}, {red.vm["db2"], ":8005"}, {red.vm["web2"], ":22"}} {
		defer netlab.Must(s.at.ServeTCP(s.port))(c.T).Close()
	}
	defer netlab.Must(red.vm["web2"].ServeUDP(":7007"))(c.T).Close()
	outer := gatewayOf(c, red, true).String()
	for _, from := range []*netlab.Endpoint{o.router, red.vm["web1"], red.vm["db1"], blue.vm["web1"], blue.vm["db2"]} {
		for _, tt := range []struct {
			to  string
			who *netlab.Endpoint
			by  func(string, int, time.Duration) (string, error)
		}{
			{parts + ":8005", red.vm["db2"], from.TCP}, {outer + ":2222", red.vm["web2"], from.TCP}, {parts + ":7007", red.vm["web2"], from.UDP},
		} {
			c.Eventually(10*time.Second, from.Name()+" reaches "+tt.to, func() error {
				who, err := tt.by(tt.to, 1000, 2*time.Second)
				if err == nil && who != tt.who.Name() {
					return fmt.Errorf("%s answered", who)
				}
				return err
			})
		}
		if who, err := from.TCP(parts+":9005", 10, 500*time.Millisecond); err == nil {
			c.T.Errorf("%s reaches a port that is not forwarded: %s", from.Name(), who)
		}
	}
}

// rules translate at the gateway as they say.
func rules(c *e2e.Cloud, o *outside, red, blue *tenant) {
	const yaml = "kind: NATRule\nproject: blue\nname: %s\nspec: {router: r1, %s}\n"
	c.Apply(blue.floating("a", "router: r1"), blue.floating("b", "router: r1"), blue.floating("c", "router: r1"))
	address := func(name string) string { return c.Get("floatingip/blue/" + name).GetStatus().GetFloatingIp().GetIp() }
	a, b, d := address("a"), address("b"), address("c")
	prefix := "2001:db8:77::"
	c.Apply(fmt.Sprintf(yaml, "whole", "type: dnat_and_snat, externalIp: "+a+", internalIp: 10.1.0.14"),
		fmt.Sprintf(yaml, "bare", "type: dnat_and_snat, stateless: true, externalIp: "+b+", internalIp: 10.1.0.13"),
		fmt.Sprintf(yaml, "web", "type: snat, externalIp: "+d+", internalIp: 10.0.0.0/24, externalPorts: 20000-20999"),
		fmt.Sprintf(yaml, "ssh", "type: dnat, externalIp: "+d+`, internalIp: 10.0.0.12, protocol: tcp, externalPorts: "2222", internalPorts: "22", outside: [198.51.100.1]`),
		fmt.Sprintf(yaml, "prefix", `type: dnat_and_snat, stateless: true, externalIp: "`+prefix+`/64", internalIp: "fd00:11::/64"`))
	_, err := o.router.Exec("ip", "route", "add", prefix+"/64", "via", gatewayOf(c, blue, false).String())
	c.Do(err)
	seen := netlab.Must(o.router.Capture("(icmp and icmp[icmptype] == 8 and dst host 203.0.113.9) or (icmp6 and ip6[40] == 128 and dst host 2001:db8:9::9)"))(c.T)
	ports := netlab.Must(o.router.Capture("udp and dst port 4445"))(c.T)
	db1, db2, web1, web2 := blue.vm["db1"], blue.vm["db2"], blue.vm["web1"], blue.vm["web2"]
	defer netlab.Must(web2.ServeTCP(":22"))(c.T).Close()
	probe := func(from, to *netlab.Endpoint, addr string) netlab.Probe {
		return netlab.Probe{From: from, To: to, Addr: netip.MustParseAddr(addr)}
	}
	c.Reach(probe(o.router, db2, a), probe(o.router, db1, b), probe(db2, o.router, server4.String()), probe(db1, o.router, server4.String()),
		probe(web1, o.router, server4.String()), probe(red.vm["web1"], db2, a), probe(o.router, db1, prefix+"13"), probe(db2, o.router, server6.String()),
		netlab.Probe{From: o.router, To: web1, Addr: netip.MustParseAddr(d), Expect: netlab.Unreached})
	for _, want := range []string{a, b, d, prefix + "14"} {
		if !sources(seen)[netip.MustParseAddr(want)] {
			c.T.Errorf("the server did not see %s, but %v", want, sources(seen))
		}
	}
	if who, err := o.router.TCP(d+":2222", 100, 5*time.Second); err != nil || who != web2.Name() {
		c.T.Errorf("%s answered at %s: %v", who, d, err)
	}
	if who, err := red.vm["web2"].TCP(d+":2222", 100, 500*time.Millisecond); err == nil {
		c.T.Errorf("the rule is not for everybody, but %s answered", who)
	}
	conn := netlab.Must(web1.DialContext(c.T.Context(), "udp", server4.String()+":4445"))(c.T)
	defer conn.Close()
	_, err = conn.Write([]byte("x"))
	c.Do(err)
	if _, err := ports.Expect(5*time.Second, "a port of the range", func(p gopacket.Packet) bool {
		udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		return ok && udp.SrcPort >= 20000 && udp.SrcPort <= 20999
	}); err != nil {
		c.T.Error(err)
	}
	c.Delete(client.DeleteOptions{Cascade: true}, "natrule/blue/whole", "natrule/blue/bare", "natrule/blue/web", "natrule/blue/ssh", "natrule/blue/prefix",
		"floatingip/blue/a", "floatingip/blue/b", "floatingip/blue/c")
	c.Reach(netlab.Probe{From: o.router, To: db2, Addr: netip.MustParseAddr(a), Expect: netlab.Unreached}, probe(db2, o.router, server4.String()))
}

// translatedErrors has errors quote translated packets: of the outside to endpoints, and of endpoints to the outside.
func translatedErrors(c *e2e.Cloud, o *outside, red, blue *tenant, floating netip.Addr) {
	for _, tt := range []struct {
		from  *netlab.Endpoint
		to    string
		lines []string
	}{
		{red.vm["db1"], server4.String(), []string{" 1  10.1.0.1 ", " 2  " + server4.String() + " "}}, // by the gateway
		{red.vm["web1"], server4.String(), []string{" 1  10.0.0.1 ", " 2  " + server4.String() + " "}},
		{blue.vm["db2"], server4.String(), []string{" 1  10.1.0.1 ", " 2  " + server4.String() + " "}},
		{o.router, floating.String(), []string{floating.String() + "  "}},
	} {
		c.Eventually(20*time.Second, "traceroute from "+tt.from.Name(), func() error {
			out, err := tt.from.Exec("traceroute", "-n", "-q", "1", "-w", "2", "-m", "4", tt.to)
			for _, line := range tt.lines {
				if err == nil && !strings.Contains(out, line) {
					err = fmt.Errorf("%q is missing", line)
				}
			}
			if err != nil {
				return fmt.Errorf("%w\n%s", err, out)
			}
			return nil
		})
	}
}

// ownAnswer sends from one port to the same port of the address that packets leave with: neither do they come back to who sent them,
// as their own answers, nor do forwarded ports lead elsewhere than they should.
func ownAnswer(c *e2e.Cloud, t *tenant) {
	outer := gatewayOf(c, t, true)
	c.Apply(fmt.Sprintf("kind: PortForwarding\nproject: red\nname: same-port\nspec: {router: r1, protocol: udp, externalPorts: %q, port: web2}\n", "7100"))
	c.Phase("portforwarding/red/same-port", weftv1.Status_PHASE_ACTIVE)
	defer netlab.Must(t.vm["web2"].ServeUDP(":7100"))(c.T).Close()
	for _, name := range []string{"db1", "web2"} { // from another host, and at the gateway
		from := t.vm[name]
		told := netlab.Must(from.Capture("icmp[icmptype] == 3"))(c.T)
		back := netlab.Must(from.Capture("udp and src host " + outer.String()))(c.T)
		for _, port := range []int{7200, 7201} {
			conn := netlab.Must(from.ListenPacket("udp4", fmt.Sprintf(":%d", port)))(c.T)
			defer conn.Close()
			c.Eventually(10*time.Second, name+" is told that there is no such port", func() error {
				if _, err := conn.WriteTo([]byte("x"), &net.UDPAddr{IP: outer.AsSlice(), Port: port}); err != nil {
					return err
				}
				_, err := told.Expect(time.Second, "port unreachable", func(p gopacket.Packet) bool {
					icmp, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
					return ok && icmp.TypeCode.Code() == 3
				})
				return err
			})
		}
		if err := back.ExpectNone("its own packet", func(gopacket.Packet) bool { return true }); err != nil {
			c.T.Error(err)
		}
	}
	conn := netlab.Must(t.vm["db1"].ListenPacket("udp4", ":7100"))(c.T)
	defer conn.Close()
	c.Eventually(10*time.Second, "the forwarded port answers who sends from the same port", func() error {
		c.Do(conn.SetDeadline(time.Now().Add(time.Second)))
		if _, err := conn.WriteTo([]byte("x"), &net.UDPAddr{IP: outer.AsSlice(), Port: 7100}); err != nil {
			return err
		}
		answer := make([]byte, 100)
		n, from, err := conn.ReadFrom(answer)
		if err == nil && (!strings.HasPrefix(string(answer[:n]), t.vm["web2"].Name()) || from.String() != outer.String()+":7100") {
			err = fmt.Errorf("%q from %s", answer[:n], from)
		}
		return err
	})
	c.Delete(client.DeleteOptions{}, "portforwarding/red/same-port")
}

// restarts ends what runs, while nothing untranslated may leave.
func restarts(c *e2e.Cloud, o *outside, red, blue *tenant, floats map[string]netip.Addr) {
	probes := []netlab.Probe{
		{From: red.vm["db1"], To: o.router, Addr: server4}, {From: red.vm["web1"], To: o.router, Addr: server4},
		{From: o.router, To: red.vm["db2"], Addr: floats["db2"]}, {From: blue.vm["db2"], To: red.vm["web1"], Addr: floats["web1"]},
	}
	c.Reach(probes...) // next hops are known, which nobody asks for while weftd is away
	ping := netlab.Must(red.vm["db1"].StartPing(server4.String(), netlab.PingOptions{Interval: 20 * time.Millisecond}))(c.T)
	c.Do(c.Weftd.Kill())
	c.Reach(probes...)
	c.Restart()
	if r := ping.Stop(); r.Lost() > 0 {
		c.T.Errorf("while weftd was away: %s", r)
	}
	c.Reach(probes...)
	ping = netlab.Must(red.vm["db1"].StartPing(server4.String(), netlab.PingOptions{Interval: 5 * time.Millisecond}))(c.T)
	for _, h := range []string{"h1", "h2"} {
		c.Do(c.Host(h).RestartVswitchd())
	}
	c.Synced()
	c.Reach(probes...)
	ping.Stop()
}

// gatewayMoves takes away the host of a gateway, and gives it back.
func gatewayMoves(c *e2e.Cloud, o *outside, t *tenant) {
	at := func() string {
		return c.Get("router/" + t.project + "/r1").GetStatus().GetRouter().GetExternalGateway().GetHost()
	}
	first := at()
	other := map[string]string{"h1": "h2", "h2": "h1"}[first]
	probe := netlab.Probe{From: t.vm["db2"], To: o.router, Addr: server4}
	c.Reach(probe)
	ip, ip6 := gatewayOf(c, t, true), gatewayOf(c, t, false)
	told := netlab.Must(o.router.Capture("arp or icmp6"))(c.T)
	c.Do(c.Host(first).KillVswitchd())
	c.Eventually(40*time.Second, "the gateway is elsewhere", func() error { return same([]string{at()}, []string{other}) })
	if _, err := told.Expect(10*time.Second, "its place is announced", func(p gopacket.Packet) bool {
		a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
		return ok && string(a.SourceProtAddress) == string(ip.AsSlice()) && string(a.DstProtAddress) == string(ip.AsSlice())
	}); err != nil {
		c.T.Error(err)
	}
	if _, err := told.Expect(10*time.Second, "its place is announced, IPv6", func(p gopacket.Packet) bool {
		a, ok := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
		return ok && string(a.TargetAddress) == string(ip6.AsSlice()) && a.Flags&0x40 == 0 // nobody has asked (RFC 4861, section 4.4)
	}); err != nil {
		c.T.Error(err)
	}
	c.Reach(probe)
	c.Do(c.Host(first).StartVswitchd())
	c.Synced()
	c.Eventually(20*time.Second, "the gateway is back", func() error { return same([]string{at()}, []string{first}) })
	c.Reach(probe)
}

// natChange takes away what translates: packets pass no more, and what others have is untouched.
func natChange(c *e2e.Cloud, o *outside, t *tenant, floats map[string]netip.Addr) {
	c.Delete(client.DeleteOptions{}, "floatingip/red/f-web1")
	c.Reach(netlab.Probe{From: o.router, To: t.vm["web1"], Addr: floats["web1"], Expect: netlab.Unreached},
		netlab.Probe{From: t.vm["web1"], To: o.router, Addr: server4}, // by the gateway now
		netlab.Probe{From: o.router, To: t.vm["db2"], Addr: floats["db2"]})
	c.Do(t.vm["db2"].MoveTo(c.Host("h1")))
	c.Active("red/db2")
	c.Reach(netlab.Probe{From: o.router, To: t.vm["db2"], Addr: floats["db2"]})
	if st := c.Get("floatingip/red/f-db2").GetStatus().GetFloatingIp(); st.GetHost() != "h1" || st.GetMode() != "distributed" {
		c.T.Errorf("after its port moved to a host with the wire, the floating IP is %v", st)
	}
	_, err := c.TryApply(t.router(joined))
	if err == nil || !strings.Contains(err.Error(), "has no gateway on network/net/ext") {
		c.T.Errorf("a router in use lost its gateway: %v", err)
	}
	c.Delete(client.DeleteOptions{Cascade: true}, "floatingip/red/parts", "floatingip/red/f-db2", "portforwarding/red/gateway")
	c.Apply(t.router(joined))
	c.Reach(netlab.Probe{From: t.vm["web1"], To: o.router, Addr: server4, Expect: netlab.Unreached},
		netlab.Probe{From: o.router, To: t.vm["db2"], Addr: floats["db2"], Expect: netlab.Unreached},
		netlab.Probe{From: t.vm["web1"], To: t.vm["db2"]})
}
