package intent

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// applyPorts accepts ports in three rounds, so that the order of a request does not matter: what ports keep, what they
// name, and last what is chosen for them, which is none of what others name.
func (t *txn) applyPorts(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, nil)
		}
	}
	plans := make([]*portPlan, 0, len(drafts))
	for _, d := range drafts {
		if p := t.planPort(d); p != nil {
			plans = append(plans, p)
		}
	}
	for _, round := range []func(*portPlan){t.keep, t.take, t.choose} {
		for _, p := range plans {
			if !p.d.bad {
				round(p)
			}
		}
	}
}

// portPlan is a port on its way to being accepted. ips has an element for each of the spec's, or for each that is kept or
// chosen where the spec has none.
type portPlan struct {
	d       *draft
	spec    *weftv1.PortSpec
	network *networkFacts
	old     *portFacts // nil: the port is new
	mac     flow.MACAddr
	ips     []claim
	secure  bool
}

// planPort looks at everything that no other port has a say in.
func (t *txn) planPort(d *draft) *portPlan {
	network := t.networkOf(d)
	if network == nil {
		return nil
	}
	p := &portPlan{d: d, spec: d.given.GetPortSpec(), network: network}
	p.secure = t.secure(d, p.spec)
	if d.old != nil {
		p.old = d.old.facts.(*portFacts)
		t.immutable(d, "spec.network", p.old.network.relative(d.key.Project), d.network.relative(d.key.Project))
	}
	t.checkBehind(d)
	t.checkPortGroups(p)
	for i := range d.ips {
		t.locate(d, i)
	}
	if d.bad {
		return nil
	}
	p.ips = make([]claim, len(d.ips))
	for i, want := range d.ips {
		p.ips[i] = claim{subnet: want.key}
	}
	return p
}

// secure tells whether a port is held to its addresses. The network's default counts when the port is made, or stops saying
// for itself.
func (t *txn) secure(d *draft, spec *weftv1.PortSpec) bool {
	if spec.PortSecurityEnabled != nil {
		return spec.GetPortSecurityEnabled()
	}
	if d.old != nil && d.old.res.GetPortSpec().PortSecurityEnabled == nil {
		return d.old.res.GetStatus().GetPort().GetPortSecurityEnabled()
	}
	n := t.records[d.network].res.GetNetworkSpec().PortSecurityEnabled
	return n == nil || *n
}

// locate finds the subnet of an element of fixedIps, and refuses an address that the port cannot have there.
func (t *txn) locate(d *draft, i int) {
	want, field := &d.ips[i], fmt.Sprintf("spec.fixedIps[%d]", i)
	n := t.network(d.network)
	if want.subnet == "" {
		b, ok := n.overlapping(netip.PrefixFrom(want.ip, want.ip.BitLen()))
		if !ok {
			t.noSubnet(d, field+".ip", want.ip)
			return
		}
		want.key = b.subnet
	} else {
		want.key = t.subnetKey(d, want.subnet)
	}
	rec := t.resolve(d, field+".subnet", want.key)
	if rec == nil {
		return
	}
	f := rec.facts.(*subnetFacts)
	shown := want.key.relative(d.key.Project)
	if f.network != d.network {
		t.refuse(d, field+".subnet", ReasonInvalid, "subnet %q is on network %q, not on %q", shown, f.network.relative(d.key.Project), d.network.relative(d.key.Project))
		return
	}
	if !want.ip.IsValid() {
		return
	}
	if !f.block.Contains(want.ip) {
		t.refuse(d, field+".ip", ReasonInvalid, "%s is not in subnet %s (%s)", want.ip, shown, f.block)
	} else if problem := f.reservedProblem(want.ip); problem != "" {
		t.refuse(d, field+".ip", ReasonInvalid, "%s is %s of subnet %s (%s)", want.ip, problem, shown, f.block)
	}
}

// noSubnet says that no subnet of the network holds an address, unless one is missing because it was refused.
func (t *txn) noSubnet(d *draft, field string, ip netip.Addr) {
	if t.refused == nil {
		t.refused = map[Key][]netip.Prefix{}
		for key, s := range t.declared {
			if s.bad && key.Kind == KindSubnet && s.subnet.block.IsValid() {
				t.refused[s.network] = append(t.refused[s.network], s.subnet.block)
			}
		}
	}
	if slices.ContainsFunc(t.refused[d.network], func(p netip.Prefix) bool { return p.Contains(ip) }) {
		d.bad = true
		return
	}
	t.refuse(d, field, ReasonNotFound, "%s is in no subnet of network %q", ip, d.network.relative(d.key.Project))
}

// subnetKey finds the subnet that a port names: a bare name is looked for in the port's project and, where the network is
// another project's, in that one.
func (t *txn) subnetKey(d *draft, name string) Key {
	key := Reference(KindSubnet, d.key.Project, name)
	if key.Name != name || d.network.Project == d.key.Project {
		return key
	}
	theirs := Key{KindSubnet, d.network.Project, name}
	if t.records[key] == nil && t.records[theirs] != nil {
		return theirs
	}
	return key
}

// keep lets a port keep what its spec leaves out and it already has.
func (t *txn) keep(p *portPlan) {
	if p.old == nil {
		return
	}
	if p.spec.GetMacAddress() == "" {
		p.mac = p.old.mac
	}
	if len(p.ips) == 0 && !p.spec.GetNoFixedIps() {
		p.ips = slices.Clone(p.old.ips)
	}
	t.keepOfSubnets(p)
	t.hold(p)
}

// keepOfSubnets keeps addresses for those elements of fixedIps that name a subnet only.
func (t *txn) keepOfSubnets(p *portPlan) {
	free := slices.Clone(p.old.ips)
	for _, want := range p.d.ips {
		free = slices.DeleteFunc(free, func(c claim) bool { return c.ip == want.ip })
	}
	for i, want := range p.d.ips {
		if want.ip.IsValid() {
			continue
		}
		if j := slices.IndexFunc(free, func(c claim) bool { return c.subnet == want.key }); j >= 0 {
			p.ips[i] = claim{subnet: want.key, ip: free[j].ip}
			free = slices.Delete(free, j, j+1)
		}
	}
}

// take gives a port the addresses that it names.
func (t *txn) take(p *portPlan) {
	d, named := p.d, p.spec.GetMacAddress() != ""
	if named {
		if holder, taken := t.network(d.network).macs[d.mac]; taken && holder != d.key {
			t.refuse(d, "spec.macAddress", ReasonConflict, "%s is in use on the network by %s", d.mac, holder)
		}
		p.mac = d.mac
	}
	for i, want := range d.ips {
		if !want.ip.IsValid() {
			continue
		}
		if holder, taken := t.subnet(want.key).ips[want.ip]; taken && holder != d.key {
			t.refuse(d, fmt.Sprintf("spec.fixedIps[%d].ip", i), ReasonConflict, "%s is in use by %s", want.ip, holder)
			continue
		}
		p.ips[i].ip, named = want.ip, true
	}
	if !d.bad && named {
		t.hold(p)
	}
}

// choose allocates what is still missing, and accepts the port.
func (t *txn) choose(p *portPlan) {
	if p.mac == (flow.MACAddr{}) {
		t.chooseMAC(p)
	}
	if p.d.bad {
		return // the address that it forms is made from its MAC address
	}
	for i, c := range p.ips {
		if !c.ip.IsValid() {
			t.chooseIP(p, i)
		}
	}
	if len(p.ips) == 0 && !p.spec.GetNoFixedIps() {
		t.chooseEach(p)
	}
	t.keepInterface(p)
	if !p.d.bad {
		t.finish(p)
	}
}

// chooseMAC allocates fa:16:3e:xx:xx:xx, the prefix that Neutron uses: at random, so that one that was freed is not likely
// to come back soon, nor to be that of another Weft on the same wire.
func (t *txn) chooseMAC(p *portPlan) {
	macs := t.network(p.d.network).macs
	n := rand.Uint32()
	// One more than are taken is enough to find one that is free.
	for range min(len(macs)+1, 1<<24) {
		mac := flow.MACAddr{0xfa, 0x16, 0x3e, byte(n >> 16), byte(n >> 8), byte(n)}
		if _, taken := macs[mac]; !taken {
			p.mac = mac
			return
		}
		n++
	}
	t.refuse(p.d, "spec.macAddress", ReasonExhausted, "no MAC address is free on the network")
}

// chooseIP allocates an address from the subnet that an element of fixedIps names.
func (t *txn) chooseIP(p *portPlan, i int) {
	subnet := p.ips[i].subnet
	ip, ok := t.freeIP(subnet, p.mac)
	if !ok {
		f := t.records[subnet].facts.(*subnetFacts)
		t.refuse(p.d, fmt.Sprintf("spec.fixedIps[%d]", i), ReasonExhausted, "no address is free in subnet %s (%s)", subnet.relative(p.d.key.Project), f.block)
		return
	}
	p.ips[i] = claim{subnet: subnet, ip: ip}
	// At once, so that the next element gets another one.
	t.hold(p)
}

// chooseEach allocates an IPv4 and an IPv6 address, where the network has subnets of them: from the first in the order of
// addresses that has one.
func (t *txn) chooseEach(p *portPlan) {
	for _, family := range []struct {
		name string
		bits int
	}{{"IPv4", 32}, {"IPv6", 128}} {
		full, done := 0, false
		for _, b := range t.network(p.d.network).blocks {
			if done || b.prefix.Addr().BitLen() != family.bits {
				continue
			}
			var ip netip.Addr
			if ip, done = t.freeIP(b.subnet, p.mac); !done {
				full++
				continue
			}
			p.ips = append(p.ips, claim{subnet: b.subnet, ip: ip})
		}
		if full > 0 && !done {
			t.refuse(p.d, "spec.fixedIps", ReasonExhausted, "no %s address is free on network %q: the pools of its %s are used up",
				family.name, p.d.network.relative(p.d.key.Project), plural(full, "subnet"))
		}
	}
}

// freeIP returns the next free address of a subnet; of one whose stations form their addresses, the one that the station with
// this MAC address forms.
func (t *txn) freeIP(subnet Key, mac flow.MACAddr) (netip.Addr, bool) {
	s, f := t.subnet(subnet), t.records[subnet].facts.(*subnetFacts)
	if f.mode.forms() {
		ip := formed(f.block, mac)
		_, taken := s.ips[ip]
		return ip, !taken
	}
	after, ok := t.lastIPs[subnet]
	if !ok {
		after = s.cursor
	}
	ip, ok := s.taken.Next(f.pools, after)
	if ok {
		t.lastIPs[subnet] = ip
	}
	return ip, ok
}

// hold puts what a port has so far into the indexes.
func (t *txn) hold(p *portPlan) {
	facts := &portFacts{network: p.d.network, behind: p.d.behind, mac: p.mac}
	for _, c := range p.ips {
		if c.ip.IsValid() {
			facts.ips = append(facts.ips, c)
		}
	}
	t.put(p.d.key, &record{key: p.d.key, facts: facts})
}

// finish accepts a port that has all it needs.
func (t *txn) finish(p *portPlan) {
	s := &weftv1.PortStatus{MacAddress: p.mac.String(), Mtu: p.network.mtu, PortSecurityEnabled: p.secure}
	for _, c := range p.ips {
		s.FixedIps = append(s.FixedIps, &weftv1.FixedIP{Subnet: c.subnet.relative(p.d.key.Project), Ip: c.ip.String()})
	}
	t.accept(p.d, &weftv1.Status{Details: &weftv1.Status_Port{Port: s}})
}
