package intent

import (
	"errors"
	"strings"
	"testing"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// TestFlowRules: what is wrong with a flow by hand is said with the character where it is.
func TestFlowRules(t *testing.T) {
	for _, x := range []struct {
		name string
		spec *weftv1.FlowRuleSpec
		want string // empty: it is taken
	}{
		{"a flow", &weftv1.FlowRuleSpec{Host: "h1", Flow: "table=3,ip,nw_dst=10.0.0.9,in_port=tap0 actions=output:red/vm1"}, ""},
		{"a group", &weftv1.FlowRuleSpec{Host: "h1", Group: "group_id=1,type=all,bucket=output:tap0"}, ""},
		{"a meter", &weftv1.FlowRuleSpec{Host: "h1", Meter: "meter=1,kbps,band=type=drop,rate=5"}, ""},
		{"nothing", &weftv1.FlowRuleSpec{Host: "h1"}, "spec: has 0 of flow, group and meter; exactly one is needed"},
		{"two of them", &weftv1.FlowRuleSpec{Host: "h1", Flow: "actions=drop", Meter: "meter=1,kbps,band=type=drop,rate=5"}, "spec: has 2 of flow, group and meter"},
		{"no host", &weftv1.FlowRuleSpec{Flow: "actions=drop"}, "spec.host: is missing"},
		{"an unknown host", &weftv1.FlowRuleSpec{Host: "h9", Flow: "actions=drop"}, `spec.host: host "h9" does not exist`},
		{"an unmanaged host", &weftv1.FlowRuleSpec{Host: "vtep", Flow: "actions=drop"}, "spec.host: host/vtep is unmanaged"},
		{"a word", &weftv1.FlowRuleSpec{Host: "h1", Flow: "ip,nw_dts=10.0.0.9 actions=drop"}, `spec.flow: character 4, "nw_dts": `},
		{"an action", &weftv1.FlowRuleSpec{Host: "h1", Flow: "ip actions=outptu:1"}, `spec.flow: character 12, "outptu`},
		{"a timeout", &weftv1.FlowRuleSpec{Host: "h1", Flow: "idle_timeout=5,ip actions=drop"}, `spec.flow: character 1, "idle_timeout": flows that are kept have no timeout`},
		{"a cookie", &weftv1.FlowRuleSpec{Host: "h1", Flow: "cookie=5,ip actions=drop"}, "spec.flow: a cookie cannot be chosen"},
		{"a prerequisite", &weftv1.FlowRuleSpec{Host: "h1", Flow: "tcp_dst=80 actions=drop"}, "spec.flow: "},
		{"no actions", &weftv1.FlowRuleSpec{Host: "h1", Flow: "ip"}, `spec.flow: character 1, "ip": no "actions="`},
		{"too long", &weftv1.FlowRuleSpec{Host: "h1", Flow: "actions=" + strings.Repeat("output:1,", 2000) + "drop"}, "at most 16384"},
		{"a group's bucket", &weftv1.FlowRuleSpec{Host: "h1", Group: "group_id=1,type=all,bucket=weight:x,drop"}, "spec.group: character 35"},
		{"a meter's band", &weftv1.FlowRuleSpec{Host: "h1", Meter: "meter=1,kbps,band=type=dscp_remark,rate=5"}, "spec.meter: character 24"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := with(t, "host/h1", `host/vtep unmanaged:true tunnel_ip:"10.9.0.1"`)
			_, _, err := c.Apply(t.Context(), []*weftv1.Resource{{Kind: "FlowRule", Name: "f", Spec: &weftv1.Resource_FlowRuleSpec{FlowRuleSpec: x.spec}}}, nil)
			var invalid *InvalidError
			switch {
			case x.want == "" && err != nil, x.want != "" && !errors.As(err, &invalid):
				t.Fatal(err)
			case x.want != "" && !strings.Contains(err.Error(), x.want):
				t.Errorf("got  %v\nwant %s", err, x.want)
			}
		})
	}
}
