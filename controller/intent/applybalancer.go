package intent

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// balancerFacts is which port a load balancer has.
type balancerFacts struct {
	tag  alloc.ID
	port Key
}

// listenerFacts is which ports of a load balancer a listener has, and for which pool.
type listenerFacts struct {
	tag      alloc.ID
	balancer Key
	protocol uint8
	ports    PortRange
	pool     Key // zero: none
}

func (f *listenerFacts) referents() []Key {
	if f.pool == (Key{}) {
		return []Key{f.balancer}
	}
	return []Key{f.balancer, f.pool}
}

func balancerFactsOf(key Key, res *weftv1.Resource) (*balancerFacts, error) {
	f := &balancerFacts{
		tag:  alloc.ID(res.GetStatus().GetLoadBalancer().GetTag()),
		port: Reference(KindPort, key.Project, res.GetLoadBalancerSpec().GetPort()),
	}
	if f.tag == 0 {
		return nil, errors.New("nothing was allocated for it")
	}
	return f, nil
}

func listenerFactsOf(key Key, res *weftv1.Resource) (*listenerFacts, error) {
	spec := res.GetListenerSpec()
	f := &listenerFacts{tag: alloc.ID(res.GetStatus().GetListener().GetTag()), balancer: Reference(KindLoadBalancer, key.Project, spec.GetLoadBalancer()), protocol: balanced[spec.GetProtocol()]}
	if f.protocol == 0 || f.tag == 0 {
		return nil, errors.New("a listener without a protocol or a number")
	}
	if spec.GetPool() != "" {
		f.pool = Reference(KindPool, key.Project, spec.GetPool())
	}
	var err error
	f.ports, err = parsePorts(spec.GetPorts())
	return f, err
}

func (s *state) indexBalancer(key Key, f *balancerFacts) {
	s.lists.add(f.tag, key, &s.listed)
	s.refer(key, f.port)
	if _, in := s.balanced[f.port]; !in {
		s.balanced[f.port] = key
	}
}

func (s *state) unindexBalancer(key Key, f *balancerFacts) {
	s.lists.remove(f.tag, key, &s.listed)
	s.unrefer(key, f.port)
	if s.balanced[f.port] == key {
		delete(s.balanced, f.port)
	}
}

// applyBalancers accepts load balancers.
func (t *txn) applyBalancers(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.immutable(d, "spec.port", d.old.facts.(*balancerFacts).port.Name, d.balanced.Name)
		}
		t.checkBalanced(d)
		if d.bad {
			continue
		}
		if tag, ok := t.listTag(d); ok {
			rec := t.records[d.balanced]
			s := &weftv1.LoadBalancerStatus{Tag: tag, Network: rec.facts.(*portFacts).network.relative(d.key.Project)}
			t.accept(d, &weftv1.Status{Details: &weftv1.Status_LoadBalancer{LoadBalancer: s}})
		}
	}
}

// checkBalanced refuses a port that a load balancer cannot have.
func (t *txn) checkBalanced(d *draft) {
	const field = "spec.port"
	rec := t.resolve(d, field, d.balanced)
	if rec == nil {
		return
	}
	f := rec.facts.(*portFacts)
	if other, in := t.balanced[d.balanced]; in && other != d.key {
		t.refuse(d, field, ReasonConflict, "port %q is that of %s", d.balanced.Name, other)
	}
	if router, in := t.ported[d.balanced]; in {
		t.refuse(d, field, ReasonConflict, "port %q is an interface of %s", d.balanced.Name, router)
	}
	if trunk, in := t.trunked[d.balanced]; in {
		t.refuse(d, field, ReasonConflict, "port %q is in %s", d.balanced.Name, trunk)
	}
	switch {
	case f.behind != (Key{}):
		t.refuse(d, field, ReasonInvalid, "port %q is behind %s, which is unmanaged", d.balanced.Name, f.behind)
	case len(f.ips) == 0:
		t.refuse(d, field, ReasonInvalid, "port %q has no addresses", d.balanced.Name)
	}
}

// applyListeners accepts listeners. All old ones that change go first, so that they can trade ports in one request.
func (t *txn) applyListeners(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, nil)
		}
	}
	for _, d := range drafts {
		f := &d.listener
		if d.old != nil {
			t.immutable(d, "spec.loadBalancer", d.old.facts.(*listenerFacts).balancer.Name, f.balancer.Name)
		}
		if t.resolve(d, "spec.loadBalancer", f.balancer) == nil || f.pool != (Key{}) && t.resolve(d, "spec.pool", f.pool) == nil || d.bad {
			continue
		}
		if other, o := t.sameListener(f); o != nil {
			t.refuse(d, "spec.ports", ReasonConflict, "%s of %s are those of %s (%s)", f.ports, f.balancer, other, o.ports)
			continue
		}
		if tag, ok := t.listTag(d); ok {
			t.accept(d, &weftv1.Status{Details: &weftv1.Status_Listener{Listener: &weftv1.ListenerStatus{Tag: tag}}})
		}
	}
}

// sameListener finds a listener that has some of the ports already.
func (t *txn) sameListener(f *listenerFacts) (Key, *listenerFacts) {
	var found []Key
	for other := range t.refs[f.balancer] {
		if o, ok := t.records[other].facts.(*listenerFacts); ok && o.protocol == f.protocol && o.ports.overlaps(f.ports) {
			found = append(found, other)
		}
	}
	if len(found) == 0 {
		return Key{}, nil
	}
	first := slices.MinFunc(found, Key.Compare)
	return first, t.records[first].facts.(*listenerFacts)
}

func (t *txn) applyPools(drafts []*draft) {
	for _, d := range drafts {
		t.accept(d, &weftv1.Status{Details: &weftv1.Status_Pool{Pool: &weftv1.PoolStatus{}}})
	}
}

// LoadBalancerRow returns the row of a stored load balancer.
func LoadBalancerRow(res *weftv1.Resource) (LoadBalancer, error) {
	key := KeyOf(res)
	f, err := balancerFactsOf(key, res)
	if err != nil {
		return LoadBalancer{}, fmt.Errorf("%s: %w", key, err)
	}
	return LoadBalancer{Key: key, Tag: uint32(f.tag), Port: f.port, Up: unlessSaid(res.GetLoadBalancerSpec().AdminStateUp)}, nil
}

// PoolListenerRow returns the row of a stored listener.
func PoolListenerRow(res *weftv1.Resource) (PoolListener, error) {
	key, spec := KeyOf(res), res.GetListenerSpec()
	f, err := listenerFactsOf(key, res)
	if err != nil {
		return PoolListener{}, fmt.Errorf("%s: %w", key, err)
	}
	l := PoolListener{Key: key, Tag: uint32(f.tag), Balancer: f.balancer, Protocol: f.protocol, Ports: f.ports, Pool: f.pool, Up: unlessSaid(spec.AdminStateUp), Silent: spec.GetOnEmpty() == "drop"}
	for i, s := range spec.GetAllowedCidrs() {
		p, err := parseAddresses(s)
		if err != nil {
			return l, fmt.Errorf("%s: allowedCidrs[%d]: %w", key, i, err)
		}
		l.Allowed = append(l.Allowed, p)
	}
	return l, nil
}

// PoolRow returns the row of a stored pool.
func PoolRow(res *weftv1.Resource) (Pool, error) {
	p := Pool{Key: KeyOf(res), Algorithm: algorithms[res.GetPoolSpec().GetAlgorithm()]}
	if s := res.GetPoolSpec().GetSessionPersistence(); s != nil {
		p.Persist = cmp.Or(uint16(s.GetTimeout()), persistSeconds)
	}
	for i, given := range res.GetPoolSpec().GetMembers() {
		m, err := poolMemberOf(given)
		if err != nil {
			return p, fmt.Errorf("%s: members[%d]: %w", p.Key, i, err)
		}
		p.Members = append(p.Members, m)
	}
	return p, nil
}
