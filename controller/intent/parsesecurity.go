package intent

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Most elements of the lists of security groups, policies, address groups and ports.
const (
	maxSecurityRules  = 1000
	maxAddresses      = 20_000
	maxPortGroups     = 16
	maxPolicyPriority = 1<<15 - 1
)

// Numbers of IP protocols that are treated in a way of their own.
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132
)

// securityProtocols are the names of IP protocols, as Neutron has them.
var securityProtocols = map[string]int16{
	"any": AnyValue, "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": protoICMP, "icmp6": protoICMPv6, "icmpv6": protoICMPv6, "igmp": 2,
	"ipip": 4, "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": protoICMPv6, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43, "ospf": 89, "pgm": 113,
	"rsvp": 46, "sctp": protoSCTP, "tcp": protoTCP, "udp": protoUDP, "udplite": 136, "vrrp": 112,
}

// onlyIPv6 are protocols that IPv4 does not have.
var onlyIPv6 = []int16{43, 44, protoICMPv6, 59, 60}

// parseSecurityProtocol reads the name or the number of a protocol.
func parseSecurityProtocol(s string) (int16, error) {
	if s == "" {
		return AnyValue, nil
	}
	if n, ok := securityProtocols[strings.ToLower(s)]; ok {
		return n, nil
	}
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		return int16(n), nil
	}
	return 0, fmt.Errorf("%q is neither a protocol nor a number, 0 to 255%s", s, didYouMean(s, slices.Collect(maps.Keys(securityProtocols))))
}

// securityRuleOf reads a rule of a list; i is its place.
func securityRuleOf(list Key, i int, spec *weftv1.SecurityRule) (SecurityRule, error) {
	r := SecurityRule{Name: spec.GetName(), Log: spec.GetLog()}
	if r.Name == "" {
		r.Name = strconv.Itoa(i)
	} else if problem := nameProblem(r.Name); problem != "" {
		return r, ruleError{"name", errors.New(problem)}
	}
	switch s := spec.GetDirection(); s {
	case "ingress":
	case "egress":
		r.Egress = true
	case "":
		return r, ruleError{"direction", errors.New("is missing")}
	default:
		return r, ruleError{"direction", fmt.Errorf("%q is neither ingress nor egress%s", s, didYouMean(s, []string{"ingress", "egress"}))}
	}
	switch s := spec.GetMode(); s {
	case "", "enforce":
	case "shadow":
		r.Shadow = true
	default:
		return r, ruleError{"mode", fmt.Errorf("%q is neither enforce nor shadow%s", s, didYouMean(s, []string{"enforce", "shadow"}))}
	}
	for _, read := range []func(*weftv1.SecurityRule) error{r.readEthertype, r.readProtocol, r.readRemoteEnd(list), r.readUpper, r.readAction(list)} {
		if err := read(spec); err != nil {
			return r, err
		}
	}
	return r, nil
}

// readEthertype reads the version of IP, and the block that is the other end.
func (r *SecurityRule) readEthertype(spec *weftv1.SecurityRule) error {
	switch s := spec.GetEthertype(); {
	case s == "":
	case strings.EqualFold(s, "IPv4"):
		r.Family = OnlyIPv4
	case strings.EqualFold(s, "IPv6"):
		r.Family = OnlyIPv6
	default:
		return ruleError{"ethertype", fmt.Errorf("%q is neither IPv4 nor IPv6", s)}
	}
	if spec.GetRemoteIpPrefix() == "" {
		return nil
	}
	p, err := parseAddresses(spec.GetRemoteIpPrefix())
	if err != nil {
		return ruleError{"remoteIpPrefix", err}
	}
	if !r.Family.Has(p.Addr().Is4()) {
		return ruleError{"remoteIpPrefix", fmt.Errorf("%s is of another family than the ethertype, %s", p, spec.GetEthertype())}
	}
	if r.Family = OnlyIPv6; p.Addr().Is4() {
		r.Family = OnlyIPv4
	}
	if p.Bits() > 0 { // else it is every address of the family
		r.Remote = p
	}
	return nil
}

func (r *SecurityRule) readProtocol(spec *weftv1.SecurityRule) error {
	var err error
	if r.Protocol, err = parseSecurityProtocol(spec.GetProtocol()); err != nil {
		return ruleError{"protocol", err}
	}
	switch {
	case r.Protocol == protoICMP && r.Family == OnlyIPv6:
		r.Protocol = protoICMPv6
	case r.Protocol == protoICMP:
		r.Family = OnlyIPv4
	case !slices.Contains(onlyIPv6, r.Protocol):
	case r.Family == OnlyIPv4:
		return ruleError{"protocol", fmt.Errorf("IPv4 has no protocol %s", spec.GetProtocol())}
	default:
		r.Family = OnlyIPv6
	}
	return nil
}

// readRemoteEnd reads which group is the other end.
func (r *SecurityRule) readRemoteEnd(list Key) func(*weftv1.SecurityRule) error {
	return func(spec *weftv1.SecurityRule) error {
		first := ""
		for _, remote := range []struct {
			field, given string
			kind         Kind
		}{
			{"remoteIpPrefix", spec.GetRemoteIpPrefix(), ""}, {"remoteGroup", spec.GetRemoteGroup(), KindSecurityGroup},
			{"remoteAddressGroup", spec.GetRemoteAddressGroup(), KindAddressGroup},
		} {
			switch {
			case remote.given == "":
				continue
			case first != "":
				return ruleError{remote.field, fmt.Errorf("is given, and so is %s: a rule has one other end", first)}
			case remote.kind != "":
				if err := checkReference(remote.given); err != nil {
					return ruleError{remote.field, err}
				}
				r.RemoteSet = Reference(remote.kind, list.Project, remote.given)
			}
			first = remote.field
		}
		return nil
	}
}

// checkReference refuses what names nothing.
func checkReference(ref string) error {
	for part := range strings.SplitSeq(ref, "/") {
		if nameProblem(part) != "" || strings.Count(ref, "/") > 1 {
			return fmt.Errorf("%q is neither a name nor project/name", ref)
		}
	}
	return nil
}

// readUpper reads what of the protocol a rule is about: ports, or a type and a code.
func (r *SecurityRule) readUpper(spec *weftv1.SecurityRule) error {
	icmp := r.Protocol == protoICMP || r.Protocol == protoICMPv6
	r.ICMPType, r.ICMPCode = AnyValue, AnyValue
	var err error
	switch {
	case spec.GetPorts() != "" && r.Protocol == AnyValue:
		return ruleError{"ports", errors.New("are given without a protocol; tcp, udp and sctp have them")}
	case spec.GetPorts() != "" && r.Protocol != protoTCP && r.Protocol != protoUDP && r.Protocol != protoSCTP:
		return ruleError{"ports", fmt.Errorf("must be left out: switches see those of tcp, udp and sctp, and not of %s", spec.GetProtocol())}
	case spec.IcmpType != nil && !icmp:
		return ruleError{"icmpType", errors.New("must be left out: the protocol is neither icmp nor ipv6-icmp")}
	case spec.IcmpCode != nil && spec.IcmpType == nil:
		return ruleError{"icmpCode", errors.New("is given without an icmpType")}
	case spec.GetIcmpType() > 255:
		return ruleError{"icmpType", fmt.Errorf("%s is too large: at most 255", reported(spec.GetIcmpType()))}
	case spec.GetIcmpCode() > 255:
		return ruleError{"icmpCode", fmt.Errorf("%s is too large: at most 255", reported(spec.GetIcmpCode()))}
	case spec.GetPorts() != "":
		if r.Ports, err = parsePorts(spec.GetPorts()); err != nil {
			return ruleError{"ports", err}
		}
	}
	if spec.IcmpType != nil {
		r.ICMPType = int16(spec.GetIcmpType())
	}
	if spec.IcmpCode != nil {
		r.ICMPCode = int16(spec.GetIcmpCode())
	}
	return nil
}

// verdicts are the actions of policies.
var verdicts = map[string]Verdict{"allow": VerdictAllow, "drop": VerdictDrop, "reject": VerdictReject, "pass": VerdictPass}

func (r *SecurityRule) readAction(list Key) func(*weftv1.SecurityRule) error {
	return func(spec *weftv1.SecurityRule) error {
		verdict, ok := verdicts[spec.GetAction()]
		switch given := spec.GetAction(); {
		case list.Kind == KindSecurityGroup && given != "":
			return ruleError{"action", errors.New("must be left out: what rules of security groups are about is allowed")}
		case list.Kind == KindSecurityGroup:
			return nil
		case given == "":
			return ruleError{"action", errors.New("is missing")}
		case !ok:
			return ruleError{"action", fmt.Errorf("%q is none of allow, drop, reject, pass%s", given, didYouMean(given, slices.Collect(maps.Keys(verdicts))))}
		}
		r.Verdict = verdict
		return nil
	}
}

// defaultRules are those that a security group has besides its own.
func defaultRules(group Key) []SecurityRule {
	rule := SecurityRule{Name: "default-egress", Egress: true, Protocol: AnyValue, ICMPType: AnyValue, ICMPCode: AnyValue}
	rules := []SecurityRule{rule}
	if group.Name == DefaultGroup {
		rule.Name, rule.Egress, rule.RemoteSet = "default-ingress", false, group
		rules = append(rules, rule)
	}
	return rules
}

// logged reads what a list has the log told of.
func logged(s string) (accepted, dropped bool, err error) {
	switch s {
	case "":
	case "accept":
		accepted = true
	case "drop":
		dropped = true
	case "all":
		accepted, dropped = true, true
	default:
		return false, false, fmt.Errorf("%q is none of accept, drop, all%s", s, didYouMean(s, []string{"accept", "drop", "all"}))
	}
	return accepted, dropped, nil
}

// ruleLister is the spec of a list of rules.
type ruleLister interface {
	GetRules() []*weftv1.SecurityRule
	GetLog() string
	GetOnRevoke() string
}

// parseRuleList refuses what is wrong with the rules of a security group or policy.
func (t *txn) parseRuleList(d *draft, spec ruleLister, more []SecurityRule) {
	if _, _, err := logged(spec.GetLog()); err != nil {
		t.refuse(d, "spec.log", ReasonInvalid, "%v", err)
	}
	if s := spec.GetOnRevoke(); s != "" && s != "cut" && s != "drain" {
		t.refuse(d, "spec.onRevoke", ReasonInvalid, "%q is neither cut nor drain%s", s, didYouMean(s, []string{"cut", "drain"}))
	}
	if n := len(spec.GetRules()); n > maxSecurityRules {
		t.refuse(d, "spec.rules", ReasonInvalid, "are %s; at most %s", reported(n), reported(maxSecurityRules))
		return
	}
	named := map[string]string{}
	for _, r := range more {
		named[r.Name] = "is that of a default rule"
	}
	for i, given := range spec.GetRules() {
		field := indexed("spec.rules", i, "")
		r, err := securityRuleOf(d.key, i, given)
		if err != nil {
			if at := (ruleError{}); errors.As(err, &at) {
				field += "." + at.field
			}
			t.refuse(d, field, ReasonInvalid, "%v", err)
			continue
		}
		if problem, taken := named[r.Name]; taken {
			t.refuse(d, field+".name", ReasonInvalid, "%q %s", r.Name, problem)
			continue
		}
		named[r.Name] = fmt.Sprintf("is that of rules[%d]", i)
	}
}

func (t *txn) parseSecurityGroup(d *draft, spec *weftv1.SecurityGroupSpec) {
	var more []SecurityRule
	if unlessSaid(spec.DefaultRules) {
		more = defaultRules(d.key)
	}
	t.parseRuleList(d, spec, more)
}

func (t *txn) parseSecurityPolicy(d *draft, spec *weftv1.SecurityPolicySpec) {
	if s := spec.GetScope(); s != "" && s != "project" && s != "cloud" {
		t.refuse(d, "spec.scope", ReasonInvalid, "%q is neither project nor cloud%s", s, didYouMean(s, []string{"project", "cloud"}))
	}
	if s := spec.GetStage(); s != "" && s != "before" && s != "after" {
		t.refuse(d, "spec.stage", ReasonInvalid, "%q is neither before nor after%s", s, didYouMean(s, []string{"before", "after"}))
	}
	if n := spec.GetPriority(); n > maxPolicyPriority {
		t.refuse(d, "spec.priority", ReasonInvalid, "%s is too large: at most %s", reported(n), reported(maxPolicyPriority))
	}
	t.parseRuleList(d, spec, nil)
}

func (t *txn) parseAddressGroup(d *draft, spec *weftv1.AddressGroupSpec) {
	if n := len(spec.GetAddresses()); n > maxAddresses {
		t.refuse(d, "spec.addresses", ReasonInvalid, "are %s; at most %s", reported(n), reported(maxAddresses))
		return
	}
	given := make([]netip.Prefix, 0, len(spec.GetAddresses()))
	for i, s := range spec.GetAddresses() {
		p, err := parseAddresses(s)
		if err != nil {
			t.refuse(d, indexed("spec.addresses", i, ""), ReasonInvalid, "%v", err)
			continue
		}
		given = append(given, p)
	}
	d.blocks = len(fewest(given))
}

// fewest returns the fewest blocks that hold the same addresses, sorted; no two of them overlap. It sorts what it is given.
func fewest(blocks []netip.Prefix) []netip.Prefix {
	slices.SortFunc(blocks, netip.Prefix.Compare)
	kept := blocks[:0] // never longer than what has been read
	for _, p := range blocks {
		if n := len(kept); n > 0 && kept[n-1].Overlaps(p) {
			continue // a block before it begins no later and is no shorter, so that it holds all of it
		}
		kept = append(kept, p)
		for n := len(kept); n > 1; n = len(kept) {
			both := netip.PrefixFrom(kept[n-2].Addr(), kept[n-2].Bits()-1).Masked()
			if kept[n-1].Bits() != kept[n-2].Bits() || both.Addr() != kept[n-2].Addr() || !both.Contains(kept[n-1].Addr()) {
				break
			}
			kept = append(kept[:n-2], both)
		}
	}
	return kept
}

// parsePortGroups reads the names of a port's security groups.
func (t *txn) parsePortGroups(d *draft, given []string) {
	if n := len(given); n > maxPortGroups {
		t.refuse(d, "spec.securityGroups", ReasonInvalid, "are %d; at most %d", n, maxPortGroups)
		return
	}
	for i, ref := range given {
		field := indexed("spec.securityGroups", i, "")
		key := t.parseRef(d, field, KindSecurityGroup, ref)
		if first := slices.Index(d.groups, key); first >= 0 && !d.bad {
			t.refuse(d, field, ReasonInvalid, "is securityGroups[%d] once more", first)
		}
		d.groups = append(d.groups, key)
	}
}
