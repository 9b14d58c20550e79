package controller

import (
	"cmp"
	"strconv"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// overlayFirewallPolicy fills in what the rules of a firewall policy have seen.
func (c *core) overlayFirewallPolicy(key intent.Key, res *weftv1.Resource) {
	s := res.GetStatus().GetFirewallPolicy()
	if s == nil {
		return
	}
	for i, r := range res.GetFirewallPolicySpec().GetRules() {
		name := cmp.Or(r.GetName(), strconv.Itoa(i))
		seen := c.board.Sum(intent.SecurityRuleCounter, intent.SecurityRuleSubject(key, name))
		s.Rules = append(s.Rules, &weftv1.FirewallRuleStatus{Name: name, Packets: seen.Packets, Bytes: seen.Bytes})
	}
}

// overlayFirewallGroup fills in how much a firewall group has denied.
func (c *core) overlayFirewallGroup(key intent.Key, s *weftv1.FirewallGroupStatus) {
	if s == nil {
		return
	}
	denied := c.sum(intent.FirewallDenied, key)
	s.DeniedPackets, s.DeniedBytes = denied.Packets, denied.Bytes
}
