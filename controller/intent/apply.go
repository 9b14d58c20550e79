package intent

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Apply creates and updates resources in one transaction: all of them are stored, at the revision returned, or none, and
// then the error is an *InvalidError, a *ConflictError; ErrBusy, or one of package store. There is a result for each
// resource in the order of the request, and then one for each project that was made because it was named. Where nothing
// changes, nothing is written and the revision is the current one. The resources are shared: clone before changing them.
//
// store.ErrUnavailable after the store was asked to write means that it is not known whether it has; applying the same
// again is safe.
func (c *Catalog) Apply(ctx context.Context, resources []*weftv1.Resource, preconditions []*weftv1.Precondition) (int64, []*weftv1.ApplyResult, error) {
	for _, list := range []struct {
		field string
		n     int
	}{{"resources", len(resources)}, {"preconditions", len(preconditions)}} {
		if list.n > MaxResources {
			return 0, nil, tooMany(list.field, list.n)
		}
	}
	var drafts []*draft
	rev, err := c.transact(ctx, func(t *txn) error {
		if err := t.require(preconditions); err != nil {
			return err
		}
		drafts = t.apply(t.parse(resources))
		return t.err()
	})
	if err != nil {
		return 0, nil, err
	}
	results := make([]*weftv1.ApplyResult, len(drafts))
	for i, d := range drafts {
		rec := d.next
		if rec == nil {
			rec = d.old
		}
		results[i] = &weftv1.ApplyResult{Outcome: d.outcome, Resource: rec.res}
	}
	return rev, results, nil
}

// tooMany refuses a request for its size.
func tooMany(field string, n int) error {
	message := fmt.Sprintf("%s in one request; at most %s", reported(n), reported(MaxResources))
	return &InvalidError{Total: 1, Violations: []Violation{{Field: field, Message: message, Reason: ReasonInvalid}}}
}

// require checks preconditions.
func (t *txn) require(preconditions []*weftv1.Precondition) error {
	var failed []Mismatch
	for i, p := range preconditions {
		key, err := KeyOfRef(p.GetRef())
		if err != nil {
			t.bad = append(t.bad, placed{Violation{Field: indexed("preconditions", i, ".ref"), Message: err.Error(), Reason: ReasonInvalid}, i})
			continue
		}
		var have int64
		if rec := t.records[key]; rec != nil {
			have = rec.rev
		}
		if have != p.GetRevision() {
			failed = append(failed, Mismatch{key, p.GetRevision(), have})
		}
	}
	if err := t.err(); err != nil {
		return err
	}
	if len(failed) > 0 {
		return &ConflictError{failed}
	}
	return nil
}

// apply makes records of drafts, and returns the drafts with those of projects that they imply.
func (t *txn) apply(drafts []*draft) []*draft {
	drafts = append(drafts, t.impliedProjects(drafts)...)
	byKind := map[Kind][]*draft{}
	for _, d := range drafts {
		byKind[d.key.Kind] = append(byKind[d.key.Kind], d)
	}
	// Each kind when those that it refers to are as they will be.
	for _, step := range []struct {
		kind  Kind
		apply func([]*draft)
	}{
		{KindProject, t.applyProjects}, {KindSegmentRange, t.applyRanges}, {KindHost, t.applyHosts}, {KindLink, t.applyLinks}, {KindFlowRule, t.applyFlowRules},
		{KindNetwork, t.applyNetworks}, {KindSubnet, t.applySubnets}, {KindRouter, t.applyRouters},
		{KindAddressGroup, t.applyAddressGroups}, {KindSecurityGroup, t.applySecurityGroups}, {KindSecurityPolicy, t.applySecurityPolicies},
		{KindFirewallPolicy, t.applyFirewallPolicies},
		{KindPort, func(ports []*draft) { t.applyPorts(ports); t.finishRouters(byKind[KindRouter]) }},
		{KindTrunk, t.applyTrunks}, {KindFirewallGroup, t.applyFirewallGroups},
		{KindPool, t.applyPools}, {KindHealthMonitor, t.applyHealthMonitors}, {KindLoadBalancer, t.applyBalancers}, {KindListener, t.applyListeners},
		{KindFloatingIP, t.applyFloats}, {KindPortForwarding, t.applyForwards}, {KindNATRule, t.applyRules},
	} {
		byKind[step.kind] = slices.DeleteFunc(byKind[step.kind], t.settled)
		step.apply(byKind[step.kind])
	}
	t.checkGateways(byKind[KindSubnet])
	t.checkReferrers(drafts)
	t.checkGroups(byKind[KindSecurityGroup])
	t.checkGroups(byKind[KindAddressGroup])
	t.checkGroups(byKind[KindFirewallPolicy])
	t.passMTU(byKind[KindNetwork])
	for _, d := range drafts {
		if d.next != nil {
			t.writes = append(t.writes, write{d.key, d.next})
		}
	}
	return drafts
}

// settled looks at what is stored, and tells whether nothing is to be done about a draft.
func (t *txn) settled(d *draft) bool {
	if !d.bad {
		t.look(d)
	}
	if d.same {
		d.outcome = weftv1.ApplyResult_OUTCOME_UNCHANGED
	}
	return d.bad || d.same
}

func (t *txn) applyProjects(drafts []*draft) {
	for _, d := range drafts {
		t.accept(d, nil)
	}
}

// impliedProjects returns drafts of projects that are named and do not exist.
func (t *txn) impliedProjects(drafts []*draft) []*draft {
	var implied []*draft
	for _, d := range drafts {
		if d.bad || !d.key.Kind.Owned() {
			continue
		}
		key := Key{Kind: KindProject, Name: d.key.Project}
		if t.records[key] != nil || t.declared[key] != nil {
			continue
		}
		p := &draft{key: key, given: &weftv1.Resource{Kind: string(KindProject), Name: key.Name}}
		t.declared[key] = p
		implied = append(implied, p)
	}
	slices.SortFunc(implied, func(a, b *draft) int { return a.key.Compare(b.key) })
	for i, p := range implied {
		p.index = len(drafts) + i
	}
	return implied
}

// resource is what a draft is stored as, but for its revision.
func (t *txn) resource(d *draft, status *weftv1.Status) *weftv1.Resource {
	res := proto.CloneOf(&weftv1.Resource{Description: d.given.GetDescription(), Labels: d.given.GetLabels(), Spec: d.given.GetSpec()})
	res.Kind, res.Project, res.Name = string(d.key.Kind), d.key.Project, d.key.Name
	if res.Spec == nil {
		res.Spec = &weftv1.Resource_ProjectSpec{ProjectSpec: &weftv1.ProjectSpec{}}
	}
	res.Status = status
	if d.old == nil {
		res.Uid, res.Created, res.Updated = uuid.NewString(), t.now, t.now
		return res
	}
	old := d.old.res
	res.Uid, res.Created, res.Updated = old.GetUid(), old.GetCreated(), t.now
	if sameWish(res, old) {
		res.Updated = old.GetUpdated()
	}
	return res
}

// accept puts what a draft has become into the state. Facts are read from it as they will be when it is loaded.
func (t *txn) accept(d *draft, status *weftv1.Status) {
	res := t.resource(d, status)
	facts, err := factsOf(d.key, res)
	if err != nil {
		// Parsing refuses whatever factsOf does; this is its last line of defence.
		t.refuse(d, "", ReasonInvalid, "%v", err)
		return
	}
	d.next = &record{key: d.key, res: res, facts: facts}
	if d.old != nil {
		d.next.created = d.old.created
	}
	t.put(d.key, d.next)
}

// indexed is the path of an element: "preconditions[3].ref".
func indexed(list string, i int, rest string) string {
	return list + "[" + strconv.Itoa(i) + "]" + rest
}
