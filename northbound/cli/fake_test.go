package cli

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// canned is a server whose answers a test writes down, for what the real one says only with switches behind it. It
// remembers the requests.
type canned struct {
	weftv1.UnimplementedWeftServiceServer
	weftv1.UnimplementedAdminServiceServer

	resources []*weftv1.Resource
	wait      *weftv1.WaitResponse
	flows     []*weftv1.FlowExplanation
	changes   []*weftv1.WatchResponse
	fail      error

	mu       sync.Mutex
	requests []any
	restored bytes.Buffer
}

// serve starts the server on loopback and returns its address.
func (s *canned) serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	weftv1.RegisterWeftServiceServer(srv, s)
	weftv1.RegisterAdminServiceServer(srv, s)
	go srv.Serve(l) //nolint:errcheck // ends with Stop
	t.Cleanup(srv.Stop)
	return l.Addr().String()
}

func (s *canned) note(req any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, req)
	return s.fail
}

func (s *canned) last() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		return nil
	}
	return s.requests[len(s.requests)-1]
}

// Apply answers with the canned resources of the same names, as created.
func (s *canned) Apply(_ context.Context, req *weftv1.ApplyRequest) (*weftv1.ApplyResponse, error) {
	if err := s.note(req); err != nil {
		return nil, err
	}
	resp := &weftv1.ApplyResponse{Revision: 17}
	for i, r := range req.GetResources() {
		outcome := weftv1.ApplyResult_Outcome(1 + i%3)
		for _, have := range s.resources {
			if have.GetKind() == r.GetKind() && have.GetProject() == r.GetProject() && have.GetName() == r.GetName() {
				r = have
			}
		}
		resp.Results = append(resp.Results, &weftv1.ApplyResult{Outcome: outcome, Resource: r})
	}
	return resp, nil
}

func (s *canned) Get(_ context.Context, req *weftv1.GetRequest) (*weftv1.GetResponse, error) {
	if err := s.note(req); err != nil {
		return nil, err
	}
	for _, r := range s.resources {
		if r.GetKind() == req.GetRef().GetKind() && r.GetProject() == req.GetRef().GetProject() && r.GetName() == req.GetRef().GetName() {
			return &weftv1.GetResponse{Resource: r, Revision: 17}, nil
		}
	}
	return nil, status.Errorf(codes.NotFound, "%s does not exist", refKey(req.GetRef()))
}

func (s *canned) List(_ context.Context, req *weftv1.ListRequest) (*weftv1.ListResponse, error) {
	if err := s.note(req); err != nil {
		return nil, err
	}
	resp := &weftv1.ListResponse{Revision: 17}
	f := req.GetFilter()
	for _, r := range s.resources {
		if (len(f.GetKinds()) == 0 || slices.Contains(f.GetKinds(), r.GetKind())) && (f.GetProject() == "" || f.GetProject() == r.GetProject()) {
			resp.Resources = append(resp.Resources, r)
		}
	}
	return resp, nil
}

func (s *canned) Delete(_ context.Context, req *weftv1.DeleteRequest) (*weftv1.DeleteResponse, error) {
	if err := s.note(req); err != nil {
		return nil, err
	}
	return &weftv1.DeleteResponse{Revision: 18, Deleted: req.GetRefs()}, nil
}

func (s *canned) Wait(_ context.Context, req *weftv1.WaitRequest) (*weftv1.WaitResponse, error) {
	if err := s.note(req); err != nil {
		return nil, err
	}
	return s.wait, nil
}

// Watch sends the canned changes and ends with an error that ends the program too.
func (s *canned) Watch(req *weftv1.WatchRequest, stream grpc.ServerStreamingServer[weftv1.WatchResponse]) error {
	if err := s.note(req); err != nil {
		return err
	}
	for _, c := range s.changes {
		if err := stream.Send(c); err != nil {
			return err
		}
	}
	return status.Error(codes.PermissionDenied, "enough")
}

func (s *canned) Explain(_ context.Context, req *weftv1.ExplainRequest) (*weftv1.ExplainResponse, error) {
	return &weftv1.ExplainResponse{Flows: s.flows}, s.note(req)
}

func (s *canned) GetInfo(context.Context, *weftv1.GetInfoRequest) (*weftv1.GetInfoResponse, error) {
	return &weftv1.GetInfoResponse{Version: "1.2.3", Revision: 17, CompiledRevision: 17, Hosts: 3, HostsOnline: 2, Flows: 642}, nil
}

func (s *canned) SetLogLevel(_ context.Context, req *weftv1.SetLogLevelRequest) (*weftv1.SetLogLevelResponse, error) {
	return &weftv1.SetLogLevelResponse{Previous: "info"}, s.note(req)
}

func (s *canned) Backup(_ *weftv1.BackupRequest, stream grpc.ServerStreamingServer[weftv1.BackupResponse]) error {
	if err := stream.Send(&weftv1.BackupResponse{Data: []byte("everything")}); err != nil {
		return err
	}
	return s.fail
}

func (s *canned) Restore(stream grpc.ClientStreamingServer[weftv1.RestoreRequest, weftv1.RestoreResponse]) error {
	for first := true; ; first = false {
		req, err := stream.Recv()
		if err != nil {
			break
		}
		if first && !req.GetReplace() {
			return status.Error(codes.FailedPrecondition, "the store is not empty")
		}
		s.restored.Write(req.GetData())
	}
	return stream.SendAndClose(&weftv1.RestoreResponse{Revision: 40, Keys: 12})
}

// tenant is what a server with three hosts has.
func tenant() []*weftv1.Resource {
	created := &timestamppb.Timestamp{Seconds: 1_780_000_000}
	since := timestamppb.New(time.Now().Add(-12500 * time.Millisecond))
	host := func(name, ip string, st *weftv1.HostStatus) *weftv1.Resource {
		st.TunnelIp = ip
		return &weftv1.Resource{Kind: "Host", Name: name, Spec: &weftv1.Resource_HostSpec{HostSpec: &weftv1.HostSpec{}},
			Status: &weftv1.Status{Phase: weftv1.Status_PHASE_ACTIVE, Details: &weftv1.Status_Host{Host: st}}}
	}
	const synced, offline, refused = weftv1.HostStatus_CONNECTION_SYNCED, weftv1.HostStatus_CONNECTION_OFFLINE, weftv1.HostStatus_CONNECTION_REFUSED
	return []*weftv1.Resource{
		host("h1", "10.99.0.1", &weftv1.HostStatus{Openflow: synced, Ovsdb: synced, Ports: 2, Flows: 214, RealisedRevision: 17}),
		host("h3", "10.99.0.3", &weftv1.HostStatus{Openflow: offline, Ovsdb: offline, Since: since, RealisedRevision: 15, Lag: 2}),
		host("h4", "", &weftv1.HostStatus{Ovsdb: refused}),
		{Kind: "Network", Project: "red", Name: "web", Uid: "u-web", Revision: 17, Created: created, Updated: created, Labels: map[string]string{"tier": "front"},
			Spec: &weftv1.Resource_NetworkSpec{NetworkSpec: &weftv1.NetworkSpec{Type: "vxlan"}},
			Status: &weftv1.Status{Phase: weftv1.Status_PHASE_BUILD, Hosts: []string{"h1", "h3"}, RealisedHosts: []string{"h1"},
				Conditions: []*weftv1.Condition{{Type: "HostOffline", Message: "it does not answer", Host: "h3"}},
				Details:    &weftv1.Status_Network{Network: &weftv1.NetworkStatus{SegmentationId: 5001, Mtu: 1450, Tag: 1, Type: "vxlan"}}}},
		{Kind: "Port", Project: "red", Name: "vm1", Revision: 17, Created: created, Updated: created,
			Spec: &weftv1.Resource_PortSpec{PortSpec: &weftv1.PortSpec{Network: "web"}},
			Status: &weftv1.Status{Phase: weftv1.Status_PHASE_ACTIVE, Hosts: []string{"h1"}, RealisedHosts: []string{"h1"},
				Details: &weftv1.Status_Port{Port: &weftv1.PortStatus{MacAddress: "fa:16:3e:6c:01:0b", Mtu: 1450, Host: "h1", Interface: "tap1", Ofport: 4, LinkState: "up",
					FixedIps: []*weftv1.FixedIP{{Subnet: "web-v4", Ip: "10.0.0.11"}, {Subnet: "web-v6", Ip: "fd00:10::b"}}}}}},
		{Kind: "Subnet", Project: "red", Name: "web-v4", Revision: 17, Created: created, Updated: created,
			Spec:   &weftv1.Resource_SubnetSpec{SubnetSpec: &weftv1.SubnetSpec{Network: "web", Cidr: "10.0.0.0/24"}},
			Status: &weftv1.Status{Details: &weftv1.Status_Subnet{Subnet: &weftv1.SubnetStatus{IpVersion: 4, GatewayIp: "10.0.0.1", UsedIps: 1}}}},
	}
}

// weft runs the program.
func weft(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}
