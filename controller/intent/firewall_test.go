package intent

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// walling is what firewalls are tried upon.
const walling = `
network/red/web
subnet/red/web4 network:"web" cidr:"10.0.0.0/24"
subnet/red/web6 network:"web" cidr:"fd00:10::/64"
subnet/red/more4 network:"web" cidr:"10.0.1.0/24"
network/red/db
subnet/red/db4 network:"db" cidr:"10.1.0.0/24"
port/red/side network:"db" fixed_ips:{ip:"10.1.0.2"}
network/ops/ext external:true shared:true type:"flat" physical_network:"p"
subnet/ops/ext4 network:"ext" cidr:"198.51.100.0/24"
router/red/r interfaces:{subnet:"web4"} interfaces:{subnet:"web6"} interfaces:{port:"side"} external_gateway:{network:"ops/ext"}
router/red/bare interfaces:{subnet:"db4"}
router/red/two interfaces:{subnet:"more4"}
addressgroup/red/known addresses:"10.9.0.0/16"
addressgroup/ops/offices addresses:"192.0.2.0/24"
firewallpolicy/red/in rules:{name:"http" action:"allow" protocol:"tcp" destination_ports:"80-81" source_ports:"1024-65535" source_address_group:"known" destination_ip_address:"10.0.0.0/24"} rules:{enabled:false action:"reject"}
firewallpolicy/ops/mine rules:{}
firewallpolicy/ops/all shared:true rules:{action:"allow"}
firewallgroup/red/fw interfaces:{router:"r" subnet:"web4"} interfaces:{router:"r" external_gateway:true} ingress_policy:"in" egress_policy:"ops/all"
`

func TestFirewallViolations(t *testing.T) {
	rule := func(spec, want string) [2]string {
		return [2]string{`firewallpolicy/red/x rules:{` + spec + `}`, `firewallpolicy/red/x: spec.rules[0]` + want}
	}
	group := func(spec, want string) [2]string {
		return [2]string{`firewallgroup/red/x ` + spec, `firewallgroup/red/x: spec.` + want}
	}
	for _, tt := range [][2]string{
		rule(`action:"drop"`, `.action: "drop" is none of allow, deny, reject`),
		rule(`name:"a b"`, `.name: "a b" has the character ' '; only a–z, A–Z, 0–9, '.', '_' and '-' may be in it`),
		rule(`ip_version:5`, `.ipVersion: 5 is neither 4 nor 6`),
		rule(`destination_ports:"80"`, `.destinationPorts: are given without a protocol; tcp, udp and sctp have them`),
		rule(`source_ports:"80" protocol:"gre"`, `.sourcePorts: must be left out: switches see those of tcp, udp and sctp, and not of gre`),
		rule(`protocol:"tcp" source_ports:"80-"`, `.sourcePorts: "80-" is neither a port (1 to 65535) nor a range such as 8000-8099`),
		rule(`protocol:"tcp" icmp_type:8`, `.icmpType: must be left out: the protocol is neither icmp nor ipv6-icmp`),
		rule(`ip_version:4 protocol:"ipv6-icmp"`, `.protocol: IPv4 has no protocol ipv6-icmp`),
		rule(`ip_version:6 source_ip_address:"10.0.0.1"`, `.sourceIpAddress: 10.0.0.1/32 is of another family than ipVersion`),
		rule(`source_ip_address:"10.0.0.1" destination_ip_address:"fd00::/8"`, `.destinationIpAddress: fd00::/8 is of another family than sourceIpAddress`),
		rule(`destination_ip_address:"10.0.0.1/8"`, `.destinationIpAddress: 10.0.0.1/8 has host bits set; the block is 10.0.0.0/8`),
		rule(`source_ip_address:"10.0.0.1" source_address_group:"known"`, `.sourceAddressGroup: is given, and so is sourceIpAddress: it is one or the other`),
		rule(`source_address_group:"a/b/c"`, `.sourceAddressGroup: "a/b/c" is neither a name nor project/name`),
		rule(`destination_address_group:"nope"`, `.destinationAddressGroup: addressgroup "nope" does not exist`),
		rule(`destination_address_group:"ops/offices"`, `.destinationAddressGroup: addressgroup "ops/offices" is not shared with other projects`),
		{`firewallpolicy/red/x rules:{name:"a"} rules:{name:"a"}`, `firewallpolicy/red/x: spec.rules[1].name: "a" is that of rules[0]`},
		{`firewallpolicy/red/x ` + strings.Repeat(`rules:{} `, 1001), `firewallpolicy/red/x: spec.rules: are 1,001; at most 1,000`},
		group(`ingress_policy:"nope"`, `ingressPolicy: firewallpolicy "nope" does not exist`),
		group(`egress_policy:"ops/mine"`, `egressPolicy: firewallpolicy "ops/mine" is not shared with other projects`),
		group(`interfaces:{subnet:"web6"}`, `interfaces[0].router: is missing`),
		group(`interfaces:{router:"nope" subnet:"web6"}`, `interfaces[0].router: router "nope" does not exist`),
		group(`interfaces:{router:"r"}`, `interfaces[0]: says by nothing which interface it is: give a subnet, a port, or externalGateway`),
		group(`interfaces:{router:"r" subnet:"web6" port:"side"}`, `interfaces[0].subnet: is given, and so is port: an interface is by one of them`),
		group(`interfaces:{router:"r" subnet:"db4"}`, `interfaces[0].subnet: subnet/red/db4 is no interface of router/red/r`),
		group(`interfaces:{router:"bare" port:"side"}`, `interfaces[0].port: port/red/side is no interface of router/red/bare`),
		group(`interfaces:{router:"bare" external_gateway:true}`, `interfaces[0].externalGateway: router/red/bare has no gateway`),
		group(`interfaces:{router:"r" subnet:"web4"}`, `interfaces[0]: subnet/red/web4 of router/red/r is in firewallgroup/red/fw`),
		group(`interfaces:{router:"r" subnet:"web6"} interfaces:{router:"r" subnet:"web6"}`, `interfaces[1]: is interfaces[0] once more`),
		{`firewallgroup/blue/x interfaces:{router:"red/r" subnet:"web6"}`, `firewallgroup/blue/x: spec.interfaces[0].router: router/red/r is of another project, and the group is not shared`},
		group(strings.Repeat(`interfaces:{router:"r" subnet:"web6"} `, 257), `interfaces: are 257; at most 256`),
		{`router/red/r interfaces:{subnet:"web6"} interfaces:{port:"side"} external_gateway:{network:"ops/ext"}`,
			`router/red/r: firewallgroup/red/fw needs it as it was: subnet/red/web4 is no interface of router/red/r`},
		{`router/red/r interfaces:{subnet:"web4"} interfaces:{subnet:"web6"} interfaces:{port:"side"}`,
			`router/red/r: firewallgroup/red/fw needs it as it was: router/red/r has no gateway`},
		{`firewallpolicy/ops/all rules:{}`, `firewallpolicy/ops/all: spec.shared: cannot become false: other projects use it: firewallgroup/red/fw`},
	} {
		t.Run(tt[0][:min(len(tt[0]), 60)], func(t *testing.T) { refuses(t, with(t, walling), all(tt[0]), tt[1]) })
	}
}

// Two interfaces of a router on one network are in one group, if any is.
func TestFirewallTellsInterfacesApart(t *testing.T) {
	c := with(t, walling)
	apply(t, c, `subnet/red/more5 network:"web" cidr:"10.0.2.0/24"`)
	refuses(t, c, all(`router/red/two interfaces:{subnet:"more4"} interfaces:{subnet:"more5"}`+"\n"+`firewallgroup/red/x interfaces:{router:"two" subnet:"more4"}`),
		`firewallgroup/red/x: spec.interfaces[0].subnet: router/red/two has subnet/red/more4 and subnet/red/more5 on one network, where packets do not say which one they are for: they have to be in one group`)
	apply(t, c, `router/red/two interfaces:{subnet:"more4"} interfaces:{subnet:"more5"}`+"\n"+`firewallgroup/red/x interfaces:{router:"two" subnet:"more4"} interfaces:{router:"two" subnet:"more5"}`)
	// Groups trade interfaces in one request, and a shared one has those of other projects.
	apply(t, c, `firewallgroup/red/x interfaces:{router:"r" subnet:"web4"}`+"\n"+`firewallgroup/red/fw interfaces:{router:"r" external_gateway:true}`+"\n"+
		`firewallgroup/ops/wide shared:true interfaces:{router:"red/r" subnet:"web6"} interfaces:{router:"red/r" port:"side"}`)
}

// What firewall groups use cannot be taken away under them.
func TestFirewallUses(t *testing.T) {
	for key, want := range map[string]string{
		"router/red/r": "firewallgroup/red/fw", "firewallpolicy/ops/all": "firewallgroup/red/fw", "firewallpolicy/red/in": "firewallgroup/red/fw",
		"addressgroup/red/known": "firewallpolicy/red/in",
	} {
		k, err := ParseKey(key)
		if err != nil {
			t.Fatal(err)
		}
		c := with(t, walling)
		if _, _, err := c.Delete(t.Context(), []Key{k}, false, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("delete %s: %v, want that %s uses it", key, err, want)
		}
		if _, gone, err := c.Delete(t.Context(), []Key{k}, true, nil); err != nil || gone[len(gone)-1] != k {
			t.Errorf("delete %s and what uses it: %v, %v", key, gone, err)
		}
	}
}

// The rows of a policy and of a group.
func TestFirewallRows(t *testing.T) {
	c := with(t, walling)
	policy, _ := c.Get(Key{KindFirewallPolicy, "red", "in"})
	l, err := FirewallPolicyRow(policy)
	if err != nil {
		t.Fatal(err)
	}
	want := []SecurityRule{{
		Name: "http", Family: OnlyIPv4, Protocol: protoTCP, Ports: PortRange{80, 81}, RemotePorts: PortRange{1024, 65535}, ICMPType: AnyValue, ICMPCode: AnyValue,
		RemoteSet: Key{KindAddressGroup, "red", "known"}, Local: netip.MustParsePrefix("10.0.0.0/24"), Verdict: VerdictAllow,
	}}
	if d := cmp.Diff(want, l.Rules, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" || l.Tier != TierFirewall || l.Tag == 0 {
		t.Errorf("%v: (-want +got)\n%s", l, d)
	}
	group, _ := c.Get(Key{KindFirewallGroup, "red", "fw"})
	g, err := FirewallGroupRow(group)
	if err != nil {
		t.Fatal(err)
	}
	router := Key{KindRouter, "red", "r"}
	faces := []FirewallFace{{router, Key{KindSubnet, "red", "web4"}}, {Router: router}}
	if d := cmp.Diff(FirewallGroup{
		Key: g.Key, Tag: g.Tag, Up: true, Ingress: Key{KindFirewallPolicy, "red", "in"}, Egress: Key{KindFirewallPolicy, "ops", "all"}, Faces: faces,
	}, g); d != "" || g.Tag == 0 || g.Tag == l.Tag {
		t.Errorf("(-want +got)\n%s", d)
	}
}
