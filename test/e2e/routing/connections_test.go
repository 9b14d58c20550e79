package routing_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// closed fails when somebody still answers at an address: once the switch has the flows, it may treat packets as before until it has
// looked through what its datapath remembers, which takes it less than a second.
func closed(c *e2e.Cloud, when string, from *netlab.Endpoint, addrs ...string) {
	c.T.Helper()
	for _, addr := range addrs {
		c.Eventually(2*time.Second, when+", nobody answers at "+addr, func() error {
			if who, err := from.TCP(addr, 10, time.Second); err == nil {
				return fmt.Errorf("%s answers", who)
			}
			return nil
		})
	}
}

// What becomes of live connections when what translates them changes or goes is what its spec says.
func TestOnChange(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	o := newOutside(c, "type: flat")
	red := newTenant(c, "red")
	c.Apply(red.router(joined, gateway(", host: h2, enableSnat6: true")))
	o.leaks = netlab.Must(o.router.Capture("src net 10.0.0.0/8 or src net fd00::/8"))(c.T)
	for _, at := range []*netlab.Endpoint{o.router, red.vm["web1"], red.vm["web2"], red.vm["db2"]} {
		for _, port := range []string{":22", ":23"} {
			netlab.Must(at.ServeTCP(port))(c.T)
		}
	}
	c.Run("port forwardings", func(c *e2e.Cloud) { endForwardings(c, o, red) })
	c.Run("floating IPs", func(c *e2e.Cloud) { endFloats(c, o, red) })
	c.Run("rules", func(c *e2e.Cloud) { endRules(c, o, red) })
	o.sealed(c)
	c.Run("source NAT", func(c *e2e.Cloud) { endSourceNAT(c, o, red) })
	c.Run("the zone is empty", func(c *e2e.Cloud) { endZone(c, o, red) })
}

// endForwardings takes forwardings away and has one lead elsewhere.
func endForwardings(c *e2e.Cloud, o *outside, t *tenant) {
	const yaml = "kind: PortForwarding\nproject: red\nname: %s\nspec: {router: r1, protocol: tcp, externalPorts: %q, port: %s, internalIp: %q, internalPorts: \"22\"%s}\n"
	db2, web2 := t.vm["db2"], t.vm["web2"]
	var cut, drained, kept, others []*e2e.Stream
	var gone, names []string
	open := func(all *[]*e2e.Stream, name, port, addr, inside, more string) {
		c.Apply(fmt.Sprintf(yaml, name, port, "db2", inside, more))
		to := net.JoinHostPort(addr, port)
		*all = append(*all, c.Dial(name, o.router, db2, to))
		gone, names = append(gone, to), append(names, "portforwarding/red/"+name)
	}
	for i, addr := range []string{gatewayOf(c, t, true).String(), gatewayOf(c, t, false).String()} {
		inside := []string{db2.IPv4().String(), db2.IPv6().String()}[i]
		open(&cut, fmt.Sprintf("cut%d", i), "2001", addr, inside, "")
		open(&drained, fmt.Sprintf("drained%d", i), "2002", addr, inside, ", onChange: drain, drainSeconds: 20")
		open(&kept, fmt.Sprintf("kept%d", i), "2003", addr, inside, ", onChange: keep")
		open(&others, fmt.Sprintf("other%d", i), "2004", addr, inside, "")
	}
	for i, s := range others {
		names[4*i+3], gone[4*i+3] = names[4*i], gone[4*i] // stays
		others = append(others, c.Dial(fmt.Sprintf("out%d", i), db2, o.router, []string{server4.String() + ":22", "[" + server6.String() + "]:22"}[i]))
		c.Live("at first", s)
	}
	c.Live("before", append(append(append(cut, drained...), kept...), others...)...)
	at := time.Now()
	c.Delete(client.DeleteOptions{}, names[0], names[1], names[2], names[4], names[5], names[6])
	c.Ended("deleted", cut[0])
	c.Live("deleted", append(append(drained, kept...), others...)...)
	c.Ended("deleted", cut[1:]...)
	closed(c, "deleted", o.router, gone...)
	c.Ended("drained", drained...)
	if took := time.Since(at); took < 19*time.Second {
		c.T.Errorf("drained within %s", took)
	}
	c.Live("drained", append(kept, others...)...)
	// The address leads elsewhere: who had a connection there stays, or begins anew there.
	first := gone[0]
	c.Apply(fmt.Sprintf(yaml, "cut0", "2001", "db2", "", ""))
	s := c.Dial("again", o.router, db2, first)
	c.Apply(fmt.Sprintf(yaml, "cut0", "2001", "web2", "", ", onChange: keep"))
	c.Dial("elsewhere", o.router, web2, first)
	c.Live("led elsewhere, kept", s)
	c.Apply(fmt.Sprintf(yaml, "cut0", "2001", "web2", "", ""))
	s = c.Dial("once more", o.router, web2, first)
	c.Apply(fmt.Sprintf(yaml, "cut0", "2001", "db2", "", ""))
	c.Ended("led elsewhere", s)
	c.Dial("back", o.router, db2, first)
	c.Live("at last", append(kept, others...)...)
	c.Delete(client.DeleteOptions{}, names[0], "portforwarding/red/other0", "portforwarding/red/other1")
}

// endFloats has floating IPs stand for other ports, and for none.
func endFloats(c *e2e.Cloud, o *outside, t *tenant) {
	db2, web1, web2 := t.vm["db2"], t.vm["web1"], t.vm["web2"]
	apply := func(name, more string) string {
		c.Apply(t.floating(name, more))
		return c.Get("floatingip/red/"+name).GetStatus().GetFloatingIp().GetIp() + ":22"
	}
	keep, cut, far := apply("keep", "port: db2, onChange: keep"), apply("cut", "port: web2"), apply("far", "port: web1, onChange: keep")
	kept, gone, moved := c.Dial("kept", o.router, db2, keep), c.Dial("cut", o.router, web2, cut), c.Dial("moved", o.router, web1, far)
	out := c.Dial("out", web2, o.router, server4.String()+":22")
	apply("cut", "router: r1")
	c.Ended("for nobody", gone, out)
	apply("keep", "router: r1, onChange: keep")
	closed(c, "for nobody", o.router, keep, cut)
	c.Live("for nobody", kept)
	apply("keep", "port: web2, onChange: keep")
	s := c.Dial("another's", o.router, web2, keep)
	c.Live("another's", kept)
	apply("keep", "router: r1, onChange: cut")
	c.Ended("nobody's again", s)
	c.Live("nobody's again", kept) // which was let go on before
	apply("far", "router: r1, onChange: keep")
	c.Ended("the address went to another host", moved)
	c.Delete(client.DeleteOptions{}, "floatingip/red/keep", "floatingip/red/cut", "floatingip/red/far")
	c.Ended("the address is gone", kept)
}

// endRules takes rules away.
func endRules(c *e2e.Cloud, o *outside, t *tenant) {
	const yaml = "kind: NATRule\nproject: red\nname: %s\nspec: {router: r1, %s}\n"
	db2, web2 := t.vm["db2"], t.vm["web2"]
	c.Apply(t.floating("a", "router: r1"), t.floating("b", "router: r1"))
	a, b := c.Get("floatingip/red/a").GetStatus().GetFloatingIp().GetIp(), c.Get("floatingip/red/b").GetStatus().GetFloatingIp().GetIp()
	c.Apply(fmt.Sprintf(yaml, "cut", "type: dnat_and_snat, externalIp: "+a+", internalIp: "+db2.IPv4().String()),
		fmt.Sprintf(yaml, "keep", "type: snat, externalIp: "+b+", internalIp: 10.0.0.0/24, onChange: keep"))
	in, out, kept := c.Dial("in", o.router, db2, a+":22"), c.Dial("out", db2, o.router, server4.String()+":22"), c.Dial("kept", web2, o.router, server4.String()+":22")
	c.Delete(client.DeleteOptions{}, "natrule/red/cut", "natrule/red/keep")
	c.Ended("deleted", in, out)
	c.Live("deleted", kept)
	closed(c, "deleted", o.router, a+":22")
	c.Live("deleted", c.Dial("new", web2, o.router, server4.String()+":22"))
	c.Delete(client.DeleteOptions{}, "floatingip/red/a", "floatingip/red/b")
	c.Ended("its address is gone", kept)
}

// endSourceNAT switches source NAT off. The outside has ways back to what is inside.
func endSourceNAT(c *e2e.Cloud, o *outside, t *tenant) {
	for _, route := range []string{"10.0.0.0/8 via " + gatewayOf(c, t, true).String(), "fd00::/16 via " + gatewayOf(c, t, false).String()} {
		_, err := o.router.Exec("ip", append([]string{"route", "add"}, strings.Fields(route)...)...)
		c.Do(err)
	}
	for _, server := range []string{server4.String() + ":22", "[" + server6.String() + "]:22"} {
		c.Apply(t.router(joined, gateway(", host: h2, enableSnat: true, enableSnat6: true, onChange: keep")))
		kept := []*e2e.Stream{c.Dial("from h3", t.vm["db2"], o.router, server), c.Dial("from h2", t.vm["web2"], o.router, server)}
		c.Apply(t.router(joined, gateway(", host: h2, enableSnat: false, enableSnat6: false, onChange: keep")))
		plain := c.Dial("plain", t.vm["db2"], o.router, server)
		c.Live("off, kept", append(kept, plain)...)
		c.Apply(t.router(joined, gateway(", host: h2, enableSnat: true, enableSnat6: true")))
		s := c.Dial("from h3", t.vm["db2"], o.router, server)
		c.Live("on again", append(kept, s)...)
		c.Apply(t.router(joined, gateway(", host: h2, enableSnat: false, enableSnat6: false")))
		c.Ended("off", append(kept, s)...)
	}
	c.Apply(t.router(joined, gateway(", host: h2")))
	c.Dial("last", t.vm["db2"], o.router, server4.String()+":22")
}

// endZone takes the gateway away: no host remembers connections in its zone, which may become another router's.
func endZone(c *e2e.Cloud, o *outside, t *tenant) {
	zone := fmt.Sprintf("zone=%d", c.Get("router/red/r1").GetStatus().GetRouter().GetExternalGateway().GetZone())
	inZone := func() string {
		out, err := c.Host("h2").Appctl("dpctl/dump-conntrack", zone)
		if err != nil {
			c.T.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(out)
	}
	c.Dial("out", t.vm["db2"], o.router, server4.String()+":22")
	if inZone() == "" {
		c.T.Fatal("the zone is empty while there are connections")
	}
	c.Apply(t.router(joined))
	c.Eventually(20*time.Second, "the zone is empty", func() error {
		if all := inZone(); all != "" {
			return errors.New(all)
		}
		return nil
	})
}
