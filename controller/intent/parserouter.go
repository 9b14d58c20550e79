package intent

import (
	"fmt"
	"net/netip"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Most elements of a router's lists.
const (
	maxInterfaces = 1000
	maxRoutes     = 1000
	maxNextHops   = 16
	maxWeight     = 64
)

// wantedInterface is an element of a router's interfaces.
type wantedInterface struct {
	subnet Key
	ip     netip.Addr // zero: the subnet's gateway
	port   Key        // in place of both; the zero Key: none
}

func (t *txn) parseRouter(d *draft, spec *weftv1.RouterSpec) {
	if n := len(spec.GetInterfaces()); n > maxInterfaces {
		t.refuse(d, "spec.interfaces", ReasonInvalid, "are %s; at most %s", reported(n), reported(maxInterfaces))
		return
	}
	if n := len(spec.GetRoutes()); n > maxRoutes {
		t.refuse(d, "spec.routes", ReasonInvalid, "are %s; at most %s", reported(n), reported(maxRoutes))
		return
	}
	t.parseInterfaces(d, spec.GetInterfaces())
	t.parseExternalGateway(d, spec.GetExternalGateway())
	seen := map[netip.Prefix]int{}
	for i, r := range spec.GetRoutes() {
		t.parseRoute(d, i, r, seen)
	}
	t.parsePolicies(d, spec.GetPolicyRoutes())
}

func (t *txn) parseInterfaces(d *draft, given []*weftv1.RouterInterface) {
	seen := map[Key]int{}
	for i, g := range given {
		field := fmt.Sprintf("spec.interfaces[%d]", i)
		if g.GetPort() != "" {
			want := t.parseFace(d, field, g, seen)
			seen[want.port] = i
			d.interfaces = append(d.interfaces, want)
			continue
		}
		want := wantedInterface{subnet: t.parseRef(d, field+".subnet", KindSubnet, g.GetSubnet())}
		if first, twice := seen[want.subnet]; twice && g.GetSubnet() != "" {
			t.refuse(d, field+".subnet", ReasonInvalid, "is that of interfaces[%d]", first)
		}
		seen[want.subnet] = i
		if g.GetIp() != "" {
			var err error
			if want.ip, err = parseIP(g.GetIp()); err != nil {
				t.refuse(d, field+".ip", ReasonInvalid, "%v", err)
			}
		}
		d.interfaces = append(d.interfaces, want)
	}
}

func (t *txn) parseRoute(d *draft, i int, given *weftv1.Route, seen map[netip.Prefix]int) {
	field := fmt.Sprintf("spec.routes[%d]", i)
	destination, err := parseCIDR(given.GetDestination())
	if err != nil {
		t.refuse(d, field+".destination", ReasonInvalid, "%v", err)
		return
	}
	if first, twice := seen[destination]; twice {
		t.refuse(d, field+".destination", ReasonInvalid, "%s is that of routes[%d]; a route may have several next hops", destination, first)
	}
	seen[destination] = i
	typ, ok := routeTypes[given.GetType()]
	n := len(given.GetNextHops())
	switch {
	case !ok:
		t.refuse(d, field+".type", ReasonInvalid, "%q is none of unicast, blackhole, reject%s", given.GetType(), didYouMean(given.GetType(), []string{"unicast", "blackhole", "reject"}))
	case typ == Unicast && n == 0:
		t.refuse(d, field+".nextHops", ReasonInvalid, "are missing; a route without any is of type blackhole or reject")
	case typ != Unicast && n > 0:
		t.refuse(d, field+".nextHops", ReasonInvalid, "must be left out: a route of type %s goes nowhere", given.GetType())
	case n > maxNextHops:
		t.refuse(d, field+".nextHops", ReasonInvalid, "are %d; at most %d", n, maxNextHops)
	default:
		t.parseNextHops(d, field, destination, given.GetNextHops())
	}
}

// routeTypes are the types of routes by name.
var routeTypes = map[string]RouteType{"": Unicast, "unicast": Unicast, "blackhole": Blackhole, "reject": Reject}

func (t *txn) parseNextHops(d *draft, route string, destination netip.Prefix, given []*weftv1.NextHop) {
	seen := map[netip.Addr]bool{}
	for i, g := range given {
		field := fmt.Sprintf("%s.nextHops[%d]", route, i)
		ip, err := parseIP(g.GetIp())
		switch {
		case err != nil:
			t.refuse(d, field+".ip", ReasonInvalid, "%v", err)
		case ip.Is4() != destination.Addr().Is4():
			t.refuse(d, field+".ip", ReasonInvalid, "%s is of another family than %s", ip, destination)
		case seen[ip]:
			t.refuse(d, field+".ip", ReasonInvalid, "%s is given twice; give it a weight", ip)
		}
		seen[ip] = true
		if w := g.GetWeight(); w > maxWeight {
			t.refuse(d, field+".weight", ReasonInvalid, "%d is not between 1 and %d", w, maxWeight)
		}
	}
}

// parseRef reads a reference to a resource that belongs to a project.
func (t *txn) parseRef(d *draft, field string, kind Kind, ref string) Key {
	key := Reference(kind, d.key.Project, ref)
	if ref == "" {
		t.refuse(d, field, ReasonInvalid, "is missing")
		return key
	}
	for _, part := range []string{key.Project, key.Name} {
		if problem := nameProblem(part); problem != "" {
			t.refuse(d, field, ReasonInvalid, "%q is neither a name nor project/name", ref)
			break
		}
	}
	return key
}
