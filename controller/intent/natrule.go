package intent

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const (
	maxRulePriority = 100
	maxRuleBlocks   = 64 // outside, and exempted
)

// ruleFacts is what a NAT rule says.
type ruleFacts struct {
	NATRule
	float Key // whose address it translates to; zero: the gateway's, or a block
}

func (f *ruleFacts) referents() []Key { return named(f.Router, f.float) }

// ruleFactsOf reads a stored rule.
func ruleFactsOf(key Key, res *weftv1.Resource) (*ruleFacts, error) {
	f, err := ruleOf(key, res.GetNatRuleSpec())
	if s := res.GetStatus().GetNatRule().GetFloatingIp(); s != "" {
		f.float = Reference(KindFloatingIP, key.Project, s)
	}
	return &f, err
}

// ruleError is what is wrong with a field of a rule.
type ruleError struct {
	field string
	error
}

// ruleOf reads a rule.
func ruleOf(key Key, spec *weftv1.NATRuleSpec) (ruleFacts, error) {
	f := ruleFacts{NATRule: NATRule{Key: key, Router: Reference(KindRouter, key.Project, spec.GetRouter()), Priority: int(spec.GetPriority()), Stateless: spec.GetStateless(), Ending: endingOf(spec)}}
	switch spec.GetType() {
	case "snat":
		f.Source = true
	case "dnat":
		f.Target = true
	case "dnat_and_snat":
		f.Source, f.Target = true, true
	default:
		return f, ruleError{"type", fmt.Errorf("%q is none of snat, dnat, dnat_and_snat", spec.GetType())}
	}
	var err error
	for _, end := range []struct {
		field, given string
		to           *netip.Prefix
	}{{"externalIp", spec.GetExternalIp(), &f.External}, {"internalIp", spec.GetInternalIp(), &f.Internal}} {
		if *end.to, err = parseAddresses(end.given); err != nil {
			return f, ruleError{end.field, err}
		}
	}
	for _, list := range []struct {
		field string
		given []string
		to    *[]netip.Prefix
	}{{"outside", spec.GetOutside(), &f.Outside}, {"exempted", spec.GetExempted(), &f.Exempted}} {
		if n := len(list.given); n > maxRuleBlocks {
			return f, ruleError{list.field, fmt.Errorf("are %d; at most %d", n, maxRuleBlocks)}
		}
		for i, given := range list.given {
			p, err := parseAddresses(given)
			if err == nil && p.Addr().Is4() != f.External.Addr().Is4() {
				err = fmt.Errorf("%s is of another family than %s", p, f.External.Addr())
			}
			if err != nil {
				return f, ruleError{indexed(list.field, i, ""), err}
			}
			*list.to = append(*list.to, p)
		}
	}
	if err := f.readPorts(spec); err != nil {
		return f, err
	}
	return f, f.problem()
}

// parseAddresses reads an address or a block.
func parseAddresses(s string) (netip.Prefix, error) {
	if s == "" {
		return netip.Prefix{}, errors.New("is missing")
	}
	if strings.Contains(s, "/") {
		return parseCIDR(s)
	}
	ip, err := parseIP(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return ip.Prefix(ip.BitLen())
}

func (f *ruleFacts) readPorts(spec *weftv1.NATRuleSpec) error {
	if s := spec.GetProtocol(); s != "" {
		if f.Protocol = forwarded[s]; f.Protocol == 0 {
			return ruleError{"protocol", fmt.Errorf("%q is none of tcp, udp, sctp", s)}
		}
	}
	var err error
	if s := spec.GetExternalPorts(); s != "" {
		if f.Ports, err = parsePorts(s); err != nil {
			return ruleError{"externalPorts", err}
		}
	}
	f.To = f.Ports
	if s := spec.GetInternalPorts(); s != "" {
		if f.To, err = parsePorts(s); err != nil {
			return ruleError{"internalPorts", err}
		}
	}
	return nil
}

// problem says what of a rule does not go together.
func (f *ruleFacts) problem() error {
	ports, single := f.Ports != PortRange{}, func(p netip.Prefix) bool { return p.IsSingleIP() }
	switch {
	case f.Priority > maxRulePriority:
		return ruleError{"priority", fmt.Errorf("%d is too large: at most %d", f.Priority, maxRulePriority)}
	case f.External.Addr().Is4() != f.Internal.Addr().Is4():
		return ruleError{"internalIp", fmt.Errorf("%s is of another family than %s", f.Internal.Addr(), f.External.Addr())}
	case f.Internal == f.External:
		return ruleError{"internalIp", fmt.Errorf("%s is externalIp, too: there is nothing to translate", f.Internal)}
	case f.Stateless && (!f.Source || !f.Target || ports || f.Protocol != 0):
		return ruleError{"stateless", errors.New("is for dnat_and_snat of whole addresses")}
	case !single(f.External) && (!f.Stateless || f.External.Addr().Is4() || f.External.Bits() != f.Internal.Bits()):
		return ruleError{"externalIp", errors.New("is a block; only stateless rules have one, between two IPv6 blocks of one length")}
	case single(f.External) && f.Target && !single(f.Internal):
		return ruleError{"internalIp", errors.New("is a block; only snat has one, and network prefix translation")}
	case ports && f.Target && f.Protocol == 0:
		return ruleError{"protocol", errors.New("is missing: ports are those of a protocol")}
	case ports && f.Source && f.Target:
		return ruleError{"externalPorts", errors.New("must be left out: dnat_and_snat is of whole addresses; use dnat, or a PortForwarding")}
	case f.To != f.Ports && !f.Target:
		return ruleError{"internalPorts", errors.New("must be left out: senders have any")}
	case f.To.Last-f.To.First != f.Ports.Last-f.Ports.First || f.To != f.Ports && !ports:
		return ruleError{"internalPorts", fmt.Errorf("%s are not as many as externalPorts", f.To)}
	case f.To != f.Ports && int(f.To.Last-f.To.First) >= maxShifted:
		return ruleError{"internalPorts", fmt.Errorf("are more than %s that differ from the external ones", reported(maxShifted))}
	}
	return nil
}

func (t *txn) parseRule(d *draft, spec *weftv1.NATRuleSpec) {
	t.parseRef(d, "spec.router", KindRouter, spec.GetRouter())
	t.parseEnding(d, "spec", spec)
	if d.bad {
		return
	}
	var err error
	if d.rule, err = ruleOf(d.key, spec); err != nil {
		field := ""
		if at := (ruleError{}); errors.As(err, &at) {
			field = "spec." + at.field
		}
		t.refuse(d, field, ReasonInvalid, "%v", err)
	}
}

// applyRules accepts NAT rules. All old ones that change go first, so that they can trade places in one request.
func (t *txn) applyRules(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, nil)
		}
	}
	for _, d := range drafts {
		if t.resolve(d, "spec.router", d.rule.Router) == nil {
			continue
		}
		if field, reason, problem := t.ruleProblem(d.key, &d.rule); problem != "" {
			t.refuse(d, field, reason, "%s", problem)
			continue
		}
		s := &weftv1.NATRuleStatus{}
		if float, ok := t.floatAt(d.rule.Router, d.rule.External.Addr()); ok {
			s.FloatingIp = float.relative(d.key.Project)
		}
		t.accept(d, &weftv1.Status{Details: &weftv1.Status_NatRule{NatRule: s}})
	}
}

// ruleProblem says what is wrong between a rule and what it refers to; "" when nothing is.
func (t *txn) ruleProblem(key Key, f *ruleFacts) (field string, reason Reason, problem string) {
	r, ok := t.routerFacts(f.Router)
	if !ok || r.gateway == nil {
		return "spec.router", ReasonInvalid, fmt.Sprintf("%s has no external gateway", f.Router)
	}
	if f.External.IsSingleIP() && !t.hasOutside(f.Router, r, f.External.Addr()) {
		return "spec.externalIp", ReasonInvalid, fmt.Sprintf("%s is neither a gateway address of %s nor a floating IP with that router and no port", f.External.Addr(), f.Router)
	}
	for other := range t.refs[f.Router] {
		if o, ok := t.records[other].facts.(*ruleFacts); ok && other != key && f.sameAs(o) {
			return "spec", ReasonConflict, fmt.Sprintf("it fits the same packets as %s, with the same priority", other)
		}
	}
	return "", "", ""
}

// sameAs tells whether nothing says which of two rules counts.
func (f *ruleFacts) sameAs(o *ruleFacts) bool {
	if f.Priority != o.Priority || f.Protocol != o.Protocol || !shareBlock(f.Outside, o.Outside) {
		return false
	}
	return f.Source && o.Source && f.Internal == o.Internal ||
		f.Target && o.Target && f.External == o.External && (f.Ports == PortRange{} || o.Ports == PortRange{} || f.Ports.overlaps(o.Ports))
}

// shareBlock tells whether some packets outside are in both lists.
func shareBlock(a, b []netip.Prefix) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(p netip.Prefix) bool { return slices.ContainsFunc(b, p.Overlaps) })
}

// hasOutside tells whether an address outside is a router's to translate with.
func (t *txn) hasOutside(router Key, r *routerFacts, ip netip.Addr) bool {
	if slices.ContainsFunc(r.gateway.ips, func(c claim) bool { return c.ip == ip }) {
		return true
	}
	_, ok := t.floatAt(router, ip)
	return ok
}

// floatAt finds the floating IP of a router that has an address and no port.
func (t *txn) floatAt(router Key, ip netip.Addr) (Key, bool) {
	for from := range t.refs[router] {
		if f, ok := t.records[from].facts.(*floatFacts); ok && f.at.ip == ip && f.port == (Key{}) {
			return from, true
		}
	}
	return Key{}, false
}

// NATRuleRow returns the row of a stored rule.
func NATRuleRow(res *weftv1.Resource) (NATRule, error) {
	key := KeyOf(res)
	f, err := ruleOf(key, res.GetNatRuleSpec())
	if err != nil {
		return NATRule{}, fmt.Errorf("%s: %w", key, err)
	}
	return f.NATRule, nil
}
