package api

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// TestVerbs is the life of a few resources.
func TestVerbs(t *testing.T) {
	r := newRig(t, options{})
	ctx := t.Context()
	applied, err := r.weft.Apply(ctx, &weftv1.ApplyRequest{Resources: []*weftv1.Resource{project("red"), network("red", "web"), port("red", "vm1", "web")}})
	if err != nil {
		t.Fatal(err)
	}
	for i, result := range applied.GetResults() {
		res := result.GetResource()
		if result.GetOutcome() != weftv1.ApplyResult_OUTCOME_CREATED || res.GetUid() == "" || res.GetRevision() != applied.GetRevision() ||
			res.GetStatus().GetPhase() != weftv1.Status_PHASE_ACTIVE {
			t.Errorf("result %d: %v", i, result)
		}
	}
	got, err := r.weft.Get(ctx, &weftv1.GetRequest{Ref: ref("Port", "red", "vm1")})
	if err != nil {
		t.Fatal(err)
	}
	if res := got.GetResource(); res.GetPortSpec().GetNetwork() != "web" || res.GetStatus().GetPhase() != weftv1.Status_PHASE_ACTIVE || got.GetRevision() != applied.GetRevision() {
		t.Errorf("got %v", got)
	}
	r.ctrl.set(t, "port/red/vm1", weftv1.Status_PHASE_ERROR)
	if got, _ = r.weft.Get(ctx, &weftv1.GetRequest{Ref: ref("Port", "red", "vm1")}); got.GetResource().GetStatus().GetPhase() != weftv1.Status_PHASE_ERROR {
		t.Error("the overlay is not laid over what is read, or was written into what is stored:", got)
	}
	deleted, err := r.weft.Delete(ctx, &weftv1.DeleteRequest{Refs: []*weftv1.ResourceRef{ref("Port", "red", "vm1")}})
	if err != nil || len(deleted.GetDeleted()) != 1 || deleted.GetRevision() <= applied.GetRevision() {
		t.Fatal(deleted, err)
	}
	if _, err = r.weft.Get(ctx, &weftv1.GetRequest{Ref: ref("Port", "red", "vm1")}); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
	explained, err := r.weft.Explain(ctx, &weftv1.ExplainRequest{Cookie: 7})
	if err != nil || explained.GetFlows()[0].GetCookie() != 7 {
		t.Error(explained, err)
	}
	if log := r.log.String(); strings.Count(log, "msg=written") != 2 || !strings.Contains(log, `resources="project/red network/red/web port/red/vm1"`) ||
		!strings.Contains(log, "verb=delete") || !strings.Contains(log, "caller=bufconn") {
		t.Error("the audit log does not tell who wrote what:", log)
	}
}

// TestManyResources: 10,000 in one request are taken, 10,001 are not.
func TestManyResources(t *testing.T) {
	r := newRig(t, options{})
	many := make([]*weftv1.Resource, 10_001)
	for i := range many {
		many[i] = project(fmt.Sprintf("p%d", i))
	}
	_, err := r.weft.Apply(t.Context(), &weftv1.ApplyRequest{Resources: many})
	if st := status.Convert(err); st.Code() != codes.InvalidArgument || st.Message() != "resources: 10001 are too many; at most 10000" {
		t.Error(err)
	}
	refs := make([]*weftv1.ResourceRef, 10_001)
	for i := range refs {
		refs[i] = ref("Project", "", fmt.Sprintf("p%d", i))
	}
	if _, err := r.weft.Delete(t.Context(), &weftv1.DeleteRequest{Refs: refs}); status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
	r.apply(many[:10_000]...)
	count := 0
	req := &weftv1.ListRequest{PageSize: 5000}
	for {
		resp, err := r.weft.List(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		count += len(resp.GetResources())
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if count != 10_000 {
		t.Error(count, "listed")
	}
	r.remove(refs[:10_000]...)
	if strings.Contains(r.log.String(), "project/p21") {
		t.Error("the audit log names more than the first resources")
	}
}

// TestLargeMessage: what is larger than 4 MiB is refused, saying so.
func TestLargeMessage(t *testing.T) {
	r := newRig(t, options{})
	big := project("red")
	big.Description = strings.Repeat("x", 5<<20)
	_, err := r.weft.Apply(t.Context(), &weftv1.ApplyRequest{Resources: []*weftv1.Resource{big}})
	if st := status.Convert(err); st.Code() != codes.ResourceExhausted || !strings.Contains(st.Message(), "larger than max") {
		t.Error(err)
	}
}

// TestUsage: what only the catalog can count is in the status.
func TestUsage(t *testing.T) {
	r := newRig(t, options{})
	subnet := &weftv1.Resource{Kind: "Subnet", Project: "red", Name: "v4", Spec: &weftv1.Resource_SubnetSpec{SubnetSpec: &weftv1.SubnetSpec{Network: "web", Cidr: "10.0.0.0/29"}}}
	ids := &weftv1.Resource{Kind: "SegmentRange", Name: "few", Spec: &weftv1.Resource_SegmentRangeSpec{
		SegmentRangeSpec: &weftv1.SegmentRangeSpec{NetworkType: "vxlan", Minimum: 100, Maximum: 101}}}
	r.apply(ids)
	r.apply(network("red", "web"), subnet, port("red", "vm1", "web"), port("red", "vm2", "web"))
	list, err := r.weft.List(t.Context(), &weftv1.ListRequest{Filter: &weftv1.Filter{Kinds: []string{"Subnet"}, Fields: []string{"status.subnet.usedIps=2"}}})
	if err != nil || len(list.GetResources()) != 1 {
		t.Error(list, err)
	}
	got, err := r.weft.Get(t.Context(), &weftv1.GetRequest{Ref: ref("SegmentRange", "", "few")})
	if s := got.GetResource().GetStatus().GetSegmentRange(); err != nil || s.GetUsed() != 1 || s.GetAvailable() != 1 {
		t.Error(got, err)
	}
	_, err = r.weft.Apply(t.Context(), &weftv1.ApplyRequest{Resources: []*weftv1.Resource{network("red", "a"), network("red", "b")}})
	st := status.Convert(err)
	if v := detail[*errdetails.BadRequest](st).GetFieldViolations(); st.Code() != codes.ResourceExhausted || len(v) != 1 || v[0].GetReason() != "EXHAUSTED" {
		t.Error(st.Proto())
	}
}

// TestNotLoaded: before the store has been read, nothing is answered, instead of nothing being there.
func TestNotLoaded(t *testing.T) {
	r := newRig(t, options{unread: true})
	ctx := t.Context()
	_, get := r.weft.Get(ctx, &weftv1.GetRequest{Ref: ref("Project", "", "red")})
	_, list := r.weft.List(ctx, &weftv1.ListRequest{})
	_, apply := r.weft.Apply(ctx, &weftv1.ApplyRequest{Resources: []*weftv1.Resource{project("red")}})
	_, wait := r.weft.Wait(ctx, &weftv1.WaitRequest{})
	stream, err := r.weft.Watch(ctx, &weftv1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, watch := stream.Recv()
	for what, err := range map[string]error{"get": get, "list": list, "apply": apply, "wait": wait, "watch": watch} {
		if st := status.Convert(err); st.Code() != codes.Unavailable || retryDelay(st) == 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
}
