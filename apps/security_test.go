package apps_test

import (
	"fmt"
	"net/netip"

	"github.com/weft-sdn/weft/controller/intent"
)

var addressGroup = intent.Key{Kind: intent.KindAddressGroup, Project: "red", Name: "offices"}

// listKeys are the lists of rules that edits write: three security groups, one of them the project's default, and two policies of
// administrators.
var listKeys = []intent.Key{
	{Kind: intent.KindSecurityGroup, Project: "red", Name: "web"},
	{Kind: intent.KindSecurityGroup, Project: "red", Name: "db"},
	{Kind: intent.KindSecurityGroup, Project: "red", Name: intent.DefaultGroup},
	{Kind: intent.KindSecurityPolicy, Project: "red", Name: "guard"},
	{Kind: intent.KindSecurityPolicy, Project: "ops", Name: "cloud"},
}

// groupsOf are the groups of a port: none, one of them or both.
func groupsOf(alt int) []intent.Key {
	return [][]intent.Key{nil, listKeys[:1], listKeys[1:2], listKeys[:2]}[alt%4]
}

// ruleList is one of the lists, in one of several states.
func ruleList(e edit) intent.RuleList {
	at := e.Net % len(listKeys)
	tier := []intent.Tier{intent.TierGroups, intent.TierGroups, intent.TierGroups, intent.TierProjectBefore, intent.TierCloudAfter}[at]
	l := intent.RuleList{Key: listKeys[at], Tag: uint32(80 + at), Tier: tier, Drains: e.Alt == 2, LogAccepted: e.Alt == 1, LogDropped: e.Alt == 3 || e.Flag && e.Alt == 1}
	any := intent.SecurityRule{Protocol: intent.AnyValue, ICMPType: intent.AnyValue, ICMPCode: intent.AnyValue}
	add := func(change func(*intent.SecurityRule)) {
		r := any
		r.Name = fmt.Sprint(len(l.Rules))
		change(&r)
		l.Rules = append(l.Rules, r)
	}
	add(func(r *intent.SecurityRule) { r.Egress, r.Family = true, intent.OnlyIPv4 })
	add(func(r *intent.SecurityRule) { r.RemoteSet = l.Key })
	add(func(r *intent.SecurityRule) { r.Protocol, r.Ports = 6, intent.PortRange{First: 80, Last: 82} })
	if e.Flag {
		add(func(r *intent.SecurityRule) {
			r.Protocol, r.ICMPType, r.ICMPCode, r.Remote = 1, 8, 0, netip.MustParsePrefix("10.0.0.0/8")
		})
		add(func(r *intent.SecurityRule) {
			r.Protocol, r.Ports, r.RemoteSet = 132, intent.PortRange{First: 5000, Last: 5000}, addressGroup
		})
		add(func(r *intent.SecurityRule) {
			r.Family, r.RemoteSet, r.Shadow = intent.OnlyIPv6, listKeys[e.Alt%2], true
		})
	}
	if tier != intent.TierGroups {
		l.Rules[1].RemoteSet = addressGroup
		for i := range l.Rules {
			l.Rules[i].Verdict = intent.Verdict((e.Alt + i) % 4)
		}
	}
	return l
}

func address(e edit) intent.AddressOf {
	block := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(e.Host * 16)}), 28)
	if e.Flag {
		block = netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 15: byte(e.Alt)}), 128)
	}
	return intent.AddressOf{Set: addressGroup, Block: block}
}
