package routing_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Routers tell senders on both sides of a translation what became of their packets, in words that each side understands.
func TestErrorsOutside(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	o := newOutside(c, "type: flat")
	red := newTenant(c, "red")
	c.Apply(red.router(joined, gateway(", host: h2")))
	floats := float(c, red, "web1", "db2")
	// IPv6 leaves as it is.
	r4, r6 := gatewayOf(c, red, true).String(), gatewayOf(c, red, false).String()
	_, err := o.router.Exec("ip", "route", "add", "fd00:11::/64", "via", r6)
	c.Do(err)
	_, err = o.router.Exec("ip", "route", "add", "fd00:10::/64", "via", r6)
	c.Do(err)
	o.leaks = netlab.Must(o.router.Capture("net 10.0.0.0/8"))(c.T)
	c.Reach(netlab.Probe{From: red.vm["web1"], To: o.router, Addr: server4}, netlab.Probe{From: red.vm["db1"], To: o.router, Addr: server4})
	c.Run("too large to go outside", func(c *e2e.Cloud) { tooLargeOut(c, o, red) })
	c.Run("too large to come in", func(c *e2e.Cloud) { tooLargeIn(c, o, red, floats["db2"], r4, r6) })
	c.Run("hops from outside", func(c *e2e.Cloud) { hopsFromOutside(c, o, red, floats, r4, r6) })
	c.Run("nobody has the next hop", func(c *e2e.Cloud) { nobodyThere(c, o, red) })
	o.sealed(c)
}

// says runs a command until its output says something: first packets are lost where a busy switch learns a way.
func says(c *e2e.Cloud, from *netlab.Endpoint, want []string, command ...string) {
	c.T.Helper()
	c.Eventually(20*time.Second, from.Name()+": "+strings.Join(command, " "), func() error {
		out, err := from.Exec(command[0], command[1:]...)
		out = fmt.Sprint(out, err)
		for _, line := range want {
			if !strings.Contains(out, line) {
				return fmt.Errorf("%q is missing in\n%s", line, out)
			}
		}
		return nil
	})
}

// learns has an endpoint send what is too large, until it has been told, and says so.
func learns(c *e2e.Cloud, from *netlab.Endpoint, to netip.Addr, mtu int, teller string) {
	c.T.Helper()
	size, said := mtu+60-28, fmt.Sprintf("From %s icmp_seq=1 Frag needed and DF set (mtu = %d)", teller, mtu)
	if to.Is6() {
		size, said = mtu+60-48, fmt.Sprintf("From %s icmp_seq=1 Packet too big: mtu=%d", teller, mtu)
	}
	forget(c, from)
	c.Eventually(20*time.Second, from.Name()+" is told by "+teller, func() error {
		out, err := from.Exec("ping", "-c", "1", "-W", "2", "-M", "do", "-s", fmt.Sprint(size), to.String())
		known := strings.Contains(fmt.Sprint(err), fmt.Sprintf("mtu: %d", mtu)) || strings.Contains(fmt.Sprint(out, err), fmt.Sprintf("mtu=%d", mtu))
		if out = fmt.Sprint(out, err); !strings.Contains(out, said) && !known {
			return fmt.Errorf("not %q, but\n%s", said, out)
		}
		return nil
	})
	says(c, from, []string{fmt.Sprintf("mtu %d", mtu)}, "ip", "route", "get", to.String())
	forget(c, from)
}

// forget has an endpoint forget what it was told.
func forget(c *e2e.Cloud, e *netlab.Endpoint) {
	c.T.Helper()
	for _, family := range []string{"-4", "-6"} {
		_, err := e.Exec("ip", family, "route", "flush", "cache")
		c.Do(err)
	}
}

// tooLargeOut has endpoints on every way outside, with a network that carries more than the one there.
func tooLargeOut(c *e2e.Cloud, o *outside, t *tenant) {
	// It says that it takes larger segments than it does, so that it is not TCP that knows.
	_, err := o.router.Exec("ip", "route", "replace", "198.51.100.0/24", "dev", o.router.Link(), "advmss", "1900")
	c.Do(err)
	defer netlab.Must(o.router.ServeTCP(":8080"))(c.T).Close()
	for name, gateways := range map[string][2]string{
		"web1": {"10.0.0.1", "fd00:10::1"}, "web2": {"10.0.0.1", "fd00:10::1"}, "db1": {"10.1.0.1", "fd00:11::1"}, "db2": {"10.1.0.1", "fd00:11::1"},
	} {
		for i, server := range []netip.Addr{server4, server6} {
			vm := t.vm[name]
			learns(c, vm, server, 1400, gateways[i])
			if who, err := vm.TCP(netip.AddrPortFrom(server, 8080).String(), 300_000, 20*time.Second); err != nil || who != o.router.Name() {
				c.T.Errorf("%s: a long stream to %s: %s, %v", name, server, who, err)
			}
			if server.Is4() {
				says(c, vm, []string{"mtu 1400"}, "ip", "route", "get", server.String())
			}
		}
	}
}

// tooLargeIn has the outside send to a network that carries less.
func tooLargeIn(c *e2e.Cloud, o *outside, t *tenant, floating netip.Addr, r4, r6 string) {
	c.Apply(fmt.Sprintf(strings.TrimSuffix(networkYAML, "---\n"), t.project, "db", "geneve, mtu: 1300"))
	db1, db2 := t.vm["db1"], t.vm["db2"]
	// They say that they take larger segments than they do, so that it is not TCP that knows.
	for _, vm := range []*netlab.Endpoint{db1, db2} {
		_, err := vm.Exec("ip", "link", "set", vm.Link(), "mtu", "1300")
		c.Do(err)
		for _, by := range []string{"10.1.0.1", "fd00:11::1"} {
			_, err = vm.Exec("ip", "route", "replace", "default", "via", by, "advmss", "1340")
			c.Do(err)
		}
	}
	learns(c, o.router, floating, 1300, r4)
	learns(c, o.router, db2.IPv6(), 1300, r6)
	defer netlab.Must(db2.ServeTCP(":8080"))(c.T).Close()
	for _, to := range []netip.Addr{floating, db2.IPv6()} {
		forget(c, o.router)
		if who, err := o.router.TCP(netip.AddrPortFrom(to, 8080).String(), 300_000, 20*time.Second); err != nil || who != db2.Name() {
			c.T.Errorf("a long stream to %s: %s, %v", to, who, err)
		}
		says(c, o.router, []string{"mtu 1300"}, "ip", "route", "get", to.String())
	}
	// What comes back to one that is translated at the gateway.
	forget(c, o.router)
	defer netlab.Must(o.router.ServeTCP(":8080"))(c.T).Close()
	if who, err := db1.TCP(server4.String()+":8080", 300_000, 20*time.Second); err != nil || who != o.router.Name() {
		c.T.Errorf("a long stream from %s: %s, %v", db1.Name(), who, err)
	}
	says(c, o.router, []string{"mtu 1300"}, "ip", "route", "get", r4)
	forget(c, o.router)
}

// hopsFromOutside traces routes from outside to floating IPs, to addresses that are not translated, and to the router.
func hopsFromOutside(c *e2e.Cloud, o *outside, t *tenant, floats map[string]netip.Addr, r4, r6 string) {
	inside := t.vm["db2"].IPv6().String()
	for _, how := range [][]string{{}, {"-I"}, {"-T", "-p", "80"}} {
		trace := append([]string{"traceroute", "-n", "-q", "1", "-w", "2", "-m", "4"}, how...)
		says(c, o.router, []string{" 1  " + r4 + " ", " 2  " + floats["web1"].String() + " "}, append(trace, floats["web1"].String())...)
		says(c, o.router, []string{" 1  " + r4 + " ", " 2  " + floats["db2"].String() + " "}, append(trace, floats["db2"].String())...)
		says(c, o.router, []string{" 1  " + r6 + " ", " 2  " + inside + " "}, append(trace, "-6", inside)...)
	}
	says(c, o.router, []string{" 1  " + r4 + " "}, "traceroute", "-n", "-q", "1", "-w", "2", "-m", "4", r4)
	says(c, o.router, []string{" 1  " + r6 + " "}, "traceroute", "-6", "-n", "-q", "1", "-w", "2", "-m", "4", r6)
	says(c, o.router, []string{"1.|-- " + r4 + " ", "2.|-- " + floats["db2"].String() + " "}, "mtr", "-n", "-r", "-c", "2", floats["db2"].String())
	// One hop further, from one floating IP to another on a host that is not its own.
	says(c, t.vm["web1"], []string{" 1  10.0.0.1 ", " 2  " + r4 + " ", " 3  " + floats["db2"].String() + " "},
		"traceroute", "-n", "-q", "1", "-w", "2", "-m", "4", floats["db2"].String())
	// An address that is translated is none outside, and nothing tells of it.
	_, err := o.router.Exec("ip", "route", "add", "10.1.0.0/24", "via", r4)
	c.Do(err)
	if out, err := o.router.Exec("traceroute", "-n", "-q", "1", "-w", "1", "-m", "2", "10.1.0.14"); err != nil || !strings.Contains(out, " 1  *\n 2  *") {
		c.T.Errorf("traceroute to an address inside: %v\n%s", err, out)
	}
	_, err = o.router.Exec("ip", "route", "del", "10.1.0.0/24")
	c.Do(err)
	o.leaks = netlab.Must(o.router.Capture("src net 10.0.0.0/8"))(c.T)
}

// nobodyThere sends to addresses outside that nobody has, and then somebody has.
func nobodyThere(c *e2e.Cloud, o *outside, t *tenant) {
	for _, tt := range []struct{ from, to, want string }{
		{"web1", "198.51.100.77", "From 10.0.0.1 icmp_seq=1 Destination Host Unreachable"},
		{"web2", "198.51.100.78", "From 10.0.0.1 icmp_seq=1 Destination Host Unreachable"},
		{"db1", "198.51.100.79", "From 10.1.0.1 icmp_seq=1 Destination Host Unreachable"},
		{"db2", "2001:db8::77", "From fd00:11::1 icmp_seq=1 Destination unreachable: Address unreachable"},
		{"web2", "2001:db8::78", "From fd00:10::1 icmp_seq=1 Destination unreachable: Address unreachable"},
	} {
		says(c, t.vm[tt.from], []string{tt.want}, "ping", "-c", "1", "-W", "6", tt.to)
	}
	const pings = 1500
	out, _ := t.vm["web1"].Exec("ping", "-c", fmt.Sprint(pings), "-i", "0.002", "-W", "1", "198.51.100.77") // what it prints counts
	told := strings.Count(out, "Destination Host Unreachable")
	if told == 0 || told > pings/3 {
		c.T.Errorf("of %d packets in 3 s the sender was told %d times", pings, told)
	}
	c.Do(o.router.AddAddress("198.51.100.77/24"), o.router.AddAddress("2001:db8::77/64"))
	c.Eventually(40*time.Second, "who has the address by now is reached", func() error {
		for _, tt := range []struct{ from, to string }{{"web1", "198.51.100.77"}, {"db2", "2001:db8::77"}} {
			r, err := t.vm[tt.from].Ping(tt.to, netlab.PingOptions{Count: 1})
			if err != nil {
				return err
			}
			if r.Received == 0 {
				return fmt.Errorf("%s: %+v", tt.to, r)
			}
		}
		return nil
	})
}
