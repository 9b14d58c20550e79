package routing_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// leased is a network whose addresses are given for a minute, and one whose addresses are formed while the rest is asked for.
const leased = `
kind: Network
project: red
name: short
spec: {}
---
kind: Subnet
project: red
name: short-v4
spec: {network: short, cidr: 10.0.0.0/24, dhcpOptions: {leaseSeconds: 60, domainName: red.example}}
---
kind: Subnet
project: red
name: short-v6
spec: {network: short, cidr: "fd00:10::/64", dhcpOptions: {leaseSeconds: 60}}
---
kind: Network
project: red
name: auto
spec: {mtu: 1380}
---
kind: Subnet
project: red
name: auto-v6
spec:
  network: auto
  cidr: "fd00:20::/64"
  ipv6Mode: dhcpv6-stateless
  routerPreference: high
  dnsNameservers: ["fd00:20::53"]
  dhcpOptions: {searchDomains: [a.example, b.example], ntpServers: ["fd00:20::123"]}
---
kind: Port
project: red
name: vm1
spec: {network: short, macAddress: fa:16:3e:00:00:01, fixedIps: [{ip: 10.0.0.11}, {ip: "fd00:10::11"}]}
---
kind: Port
project: red
name: vm2
spec: {network: short, macAddress: fa:16:3e:00:00:02, fixedIps: [{ip: 10.0.0.12}, {ip: "fd00:10::12"}]}
---
kind: Port
project: red
name: vm3
spec: {network: short, macAddress: fa:16:3e:00:00:03, fixedIps: [{ip: 10.0.0.13}, {ip: "fd00:10::13"}]}
---
kind: Port
project: red
name: auto1
spec: {network: auto, macAddress: fa:16:3e:00:00:04}
---
kind: Router
project: red
name: r1
spec: {interfaces: [{subnet: short-v4}, {subnet: short-v6}, {subnet: auto-v6}]}
`

// Endpoints keep, give back and refuse what they were given, with the clients that people use; and what routers advertise is what stations take.
func TestLeases(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	c.Apply(strings.TrimPrefix(leased, "\n"))
	one, two, three, auto := blank(c, "h1", "vm1"), blank(c, "h2", "vm2"), blank(c, "h2", "vm3"), blank(c, "h1", "auto1")
	c.Active("red/vm1", "red/vm2", "red/vm3", "red/auto1")
	// What is due after a time is waited for at last.
	renews, renews6 := newDhclient(c, one), newDhclient(c, one)
	renews.stay("BOUND", "-4")
	renews6.stay("BOUND6", "-6")
	newDhclient(c, two).stay("BOUND", "-4")
	seen := netlab.Must(two.Capture("udp port 67"))(t)
	_, err := two.Exec("ip", "route", "add", "blackhole", "10.0.0.1/32") // it cannot reach the server that gave it its address
	c.Do(err)
	c.Run("given back", func(c *e2e.Cloud) { givenBack(c, three) })
	c.Run("declined", func(c *e2e.Cloud) { declined(c, three) })
	c.Run("settings alone", func(c *e2e.Cloud) { informed(c, three) })
	c.Run("formed", func(c *e2e.Cloud) { formed(c, auto) })
	c.Run("settings alone, IPv6", func(c *e2e.Cloud) {
		d := newDhclient(c, auto)
		d.has(d.run("BOUND6|RENEW6", "-6", "-S"), "new_dhcp6_name_servers=fd00:20::53", "new_dhcp6_domain_search=a.example. b.example.")
	})
	c.Run("renewed", func(c *e2e.Cloud) {
		renews.in(c).has(renews.in(c).told(80*time.Second, "RENEW"), "new_ip_address=10.0.0.11", "new_domain_name=red.example")
		renews6.in(c).has(renews6.in(c).told(80*time.Second, "RENEW6"), "new_ip6_address=fd00:10::11")
	})
	c.Run("rebound", func(c *e2e.Cloud) { rebound(c, seen) })
}

// rebound waits until a client that does not reach its server asks all for the address that it has, and keeps it.
func rebound(c *e2e.Cloud, seen *netlab.Capture) {
	c.Eventually(100*time.Second, "a client asks all servers, and one answers", func() error {
		asked, all := false, messages(seen)
		for _, m := range all {
			switch m.MessageType() {
			case dhcpv4.MessageTypeRequest:
				if !m.dst.Equal(net.IPv4bcast) || m.ClientIPAddr.String() != "10.0.0.12" {
					c.T.Fatalf("it asks %s: %s", m.dst, m)
				}
				asked = true
			case dhcpv4.MessageTypeAck:
				if asked && m.YourIPAddr.String() == "10.0.0.12" {
					return nil
				}
			}
		}
		return fmt.Errorf("%d messages", len(all))
	})
}

// message is a DHCP message, and whom it was for.
type message struct {
	*dhcpv4.DHCPv4
	dst net.IP
}

// messages are those that were captured.
func messages(seen *netlab.Capture) []message {
	var all []message
	for _, p := range seen.Packets() {
		decoded := p.Decode()
		udp, _ := decoded.Layer(layers.LayerTypeUDP).(*layers.UDP)
		ip, _ := decoded.NetworkLayer().(*layers.IPv4)
		if udp == nil || ip == nil {
			continue
		}
		if m, err := dhcpv4.FromBytes(udp.Payload); err == nil {
			all = append(all, message{m, ip.DstIP})
		}
	}
	return all
}

// sent tells whether a message of some type was captured.
func sent(seen *netlab.Capture, typ dhcpv4.MessageType) error {
	all := messages(seen)
	if !slices.ContainsFunc(all, func(m message) bool { return m.MessageType() == typ }) {
		return fmt.Errorf("%d messages, of which none is %s", len(all), typ)
	}
	return nil
}

// givenBack has a client give its address back, which nobody answers, and ask anew.
func givenBack(c *e2e.Cloud, e *netlab.Endpoint) {
	d := newDhclient(c, e)
	d.has(d.stay("BOUND", "-4"), "new_ip_address=10.0.0.13")
	c.Eventually(20*time.Second, "the client has written down what it has", func() error {
		text, err := os.ReadFile(filepath.Join(d.dir, "leases"))
		if err == nil && !strings.Contains(string(text), "10.0.0.13") {
			err = errors.New("not yet")
		}
		return err
	})
	seen := netlab.Must(e.Capture("udp port 67"))(c.T)
	out, err := e.Exec("dhclient", append(append([]string{"-r", "-4", "-d"}, d.files()...), e.Link())...)
	if err != nil {
		c.T.Fatalf("%v\n%s", err, out)
	}
	c.Eventually(20*time.Second, "the address is given back", func() error { return sent(seen, dhcpv4.MessageTypeRelease) })
	if all := messages(seen); len(all) != 1 {
		c.T.Errorf("while the address was given back: %v", all)
	}
	d.has(d.run("BOUND|REBOOT", "-4"), "new_ip_address=10.0.0.13")
}

// declined has a client say that its address is somebody else's. It is told of no other one, as its port has none.
func declined(c *e2e.Cloud, e *netlab.Endpoint) {
	d := newDhclient(c, e)
	script := netlab.Must(os.ReadFile(filepath.Join(d.dir, "script")))(c.T)
	c.Do(os.WriteFile(filepath.Join(d.dir, "script"), append(slices.Clone(script), "[ $reason != BOUND ]\n"...), 0o700))
	seen := netlab.Must(e.Capture("udp port 67"))(c.T)
	d.stay("BOUND", "-4")
	c.Eventually(20*time.Second, "it declines", func() error { return sent(seen, dhcpv4.MessageTypeDecline) })
	c.Do(os.WriteFile(filepath.Join(d.dir, "script"), script, 0o700))
	d.has(d.run("BOUND|REBOOT", "-4"), "new_ip_address=10.0.0.13")
}

// informed has an endpoint that has its address ask for settings alone (RFC 2131, section 3.4): no client of Debian's does.
func informed(c *e2e.Cloud, e *netlab.Endpoint) {
	_, err := e.Exec("ip", "addr", "replace", "10.0.0.13/24", "dev", e.Link())
	c.Do(err)
	conn := netlab.Must(e.ListenPacket("udp4", "10.0.0.13:68"))(c.T)
	defer conn.Close()
	ask := netlab.Must(dhcpv4.NewInform(e.MAC(), net.IPv4(10, 0, 0, 13), dhcpv4.WithOption(dhcpv4.OptParameterRequestList(dhcpv4.OptionDomainName))))(c.T)
	c.Eventually(20*time.Second, "it is told", func() error {
		if _, err := conn.WriteTo(ask.ToBytes(), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 67}); err != nil {
			return err
		}
		answer := make([]byte, 2000)
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		n, _, err := conn.ReadFrom(answer)
		if err != nil {
			return err
		}
		m, err := dhcpv4.FromBytes(answer[:n])
		if err != nil {
			return err
		}
		if m.TransactionID != ask.TransactionID {
			return errors.New("that answers another one")
		}
		if m.MessageType() != dhcpv4.MessageTypeAck || m.DomainName() != "red.example" || !m.YourIPAddr.IsUnspecified() || m.IPAddressLeaseTime(0) != 0 {
			c.T.Errorf("it is told %s", m)
		}
		return nil
	})
}

// formed has the kernel take what is advertised: once without having asked, and once because it asks.
func formed(c *e2e.Cloud, e *netlab.Endpoint) {
	seen := netlab.Must(e.Capture("icmp6 and ip6[40] == 134"))(c.T)
	check := func(when string) {
		c.Eventually(20*time.Second, "the kernel has taken what was advertised "+when, func() error {
			for _, tt := range []struct {
				want    string
				command []string
			}{
				{"fd00:20::f816:3eff:fe00:4/64", []string{"ip", "-6", "addr", "show", "dev", e.Link(), "scope", "global"}},
				{"pref high", []string{"ip", "-6", "route", "show", "default"}},
				{"1380", []string{"cat", "/proc/sys/net/ipv6/conf/" + e.Link() + "/mtu"}},
			} {
				if out, err := e.Exec(tt.command[0], tt.command[1:]...); err != nil || !strings.Contains(out, tt.want) {
					return fmt.Errorf("%q is missing: %w\n%s", tt.want, err, out)
				}
			}
			return nil
		})
	}
	// Endpoints of labs do not ask by themselves. A controller that begins says it to everybody.
	c.Do(c.Weftd.Kill())
	c.Restart()
	check("to all")
	c.Do(e.SetLinkDown(e.Link()), e.Sysctl("ipv6/conf/"+e.Link()+"/router_solicitations", "3"), e.SetLinkUp(e.Link()))
	check("to one")
	if _, err := seen.Expect(10*time.Second, "an advertisement with name servers and domains", func(p gopacket.Packet) bool {
		ra, ok := p.Layer(layers.LayerTypeICMPv6RouterAdvertisement).(*layers.ICMPv6RouterAdvertisement)
		if !ok {
			return false
		}
		options := map[layers.ICMPv6Opt][]byte{}
		for _, o := range ra.Options {
			options[o.Type] = o.Data
		}
		server := netip.MustParseAddr("fd00:20::53").As16()
		const rdnss, dnssl = 25, 31 // RFC 8106, section 5
		return strings.Contains(string(options[rdnss]), string(server[:])) && strings.Contains(string(options[dnssl]), "\x01a\x07example\x00\x01b\x07example\x00")
	}); err != nil {
		c.T.Error(err)
	}
}
