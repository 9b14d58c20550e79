package intent

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// floatFacts is what a floating IP holds, and what it stands for.
type floatFacts struct {
	network Key
	at      claim
	mac     flow.MACAddr
	router  Key // zero: none
	port    Key // zero: none
	fixed   netip.Addr
}

// forwardFacts is what a port forwarding holds of an external address, and where it leads.
type forwardFacts struct {
	float    Key // zero: the address is the router's
	router   Key
	external netip.Addr
	protocol uint8
	ports    PortRange
	port     Key
	internal netip.Addr
	to       PortRange
}

func floatFactsOf(key Key, res *weftv1.Resource) (*floatFacts, error) {
	spec, s := res.GetFloatingIpSpec(), res.GetStatus().GetFloatingIp()
	f := &floatFacts{network: Reference(KindNetwork, key.Project, spec.GetNetwork())}
	var err error
	if f.at.ip, err = parseIP(s.GetIp()); err != nil {
		return nil, err
	}
	f.at.subnet, f.at.allocated = Reference(KindSubnet, key.Project, s.GetSubnet()), spec.GetIp() == ""
	if f.mac, err = parseUnicastMAC(s.GetMacAddress()); err != nil {
		return nil, err
	}
	if s.GetRouter() != "" {
		f.router = Reference(KindRouter, key.Project, s.GetRouter())
	}
	if spec.GetPort() != "" {
		f.port = Reference(KindPort, key.Project, spec.GetPort())
		f.fixed, err = parseIP(s.GetFixedIp())
	}
	return f, err
}

func forwardFactsOf(key Key, res *weftv1.Resource) (*forwardFacts, error) {
	spec, s := res.GetPortForwardingSpec(), res.GetStatus().GetPortForwarding()
	f := &forwardFacts{
		router: Reference(KindRouter, key.Project, s.GetRouter()), port: Reference(KindPort, key.Project, spec.GetPort()),
		protocol: forwarded[spec.GetProtocol()],
	}
	if spec.GetFloatingIp() != "" {
		f.float = Reference(KindFloatingIP, key.Project, spec.GetFloatingIp())
	}
	if f.protocol == 0 || s.GetRouter() == "" {
		return nil, errors.New("a port forwarding without a protocol or a router")
	}
	var err error
	if f.external, err = parseIP(s.GetExternalIp()); err != nil {
		return nil, err
	}
	if f.internal, err = parseIP(s.GetInternalIp()); err != nil {
		return nil, err
	}
	if f.ports, err = parsePorts(spec.GetExternalPorts()); err != nil {
		return nil, err
	}
	f.to = f.ports
	if spec.GetInternalPorts() != "" {
		f.to, err = parsePorts(spec.GetInternalPorts())
	}
	return f, err
}

// referents are what a floating IP cannot be without.
func (f *floatFacts) referents() []Key { return named(f.router, f.port) }

func (f *forwardFacts) referents() []Key { return named(f.float, f.router, f.port) }

// named leaves out the zero Key.
func named(keys ...Key) []Key { return slices.DeleteFunc(keys, func(k Key) bool { return k == Key{} }) }

// refer and unrefer keep who refers to what.
func (s *state) refer(from Key, to ...Key) {
	for _, key := range to {
		if s.refs[key] == nil {
			s.refs[key] = map[Key]struct{}{}
		}
		s.refs[key][from] = struct{}{}
	}
}

func (s *state) unrefer(from Key, to ...Key) {
	for _, key := range to {
		if delete(s.refs[key], from); len(s.refs[key]) == 0 {
			delete(s.refs, key)
		}
	}
}

func (s *state) indexFloat(key Key, f *floatFacts) {
	s.holdOutside(key, f.network, f.mac, []claim{f.at})
	s.refer(key, f.referents()...)
}

func (s *state) unindexFloat(key Key, f *floatFacts) {
	s.leaveOutside(key, f.network, f.mac, []claim{f.at})
	s.unrefer(key, f.referents()...)
}

// applyFloats accepts floating IPs: first those that name their address, so that no other one is given it.
func (t *txn) applyFloats(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, nil)
		}
	}
	for _, named := range []bool{true, false} {
		for _, d := range drafts {
			if has := d.float.ip.IsValid() || d.old != nil; has == named {
				t.applyFloat(d)
			}
		}
	}
}

func (t *txn) applyFloat(d *draft) {
	if t.outside(d, "spec.network", d.network) == nil {
		return
	}
	f := &floatFacts{network: d.network, port: d.float.port}
	t.addressOf(d, f)
	if d.bad {
		return
	}
	if f.port != (Key{}) {
		f.fixed = t.addressInside(d, "spec.port", "spec.fixedIp", f.port, d.float.fixed, f.at.ip.Is4())
	}
	if !d.bad {
		f.router = t.translator(d, f)
	}
	if d.bad {
		return
	}
	if field, reason, problem := t.floatProblem(d.key, f); problem != "" {
		t.refuse(d, field, reason, "%s", problem)
		return
	}
	s := &weftv1.FloatingIPStatus{
		Ip: f.at.ip.String(), Subnet: f.at.subnet.relative(d.key.Project), MacAddress: f.mac.String(),
	}
	if f.router != (Key{}) {
		s.Router = f.router.relative(d.key.Project)
	}
	if f.fixed.IsValid() {
		s.FixedIp = f.fixed.String()
	}
	t.accept(d, &weftv1.Status{Details: &weftv1.Status_FloatingIp{FloatingIp: s}})
}

// addressOf finds the address of a floating IP: the one that it has, the one that it names, or a free one of the first subnet
// that has one; IPv4 comes first.
func (t *txn) addressOf(d *draft, f *floatFacts) {
	if d.old != nil {
		old := d.old.facts.(*floatFacts)
		t.immutable(d, "spec.network", old.network.relative(d.key.Project), d.network.relative(d.key.Project))
		if d.float.ip.IsValid() {
			t.immutable(d, "spec.ip", old.at.ip.String(), d.float.ip.String())
		}
		f.at, f.mac = old.at, old.mac
		return
	}
	f.mac = t.freeMAC(d.network)
	if d.float.ip.IsValid() {
		subnet, ok := t.subnetOutside(d, "spec", d.network, wantedIP{ip: d.float.ip})
		if ok {
			f.at = claim{subnet, d.float.ip, false}
		}
		return
	}
	full := 0
	for _, bits := range []int{32, 128} {
		for _, b := range t.network(d.network).blocks {
			if b.prefix.Addr().BitLen() != bits || d.float.fixed.IsValid() && d.float.fixed.BitLen() != bits {
				continue
			}
			if ip, ok := t.poolIP(b.subnet); ok {
				f.at = claim{b.subnet, ip, true}
				return
			}
			full++
		}
	}
	if full == 0 {
		t.refuse(d, "spec.network", ReasonInvalid, "network %q has no subnet, and so no address", d.network.relative(d.key.Project))
		return
	}
	t.refuse(d, "spec.ip", ReasonExhausted, "no address is free on network %q: the pools of its %s are used up", d.network.relative(d.key.Project), plural(full, "subnet"))
}

// addressInside finds the address of a port that one outside stands for.
func (t *txn) addressInside(d *draft, portField, ipField string, port Key, want netip.Addr, is4 bool) netip.Addr {
	rec := t.resolve(d, portField, port)
	if rec == nil {
		return netip.Addr{}
	}
	shown := port.relative(d.key.Project)
	for _, c := range rec.facts.(*portFacts).ips {
		if c.ip == want || !want.IsValid() && c.ip.Is4() == is4 {
			return c.ip
		}
	}
	if want.IsValid() {
		t.refuse(d, ipField, ReasonInvalid, "%s is no address of port %q", want, shown)
	} else {
		t.refuse(d, portField, ReasonInvalid, "port %q has no %s address", shown, family(is4))
	}
	return netip.Addr{}
}

func family(is4 bool) string {
	if is4 {
		return "IPv4"
	}
	return "IPv6"
}

// translator finds the router that translates a floating IP: the one that is named, or that joins the port's subnet and has
// its gateway on the address's network.
func (t *txn) translator(d *draft, f *floatFacts) Key {
	if d.float.router != (Key{}) {
		if t.resolve(d, "spec.router", d.float.router) == nil {
			return Key{}
		}
		return d.float.router
	}
	if f.port == (Key{}) {
		return Key{}
	}
	var found []Key
	subnet := t.subnetOfPort(f.port, f.fixed)
	for from := range t.refs[subnet] {
		if rec := t.records[from]; rec != nil && rec.res != nil {
			if r, ok := rec.facts.(*routerFacts); ok && r.gateway != nil && r.gateway.network == f.network {
				found = append(found, from)
			}
		}
	}
	switch len(found) {
	case 0:
		t.refuse(d, "spec.port", ReasonInvalid, "%s is on subnet %s, which no router joins that has its gateway on network %q",
			f.fixed, subnet.relative(d.key.Project), f.network.relative(d.key.Project))
		return Key{}
	case 1:
		return found[0]
	}
	slices.SortFunc(found, Key.Compare)
	t.refuse(d, "spec.router", ReasonInvalid, "is missing: %s could translate it", list(found, len(found)))
	return Key{}
}

// subnetOfPort returns the subnet of a port's address.
func (t *txn) subnetOfPort(port Key, ip netip.Addr) Key {
	if rec := t.records[port]; rec != nil {
		if p, ok := rec.facts.(*portFacts); ok {
			for _, c := range p.ips {
				if c.ip == ip {
					return c.subnet
				}
			}
		}
	}
	return Key{}
}

// floatProblem says what is wrong between a floating IP and what it refers to; "" when nothing is.
func (t *txn) floatProblem(key Key, f *floatFacts) (field string, reason Reason, problem string) {
	if f.router == (Key{}) {
		return "", "", ""
	}
	r, ok := t.routerFacts(f.router)
	if !ok || r.gateway == nil || r.gateway.network != f.network {
		return "spec.router", ReasonInvalid, fmt.Sprintf("%s has no gateway on %s", f.router, f.network)
	}
	if f.port == (Key{}) {
		return "", "", ""
	}
	if problem := t.reachProblem(f.router, r, f.port, f.fixed); problem != "" {
		return "spec.port", ReasonInvalid, problem
	}
	for other := range t.refs[f.port] {
		o, ok := t.records[other].facts.(*floatFacts)
		if ok && other != key && o.fixed == f.fixed && o.port == f.port && o.router == f.router {
			return "spec.fixedIp", ReasonConflict, fmt.Sprintf("%s has the floating IP %s already (%s)", f.fixed, o.at.ip, other)
		}
	}
	for other := range t.refs[key] {
		if other.Kind == KindPortForwarding || other.Kind == KindNATRule {
			return "spec.port", ReasonConflict, fmt.Sprintf("the address cannot stand for a port as a whole: %s translates with it", other)
		}
	}
	return "", "", ""
}

func (t *txn) routerFacts(key Key) (*routerFacts, bool) {
	rec := t.records[key]
	if rec == nil || rec.res == nil {
		return nil, false
	}
	r, ok := rec.facts.(*routerFacts)
	return r, ok
}

// reachProblem says why a router cannot translate for an address of a port.
func (t *txn) reachProblem(router Key, r *routerFacts, port Key, ip netip.Addr) string {
	if holder, in := t.ported[port]; in {
		return fmt.Sprintf("%s is an interface of %s", port, holder)
	}
	subnet := t.subnetOfPort(port, ip)
	if subnet == (Key{}) {
		return fmt.Sprintf("%s has no address %s", port, ip)
	}
	if !slices.ContainsFunc(r.interfaces, func(i interfaceFacts) bool { return i.subnet == subnet }) {
		return fmt.Sprintf("%s does not join %s, where %s has %s", router, subnet, port, ip)
	}
	return ""
}

// checkReferrers refuses changes of ports, routers and floating IPs that those which refer to them do not bear.
func (t *txn) checkReferrers(drafts []*draft) {
	for _, d := range drafts {
		if d.bad || d.same || d.key.Kind == KindSecurityGroup || d.key.Kind == KindAddressGroup || d.key.Kind == KindFirewallPolicy { // of those, checkGroups does
			continue
		}
		for _, from := range slices.SortedFunc(maps.Keys(t.refs[d.key]), Key.Compare) {
			rec := t.records[from]
			if other := t.declared[from]; rec == nil || rec.res == nil || other != nil && other.next != nil {
				continue // it was looked at itself
			}
			problem := ""
			switch f := rec.facts.(type) {
			case *floatFacts:
				_, _, problem = t.floatProblem(from, f)
			case *forwardFacts:
				_, _, problem = t.forwardProblem(from, f)
			case *ruleFacts:
				_, _, problem = t.ruleProblem(from, f)
			case *firewallFacts:
				_, _, problem = t.firewallProblem(from, f)
			}
			if problem != "" {
				t.refuse(d, "", ReasonInUse, "%s needs it as it was: %s", from, problem)
				break // one says enough
			}
		}
	}
}
