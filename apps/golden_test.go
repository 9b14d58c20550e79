package apps_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/compile/compiletest"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

var update = flag.Bool("update", false, "write the golden dumps anew")

// TestGoldenDumps holds what each app makes of a small lab against the dump in its folder. The lab: net0 (vxlan) has vm0 on
// host h0 and vm1 on h1; vm0 is the parent of a trunk with vm6 of net1; net1 (geneve) has vm2 on h0 and vm3 on h1, net0 has an IPv4
// and an IPv6 subnet whose ports are told their addresses, a router joins both networks and has a route that drops, one with a next hop and one with two, one to
// another router, and policy routes that drop, reroute by one way and by two, and allow; net0 carries larger packets than net1. A third
// network is qinq, for which h0 has a bridge and h1 has none: vm4 is on h0, vm5 on h1. A fourth (vlan) leads outside: the router
// has its gateway there, on h0, with floating IPs for vm0 and vm1, ports forwarded to others, and a NAT rule of each kind. What is shown is h0.
func TestGoldenDumps(t *testing.T) {
	probe := goldenLab(t)
	state := probe.Host("h0")
	for _, app := range apps.All(intent.NewTables(), apps.Config{}) {
		t.Run(app.Name, func(t *testing.T) {
			got := dump(state.Flows, app.ID)
			slices.SortFunc(state.Ports, func(a, b compile.OVSPort) int { return strings.Compare(a.Name, b.Name) })
			for _, p := range state.Ports {
				if app.Name == "tunnel" && p.Type != "patch" || app.Name == "provider" && p.Type == "patch" && p.IfaceID == "" || app.Name == "trunk" && p.IfaceID != "" {
					got += fmt.Sprintf("port %s on %s: %s, %s, OpenFlow port %d\n", p.Name, p.Bridge, p.Type, p.Options, p.OFPort)
				}
			}
			if got == "" {
				return // an app that derives rows only
			}
			file := filepath.Join(app.Name, "testdata", "golden.txt")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
				t.Errorf("the flows of h0 changed (-want +got); make golden takes them over:\n%s", d)
			}
		})
	}
}

// goldenLab is the lab of TestGoldenDumps.
func goldenLab(t *testing.T) *compiletest.Probe {
	t.Helper()
	tables, probe := lab(t)
	apply(tables, edit{Op: "router", Flag: true})
	for i := range 2 {
		apply(tables, edit{Op: "interface", Net: i, Alt: i})
	}
	for mode := range 2 {
		apply(tables, edit{Op: "subnet", Host: mode})
	}
	for hops := range 3 {
		apply(tables, edit{Op: "route", Net: hops, Host: hops})
	}
	// another router has the address of a next hop
	apply(tables, edit{Op: "next router", Net: 1, Alt: 1, Flag: true})
	apply(tables, edit{Op: "route", Net: 3, Host: 1, Alt: 1})
	for port, hops := range []int{0, 1, 2} {
		apply(tables, edit{Op: "policy", Port: port, Alt: hops})
	}
	apply(tables, edit{Op: "policy", Port: 3, Host: 1, Flag: true})
	apply(tables, edit{Op: "mtu", Net: 0, Alt: 1})
	for alt := range 4 {
		apply(tables, edit{Op: "member", Port: alt % 2, Alt: alt})
	}
	apply(tables, edit{Op: "trunk", Flag: true})
	apply(tables, edit{Op: "port", Port: 6, Net: 1, Flag: true})
	apply(tables, edit{Op: "subport", Port: 6})
	apply(tables, edit{Op: "subplug", Port: 6})
	apply(tables, edit{Op: "network", Net: 2, Flag: true})
	apply(tables, edit{Op: "segments", Net: 2, Alt: 1})
	apply(tables, edit{Op: "mapping", Host: 0})
	for i := range 2 {
		apply(tables, edit{Op: "port", Port: 4 + i, Net: 2, Flag: true})
		apply(tables, edit{Op: "plug", Port: 4 + i, Host: i})
	}
	apply(tables, edit{Op: "network", Net: 3, Flag: true})
	tables.Segments.Put(intent.Segment{Key: intent.SegmentKey{Network: netKey(3)}, Type: "vlan", Physical: "physnet0", ID: 77})
	apply(tables, edit{Op: "gateway", Net: 3, Flag: true})
	apply(tables, edit{Op: "neighbour", Net: 3})
	for i := range 2 {
		apply(tables, edit{Op: "floating", Net: 3, Port: i, Alt: 1})
	}
	for host, port := range []int{5, 6, 7} {
		apply(tables, edit{Op: "rule", Port: port, Host: host, Alt: 3})
	}
	apply(tables, edit{Op: "forwarding", Port: 2})
	apply(tables, edit{Op: "forwarding", Port: 3, Host: 1, Flag: true})
	// A network by labels between h0 and h1, over one switch.
	apply(tables, edit{Op: "network", Net: 4, Flag: true})
	tables.Segments.Put(intent.Segment{Key: intent.SegmentKey{Network: netKey(4)}, Type: "mpls", Physical: "physnet0", ID: 524288})
	apply(tables, edit{Op: "mapping", Host: 1})
	for i := range 2 {
		apply(tables, edit{Op: "port", Port: 6 + i, Net: 4, Flag: true})
		apply(tables, edit{Op: "plug", Port: 6 + i, Host: i})
		apply(tables, edit{Op: "edge", Host: i})
		apply(tables, edit{Op: "switch port", Port: i, Flag: true})
	}
	apply(tables, edit{Op: "switch", Flag: true, Alt: 2})
	apply(tables, edit{Op: "path", Alt: 1})
	back := corePath(edit{Host: 1, Alt: 1})
	back.Key.To, back.Hops[len(back.Hops)-1].In.Host = "h0", "h0"
	tables.Paths.Put(back)
	// And one back without its label on the last link.
	back.Key.Label, back.State, back.Popping = 100, intent.Retiring, intent.PopPipe
	back.Hops = append([]intent.PathHop{{Out: back.Hops[0].Out, In: back.Hops[0].In, Label: 100}}, back.Hops[1:]...)
	back.Hops[len(back.Hops)-1].Label = intent.ImplicitNull
	tables.Paths.Put(back)
	// vm0 is in two security groups, one of whose rules name themselves and an address group; before them, the project has a policy.
	for _, e := range []edit{{Net: 0, Flag: true}, {Net: 1, Alt: 2}, {Net: 3, Alt: 1}} {
		e.Op = "list"
		apply(tables, e)
	}
	apply(tables, edit{Op: "addresses", Host: 1})
	apply(tables, edit{Op: "addresses", Flag: true})
	apply(tables, edit{Op: "groups", Port: 0, Alt: 3})
	// Two load balancers on net0: one has a listener that hashes over flows, the other is down.
	for i := range 2 {
		apply(tables, edit{Op: "port", Port: 8 + i, Net: 0, Flag: true})
		apply(tables, edit{Op: "balancer", Net: i, Port: 8 + i, Flag: i == 0})
	}
	apply(tables, edit{Op: "listener"})
	apply(tables, edit{Op: "pool", Host: 1, Net: 1, Port: 2})
	apply(tables, edit{Op: "monitor", Flag: true})
	// The router's interfaces on net0 and its gateway are in a firewall group with two policies, its interfaces on net1 in one without rules
	// about what leaves.
	for i := range 2 {
		apply(tables, edit{Op: "firewall policy", Net: i, Flag: i == 0})
		apply(tables, edit{Op: "firewall", Port: i, Alt: 1, Flag: i == 0})
	}
	if result := probe.StepResult(); len(result.Problems) > 0 {
		t.Fatal(result.Problems[0].Owner, result.Problems[0].Err)
	}
	return probe
}

// dump writes the flows of one app as rows: table, priority, match, actions.
func dump(flows []flow.Flow, app uint8) string {
	var rows [][4]string
	slices.SortFunc(flows, func(a, b flow.Flow) int {
		if a.Table != b.Table {
			return int(a.Table) - int(b.Table)
		}
		if a.Priority != b.Priority {
			return int(b.Priority) - int(a.Priority)
		}
		return strings.Compare(pipeline.MatchText(a), pipeline.MatchText(b))
	})
	var width [4]int
	for _, f := range flows {
		if flow.CookieApp(f.Cookie) != app {
			continue
		}
		row := [4]string{pipeline.TableName(f.Table), fmt.Sprint(f.Priority), pipeline.MatchText(f), "→ " + pipeline.ActionsText(f)}
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	for _, r := range rows {
		line := fmt.Sprintf("%-*s  %*s  %-*s  %s", width[0], r[0], width[1], r[1], width[2], r[2], r[3])
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}
