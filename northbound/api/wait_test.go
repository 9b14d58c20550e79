package api

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const (
	done    = weftv1.HostProgress_STATE_REALISED
	pending = weftv1.HostProgress_STATE_PENDING
	offline = weftv1.HostProgress_STATE_OFFLINE
	failed  = weftv1.HostProgress_STATE_FAILED
)

// TestWaitResult: which states of hosts mean that the revision is realised.
func TestWaitResult(t *testing.T) {
	r := newRig(t, options{})
	rev := r.apply(project("red"), host("h1"))
	tests := []struct {
		name     string
		states   []weftv1.HostProgress_State
		offline  bool
		realised bool
	}{
		{"no hosts", nil, false, true},
		{"all", []weftv1.HostProgress_State{done, done}, false, true},
		{"one pending", []weftv1.HostProgress_State{done, pending}, false, false},
		{"one failed", []weftv1.HostProgress_State{failed, done}, false, false},
		{"one offline", []weftv1.HostProgress_State{offline, done}, false, true},
		{"one offline that counts", []weftv1.HostProgress_State{offline, done}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.ctrl.await = func(context.Context, Await) ([]*weftv1.HostProgress, error) {
				var hosts []*weftv1.HostProgress
				for _, state := range tt.states {
					hosts = append(hosts, &weftv1.HostProgress{State: state})
				}
				return hosts, nil
			}
			resp, err := r.weft.Wait(t.Context(), &weftv1.WaitRequest{OfflineCounts: tt.offline})
			if err != nil || resp.GetRealised() != tt.realised || resp.GetRevision() != rev || len(resp.GetHosts()) != len(tt.states) {
				t.Error(resp, err)
			}
		})
	}
	_, err := r.weft.Wait(t.Context(), &weftv1.WaitRequest{
		Revision: 17, Hosts: []string{"h1"}, Resources: []*weftv1.ResourceRef{ref("Port", "red", "gone")}, OfflineCounts: true,
	})
	last := r.ctrl.awaits[len(r.ctrl.awaits)-1]
	if err != nil || last.Revision != 17 || !slices.Equal(last.Hosts, []string{"h1"}) || last.Resources[0].String() != "port/red/gone" || !last.OfflineCounts {
		t.Error(last, err)
	}
}

// TestWaitAhead: a revision that the store has not come to is realised nowhere, not even by no hosts.
func TestWaitAhead(t *testing.T) {
	r := newRig(t, options{})
	rev := r.apply(project("red"))
	r.ctrl.await = func(context.Context, Await) ([]*weftv1.HostProgress, error) { return nil, nil }
	for ahead, want := range []bool{true, false} {
		resp, err := r.weft.Wait(t.Context(), &weftv1.WaitRequest{Revision: rev + int64(ahead)})
		if err != nil || resp.GetRealised() != want {
			t.Errorf("%d ahead: %v, %v", ahead, resp, err)
		}
	}
}

// TestWaitTime: how long a wait waits, and that the end of it is no error.
func TestWaitTime(t *testing.T) {
	r := newRig(t, options{})
	var left time.Duration
	r.ctrl.await = func(ctx context.Context, _ Await) ([]*weftv1.HostProgress, error) {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		if left < 5*time.Second {
			<-ctx.Done()
		}
		return []*weftv1.HostProgress{{State: pending}}, nil
	}
	tests := []struct {
		name          string
		timeout, call time.Duration
		low, high     time.Duration
	}{
		{"default", 0, 0, 29 * time.Second, 30 * time.Second},
		{"given", time.Hour, 0, 59 * time.Minute, time.Hour},
		{"short", 20 * time.Millisecond, 0, 0, 20 * time.Millisecond},
		{"no longer than the call", time.Hour, 10 * time.Second, 9 * time.Second, 10 * time.Second},
		{"the answer comes in time", time.Hour, 500 * time.Millisecond, 0, 450 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if tt.call > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.call)
				defer cancel()
			}
			req := &weftv1.WaitRequest{}
			if tt.timeout > 0 {
				req.Timeout = durationpb.New(tt.timeout)
			}
			resp, err := r.weft.Wait(ctx, req)
			if err != nil || resp.GetRealised() || len(resp.GetHosts()) != 1 {
				t.Error(resp, err)
			}
			if left < tt.low || left > tt.high {
				t.Errorf("waits for %s", left)
			}
		})
	}
}

// TestWaitErrors: what cannot be waited for.
func TestWaitErrors(t *testing.T) {
	r := newRig(t, options{})
	for name, req := range map[string]*weftv1.WaitRequest{
		"revision":  {Revision: -1},
		"host":      {Hosts: []string{"h9"}},
		"resource":  {Resources: []*weftv1.ResourceRef{ref("Thing", "", "x")}},
		"timeout":   {Timeout: durationpb.New(-time.Second)},
		"no timout": {Timeout: &durationpb.Duration{Seconds: 1 << 62}},
	} {
		if _, err := r.weft.Wait(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.ctrl.await = func(context.Context, Await) ([]*weftv1.HostProgress, error) { return nil, errors.New("x") }
	if _, err := r.weft.Wait(t.Context(), &weftv1.WaitRequest{}); status.Code(err) != codes.Internal {
		t.Error(err)
	}
}
