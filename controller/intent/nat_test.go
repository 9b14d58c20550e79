package intent

import (
	"fmt"
	"net/netip"
	"testing"
)

// natted is what gateways, floating IPs and port forwardings are tried upon.
const natted = routed + `
port/red/db1 network:"db" fixed_ips:{ip:"10.1.0.11"}
network/net/ext type:"flat" physical_network:"phys1" external:true shared:true
subnet/net/ext4 network:"ext" cidr:"198.51.100.0/24" allocation_pools:{start:"198.51.100.100" end:"198.51.100.103"}
subnet/net/ext6 network:"ext" cidr:"2001:db8:9::/64"
router/red/out interfaces:{subnet:"db-v4"} external_gateway:{network:"net/ext"}
floatingip/red/whole network:"net/ext" port:"db1"
floatingip/red/parts network:"net/ext" router:"out"
natrule/red/n router:"out" type:"snat" external_ip:"198.51.100.102" internal_ip:"10.1.0.0/24"
portforwarding/red/web floating_ip:"parts" protocol:"tcp" external_ports:"8000-8009" port:"db1" internal_ports:"80-89"
`

func TestNATViolations(t *testing.T) {
	for _, tt := range []struct{ name, apply, want string }{
		{"a tunnel leads nowhere", `network/net/x external:true`, `network/net/x: spec.external: a network of type vxlan does not lead outside; only flat and vlan do`},
		{"a gateway inside", `router/red/x external_gateway:{network:"web"}`, `router/red/x: spec.externalGateway.network: network "web" does not lead outside: its spec does not say external: true`},
		{"an address out of the pools", `router/red/x external_gateway:{network:"net/ext" fixed_ips:{ip:"198.51.100.7"}}`,
			`router/red/x: spec.externalGateway.fixedIps[0].ip: 198.51.100.7 is in no allocation pool of subnet net/ext4 (198.51.100.0/24)`},
		{"an address elsewhere", `router/red/x external_gateway:{network:"net/ext" fixed_ips:{ip:"192.0.2.7"}}`,
			`router/red/x: spec.externalGateway.fixedIps[0].ip: 192.0.2.7 is in no subnet of network "net/ext"`},
		{"another's address", `router/red/x external_gateway:{network:"net/ext" fixed_ips:{ip:"198.51.100.100"}}`,
			`router/red/x: spec.externalGateway.fixedIps[0].ip: 198.51.100.100 is in use by router/red/out`},
		{"a floating IP behind no router", `floatingip/red/x network:"net/ext" port:"vm1"`,
			`floatingip/red/x: spec.port: 10.0.0.10 is on subnet web-v4, which no router joins that has its gateway on network "net/ext"`},
		{"a second floating IP", `floatingip/red/x network:"net/ext" port:"db1"`, `floatingip/red/x: spec.fixedIp: 10.1.0.11 has the floating IP 198.51.100.101 already (floatingip/red/whole)`},
		{"a floating IP's address taken", `floatingip/red/x network:"net/ext" ip:"198.51.100.101"`, `floatingip/red/x: spec.ip: 198.51.100.101 is in use by floatingip/red/whole`},
		{"a floating IP's address out of the pools", `floatingip/red/x network:"net/ext" ip:"198.51.100.9"`, `floatingip/red/x: spec.ip: 198.51.100.9 is in no allocation pool of subnet net/ext4 (198.51.100.0/24)`},
		{"another address", `floatingip/red/whole network:"net/ext" ip:"198.51.100.103" port:"db1"`,
			`floatingip/red/whole: spec.ip: cannot be changed from 198.51.100.101 to 198.51.100.103; delete the floatingip and make it again`},
		{"a fixed address of nobody", `floatingip/red/x network:"net/ext" port:"db1" fixed_ip:"10.1.0.12"`, `floatingip/red/x: spec.fixedIp: 10.1.0.12 is no address of port "db1"`},
		{"a whole address of which ports are forwarded", `floatingip/red/parts network:"net/ext" port:"db1"`,
			`floatingip/red/parts: spec.fixedIp: 10.1.0.11 has the floating IP 198.51.100.101 already (floatingip/red/whole)`},
		{"ports twice", `portforwarding/red/x floating_ip:"parts" protocol:"tcp" external_ports:"8009-8010" port:"db1"`,
			`portforwarding/red/x: spec.externalPorts: 8009-8010 of 198.51.100.102 are forwarded by portforwarding/red/web (8000-8009)`},
		{"ports of a whole address", `portforwarding/red/x floating_ip:"whole" protocol:"tcp" external_ports:"80" port:"db1"`,
			`portforwarding/red/x: spec.floatingIp: floatingip/red/whole stands for port/red/db1 as a whole`},
		{"unequal ranges", `portforwarding/red/x floating_ip:"parts" protocol:"tcp" external_ports:"80-81" port:"db1" internal_ports:"80"`,
			`portforwarding/red/x: spec.internalPorts: 80 are 1 port, and externalPorts 80-81 are 2`},
		{"no protocol", `portforwarding/red/x floating_ip:"parts" protocol:"icmp" external_ports:"80" port:"db1"`, `portforwarding/red/x: spec.protocol: "icmp" is none of tcp, udp, sctp`},
		{"a port behind another router", `portforwarding/red/x floating_ip:"parts" protocol:"udp" external_ports:"80" port:"vm1"`,
			`portforwarding/red/x: spec.port: router/red/out does not join subnet/red/web-v4, where port/red/vm1 has 10.0.0.10`},
		{"a router that loses its gateway", `router/red/out interfaces:{subnet:"db-v4"}`, `router/red/out: floatingip/red/parts needs it as it was: router/red/out has no gateway on network/net/ext`},
		{"a rule of no type", `natrule/red/x router:"out" type:"nat"`, `natrule/red/x: spec.type: "nat" is none of snat, dnat, dnat_and_snat`},
		{"a rule with another's address", `natrule/red/x router:"out" type:"dnat" external_ip:"198.51.100.101" internal_ip:"10.1.0.11"`,
			`natrule/red/x: spec.externalIp: 198.51.100.101 is neither a gateway address of router/red/out nor a floating IP with that router and no port`},
		{"a rule like another", `natrule/red/x router:"out" type:"snat" external_ip:"198.51.100.100" internal_ip:"10.1.0.0/24"`,
			`natrule/red/x: spec: it fits the same packets as natrule/red/n, with the same priority`},
		{"dnat to a block", `natrule/red/x router:"out" type:"dnat" external_ip:"198.51.100.100" internal_ip:"10.1.0.0/24"`,
			`natrule/red/x: spec.internalIp: is a block; only snat has one, and network prefix translation`},
		{"stateless snat", `natrule/red/x router:"out" type:"snat" external_ip:"198.51.100.100" internal_ip:"10.1.0.0/25" stateless:true`,
			`natrule/red/x: spec.stateless: is for dnat_and_snat of whole addresses`},
		{"blocks of IPv4", `natrule/red/x router:"out" type:"dnat_and_snat" external_ip:"192.0.2.0/24" internal_ip:"10.1.0.0/24" stateless:true`,
			`natrule/red/x: spec.externalIp: is a block; only stateless rules have one, between two IPv6 blocks of one length`},
		{"ports of no protocol", `natrule/red/x router:"out" type:"dnat" external_ip:"198.51.100.100" internal_ip:"10.1.0.11" external_ports:"80"`,
			`natrule/red/x: spec.protocol: is missing: ports are those of a protocol`},
		{"two families", `natrule/red/x router:"out" type:"dnat" external_ip:"198.51.100.100" internal_ip:"fd00::1"`,
			`natrule/red/x: spec.internalIp: fd00::1 is of another family than 198.51.100.100`},
		{"a floating IP that a rule has", `floatingip/red/parts network:"net/ext"`, `floatingip/red/parts: natrule/red/n needs it as it was: 198.51.100.102 is neither a gateway address of router/red/out nor a floating IP with that router and no port`},
		{"connections that end somehow", `natrule/red/x router:"out" type:"snat" external_ip:"198.51.100.102" internal_ip:"10.1.0.0/25" on_change:"cull"`,
			`natrule/red/x: spec.onChange: "cull" is none of cut, drain, keep`},
		{"a time to drain without", `portforwarding/red/web floating_ip:"parts" protocol:"tcp" external_ports:"8000" port:"db1" drain_seconds:5`,
			`portforwarding/red/web: spec.drainSeconds: is for onChange: drain`},
		{"a long time to drain", `router/red/out interfaces:{subnet:"db-v4"} external_gateway:{network:"net/ext" on_change:"drain" drain_seconds:86401}`,
			`router/red/out: spec.externalGateway.drainSeconds: 86,401 is too long: at most 86,400`},
		{"a network closed", `network/net/ext type:"flat" physical_network:"phys1" shared:true`,
			`network/net/ext: spec.external: cannot be taken away: floatingip/red/parts, floatingip/red/whole, router/red/out`},
		{"used up", `floatingip/red/x network:"net/ext" ip:"198.51.100.103"
			floatingip/red/y network:"net/ext" fixed_ip:"10.1.0.11" port:"db1"`, `floatingip/red/y: spec.ip: no address is free on network "net/ext": the pools of its 1 subnet are used up`},
	} {
		t.Run(tt.name, func(t *testing.T) { refuses(t, with(t, natted), all(tt.apply), tt.want) })
	}
}

// TestNATIsFoundInRows follows what is allocated to the rows that apps read.
func TestNATIsFoundInRows(t *testing.T) {
	c := with(t, natted)
	g, has, err := GatewayRow(get(t, c, "router/red/out"))
	if err != nil || !has || !g.SNAT4 || g.SNAT6 || g.Zone == 0 || len(g.At) != 2 || g.At[0].IP != netip.MustParseAddr("198.51.100.100") {
		t.Errorf("%+v, %t, %v", g, has, err)
	}
	f, err := FloatingIPRow(get(t, c, "floatingip/red/whole"))
	if err != nil || f.IP != netip.MustParseAddr("198.51.100.101") || f.Fixed != netip.MustParseAddr("10.1.0.11") || f.Router.Name != "out" {
		t.Errorf("%+v, %v", f, err)
	}
	p, err := PortForwardingRow(get(t, c, "portforwarding/red/web"))
	if err != nil || p.External != netip.MustParseAddr("198.51.100.102") || p.Internal != f.Fixed || p.To != (PortRange{80, 89}) || p.Protocol != 6 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestNATInUse deletes what others need, which is refused by name, and then with them.
func TestNATInUse(t *testing.T) {
	c := with(t, natted)
	for key, want := range map[Key]string{
		{KindRouter, "red", "out"}:       "router/red/out is used by floatingip/red/parts, floatingip/red/whole, natrule/red/n, portforwarding/red/web",
		{KindPort, "red", "db1"}:         "port/red/db1 is used by floatingip/red/whole, portforwarding/red/web",
		{KindFloatingIP, "red", "parts"}: "floatingip/red/parts is used by natrule/red/n, portforwarding/red/web",
	} {
		if _, _, err := c.Delete(t.Context(), []Key{key}, false, nil); fmt.Sprint(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, _, err := c.Delete(t.Context(), []Key{{KindNetwork, "net", "ext"}}, true, nil); err != nil {
		t.Error(err)
	}
	if _, ok := c.Get(Key{KindFloatingIP, "red", "parts"}); ok {
		t.Error("a floating IP outlived its network")
	}
}
