package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/northbound/client/clienttest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const groupsManifest = `
{kind: Network, project: red, name: web, spec: {type: vxlan}}
---
{kind: Port, project: red, name: vm1, spec: {network: web, macAddress: "fa:16:3e:00:00:01", securityGroups: [http]}}
---
{kind: Port, project: red, name: vm2, spec: {network: web, macAddress: "fa:16:3e:00:00:02"}}
---
{kind: SecurityGroup, project: red, name: http, spec: {shared: true, rules: [{direction: ingress, protocol: tcp, ports: "80"}, {direction: ingress, remoteGroup: default}]}}
---
{kind: SecurityGroup, project: red, name: default, spec: {defaultRules: false, stateful: true, onRevoke: drain}}
---
{kind: AddressGroup, project: red, name: offices, spec: {addresses: [192.0.2.0/25, 192.0.2.128/25, "2001:db8::1"]}}
---
{kind: SecurityPolicy, project: ops, name: bogons, spec: {scope: cloud, priority: 7, rules: [{direction: egress, remoteIpPrefix: 240.0.0.0/4, action: drop}]}}
`

// TestSecuritySession applies groups to the real server, and looks at them.
func TestSecuritySession(t *testing.T) {
	t.Setenv("WEFT_SERVER", clienttest.Serve(t))
	for _, step := range []struct{ args, stdin, out string }{
		{"apply -f -", groupsManifest, `
network/red/web            created   vxlan 5001, mtu 1450
port/red/vm1               created   fa:16:3e:00:00:01
port/red/vm2               created   fa:16:3e:00:00:02
securitygroup/red/http     created   rules: 2, shared
securitygroup/red/default  created   rules: 0, no default rules
addressgroup/red/offices   created   addresses: 3, blocks: 2
securitypolicy/ops/bogons  created   cloud, before groups, priority 7, rules: 1
project/ops                created
project/red                created
revision 2
`},
		{"get securitygroups -A -o wide", "", `
PROJECT  NAME     PORTS  RULES  DEFAULTS  STATEFUL  SHARED  LOG  ON REVOKE  TAG
red      default      1      0  no        yes       no      -    drain        3
red      http         1      2  yes       yes       yes     -    cut          2
`},
		{"get addressgroups -A", "", `
PROJECT  NAME     ADDRESSES  BLOCKS  SHARED  PHASE
red      offices          3       2  no      -
`},
		{"get securitypolicies -A", "", `
PROJECT  NAME    SCOPE  STAGE   PRIORITY  RULES  LOG  ON REVOKE  PHASE
ops      bogons  cloud  before         7      1  -    cut        -
`},
		{"get ports -A --field status.port.securityGroups=default -o name", "", "\nport/red/vm2\n"},
	} {
		code, out, errs := weft(t, step.stdin, strings.Fields(step.args)...)
		if step.args == "get securitygroups -A -o wide" { // when, and which uid, differs
			lines := strings.Split(out, "\n")
			for i, line := range lines {
				lines[i] = line[:min(len(line), len("PROJECT  NAME     PORTS  RULES  DEFAULTS  STATEFUL  SHARED  LOG  ON REVOKE  TAG"))]
			}
			out = strings.Join(lines, "\n")
		}
		if diff := cmp.Diff(strings.TrimPrefix(step.out, "\n"), out); diff != "" || code != 0 {
			t.Errorf("%s: exit status %d, %s: want -, got +\n%s", step.args, code, errs, diff)
		}
	}
	_, out, _ := weft(t, "", "describe", "securitygroup", "red/default")
	if want := "\nused by\n  port/red/vm2  fa:16:3e:00:00:02\n"; !strings.HasSuffix(out, want) {
		t.Errorf("described as %s", out)
	}
}

// TestRulesAreShown has rules with what they have seen.
func TestRulesAreShown(t *testing.T) {
	number := func(n uint32) *uint32 { return &n }
	r := &weftv1.Resource{
		Spec: &weftv1.Resource_SecurityGroupSpec{SecurityGroupSpec: &weftv1.SecurityGroupSpec{Rules: []*weftv1.SecurityRule{
			{Name: "http", Direction: "ingress", Protocol: "tcp", Ports: "80", RemoteIpPrefix: "10.0.0.0/8"},
			{Direction: "egress", Ethertype: "IPv4", Protocol: "icmp", IcmpType: number(3), IcmpCode: number(0), RemoteGroup: "web", Mode: "shadow"},
			{Direction: "ingress", RemoteAddressGroup: "blue/offices"},
		}}},
		Status: &weftv1.Status{Details: &weftv1.Status_SecurityGroup{SecurityGroup: &weftv1.SecurityGroupStatus{Rules: []*weftv1.SecurityRuleStatus{
			{Name: "http", Packets: 12, Bytes: 1200}, {Name: "1"}, {Name: "2"}, {Name: "default-egress", Packets: 3, Bytes: 300},
		}}}},
	}
	var out bytes.Buffer
	if err := writeRules(&out, r); err != nil {
		t.Fatal(err)
	}
	want := `
rules
  NAME            ABOUT                                                PACKETS  BYTES
  http            ingress tcp 80 from 10.0.0.0/8                            12   1200
  1               egress IPv4 icmp type 3 code 0 to group web, shadow        0      0
  2               ingress from addresses blue/offices                        0      0
  default-egress  default rule                                               3    300
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
