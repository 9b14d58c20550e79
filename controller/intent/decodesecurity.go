package intent

import (
	"fmt"
	"net/netip"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// RuleListRow returns the row of a stored security group or policy.
func RuleListRow(res *weftv1.Resource) (RuleList, error) {
	key := KeyOf(res)
	l := RuleList{Key: key, Tag: res.GetStatus().GetSecurityGroup().GetTag(), Tier: TierGroups}
	var spec ruleLister = res.GetSecurityGroupSpec()
	if key.Kind == KindSecurityPolicy {
		policy := res.GetSecurityPolicySpec()
		l.Tag, l.Tier, l.Priority, spec = res.GetStatus().GetSecurityPolicy().GetTag(), tierOf(policy), uint16(policy.GetPriority()), policy
	} else {
		l.Stateless = !unlessSaid(res.GetSecurityGroupSpec().Stateful)
	}
	if l.Tag == 0 {
		return l, fmt.Errorf("%s: nothing was allocated for it", key)
	}
	l.Drains = spec.GetOnRevoke() == "drain"
	var err error
	if l.LogAccepted, l.LogDropped, err = logged(spec.GetLog()); err != nil {
		return l, fmt.Errorf("%s: log: %w", key, err)
	}
	for i, given := range spec.GetRules() {
		r, err := securityRuleOf(key, i, given)
		if err != nil {
			return l, fmt.Errorf("%s: rules[%d]: %w", key, i, err)
		}
		l.Rules = append(l.Rules, r)
	}
	if key.Kind == KindSecurityGroup && unlessSaid(res.GetSecurityGroupSpec().DefaultRules) {
		l.Rules = append(l.Rules, defaultRules(key)...)
	}
	return l, nil
}

// tierOf returns where a policy stands.
func tierOf(spec *weftv1.SecurityPolicySpec) Tier {
	cloud, after := spec.GetScope() == "cloud", spec.GetStage() == "after"
	switch {
	case cloud && after:
		return TierCloudAfter
	case cloud:
		return TierCloudBefore
	case after:
		return TierProjectAfter
	}
	return TierProjectBefore
}

// AddressRows returns the row of a stored address group and, sorted, the blocks that are in it.
func AddressRows(res *weftv1.Resource) (AddressSet, []netip.Prefix, error) {
	set := AddressSet{Key: KeyOf(res), Tag: res.GetStatus().GetAddressGroup().GetTag()}
	if set.Tag == 0 {
		return set, nil, fmt.Errorf("%s: nothing was allocated for it", set.Key)
	}
	blocks := make([]netip.Prefix, 0, len(res.GetAddressGroupSpec().GetAddresses()))
	for i, s := range res.GetAddressGroupSpec().GetAddresses() {
		p, err := parseAddresses(s)
		if err != nil {
			return set, nil, fmt.Errorf("%s: addresses[%d]: %w", set.Key, i, err)
		}
		blocks = append(blocks, p)
	}
	return set, fewest(blocks), nil
}

// ConnectionsCut is the kind of counter of established connections that rules have ended on a host ("host/h1").
const ConnectionsCut = "connections-cut"

// SecurityRuleCounter is the kind of counters of packets that rules of security groups and policies are about.
const SecurityRuleCounter = "security-rule"

// SecurityRuleSubject is the subject of the counter of one rule: "securitygroup/red/web/http".
func SecurityRuleSubject(list Key, rule string) string { return list.String() + "/" + rule }
