package intent

import (
	"fmt"
	"net/netip"
	"slices"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// applyForwards accepts port forwardings. All old ones that change go first, so that they can trade ports in one request.
func (t *txn) applyForwards(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, nil)
		}
	}
	for _, d := range drafts {
		want := d.forward
		f := &forwardFacts{float: want.float, router: want.router, protocol: want.protocol, ports: want.external, port: want.port, to: want.internal}
		if f.external = t.externalOf(d, f, want.ip); d.bad {
			continue
		}
		if f.internal = t.addressInside(d, "spec.port", "spec.internalIp", want.port, want.ip, f.external.Is4()); d.bad {
			continue
		}
		if field, reason, problem := t.forwardProblem(d.key, f); problem != "" {
			t.refuse(d, field, reason, "%s", problem)
			continue
		}
		t.accept(d, &weftv1.Status{Details: &weftv1.Status_PortForwarding{PortForwarding: &weftv1.PortForwardingStatus{
			ExternalIp: f.external.String(), InternalIp: f.internal.String(), Router: f.router.relative(d.key.Project),
		}}})
	}
}

// externalOf finds the external address of a forwarding, and its router.
func (t *txn) externalOf(d *draft, f *forwardFacts, inside netip.Addr) netip.Addr {
	if f.float != (Key{}) {
		rec := t.resolve(d, "spec.floatingIp", f.float)
		if rec == nil {
			return netip.Addr{}
		}
		float := rec.facts.(*floatFacts)
		if f.router = float.router; f.router == (Key{}) {
			t.refuse(d, "spec.floatingIp", ReasonInvalid, "%s says no router that translates it", f.float)
		}
		return float.at.ip
	}
	if t.resolve(d, "spec.router", f.router) == nil {
		return netip.Addr{}
	}
	r, _ := t.routerFacts(f.router)
	if r.gateway == nil {
		t.refuse(d, "spec.router", ReasonInvalid, "%s has no external gateway", f.router)
		return netip.Addr{}
	}
	if ip, ok := r.gateway.of(!inside.IsValid() || inside.Is4()); ok {
		return ip
	}
	t.refuse(d, "spec.router", ReasonInvalid, "the gateway of %s has no %s address", f.router, family(!inside.IsValid() || inside.Is4()))
	return netip.Addr{}
}

// of returns the first address of a family.
func (g *gatewayFacts) of(is4 bool) (netip.Addr, bool) {
	for _, c := range g.ips {
		if c.ip.Is4() == is4 {
			return c.ip, true
		}
	}
	return netip.Addr{}, false
}

// forwardProblem says what is wrong between a port forwarding and what it refers to; "" when nothing is.
func (t *txn) forwardProblem(key Key, f *forwardFacts) (field string, reason Reason, problem string) {
	r, ok := t.routerFacts(f.router)
	if !ok || r.gateway == nil {
		return "spec.router", ReasonInvalid, fmt.Sprintf("%s has no external gateway", f.router)
	}
	if f.float != (Key{}) {
		float, ok := t.records[f.float].facts.(*floatFacts)
		switch {
		case !ok || float.at.ip != f.external || float.router != f.router:
			return "spec.floatingIp", ReasonInvalid, fmt.Sprintf("%s is not at %s any more", f.float, f.router)
		case float.port != (Key{}):
			return "spec.floatingIp", ReasonConflict, fmt.Sprintf("%s stands for %s as a whole", f.float, float.port)
		}
	} else if !slices.ContainsFunc(r.gateway.ips, func(c claim) bool { return c.ip == f.external }) {
		return "spec.router", ReasonInvalid, fmt.Sprintf("%s has no gateway address %s", f.router, f.external)
	}
	if problem := t.reachProblem(f.router, r, f.port, f.internal); problem != "" {
		return "spec.port", ReasonInvalid, problem
	}
	for other := range t.refs[f.router] {
		o, ok := t.records[other].facts.(*forwardFacts)
		if ok && other != key && o.external == f.external && o.protocol == f.protocol && o.ports.overlaps(f.ports) {
			return "spec.externalPorts", ReasonConflict, fmt.Sprintf("%s of %s are forwarded by %s (%s)", f.ports, f.external, other, o.ports)
		}
	}
	return "", "", ""
}

// FloatingIPRow returns the row of a stored floating IP.
func FloatingIPRow(res *weftv1.Resource) (FloatingIP, error) {
	key := KeyOf(res)
	f, err := floatFactsOf(key, res)
	if err != nil {
		return FloatingIP{}, fmt.Errorf("%s: %w", key, err)
	}
	return FloatingIP{Key: key, Network: f.network, IP: f.at.ip, MAC: f.mac, Router: f.router, Port: f.port, Fixed: f.fixed,
		Ending: endingOf(res.GetFloatingIpSpec())}, nil
}

// PortForwardingRow returns the row of a stored port forwarding.
func PortForwardingRow(res *weftv1.Resource) (PortForwarding, error) {
	key := KeyOf(res)
	f, err := forwardFactsOf(key, res)
	if err != nil {
		return PortForwarding{}, fmt.Errorf("%s: %w", key, err)
	}
	return PortForwarding{Key: key, Router: f.router, External: f.external, Protocol: f.protocol, Ports: f.ports,
		Port: f.port, Internal: f.internal, To: f.to, Ending: endingOf(res.GetPortForwardingSpec())}, nil
}

// GatewayRow returns the row of a stored router's gateway; false when it has none. Which gateways its subnets have is for
// apps to look up.
func GatewayRow(res *weftv1.Resource) (Gateway, bool, error) {
	key, spec := KeyOf(res), res.GetRouterSpec().GetExternalGateway()
	f, err := gatewayFactsOf(key, res)
	if err != nil {
		return Gateway{}, false, fmt.Errorf("%s: %w", key, err)
	}
	if f == nil {
		return Gateway{}, false, nil
	}
	g := Gateway{Router: key, Network: f.network, MAC: f.mac, Zone: uint16(f.zone), SNAT4: unlessSaid(spec.EnableSnat), SNAT6: spec.GetEnableSnat6(), Host: spec.GetHost(), Ending: endingOf(spec)}
	for _, c := range f.ips {
		g.At = append(g.At, GatewayIP{Subnet: c.subnet, IP: c.ip})
	}
	return g, true, nil
}
