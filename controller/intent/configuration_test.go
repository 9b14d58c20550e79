package intent

import (
	"net/netip"
	"slices"
	"testing"
)

// told is what configurations are tried upon.
const told = `
network/red/web
subnet/red/v4 network:"web" cidr:"10.0.0.0/24"
subnet/red/formed network:"web" cidr:"2001:db8:5::/64" ipv6_mode:"slaac"
`

func TestConfigurationViolations(t *testing.T) {
	const sub, sub6 = `subnet/red/x network:"web" cidr:"10.1.0.0/24" `, `subnet/red/x network:"web" cidr:"2001:db8::/64" `
	for _, tt := range []struct{ name, apply, want string }{
		{"mode of IPv4", sub + `ipv6_mode:"slaac"`, `subnet/red/x: spec.ipv6Mode: must be left out: 10.1.0.0/24 is an IPv4 subnet`},
		{"unknown mode", sub6 + `ipv6_mode:"slack"`, `subnet/red/x: spec.ipv6Mode: "slack" is none of slaac, dhcpv6-stateless, dhcpv6-stateful`},
		{"preference of IPv4", sub + `router_preference:"high"`, `subnet/red/x: spec.routerPreference: must be left out: 10.1.0.0/24 is an IPv4 subnet`},
		{"unknown preference", sub6 + `router_preference:"hi"`, `subnet/red/x: spec.routerPreference: "hi" is none of high, medium, low`},
		{"no room to form", `subnet/red/x network:"web" cidr:"2001:db8::/80" ipv6_mode:"slaac"`, `subnet/red/x: spec.ipv6Mode: slaac needs a /64, in which stations form their addresses; the subnet is 2001:db8::/80`},
		{"mode changed", `subnet/red/formed network:"web" cidr:"2001:db8:5::/64"`, `subnet/red/formed: spec.ipv6Mode: cannot be changed from addresses made from MAC addresses to addresses from pools; delete the subnet and make it again`},
		{"name server of another family", sub + `dns_nameservers:"2001:db8::53"`, `subnet/red/x: spec.dnsNameservers[0]: 2001:db8::53 is of another family than the subnet`},
		{"name server", sub6 + `dns_nameservers:"resolver"`, `subnet/red/x: spec.dnsNameservers[0]: "resolver" is not an IP address`},
		{"time server", sub + `dhcp_options:{ntp_servers:"2001:db8::53"}`, `subnet/red/x: spec.dhcpOptions.ntpServers[0]: 2001:db8::53 is of another family than the subnet`},
		{"route", sub + `host_routes:{destination:"10.9.0.1/16" next_hop:"10.2.0.1"}`,
			`subnet/red/x: spec.hostRoutes[0].destination: 10.9.0.1/16 has host bits set; the block is 10.9.0.0/16
subnet/red/x: spec.hostRoutes[0].nextHop: 10.2.0.1 is not in 10.1.0.0/24`},
		{"domain", sub + `dhcp_options:{domain_name:"red example" search_domains:"a..b"}`,
			`subnet/red/x: spec.dhcpOptions.searchDomains[0]: "a..b" is not a domain name
subnet/red/x: spec.dhcpOptions.domainName: "red example" is not a domain name`},
		{"lease", sub + `dhcp_options:{lease_seconds:59}`, `subnet/red/x: spec.dhcpOptions.leaseSeconds: 59 is not between 60 and 315,360,000`},
		{"option of the protocol", `port/red/x network:"web" extra_dhcp_options:{code:53 value:"x"}`, `port/red/x: spec.extraDhcpOptions[0]: code 53 is a part of the protocol and cannot be given`},
		{"option twice", `port/red/x network:"web" extra_dhcp_options:{code:66 value:"x"} extra_dhcp_options:{ip_version:4 code:66}`, `port/red/x: spec.extraDhcpOptions[1]: option 66 is given twice`},
		{"option's code", `port/red/x network:"web" extra_dhcp_options:{code:255}`, `port/red/x: spec.extraDhcpOptions[0]: code 255 is not between 1 and 254`},
		{"option's family", `port/red/x network:"web" extra_dhcp_options:{ip_version:5 code:66}`, `port/red/x: spec.extraDhcpOptions[0]: ipVersion 5 is neither 4 nor 6`},
		{"option's data", `port/red/x network:"web" extra_dhcp_options:{code:66 hex_value:"0g"}`, `port/red/x: spec.extraDhcpOptions[0]: hexValue is no hexadecimal number: encoding/hex: invalid byte: U+0067 'g'`},
		{"option given both ways", `port/red/x network:"web" extra_dhcp_options:{code:66 value:"x" hex_value:"00"}`, `port/red/x: spec.extraDhcpOptions[0]: value and hexValue are both given`},
		{"a formed address that is taken", "port/red/x network:\"web\" mac_address:\"fa:16:3e:00:00:01\"\nport/red/y network:\"web\" fixed_ips:{ip:\"2001:db8:5::f816:3eff:fe00:1\"}",
			`port/red/x: spec.fixedIps: no IPv6 address is free on network "web": the pools of its 1 subnet are used up`},
	} {
		t.Run(tt.name, func(t *testing.T) { refuses(t, with(t, told), all(tt.apply), tt.want) })
	}
}

// TestFormedAddresses gives ports on a subnet of stateless mode the addresses that they will make themselves.
func TestFormedAddresses(t *testing.T) {
	c := with(t, told)
	apply(t, c, `port/red/a network:"web" mac_address:"fa:16:3e:00:00:01"`)
	if _, ips := addresses(t, c, "port/red/a"); !slices.Contains(ips, "2001:db8:5:0:f816:3eff:fe00:1") {
		t.Errorf("has %v", ips)
	}
}

// TestSubnetRow reads what endpoints are told from a stored subnet.
func TestSubnetRow(t *testing.T) {
	c := with(t, `network/red/web
		subnet/red/v6 network:"web" cidr:"2001:db8::/64" dns_nameservers:"2001:db8::53" host_routes:{destination:"::/0" next_hop:"2001:db8::9"} dhcp_options:{domain_name:"red.example" search_domains:"a.example" search_domains:"b.example" lease_seconds:600}
		subnet/red/quiet network:"web" cidr:"10.0.0.0/24" enable_dhcp:false gateway_ip:"none"`)
	s, err := SubnetRow(get(t, c, "subnet/red/v6"))
	want := Subnet{
		Key: Key{KindSubnet, "red", "v6"}, Network: Key{KindNetwork, "red", "web"}, Prefix: netip.MustParsePrefix("2001:db8::/64"),
		Gateway: netip.MustParseAddr("2001:db8::1"), Mode: DHCPv6Stateful, Told: true, DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")},
		Routes: []HostRoute{{netip.MustParsePrefix("::/0"), netip.MustParseAddr("2001:db8::9")}}, Lease: 600, Domain: "red.example", Search: "a.example b.example",
	}
	if err != nil || !s.Equal(want) {
		t.Errorf("%v: got %+v, want %+v", err, s, want)
	}
	if s, err := SubnetRow(get(t, c, "subnet/red/quiet")); err != nil || s.Mode != Static || s.Told || s.Gateway.IsValid() || s.Lease != defaultLease {
		t.Errorf("%v: %+v", err, s)
	}
}
