package apps_test

import (
	"fmt"
	"net/netip"

	"github.com/weft-sdn/weft/controller/intent"
)

func firewallPolicyKey(i int) intent.Key {
	return intent.Key{Kind: intent.KindFirewallPolicy, Project: "red", Name: fmt.Sprintf("policy%d", i%2)}
}

// firewallGroup is one of two groups: for an interface of a router by a subnet, with the gateway or without, up or down.
func firewallGroup(e edit) intent.FirewallGroup {
	at := e.Port % 2
	g := intent.FirewallGroup{
		Key: intent.Key{Kind: intent.KindFirewallGroup, Project: "red", Name: fmt.Sprintf("fw%d", at)}, Tag: uint32(95 + at), Up: e.Alt != 3, Ingress: firewallPolicyKey(0),
	}
	if e.Flag {
		g.Egress = firewallPolicyKey(1)
	}
	subnets := []intent.Key{routerInterfaces(at, 0)[0].Key.Subnet, routerInterfaces(at, 0)[1].Key.Subnet}
	g.Faces = []intent.FirewallFace{{Router: routerKey, By: subnets[0]}, {Router: routerKey, By: subnets[1]}}
	switch {
	case at == 0 && e.Alt == 1:
		g.Faces = append(g.Faces, intent.FirewallFace{Router: routerKey})
	case at == 1 && e.Alt == 2:
		g.Faces = append(g.Faces[:1:1], intent.FirewallFace{Router: nextRouterKey, By: nextInterfaces(e.Net, 1)[0].Key.Subnet})
	}
	return g
}

// firewallPolicy has rules with ports and addresses at both ends, and with sets at one or both.
func firewallPolicy(e edit) intent.RuleList {
	l := intent.RuleList{Key: firewallPolicyKey(e.Net), Tag: uint32(97 + e.Net%2), Tier: intent.TierFirewall}
	any := intent.SecurityRule{Protocol: intent.AnyValue, ICMPType: intent.AnyValue, ICMPCode: intent.AnyValue}
	add := func(verdict intent.Verdict, change func(*intent.SecurityRule)) {
		r := any
		r.Name, r.Verdict = fmt.Sprint(len(l.Rules)), verdict
		change(&r)
		l.Rules = append(l.Rules, r)
	}
	add(intent.VerdictReject, func(r *intent.SecurityRule) {
		r.Protocol, r.Ports, r.RemotePorts = 6, intent.PortRange{First: 22, Last: 23}, intent.PortRange{First: 1024, Last: 65535}
	})
	add(intent.VerdictAllow, func(r *intent.SecurityRule) {
		r.Family, r.Remote, r.Local = intent.OnlyIPv4, netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("10.0.1.0/24")
	})
	if e.Flag {
		add(intent.VerdictDrop, func(r *intent.SecurityRule) { r.RemoteSet, r.LocalSet = addressGroup, addressGroup })
		add(intent.VerdictAllow, func(r *intent.SecurityRule) { r.Protocol, r.LocalSet = 17, addressGroup })
		add(intent.VerdictAllow, func(r *intent.SecurityRule) { r.Protocol, r.RemoteSet = 132, addressGroup })
	}
	return l
}
