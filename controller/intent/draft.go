package intent

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// draft is a resource of a request on its way to being stored.
type draft struct {
	index int // in the request; those that it implies come after
	given *weftv1.Resource
	key   Key

	// Read from the spec.
	network  Key             // of a subnet or port
	segments []wantedSegment // of a network
	behind   Key             // the unmanaged host of a port
	subnet   subnetFacts
	mac      flow.MACAddr
	ips      []wantedIP
	tunnel   netip.Addr
	datapath uint64 // of a bare switch

	interfaces []wantedInterface // of a router
	router     *routerFacts      // as far as it is decided
	elements   []int             // for each of its interfaces, the one of the spec's
	trunk      trunkFacts
	gateway    *wantedGateway // of a router; nil: none
	float      wantedFloat
	forward    wantedForward
	rule       ruleFacts
	balanced   Key // the port of a load balancer
	listener   listenerFacts
	firewall   firewallFacts // of a firewall group
	watched    Key           // the pool of a health monitor
	groups     []Key         // of a port
	blocks     int           // of an address group

	old     *record // nil: it is new
	same    bool    // nothing about it is to be changed
	bad     bool    // something was refused
	next    *record
	outcome weftv1.ApplyResult_Outcome
}

// facts returns the facts of what a draft has become; nil while it has become nothing.
func (d *draft) facts() any {
	if d.next == nil {
		return nil
	}
	return d.next.facts
}

// wantedIP is an element of a port's fixedIps.
type wantedIP struct {
	subnet string // as given
	ip     netip.Addr
	key    Key // the subnet, once resolved
}

// parse reads a request as far as that can be done without knowing what is stored.
func (t *txn) parse(resources []*weftv1.Resource) []*draft {
	drafts := make([]*draft, len(resources))
	for i, res := range resources {
		if res == nil {
			res = &weftv1.Resource{}
		}
		d := &draft{index: i, given: res, key: KeyOf(res)}
		drafts[i] = d
		if !t.checkIdentity(d) {
			continue
		}
		if first, twice := t.declared[d.key]; twice {
			t.refuse(d, "", ReasonInvalid, "is in the request twice, at resources[%d] and resources[%d]", first.index, i)
			continue
		}
		t.declared[d.key] = d
		t.checkMetadata(d)
		t.parseSpec(d)
	}
	return drafts
}

// checkIdentity refuses what does not say which resource it is.
func (t *txn) checkIdentity(d *draft) bool {
	res := d.given
	switch problem := d.key.Kind.problem(); {
	case d.key.Kind == "":
		t.refuse(d, "kind", ReasonInvalid, "is missing")
		return false
	case problem != "":
		t.refuse(d, "kind", ReasonInvalid, "%s", problem)
		return false
	}
	if problem := nameProblem(d.key.Name); problem != "" {
		t.refuse(d, "name", ReasonInvalid, "%s", problem)
	}
	switch {
	case !d.key.Kind.Owned() && d.key.Project != "":
		t.refuse(d, "project", ReasonInvalid, "must be left out: a %s belongs to no project", d.key.Kind)
	case d.key.Kind.Owned():
		if problem := nameProblem(d.key.Project); problem != "" {
			t.refuse(d, "project", ReasonInvalid, "%s", problem)
		}
	}
	if k := specKind(res); k != "" && k != d.key.Kind {
		t.refuse(d, "spec", ReasonInvalid, "is that of a %s", k)
	} else if k == "" && d.key.Kind != KindProject {
		t.refuse(d, "spec", ReasonInvalid, "is missing")
	}
	return !d.bad
}

// checkMetadata looks at what all kinds have.
func (t *txn) checkMetadata(d *draft) {
	if problem := textProblem(d.given.GetDescription()); problem != "" {
		t.refuse(d, "description", ReasonInvalid, "%s", problem)
	}
	labels := d.given.GetLabels()
	if n := len(labels); n > maxLabels {
		t.refuse(d, "labels", ReasonInvalid, "are %d; at most %d", n, maxLabels)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if problem := labelProblem(key, labels[key]); problem != "" {
			t.refuse(d, fmt.Sprintf("labels[%q]", key), ReasonInvalid, "%s", problem)
		}
	}
	if unknownFields(d.given.ProtoReflect()) {
		t.refuse(d, "", ReasonInvalid, "has fields that this server does not know; is the client newer?")
	}
}

// unknownFields tells whether a resource or its spec carries fields that would be stored without being understood.
func unknownFields(m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	found := false
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil || fd.IsMap() || fd.Name() == "status":
		case fd.IsList():
			for i := range v.List().Len() {
				found = found || unknownFields(v.List().Get(i).Message())
			}
		default:
			found = found || unknownFields(v.Message())
		}
		return !found
	})
	return found
}

// look compares a draft with what is stored: it may be new, the same, or a change.
func (t *txn) look(d *draft) {
	d.old = t.records[d.key]
	switch {
	case d.old == nil:
		d.outcome = weftv1.ApplyResult_OUTCOME_CREATED
		return
	case d.old.res == nil:
		t.refuse(d, "", ReasonConflict, "what is stored under this name cannot be read; delete it first")
		return
	}
	d.outcome = weftv1.ApplyResult_OUTCOME_UPDATED
	d.same = sameWish(d.given, d.old.res) && !t.lacks(d.old)
}

// sameWish tells whether two resources ask for the same.
func sameWish(a, b *weftv1.Resource) bool {
	return a.GetDescription() == b.GetDescription() && maps.Equal(a.GetLabels(), b.GetLabels()) && sameSpec(a, b)
}

func sameSpec(a, b *weftv1.Resource) bool {
	return proto.Equal(specOf(a), specOf(b))
}

// specOf returns the spec that is set.
func specOf(res *weftv1.Resource) proto.Message {
	switch s := res.GetSpec().(type) {
	case *weftv1.Resource_NetworkSpec:
		return s.NetworkSpec
	case *weftv1.Resource_SubnetSpec:
		return s.SubnetSpec
	case *weftv1.Resource_PortSpec:
		return s.PortSpec
	case *weftv1.Resource_HostSpec:
		return s.HostSpec
	case *weftv1.Resource_SegmentRangeSpec:
		return s.SegmentRangeSpec
	case *weftv1.Resource_RouterSpec:
		return s.RouterSpec
	case *weftv1.Resource_TrunkSpec:
		return s.TrunkSpec
	case *weftv1.Resource_FloatingIpSpec:
		return s.FloatingIpSpec
	case *weftv1.Resource_PortForwardingSpec:
		return s.PortForwardingSpec
	case *weftv1.Resource_NatRuleSpec:
		return s.NatRuleSpec
	case *weftv1.Resource_LinkSpec:
		return s.LinkSpec
	case *weftv1.Resource_FlowRuleSpec:
		return s.FlowRuleSpec
	case *weftv1.Resource_SecurityGroupSpec:
		return s.SecurityGroupSpec
	case *weftv1.Resource_AddressGroupSpec:
		return s.AddressGroupSpec
	case *weftv1.Resource_LoadBalancerSpec:
		return s.LoadBalancerSpec
	case *weftv1.Resource_ListenerSpec:
		return s.ListenerSpec
	case *weftv1.Resource_PoolSpec:
		return s.PoolSpec
	case *weftv1.Resource_HealthMonitorSpec:
		return s.HealthMonitorSpec
	case *weftv1.Resource_SecurityPolicySpec:
		return s.SecurityPolicySpec
	case *weftv1.Resource_FirewallGroupSpec:
		return s.FirewallGroupSpec
	case *weftv1.Resource_FirewallPolicySpec:
		return s.FirewallPolicySpec
	}
	return res.GetProjectSpec()
}

// lacks tells whether a stored resource would get more if it were applied again: an address, for a port that has none
// because its network had no subnet; another MTU, because the underlay's is configured differently now; a zone, which earlier
// versions gave to none.
func (t *txn) lacks(old *record) bool {
	switch f := old.facts.(type) {
	case *portFacts:
		spec := old.res.GetPortSpec()
		return len(f.ips) == 0 && len(spec.GetFixedIps()) == 0 && !spec.GetNoFixedIps() && len(t.network(f.network).blocks) > 0
	case *networkFacts:
		return f.zone == 0 || f.balances == 0 || old.res.GetStatus().GetNetwork().GetMtu() != t.mtu(f.segments, old.res.GetNetworkSpec().GetMtu())
	case *routerFacts:
		return f.zone == 0
	}
	return false
}
