package intent

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// zoneRange is where the zones of connection tracking come from, of networks, routers and gateways: a zone has 16 bits, and 0 is
// what is tracked by others.
var zoneRange = []alloc.Range[alloc.ID]{{First: 1, Last: 1<<16 - 1}}

// gatewayFacts is what a router holds of an external network.
type gatewayFacts struct {
	network Key
	mac     flow.MACAddr
	zone    alloc.ID
	ips     []claim
}

// gatewayFactsOf reads what a stored router's status says was allocated outside; nil when it has no gateway.
func gatewayFactsOf(key Key, res *weftv1.Resource) (*gatewayFacts, error) {
	spec, s := res.GetRouterSpec().GetExternalGateway(), res.GetStatus().GetRouter().GetExternalGateway()
	if spec == nil {
		return nil, nil
	}
	g := &gatewayFacts{network: Reference(KindNetwork, key.Project, spec.GetNetwork()), zone: alloc.ID(s.GetZone())}
	if g.zone == 0 {
		return nil, errors.New("a gateway without a zone")
	}
	var err error
	if g.mac, err = parseUnicastMAC(s.GetMacAddress()); err != nil {
		return nil, err
	}
	g.ips, err = claims(key, s.GetFixedIps(), spec.GetFixedIps())
	return g, err
}

// claims reads addresses that a status says are held, and which of them the spec gave.
func claims(key Key, held, given []*weftv1.FixedIP) ([]claim, error) {
	var all []claim
	for i, s := range held {
		ip, err := parseIP(s.GetIp())
		if err != nil {
			return nil, err
		}
		named := i < len(given) && given[i].GetIp() != ""
		all = append(all, claim{Reference(KindSubnet, key.Project, s.GetSubnet()), ip, !named})
	}
	return all, nil
}

func (g *gatewayFacts) status(project string) *weftv1.ExternalGatewayStatus {
	if g == nil {
		return nil
	}
	s := &weftv1.ExternalGatewayStatus{MacAddress: g.mac.String(), Zone: uint32(g.zone)}
	for _, c := range g.ips {
		s.FixedIps = append(s.FixedIps, &weftv1.FixedIP{Subnet: c.subnet.relative(project), Ip: c.ip.String()})
	}
	return s
}

// indexZone keeps who holds which zone.
func (s *state) indexZone(key Key, zone alloc.ID) {
	if zone != 0 {
		s.zones.add(zone, key, &s.zoned)
	}
}

// indexGateway and unindexGateway keep who holds which address outside, and which zone.
func (s *state) indexGateway(key Key, g *gatewayFacts) {
	if g == nil {
		return
	}
	s.indexZone(key, g.zone)
	s.holdOutside(key, g.network, g.mac, g.ips)
}

func (s *state) unindexGateway(key Key, g *gatewayFacts) {
	if g == nil {
		return
	}
	s.zones.remove(g.zone, key, &s.zoned)
	s.leaveOutside(key, g.network, g.mac, g.ips)
}

// holdOutside and leaveOutside keep who has a MAC address and IP addresses on a network without a port.
func (s *state) holdOutside(key, network Key, mac flow.MACAddr, ips []claim) {
	for _, c := range ips {
		n := s.subnet(c.subnet)
		n.ips.add(c.ip, key, &n.taken)
	}
	if macs := s.network(network).macs; macs[mac] == (Key{}) && mac != (flow.MACAddr{}) {
		macs[mac] = key
	}
}

func (s *state) leaveOutside(key, network Key, mac flow.MACAddr, ips []claim) {
	for _, c := range ips {
		n := s.subnet(c.subnet)
		n.ips.remove(c.ip, key, &n.taken)
		s.trimSubnet(c.subnet)
	}
	if n := s.networks[network]; n != nil && n.macs[mac] == key {
		delete(n.macs, mac)
	}
	s.trimNetwork(network)
}

// outside resolves a network that leads outside.
func (t *txn) outside(d *draft, field string, network Key) *networkFacts {
	rec := t.resolve(d, field, network)
	if rec == nil {
		return nil
	}
	n, shown := rec.facts.(*networkFacts), network.relative(d.key.Project)
	switch {
	case d.key.Project != network.Project && !n.shared:
		t.refuse(d, field, ReasonInvalid, "network %q is not shared with other projects", shown)
	case !n.external:
		t.refuse(d, field, ReasonInvalid, "network %q does not lead outside: its spec does not say external: true", shown)
	default:
		return n
	}
	return nil
}

// joinOutside gives a router its place on its external network.
func (t *txn) joinOutside(d *draft, f *routerFacts) {
	want := d.gateway
	if want == nil || d.bad {
		return
	}
	const field = "spec.externalGateway"
	if t.outside(d, field+".network", want.network) == nil {
		return
	}
	g := &gatewayFacts{network: want.network}
	var old *gatewayFacts
	if d.old != nil {
		if old = d.old.facts.(*routerFacts).gateway; old != nil && old.network == want.network {
			g.mac, g.zone = old.mac, old.zone
		} else {
			old = nil
		}
	}
	for i, other := range f.interfaces {
		if other.network == want.network {
			t.refuse(d, field+".network", ReasonConflict, "is that of interfaces[%d]", i)
		} else if b, ok := t.network(want.network).overlapping(other.address.Masked()); ok {
			t.refuse(d, field+".network", ReasonConflict, "its subnet %s (%s) overlaps %s of interfaces[%d]", b.subnet, b.prefix, other.address.Masked(), i)
		}
	}
	for i, ip := range want.ips {
		t.claimOutside(d, fmt.Sprintf("%s.fixedIps[%d]", field, i), g, ip, old)
	}
	if len(want.ips) == 0 {
		t.claimEach(d, field, g, old)
	}
	if d.bad {
		return
	}
	if g.zone == 0 && !t.newZone(d, field, &g.zone) {
		return
	}
	f.gateway = g
}

// newZone allocates a zone of connection tracking.
func (t *txn) newZone(d *draft, field string, zone *alloc.ID) bool {
	next, ok := t.zoned.Next(zoneRange, t.last.Zone)
	if !ok {
		t.refuse(d, field, ReasonExhausted, "there are %s networks, routers and gateways of routers, which is the most there can be: each has a zone of connection tracking",
			reported(zoneRange[0].Last))
		return false
	}
	t.last.Zone, *zone = next, next
	return true
}

func networksOf(interfaces []interfaceFacts) []Key {
	var all []Key
	for _, i := range interfaces {
		all = append(all, i.network)
	}
	return all
}

// freeMAC chooses a MAC address that nobody has on some networks, as chooseMAC does for ports.
func (t *txn) freeMAC(networks ...Key) flow.MACAddr {
	for {
		n := rand.Uint32()
		mac := flow.MACAddr{0xfa, 0x16, 0x3e, byte(n >> 16), byte(n >> 8), byte(n)}
		if !slices.ContainsFunc(networks, func(key Key) bool {
			s := t.networks[key]
			return s != nil && s.macs[mac] != (Key{})
		}) {
			return mac
		}
	}
}

// claimOutside claims an address that is named, or one of a subnet that is.
func (t *txn) claimOutside(d *draft, field string, g *gatewayFacts, want wantedIP, old *gatewayFacts) {
	subnet, ok := t.subnetOutside(d, field, g.network, want)
	if !ok {
		return
	}
	ip := want.ip
	if !ip.IsValid() {
		if ip, ok = t.kept(old, g, subnet); !ok {
			ip, ok = t.poolIP(subnet)
		}
		if !ok {
			t.refuse(d, field, ReasonExhausted, "no address is free in the pools of subnet %q", subnet.relative(d.key.Project))
			return
		}
	}
	if slices.ContainsFunc(g.ips, func(c claim) bool { return c.ip == ip }) {
		t.refuse(d, field+".ip", ReasonInvalid, "%s is given twice", ip)
		return
	}
	g.ips = append(g.ips, claim{subnet, ip, !want.ip.IsValid()})
	t.lastIPs[subnet] = ip
}

// kept returns an address that a gateway has in a subnet already.
func (t *txn) kept(old, now *gatewayFacts, subnet Key) (netip.Addr, bool) {
	if old == nil {
		return netip.Addr{}, false
	}
	for _, c := range old.ips {
		_, taken := t.subnet(subnet).ips[c.ip]
		if c.subnet == subnet && !taken && !slices.ContainsFunc(now.ips, func(o claim) bool { return o.ip == c.ip }) {
			return c.ip, true
		}
	}
	return netip.Addr{}, false
}

// subnetOutside finds the subnet of a wanted address outside, and refuses an address that cannot be had.
func (t *txn) subnetOutside(d *draft, field string, network Key, want wantedIP) (Key, bool) {
	key := Reference(KindSubnet, d.key.Project, want.subnet)
	if want.subnet == "" {
		b, ok := t.network(network).overlapping(netip.PrefixFrom(want.ip, want.ip.BitLen()))
		if !ok {
			t.refuse(d, field+".ip", ReasonNotFound, "%s is in no subnet of network %q", want.ip, network.relative(d.key.Project))
			return key, false
		}
		key = b.subnet
	} else if theirs := (Key{KindSubnet, network.Project, want.subnet}); t.records[key] == nil && t.records[theirs] != nil {
		key = theirs
	}
	rec := t.resolve(d, field+".subnet", key)
	if rec == nil {
		return key, false
	}
	f, shown := rec.facts.(*subnetFacts), key.relative(d.key.Project)
	holder, taken := t.subnet(key).ips[want.ip]
	switch {
	case f.network != network:
		t.refuse(d, field+".subnet", ReasonInvalid, "subnet %q is on network %q, not on %q", shown, f.network.relative(d.key.Project), network.relative(d.key.Project))
	case !want.ip.IsValid():
		return key, true
	case !f.block.Contains(want.ip):
		t.refuse(d, field+".ip", ReasonInvalid, "%s is not in subnet %s (%s)", want.ip, shown, f.block)
	case f.reservedProblem(want.ip) != "":
		t.refuse(d, field+".ip", ReasonInvalid, "%s is %s of subnet %s (%s)", want.ip, f.reservedProblem(want.ip), shown, f.block)
	case !slices.ContainsFunc(f.pools, func(p alloc.Range[netip.Addr]) bool { return p.Contains(want.ip) }):
		t.refuse(d, field+".ip", ReasonInvalid, "%s is in no allocation pool of subnet %s (%s)", want.ip, shown, f.block)
	case taken && holder != d.key:
		t.refuse(d, field+".ip", ReasonConflict, "%s is in use by %s", want.ip, holder)
	default:
		return key, true
	}
	return key, false
}

// claimEach claims an address of each family for which the external network has a subnet.
func (t *txn) claimEach(d *draft, field string, g, old *gatewayFacts) {
	for _, bits := range []int{32, 128} {
		full, done := 0, false
		for _, b := range t.network(g.network).blocks {
			if done || b.prefix.Addr().BitLen() != bits {
				continue
			}
			ip, ok := t.kept(old, g, b.subnet)
			if !ok {
				ip, ok = t.poolIP(b.subnet)
			}
			if !ok {
				full++
				continue
			}
			g.ips, done = append(g.ips, claim{b.subnet, ip, true}), true
		}
		if full > 0 && !done {
			t.refuse(d, field+".fixedIps", ReasonExhausted, "no address is free on network %q: the pools of its %s are used up", g.network.relative(d.key.Project), plural(full, "subnet"))
		}
	}
	if len(g.ips) == 0 && !d.bad {
		t.refuse(d, field+".network", ReasonInvalid, "network %q has no subnet, and so no address for the router", g.network.relative(d.key.Project))
	}
}

// poolIP returns the next free address of a subnet's pools.
func (t *txn) poolIP(subnet Key) (netip.Addr, bool) {
	s, f := t.subnet(subnet), t.records[subnet].facts.(*subnetFacts)
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

// keepExternal refuses to close a network to the outside while it is somebody's way there.
func (t *txn) keepExternal(d *draft) {
	if !d.old.facts.(*networkFacts).external || d.given.GetNetworkSpec().GetExternal() {
		return
	}
	var users []Key
	for _, holder := range t.network(d.key).macs {
		rec := t.records[holder]
		if rec == nil {
			continue
		}
		switch f := rec.facts.(type) {
		case *floatFacts:
			users = append(users, holder)
		case *routerFacts:
			if f.gateway != nil && f.gateway.network == d.key {
				users = append(users, holder)
			}
		}
	}
	if len(users) > 0 {
		slices.SortFunc(users, Key.Compare)
		t.refuse(d, "spec.external", ReasonInUse, "cannot be taken away: %s", list(users[:min(len(users), maxReferrers)], len(users)))
	}
}
