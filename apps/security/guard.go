package security

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
)

// guard finds out which lists of rules apply to a port, and makes its addresses those of its groups.
func (a app) guard(r *table.Reader, p intent.Port, out *compile.Out) {
	if !p.Secure {
		return
	}
	groups, ok := a.groups(r, p, out)
	for _, g := range groups {
		a.join(p, g.Key, out)
	}
	lists := a.administrators(r, p.Key.Project, intent.TierCloudBefore, intent.TierProjectBefore)
	lists = append(lists, groups...)
	lists = append(lists, a.administrators(r, p.Key.Project, intent.TierProjectAfter, intent.TierCloudAfter)...)
	if ok && len(lists) == 0 {
		return
	}
	set := policySet(lists, ok && len(groups) == 0)
	compile.Emit(out, a.PolicySets, set)
	compile.Emit(out, a.Guards, intent.Guard{
		Port: p.Key, Policy: set.ID, Stateless: len(groups) > 0 && groups[0].Stateless, Logged: slices.ContainsFunc(lists, intent.RuleList.LogsAny),
	})
}

// groups returns the security groups of a port; false: one is missing, so that what they would let through is not known.
func (a app) groups(r *table.Reader, p intent.Port, out *compile.Out) (groups []intent.RuleList, ok bool) {
	if len(p.Groups) == 0 {
		if g, there := a.RuleLists.Get(r, intent.Key{Kind: intent.KindSecurityGroup, Project: p.Key.Project, Name: intent.DefaultGroup}); there {
			groups = append(groups, g)
		}
		return groups, true
	}
	ok = true
	for _, key := range p.Groups {
		g, there := a.RuleLists.Get(r, key)
		if !there {
			out.Pending("%s does not exist", key)
			ok = false
			continue
		}
		groups = append(groups, g)
	}
	slices.SortFunc(groups, intent.RuleList.Before)
	return groups, ok
}

// administrators returns the policies of some tiers that are about a project's ports, in the order in which they are asked.
func (a app) administrators(r *table.Reader, project string, tiers ...intent.Tier) []intent.RuleList {
	var lists []intent.RuleList
	for _, tier := range tiers {
		for l := range a.TierLists.List(r, tier) {
			if tier == intent.TierCloudBefore || tier == intent.TierCloudAfter || l.Key.Project == project {
				lists = append(lists, l)
			}
		}
	}
	slices.SortFunc(lists, intent.RuleList.Before)
	return lists
}

// join makes a port's addresses, and those that it may send from besides, members of a group.
func (a app) join(p intent.Port, group intent.Key, out *compile.Out) {
	for _, ip := range p.IPs {
		compile.Emit(out, a.GroupMembers, intent.AddressOf{Set: group, Block: netip.PrefixFrom(ip, ip.BitLen())})
	}
	for _, pair := range p.Pairs {
		compile.Emit(out, a.GroupMembers, intent.AddressOf{Set: group, Block: pair.Prefix})
	}
}

// policySet gives what applies to a port a number, which ports to which the same applies share, on all hosts: a hash, so that it
// depends on nothing else. That two different ones get the same number is as likely as guessing 64 bits.
func policySet(lists []intent.RuleList, open bool) intent.PolicySet {
	set := intent.PolicySet{Open: open}
	text := []byte{0}
	if open {
		text[0] = 1
	}
	for _, l := range lists {
		set.Lists = append(set.Lists, l.Key)
		text = binary.BigEndian.AppendUint32(text, l.Tag)
		text = append(text, byte(l.Tier))
	}
	sum := sha256.Sum256(text)
	set.ID = max(1, binary.BigEndian.Uint64(sum[:]))
	return set
}

// place derives where policies are asked.
func (a app) place(r *table.Reader, b intent.Binding, out *compile.Out) {
	g, ok := a.Guards.Get(r, b.Port)
	if !ok {
		return
	}
	compile.Emit(out, a.PoliciesAt, intent.PolicyAt{Host: b.Host, Policy: g.Policy})
	compile.Emit(out, a.GuardedSites, intent.GuardedSite{Network: b.Network, Host: b.Host})
}
