package intent

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// firewallFacts is which interfaces a firewall group is for.
type firewallFacts struct {
	tag             alloc.ID
	faces           []FirewallFace
	ingress, egress Key // policies; zero: none
	shared          bool
}

// referents are the routers and policies that a group names.
func (f *firewallFacts) referents() []Key {
	all := named(f.ingress, f.egress)
	for _, face := range f.faces {
		all = append(all, face.Router)
	}
	slices.SortFunc(all, Key.Compare)
	return slices.Compact(all)
}

func firewallFactsOf(key Key, res *weftv1.Resource) (*firewallFacts, error) {
	spec := res.GetFirewallGroupSpec()
	f := &firewallFacts{tag: alloc.ID(res.GetStatus().GetFirewallGroup().GetTag()), shared: spec.GetShared()}
	if f.tag == 0 {
		return nil, errors.New("nothing was allocated for it")
	}
	if spec.GetIngressPolicy() != "" {
		f.ingress = Reference(KindFirewallPolicy, key.Project, spec.GetIngressPolicy())
	}
	if spec.GetEgressPolicy() != "" {
		f.egress = Reference(KindFirewallPolicy, key.Project, spec.GetEgressPolicy())
	}
	for _, given := range spec.GetInterfaces() {
		face := FirewallFace{Router: Reference(KindRouter, key.Project, given.GetRouter())}
		switch {
		case given.GetSubnet() != "":
			face.By = Reference(KindSubnet, face.Router.Project, given.GetSubnet())
		case given.GetPort() != "":
			face.By = Reference(KindPort, face.Router.Project, given.GetPort())
		}
		f.faces = append(f.faces, face)
	}
	return f, nil
}

// firewallSets returns the address groups that the rules of a policy name.
func firewallSets(policy Key, rules []*weftv1.FirewallRule) []Key {
	var all []Key
	for _, r := range rules {
		for _, ref := range []string{r.GetSourceAddressGroup(), r.GetDestinationAddressGroup()} {
			if ref != "" {
				all = append(all, Reference(KindAddressGroup, policy.Project, ref))
			}
		}
	}
	slices.SortFunc(all, Key.Compare)
	return slices.Clip(slices.Compact(all))
}

func (s *state) indexFirewall(key Key, f *firewallFacts) {
	s.lists.add(f.tag, key, &s.listed)
	s.refer(key, f.referents()...)
	for _, face := range f.faces {
		if _, taken := s.walled[face]; !taken {
			s.walled[face] = key
		}
	}
}

func (s *state) unindexFirewall(key Key, f *firewallFacts) {
	s.lists.remove(f.tag, key, &s.listed)
	s.unrefer(key, f.referents()...)
	for _, face := range f.faces {
		if s.walled[face] == key {
			delete(s.walled, face)
		}
	}
}

func (t *txn) applyFirewallPolicies(drafts []*draft) {
	for _, d := range drafts {
		if tag, ok := t.listTag(d); ok {
			t.accept(d, &weftv1.Status{Details: &weftv1.Status_FirewallPolicy{FirewallPolicy: &weftv1.FirewallPolicyStatus{Tag: tag}}})
		}
		for i, r := range d.given.GetFirewallPolicySpec().GetRules() {
			for _, end := range []struct{ field, ref string }{
				{".sourceAddressGroup", r.GetSourceAddressGroup()}, {".destinationAddressGroup", r.GetDestinationAddressGroup()},
			} {
				if end.ref != "" {
					t.usable(d, indexed("spec.rules", i, end.field), Reference(KindAddressGroup, d.key.Project, end.ref))
				}
			}
		}
	}
}

// applyFirewallGroups accepts firewall groups. All old ones that change go first, so that they can trade interfaces in one request.
func (t *txn) applyFirewallGroups(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, nil)
		}
	}
	for _, d := range drafts {
		f := &d.firewall
		for i, face := range f.faces {
			t.resolve(d, indexed("spec.interfaces", i, ".router"), face.Router)
		}
		if f.ingress != (Key{}) {
			t.usable(d, "spec.ingressPolicy", f.ingress)
		}
		if f.egress != (Key{}) {
			t.usable(d, "spec.egressPolicy", f.egress)
		}
		if d.bad {
			continue
		}
		if tag, ok := t.listTag(d); ok {
			t.accept(d, &weftv1.Status{Details: &weftv1.Status_FirewallGroup{FirewallGroup: &weftv1.FirewallGroupStatus{Tag: tag}}})
		}
	}
	// When all are there: whether two interfaces are in one group is known then.
	for _, d := range drafts {
		if d.bad {
			continue
		}
		if field, reason, problem := t.firewallProblem(d.key, &d.firewall); problem != "" {
			t.refuse(d, field, reason, "%s", problem)
		}
	}
}

// firewallProblem says why a firewall group cannot be for its interfaces; "" when it can.
func (t *txn) firewallProblem(key Key, f *firewallFacts) (field string, reason Reason, problem string) {
	for i, face := range f.faces {
		field := indexed("spec.interfaces", i, "")
		r, ok := t.routerFacts(face.Router)
		if !ok {
			continue // it is being refused itself
		}
		if face.Router.Project != key.Project && !f.shared {
			return field + ".router", ReasonInvalid, fmt.Sprintf("%s is of another project, and the group is not shared", face.Router)
		}
		if holder, in := t.walled[face]; in && holder != key {
			return field, ReasonConflict, fmt.Sprintf("%s is in %s", face, holder)
		}
		if face.By == (Key{}) {
			if r.gateway == nil {
				return field + ".externalGateway", ReasonInvalid, fmt.Sprintf("%s has no gateway", face.Router)
			}
			continue
		}
		if problem := t.facesApart(key, face, r); problem != "" {
			return field + "." + face.By.Kind.lower(), ReasonInvalid, problem
		}
	}
	return "", "", ""
}

// facesApart says why an interface cannot be told from the others of its router; "" when it can. What comes by one network, of one version
// of IP, comes by all interfaces that the router has there.
func (t *txn) facesApart(key Key, face FirewallFace, r *routerFacts) string {
	found := false
	for _, i := range r.interfaces {
		if i.by() != face.By {
			continue
		}
		found = true
		for _, other := range r.interfaces {
			if other.network != i.network || other.address.Addr().Is4() != i.address.Addr().Is4() || other.by() == face.By {
				continue
			}
			if holder := t.walled[FirewallFace{face.Router, other.by()}]; holder != key {
				return fmt.Sprintf("%s has %s and %s on one network, where packets do not say which one they are for: they have to be in one group",
					face.Router, face.By, other.by())
			}
		}
	}
	if !found {
		return fmt.Sprintf("%s is no interface of %s", face.By, face.Router)
	}
	return ""
}

// by is what an interface is named by: its port, or else its subnet.
func (i interfaceFacts) by() Key {
	if i.port != (Key{}) {
		return i.port
	}
	return i.subnet
}

// FirewallGroupRow returns the row of a stored firewall group.
func FirewallGroupRow(res *weftv1.Resource) (FirewallGroup, error) {
	key := KeyOf(res)
	f, err := firewallFactsOf(key, res)
	if err != nil {
		return FirewallGroup{}, fmt.Errorf("%s: %w", key, err)
	}
	return FirewallGroup{
		Key: key, Tag: uint32(f.tag), Up: unlessSaid(res.GetFirewallGroupSpec().AdminStateUp), Ingress: f.ingress, Egress: f.egress, Faces: f.faces,
	}, nil
}

// FirewallPolicyRow returns the row of a stored firewall policy: the rules that are enabled.
func FirewallPolicyRow(res *weftv1.Resource) (RuleList, error) {
	key := KeyOf(res)
	l := RuleList{Key: key, Tag: res.GetStatus().GetFirewallPolicy().GetTag(), Tier: TierFirewall}
	if l.Tag == 0 {
		return l, fmt.Errorf("%s: nothing was allocated for it", key)
	}
	for i, given := range res.GetFirewallPolicySpec().GetRules() {
		r, err := firewallRuleOf(key, i, given)
		if err != nil {
			return l, fmt.Errorf("%s: rules[%d]: %w", key, i, err)
		}
		if unlessSaid(given.Enabled) {
			l.Rules = append(l.Rules, r)
		}
	}
	return l, nil
}
