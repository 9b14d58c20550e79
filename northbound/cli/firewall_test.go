package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/northbound/client/clienttest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const firewallManifest = `
kind: Network
project: red
name: web
spec: {type: vxlan}
---
kind: Subnet
project: red
name: web-v4
spec: {network: web, cidr: 10.0.0.0/24}
---
kind: Router
project: red
name: r1
spec: {interfaces: [{subnet: web-v4}]}
---
kind: FirewallPolicy
project: ops
name: out
spec:
  shared: true
  audited: true
  rules:
    - {name: http, action: allow, protocol: tcp, destinationPorts: 80-81, sourceIpAddress: 10.0.0.0/24}
    - {protocol: icmp, icmpType: 8, icmpCode: 0, enabled: false}
---
kind: FirewallGroup
project: red
name: edge
spec: {interfaces: [{router: r1, subnet: web-v4}], ingressPolicy: ops/out, adminStateUp: false}
`

// What people type about firewalls, and see.
func TestFirewallSession(t *testing.T) {
	t.Setenv("WEFT_SERVER", clienttest.Serve(t))
	code, out, errs := weft(t, firewallManifest, "apply", "-f", "-")
	for _, line := range []string{
		"firewallpolicy/ops/out  created   rules: 2, shared\n",
		"firewallgroup/red/edge  created   interfaces: 1, ingress ops/out, egress denied, down\n",
	} {
		if code != 0 || !strings.Contains(out, line) {
			t.Errorf("apply: exit status %d, %s%s, which lacks %q", code, errs, out, line)
		}
	}
	for _, step := range []struct{ args, out string }{
		{"get firewallgroups -A", `
PROJECT  NAME  INTERFACES  INGRESS  EGRESS  SHARED  DENIED  PHASE
red      edge  r1/web-v4   ops/out  -       no           0  -
`},
		{"get firewallpolicies -A", `
PROJECT  NAME  RULES  SHARED  AUDITED  PHASE
ops      out       2  yes     yes      -
`},
	} {
		code, out, errs := weft(t, "", strings.Fields(step.args)...)
		if diff := cmp.Diff(strings.TrimPrefix(step.out, "\n"), out); diff != "" || code != 0 {
			t.Errorf("%s: exit status %d, %s: want -, got +\n%s", step.args, code, errs, diff)
		}
	}
}

// The rules of a policy are shown with what they have seen.
func TestFirewallRules(t *testing.T) {
	typ, off := uint32(8), false
	r := &weftv1.Resource{
		Spec: &weftv1.Resource_FirewallPolicySpec{FirewallPolicySpec: &weftv1.FirewallPolicySpec{Rules: []*weftv1.FirewallRule{
			{Name: "http", Action: "allow", IpVersion: 4, Protocol: "tcp", SourceIpAddress: "10.0.0.0/24", DestinationAddressGroup: "servers", DestinationPorts: "80-81"},
			{Protocol: "icmp", IcmpType: &typ, Enabled: &off}, {},
		}}},
		Status: &weftv1.Status{Details: &weftv1.Status_FirewallPolicy{FirewallPolicy: &weftv1.FirewallPolicyStatus{Rules: []*weftv1.FirewallRuleStatus{
			{Name: "http", Packets: 3, Bytes: 180}, {Name: "1"}, {Name: "2", Packets: 1, Bytes: 60},
		}}}},
	}
	var out bytes.Buffer
	if err := writeFirewallRules(&out, r); err != nil {
		t.Fatal(err)
	}
	want := `
rules
  NAME  ACTION  ABOUT                                                       ENABLED  PACKETS  BYTES
  http  allow   IPv4 tcp from 10.0.0.0/24 to addresses servers ports 80-81  yes            3    180
  1     deny    icmp type 8                                                 no             0      0
  2     deny    all                                                         yes            1     60
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
