package cli

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func securityGroupColumns(wide bool) []resourceColumn {
	spec, st := (*weftv1.Resource).GetSecurityGroupSpec, func(r *weftv1.Resource) *weftv1.SecurityGroupStatus { return r.GetStatus().GetSecurityGroup() }
	out := []resourceColumn{
		{"PORTS", right, func(r *weftv1.Resource) string { return strconv.Itoa(int(st(r).GetPorts())) }},
		{"RULES", right, func(r *weftv1.Resource) string { return strconv.Itoa(len(spec(r).GetRules())) }},
		{"DEFAULTS", left, func(r *weftv1.Resource) string { return yesNo(unlessSaid(spec(r).DefaultRules)) }},
		{"STATEFUL", left, func(r *weftv1.Resource) string { return yesNo(unlessSaid(spec(r).Stateful)) }},
		{"SHARED", left, func(r *weftv1.Resource) string { return yesNo(spec(r).GetShared()) }},
		{"LOG", left, func(r *weftv1.Resource) string { return spec(r).GetLog() }},
	}
	if wide {
		out = append(out, resourceColumn{"ON REVOKE", left, func(r *weftv1.Resource) string { return onRevoke(spec(r)) }},
			resourceColumn{"TAG", right, func(r *weftv1.Resource) string { return number(st(r).GetTag()) }})
	}
	return out
}

func addressGroupColumns() []resourceColumn {
	spec, st := (*weftv1.Resource).GetAddressGroupSpec, func(r *weftv1.Resource) *weftv1.AddressGroupStatus { return r.GetStatus().GetAddressGroup() }
	return []resourceColumn{
		{"ADDRESSES", right, func(r *weftv1.Resource) string { return strconv.Itoa(len(spec(r).GetAddresses())) }},
		{"BLOCKS", right, func(r *weftv1.Resource) string { return strconv.Itoa(int(st(r).GetBlocks())) }},
		{"SHARED", left, func(r *weftv1.Resource) string { return yesNo(spec(r).GetShared()) }},
	}
}

func securityPolicyColumns() []resourceColumn {
	spec := (*weftv1.Resource).GetSecurityPolicySpec
	return []resourceColumn{
		{"SCOPE", left, func(r *weftv1.Resource) string { return cmp.Or(spec(r).GetScope(), "project") }},
		{"STAGE", left, func(r *weftv1.Resource) string { return cmp.Or(spec(r).GetStage(), "before") }},
		{"PRIORITY", right, func(r *weftv1.Resource) string { return strconv.Itoa(int(spec(r).GetPriority())) }},
		{"RULES", right, func(r *weftv1.Resource) string { return strconv.Itoa(len(spec(r).GetRules())) }},
		{"LOG", left, func(r *weftv1.Resource) string { return spec(r).GetLog() }},
		{"ON REVOKE", left, func(r *weftv1.Resource) string { return onRevoke(spec(r)) }},
	}
}

// unlessSaid is true unless something else is given.
func unlessSaid(given *bool) bool { return given == nil || *given }

// onRevoke is what becomes of connections that are no longer let through.
func onRevoke(spec interface{ GetOnRevoke() string }) string {
	return cmp.Or(spec.GetOnRevoke(), "cut")
}

// securitySummary is the number of rules or addresses, and what else is out of the ordinary.
func securitySummary(r *weftv1.Resource) string {
	var words []string
	if g := r.GetSecurityGroupSpec(); g != nil {
		words = append(words, fmt.Sprintf("rules: %d", len(g.GetRules())))
		if !unlessSaid(g.DefaultRules) {
			words = append(words, "no default rules")
		}
		if !unlessSaid(g.Stateful) {
			words = append(words, "stateless")
		}
		if g.GetShared() {
			words = append(words, "shared")
		}
	}
	if p := r.GetSecurityPolicySpec(); p != nil {
		words = append(words, cmp.Or(p.GetScope(), "project"), cmp.Or(p.GetStage(), "before")+" groups", fmt.Sprintf("priority %d", p.GetPriority()),
			fmt.Sprintf("rules: %d", len(p.GetRules())))
	}
	if a := r.GetAddressGroupSpec(); a != nil {
		words = append(words, fmt.Sprintf("addresses: %d", len(a.GetAddresses())), fmt.Sprintf("blocks: %d", r.GetStatus().GetAddressGroup().GetBlocks()))
		if a.GetShared() {
			words = append(words, "shared")
		}
	}
	return strings.Join(words, ", ")
}

// seenRule is a rule with what it has seen.
type seenRule struct {
	text   string
	status *weftv1.SecurityRuleStatus
}

// writeRules prints the rules of a group or policy with what they have seen; nothing for other kinds.
func writeRules(w io.Writer, r *weftv1.Resource) error {
	given, seen := r.GetSecurityGroupSpec().GetRules(), r.GetStatus().GetSecurityGroup().GetRules()
	if r.GetSecurityPolicySpec() != nil {
		given, seen = r.GetSecurityPolicySpec().GetRules(), r.GetStatus().GetSecurityPolicy().GetRules()
	}
	if len(seen) == 0 {
		return nil
	}
	rules := make([]seenRule, len(seen))
	for i, s := range seen {
		rules[i] = seenRule{"default rule", s}
		if i < len(given) {
			rules[i].text = ruleText(given[i])
		}
	}
	fmt.Fprintln(w, "\nrules")
	return writeTable(indented(w), []column[seenRule]{
		{"NAME", left, func(r seenRule) string { return r.status.GetName() }},
		{"ABOUT", left, func(r seenRule) string { return r.text }},
		{"PACKETS", right, func(r seenRule) string { return strconv.FormatUint(r.status.GetPackets(), 10) }},
		{"BYTES", right, func(r seenRule) string { return strconv.FormatUint(r.status.GetBytes(), 10) }},
	}, rules)
}

// ruleText is a rule in words: "ingress IPv4 tcp 80 from 10.0.0.0/8, shadow".
func ruleText(r *weftv1.SecurityRule) string {
	words := []string{r.GetAction(), r.GetDirection(), r.GetEthertype(), r.GetProtocol(), r.GetPorts()}
	if r.IcmpType != nil {
		words = append(words, fmt.Sprintf("type %d", r.GetIcmpType()))
	}
	if r.IcmpCode != nil {
		words = append(words, fmt.Sprintf("code %d", r.GetIcmpCode()))
	}
	toFrom := "from "
	if r.GetDirection() == "egress" {
		toFrom = "to "
	}
	switch {
	case r.GetRemoteIpPrefix() != "":
		words = append(words, toFrom+r.GetRemoteIpPrefix())
	case r.GetRemoteGroup() != "":
		words = append(words, toFrom+"group "+r.GetRemoteGroup())
	case r.GetRemoteAddressGroup() != "":
		words = append(words, toFrom+"addresses "+r.GetRemoteAddressGroup())
	}
	text := strings.Join(strings.Fields(strings.Join(words, " ")), " ") // some are empty
	if r.GetMode() == "shadow" {
		text += ", shadow"
	}
	return text
}
