package api

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func TestListFilters(t *testing.T) {
	r := newRig(t, options{})
	down := port("red", "vm3", "db")
	down.GetPortSpec().AdminStateUp = proto.Bool(false)
	down.GetPortSpec().AllowedAddressPairs = []*weftv1.AddressPair{{Ip: "10.0.0.0/24"}, {Ip: "10.1.0.1"}}
	wide := network("red", "db")
	wide.GetNetworkSpec().Mtu = 1400
	r.apply(project("red"), project("blue"), network("red", "web"), wide, network("blue", "web"), host("h1"),
		port("red", "vm1", "web", "tier=db", "example.com/env.name=prod"), port("red", "vm2", "web", "tier=app"), down, port("blue", "vm1", "web"))
	r.ctrl.phases["port/red/vm2"] = weftv1.Status_PHASE_ERROR

	ports, red := []string{"Port"}, "red"
	tests := []struct {
		name   string
		filter *weftv1.Filter
		want   string
	}{
		{"all", nil, "host/h1 network/blue/web network/red/db network/red/web port/blue/vm1 port/red/vm1 port/red/vm2 port/red/vm3 project/blue project/red"},
		{"kinds", &weftv1.Filter{Kinds: []string{"Network", "Host"}}, "host/h1 network/blue/web network/red/db network/red/web"},
		{"project", &weftv1.Filter{Project: red, Kinds: ports}, "port/red/vm1 port/red/vm2 port/red/vm3"},
		{"unknown project", &weftv1.Filter{Project: "green"}, ""},
		{"label", &weftv1.Filter{Labels: map[string]string{"tier": "db"}}, "port/red/vm1"},
		{"label without value", &weftv1.Filter{Labels: map[string]string{"tier": ""}}, ""},
		{"field of the spec", &weftv1.Filter{Fields: []string{"spec.network=db"}}, "port/red/vm3"},
		{"fields of several specs", &weftv1.Filter{Fields: []string{"spec.adminStateUp=false"}}, "port/red/vm3"},
		{"unset", &weftv1.Filter{Kinds: ports, Fields: []string{"spec.admin_state_up=true"}}, ""},
		{"number", &weftv1.Filter{Fields: []string{"spec.mtu=1400"}}, "network/red/db"},
		{"zero", &weftv1.Filter{Kinds: []string{"Network"}, Fields: []string{"spec.mtu=0"}}, "network/blue/web network/red/web"},
		{"name", &weftv1.Filter{Fields: []string{"name=vm1"}, Project: red}, "port/red/vm1"},
		{"label as a field", &weftv1.Filter{Fields: []string{"labels.example.com/env.name=prod"}}, "port/red/vm1"},
		{"one of a list", &weftv1.Filter{Fields: []string{"spec.allowedAddressPairs.ip=10.1.0.1"}}, "port/red/vm3"},
		{"phase", &weftv1.Filter{Kinds: ports, Fields: []string{"status.phase=ERROR"}}, "port/red/vm2"},
		{"phase in full", &weftv1.Filter{Kinds: ports, Fields: []string{"status.phase=PHASE_ACTIVE"}, Project: red}, "port/red/vm1 port/red/vm3"},
		{"one of a list of texts", &weftv1.Filter{Kinds: []string{"Host"}, Fields: []string{"status.hosts=h2"}}, "host/h1"},
		{"status of another kind", &weftv1.Filter{Kinds: []string{"Host"}, Fields: []string{"status.port.host=h1"}}, ""},
		{"the spec of one kind", &weftv1.Filter{Fields: []string{"portSpec.network=db"}}, "port/red/vm3"},
		{"all must hold", &weftv1.Filter{Fields: []string{"spec.network=web", "status.phase=active", "project=red"}}, "port/red/vm1"},
		{"time", &weftv1.Filter{Fields: []string{"created=2001-01-01T00:00:00Z"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int32{0, 1, 2} {
				var got []*weftv1.Resource
				req := &weftv1.ListRequest{Filter: tt.filter, PageSize: size}
				for {
					resp, err := r.weft.List(t.Context(), req)
					if err != nil {
						t.Fatal(err)
					}
					if n := len(resp.GetResources()); size > 0 && n > int(size) || resp.GetRevision() != r.catalog.Revision() {
						t.Fatal(n, "in a page, revision", resp.GetRevision())
					}
					got = append(got, resp.GetResources()...)
					if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
						break
					}
				}
				if names(got) != tt.want {
					t.Errorf("pages of %d: have %s, want %s", size, names(got), tt.want)
				}
			}
		})
	}
}

func TestListErrors(t *testing.T) {
	r := newRig(t, options{})
	r.apply(project("a"), project("b"))
	first, err := r.weft.List(t.Context(), &weftv1.ListRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	field := func(s string) *weftv1.ListRequest {
		return &weftv1.ListRequest{Filter: &weftv1.Filter{Fields: []string{s}}}
	}
	tests := []struct {
		req  *weftv1.ListRequest
		want string
	}{
		{&weftv1.ListRequest{PageSize: -1}, "page_size: -1 is not from 1 to 5000"},
		{&weftv1.ListRequest{PageSize: 5001}, "page_size: 5001 is not from 1 to 5000"},
		{&weftv1.ListRequest{PageToken: "x"}, "page_token: is none that this server gave"},
		{&weftv1.ListRequest{PageToken: "%"}, "page_token: is none that this server gave"},
		{&weftv1.ListRequest{PageToken: first.GetNextPageToken(), Filter: &weftv1.Filter{Kinds: []string{"Port"}}}, "page_token: belongs to another filter"},
		{&weftv1.ListRequest{Filter: &weftv1.Filter{Kinds: []string{"Port", "ports"}}}, `filter.kinds[1]: there is no kind "ports"; there are AddressGroup, FirewallGroup, FirewallPolicy, FloatingIP, FlowRule, HealthMonitor, Host, Link, Listener, LoadBalancer, NATRule, Network, Pool, Port, PortForwarding, Project, Router, SecurityGroup, SecurityPolicy, SegmentRange, Subnet and Trunk`},
		{field("spec.network"), `filter.fields[0]: "spec.network" is no condition; write it as spec.network=web`},
		{field("=web"), `filter.fields[0]: "=web" is no condition; write it as spec.network=web`},
		{field("spec.colour=red"), `filter.fields[0]: "spec.colour=red": there is no field "colour" in the spec`},
		{field("spec=red"), `filter.fields[0]: "spec=red": name a field of it, such as spec.network`},
		{field("stat.x=red"), `filter.fields[0]: "stat.x=red": there is no field "stat" in Resource`},
		{field("status.port=red"), `filter.fields[0]: "status.port=red": "port" has fields; name one of them`},
		{field("name.x=red"), `filter.fields[0]: "name.x=red": "name" has no fields`},
		{field("labels=red"), `filter.fields[0]: "labels=red": "labels" needs a key: labels.KEY`},
		{field("status.phase=GOOD"), `filter.fields[0]: "status.phase=GOOD": "GOOD" is none of UNSPECIFIED, PENDING, BUILD, ACTIVE, DOWN and ERROR`},
		{field("spec.mtu=big"), `filter.fields[0]: "spec.mtu=big": "big" is no whole number`},
		{field("revision=big"), `filter.fields[0]: "revision=big": "big" is no whole number`},
		{field("spec.shared=perhaps"), `filter.fields[0]: "spec.shared=perhaps": "perhaps" is neither true nor false`},
		{field("created=today"), `filter.fields[0]: "created=today": "today" is no time; write it as 2006-01-02T15:04:05Z`},
		{&weftv1.ListRequest{Filter: &weftv1.Filter{Fields: make([]string, 101)}}, `filter: 101 labels or fields are too many; at most 100`},
	}
	for _, tt := range tests {
		_, err := r.weft.List(t.Context(), tt.req)
		st := status.Convert(err)
		if st.Code() != codes.InvalidArgument || st.Message() != tt.want || len(detail[*errdetails.BadRequest](st).GetFieldViolations()) == 0 {
			t.Errorf("have %v\nwant %s", err, tt.want)
		}
	}
}

// TestListWhileWriting: pages are stable: what exists all the time is listed once, whatever happens in between.
func TestListWhileWriting(t *testing.T) {
	r := newRig(t, options{})
	for i := range 20 {
		r.apply(project(fmt.Sprintf("p%02d", i)))
	}
	var got []string
	req := &weftv1.ListRequest{PageSize: 3}
	for page := 0; ; page++ {
		resp, err := r.weft.List(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, res := range resp.GetResources() {
			if strings.HasPrefix(res.GetName(), "p") {
				got = append(got, res.GetName())
			}
		}
		r.apply(project(fmt.Sprintf("a%d", page)), project(fmt.Sprintf("z%d", page)))
		if len(got) == 3 {
			r.remove(ref("Project", "", got[2])) // the last of the page, where the next begins
		}
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if len(got) != 20 {
		t.Error(got)
	}
}

// TestListLarge: a page ends before it is too large a message.
func TestListLarge(t *testing.T) {
	r := newRig(t, options{})
	var many []*weftv1.Resource
	for i := range 8000 {
		p := project(fmt.Sprintf("p%d", i))
		p.Description = strings.Repeat("x", 250)
		p.Labels = map[string]string{"a": strings.Repeat("y", 60), "b": strings.Repeat("y", 60)}
		many = append(many, p)
	}
	r.apply(many[:4000]...)
	r.apply(many[4000:]...)
	count := 0
	req := &weftv1.ListRequest{PageSize: 5000}
	for {
		resp, err := r.weft.List(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if size := proto.Size(resp); size > 3<<20 {
			t.Error(size, "bytes")
		}
		count += len(resp.GetResources())
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if count != 8000 {
		t.Error(count)
	}
}
