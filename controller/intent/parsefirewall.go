package intent

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// maxFirewallFaces is the most interfaces of a firewall group.
const maxFirewallFaces = 256

// firewallVerdicts are the actions of rules of firewall policies.
var firewallVerdicts = map[string]Verdict{"": VerdictDrop, "allow": VerdictAllow, "deny": VerdictDrop, "reject": VerdictReject}

// firewallRuleOf reads a rule of a policy; i is its place. It is one about what comes from the remote end, the source, and goes to the local
// one, the destination.
func firewallRuleOf(policy Key, i int, spec *weftv1.FirewallRule) (SecurityRule, error) {
	r := SecurityRule{Name: spec.GetName()}
	if r.Name == "" {
		r.Name = strconv.Itoa(i)
	} else if problem := nameProblem(r.Name); problem != "" {
		return r, ruleError{"name", errors.New(problem)}
	}
	verdict, ok := firewallVerdicts[spec.GetAction()]
	if !ok {
		return r, ruleError{"action", fmt.Errorf("%q is none of allow, deny, reject%s", spec.GetAction(), didYouMean(spec.GetAction(), []string{"allow", "deny", "reject"}))}
	}
	r.Verdict = verdict
	for _, read := range []func(Key, *weftv1.FirewallRule) error{r.readVersion, r.readEnds, r.readFirewallProtocol, r.readPorts} {
		if err := read(policy, spec); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (r *SecurityRule) readVersion(_ Key, spec *weftv1.FirewallRule) error {
	family, ok := map[uint32]Family{0: AnyFamily, 4: OnlyIPv4, 6: OnlyIPv6}[spec.GetIpVersion()]
	if !ok {
		return ruleError{"ipVersion", fmt.Errorf("%s is neither 4 nor 6", reported(spec.GetIpVersion()))}
	}
	r.Family = family
	return nil
}

// readEnds reads where packets come from and where they go.
func (r *SecurityRule) readEnds(policy Key, spec *weftv1.FirewallRule) error {
	given := "ipVersion"
	for _, end := range []struct {
		address, group     string
		addressAt, groupAt string
		to                 *netip.Prefix
		set                *Key
	}{
		{spec.GetSourceIpAddress(), spec.GetSourceAddressGroup(), "sourceIpAddress", "sourceAddressGroup", &r.Remote, &r.RemoteSet},
		{spec.GetDestinationIpAddress(), spec.GetDestinationAddressGroup(), "destinationIpAddress", "destinationAddressGroup", &r.Local, &r.LocalSet},
	} {
		if end.group != "" {
			if end.address != "" {
				return ruleError{end.groupAt, fmt.Errorf("is given, and so is %s: it is one or the other", end.addressAt)}
			}
			if err := checkReference(end.group); err != nil {
				return ruleError{end.groupAt, err}
			}
			*end.set = Reference(KindAddressGroup, policy.Project, end.group)
		}
		if end.address == "" {
			continue
		}
		p, err := parseAddresses(end.address)
		if err != nil {
			return ruleError{end.addressAt, err}
		}
		if !r.Family.Has(p.Addr().Is4()) {
			return ruleError{end.addressAt, fmt.Errorf("%s is of another family than %s", p, given)}
		}
		if r.Family = OnlyIPv6; p.Addr().Is4() {
			r.Family = OnlyIPv4
		}
		given = end.addressAt
		if p.Bits() > 0 { // else it is every address of the family
			*end.to = p
		}
	}
	return nil
}

func (r *SecurityRule) readFirewallProtocol(_ Key, spec *weftv1.FirewallRule) error {
	return r.readProtocol(&weftv1.SecurityRule{Protocol: spec.GetProtocol()})
}

// readPorts reads what of the protocol a rule is about.
func (r *SecurityRule) readPorts(_ Key, spec *weftv1.FirewallRule) error {
	for _, end := range []struct {
		field, ports string
		to           *PortRange
	}{{"sourcePorts", spec.GetSourcePorts(), &r.RemotePorts}, {"destinationPorts", spec.GetDestinationPorts(), &r.Ports}} {
		upper := SecurityRule{Protocol: r.Protocol}
		err := upper.readUpper(&weftv1.SecurityRule{Protocol: spec.GetProtocol(), Ports: end.ports, IcmpType: spec.IcmpType, IcmpCode: spec.IcmpCode})
		if at := (ruleError{}); errors.As(err, &at) && at.field == "ports" {
			return ruleError{end.field, at.error}
		}
		if err != nil {
			return err
		}
		*end.to, r.ICMPType, r.ICMPCode = upper.Ports, upper.ICMPType, upper.ICMPCode
	}
	return nil
}

func (t *txn) parseFirewallPolicy(d *draft, spec *weftv1.FirewallPolicySpec) {
	if n := len(spec.GetRules()); n > maxSecurityRules {
		t.refuse(d, "spec.rules", ReasonInvalid, "are %s; at most %s", reported(n), reported(maxSecurityRules))
		return
	}
	named := map[string]int{}
	for i, given := range spec.GetRules() {
		field := indexed("spec.rules", i, "")
		r, err := firewallRuleOf(d.key, i, given)
		if err != nil {
			if at := (ruleError{}); errors.As(err, &at) {
				field += "." + at.field
			}
			t.refuse(d, field, ReasonInvalid, "%v", err)
			continue
		}
		if first, taken := named[r.Name]; taken {
			t.refuse(d, field+".name", ReasonInvalid, "%q is that of rules[%d]", r.Name, first)
			continue
		}
		named[r.Name] = i
	}
}

func (t *txn) parseFirewallGroup(d *draft, spec *weftv1.FirewallGroupSpec) {
	f := &d.firewall
	f.shared = spec.GetShared()
	for _, policy := range []struct {
		field, ref string
		to         *Key
	}{{"spec.ingressPolicy", spec.GetIngressPolicy(), &f.ingress}, {"spec.egressPolicy", spec.GetEgressPolicy(), &f.egress}} {
		if policy.ref != "" {
			*policy.to = t.parseRef(d, policy.field, KindFirewallPolicy, policy.ref)
		}
	}
	if n := len(spec.GetInterfaces()); n > maxFirewallFaces {
		t.refuse(d, "spec.interfaces", ReasonInvalid, "are %s; at most %d", reported(n), maxFirewallFaces)
		return
	}
	for i, given := range spec.GetInterfaces() {
		face, ok := t.parseFirewallFace(d, indexed("spec.interfaces", i, ""), given)
		if first := slices.Index(f.faces, face); ok && first >= 0 {
			t.refuse(d, indexed("spec.interfaces", i, ""), ReasonInvalid, "is interfaces[%d] once more", first)
		}
		f.faces = append(f.faces, face)
	}
}

// parseFirewallFace reads which interface of a router is meant.
func (t *txn) parseFirewallFace(d *draft, field string, given *weftv1.FirewallInterface) (FirewallFace, bool) {
	bad := len(t.bad)
	face := FirewallFace{Router: t.parseRef(d, field+".router", KindRouter, given.GetRouter())}
	ways := map[string]bool{"subnet": given.GetSubnet() != "", "port": given.GetPort() != "", "externalGateway": given.GetExternalGateway()}
	maps.DeleteFunc(ways, func(_ string, is bool) bool { return !is })
	switch named := slices.Sorted(maps.Keys(ways)); {
	case len(named) == 0:
		t.refuse(d, field, ReasonInvalid, "says by nothing which interface it is: give a subnet, a port, or externalGateway")
	case len(named) > 1:
		t.refuse(d, field+"."+named[1], ReasonInvalid, "is given, and so is %s: an interface is by one of them", named[0])
	case given.GetSubnet() != "":
		// As the router's spec has it: a name is one of the router's project.
		if err := checkReference(given.GetSubnet()); err != nil {
			t.refuse(d, field+".subnet", ReasonInvalid, "%v", err)
		}
		face.By = Reference(KindSubnet, face.Router.Project, given.GetSubnet())
	case given.GetPort() != "":
		if err := checkReference(given.GetPort()); err != nil {
			t.refuse(d, field+".port", ReasonInvalid, "%v", err)
		}
		face.By = Reference(KindPort, face.Router.Project, given.GetPort())
	}
	return face, len(t.bad) == bad
}
