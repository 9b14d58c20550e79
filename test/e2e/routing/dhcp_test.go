package routing_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// configured is a network whose ports are told everything, and one whose addresses are formed.
const configured = `
kind: Network
project: red
name: web
spec: {type: geneve}
---
kind: Subnet
project: red
name: web-v4
spec:
  network: web
  cidr: 10.0.0.0/24
  dnsNameservers: [10.0.0.53, 10.0.0.54]
  hostRoutes: [{destination: 10.66.0.0/16, nextHop: 10.0.0.66}]
  dhcpOptions: {domainName: red.example, searchDomains: [a.example, b.example], ntpServers: [10.0.0.123], bootFileName: boot.img, tftpServer: 10.0.0.69, leaseSeconds: 600}
---
kind: Subnet
project: red
name: web-v6
spec: {network: web, cidr: "fd00:10::/64", dnsNameservers: ["fd00:10::53"], dhcpOptions: {searchDomains: [a.example]}}
---
kind: Network
project: red
name: auto
spec: {}
---
kind: Subnet
project: red
name: auto-v6
spec: {network: auto, cidr: "fd00:20::/64", ipv6Mode: slaac}
---
kind: Port
project: red
name: vm1
spec: {network: web, macAddress: fa:16:3e:00:00:01, fixedIps: [{ip: 10.0.0.11}, {ip: "fd00:10::11"}], extraDhcpOptions: [{code: 12, value: vm-one}]}
---
kind: Port
project: red
name: vm2
spec: {network: web, macAddress: fa:16:3e:00:00:02, fixedIps: [{ip: 10.0.0.12}, {ip: "fd00:10::12"}]}
---
kind: Port
project: red
name: auto1
spec: {network: auto, macAddress: fa:16:3e:00:00:03}
---
kind: Router
project: red
name: r1
spec: {interfaces: [{subnet: web-v4}, {subnet: web-v6}, {subnet: auto-v6}]}
`

// blank is an endpoint of a port that knows nothing but its MAC address.
func blank(c *e2e.Cloud, host, port string) *netlab.Endpoint {
	c.T.Helper()
	st := c.Get("port/red/" + port).GetStatus().GetPort()
	return netlab.Must(c.Host(host).AddEndpoint("red-"+port, netlab.EndpointOptions{IfaceID: "red/" + port, MAC: st.GetMacAddress(), MTU: int(st.GetMtu())}))(c.T)
}

// dhclient asks as Debian's client does. What it is told is written to a file, and its address is set.
type dhclient struct {
	c   *e2e.Cloud
	e   *netlab.Endpoint
	dir string
}

func newDhclient(c *e2e.Cloud, e *netlab.Endpoint) *dhclient {
	d := &dhclient{c, e, c.T.TempDir()}
	script := "#!/bin/sh\nenv | sort >" + d.dir + "/env.$reason\ncase $reason in\n" +
		"BOUND|RENEW|REBIND|REBOOT) ip -4 addr flush dev $interface; ip addr add $new_ip_address/$new_subnet_mask dev $interface;;\n" +
		"BOUND6|RENEW6|REBIND6) ip -6 addr replace $new_ip6_address/$new_ip6_prefixlen dev $interface nodad;;\nesac\n"
	c.Do(os.WriteFile(filepath.Join(d.dir, "script"), []byte(script), 0o700))
	return d
}

// run runs the client once, until it has an answer for a reason, or for one of several with "|" between them; it returns what it was
// told: "new_routers=10.0.0.1 …".
func (d *dhclient) run(reason string, args ...string) string {
	d.c.T.Helper()
	cmd := d.start(reason, args...)
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	return d.told(25*time.Second, reason)
}

// stay runs the client until the test ends, and returns what it was told for a reason first.
func (d *dhclient) stay(reason string, args ...string) string {
	d.c.T.Helper()
	cmd := d.start(reason, args...)
	d.c.T.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return d.told(25*time.Second, reason)
}

// in is the client in a part of the test.
func (d *dhclient) in(c *e2e.Cloud) *dhclient { return &dhclient{c, d.e, d.dir} }

// start starts the client, which has not been told anything yet.
func (d *dhclient) start(reason string, args ...string) *exec.Cmd {
	d.c.T.Helper()
	d.c.Do(os.WriteFile(d.dir+"/conf", []byte("timeout 20;\nretry 1;\ninitial-interval 1;\nbackoff-cutoff 2;\n"+
		"option rfc3442 code 121 = array of unsigned integer 8;\nrequest subnet-mask, routers, domain-name-servers, domain-name, domain-search, interface-mtu, ntp-servers, rfc3442, host-name, bootfile-name, tftp-server-name, dhcp6.name-servers, dhcp6.domain-search;\n"), 0o600))
	for file := range strings.SplitSeq(reason, "|") {
		_ = os.Remove(d.dir + "/env." + file) // of a run before
	}
	cmd := d.e.Command("dhclient", append(append([]string{"-1", "-d"}, append(d.files(), args...)...), d.e.Link())...)
	log := netlab.Must(os.Create(d.dir + "/log"))(d.c.T)
	defer log.Close() // the client has it
	cmd.Stdout, cmd.Stderr = log, log
	d.c.Do(cmd.Start())
	return cmd
}

// files are the client's flags that say where its files are.
func (d *dhclient) files() []string {
	return []string{"-cf", d.dir + "/conf", "-lf", d.dir + "/leases", "-pf", d.dir + "/pid", "-sf", d.dir + "/script"}
}

// told waits until the client has been told something for a reason, and returns it.
func (d *dhclient) told(within time.Duration, reason string) string {
	d.c.T.Helper()
	var told []byte
	d.c.Eventually(within, "dhclient is told: "+reason, func() error {
		for file := range strings.SplitSeq(reason, "|") {
			if text, err := os.ReadFile(d.dir + "/env." + file); err == nil && len(text) > 0 {
				told = text
				return nil
			}
		}
		log, err := os.ReadFile(d.dir + "/log")
		return errors.Join(err, fmt.Errorf("it says\n%s", log))
	})
	return string(told)
}

func (d *dhclient) has(told string, lines ...string) {
	d.c.T.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+told, "\n"+line+"\n") {
			d.c.T.Errorf("was not told %s, but\n%s", line, told)
		}
	}
}

// Endpoints that know nothing ask, with the clients that people use, and are told just what their ports have. While the
// controller is away they keep talking.
func TestAddressesAreTold(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	c.Apply(strings.TrimPrefix(configured, "\n"))
	one, two, auto := blank(c, "h1", "vm1"), blank(c, "h2", "vm2"), blank(c, "h2", "auto1")
	c.Active("red/vm1", "red/vm2", "red/auto1")
	first := newDhclient(c, one)
	c.Run("DHCPv4", func(c *e2e.Cloud) {
		d := &dhclient{c, one, first.dir}
		d.has(d.run("BOUND", "-4"), "new_ip_address=10.0.0.11", "new_subnet_mask=255.255.255.0", "new_routers=10.0.0.1", "new_dhcp_server_identifier=10.0.0.1",
			"new_dhcp_lease_time=600", "new_domain_name_servers=10.0.0.53 10.0.0.54", "new_domain_name=red.example", "new_domain_search=a.example. b.example.",
			"new_ntp_servers=10.0.0.123", fmt.Sprintf("new_interface_mtu=%d", c.Get("port/red/vm1").GetStatus().GetPort().GetMtu()), "new_host_name=vm-one", "new_bootfile_name=boot.img", "new_tftp_server_name=10.0.0.69",
			"new_rfc3442=16 10 66 10 0 0 66 0 10 0 0 1")
	})
	c.Run("another address is refused", func(c *e2e.Cloud) {
		// The client remembers another address, asks for it as after a reboot, is refused, and begins anew.
		d := newDhclient(c, one)
		lease := "lease {\n  interface \"eth0\";\n  fixed-address 10.0.0.99;\n  option subnet-mask 255.255.255.0;\n  option dhcp-lease-time 600;\n" +
			"  renew never;\n  rebind never;\n  expire never;\n}\n"
		c.Do(os.WriteFile(d.dir+"/leases", []byte(lease), 0o600))
		d.has(d.run("BOUND", "-4"), "new_ip_address=10.0.0.11")
	})
	c.Run("udhcpc", func(c *e2e.Cloud) {
		out := filepath.Join(c.T.TempDir(), "env")
		script := filepath.Join(c.T.TempDir(), "script")
		c.Do(os.WriteFile(script, []byte("#!/bin/sh\nenv >"+out+".$1\n[ $1 = bound ] && ip addr add $ip/$mask dev $interface\nexit 0\n"), 0o700))
		if text, err := two.Exec("udhcpc", "-f", "-n", "-q", "-t", "8", "-T", "1", "-i", two.Link(), "-s", script); err != nil {
			c.T.Fatalf("%v\n%s", err, text)
		}
		told := string(netlab.Must(os.ReadFile(out + ".bound"))(c.T))
		(&dhclient{c: c}).has(told, "ip=10.0.0.12", "mask=24", "router=10.0.0.1", "serverid=10.0.0.1", "dns=10.0.0.53 10.0.0.54")
	})
	c.Run("DHCPv6", func(c *e2e.Cloud) {
		d := &dhclient{c, one, first.dir}
		d.has(d.run("BOUND6", "-6"), "new_ip6_address=fd00:10::11", "new_dhcp6_name_servers=fd00:10::53", "new_dhcp6_domain_search=a.example.")
	})
	c.Run("SLAAC by the kernel", func(c *e2e.Cloud) {
		// Endpoints of labs do not solicit by themselves.
		c.Do(auto.Sysctl("ipv6/conf/eth0/router_solicitations", "3"), auto.SetLinkDown(auto.Link()), auto.SetLinkUp(auto.Link()))
		c.Eventually(20*time.Second, "the kernel forms the port's address and has a default route", func() error {
			addr, err := auto.Exec("ip", "-6", "addr", "show", "dev", auto.Link(), "scope", "global")
			if err != nil || !strings.Contains(addr, "fd00:20::f816:3eff:fe00:3/64") || strings.Contains(addr, "tentative") {
				return fmt.Errorf("it has\n%s", addr)
			}
			route, err := auto.Exec("ip", "-6", "route", "show", "default")
			if err != nil || !strings.Contains(route, "via fe80::") {
				return fmt.Errorf("its routes are\n%s", route)
			}
			return nil
		})
	})
	c.Run("they talk", func(c *e2e.Cloud) {
		d := newDhclient(c, one)
		d.run("BOUND", "-4")
		c.Do(c.Weftd.Kill())
		for _, to := range []string{"10.0.0.12", "10.0.0.1"} {
			if r, err := one.Ping(to, netlab.PingOptions{Count: 5}); err != nil || r.Received == 0 {
				c.T.Errorf("%s: %v, %v", to, r, err)
			}
		}
		if r, err := auto.Ping("fd00:20::1", netlab.PingOptions{Count: 5}); err != nil || r.Received == 0 {
			c.T.Errorf("the router: %v, %v", r, err)
		}
		c.Restart()
		// It asks for what it had, or anew when it was ended before it had written that down.
		d.has(d.run("REBOOT|BOUND", "-4"), "new_ip_address=10.0.0.11")
	})
	c.Run("what is told stays on the host", func(c *e2e.Cloud) {
		capture := netlab.Must(two.Capture("udp port 67 or udp port 68"))(c.T)
		d := newDhclient(c, one)
		d.run("BOUND", "-4")
		if err := capture.ExpectNone("a DHCP message", func(gopacket.Packet) bool { return true }); err != nil {
			c.T.Error(err)
		}
	})
}
