package intent

import (
	"errors"
	"maps"
	"slices"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// listRange is where the numbers of lists of rules and of address groups come from. Flows have room for 31 bits.
var listRange = []alloc.Range[alloc.ID]{{First: 1, Last: 1<<31 - 1}}

// listFacts is what others need to know of a security group or of a policy.
type listFacts struct {
	tag       alloc.ID
	shared    bool
	stateless bool
	remotes   []Key // groups that its rules name, but for itself
}

// setFacts is what others need to know of an address group.
type setFacts struct {
	tag    alloc.ID
	shared bool
}

// securityFactsOf reads what a stored group or policy says, and what was allocated for it.
func securityFactsOf(key Key, res *weftv1.Resource) (any, error) {
	s := res.GetStatus()
	var f listFacts
	switch key.Kind {
	case KindAddressGroup:
		f.tag = alloc.ID(s.GetAddressGroup().GetTag())
	case KindSecurityPolicy:
		f = listFacts{tag: alloc.ID(s.GetSecurityPolicy().GetTag()), remotes: remotes(key, res.GetSecurityPolicySpec().GetRules())}
	case KindFirewallPolicy:
		spec := res.GetFirewallPolicySpec()
		f = listFacts{tag: alloc.ID(s.GetFirewallPolicy().GetTag()), shared: spec.GetShared(), remotes: firewallSets(key, spec.GetRules())}
	default:
		spec := res.GetSecurityGroupSpec()
		f = listFacts{alloc.ID(s.GetSecurityGroup().GetTag()), spec.GetShared(), !unlessSaid(spec.Stateful), remotes(key, spec.GetRules())}
	}
	if f.tag == 0 {
		return nil, errors.New("nothing was allocated for it")
	}
	if key.Kind == KindAddressGroup {
		return &setFacts{f.tag, res.GetAddressGroupSpec().GetShared()}, nil
	}
	return &f, nil
}

// remotes returns the groups that rules of a list name as other ends, but for the list itself.
func remotes(list Key, rules []*weftv1.SecurityRule) []Key {
	var all []Key
	for _, r := range rules {
		if key, ok := remoteOf(list, r); ok && key != list {
			all = append(all, key)
		}
	}
	slices.SortFunc(all, Key.Compare)
	return slices.Clip(slices.Compact(all))
}

// remoteOf returns the group that a rule names as the other end.
func remoteOf(list Key, r *weftv1.SecurityRule) (Key, bool) {
	switch {
	case r.GetRemoteGroup() != "":
		return Reference(KindSecurityGroup, list.Project, r.GetRemoteGroup()), true
	case r.GetRemoteAddressGroup() != "":
		return Reference(KindAddressGroup, list.Project, r.GetRemoteAddressGroup()), true
	}
	return Key{}, false
}

func (s *state) indexList(key Key, f *listFacts) {
	s.lists.add(f.tag, key, &s.listed)
	s.refer(key, f.remotes...)
}

func (s *state) unindexList(key Key, f *listFacts) {
	s.lists.remove(f.tag, key, &s.listed)
	s.unrefer(key, f.remotes...)
}

// listTag returns the number of a list of rules, an address group, a firewall group, a load balancer or a listener: the one that it has, or a free one.
func (t *txn) listTag(d *draft) (uint32, bool) {
	if d.old != nil {
		switch f := d.old.facts.(type) {
		case *listFacts:
			return uint32(f.tag), true
		case *setFacts:
			return uint32(f.tag), true
		case *firewallFacts:
			return uint32(f.tag), true
		case *balancerFacts:
			return uint32(f.tag), true
		case *listenerFacts:
			return uint32(f.tag), true
		}
	}
	tag, ok := t.listed.Next(listRange, t.last.List)
	if !ok {
		t.refuse(d, "", ReasonExhausted, "there are %s security groups, policies, firewall groups, address groups, load balancers and listeners, which is the most there can be", reported(listRange[0].Last))
		return 0, false
	}
	t.last.List = tag
	return uint32(tag), true
}

func (t *txn) applyAddressGroups(drafts []*draft) {
	for _, d := range drafts {
		if tag, ok := t.listTag(d); ok {
			s := &weftv1.AddressGroupStatus{Tag: tag, Blocks: uint32(d.blocks)}
			t.accept(d, &weftv1.Status{Details: &weftv1.Status_AddressGroup{AddressGroup: s}})
		}
	}
}

// applySecurityGroups accepts security groups, and then looks at what their rules name: they may name each other.
func (t *txn) applySecurityGroups(drafts []*draft) {
	for _, d := range drafts {
		if tag, ok := t.listTag(d); ok {
			t.accept(d, &weftv1.Status{Details: &weftv1.Status_SecurityGroup{SecurityGroup: &weftv1.SecurityGroupStatus{Tag: tag}}})
		}
	}
	for _, d := range drafts {
		t.checkRemotes(d, d.given.GetSecurityGroupSpec().GetRules())
	}
}

func (t *txn) applySecurityPolicies(drafts []*draft) {
	for _, d := range drafts {
		if tag, ok := t.listTag(d); ok {
			t.accept(d, &weftv1.Status{Details: &weftv1.Status_SecurityPolicy{SecurityPolicy: &weftv1.SecurityPolicyStatus{Tag: tag}}})
		}
		t.checkRemotes(d, d.given.GetSecurityPolicySpec().GetRules())
	}
}

// checkRemotes refuses rules whose other end is no group, or one of another project that does not share it.
func (t *txn) checkRemotes(d *draft, rules []*weftv1.SecurityRule) {
	for i, r := range rules {
		field := indexed("spec.rules", i, ".remoteGroup")
		if r.GetRemoteAddressGroup() != "" {
			field = indexed("spec.rules", i, ".remoteAddressGroup")
		}
		if key, ok := remoteOf(d.key, r); ok {
			t.usable(d, field, key)
		}
	}
}

// usable tells whether a resource may name a group.
func (t *txn) usable(d *draft, field string, key Key) bool {
	rec := t.resolve(d, field, key)
	if rec == nil {
		return false
	}
	if key.Project != d.key.Project && !shared(rec.facts) {
		t.refuse(d, field, ReasonInvalid, "%s %q is not shared with other projects", key.Kind.lower(), key.relative(d.key.Project))
		return false
	}
	return true
}

// shared tells whether other projects may name a group.
func shared(facts any) bool {
	switch f := facts.(type) {
	case *listFacts:
		return f.shared
	case *setFacts:
		return f.shared
	}
	return false
}

// checkPortGroups refuses security groups that a port cannot have.
func (t *txn) checkPortGroups(p *portPlan) {
	const field = "spec.securityGroups"
	d := p.d
	if len(d.groups) > 0 && !p.secure {
		t.refuse(d, field, ReasonInvalid, "must be left out: the port has no port security, without which groups do not count")
		return
	}
	for i, key := range d.groups {
		if !t.usable(d, indexed(field, i, ""), key) {
			return
		}
	}
	if a, b, mixed := t.mixed(d.groups); mixed {
		t.refuse(d, field, ReasonInvalid, "group %q is stateful and %q is stateless: those of a port are all one or the other",
			a.relative(d.key.Project), b.relative(d.key.Project))
	}
}

// mixed finds a stateful and a stateless one among security groups.
func (t *txn) mixed(groups []Key) (stateful, stateless Key, both bool) {
	for _, key := range groups {
		rec := t.records[key]
		if rec == nil {
			continue
		}
		if f, ok := rec.facts.(*listFacts); ok && f.stateless {
			stateless = key
		} else {
			stateful = key
		}
	}
	return stateful, stateless, stateful != Key{} && stateless != Key{}
}

// checkGroups refuses changes of groups that those which name them do not bear.
func (t *txn) checkGroups(drafts []*draft) {
	for _, d := range drafts {
		if d.bad || d.next == nil || d.old == nil {
			continue
		}
		if shared(d.old.facts) && !shared(d.next.facts) {
			t.keepGroupShared(d)
		}
		old, ok := d.old.facts.(*listFacts)
		if now, _ := d.next.facts.(*listFacts); ok && old.stateless != now.stateless {
			t.keepUniform(d)
		}
	}
}

func (t *txn) keepGroupShared(d *draft) {
	var users []Key
	for from := range t.refs[d.key] {
		if from.Project != d.key.Project {
			users = append(users, from)
		}
	}
	if len(users) > 0 {
		slices.SortFunc(users, Key.Compare)
		t.refuse(d, "spec.shared", ReasonInUse, "cannot become false: other projects use it: %s", list(users, len(users)))
	}
}

// keepUniform refuses to make a group stateful or stateless while ports have others with it that stay what they are.
func (t *txn) keepUniform(d *draft) {
	for _, from := range slices.SortedFunc(maps.Keys(t.refs[d.key]), Key.Compare) {
		if other := t.declared[from]; other != nil && other.next != nil {
			continue // it was looked at itself
		}
		f, ok := t.records[from].facts.(*portFacts)
		if !ok {
			continue
		}
		if a, b, mixed := t.mixed(f.groups); mixed {
			t.refuse(d, "spec.stateful", ReasonInUse, "cannot be changed: %s has %s, stateful, and %s, stateless", from, a, b)
			return // one says enough
		}
	}
}

// PortsOfGroup returns how many ports a security group counts for.
func (c *Catalog) PortsOfGroup(group Key) uint32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := uint32(0)
	for from := range c.state.refs[group] {
		if from.Kind == KindPort {
			n++
		}
	}
	if group.Name == DefaultGroup {
		n += uint32(c.state.ungrouped[group.Project])
	}
	return n
}

// GroupsOfPort returns the security groups that count for a port, as its project names them.
func (c *Catalog) GroupsOfPort(port Key) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	rec := c.state.records[port]
	if rec == nil {
		return nil
	}
	f, ok := rec.facts.(*portFacts)
	if !ok || !f.secure {
		return nil
	}
	var names []string
	for _, key := range f.groups {
		names = append(names, key.relative(port.Project))
	}
	if def := c.state.records[Key{KindSecurityGroup, port.Project, DefaultGroup}]; len(names) == 0 && def != nil {
		names = append(names, DefaultGroup)
	}
	return names
}
