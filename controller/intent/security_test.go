package intent

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/controller/alloc"
	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// guarded is what security groups and policies are tried upon.
const guarded = `
network/red/web
addressgroup/red/offices addresses:"192.0.2.0/25" addresses:"2001:db8::1"
addressgroup/blue/private addresses:"198.51.100.7"
securitygroup/red/web rules:{name:"http" direction:"ingress" protocol:"tcp" ports:"80"}
securitygroup/red/db rules:{direction:"ingress" protocol:"tcp" ports:"5432" remote_group:"web"} rules:{direction:"ingress" remote_address_group:"offices"}
securitygroup/red/fast stateful:false
securitygroup/blue/open shared:true
securitygroup/blue/closed
securitypolicy/ops/bogons scope:"cloud" priority:10 rules:{direction:"egress" remote_ip_prefix:"240.0.0.0/4" action:"drop"}
port/red/vm1 network:"web" security_groups:"web" security_groups:"blue/open"
port/red/vm2 network:"web" security_groups:"fast"
port/red/bare network:"web"
port/red/loose network:"web" port_security_enabled:false
`

func TestSecurityViolations(t *testing.T) {
	rule := func(rule, want string) [3]string {
		return [3]string{rule, `securitygroup/red/x rules:{direction:"egress"} rules:{` + rule + `}`, `securitygroup/red/x: spec.rules[1]` + want}
	}
	tests := [][3]string{
		rule(``, `.direction: is missing`),
		rule(`direction:"in"`, `.direction: "in" is neither ingress nor egress`),
		rule(`direction:"Ingress"`, `.direction: "Ingress" is neither ingress nor egress, did you mean "ingress"?`),
		rule(`direction:"ingress" name:"a b"`, `.name: "a b" has the character ' '; only a–z, A–Z, 0–9, '.', '_' and '-' may be in it`),
		rule(`direction:"ingress" name:"0"`, `.name: "0" is that of rules[0]`),
		rule(`direction:"ingress" name:"default-egress"`, `.name: "default-egress" is that of a default rule`),
		rule(`direction:"ingress" ethertype:"ARP"`, `.ethertype: "ARP" is neither IPv4 nor IPv6`),
		rule(`direction:"ingress" protocol:"tpc"`, `.protocol: "tpc" is neither a protocol nor a number, 0 to 255, did you mean "tcp"?`),
		rule(`direction:"ingress" protocol:"256"`, `.protocol: "256" is neither a protocol nor a number, 0 to 255`),
		rule(`direction:"ingress" protocol:"ipv6-icmp" ethertype:"IPv4"`, `.protocol: IPv4 has no protocol ipv6-icmp`),
		rule(`direction:"ingress" protocol:"44" remote_ip_prefix:"10.0.0.0/8"`, `.protocol: IPv4 has no protocol 44`),
		rule(`direction:"ingress" ports:"80"`, `.ports: are given without a protocol; tcp, udp and sctp have them`),
		rule(`direction:"ingress" protocol:"gre" ports:"80"`, `.ports: must be left out: switches see those of tcp, udp and sctp, and not of gre`),
		rule(`direction:"ingress" protocol:"tcp" ports:"90-80"`, `.ports: 90-80 ends before it starts`),
		rule(`direction:"ingress" protocol:"tcp" ports:"0"`, `.ports: "0" is neither a port (1 to 65535) nor a range such as 8000-8099`),
		rule(`direction:"ingress" protocol:"tcp" icmp_type:8`, `.icmpType: must be left out: the protocol is neither icmp nor ipv6-icmp`),
		rule(`direction:"ingress" protocol:"icmp" icmp_code:8`, `.icmpCode: is given without an icmpType`),
		rule(`direction:"ingress" protocol:"icmp" icmp_type:256`, `.icmpType: 256 is too large: at most 255`),
		rule(`direction:"ingress" protocol:"icmp" icmp_type:3 icmp_code:1000`, `.icmpCode: 1,000 is too large: at most 255`),
		rule(`direction:"ingress" remote_ip_prefix:"10.0.0.1/8"`, `.remoteIpPrefix: 10.0.0.1/8 has host bits set; the block is 10.0.0.0/8`),
		rule(`direction:"ingress" remote_ip_prefix:"fd00::1" ethertype:"IPv4"`, `.remoteIpPrefix: fd00::1/128 is of another family than the ethertype, IPv4`),
		rule(`direction:"ingress" remote_ip_prefix:"10.0.0.0/8" remote_group:"web"`, `.remoteGroup: is given, and so is remoteIpPrefix: a rule has one other end`),
		rule(`direction:"ingress" remote_group:"web" remote_address_group:"offices"`, `.remoteAddressGroup: is given, and so is remoteGroup: a rule has one other end`),
		rule(`direction:"ingress" remote_group:"a/b/c"`, `.remoteGroup: "a/b/c" is neither a name nor project/name`),
		rule(`direction:"ingress" remote_group:"wbe"`, `.remoteGroup: securitygroup "wbe" does not exist, did you mean "web"?`),
		rule(`direction:"ingress" remote_group:"blue/closed"`, `.remoteGroup: securitygroup "blue/closed" is not shared with other projects`),
		rule(`direction:"ingress" remote_address_group:"blue/private"`, `.remoteAddressGroup: addressgroup "blue/private" is not shared with other projects`),
		rule(`direction:"ingress" mode:"dry"`, `.mode: "dry" is neither enforce nor shadow`),
		rule(`direction:"ingress" action:"allow"`, `.action: must be left out: what rules of security groups are about is allowed`),
		{"log", `securitygroup/red/x log:"drops"`, `securitygroup/red/x: spec.log: "drops" is none of accept, drop, all, did you mean "drop"?`},
		{"revocation", `securitygroup/red/x on_revoke:"keep"`, `securitygroup/red/x: spec.onRevoke: "keep" is neither cut nor drain`},
		{"many rules", `securitygroup/red/x ` + strings.Repeat(`rules:{direction:"egress"} `, 1001), `securitygroup/red/x: spec.rules: are 1,001; at most 1,000`},
		{"no action", `securitypolicy/red/x rules:{direction:"egress"}`, `securitypolicy/red/x: spec.rules[0].action: is missing`},
		{"another action", `securitypolicy/red/x rules:{direction:"egress" action:"deny"}`, `securitypolicy/red/x: spec.rules[0].action: "deny" is none of allow, drop, reject, pass`},
		{"scope", `securitypolicy/red/x scope:"all"`, `securitypolicy/red/x: spec.scope: "all" is neither project nor cloud`},
		{"stage", `securitypolicy/red/x stage:"befor"`, `securitypolicy/red/x: spec.stage: "befor" is neither before nor after, did you mean "before"?`},
		{"priority", `securitypolicy/red/x priority:32768`, `securitypolicy/red/x: spec.priority: 32,768 is too large: at most 32,767`},
		{"addresses", `addressgroup/red/x addresses:"10.0.0.1" addresses:"10.0.0.1/24" addresses:"web"`,
			"addressgroup/red/x: spec.addresses[1]: 10.0.0.1/24 has host bits set; the block is 10.0.0.0/24\naddressgroup/red/x: spec.addresses[2]: \"web\" is not an IP address"},
		{"many addresses", `addressgroup/red/x ` + strings.Repeat(`addresses:"10.0.0.1" `, 20_001), `addressgroup/red/x: spec.addresses: are 20,001; at most 20,000`},
		{"a group that is not there", `port/red/x network:"web" security_groups:"wbe"`, `port/red/x: spec.securityGroups[0]: securitygroup "wbe" does not exist, did you mean "web"?`},
		{"another's group", `port/red/x network:"web" security_groups:"blue/closed"`, `port/red/x: spec.securityGroups[0]: securitygroup "blue/closed" is not shared with other projects`},
		{"a group twice", `port/red/x network:"web" security_groups:"web" security_groups:"red/web"`, `port/red/x: spec.securityGroups[1]: is securityGroups[0] once more`},
		{"many groups", `port/red/x network:"web" ` + strings.Repeat(`security_groups:"web" `, 17), `port/red/x: spec.securityGroups: are 17; at most 16`},
		{"mixed groups", `port/red/x network:"web" security_groups:"web" security_groups:"fast"`,
			`port/red/x: spec.securityGroups: group "web" is stateful and "fast" is stateless: those of a port are all one or the other`},
		{"groups without security", `port/red/x network:"web" security_groups:"web" port_security_enabled:false`,
			`port/red/x: spec.securityGroups: must be left out: the port has no port security, without which groups do not count`},
		{"a group made stateless", `securitygroup/red/web stateful:false`,
			`securitygroup/red/web: spec.stateful: cannot be changed: port/red/vm1 has securitygroup/blue/open, stateful, and securitygroup/red/web, stateless`},
		{"a group taken back", `securitygroup/blue/open`, `securitygroup/blue/open: spec.shared: cannot become false: other projects use it: port/red/vm1`},
	}
	for _, tt := range tests {
		t.Run(tt[0], func(t *testing.T) { refuses(t, with(t, guarded), all(tt[1]), tt[2]) })
	}
}

// TestSecurityRows follows what is given to the rows that apps read.
func TestSecurityRows(t *testing.T) {
	web, offices := Key{KindSecurityGroup, "red", "web"}, Key{KindAddressGroup, "red", "offices"}
	plain := SecurityRule{Name: "0", Protocol: AnyValue, ICMPType: AnyValue, ICMPCode: AnyValue}
	ruled := func(change func(*SecurityRule)) SecurityRule { r := plain; change(&r); return r }
	for _, tt := range []struct {
		rule string
		want SecurityRule
	}{
		{`direction:"ingress"`, plain},
		{`direction:"egress" protocol:"any" name:"out" mode:"shadow"`, ruled(func(r *SecurityRule) { r.Name, r.Egress, r.Shadow = "out", true, true })},
		{`direction:"ingress" ethertype:"ipv6"`, ruled(func(r *SecurityRule) { r.Family = OnlyIPv6 })},
		{`direction:"ingress" protocol:"TCP" ports:"8000-8099"`, ruled(func(r *SecurityRule) { r.Protocol, r.Ports = 6, PortRange{8000, 8099} })},
		{`direction:"ingress" protocol:"0"`, ruled(func(r *SecurityRule) { r.Protocol = 0 })},
		{`direction:"ingress" protocol:"icmp" icmp_type:8 icmp_code:0`, ruled(func(r *SecurityRule) { r.Family, r.Protocol, r.ICMPType, r.ICMPCode = OnlyIPv4, 1, 8, 0 })},
		{`direction:"ingress" protocol:"1" ethertype:"IPv6" icmp_type:128`, ruled(func(r *SecurityRule) { r.Family, r.Protocol, r.ICMPType = OnlyIPv6, 58, 128 })},
		{`direction:"ingress" protocol:"icmp" remote_ip_prefix:"fd00::/8"`, ruled(func(r *SecurityRule) {
			r.Family, r.Protocol, r.Remote = OnlyIPv6, 58, netip.MustParsePrefix("fd00::/8")
		})},
		{`direction:"ingress" protocol:"icmpv6"`, ruled(func(r *SecurityRule) { r.Family, r.Protocol = OnlyIPv6, 58 })},
		{`direction:"ingress" remote_ip_prefix:"10.0.0.7"`, ruled(func(r *SecurityRule) { r.Family, r.Remote = OnlyIPv4, netip.MustParsePrefix("10.0.0.7/32") })},
		{`direction:"ingress" remote_ip_prefix:"::/0"`, ruled(func(r *SecurityRule) { r.Family = OnlyIPv6 })},
		{`direction:"ingress" remote_group:"web"`, ruled(func(r *SecurityRule) { r.RemoteSet = web })},
		{`direction:"ingress" remote_address_group:"red/offices"`, ruled(func(r *SecurityRule) { r.RemoteSet = offices })},
	} {
		c := guardedWith(t, `securitygroup/red/x default_rules:false rules:{`+tt.rule+`}`)
		l, err := RuleListRow(get(t, c, "securitygroup/red/x"))
		if err != nil {
			t.Fatal(err)
		}
		want := RuleList{Key: Key{KindSecurityGroup, "red", "x"}, Tag: l.Tag, Tier: TierGroups, Rules: []SecurityRule{tt.want}}
		if diff := cmp.Diff(want, l, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || l.Tag == 0 {
			t.Errorf("%s (-want +got):\n%s", tt.rule, diff)
		}
	}
}

// guardedWith is a catalog with what rules name.
func guardedWith(t *testing.T, lines ...string) *Catalog {
	return with(t, append([]string{guarded}, lines...)...)
}

func TestSecurityLists(t *testing.T) {
	c := guardedWith(t, `securitygroup/red/default stateful:false on_revoke:"drain" rules:{direction:"ingress"}
		securitypolicy/red/a stage:"after" rules:{direction:"ingress" action:"reject"} rules:{direction:"egress" action:"pass"}
		securitypolicy/red/b scope:"cloud" stage:"after" log:"drop"
		securitypolicy/red/c
		securitygroup/red/logs default_rules:false log:"all" rules:{direction:"ingress" name:"a"}`)
	for name, want := range map[string]string{
		"securitygroup/red/default": `tier 2, 0; stateless true, drains true, log false false; 0 allow, default-egress allow, default-ingress allow`,
		"securitygroup/red/web":     `tier 2, 0; stateless false, drains false, log false false; http allow, default-egress allow`,
		"securitypolicy/red/a":      `tier 3, 0; stateless false, drains false, log false false; 0 reject, 1 pass`,
		"securitypolicy/red/b":      `tier 4, 0; stateless false, drains false, log false true; `,
		"securitygroup/red/logs":    `tier 2, 0; stateless false, drains false, log true true; a allow`,
		"securitypolicy/red/c":      `tier 1, 0; stateless false, drains false, log false false; `,
		"securitypolicy/ops/bogons": `tier 0, 10; stateless false, drains false, log false false; 0 drop`,
	} {
		l, err := RuleListRow(get(t, c, name))
		if err != nil {
			t.Fatal(err)
		}
		var rules []string
		for _, r := range l.Rules {
			rules = append(rules, r.Name+" "+[]string{"allow", "drop", "reject", "pass"}[r.Verdict])
		}
		got := fmt.Sprintf("tier %d, %d; stateless %t, drains %t, log %t %t; %s", l.Tier, l.Priority, l.Stateless, l.Drains, l.LogAccepted, l.LogDropped, strings.Join(rules, ", "))
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	own := slices.IndexFunc(mustRow(t, c, "securitygroup/red/default").Rules, func(r SecurityRule) bool {
		return r.Name == "default-ingress" && r.RemoteSet == Key{KindSecurityGroup, "red", DefaultGroup}
	})
	if own < 0 {
		t.Error("the default group does not let its own members in")
	}
}

func mustRow(t *testing.T, c *Catalog, name string) RuleList {
	t.Helper()
	l, err := RuleListRow(get(t, c, name))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestSecurityInUse deletes what others need, which is refused by name.
func TestSecurityInUse(t *testing.T) {
	c := with(t, guarded, `securitygroup/red/self rules:{direction:"ingress" remote_group:"self"}`)
	for key, want := range map[Key]string{
		{KindSecurityGroup, "red", "web"}:    "securitygroup/red/web is used by port/red/vm1, securitygroup/red/db",
		{KindAddressGroup, "red", "offices"}: "addressgroup/red/offices is used by securitygroup/red/db",
		{KindSecurityGroup, "red", "self"}:   "<nil>",
	} {
		if _, _, err := c.Delete(t.Context(), []Key{key}, false, nil); fmt.Sprint(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	apply(t, c, `port/red/vm1 network:"web"`, `securitygroup/red/db`)
	if _, _, err := c.Delete(t.Context(), []Key{{KindSecurityGroup, "red", "web"}, {KindAddressGroup, "red", "offices"}}, false, nil); err != nil {
		t.Error(err)
	}
}

// TestGroupsOfPorts counts ports, and tells their groups, as the group "default" comes and goes.
func TestGroupsOfPorts(t *testing.T) {
	c := with(t, guarded)
	check := func(when string, ports uint32, groups map[string]string) {
		t.Helper()
		if n := c.PortsOfGroup(Key{KindSecurityGroup, "red", DefaultGroup}); n != ports {
			t.Errorf("%s: %d ports in the default group, want %d", when, n, ports)
		}
		for port, want := range groups {
			if got := strings.Join(c.GroupsOfPort(Key{KindPort, "red", port}), " "); got != want {
				t.Errorf("%s: %s has %q, want %q", when, port, got, want)
			}
		}
	}
	check("without it", 1, map[string]string{"vm1": "web blue/open", "bare": "", "loose": ""})
	apply(t, c, `securitygroup/red/default`)
	check("with it", 1, map[string]string{"vm1": "web blue/open", "bare": "default", "loose": ""})
	apply(t, c, `port/red/vm1 network:"web" security_groups:"default"`)
	check("named", 2, map[string]string{"vm1": "default"})
	if n := c.PortsOfGroup(Key{KindSecurityGroup, "blue", "open"}); n != 0 {
		t.Errorf("%d ports in a group that its port has left", n)
	}
}

// TestFewest compares with the plainest way: an address is in some block when it is in one of the given ones, blocks do not overlap, and
// none could be longer.
func TestFewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given := rapid.SliceOf(rapid.Custom(func(t *rapid.T) netip.Prefix {
			low := rapid.Byte().Draw(t, "address")
			if rapid.Bool().Draw(t, "IPv6") {
				return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 15: low}), rapid.IntRange(120, 128).Draw(t, "bits")).Masked()
			}
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, low}), rapid.IntRange(24, 32).Draw(t, "bits")).Masked()
		})).Draw(t, "given")
		got := fewest(slices.Clone(given))
		in := func(blocks []netip.Prefix, ip netip.Addr) (n int) {
			for _, p := range blocks {
				if p.Contains(ip) {
					n++
				}
			}
			return n
		}
		for low := range 256 {
			for _, ip := range []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(low)}), netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(low)})} {
				if n := in(got, ip); n > 1 || (n == 1) != (in(given, ip) > 0) {
					t.Fatalf("%s is in %d blocks of %v", ip, n, got)
				}
			}
		}
		for _, p := range got {
			both := netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()
			for ip := both.Addr(); ; ip = ip.Next() {
				if !both.Contains(ip) {
					t.Fatalf("%s could be %s: %v", p, both, got)
				}
				if in(got, ip) == 0 {
					break
				}
			}
		}
	})
}

// TestEarlierShapes has networks and routers that were stored before there were zones: they get them when they are completed, or else when
// they are applied again.
func TestEarlierShapes(t *testing.T) {
	const old = `router/red/old interfaces:{subnet:"db-v4"}`
	for name, give := range map[string]func(*Catalog){
		"applied": func(c *Catalog) { apply(t, c, `network/red/web`, old) },
		"completed": func(c *Catalog) {
			if err := c.Complete(t.Context()); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := with(t, routed, old).cfg.Store
			forget(t, s, "network/red/web", func(r *weftv1.Resource) {
				r.GetStatus().GetNetwork().Zone, r.GetStatus().GetNetwork().BalancingZone = 0, 0
			})
			forget(t, s, "router/red/old", func(r *weftv1.Resource) { r.GetStatus().GetRouter().Zone = 0 })
			c := newCatalog(t, s)
			give(c)
			n, err := NetworkRow(get(t, c, "network/red/web"))
			r, _, _, err2 := RouterRows(get(t, c, "router/red/old"))
			if err != nil || err2 != nil || n.Zone == 0 || n.Balances == 0 || r.Zone == 0 || n.Zone == r.Zone || n.Zone == n.Balances {
				t.Errorf("zones %d and %d, %v, %v", n.Zone, r.Zone, err, err2)
			}
			mustBeWhole(t, c, s)
			rev := c.Revision()
			if err := c.Complete(t.Context()); err != nil || c.Revision() != rev {
				t.Errorf("completed what was complete: %v", err)
			}
		})
	}
}

// TestZonesAreUsedUp has one zone left, and then two: a router with a gateway needs both, and after it there is none.
func TestZonesAreUsedUp(t *testing.T) {
	c := with(t, natted)
	gateway := `router/red/more interfaces:{subnet:"db-v4" ip:"10.1.0.9"} external_gateway:{network:"net/ext"}`
	for zone := zoneRange[0].First; zone <= zoneRange[0].Last; zone++ {
		if zone != 30_000 {
			c.state.zones.add(zone, Key{}, &c.state.zoned)
		}
	}
	const none = "there are 65,535 networks, routers and gateways of routers, which is the most there can be: each has a zone of connection tracking"
	refused := func(resource string) {
		t.Helper()
		name, _, _ := strings.Cut(resource, " ")
		if _, _, err := c.Apply(t.Context(), all(resource), nil); fmt.Sprint(err) != name+": "+none {
			t.Errorf("%v", err)
		}
	}
	refused(gateway)
	c.state.zones.remove(40_000, Key{}, &c.state.zoned)
	s := apply(t, c, gateway)["router/red/more"].GetStatus().GetRouter()
	if got := []uint32{s.GetExternalGateway().GetZone(), s.GetZone()}; !slices.Equal(got, []uint32{30_000, 40_000}) {
		t.Errorf("zones %v", got)
	}
	refused(`network/red/last`)
	if _, _, err := c.Delete(t.Context(), []Key{{KindRouter, "red", "more"}}, false, nil); err != nil {
		t.Fatal(err)
	}
	apply(t, c, `network/red/last`)
}

// TestNumbersAreKept changes a router and makes another in one request, when the numbers that are next are those of the first.
func TestNumbersAreKept(t *testing.T) {
	c := with(t, natted)
	before := get(t, c, "router/red/out").GetStatus().GetRouter()
	c.head.Tag, c.head.Zone = alloc.ID(before.GetTag()-1), alloc.ID(min(before.GetZone(), before.GetExternalGateway().GetZone())-1)
	apply(t, c, `router/red/another interfaces:{subnet:"web-v4" ip:"10.0.0.9"} external_gateway:{network:"net/ext"}`,
		`router/red/out interfaces:{subnet:"db-v4"} external_gateway:{network:"net/ext"} routes:{destination:"10.9.0.0/16" type:"reject"}`)
	after, another := get(t, c, "router/red/out").GetStatus().GetRouter(), get(t, c, "router/red/another").GetStatus().GetRouter()
	if after.GetTag() != before.GetTag() || after.GetZone() != before.GetZone() || after.GetExternalGateway().GetZone() != before.GetExternalGateway().GetZone() {
		t.Errorf("%v became %v", before, after)
	}
	zones := []uint32{after.GetZone(), after.GetExternalGateway().GetZone(), another.GetZone(), another.GetExternalGateway().GetZone()}
	slices.Sort(zones)
	if after.GetTag() == another.GetTag() || len(slices.Compact(zones)) != 4 {
		t.Errorf("%v and %v", after, another)
	}
	mustBeWhole(t, c, c.cfg.Store)
}

// forget changes what is stored of a resource, as an earlier version would have stored it.
func forget(t *testing.T, s store.Store, name string, change func(*weftv1.Resource)) {
	t.Helper()
	r := proto.CloneOf(get(t, newLoaded(t, s), name))
	change(r)
	r.Revision = 0
	raw, err := marshal(r)
	if err == nil {
		_, err = s.Txn(t.Context(), nil, []store.Op{store.Put(StoredKey(KeyOf(r)), raw)})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// newLoaded returns a catalog that has read a store.
func newLoaded(t *testing.T, s store.Store) *Catalog {
	t.Helper()
	c := newCatalog(t, s)
	kvs, rev, err := s.Load(t.Context(), StorePrefix)
	if err == nil {
		err = c.FollowSnapshot(kvs, rev)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLogs says what lists have the log told of.
func TestLogs(t *testing.T) {
	rules := map[string]SecurityRule{
		"allow": {}, "drop": {Verdict: VerdictDrop}, "reject": {Verdict: VerdictReject}, "pass": {Verdict: VerdictPass},
		"logged allow": {Log: true}, "logged drop": {Verdict: VerdictDrop, Log: true}, "logged pass": {Verdict: VerdictPass, Log: true},
	}
	for _, tt := range []struct {
		list RuleList
		want string
	}{
		{RuleList{Tier: TierGroups}, "logged allow, logged drop, logged pass"},
		{RuleList{Tier: TierGroups, LogAccepted: true}, "allow, logged allow, logged drop, logged pass"},
		{RuleList{Tier: TierGroups, LogDropped: true}, "drop, logged allow, logged drop, logged pass, reject, unmatched"},
		{RuleList{Tier: TierCloudAfter, LogDropped: true}, "drop, logged allow, logged drop, logged pass, reject"},
	} {
		var got []string
		for name, r := range rules {
			if tt.list.Logs(r) {
				got = append(got, name)
			}
			one := tt.list
			one.Rules = []SecurityRule{r}
			if one.LogsAny() != (tt.list.Logs(r) || tt.list.LogsUnmatched()) {
				t.Errorf("%+v with %s: LogsAny is %t", tt.list, name, one.LogsAny())
			}
		}
		if tt.list.LogsUnmatched() {
			got = append(got, "unmatched")
		}
		slices.Sort(got)
		if have := strings.Join(got, ", "); have != tt.want {
			t.Errorf("%+v: %s, want %s", tt.list, have, tt.want)
		}
	}
}

// TestLoggedNumbers holds that numbers tell rules apart, and that what is dropped is told of each time.
func TestLoggedNumbers(t *testing.T) {
	web, db := Key{KindSecurityGroup, "red", "web"}, Key{KindSecurityGroup, "red", "db"}
	seen := map[uint64]Logged{}
	for _, l := range []Logged{
		NewLogged(web, SecurityRule{Name: "a"}), NewLogged(web, SecurityRule{Name: "b"}), NewLogged(db, SecurityRule{Name: "a"}),
		NewLogged(web, SecurityRule{Name: "a", Shadow: true}), NewLogged(web, SecurityRule{Name: "a", Verdict: VerdictDrop}), Unmatched(web), Unmatched(db),
		NewLogged(web, SecurityRule{Name: "a", Verdict: VerdictDrop, Shadow: true}),
	} {
		if o, twice := seen[l.Number]; twice {
			t.Errorf("%+v and %+v have one number", l, o)
		}
		seen[l.Number] = l
		if opening := l.Number>>63 == 1; opening != (l.Shadow || l.Verdict == VerdictAllow) {
			t.Errorf("%+v: told of only when a connection opens: %t", l, opening)
		}
	}
}
