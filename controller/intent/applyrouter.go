package intent

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// routerFacts is what a router holds of its networks.
type routerFacts struct {
	tag        alloc.ID
	zone       alloc.ID // of connection tracking; 0: an earlier version made it
	mac        flow.MACAddr
	interfaces []interfaceFacts
	gateway    *gatewayFacts // nil: none

	gatewayZone alloc.ID // while the router is being changed: the zone of its gateway
}

// interfaceFacts is a router's place on a subnet.
type interfaceFacts struct {
	subnet, network Key
	address         netip.Prefix // with the length of the subnet's prefix, and its host bits
	port            Key          // whose address it is; the zero Key: the router's own
	mac             flow.MACAddr // the port's; zero: the router's own
}

// routerFactsOf reads what a stored router's status says was allocated.
func routerFactsOf(key Key, res *weftv1.Resource) (*routerFacts, error) {
	s := res.GetStatus().GetRouter()
	f := &routerFacts{tag: alloc.ID(s.GetTag()), zone: alloc.ID(s.GetZone())}
	if f.tag == 0 {
		return nil, fmt.Errorf("a router without a tag")
	}
	var err error
	if f.mac, err = parseUnicastMAC(s.GetMacAddress()); err != nil {
		return nil, err
	}
	for _, i := range s.GetInterfaces() {
		address, err := netip.ParsePrefix(i.GetAddress())
		if err != nil {
			return nil, err
		}
		face := interfaceFacts{
			subnet: Reference(KindSubnet, key.Project, i.GetSubnet()), network: Reference(KindNetwork, key.Project, i.GetNetwork()), address: address}
		if i.GetPort() != "" {
			face.port = Reference(KindPort, key.Project, i.GetPort())
			if face.mac, err = parseUnicastMAC(i.GetMacAddress()); err != nil {
				return nil, err
			}
		}
		f.interfaces = append(f.interfaces, face)
	}
	f.gateway, err = gatewayFactsOf(key, res)
	return f, err
}

// applyRouters gives routers what they have of subnets and outside, before ports choose theirs of what is left. All old ones that
// change go first, so that routers can trade addresses in one request. finishRouters accepts them.
func (t *txn) applyRouters(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, &record{key: d.key, facts: d.old.facts.(*routerFacts).numbers()})
		}
	}
	for _, d := range drafts {
		d.router = &routerFacts{}
		if d.old != nil {
			old := d.old.facts.(*routerFacts)
			d.router.tag, d.router.zone, d.router.mac = old.tag, old.zone, old.mac
		}
		for i, want := range d.interfaces {
			if want.port == (Key{}) {
				t.joinSubnet(d, d.router, i, want)
			}
		}
		t.joinOutside(d, d.router)
		if !d.bad {
			held := *d.router
			t.put(d.key, &record{key: d.key, facts: &held})
		}
	}
}

// numbers is what a router keeps while it is being changed: others must not be given that.
func (f *routerFacts) numbers() *routerFacts {
	kept := &routerFacts{tag: f.tag, zone: f.zone}
	if f.gateway != nil {
		kept.gatewayZone = f.gateway.zone
	}
	return kept
}

// joinSubnet gives a router its address on a subnet.
func (t *txn) joinSubnet(d *draft, f *routerFacts, i int, want wantedInterface) {
	field := fmt.Sprintf("spec.interfaces[%d]", i)
	rec := t.resolve(d, field+".subnet", want.subnet)
	if rec == nil {
		return
	}
	subnet := rec.facts.(*subnetFacts)
	shown := want.subnet.relative(d.key.Project)
	if n := t.records[subnet.network]; n != nil && subnet.network.Project != d.key.Project && !n.facts.(*networkFacts).shared {
		t.refuse(d, field+".subnet", ReasonInvalid, "subnet %q is on network %s, which is not shared with other projects", shown, subnet.network)
		return
	}
	ip := want.ip
	if !ip.IsValid() {
		ip = subnet.gateway
	}
	switch holder, taken := t.subnet(want.subnet).ips[ip]; {
	case !ip.IsValid():
		t.refuse(d, field+".ip", ReasonInvalid, "is missing: subnet %q has no gateway address", shown)
	case !subnet.block.Contains(ip):
		t.refuse(d, field+".ip", ReasonInvalid, "%s is not in subnet %s (%s)", ip, shown, subnet.block)
	case ip != subnet.gateway && subnet.reservedProblem(ip) != "":
		t.refuse(d, field+".ip", ReasonInvalid, "%s is %s of subnet %s (%s)", ip, subnet.reservedProblem(ip), shown, subnet.block)
	case taken:
		t.refuse(d, field+".ip", ReasonConflict, "%s is in use by %s", ip, holder)
	}
	for j, other := range f.interfaces {
		if other.address.Overlaps(subnet.block) {
			t.refuse(d, field+".subnet", ReasonConflict, "%s overlaps %s of interfaces[%d]", subnet.block, other.address.Masked(), d.elements[j])
		}
	}
	f.interfaces = append(f.interfaces, interfaceFacts{subnet: want.subnet, network: subnet.network, address: netip.PrefixFrom(ip, subnet.block.Bits())})
	d.elements = append(d.elements, i)
}

// acceptRouter gives a router what it keeps or is to be allocated.
func (t *txn) acceptRouter(d *draft, f *routerFacts) {
	if f.tag == 0 {
		tag, ok := t.tagged.Next(tagRange, t.last.Tag)
		if !ok {
			t.refuse(d, "", ReasonExhausted, "there are %s networks and routers, which is the most there can be", reported(tagRange[0].Last))
			return
		}
		t.last.Tag, f.tag = tag, tag
	}
	if f.zone == 0 && !t.newZone(d, "", &f.zone) {
		return
	}
	if g := f.gateway; g != nil && g.mac == (flow.MACAddr{}) {
		g.mac = t.freeMAC(append([]Key{g.network}, networksOf(f.interfaces)...)...)
	}
	for f.mac == (flow.MACAddr{}) || !t.freeOn(d.key, f) {
		n := rand.Uint32()
		f.mac = flow.MACAddr{0xfa, 0x16, 0x3e, byte(n >> 16), byte(n >> 8), byte(n)}
	}
	s := &weftv1.RouterStatus{MacAddress: f.mac.String(), Tag: uint32(f.tag), Zone: uint32(f.zone)}
	for _, i := range f.interfaces {
		s.Interfaces = append(s.Interfaces, &weftv1.RouterInterfaceStatus{
			Subnet: i.subnet.relative(d.key.Project), Network: i.network.relative(d.key.Project), Address: i.address.String(),
			Port: i.port.Name, MacAddress: f.macOf(i).String()})
	}
	s.ExternalGateway = f.gateway.status(d.key.Project)
	t.accept(d, &weftv1.Status{Details: &weftv1.Status_Router{Router: s}})
}

// freeOn tells whether nobody else has the router's MAC address on any of its networks. Networks have far fewer ports than
// there are addresses, so that one is found soon.
func (t *txn) freeOn(key Key, f *routerFacts) bool {
	for _, i := range f.interfaces {
		if n := t.networks[i.network]; n != nil && i.port == (Key{}) {
			if holder, taken := n.macs[f.mac]; taken && holder != key {
				return false
			}
		}
	}
	return true
}

// indexRouter and unindexRouter keep who holds which address.
func (s *state) indexRouter(key Key, f *routerFacts) {
	if f.tag != 0 { // it has one already
		s.tags.add(f.tag, key, &s.tagged)
	}
	s.indexZone(key, f.zone)
	s.indexZone(key, f.gatewayZone)
	s.indexGateway(key, f.gateway)
	for _, i := range f.interfaces {
		if i.port != (Key{}) {
			s.indexPorted(key, i)
			continue
		}
		n := s.subnet(i.subnet)
		n.ips.add(i.address.Addr(), key, &n.taken)
		s.refer(key, i.subnet)
		if macs := s.network(i.network).macs; macs[f.mac] == (Key{}) && f.mac != (flow.MACAddr{}) {
			macs[f.mac] = key
		}
	}
}

func (s *state) unindexRouter(key Key, f *routerFacts) {
	s.tags.remove(f.tag, key, &s.tagged)
	s.zones.remove(f.zone, key, &s.zoned)
	s.zones.remove(f.gatewayZone, key, &s.zoned)
	s.unindexGateway(key, f.gateway)
	for _, i := range f.interfaces {
		if i.port != (Key{}) {
			s.unindexPorted(key, i)
			continue
		}
		n := s.subnet(i.subnet)
		n.ips.remove(i.address.Addr(), key, &n.taken)
		s.unrefer(key, i.subnet)
		s.trimSubnet(i.subnet)
		if macs := s.network(i.network).macs; macs[f.mac] == key {
			delete(macs, f.mac)
		}
		s.trimNetwork(i.network)
	}
}

// keepRouters refuses a subnet's new gateway while a router has the old one.
func (t *txn) keepRouters(d *draft, old *subnetFacts) {
	if !old.gateway.IsValid() || old.gateway == d.subnet.gateway {
		return
	}
	if holder, taken := t.subnet(d.key).ips[old.gateway]; taken && holder.Kind == KindRouter {
		t.refuse(d, "spec.gatewayIp", ReasonInUse, "cannot be changed: %s has %s", holder, old.gateway)
	}
}

// RouterRows returns the rows of a stored router.
func RouterRows(res *weftv1.Resource) (Router, []RouterInterface, []Route, error) {
	key, spec := KeyOf(res), res.GetRouterSpec()
	f, err := routerFactsOf(key, res)
	if err != nil || spec == nil {
		return Router{}, nil, nil, fmt.Errorf("%s: the stored record has no spec, or nothing was allocated for it: %w", key, err)
	}
	router := Router{Key: key, Tag: uint32(f.tag), MAC: f.mac, Up: unlessSaid(spec.AdminStateUp), Zone: uint16(f.zone)}
	var interfaces []RouterInterface
	for _, i := range f.interfaces {
		interfaces = append(interfaces, RouterInterface{
			Key: InterfaceOf{key, i.subnet}, Network: i.network, Prefix: i.address.Masked(), IP: i.address.Addr(), MAC: f.macOf(i), Port: i.port})
	}
	var routes []Route
	for _, given := range spec.GetRoutes() {
		destination, err := netip.ParsePrefix(given.GetDestination())
		if err != nil {
			return Router{}, nil, nil, fmt.Errorf("%s: %w", key, err)
		}
		route := Route{Key: RouteKey{key, destination}, Type: routeTypes[given.GetType()]}
		if route.Hops, err = nextHops(given.GetNextHops()); err != nil {
			return Router{}, nil, nil, fmt.Errorf("%s: %w", key, err)
		}
		routes = append(routes, route)
	}
	return router, interfaces, routes, nil
}
