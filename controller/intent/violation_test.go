package intent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// base is what every violation is tried upon.
const base = `
network/red/web
subnet/red/web-v4 network:"web" cidr:"10.0.0.0/24"
port/red/vm1 network:"web" fixed_ips:{ip:"10.0.0.10"} mac_address:"fa:16:3e:00:00:01"
network/red/pub shared:true segmentation_id:77
subnet/red/pub-v4 network:"pub" cidr:"192.0.2.0/28"
port/blue/vm1 network:"red/pub"
network/blue/own
host/h1 tunnel_ip:"10.99.0.1"
segmentrange/g network_type:"geneve" minimum:10 maximum:11
network/red/g1 type:"geneve"
`

// wires are networks beside those of base that are on physical networks.
const wires = `
network/red/v type:"vlan" physical_network:"p1" segmentation_id:10
segmentrange/q network_type:"qinq" physical_network:"p1" minimum:20 maximum:30
network/red/q type:"qinq" physical_network:"p1" inner_vlan_id:5
network/red/m segments:{type:"vlan" physical_network:"p2"} segments:{type:"vxlan"}
`

func TestViolations(t *testing.T) {
	for _, tt := range violations {
		t.Run(tt.name, func(t *testing.T) {
			c := with(t, base, wires)
			refuses(t, c, all(tt.apply), tt.want)
		})
	}
}

// refuses applies what must be refused for the reasons given, one a line, and leaves all as it was.
func refuses(t *testing.T, c *Catalog, resources []*weftv1.Resource, want string) {
	t.Helper()
	before, rev, known := contents(c), c.Revision(), indexes(c)
	_, _, err := c.Apply(context.Background(), resources, nil)
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("not refused as invalid: %v", err)
	}
	if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(explain(err))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if invalid.Total < len(invalid.Violations) || c.Revision() != rev {
		t.Errorf("%d violations in all; revision %d, was %d", invalid.Total, c.Revision(), rev)
	}
	if diff := cmp.Diff(before, contents(c), protocmp.Transform()); diff != "" {
		t.Errorf("a refused request changed:\n%s", diff)
	}
	if diff := cmp.Diff(known, indexes(c)); diff != "" {
		t.Errorf("a refused request changed indexes:\n%s", diff)
	}
	mustBeWhole(t, c, c.cfg.Store)
}

// TestIdentityViolations has resources that do not say, or not rightly, what they are.
func TestIdentityViolations(t *testing.T) {
	spec := func() *weftv1.Resource { return res("network/red/new") }
	change := func(f func(*weftv1.Resource)) *weftv1.Resource { r := spec(); f(r); return r }
	labels := map[string]string{}
	for i := range 33 {
		labels[fmt.Sprint("l", i)] = ""
	}
	for _, tt := range []struct {
		name string
		res  *weftv1.Resource
		want string
	}{
		{"nothing", nil, `resources[0].kind: is missing`},
		{"no kind", &weftv1.Resource{Name: "x"}, `resources[0].kind: is missing`},
		{"unknown kind", change(func(r *weftv1.Resource) { r.Kind = "Networks" }), `networks/red/new: kind: there is no kind "Networks", did you mean "Network"?`},
		{"no spec", change(func(r *weftv1.Resource) { r.Spec = nil }), `network/red/new: spec: is missing`},
		{"wrong spec", change(func(r *weftv1.Resource) { r.Kind = "Port" }), `port/red/new: spec: is that of a Network`},
		{"no name", change(func(r *weftv1.Resource) { r.Name = "" }), `resources[0].name: is missing`},
		{"bad name", change(func(r *weftv1.Resource) { r.Name = "my web" }), `network/red/my web: name: "my web" has the character ' '; only a–z, A–Z, 0–9, '.', '_' and '-' may be in it`},
		{"name's end", change(func(r *weftv1.Resource) { r.Name = "web-" }), `network/red/web-: name: "web-" must start and end with a letter or digit`},
		{"slash", change(func(r *weftv1.Resource) { r.Name = "a/b" }), `network/red/a/b: name: "a/b" has the character '/'; only a–z, A–Z, 0–9, '.', '_' and '-' may be in it`},
		{"long name", change(func(r *weftv1.Resource) { r.Name = strings.Repeat("x", 64) }), `network/red/` + strings.Repeat("x", 64) + `: name: is 64 bytes long; at most 63`},
		{"no project", change(func(r *weftv1.Resource) { r.Project = "" }), `network/new: project: is missing`},
		{"bad project", change(func(r *weftv1.Resource) { r.Project = "a b" }), `network/a b/new: project: "a b" has the character ' '; only a–z, A–Z, 0–9, '.', '_' and '-' may be in it`},
		{"host of a project", res("host/red/h2"), `host/red/h2: project: must be left out: a Host belongs to no project`},
		{"description", change(func(r *weftv1.Resource) { r.Description = strings.Repeat("x", 256) }), `network/red/new: description: is 256 bytes long; at most 255`},
		{"not UTF-8", change(func(r *weftv1.Resource) { r.Description = "\xff" }), `network/red/new: description: is not UTF-8`},
		{"labels", change(func(r *weftv1.Resource) { r.Labels = labels }), `network/red/new: labels: are 33; at most 32`},
		{"label key", change(func(r *weftv1.Resource) { r.Labels = map[string]string{"a b": ""} }), `network/red/new: labels["a b"]: its key "a b" has the character ' '; only a–z, A–Z, 0–9, '.', '_' and '-' may be in it`},
		{"label prefix", change(func(r *weftv1.Resource) { r.Labels = map[string]string{"x./b": ""} }), `network/red/new: labels["x./b"]: its prefix must be a domain name; a part of it is missing`},
		{"label value", change(func(r *weftv1.Resource) { r.Labels = map[string]string{"a": strings.Repeat("x", 64)} }), `network/red/new: labels["a"]: its value is 64 bytes long; at most 63`},
		{"newer client", change(func(r *weftv1.Resource) { r.GetNetworkSpec().ProtoReflect().SetUnknown([]byte{0xf8, 0x7f, 1}) }), `network/red/new: has fields that this server does not know; is the client newer?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refuses(t, with(t, base), []*weftv1.Resource{tt.res}, tt.want)
		})
	}
}

func TestTooManyResources(t *testing.T) {
	refuses(t, with(t, base), make([]*weftv1.Resource, MaxResources+1), `resources: 10,001 in one request; at most 10,000`)
}

// TestManyViolations counts what is not named any more.
func TestManyViolations(t *testing.T) {
	c := with(t, base)
	var request []*weftv1.Resource
	for i := range 150 {
		request = append(request, res(fmt.Sprintf(`port/red/p%d network:"wbe"`, i)))
	}
	_, _, err := c.Apply(context.Background(), request, nil)
	var invalid *InvalidError
	if !errors.As(err, &invalid) || invalid.Total != 150 || len(invalid.Violations) != 100 {
		t.Fatalf("%#v", err)
	}
	if want := `port/red/p0: spec.network: network "wbe" does not exist, did you mean "web"? (and 149 more)`; err.Error() != want {
		t.Errorf("%s, want %s", err, want)
	}
}
