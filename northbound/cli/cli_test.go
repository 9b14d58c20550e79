package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const webManifest = `kind: Network
project: red
name: web
spec: {type: vxlan}
---
kind: Subnet
project: red
name: web-v4
spec: {network: web, cidr: 10.0.0.0/24}
---
kind: Port
project: red
name: vm1
spec:
  network: web
  fixedIps:
    - subnet: web-v4
      ip: 10.0.1.9
`

// TestMain sets what the environment would decide.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	for _, name := range []string{"WEFT_SERVER", "WEFT_PROJECT", "WEFT_TLS_CA", "WEFT_TLS_CERT", "WEFT_TLS_KEY", "WEFT_TLS_SERVER_NAME", "WEFT_LAB"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// progress is what Wait answers for hosts in these states.
func progress(realised bool, states ...weftv1.HostProgress_State) *weftv1.WaitResponse {
	resp := &weftv1.WaitResponse{Realised: realised, Revision: 17}
	for i, st := range states {
		h := &weftv1.HostProgress{Host: "h" + string(rune('1'+i)), State: st, RealisedRevision: 17}
		if st != weftv1.HostProgress_STATE_REALISED {
			h.RealisedRevision = 15
		}
		if st == weftv1.HostProgress_STATE_FAILED {
			h.Message = "table full"
		}
		resp.Hosts = append(resp.Hosts, h)
	}
	return resp
}

// mask hides what differs from run to run.
func mask(s string) string {
	return regexp.MustCompile(`\b(in|after) [\d.]+ m?s\b`).ReplaceAllString(s, "$1 TIME")
}

// TestStories: what is typed, and what is seen.
func TestStories(t *testing.T) {
	const ok, pending, offline, failed = weftv1.HostProgress_STATE_REALISED, weftv1.HostProgress_STATE_PENDING, weftv1.HostProgress_STATE_OFFLINE, weftv1.HostProgress_STATE_FAILED
	bad, _ := status.New(codes.InvalidArgument, "1 error").WithDetails(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "port/red/vm1: spec.fixedIps[0].ip", Description: "10.0.1.9 is not in subnet web-v4 (10.0.0.0/24)"}}})
	inUse, _ := status.New(codes.FailedPrecondition, "in use").WithDetails(&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{
		{Type: "IN_USE", Subject: "network/red/web", Description: "is used by subnet/red/web-v4, port/red/vm1"}}})
	tests := []struct {
		name   string
		args   string
		stdin  string
		server *canned
		code   int
		out    string
		err    string
	}{
		{name: "apply", args: "apply -f -", stdin: webManifest, out: `
network/red/web    created   vxlan 5001, mtu 1450
subnet/red/web-v4  updated   10.0.0.0/24, gateway 10.0.0.1
port/red/vm1       unchanged 10.0.0.11 fd00:10::b fa:16:3e:6c:01:0b
revision 17
`},
		{name: "apply and wait", args: "apply --wait -f -", stdin: "kind: Project\nname: red\n", server: &canned{wait: progress(true, ok, ok, ok)}, out: `
project/red  created
revision 17, realised on 3 of 3 hosts in TIME
`},
		{name: "apply and wait in vain", args: "apply --wait --timeout 1s -f -", stdin: "kind: Project\nname: red\n", code: 1,
			server: &canned{wait: progress(false, ok, pending, failed, offline)}, out: `
project/red  created
revision 17, realised on 1 of 4 hosts after TIME; h2 is pending, at revision 15; h3 failed (table full), at revision 15; h4 is offline, at revision 15
`},
		{name: "apply what the server refuses", args: "apply -f -", stdin: webManifest, server: &canned{fail: bad.Err()}, code: 1, err: `
stdin:18: port/red/vm1: spec.fixedIps[0].ip: 10.0.1.9 is not in subnet web-v4 (10.0.0.0/24)
nothing was applied (1 error in 3 resources)
`},
		{name: "apply while the store is gone", args: "apply -f -", stdin: webManifest, code: 1,
			server: &canned{fail: status.Error(codes.Unavailable, "the store does not answer; nothing was changed")}, err: `
weft: the store does not answer; nothing was changed
nothing was applied (1 error in 3 resources)
`},
		{name: "apply nothing", args: "apply -f -", stdin: "# only this\n---\n", code: 2, err: `
weft: -: no resources
Run "weft --help" or "weft COMMAND --help" for usage.
`},
		{name: "apply without a file", args: "apply", code: 2, err: `
weft: apply needs -f FILE
Run "weft --help" or "weft COMMAND --help" for usage.
`},
		{name: "apply a file that is not there", args: "apply -f none.yaml", code: 1, err: `
weft: none.yaml: no such file or directory
`},
		{name: "hosts", args: "hosts", out: `
NAME  TUNNEL IP  OPENFLOW      OVSDB    PORTS  FLOWS  REALISED  LAG
h1    10.99.0.1  master        synced       2    214        17  0
h3    10.99.0.3  offline 12 s  -            -      -        15  2
h4    -          never seen    refused      -      -         -  0
`},
		{name: "networks", args: "get networks", out: `
PROJECT  NAME  TYPE   SEGMENT   MTU  HOSTS  PHASE
red      web   vxlan     5001  1450  1/2    build
`},
		{name: "ports, wide", args: "get ports -p red -o wide", out: `
PROJECT  NAME  NETWORK  MAC                IPS                   HOST  GROUPS  INTERFACE  OFPORT  LINK  PHASE   REVISION  CREATED              UID  LABELS
red      vm1   web      fa:16:3e:6c:01:0b  10.0.0.11,fd00:10::b  h1    -       tap1            4  up    active        17  2026-05-28 20:26:40  -    -
`},
		{name: "two kinds", args: "get subnets,net", out: `
networks:
PROJECT  NAME  TYPE   SEGMENT   MTU  HOSTS  PHASE
red      web   vxlan     5001  1450  1/2    build

subnets:
PROJECT  NAME    NETWORK  CIDR         GATEWAY   USED
red      web-v4  web      10.0.0.0/24  10.0.0.1     1
`},
		{name: "names", args: "get all -o name", out: `
host/h1
host/h3
host/h4
network/red/web
port/red/vm1
subnet/red/web-v4
`},
		{name: "yaml", args: "get subnet/red/web-v4 -o yaml", out: `
kind: Subnet
project: red
name: web-v4
revision: 17
created: 2026-05-28T20:26:40Z
updated: 2026-05-28T20:26:40Z
spec:
  network: web
  cidr: 10.0.0.0/24
status:
  subnet:
    ipVersion: 4
    gatewayIp: 10.0.0.1
    usedIps: 1
`},
		{name: "json", args: "get subnets -o json", out: `
[
  {
    "kind": "Subnet",
    "project": "red",
    "name": "web-v4",
    "revision": 17,
    "created": "2026-05-28T20:26:40Z",
    "updated": "2026-05-28T20:26:40Z",
    "spec": {
      "network": "web",
      "cidr": "10.0.0.0/24"
    },
    "status": {
      "subnet": {
        "ipVersion": 4,
        "gatewayIp": "10.0.0.1",
        "usedIps": 1
      }
    }
  }
]
`},
		{name: "nothing there", args: "get segmentranges", err: "\nnothing found\n"},
		{name: "nothing of that name", args: "get port red/vm9", code: 1, err: "\nweft: port/red/vm9 does not exist\n"},
		{name: "which project", args: "get port vm1", code: 2, err: `
weft: in which project is port vm1? Give -p PROJECT, or port/PROJECT/vm1
Run "weft --help" or "weft COMMAND --help" for usage.
`},
		{name: "which kind", args: "get prots", code: 2, err: `
weft: there is no kind "prots"; did you mean ports?
Run "weft --help" or "weft COMMAND --help" for usage.
`},
		{name: "which form", args: "get ports -o xml", code: 2, err: `
weft: -o must be table, wide, yaml, json or name, not "xml"
Run "weft --help" or "weft COMMAND --help" for usage.
`},
		{name: "which command", args: "gett", code: 2, err: `
weft: unknown command "gett" for "weft"; did you mean get?
Run "weft --help" or "weft COMMAND --help" for usage.
`},
		{name: "which flag", args: "get ports --colour", code: 2, err: `
weft: unknown flag: --colour
Run "weft --help" or "weft COMMAND --help" for usage.
`},
		{name: "describe", args: "describe network red/web", out: `
network/red/web is being built, realised on h1; not yet on h3
  HostOffline on h3: it does not answer

  kind: Network
  project: red
  name: web
  uid: u-web
  labels:
    tier: front
  revision: 17
  created: 2026-05-28T20:26:40Z
  updated: 2026-05-28T20:26:40Z
  spec:
    type: vxlan
  status:
    phase: BUILD
    conditions:
      - type: HostOffline
        message: it does not answer
        host: h3
    hosts:
      - h1
      - h3
    realisedHosts:
      - h1
    network:
      segmentationId: 5001
      mtu: 1450
      tag: 1
      type: vxlan

used by
  port/red/vm1  10.0.0.11 fd00:10::b fa:16:3e:6c:01:0b
  subnet/red/web-v4  10.0.0.0/24, gateway 10.0.0.1
`},
		{name: "delete", args: "delete port/red/vm1 network/red/web", out: `
port/red/vm1  deleted
network/red/web  deleted
revision 18
`},
		{name: "delete by kind", args: "delete ports -p red", out: "\nport/red/vm1  deleted\nrevision 18\n"},
		{name: "delete all of a kind, by mistake", args: "delete ports", code: 2, err: `
weft: say which: names, -l, --field or -p; all of all projects with -A
Run "weft --help" or "weft COMMAND --help" for usage.
`},
		{name: "delete what is in use", args: "delete network red/web", server: &canned{fail: inUse.Err()}, code: 1, err: `
network/red/web: is used by subnet/red/web-v4, port/red/vm1
nothing was deleted; --cascade deletes what refers to it as well
`},
		{name: "wait", args: "wait --revision 17", server: &canned{wait: progress(true, ok, offline)}, out: `
revision 17, realised on 1 of 2 hosts in TIME; h2 is offline, at revision 15
`},
		{name: "wait in vain", args: "wait --offline-counts --timeout 1s", server: &canned{wait: progress(false, ok, offline)}, code: 1, out: `
revision 17, realised on 1 of 2 hosts after TIME; h2 is offline, at revision 15
`},
		{name: "watch", args: "watch ports --existing --status", code: 1, server: &canned{changes: []*weftv1.WatchResponse{
			{Revision: 18, Events: []*weftv1.Event{{Type: weftv1.Event_TYPE_PUT, Resource: tenant()[4]}, {Type: weftv1.Event_TYPE_STATUS, Resource: tenant()[3]}}},
			{Revision: 19, Events: []*weftv1.Event{{Type: weftv1.Event_TYPE_DELETE, Resource: tenant()[4]}}}}}, out: `
17      exists    port/red/vm1  10.0.0.11 fd00:10::b fa:16:3e:6c:01:0b
18      created   port/red/vm1  10.0.0.11 fd00:10::b fa:16:3e:6c:01:0b
18      status    network/red/web  being built, realised on h1; not yet on h3
19      deleted   port/red/vm1  10.0.0.11 fd00:10::b fa:16:3e:6c:01:0b
`, err: "\nweft: enough\n"},
		{name: "watch as json", args: "watch -o json", code: 1, server: &canned{changes: []*weftv1.WatchResponse{
			{Revision: 18, Events: []*weftv1.Event{{Type: weftv1.Event_TYPE_PUT, Resource: &weftv1.Resource{Kind: "Project", Name: "red"}}}}}}, out: `
{"revision":18,"event":"updated","resource":{"kind":"Project","name":"red"}}
`, err: "\nweft: enough\n"},
		{name: "explain", args: "explain 0x5702c3a19f00d4e1", server: &canned{flows: []*weftv1.FlowExplanation{{Host: "h1", TableName: "l2", Priority: 100,
			Match: "net=5001, eth_dst=fa:16:3e:6c:01:0b", Actions: "output to red/vm1", Rule: "l2.deliver", Subject: "port/red/vm1",
			Reads: []string{"network/red/web", "hosts of network/red/web"}, SinceRevision: 17}}}, out: `
table l2, host h1, priority 100: net=5001, eth_dst=fa:16:3e:6c:01:0b → output to red/vm1
from l2.deliver(port/red/vm1), which read network/red/web, hosts of network/red/web; since revision 17
`},
		{name: "explain what is not there", args: "explain 0x12", code: 1, err: "\nweft: no host should have a flow 0x12\n"},
		{name: "explain no cookie", args: "explain 0xzz", code: 2, err: `
weft: "0xzz" is no cookie: 0x and up to 16 hexadecimal digits, not all zero
Run "weft --help" or "weft COMMAND --help" for usage.
`},
		{name: "log level", args: "log-level debug", out: "\nlog level debug, before info\n"},
		{name: "restore over something", args: "restore -", stdin: "x", code: 1, err: "\nweft: the store is not empty\n"},
		{name: "restore", args: "restore --replace -", stdin: "x", out: "\n12 keys restored, revision 40\n"},
		{name: "completion of kinds", args: "__complete get net", out: "\nprojects\nnetworks\nsubnets\nports\nhosts\nsegmentranges\nrouters\ntrunks\nfloatingips\nportforwardings\nnatrules\nsecuritygroups\naddressgroups\nsecuritypolicies\nfirewallgroups\nfirewallpolicies\nloadbalancers\nlisteners\npools\nhealthmonitors\nlinks\nflowrules\nall\n:4\n", err: "\nCompletion ended with directive: ShellCompDirectiveNoFileComp\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.server == nil {
				tt.server = &canned{}
			}
			tt.server.resources = tenant()
			args := strings.Fields(tt.args)
			args = append(args[:1:1], append([]string{"--server", tt.server.serve(t)}, args[1:]...)...)
			code, out, errs := weft(t, tt.stdin, args...)
			if code != tt.code {
				t.Errorf("exit status %d, want %d", code, tt.code)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.out, "\n"), mask(out)); diff != "" {
				t.Errorf("output: want -, got +\n%s", diff)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.err, "\n"), errs); diff != "" {
				t.Errorf("errors: want -, got +\n%s", diff)
			}
		})
	}
}

// TestRequests: what flags become.
func TestRequests(t *testing.T) {
	tests := []struct {
		args, stdin string
		env         map[string]string
		want        proto.Message
	}{
		{args: "get ports -p red -l a=b,c=d --field spec.network=web", want: &weftv1.ListRequest{Filter: &weftv1.Filter{Kinds: []string{"Port"}, Project: "red",
			Labels: map[string]string{"a": "b", "c": "d"}, Fields: []string{"spec.network=web"}}}},
		{args: "get ports", env: map[string]string{"WEFT_PROJECT": "blue"}, want: &weftv1.ListRequest{Filter: &weftv1.Filter{Kinds: []string{"Port"}, Project: "blue"}}},
		{args: "get ports -A", env: map[string]string{"WEFT_PROJECT": "blue"}, want: &weftv1.ListRequest{Filter: &weftv1.Filter{Kinds: []string{"Port"}}}},
		{args: "get hosts", env: map[string]string{"WEFT_PROJECT": "blue"}, want: &weftv1.ListRequest{Filter: &weftv1.Filter{Kinds: []string{"Host"}}}},
		{args: "delete port vm1 blue/vm2 -p red --cascade", want: &weftv1.DeleteRequest{Cascade: true, Refs: []*weftv1.ResourceRef{
			{Kind: "Port", Project: "red", Name: "vm1"}, {Kind: "Port", Project: "blue", Name: "vm2"}}}},
		{args: "delete -f -", stdin: "kind: Port\nproject: red\nname: a\n---\nkind: Host\nname: h1\n", want: &weftv1.DeleteRequest{Refs: []*weftv1.ResourceRef{
			{Kind: "Port", Project: "red", Name: "a"}, {Kind: "Host", Name: "h1"}}}},
		{args: "apply -f - --check-revision", stdin: "kind: Host\nname: h1\nuid: x\nrevision: 5\nstatus: {phase: ACTIVE}\n", want: &weftv1.ApplyRequest{
			Resources:     []*weftv1.Resource{{Kind: "Host", Name: "h1", Spec: &weftv1.Resource_HostSpec{HostSpec: &weftv1.HostSpec{}}}},
			Preconditions: []*weftv1.Precondition{{Ref: &weftv1.ResourceRef{Kind: "Host", Name: "h1"}, Revision: 5}}}},
		{args: "wait port/red/vm1 host/h1 --host h1 --host h2 --revision 3", want: &weftv1.WaitRequest{Revision: 3, Hosts: []string{"h1", "h2"},
			Resources: []*weftv1.ResourceRef{{Kind: "Port", Project: "red", Name: "vm1"}, {Kind: "Host", Name: "h1"}}}},
		{args: "explain cookie=0xff, --host h1 --limit 3", want: &weftv1.ExplainRequest{Cookie: 255, Host: "h1", Limit: 3}},
		{args: "explain table=l2, dl_dst=fa:16:3e:6c:01:0b", want: &weftv1.ExplainRequest{Flow: "table=l2, dl_dst=fa:16:3e:6c:01:0b"}},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			server := &canned{}
			t.Setenv("WEFT_SERVER", server.serve(t))
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			_, _, errs := weft(t, tt.stdin, strings.Fields(tt.args)...)
			if diff := cmp.Diff(tt.want, server.last(), protocmp.Transform(), protocmp.IgnoreFields(&weftv1.WaitRequest{}, "timeout")); diff != "" {
				t.Fatalf("want -, got +\n%s%s", diff, errs)
			}
		})
	}
}

func TestBackup(t *testing.T) {
	server := &canned{}
	t.Setenv("WEFT_SERVER", server.serve(t))
	dir := t.TempDir()
	name := filepath.Join(dir, "b")
	code, out, errs := weft(t, "", "backup", name)
	if want := name + ": 10 bytes\n"; code != 0 || out != want {
		t.Fatal(code, out, errs)
	}
	server.fail = status.Error(codes.Unavailable, "the store is gone")
	if code, _, errs := weft(t, "", "backup", name); code != 1 || errs != "weft: the store is gone\n" {
		t.Fatal(code, errs)
	}
	data, err := os.ReadFile(name)
	if err != nil || string(data) != "everything" {
		t.Fatalf("the older backup: %q %v", data, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestUnreachable(t *testing.T) {
	code, out, errs := weft(t, "", "hosts", "--server", "unix:"+t.TempDir()+"/none")
	if code != 3 || out != "" || !strings.HasPrefix(errs, "weft: cannot reach weftd at unix:") || !strings.Contains(errs, `Start it with "weftd"`) {
		t.Fatal(code, out, errs)
	}
}

func TestFolder(t *testing.T) {
	server := &canned{}
	t.Setenv("WEFT_SERVER", server.serve(t))
	dir := t.TempDir()
	for name, text := range map[string]string{"b.yaml": "kind: Project\nname: b\n", "a.json": `{"kind": "Project", "name": "a"}`, "notes.txt": "no manifest"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := weft(t, "", "apply", "-f", dir)
	if want := "project/a  created\nproject/b  updated\nrevision 17\n"; code != 0 || out != want {
		t.Fatal(code, out, errs)
	}
	code, _, errs = weft(t, "", "apply", "-f", dir, "-f", filepath.Join(dir, "b.yaml"))
	if want := "b.yaml:1: project/b: is given twice, before at "; code != 1 || !strings.Contains(errs, want) {
		t.Fatal(code, errs)
	}
}
