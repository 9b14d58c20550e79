package controller

import (
	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// overlayRules fills in what the rules of a security group or a policy have seen.
func (c *core) overlayRules(key intent.Key, s *weftv1.Status) {
	c.world.mu.RLock()
	l, ok := c.world.tables.RuleLists.Peek(key)
	c.world.mu.RUnlock()
	if !ok {
		return
	}
	rules := make([]*weftv1.SecurityRuleStatus, len(l.Rules))
	for i, r := range l.Rules {
		seen := c.board.Sum(intent.SecurityRuleCounter, intent.SecurityRuleSubject(key, r.Name))
		rules[i] = &weftv1.SecurityRuleStatus{Name: r.Name, Packets: seen.Packets, Bytes: seen.Bytes}
	}
	if g := s.GetSecurityGroup(); g != nil {
		g.Rules = rules
	}
	if p := s.GetSecurityPolicy(); p != nil {
		p.Rules = rules
	}
}
