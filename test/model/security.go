package model

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// projects are whose ports there are.
var projects = []string{"red", "blue"}

// Security is what users and administrators say about packets.
type Security struct {
	Groups   []RuleList
	Policies []RuleList // of administrators
	Sets     []AddressSet
}

// RuleList is a security group, or a policy of administrators.
type RuleList struct {
	Project, Name string
	Rules         []Rule

	Stateless, Bare bool // of a group: it tracks no connections; it has no default rules
	Cloud, After    bool // of a policy: it is about all projects; it is asked after the groups
	Priority        int  // of a policy
}

// Rule is one rule of a list. What it leaves out may be any.
type Rule struct {
	Name        string // unique among the rules of all lists
	Egress      bool
	Ethertype   string
	Protocol    string
	First, Last uint16 // ports; 0: any
	Type, Code  int    // of ICMP; negative: any
	Prefix      netip.Prefix
	Group, Set  string // "red/web"
	Shadow      bool
	Action      string // of a policy's rule
}

// AddressSet is an address group.
type AddressSet struct {
	Project, Name string
	Blocks        []netip.Prefix
}

// Path is the list's name for others.
func (l RuleList) Path() string { return l.Project + "/" + l.Name }

// Path is the set's name for others.
func (s AddressSet) Path() string { return s.Project + "/" + s.Name }

// Owner is the project of a port.
func (p Port) Owner() string { return cmp.Or(p.Project, projects[0]) }

// protection is what is said of a port's security, if anything is.
func (p Port) protection() string {
	var s string
	if len(p.Groups) > 0 {
		s += fmt.Sprintf(", securityGroups: [%s]", strings.Join(p.Groups, ", "))
	}
	if len(p.Pairs) > 0 {
		var pairs []string
		for _, pair := range p.Pairs {
			pairs = append(pairs, fmt.Sprintf("{ip: %q}", pair))
		}
		s += fmt.Sprintf(", allowedAddressPairs: [%s]", strings.Join(pairs, ", "))
	}
	if p.Loose {
		s += ", portSecurityEnabled: false"
	}
	return s
}

// yaml is what users and administrators would apply.
func (s Security) yaml() []string {
	var docs []string
	for _, a := range s.Sets {
		docs = append(docs, fmt.Sprintf("kind: AddressGroup\nproject: %s\nname: %s\nspec: {shared: true, addresses: %s}\n", a.Project, a.Name, quoted(a.Blocks)))
	}
	for _, g := range s.Groups {
		docs = append(docs, fmt.Sprintf("kind: SecurityGroup\nproject: %s\nname: %s\nspec:\n  shared: true\n  stateful: %t\n  defaultRules: %t\n  rules:\n%s",
			g.Project, g.Name, !g.Stateless, !g.Bare, rulesYAML(g.Rules)))
	}
	for _, p := range s.Policies {
		scope, stage := "project", "before"
		if p.Cloud {
			scope = "cloud"
		}
		if p.After {
			stage = "after"
		}
		docs = append(docs, fmt.Sprintf("kind: SecurityPolicy\nproject: %s\nname: %s\nspec:\n  scope: %s\n  stage: %s\n  priority: %d\n  rules:\n%s",
			p.Project, p.Name, scope, stage, p.Priority, rulesYAML(p.Rules)))
	}
	return docs
}

func quoted(blocks []netip.Prefix) string {
	var all []string
	for _, b := range blocks {
		all = append(all, fmt.Sprintf("%q", b))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func rulesYAML(rules []Rule) string {
	var b strings.Builder
	for _, r := range rules {
		fmt.Fprintf(&b, "    - %s\n", r)
	}
	return b.String()
}

// String returns the rule in YAML.
func (r Rule) String() string {
	words := []string{"name: " + r.Name, "direction: ingress"}
	if r.Egress {
		words[1] = "direction: egress"
	}
	add := func(given bool, format string, args ...any) {
		if given {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(r.Ethertype != "", "ethertype: %s", r.Ethertype)
	add(r.Protocol != "", "protocol: %q", r.Protocol)
	add(r.First != 0, "ports: %d-%d", r.First, r.Last)
	add(r.Type >= 0, "icmpType: %d", r.Type)
	add(r.Code >= 0, "icmpCode: %d", r.Code)
	add(r.Prefix.IsValid(), "remoteIpPrefix: %q", r.Prefix)
	add(r.Group != "", "remoteGroup: %s", r.Group)
	add(r.Set != "", "remoteAddressGroup: %s", r.Set)
	add(r.Shadow, "mode: shadow")
	add(r.Action != "", "action: %s", r.Action)
	return "{" + strings.Join(words, ", ") + "}"
}

// lists are pointers to all lists of rules.
func (s *Security) lists() []*RuleList {
	var all []*RuleList
	for i := range s.Groups {
		all = append(all, &s.Groups[i])
	}
	for i := range s.Policies {
		all = append(all, &s.Policies[i])
	}
	return all
}

// clone is a topology whose ports and rules can be changed without changing those of the first one.
func (t Topology) clone() Topology {
	t.Ports, t.Security.Groups = slices.Clone(t.Ports), slices.Clone(t.Security.Groups)
	t.Security.Policies, t.Security.Sets = slices.Clone(t.Security.Policies), slices.Clone(t.Security.Sets)
	for i := range t.Ports {
		t.Ports[i].Groups, t.Ports[i].Pairs = slices.Clone(t.Ports[i].Groups), slices.Clone(t.Ports[i].Pairs)
	}
	for _, l := range t.Security.lists() {
		l.Rules = slices.Clone(l.Rules)
	}
	for i := range t.Security.Sets {
		t.Security.Sets[i].Blocks = slices.Clone(t.Security.Sets[i].Blocks)
	}
	return t
}
