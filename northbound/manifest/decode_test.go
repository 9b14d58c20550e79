package manifest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const good = `# a comment
kind: Network
project: red
name: web
labels: {tier: front, 7: seven}
spec: {type: vxlan, adminStateUp: false}
---
kind: Port
project: red
name: vm1
spec:
  network: web
  mac_address: 52:54:00:12:34:56   # snake_case serves too
  fixedIps:
    - subnet: web-v4
      ip: 10.0.0.11
    - {ip: "fd00:10::b"}
---
---
- kind: Project
  name: blue
- kind: SegmentRange
  name: mine
  spec: {networkType: gre, minimum: 0x10, maximum: 4294967295}
`

func TestDecode(t *testing.T) {
	docs, err := Decode("good.yaml", strings.NewReader(good), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []*weftv1.Resource{
		{Kind: "Network", Project: "red", Name: "web", Labels: map[string]string{"tier": "front", "7": "seven"},
			Spec: &weftv1.Resource_NetworkSpec{NetworkSpec: &weftv1.NetworkSpec{Type: "vxlan", AdminStateUp: proto.Bool(false)}}},
		{Kind: "Port", Project: "red", Name: "vm1", Spec: &weftv1.Resource_PortSpec{PortSpec: &weftv1.PortSpec{
			Network: "web", MacAddress: "52:54:00:12:34:56",
			FixedIps: []*weftv1.FixedIP{{Subnet: "web-v4", Ip: "10.0.0.11"}, {Ip: "fd00:10::b"}}}}},
		{Kind: "Project", Name: "blue", Spec: &weftv1.Resource_ProjectSpec{ProjectSpec: &weftv1.ProjectSpec{}}},
		{Kind: "SegmentRange", Name: "mine", Spec: &weftv1.Resource_SegmentRangeSpec{SegmentRangeSpec: &weftv1.SegmentRangeSpec{
			NetworkType: "gre", Minimum: 16, Maximum: 4294967295}}},
	}
	var got []*weftv1.Resource
	for _, d := range docs {
		got = append(got, d.Resource)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Fatalf("want -, got +\n%s", diff)
	}
	lines := map[string]int{
		"spec.fixedIps[0].ip": 16, "spec.fixed_ips[0].ip": 16, "spec.fixedIps[1].ip": 17, "spec.fixedIps[1].subnet": 17, "spec.fixedIps": 14,
		"spec.macAddress": 13, "spec.portSecurityEnabled": 11, "name": 10, "": 8, "nothing.like.it": 8,
	}
	for path, line := range lines {
		if got := docs[1].Line(path); got != line {
			t.Errorf("line of %q is %d, want %d", path, got, line)
		}
	}
}

func TestDecodeJSON(t *testing.T) {
	in := "{\"kind\":\"Project\",\"name\":\"a\"}\n{\"kind\": \"Project\",\n \"name\": \"b\", \"description\": \"\\ud83d\\ude00 \\\\ud83d \\/\"}\n[\n{\"kind\":\"Project\",\"name\":\"c\"}]"
	docs, err := Decode("x.json", strings.NewReader(in), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, fmt.Sprintf("%d %s %s", d.Line("name"), d.Key(), d.Resource.Description))
	}
	want := []string{"1 project/a ", `3 project/b 😀 \ud83d /`, "5 project/c "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestDefaultProject(t *testing.T) {
	in := "kind: Network\nname: n\n---\nkind: Network\nname: n\nproject: blue\n---\nkind: Project\nname: p\n---\nkind: Network\nname: m\nproject: \"\"\n"
	docs, err := Decode("x", strings.NewReader(in), Options{Project: "red"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, d.Key())
	}
	if diff := cmp.Diff([]string{"network/red/n", "network/blue/n", "project/p", "network/red/m"}, got); diff != "" {
		t.Fatal(diff)
	}
}

// TestMistakes shows what people get to read.
func TestMistakes(t *testing.T) {
	port := "kind: Port\nproject: red\nname: vm1\nspec:\n  "
	tests := []struct{ name, in, want string }{
		{"unknown field", port + "fixedIp: x", "f:5: port/red/vm1: spec.fixedIp: unknown field; did you mean fixedIps?"},
		{"unknown field, nothing near", port + "colour: x", "f:5: port/red/vm1: spec.colour: unknown field; there are adminStateUp, allowedAddressPairs, deviceId, deviceOwner, extraDhcpOptions, fixedIps, host, macAddress, network, noFixedIps, portSecurityEnabled, securityGroups"},
		{"unknown nested field", port + "fixedIps:\n  - addr: x", "f:6: port/red/vm1: spec.fixedIps[0].addr: unknown field; there are ip, subnet"},
		{"outside spec", "kind: Subnet\nproject: red\nname: s\ncidr: 10.0.0.0/24", "f:4: subnet/red/s: cidr: belongs under spec"},
		{"inside spec", port + "labels: {a: b}", "f:5: port/red/vm1: spec.labels: belongs at the top, beside kind"},
		{"top field", "kind: Port\nproject: red\nname: x\nspecs: {}", "f:4: port/red/x: specs: unknown field; did you mean spec?"},
		{"no kind", "project: red\nname: x", "f:1: kind is missing; there are AddressGroup, FirewallGroup, FirewallPolicy, FloatingIP, FlowRule, HealthMonitor, Host, Link, Listener, LoadBalancer, NATRule, Network, Pool, Port, PortForwarding, Project, Router, SecurityGroup, SecurityPolicy, SegmentRange, Subnet, Trunk"},
		{"kind's case", "kind: port\nname: x", `f:1: kind: there is no kind "port"; did you mean Port?`},
		{"kind misspelt", "kind: Networt\nname: x", `f:1: kind: there is no kind "Networt"; did you mean Network?`},
		{"no name", "kind: Port\nproject: red", "f:1: Port without a name"},
		{"no project", "\n\nkind: Port\nname: x", "f:3: port/x: project is missing; a Port belongs to one"},
		{"project of a host", "kind: Host\nname: h1\nproject: red", "f:3: host/red/h1: project: a Host belongs to no project"},
		{"string", "kind: Port\nproject: red\nname: 7", `f:3: port/red/7: name: must be a string, not the number 7; write it in quotes: "7"`},
		{"bool", port + "adminStateUp: yes", `f:5: port/red/vm1: spec.adminStateUp: must be true or false, not "yes"`},
		{"list", port + "fixedIps: 10.0.0.1", `f:5: port/red/vm1: spec.fixedIps: must be a list, not "10.0.0.1"`},
		{"mapping", port + "fixedIps: [10.0.0.1]", `f:5: port/red/vm1: spec.fixedIps[0]: must be a mapping of fields, not "10.0.0.1"`},
		{"word", port + "network: [web]", `f:5: port/red/vm1: spec.network: must be a string, not a list`},
		{"number", "kind: Network\nproject: r\nname: n\nspec: {mtu: big}", `f:4: network/r/n: spec.mtu: must be a whole number, not "big"`},
		{"too big", "kind: Network\nproject: r\nname: n\nspec: {mtu: 4294967296}", `f:4: network/r/n: spec.mtu: must be a number from 0 to 4294967295, not 4294967296`},
		{"negative", "kind: Network\nproject: r\nname: n\nspec: {mtu: -1}", `f:4: network/r/n: spec.mtu: must be a number from 0 to 4294967295, not -1`},
		{"twice", port + "network: a\n  network: b", "f:6: port/red/vm1: spec.network: is given twice, before in line 5"},
		{"twice, spelt otherwise", port + "macAddress: a\n  mac_address: b", "f:6: port/red/vm1: spec.macAddress: is given twice, before in line 5"},
		{"label twice", "kind: Project\nname: x\nlabels:\n  a: b\n  a: c", "f:5: project/x: labels[a]: is given twice"},
		{"label's value", "kind: Project\nname: x\nlabels: {a: true}", `f:3: project/x: labels[a]: must be a string, not true; write it in quotes: "true"`},
		{"spec is a list", "kind: Port\nproject: p\nname: x\nspec:\n- a", "f:5: port/p/x: spec: must be a mapping of fields, not a list"},
		{"merge key", "kind: Project\nname: x\n<<: {labels: {}}", "f:3: project/x: merge keys (<<) are not supported; write the fields out"},
		{"prose", "hello", `f:1: expected a resource with kind, project, name and spec, not "hello"`},
		{"lists in lists", "[[]]", "f:1: a list inside a list; a resource has kind, project, name and spec"},
		{"tab", "kind: Port\nspec:\n\tnetwork: web", "f:3: is indented with a tab; YAML wants spaces"},
		{"not YAML", "kind: Port\nname: a: b", "f:2: is not valid YAML: a second ':' in one line; is the indentation right, or are quotes missing?"},
		{"not text", "kind: \xff\xfe", "f: is not valid YAML: is not text in UTF-8"},
		{"status", "kind: Project\nname: x\nstatus: {phase: GOOD}", `f:3: project/x: status.phase: must be one of UNSPECIFIED, PENDING, BUILD, ACTIVE, DOWN, ERROR, not "GOOD"`},
		{"time", "kind: Project\nname: x\ncreated: today", `f:3: project/x: created: must be a time such as 2026-01-31T12:00:00Z, not "today"`},
		{"escapes", "kind: Project\nname: x\n\"\\e[31m\": red", "f:3: project/x: \ufffd[31m: unknown field; there are created, description, kind, labels, name, project, revision, spec, status, uid, updated"},
		{"oneof", "kind: Project\nname: x\nstatus: {port: {}, network: {}}", `f:3: project/x: status.network: excludes port, which is given too`},
		{"all of them", "kind: Prt\n---\n" + port + "x: 1\n  y: 2", "f:1: kind: there is no kind \"Prt\"; did you mean Port?\n" +
			"f:7: port/red/vm1: spec.x: unknown field; there are adminStateUp, allowedAddressPairs, deviceId, deviceOwner, extraDhcpOptions, fixedIps, host, macAddress, network, noFixedIps, portSecurityEnabled, securityGroups\n" +
			"f:8: port/red/vm1: spec.y: unknown field; there are adminStateUp, allowedAddressPairs, deviceId, deviceOwner, extraDhcpOptions, fixedIps, host, macAddress, network, noFixedIps, portSecurityEnabled, securityGroups"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			docs, err := Decode("f", strings.NewReader(tt.in), Options{})
			if err == nil {
				t.Fatalf("decoded %v", docs)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Fatalf("want -, got +\n%s", diff)
			}
		})
	}
}

func TestTwiceTheSame(t *testing.T) {
	docs, err := Decode("f", strings.NewReader("kind: Project\nname: x\n---\nkind: Project\nname: x\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "f:4: project/x: is given twice, before at f:1"
	if err := Duplicates(docs); err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	if err := Duplicates(docs[:1]); err != nil {
		t.Fatal(err)
	}
}

// TestBounds feeds what is meant to exhaust the reader.
func TestBounds(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("- kind: Port\n  project: p\n  name: a\n  spec:\n    fixedIps: &list [" + strings.Repeat("{ip: a}, ", 1000) + "]\n")
	for i := range 300 {
		fmt.Fprintf(&bomb, "- {kind: Port, project: p, name: a%d, spec: {fixedIps: *list}}\n", i)
	}
	tests := []struct{ name, in, want string }{
		{"aliases", bomb.String(), "aliases expand to more than"},
		{"nested aliases", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nkind: Project\nname: *c", "unknown field"},
		{"an alias of itself", "kind: Port\nproject: p\nname: n\nspec: &s\n  fixedIps: [*s]", "unknown field"},
		{"too large", strings.Repeat("#", MaxBytes+1), "is larger than 16 MiB"},
		{"deep", strings.Repeat("[", 100_000), "is not valid YAML"},
		{"deep mapping", strings.Repeat("{a: ", 100_000), "is not valid YAML"},
		{"many mistakes", strings.Repeat("kind: X\n---\n", 1000), "more than 50 mistakes; the others are not shown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode("f", strings.NewReader(tt.in), Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %.300v, want %s", err, tt.want)
			}
			var errs Errors
			if !errors.As(err, &errs) || len(errs) > MaxErrors+1 {
				t.Fatalf("%d errors", len(errs))
			}
		})
	}
}

func TestFindKind(t *testing.T) {
	for in, want := range map[string]string{
		"port": "Port", "ports": "Port", "Ports": "Port", "float": "FloatingIP", "net": "Network", "segment-range": "SegmentRange",
		"segment_ranges": "SegmentRange", "seg": "SegmentRange", "pr": "Project", "HOST": "Host",
	} {
		if k, err := FindKind(in); err != nil || k.Name != want {
			t.Errorf("%s: got %v %v, want %s", in, k.Name, err, want)
		}
	}
	for in, want := range map[string]string{
		"p":  `there is no kind "p"; there are addressgroups, firewallgroups, firewallpolicies, floatingips, flowrules, healthmonitors, hosts, links, listeners, loadbalancers, natrules, networks, pools, portforwardings, ports, projects, routers, securitygroups, securitypolicies, segmentranges, subnets, trunks`,
		"po": `"po" may be short for ports or portforwardings or pools`, "prots": `there is no kind "prots"; did you mean ports?`,
		"": `there is no kind ""; there are addressgroups, firewallgroups, firewallpolicies, floatingips, flowrules, healthmonitors, hosts, links, listeners, loadbalancers, natrules, networks, pools, portforwardings, ports, projects, routers, securitygroups, securitypolicies, segmentranges, subnets, trunks`,
	} {
		if _, err := FindKind(in); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", in, err, want)
		}
	}
}
