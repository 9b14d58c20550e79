package intent

import (
	"cmp"
	"context"
	"maps"
	"slices"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Delete removes resources in one transaction: all of them, at the revision returned, or none, and then the error is a
// *NotFoundError, an *InUseError, an *InvalidError, a *ConflictError, ErrBusy or one of package store. With cascade, what
// refers to them goes as well, and what refers to that. It returns all that was deleted, referrers first.
//
// A segment range is in use while networks have ids of it; they do not refer to it, so that cascade does not delete them.
//
// store.ErrUnavailable after the store was asked to write means that it is not known whether it has.
func (c *Catalog) Delete(ctx context.Context, keys []Key, cascade bool, preconditions []*weftv1.Precondition) (int64, []Key, error) {
	if n := len(keys); n > MaxResources {
		return 0, nil, tooMany("refs", n)
	}
	if n := len(preconditions); n > MaxResources {
		return 0, nil, tooMany("preconditions", n)
	}
	var deleted []Key
	rev, err := c.transact(ctx, func(t *txn) error {
		err := t.require(preconditions)
		if err == nil {
			deleted, err = t.doomed(keys, cascade)
		}
		for _, key := range deleted {
			t.writes = append(t.writes, write{key, nil})
		}
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return rev, deleted, nil
}

// doomed returns all that goes with keys, referrers first.
func (t *txn) doomed(keys []Key, cascade bool) ([]Key, error) {
	doomed := make(map[Key]struct{}, len(keys))
	var missing []Key
	var visit func(Key)
	visit = func(key Key) {
		if _, seen := doomed[key]; seen {
			return
		}
		doomed[key] = struct{}{}
		if cascade {
			t.eachReferrer(key, visit)
		}
	}
	for _, key := range keys {
		if t.records[key] == nil {
			missing = append(missing, key)
			continue
		}
		visit(key)
	}
	if len(missing) > 0 {
		return nil, &NotFoundError{missing}
	}
	var uses []Use
	for key := range doomed {
		if use := t.use(key, doomed); use.Total > 0 {
			uses = append(uses, use)
		}
	}
	if len(uses) > 0 {
		slices.SortFunc(uses, func(a, b Use) int { return a.Key.Compare(b.Key) })
		return nil, &InUseError{uses}
	}
	return slices.SortedFunc(maps.Keys(doomed), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Kind.rank(), b.Kind.rank()), a.Compare(b))
	}), nil
}

// rank orders kinds for deletion: what refers to others comes before them.
func (k Kind) rank() int {
	return slices.Index([]Kind{KindFlowRule, KindLink, KindHealthMonitor, KindListener, KindFirewallGroup, KindFirewallPolicy, KindLoadBalancer, KindPool, KindNATRule, KindPortForwarding, KindFloatingIP, KindTrunk, KindRouter, KindPort, KindSecurityPolicy, KindSecurityGroup, KindAddressGroup, KindSubnet, KindNetwork, KindHost, KindSegmentRange, KindProject}, k)
}

// use tells what depends on a resource and is not doomed itself.
func (t *txn) use(key Key, doomed map[Key]struct{}) Use {
	var users []Key
	count := func(user Key) {
		if _, goes := doomed[user]; !goes {
			users = append(users, user)
		}
	}
	t.eachReferrer(key, count)
	if f, ok := t.records[key].facts.(*rangeFacts); ok {
		n := t.numbering(f.space)
		for r := f.numbers(f.ids); ; {
			number, found := n.taken.First(r)
			if !found {
				break
			}
			count(n.ids[number])
			if number == r.Last {
				break
			}
			r.First = number.Next()
		}
	}
	slices.SortFunc(users, Key.Compare)
	users = slices.Compact(users)
	return Use{Key: key, Referrers: users[:min(len(users), maxReferrers)], Total: len(users)}
}

// eachReferrer calls f with what refers to a resource, in no order and possibly more than once.
func (s *state) eachReferrer(key Key, f func(Key)) {
	for referrer := range s.refs[key] {
		f(referrer)
	}
	switch key.Kind {
	case KindProject:
		for member := range s.members[key.Name] {
			f(member)
		}
	case KindNetwork:
		if n := s.networks[key]; n != nil {
			for port := range n.ports {
				f(port)
			}
			for _, b := range n.blocks {
				f(b.subnet)
			}
		}
	case KindHost:
		for port := range s.behind[key] {
			f(port)
		}
		for link := range s.linked[key] {
			f(link)
		}
	case KindPort:
		if trunk, in := s.trunked[key]; in {
			f(trunk)
		}
		if router, in := s.ported[key]; in {
			f(router)
		}
	case KindSubnet:
		if n := s.subnets[key]; n != nil {
			for _, port := range n.ips {
				f(port)
			}
		}
	}
}

// referrers returns what refers to a resource, in order.
func (s *state) referrers(key Key) []Key {
	var keys []Key
	s.eachReferrer(key, func(k Key) { keys = append(keys, k) })
	slices.SortFunc(keys, Key.Compare)
	return slices.Compact(keys)
}
