package intent

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// maxPriority is the highest priority of a policy route, as in OVN.
const maxPriority = 32767

// PolicyKey names a policy route of a router.
type PolicyKey struct {
	Router   Key
	Priority uint16
}

// String returns "router/red/r1, policy route 100".
func (k PolicyKey) String() string { return fmt.Sprintf("%s, policy route %d", k.Router, k.Priority) }

// PolicyAction says what a policy route does with packets.
type PolicyAction uint8

// Actions of policy routes.
const (
	Reroute PolicyAction = iota // to one of its next hops
	Allow                       // as the routes say
	DropAll                     // drop
)

// Policy is a policy route.
type Policy struct {
	Key                  PolicyKey
	Source, Destination  netip.Prefix // invalid: any
	Protocol4, Protocol6 uint8        // 0: any
	Action               PolicyAction
	Hops                 []NextHop // in the order of the spec
}

// Equal tells whether two rows are the same.
func (p Policy) Equal(o Policy) bool {
	return p.Key == o.Key && p.Source == o.Source && p.Destination == o.Destination && p.Protocol4 == o.Protocol4 && p.Protocol6 == o.Protocol6 &&
		p.Action == o.Action && slices.Equal(p.Hops, o.Hops)
}

// About tells whether a policy route is about packets of the family of an address.
func (p Policy) About(family netip.Addr) bool {
	for _, block := range []netip.Prefix{p.Source, p.Destination} {
		if block.IsValid() && block.Addr().Is4() != family.Is4() {
			return false
		}
	}
	return len(p.Hops) == 0 || p.Hops[0].IP.Is4() == family.Is4()
}

// policyActions are the actions of policy routes by name.
var policyActions = map[string]PolicyAction{"reroute": Reroute, "allow": Allow, "drop": DropAll}

// protocols are the protocols that have names, as numbers over IPv4 and over IPv6.
var protocols = map[string][2]uint8{"": {}, "tcp": {6, 6}, "udp": {17, 17}, "sctp": {132, 132}, "icmp": {1, 58}}

func parseProtocol(s string) ([2]uint8, error) {
	if p, ok := protocols[s]; ok {
		return p, nil
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || n == 0 {
		return [2]uint8{}, fmt.Errorf("%q is none of tcp, udp, sctp, icmp, nor a number from 1 to 255", s)
	}
	return [2]uint8{uint8(n), uint8(n)}, nil
}

func (t *txn) parsePolicies(d *draft, given []*weftv1.PolicyRoute) {
	if n := len(given); n > maxRoutes {
		t.refuse(d, "spec.policyRoutes", ReasonInvalid, "are %s; at most %s", reported(n), reported(maxRoutes))
		return
	}
	seen := map[uint32]int{}
	for i, g := range given {
		field := fmt.Sprintf("spec.policyRoutes[%d]", i)
		if first, twice := seen[g.GetPriority()]; twice {
			t.refuse(d, field+".priority", ReasonInvalid, "%d is that of policyRoutes[%d]", g.GetPriority(), first)
		} else if g.GetPriority() == 0 || g.GetPriority() > maxPriority {
			t.refuse(d, field+".priority", ReasonInvalid, "%d is not between 1 and %d", g.GetPriority(), maxPriority)
		}
		seen[g.GetPriority()] = i
		t.parsePolicy(d, field, g)
	}
}

func (t *txn) parsePolicy(d *draft, field string, g *weftv1.PolicyRoute) {
	var family netip.Prefix
	for _, block := range []struct{ name, text string }{{"source", g.GetMatch().GetSource()}, {"destination", g.GetMatch().GetDestination()}} {
		if block.text == "" {
			continue
		}
		p, err := parseCIDR(block.text)
		switch {
		case err != nil:
			t.refuse(d, field+".match."+block.name, ReasonInvalid, "%v", err)
			return
		case family.IsValid() && family.Addr().Is4() != p.Addr().Is4():
			t.refuse(d, field+".match."+block.name, ReasonInvalid, "%s is of another family than %s", p, family)
			return
		}
		family = p
	}
	if _, err := parseProtocol(g.GetMatch().GetProtocol()); err != nil {
		t.refuse(d, field+".match.protocol", ReasonInvalid, "%v", err)
	}
	action, ok := policyActions[g.GetAction()]
	n := len(g.GetNextHops())
	switch {
	case !ok:
		t.refuse(d, field+".action", ReasonInvalid, "%q is none of reroute, allow, drop%s", g.GetAction(), didYouMean(g.GetAction(), []string{"reroute", "allow", "drop"}))
	case action == Reroute && n == 0:
		t.refuse(d, field+".nextHops", ReasonInvalid, "are missing")
	case action != Reroute && n > 0:
		t.refuse(d, field+".nextHops", ReasonInvalid, "must be left out: a policy route that says %s goes nowhere of its own", g.GetAction())
	case n > maxNextHops:
		t.refuse(d, field+".nextHops", ReasonInvalid, "are %d; at most %d", n, maxNextHops)
	case n > 0:
		if first, err := parseIP(g.GetNextHops()[0].GetIp()); err == nil && !family.IsValid() {
			family = netip.PrefixFrom(first, first.BitLen())
		}
		t.parseNextHops(d, field, family, g.GetNextHops())
	}
}

// PolicyRows returns the rows of a stored router's policy routes.
func PolicyRows(res *weftv1.Resource) ([]Policy, error) {
	key := KeyOf(res)
	var all []Policy
	for _, g := range res.GetRouterSpec().GetPolicyRoutes() {
		p := Policy{Key: PolicyKey{key, uint16(g.GetPriority())}, Action: policyActions[g.GetAction()]}
		for _, block := range []struct {
			to   *netip.Prefix
			text string
		}{{&p.Source, g.GetMatch().GetSource()}, {&p.Destination, g.GetMatch().GetDestination()}} {
			if block.text == "" {
				continue
			}
			var err error
			if *block.to, err = parseCIDR(block.text); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
		protocol, err := parseProtocol(g.GetMatch().GetProtocol())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		p.Protocol4, p.Protocol6 = protocol[0], protocol[1]
		if p.Hops, err = nextHops(g.GetNextHops()); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func nextHops(given []*weftv1.NextHop) ([]NextHop, error) {
	var all []NextHop
	for _, hop := range given {
		ip, err := netip.ParseAddr(hop.GetIp())
		if err != nil {
			return nil, err
		}
		all = append(all, NextHop{ip, int(max(hop.GetWeight(), 1))})
	}
	return all, nil
}
