package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// details is what a status has of a type; nil: nothing.
func detail[M proto.Message](st *status.Status) (found M) {
	for _, d := range st.Details() {
		if m, ok := d.(M); ok {
			return m
		}
	}
	return found
}

func retryDelay(st *status.Status) time.Duration {
	return detail[*errdetails.RetryInfo](st).GetRetryDelay().AsDuration()
}

// TestErrors: each error of the catalog and the store has its status.
func TestErrors(t *testing.T) {
	tests := []struct {
		name    string
		err     error
		code    codes.Code
		details []protoadapt.MessageV1
	}{
		{"compacted", &store.CompactedError{Rev: 7}, codes.OutOfRange, []protoadapt.MessageV1{
			&errdetails.ErrorInfo{Reason: "COMPACTED", Domain: "weft", Metadata: map[string]string{"compact_revision": "7"}}}},
		{"conflict in the store", &store.ConflictError{}, codes.Aborted, []protoadapt.MessageV1{retryInfo()}},
		{"too large", store.ErrTooLarge, codes.ResourceExhausted, nil},
		{"bad backup", store.ErrBadBackup, codes.InvalidArgument, []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: "BAD_BACKUP", Domain: "weft"}}},
		{"not empty", store.ErrNotEmpty, codes.FailedPrecondition, []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: "NOT_EMPTY", Domain: "weft"}}},
		{"unavailable", store.ErrUnavailable, codes.Unavailable, []protoadapt.MessageV1{retryInfo()}},
		{"lost", store.ErrLost, codes.Unavailable, []protoadapt.MessageV1{retryInfo()}},
		{"closed", store.ErrClosed, codes.Unavailable, []protoadapt.MessageV1{retryInfo()}},
		{"denied", store.ErrDenied, codes.Unavailable, []protoadapt.MessageV1{retryInfo()}},
		{"deadline", context.DeadlineExceeded, codes.DeadlineExceeded, nil},
		{"canceled", context.Canceled, codes.Canceled, nil},
		{"a status", status.Error(codes.DataLoss, "x"), codes.DataLoss, nil},
		{"anything else", errors.New("x"), codes.Internal, nil},
		{"a field", badField("page_size", "is wrong"), codes.InvalidArgument, []protoadapt.MessageV1{
			&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "page_size", Description: "is wrong"}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, err := range []error{tt.err, fmt.Errorf("wrapped: %w", tt.err)} {
				st := statusOf(err)
				if st.Code() != tt.code || len(st.Details()) != len(tt.details) {
					t.Fatal(st.Proto())
				}
				for i, d := range st.Details() {
					if have, want := d.(proto.Message), protoadapt.MessageV2Of(tt.details[i]); !proto.Equal(have, want) {
						t.Errorf("have %v, want %v", have, want)
					}
				}
			}
		})
	}
}

// TestRefusals: what the catalog refuses names what is at fault.
func TestRefusals(t *testing.T) {
	r := newRig(t, options{})
	rev := r.apply(network("red", "web"), port("red", "vm1", "web"))

	t.Run("invalid", func(t *testing.T) {
		bad := &weftv1.Resource{Kind: "Subnet", Project: "red", Name: "v4", Spec: &weftv1.Resource_SubnetSpec{SubnetSpec: &weftv1.SubnetSpec{Network: "web"}}}
		_, err := r.weft.Apply(t.Context(), &weftv1.ApplyRequest{Resources: []*weftv1.Resource{bad}})
		st := status.Convert(err)
		v := detail[*errdetails.BadRequest](st).GetFieldViolations()
		if st.Code() != codes.InvalidArgument || len(v) != 1 || v[0].GetField() != "subnet/red/v4: spec.cidr" || v[0].GetDescription() == "" ||
			!strings.HasPrefix(st.Message(), "subnet/red/v4: spec.cidr: ") {
			t.Error(st.Proto())
		}
	})
	t.Run("precondition", func(t *testing.T) {
		pre := []*weftv1.Precondition{{Ref: ref("Network", "red", "web"), Revision: rev + 5}}
		_, apply := r.weft.Apply(t.Context(), &weftv1.ApplyRequest{Resources: []*weftv1.Resource{network("red", "db")}, Preconditions: pre})
		_, remove := r.weft.Delete(t.Context(), &weftv1.DeleteRequest{Refs: []*weftv1.ResourceRef{ref("Port", "red", "vm1")}, Preconditions: pre})
		for _, err := range []error{apply, remove} {
			st := status.Convert(err)
			v := detail[*errdetails.PreconditionFailure](st).GetViolations()
			if st.Code() != codes.Aborted || len(v) != 1 || v[0].GetSubject() != "network/red/web" || v[0].GetType() != "REVISION" || v[0].GetDescription() == "" {
				t.Error(st.Proto())
			}
		}
	})
	t.Run("in use", func(t *testing.T) {
		_, err := r.weft.Delete(t.Context(), &weftv1.DeleteRequest{Refs: []*weftv1.ResourceRef{ref("Network", "red", "web")}})
		st := status.Convert(err)
		v := detail[*errdetails.PreconditionFailure](st).GetViolations()
		if st.Code() != codes.FailedPrecondition || len(v) != 1 || v[0].GetSubject() != "network/red/web" || !strings.Contains(v[0].GetDescription(), "port/red/vm1") ||
			strings.HasPrefix(v[0].GetDescription(), "network/red/web") {
			t.Error(st.Proto())
		}
	})
	t.Run("not found", func(t *testing.T) {
		_, get := r.weft.Get(t.Context(), &weftv1.GetRequest{Ref: ref("Port", "red", "vm9")})
		_, remove := r.weft.Delete(t.Context(), &weftv1.DeleteRequest{Refs: []*weftv1.ResourceRef{ref("Port", "red", "vm9")}})
		for _, err := range []error{get, remove} {
			st := status.Convert(err)
			if info := detail[*errdetails.ResourceInfo](st); st.Code() != codes.NotFound || info.GetResourceName() != "port/red/vm9" || info.GetResourceType() != "Port" ||
				st.Message() != "port/red/vm9 does not exist" {
				t.Error(st.Proto())
			}
		}
	})
	if log := r.log.String(); strings.Count(log, "a write was refused") != 5 || !strings.Contains(log, "code=FailedPrecondition") {
		t.Error("refused writes are not in the audit log:", log)
	}
}

// TestStoreAway: while the store is away reads are answered, and writes are told when to try again.
func TestStoreAway(t *testing.T) {
	r := newRig(t, options{})
	r.apply(project("red"))
	r.memory.Fault(store.Fault{Down: true})
	if _, err := r.weft.Get(t.Context(), &weftv1.GetRequest{Ref: ref("Project", "", "red")}); err != nil {
		t.Error(err)
	}
	if resp, err := r.weft.List(t.Context(), &weftv1.ListRequest{}); err != nil || len(resp.GetResources()) != 1 {
		t.Error(resp, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := r.weft.Apply(ctx, &weftv1.ApplyRequest{Resources: []*weftv1.Resource{project("blue")}})
	if st := status.Convert(err); st.Code() != codes.Unavailable || retryDelay(st) == 0 {
		t.Error(err)
	}
	r.memory.Fault(store.Fault{})
	r.apply(project("blue"))
}

// TestBadReferences: all references that are wrong are named.
func TestBadReferences(t *testing.T) {
	r := newRig(t, options{})
	_, err := r.weft.Delete(t.Context(), &weftv1.DeleteRequest{Refs: []*weftv1.ResourceRef{
		ref("Project", "", "red"), ref("port", "red", "vm1"), ref("Port", "", "vm1"), ref("Host", "red", "h1"), ref("Port", "red", ""), ref("Ports", "", ""), ref("", "", ""),
	}})
	var got []string
	for _, v := range detail[*errdetails.BadRequest](status.Convert(err)).GetFieldViolations() {
		if v.GetDescription() == "" {
			t.Error(v.GetField(), "without a word")
		}
		got = append(got, v.GetField())
	}
	if have, want := strings.Join(got, " "), "refs[1] refs[2] refs[3] refs[4] refs[5] refs[6]"; have != want {
		t.Errorf("have %s, want %s", have, want)
	}
	if _, err := r.weft.Get(t.Context(), &weftv1.GetRequest{}); status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
}

// TestSmallStatuses: a status fits the headers of every client, whatever it has to tell.
func TestSmallStatuses(t *testing.T) {
	long := strings.Repeat("ü", 1<<20)
	missing, wrong := &intent.NotFoundError{}, &badRequest{}
	for range 10_000 {
		missing.Keys = append(missing.Keys, intent.Key{Kind: intent.KindHost, Name: long[:1000]})
		wrong.add("refs", long)
	}
	for _, err := range []error{missing, wrong, errors.New(long), badField(long, "%s", long)} {
		st := statusOf(err)
		if size := proto.Size(st.Proto()); size > 7<<10 || !utf8.ValidString(st.Message()) {
			t.Errorf("%T: %d bytes", err, size)
		}
	}
}

func retryInfo() *errdetails.RetryInfo {
	return detail[*errdetails.RetryInfo](statusOf(store.ErrUnavailable))
}
