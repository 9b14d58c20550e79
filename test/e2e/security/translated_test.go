package security_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

const translatedYAML = `
kind: Network
project: net
name: ext
spec: {type: flat, physicalNetwork: ext, external: true, shared: true, mtu: 1400}
---
kind: Subnet
project: net
name: ext4
spec: {network: ext, cidr: 198.51.100.0/24, enableDhcp: false}
---
kind: Subnet
project: net
name: ext6
spec: {network: ext, cidr: "2001:db8::/64", enableDhcp: false}
---
kind: Network
project: red
name: web
spec: {type: vxlan}
---
kind: Subnet
project: red
name: web4
spec: {network: web, cidr: 10.0.0.0/24}
---
kind: Subnet
project: red
name: web6
spec: {network: web, cidr: "fd00:10::/64"}
---
kind: Router
project: red
name: r1
spec:
  interfaces: [{subnet: web4}, {subnet: web6}]
  externalGateway: {network: net/ext, host: h2, enableSnat6: true, fixedIps: [{ip: 198.51.100.2}, {ip: "2001:db8::2"}]}
---
kind: SecurityGroup
project: red
name: client
---
kind: SecurityGroup
project: red
name: server
---
kind: Port
project: red
name: near
spec: {network: web, fixedIps: [{ip: 10.0.0.11}, {ip: "fd00:10::11"}], securityGroups: [client]}
---
kind: Port
project: red
name: same
spec: {network: web, fixedIps: [{ip: 10.0.0.13}, {ip: "fd00:10::13"}], securityGroups: [client]}
---
kind: Port
project: red
name: server
spec: {network: web, fixedIps: [{ip: 10.0.0.12}, {ip: "fd00:10::12"}], securityGroups: [server]}
---
kind: FloatingIP
project: red
name: near
spec: {network: net/ext, ip: 198.51.100.11, port: near, fixedIp: 10.0.0.11}
---
kind: FloatingIP
project: red
name: server
spec: {network: net/ext, ip: 198.51.100.12, port: server, fixedIp: 10.0.0.12}
---
kind: FloatingIP
project: red
name: server6
spec: {network: net/ext, ip: "2001:db8::12", router: r1}
---
kind: NATRule
project: red
name: server6
spec: {router: r1, type: dnat_and_snat, externalIp: "2001:db8::12", internalIp: "fd00:10::12"}
---
kind: PortForwarding
project: red
name: ssh
spec: {router: r1, protocol: tcp, externalPorts: "2222", port: server, internalPorts: "22"}
`

// Addresses of translatedYAML.
const (
	beyond4, beyond6   = "203.0.113.9", "2001:db8:9::9" // of the station outside
	station4, station6 = "198.51.100.1", "2001:db8::1"
	gateway4, gateway6 = "198.51.100.2", "2001:db8::2"
	server4, server6   = "10.0.0.12", "fd00:10::12"
	nearOut            = "198.51.100.11"
	serverOut          = "198.51.100.12"
	serverOut6         = "2001:db8::12"
)

// translation is what rules say, and who gets through then. Rules are "egress" or "ingress", an address, and sometimes ports.
type translation struct {
	name           string
	client, server string   // rules; empty: what groups let through that have none, and everything in
	passes, not    []string // "near 198.51.100.12 80"
}

// Rules about what is sent see the address that it was sent to, and rules about what is received the address that it comes from:
// with floating IPs, source NAT, forwarded ports and hairpins, of the same host and of others.
func TestTranslated(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	wire := c.Physical("ext", "h1", "h2")
	station := netlab.Must(wire.Machine("outside", netlab.EndpointOptions{Addresses: []string{station4 + "/24", station6 + "/64"}}))(t)
	for _, args := range [][]string{{"addr", "add", beyond4 + "/32", "dev", "lo"}, {"addr", "add", beyond6 + "/128", "dev", "lo"}, {"link", "set", "lo", "up"}} {
		_, err := station.Exec("ip", args...)
		c.Do(err)
	}
	c.Apply(translatedYAML)
	who := map[string]*netlab.Endpoint{"outside": station}
	for name, host := range map[string]string{"near": "h1", "same": "h2", "server": "h2"} {
		who[name] = c.VMWith(host, "red/"+name, netlab.EndpointOptions{Gateways: []string{"10.0.0.1", "fd00:10::1"}})
	}
	c.Active("red/near", "red/same", "red/server")
	_, err := station.Exec("ip", "route", "add", "default", "via", gateway4)
	c.Do(err)
	for _, at := range []*netlab.Endpoint{who["server"], station} {
		for _, port := range []int{22, 80} {
			netlab.Must(at.ServeTCP(fmt.Sprintf("[::]:%d", port)))(t)
		}
	}
	for _, tt := range []translation{
		{"sent to a floating IP", "egress " + serverOut + ", egress " + serverOut6, "",
			[]string{"near " + serverOut + " 80", "same " + serverOut + " 80", "near " + serverOut6 + " 80", "same " + serverOut6 + " 80"},
			[]string{"near " + server4 + " 80", "same " + server4 + " 80", "near " + server6 + " 80", "same " + server6 + " 80", "near " + beyond4 + " 80"}},
		{"sent to a fixed address", "egress " + server4 + ", egress " + server6, "",
			[]string{"near " + server4 + " 80", "same " + server4 + " 80", "near " + server6 + " 80", "same " + server6 + " 80"},
			[]string{"near " + serverOut + " 80", "same " + serverOut + " 80", "near " + serverOut6 + " 80", "same " + serverOut6 + " 80"}},
		{"sent outside", "egress " + beyond4 + ", egress " + beyond6, "",
			[]string{"near " + beyond4 + " 80", "same " + beyond4 + " 80", "near " + beyond6 + " 80", "same " + beyond6 + " 80"},
			[]string{"near " + station4 + " 80", "same " + station6 + " 80", "near " + serverOut + " 80"}},
		{"received from a floating IP", "", "ingress " + nearOut,
			[]string{"near " + serverOut + " 80"}, []string{"near " + server4 + " 80", "same " + serverOut + " 80", "outside " + serverOut + " 80"}},
		{"received from a gateway", "", "ingress " + gateway4 + ", ingress " + gateway6,
			[]string{"same " + serverOut + " 80", "near " + serverOut6 + " 80", "same " + serverOut6 + " 80"},
			[]string{"near " + serverOut + " 80", "same " + server4 + " 80", "near " + server6 + " 80"}},
		{"received from outside", "", "ingress " + station4 + ", ingress " + station6,
			[]string{"outside " + serverOut + " 80", "outside " + serverOut6 + " 80", "outside " + gateway4 + " 2222"},
			[]string{"near " + serverOut + " 80", "same " + serverOut + " 80", "near " + server6 + " 80"}},
		{"the port that it is forwarded to", "", "ingress " + station4 + " 22",
			[]string{"outside " + gateway4 + " 2222"}, []string{"outside " + serverOut + " 80"}},
		{"the port that it was sent to", "", "ingress " + station4 + " 2222", nil, []string{"outside " + gateway4 + " 2222"}},
		{"sent to a forwarded port", "egress " + gateway4 + " 2222", "",
			[]string{"near " + gateway4 + " 2222", "same " + gateway4 + " 2222"}, []string{"near " + serverOut + " 22", "near " + server4 + " 22"}},
		{"sent to a forwarded port, by the port behind it", "egress " + gateway4 + " 22", "", nil, []string{"near " + gateway4 + " 2222", "same " + gateway4 + " 2222"}},
		{"hairpin", "", "egress " + serverOut + ", ingress " + serverOut, []string{"server " + serverOut + " 80"}, []string{"near " + serverOut + " 80"}},
		{"hairpin, by fixed addresses", "", "egress " + server4 + ", ingress " + server4, nil, []string{"server " + serverOut + " 80"}},
	} {
		c.Run(tt.name, func(c *e2e.Cloud) { tt.holds(c, who) })
	}
}

// holds applies the rules, and demands that connections open that must, and no others.
func (tt translation) holds(c *e2e.Cloud, who map[string]*netlab.Endpoint) {
	c.Apply(translatedGroup("client", tt.client), translatedGroup("server", tt.server))
	c.Revalidated()
	dial := func(line string, within time.Duration) error {
		var from, ip, port string
		if _, err := fmt.Sscan(line, &from, &ip, &port); err != nil {
			return err
		}
		_, err := who[from].TCP(net.JoinHostPort(ip, port), 10, within)
		return err
	}
	for _, line := range tt.passes {
		if err := netlab.Eventually(15*time.Second, line+" connects", func() error { return dial(line, 2*time.Second) }); err != nil {
			c.T.Error(err)
		}
	}
	for _, line := range tt.not {
		if dial(line, 600*time.Millisecond) == nil {
			c.T.Errorf("%s connects, and must not", line)
		}
	}
}

// translatedGroup is a group with rules.
func translatedGroup(name, rules string) string {
	s := "kind: SecurityGroup\nproject: red\nname: " + name + "\nspec:\n"
	if rules == "" {
		return s + "  rules: [{direction: ingress}]\n"
	}
	s += fmt.Sprintf("  defaultRules: %t\n  rules:\n", !strings.Contains(rules, "egress"))
	for _, rule := range strings.Split(rules, ", ") {
		words := append(strings.Fields(rule), "1-65535")
		s += fmt.Sprintf("    - {direction: %s, protocol: tcp, ports: %q, remoteIpPrefix: %q}\n", words[0], words[2], words[1])
	}
	return s
}
