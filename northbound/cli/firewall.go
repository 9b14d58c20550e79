package cli

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func firewallGroupColumns() []resourceColumn {
	spec := (*weftv1.Resource).GetFirewallGroupSpec
	return []resourceColumn{
		{"INTERFACES", left, func(r *weftv1.Resource) string { return strings.Join(firewallFaces(r), " ") }},
		{"INGRESS", left, func(r *weftv1.Resource) string { return spec(r).GetIngressPolicy() }},
		{"EGRESS", left, func(r *weftv1.Resource) string { return spec(r).GetEgressPolicy() }},
		{"SHARED", left, func(r *weftv1.Resource) string { return yesNo(spec(r).GetShared()) }},
		{"DENIED", right, func(r *weftv1.Resource) string {
			return strconv.FormatUint(r.GetStatus().GetFirewallGroup().GetDeniedPackets(), 10)
		}},
	}
}

func firewallPolicyColumns() []resourceColumn {
	spec := (*weftv1.Resource).GetFirewallPolicySpec
	return []resourceColumn{
		{"RULES", right, func(r *weftv1.Resource) string { return strconv.Itoa(len(spec(r).GetRules())) }},
		{"SHARED", left, func(r *weftv1.Resource) string { return yesNo(spec(r).GetShared()) }},
		{"AUDITED", left, func(r *weftv1.Resource) string { return yesNo(spec(r).GetAudited()) }},
	}
}

// firewallFaces names the interfaces of a firewall group: "r1/web-v4", "r1/gateway".
func firewallFaces(r *weftv1.Resource) []string {
	var all []string
	for _, i := range r.GetFirewallGroupSpec().GetInterfaces() {
		all = append(all, i.GetRouter()+"/"+cmp.Or(i.GetSubnet(), i.GetPort(), "gateway"))
	}
	return all
}

// firewallSummary is what a firewall group is for, or the number of rules of a policy.
func firewallSummary(r *weftv1.Resource) string {
	var words []string
	if p := r.GetFirewallPolicySpec(); p != nil {
		words = append(words, fmt.Sprintf("rules: %d", len(p.GetRules())))
		if p.GetShared() {
			words = append(words, "shared")
		}
	}
	if g := r.GetFirewallGroupSpec(); g != nil {
		words = append(words, fmt.Sprintf("interfaces: %d", len(g.GetInterfaces())), "ingress "+cmp.Or(g.GetIngressPolicy(), "denied"), "egress "+cmp.Or(g.GetEgressPolicy(), "denied"))
		if !unlessSaid(g.AdminStateUp) {
			words = append(words, "down")
		}
	}
	return strings.Join(words, ", ")
}

// seenFirewallRule is a rule of a firewall policy with what it has seen.
type seenFirewallRule struct {
	rule   *weftv1.FirewallRule
	status *weftv1.FirewallRuleStatus
}

// writeFirewallRules prints the rules of a firewall policy with what they have seen; nothing for other kinds.
func writeFirewallRules(w io.Writer, r *weftv1.Resource) error {
	given, seen := r.GetFirewallPolicySpec().GetRules(), r.GetStatus().GetFirewallPolicy().GetRules()
	if len(given) == 0 || len(given) != len(seen) {
		return nil
	}
	rules := make([]seenFirewallRule, len(seen))
	for i, s := range seen {
		rules[i] = seenFirewallRule{given[i], s}
	}
	fmt.Fprintln(w, "\nrules")
	return writeTable(indented(w), []column[seenFirewallRule]{
		{"NAME", left, func(r seenFirewallRule) string { return r.status.GetName() }},
		{"ACTION", left, func(r seenFirewallRule) string { return cmp.Or(r.rule.GetAction(), "deny") }},
		{"ABOUT", left, func(r seenFirewallRule) string { return firewallRuleText(r.rule) }},
		{"ENABLED", left, func(r seenFirewallRule) string { return yesNo(unlessSaid(r.rule.Enabled)) }},
		{"PACKETS", right, func(r seenFirewallRule) string { return strconv.FormatUint(r.status.GetPackets(), 10) }},
		{"BYTES", right, func(r seenFirewallRule) string { return strconv.FormatUint(r.status.GetBytes(), 10) }},
	}, rules)
}

// firewallRuleText is what a rule is about in words: "IPv4 tcp from 10.0.0.0/8 to addresses servers ports 80-81".
func firewallRuleText(r *weftv1.FirewallRule) string {
	var words []string
	if v := r.GetIpVersion(); v != 0 {
		words = append(words, fmt.Sprintf("IPv%d", v))
	}
	words = append(words, r.GetProtocol())
	if r.IcmpType != nil {
		words = append(words, fmt.Sprintf("type %d", r.GetIcmpType()))
	}
	if r.IcmpCode != nil {
		words = append(words, fmt.Sprintf("code %d", r.GetIcmpCode()))
	}
	for _, end := range []struct{ word, ip, group, ports string }{
		{"from", r.GetSourceIpAddress(), r.GetSourceAddressGroup(), r.GetSourcePorts()},
		{"to", r.GetDestinationIpAddress(), r.GetDestinationAddressGroup(), r.GetDestinationPorts()},
	} {
		if end.ip+end.group+end.ports != "" {
			words = append(words, end.word, end.ip)
		}
		if end.group != "" {
			words = append(words, "addresses", end.group)
		}
		if end.ports != "" {
			words = append(words, "ports", end.ports)
		}
	}
	return cmp.Or(strings.Join(strings.Fields(strings.Join(words, " ")), " "), "all")
}
