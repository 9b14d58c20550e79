package intent

import (
	"fmt"
	"net/netip"
	"slices"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// macOf is the MAC address of an interface.
func (f *routerFacts) macOf(i interfaceFacts) flow.MACAddr {
	if i.port != (Key{}) {
		return i.mac
	}
	return f.mac
}

// finishRouters gives routers the ports that they name, when those have their addresses, and accepts them.
func (t *txn) finishRouters(drafts []*draft) {
	for _, d := range drafts {
		if d.bad {
			continue
		}
		f := *d.router
		f.interfaces = slices.Clone(f.interfaces)
		if f.gateway != nil {
			gateway := *f.gateway
			f.gateway = &gateway
		}
		for i, want := range d.interfaces {
			if want.port != (Key{}) {
				t.joinPort(d, &f, i, want.port)
			}
		}
		if !d.bad {
			t.acceptRouter(d, &f)
		}
	}
}

// joinPort gives a router the addresses of a port.
func (t *txn) joinPort(d *draft, f *routerFacts, i int, port Key) {
	field := fmt.Sprintf("spec.interfaces[%d].port", i)
	rec := t.resolve(d, field, port)
	if rec == nil {
		return
	}
	p := rec.facts.(*portFacts)
	if reason, problem := t.portProblem(rec, p); problem != "" {
		t.refuse(d, field, reason, "port %q %s", port.Name, problem)
		return
	}
	for _, c := range p.ips {
		subnet := t.records[c.subnet].facts.(*subnetFacts)
		t.apart(d, f, i, c, subnet)
		f.interfaces = append(f.interfaces, interfaceFacts{
			subnet: c.subnet, network: p.network, address: netip.PrefixFrom(c.ip, subnet.block.Bits()), port: port, mac: p.mac})
		d.elements = append(d.elements, i)
	}
}

// portProblem says why a port can be no interface of a router: it is somebody else's, or not fit; "" when it can.
func (t *txn) portProblem(rec *record, p *portFacts) (Reason, string) {
	if router, taken := t.ported[rec.key]; taken {
		return ReasonConflict, fmt.Sprintf("is an interface of %s", router)
	}
	if trunk, in := t.trunked[rec.key]; in {
		return ReasonConflict, fmt.Sprintf("is in %s", trunk)
	}
	if users := t.referrers(rec.key); len(users) > 0 {
		return ReasonConflict, fmt.Sprintf("is used by %s", list(users[:min(len(users), maxReferrers)], len(users)))
	}
	switch {
	case p.behind != (Key{}):
		return ReasonInvalid, fmt.Sprintf("is behind %s", p.behind)
	case !unlessSaid(rec.res.GetPortSpec().AdminStateUp):
		return ReasonInvalid, "is administratively down"
	case len(p.ips) == 0:
		return ReasonInvalid, "has no addresses"
	}
	return "", ""
}

// apart refuses an address of a port on a subnet that overlaps another one of its router's.
func (t *txn) apart(d *draft, f *routerFacts, i int, c claim, subnet *subnetFacts) {
	field := fmt.Sprintf("spec.interfaces[%d].port", i)
	for j, other := range f.interfaces {
		switch {
		case !other.address.Overlaps(subnet.block):
		case d.elements[j] == i:
			t.refuse(d, field, ReasonInvalid, "port %q has %s and %s on subnet %q; a router has one address on a subnet",
				other.port.Name, other.address.Addr(), c.ip, c.subnet.relative(d.key.Project))
		default:
			t.refuse(d, field, ReasonConflict, "%s overlaps %s of interfaces[%d]", subnet.block, other.address.Masked(), d.elements[j])
		}
	}
	if f.gateway == nil {
		return
	}
	if f.gateway.network == subnet.network {
		t.refuse(d, field, ReasonConflict, "is on network %q, which is that of externalGateway", subnet.network.relative(d.key.Project))
	} else if b, ok := t.network(f.gateway.network).overlapping(subnet.block); ok {
		t.refuse(d, field, ReasonConflict, "%s overlaps subnet %s (%s) of externalGateway", subnet.block, b.subnet, b.prefix)
	}
}

// indexPorted and unindexPorted keep which router has a port.
func (s *state) indexPorted(router Key, i interfaceFacts) {
	s.refer(router, i.subnet)
	if _, taken := s.ported[i.port]; !taken {
		s.ported[i.port] = router
	}
}

func (s *state) unindexPorted(router Key, i interfaceFacts) {
	s.unrefer(router, i.subnet)
	if s.ported[i.port] == router {
		delete(s.ported, i.port)
	}
}

// keepInterface refuses changes of a port that the router which has it as an interface does not bear.
func (t *txn) keepInterface(p *portPlan) {
	router, in := t.ported[p.d.key]
	if !in {
		return
	}
	keep := func(field string, changed bool) {
		if changed {
			t.refuse(p.d, field, ReasonInUse, "cannot be changed: %s has the port as an interface", router)
		}
	}
	keep("spec.macAddress", p.mac != p.old.mac)
	keep("spec.fixedIps", !slices.Equal(addressesOf(p.ips), addressesOf(p.old.ips)))
	keep("spec.host", p.d.behind != (Key{}))
	keep("spec.adminStateUp", !unlessSaid(p.spec.AdminStateUp))
}

// addressesOf returns the addresses of claims in order.
func addressesOf(claims []claim) []netip.Addr {
	all := make([]netip.Addr, len(claims))
	for i, c := range claims {
		all[i] = c.ip
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// parseFace reads an interface by port.
func (t *txn) parseFace(d *draft, field string, given *weftv1.RouterInterface, seen map[Key]int) wantedInterface {
	want := wantedInterface{port: t.parseOwn(d, field+".port", given.GetPort())}
	if given.GetSubnet() != "" {
		t.refuse(d, field+".subnet", ReasonInvalid, "must be left out: port says where the interface is")
	}
	if given.GetIp() != "" {
		t.refuse(d, field+".ip", ReasonInvalid, "must be left out: the interface has the port's addresses")
	}
	if first, twice := seen[want.port]; twice {
		t.refuse(d, field+".port", ReasonInvalid, "is that of interfaces[%d]", first)
	}
	return want
}
