package routing_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// What cannot be translated does not leave: not when a zone is full, not when a rule has no port left, and not while weftd and the
// switches begin anew meanwhile. All of it is counted.
func TestExhaustion(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	o := newOutside(c, "type: flat")
	red := newTenant(c, "red")
	c.Apply(red.router(joined, gateway(", host: h2, enableSnat6: true")))
	o.leaks = netlab.Must(o.router.Capture("src net 10.0.0.0/8 or src net fd00::/8"))(c.T)
	c.Run("of a zone", func(c *e2e.Cloud) { zoneExhausted(c, o, red, server4) })
	c.Run("of a zone, IPv6", func(c *e2e.Cloud) { zoneExhausted(c, o, red, server6) })
	c.Run("of ports", func(c *e2e.Cloud) { portsExhausted(c, o, red) })
	c.Run("while what runs begins anew", func(c *e2e.Cloud) { exhaustedAnew(c, o, red) })
	o.sealed(c)
}

// limit lets the zone of the gateway of a tenant hold so many connections; 0: as many as there are.
func limit(c *e2e.Cloud, t *tenant, most int) {
	c.T.Helper()
	zone := c.Get("router/" + t.project + "/r1").GetStatus().GetRouter().GetExternalGateway().GetZone()
	commands := [][]string{{"dpctl/flush-conntrack", fmt.Sprintf("zone=%d", zone)}, {"dpctl/ct-set-limits", fmt.Sprintf("zone=%d,limit=%d", zone, most)}}
	if most == 0 {
		commands = [][]string{{"dpctl/ct-del-limits", fmt.Sprintf("zone=%d", zone)}}
	}
	for _, args := range commands {
		if out, err := c.Host("h2").Appctl(args...); err != nil {
			c.T.Fatalf("%v: %s", err, out)
		}
	}
}

// untranslated is how many packets of a tenant were not let outside.
func untranslated(c *e2e.Cloud, t *tenant) uint64 {
	return c.Get("router/" + t.project + "/r1").GetStatus().GetRouter().GetExternalGateway().GetUntranslated()
}

// counted waits until so many packets more were not let outside.
func counted(c *e2e.Cloud, t *tenant, before, more uint64) {
	c.T.Helper()
	c.Eventually(40*time.Second, "what could not be translated is counted", func() error {
		if n := untranslated(c, t) - before; n < more {
			return fmt.Errorf("%d of %d", n, more)
		}
		return nil
	})
}

// zoneExhausted lets the gateway's zone hold few connections: what is too much is dropped and counted, and seen nowhere.
func zoneExhausted(c *e2e.Cloud, o *outside, t *tenant, server netip.Addr) {
	const most, asked = 3, 40
	from := t.vm["db1"]
	c.Reach(netlab.Probe{From: from, To: o.router, Addr: server}) // so that what is dropped from now on is not for want of a next hop
	before := untranslated(c, t)
	limit(c, t, most)
	arrived := netlab.Must(o.router.Capture("udp and dst port 4444"))(c.T)
	for range asked {
		conn := netlab.Must(from.DialContext(c.T.Context(), "udp", netip.AddrPortFrom(server, 4444).String()))(c.T)
		_, _ = conn.Write([]byte("x")) // a refusal of the one before
		defer conn.Close()
	}
	counted(c, t, before, asked-most)
	outer := gatewayOf(c, t, server.Is4())
	if n := len(arrived.Packets()); n > most {
		c.T.Errorf("%d packets of %d connections were seen outside", n, most)
	}
	for a := range sources(arrived) {
		if a != outer {
			c.T.Errorf("%s was seen outside", a)
		}
	}
	limit(c, t, 0)
	c.Reach(netlab.Probe{From: from, To: o.router, Addr: server})
}

// fewPorts are as many as connections to one server have by the rule of few.
const fewPorts = 4

// few gives an endpoint few ports of an address of its own, which it returns.
func few(c *e2e.Cloud, t *tenant, from *netlab.Endpoint) netip.Addr {
	c.T.Helper()
	c.Apply(t.floating("few", "router: r1"))
	outer := netip.MustParseAddr(c.Get("floatingip/red/few").GetStatus().GetFloatingIp().GetIp())
	c.Apply(fmt.Sprintf("kind: NATRule\nproject: red\nname: few\nspec: {router: r1, type: snat, externalIp: %s, internalIp: %s, externalPorts: 20000-%d}\n",
		outer, from.IPv4(), 20000+fewPorts-1))
	c.Revalidated() // what the datapaths remember has the gateway's address
	return outer
}

// noneButFew demands that what was seen outside had the address and the ports of few.
func noneButFew(c *e2e.Cloud, seen *netlab.Capture, outer netip.Addr) {
	c.T.Helper()
	for _, p := range seen.Packets() {
		packet := p.Decode()
		ip, _ := packet.NetworkLayer().(*layers.IPv4)
		var port int
		switch l := packet.TransportLayer().(type) {
		case *layers.TCP:
			port = int(l.SrcPort)
		case *layers.UDP:
			port = int(l.SrcPort)
		}
		if ip == nil || ip.SrcIP.String() != outer.String() || port < 20000 || port >= 20000+fewPorts {
			c.T.Errorf("seen outside: %s", packet)
			return
		}
	}
}

// portsExhausted has more connections to one server than a rule has ports: as many as it has ports are translated, the rest is
// dropped and counted, and seen nowhere. Other servers are reached all the same.
func portsExhausted(c *e2e.Cloud, o *outside, t *tenant) {
	const asked = 24
	from := t.vm["db1"]
	c.Reach(netlab.Probe{From: from, To: o.router, Addr: server4})
	outer := few(c, t, from)
	for _, port := range []string{":4446", ":4447"} {
		defer netlab.Must(o.router.ServeTCP(port))(c.T).Close()
	}
	before := untranslated(c, t)
	arrived := netlab.Must(o.router.Capture("tcp and dst port 4446"))(c.T)
	all := dialMany(c, from, server4.String()+":4446", asked)
	c.Eventually(40*time.Second, "as many connections are made as there are ports", func() error {
		if n := all.made(); n < fewPorts {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	counted(c, t, before, 2*(asked-fewPorts)) // they have all tried again
	if who, err := from.TCP(server4.String()+":4447", 100, 10*time.Second); err != nil || who != o.router.Name() {
		c.T.Errorf("another server with the same ports: %s, %v", who, err)
	}
	all.end()
	if n := all.made(); n != fewPorts {
		c.T.Errorf("%d of %d connections were made with %d ports", n, asked, fewPorts)
	}
	noneButFew(c, arrived, outer)
	c.Delete(client.DeleteOptions{}, "natrule/red/few", "floatingip/red/few")
	c.Dial("without the rule", from, o.router, server4.String()+":4446")
}

// dials are connections that are being made at the same time.
type dials struct {
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu   sync.Mutex
	open []net.Conn
}

func dialMany(c *e2e.Cloud, from *netlab.Endpoint, addr string, n int) *dials {
	d := &dials{}
	ctx, cancel := context.WithCancel(c.T.Context())
	d.cancel = cancel
	for range n {
		d.wait.Go(func() {
			conn, err := from.DialContext(ctx, "tcp", addr)
			if err != nil {
				return
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.open = append(d.open, conn)
		})
	}
	return d
}

func (d *dials) made() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open)
}

// end gives up what is not made, and closes what is.
func (d *dials) end() {
	d.cancel()
	d.wait.Wait()
	for _, conn := range d.open {
		_ = conn.Close() // the test has what it wants to know
	}
}

// exhaustedAnew has endpoints begin more connections than there are ports for all the time, while weftd ends and comes back, switches
// begin anew, and zones are full.
func exhaustedAnew(c *e2e.Cloud, o *outside, t *tenant) {
	from := t.vm["db1"]
	outer := few(c, t, from)
	seen := netlab.Must(o.router.Capture("udp and dst port 4448"))(c.T)
	stop := press(c, from, t.vm["web1"], t.vm["web2"], t.vm["db2"])
	pressed := func(when string) {
		c.T.Helper()
		before := untranslated(c, t)
		c.Eventually(40*time.Second, "packets are dropped and counted "+when, func() error {
			if untranslated(c, t) == before {
				return errors.New("none is")
			}
			return nil
		})
	}
	pressed("at first")
	c.Do(c.Weftd.Kill())
	arrivals := len(seen.Packets())
	c.Eventually(20*time.Second, "packets leave while weftd is away", func() error {
		if len(seen.Packets()) < arrivals+20 {
			return errors.New("few do")
		}
		return nil
	})
	c.Restart()
	pressed("when weftd is back")
	for _, host := range []string{"h2", "h1", "h3"} {
		c.Do(c.Host(host).RestartVswitchd())
		c.Synced()
		pressed("when the switch of " + host + " is back")
	}
	limit(c, t, 2)
	pressed("when the zone is full")
	limit(c, t, 0)
	if err := stop(); err != nil {
		c.T.Error(err)
	}
	fromFew := netlab.Must(seen.Stop())(c.T)
	used := map[string]bool{}
	for _, p := range fromFew {
		ip, _ := p.Decode().NetworkLayer().(*layers.IPv4)
		if ip == nil {
			c.T.Fatalf("seen outside: %s", p.Decode())
		}
		used[ip.SrcIP.String()] = true
	}
	for _, want := range []netip.Addr{outer, gatewayOf(c, t, true)} {
		if !used[want.String()] {
			c.T.Errorf("nothing from %s was seen outside", want)
		}
		delete(used, want.String())
	}
	if len(used) > 0 {
		c.T.Errorf("%v was seen outside", used)
	}
	c.Delete(client.DeleteOptions{}, "natrule/red/few", "floatingip/red/few")
}

// press has endpoints begin connections one after another, until the function that it returns is called: that says what went wrong.
func press(c *e2e.Cloud, all ...*netlab.Endpoint) func() error {
	ctx, cancel := context.WithCancel(c.T.Context())
	errs := make(chan error, len(all))
	for _, from := range all {
		go func() { errs <- begin(ctx, from) }()
	}
	return func() error {
		cancel()
		var err error
		for range all {
			err = errors.Join(err, <-errs)
		}
		return err
	}
}

// begin sends the first packet of a connection twenty times a second.
func begin(ctx context.Context, from *netlab.Endpoint) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		conn, err := from.DialContext(ctx, "udp", server4.String()+":4448")
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && strings.Contains(err.Error(), "unreachable"):
			continue // its host begins anew
		case err != nil:
			return err
		}
		_, _ = conn.Write([]byte("x")) // the switch may be away
		_ = conn.Close()
	}
}
