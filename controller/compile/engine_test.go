package compile_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/compile/compiletest"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
	"pgregory.net/rapid"
)

func TestFollowingEqualsStartingOver(t *testing.T) {
	compiletest.Check(t, freshToy, drawEdit, func(t *rapid.T, r compiletest.Report[edit]) {
		if again := r.Probe.Step(); len(again) != 0 {
			t.Fatalf("units ran though nothing had changed: %v", again)
		}
		if len(r.Probe.Replica.Deltas) != 0 {
			t.Fatalf("deltas though nothing had changed: %v", r.Probe.Replica.Deltas)
		}
	})
}

// story returns a toy engine with two networks that has taken its first Step.
func story(t *testing.T, ports ...toyPort) (*toy, *compiletest.Probe) {
	t.Helper()
	w := newToy()
	w.nets.Put(toyNet{"x", 1})
	w.nets.Put(toyNet{"yy", 2})
	for _, p := range ports {
		w.ports.Put(p)
	}
	p := compiletest.New(t, w.config())
	p.Step()
	return w, p
}

func TestWhichUnitsRun(t *testing.T) {
	a, b, c := toyPort{"a", "x", "h1", 1}, toyPort{"b", "x", "h2", 2}, toyPort{"c", "yy", "h1", 3}
	tests := []struct {
		name string
		do   func(w *toy)
		want []string
	}{
		{"nothing", func(*toy) {}, nil},
		{"equal row", func(w *toy) { w.ports.Put(a) }, nil},
		{"a port's address changes: its own units, and the home it makes", func(w *toy) { w.ports.Put(toyPort{"a", "x", "h1", 9}) },
			[]string{"acl.home(home/9)", "acl.own(port/a)", "bind.site(port/a)", "l2.forward(port/a)"}},
		{"another port on the same host: the set of hosts stays, so nobody else runs", func(w *toy) { w.ports.Put(toyPort{"d", "x", "h1", 4}) },
			[]string{"acl.home(home/4)", "acl.own(port/d)", "bind.site(port/d)", "l2.forward(port/d)"}},
		{"first port of a network on a host: all ports of that network are forwarded there", func(w *toy) { w.ports.Put(toyPort{"d", "yy", "h3", 4}) },
			[]string{"acl.home(home/4)", "acl.own(port/d)", "bind.site(port/d)", "l2.flood(network/yy)", "l2.flood(network/yy)", "l2.forward(port/c)", "l2.forward(port/d)"}},
		{"a network's tag changes: what reads that network", func(w *toy) { w.nets.Put(toyNet{"yy", 5}) },
			[]string{"bind.site(port/c)", "l2.flood(network/yy)", "l2.forward(port/c)"}},
		{"a network nobody reads", func(w *toy) { w.nets.Put(toyNet{"zzz", 5}) }, nil},
		{"a port goes: readers of what it made", func(w *toy) { w.ports.Delete("c") }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, p := story(t, a, b, c)
			tt.do(w)
			if got := p.Step(); !slices.Equal(got, tt.want) {
				t.Errorf("ran (- want, + got):\n%s", cmp.Diff(tt.want, got))
			}
		})
	}
}

func TestFirstStepRunsProducersFirst(t *testing.T) {
	w := newToy()
	w.nets.Put(toyNet{"x", 1})
	for i := range 100 {
		w.ports.Put(toyPort{fmt.Sprint("p", i), "x", fmt.Sprint("h", i%5), uint32(100 + i)})
	}
	p := compiletest.New(t, w.config())
	res := p.StepResult()
	units := 3*100 + 100 + 5 // three rules on ports, one on homes, one on sites
	// Rules that never ran find their place with one unit each, which may have to run again.
	if res.Ran < units || res.Ran > units+3 {
		t.Errorf("%d units ran for %d units", res.Ran, units)
	}
}

func TestChangeOfUnreadRowLeavesOutputAlone(t *testing.T) {
	w, p := story(t, toyPort{"a", "x", "h1", 1}, toyPort{"b", "x", "h2", 2}, toyPort{"c", "yy", "h1", 3})
	w.ports.Put(toyPort{"c", "yy", "h1", 4})
	p.Step()
	if got := p.Replica.Deltas; len(got) != 1 || got[0].Host != "h1" {
		t.Fatalf("deltas %+v, want one for h1", got)
	}
	d := p.Replica.Deltas[0]
	if len(d.AddedFlows) != 3 || len(d.RemovedFlows) != 3 || len(d.AddedMeters) != 1 || len(d.RemovedMeters) != 1 || len(d.AddedGroups)+len(d.AddedPorts) != 0 {
		t.Errorf("delta %+v, want the three flows and the meter of port c only", d)
	}
}

func TestPendingNote(t *testing.T) {
	w, p := story(t, toyPort{"a", "zzz", "h1", 1})
	want := compile.Note{Severity: compile.Pending, Reason: "Pending", Owner: "bind.site", Text: `network "zzz" does not exist`}
	if got := p.Notes("port/a"); len(got) != 1 || got[0] != want {
		t.Errorf("notes %+v, want %+v", got, want)
	}
	w.nets.Put(toyNet{"zzz", 3})
	res := p.StepResult()
	if got := p.Notes("port/a"); got != nil {
		t.Errorf("notes %+v, want none any more", got)
	}
	if !slices.Contains(res.Subjects, "port/a") {
		t.Errorf("changed subjects %v, want port/a among them", res.Subjects)
	}
	if got := p.HostsOf("port/a"); !slices.Equal(got, []string{"h1"}) {
		t.Errorf("hosts of port/a %v, want h1", got)
	}
	if got := p.HostsOf("network/zzz"); !slices.Equal(got, []string{"h1"}) {
		t.Errorf("hosts of network/zzz %v, want h1", got)
	}
}

func TestConflictIsReportedAndWonByTheSmallerOwner(t *testing.T) {
	// Both ports claim in_port 1 on h1, for different tables; "a" is the smaller owner, though it comes later.
	w, p := story(t, toyPort{"b", "yy", "h1", 1})
	w.ports.Put(toyPort{"a", "x", "h1", 1})
	p.Step()
	places := func() (all []string) {
		for _, c := range p.Conflicts() {
			all = append(all, strings.SplitN(c.Place, " ", 2)[0]+" "+c.Host+" "+c.Owners[0].String()+" "+c.Owners[1].String())
		}
		return all
	}
	want := []string{"flow h1 acl.own(port/a) acl.own(port/b)", "meter h1 acl.own(port/a) acl.own(port/b)"}
	if got := places(); !slices.Equal(got, want) {
		t.Errorf("conflicts (- want, + got):\n%s", cmp.Diff(want, got))
	}
	for _, about := range []string{"port/a", "port/b"} {
		if got := p.Notes(about); len(got) != 2 || got[0].Reason != "Conflict" || got[0].Severity != compile.Failed {
			t.Errorf("notes of %s: %+v, want two conflicts", about, got)
		}
	}
	if got := p.Host("h1").Meters; len(got) != 1 || got[0].Bands != "x" {
		t.Errorf("meters %+v, want port a's", got)
	}
	w.ports.Delete("a")
	p.Step()
	if got := p.Host("h1").Meters; len(got) != 1 || got[0].Bands != "yy" {
		t.Errorf("meters %+v, want port b's now", got)
	}
	if got := places(); got != nil {
		t.Errorf("conflicts %v after the winner went", got)
	}
	if got := p.Notes("port/b"); got != nil {
		t.Errorf("notes %v after the winner went", got)
	}
}

func TestConflictOverDerivedRow(t *testing.T) {
	w, p := story(t, toyPort{"b", "yy", "h2", 1}, toyPort{"a", "x", "h1", 1})
	home := func() string {
		h, _ := w.homes.Peek(1)
		return h.Host
	}
	if home() != "h1" {
		t.Errorf("address 1 is at home on %s, want the smaller owner's h1", home())
	}
	if got := p.Conflicts(); len(got) != 1 || got[0].Place != "derived row home/1" || got[0].Host != "" {
		t.Errorf("conflicts %v, want one over home/1", got)
	}
	w.ports.Delete("a")
	p.Step()
	if home() != "h2" || len(p.Conflicts()) != 0 {
		t.Errorf("address 1 is at home on %s with conflicts %v, want h2 and none", home(), p.Conflicts())
	}
}

func TestFailedUnitHasNoOutput(t *testing.T) {
	for _, tt := range []struct {
		addr uint32
		is   error
		text string
	}{
		{panicAddr, compile.ErrPanic, "rule panicked: unlucky address"},
		{refuseAddr, compile.ErrRefused, "flow refused: table 5, priority 10 on host h1: in_port 7 is not to be matched"},
	} {
		w, p := story(t, toyPort{"a", "zzz", "h1", 1})
		w.ports.Put(toyPort{"a", "zzz", "h1", tt.addr})
		res := p.StepResult()
		if len(res.Problems) == 0 || !errors.Is(res.Problems[0], tt.is) {
			t.Fatalf("problems %v, want %v", res.Problems, tt.is)
		}
		if got := p.Dump(); strings.Contains(got, "host h1: meter") || w.homes.Len() != 0 {
			t.Errorf("a failed unit left output:\n%s", got)
		}
		if got := p.Notes("port/a"); got[0].Severity != compile.Failed || got[0].Text != tt.text {
			t.Errorf("notes %+v, want %q", got, tt.text)
		}
		w.ports.Put(toyPort{"a", "zzz", "h1", 2})
		p.Step()
		if got := p.Host("h1"); len(got.Meters) != 1 || len(got.Flows) != 2 {
			t.Errorf("after mending: %+v", got)
		}
	}
}

func TestExplain(t *testing.T) {
	_, p := story(t, toyPort{"a", "x", "h1", 1}, toyPort{"b", "x", "h2", 2})
	var found flow.Flow
	for _, f := range p.Host("h2").Flows {
		if f.Table == 10 && f.Instructions != "" && len(p.Explain(f.Cookie)) == 1 && p.Explain(f.Cookie)[0].Owner.Subject == "port/a" {
			found = f
		}
	}
	want := compile.Explanation{Host: "h2", Flow: found, Owner: compile.Owner{App: "l2", Rule: "forward", Subject: "port/a"},
		Read: []string{"network/x", "hosts of network/x"}, Since: 1}
	if got := p.Explain(found.Cookie); len(got) != 1 || !cmp.Equal(got[0], want) {
		t.Errorf("explained (- want, + got):\n%s", cmp.Diff([]compile.Explanation{want}, got))
	}
	if got, ok := p.ExplainFlow("h2", found.Key); !ok || !cmp.Equal(got, want) {
		t.Errorf("explained by key (- want, + got):\n%s", cmp.Diff(want, got))
	}
	if got := p.Explain(1); got != nil {
		t.Errorf("explained a flow that is not ours: %v", got)
	}
	if _, ok := p.ExplainFlow("h9", found.Key); ok {
		t.Error("explained a flow of a host that has none")
	}
}

func TestCycleFails(t *testing.T) {
	db := table.NewDB()
	seed := table.New(db, "seed", func(n int) int { return n })
	left := table.New(db, "left", func(n int) int { return n })
	right := table.New(db, "right", func(n int) int { return n })
	copyTo := func(to *table.Table[int, int]) func(*table.Reader, int, *compile.Out) {
		return func(_ *table.Reader, n int, out *compile.Out) {
			compile.Emit(out, to, n)
			out.Flow("h1", 1, uint16(n), nil, nil)
		}
	}
	p := compiletest.New(t, compile.Config{DB: db, Apps: []compile.App{{Name: "toy", ID: 1, Rules: []compile.Rule{
		compile.ForEach("start", seed, copyTo(left)),
		compile.ForEach("right", left, copyTo(right)),
		compile.ForEach("left", right, copyTo(left)),
	}}}})
	seed.Put(1)
	res := p.StepResult()
	if len(res.Problems) == 0 || !errors.Is(res.Problems[0], compile.ErrCycle) {
		t.Fatalf("problems %v, want a cycle", res.Problems)
	}
	if want := "toy.right feeds toy.left feeds toy.right"; !strings.Contains(p.Dump(), want) {
		t.Errorf("no word of %q in\n%s", want, p.Dump())
	}
	if right.Len() != 0 || len(p.Host("h1").Flows) != 1 {
		t.Errorf("rules in a cycle have output:\n%s", p.Dump())
	}
	seed.Delete(1)
	p.Step()
	if got := p.Dump(); got != "" {
		t.Errorf("left over:\n%s", got)
	}
}

// A rule that contradicts itself is reported too, and who wins does not depend on the order of what it emits.
func TestUnitInConflictWithItself(t *testing.T) {
	var hosts []string
	for _, order := range [][]uint8{{1, 2}, {2, 1}} {
		db := table.NewDB()
		rows := table.New(db, "row", func(n int) int { return n })
		p := compiletest.New(t, compile.Config{DB: db, Apps: []compile.App{{Name: "toy", ID: 1, Rules: []compile.Rule{
			compile.ForEach("twice", rows, func(_ *table.Reader, n int, out *compile.Out) {
				for _, next := range order {
					out.Flow("h1", 0, 1, nil, flow.Actions{flow.Goto(next)})
					out.Group("h1", flow.Group{ID: 1, Buckets: fmt.Sprint(next)})
				}
				out.Flow("h1", 0, 2, nil, nil)
				out.Flow("h1", 0, 2, nil, nil) // the same twice is fine
				out.Failed("row %d is odd", n)
			}),
		}}}})
		rows.Put(1)
		p.Step()
		if got := p.Conflicts(); len(got) != 2 || len(got[0].Owners) != 2 {
			t.Errorf("conflicts %v, want one over the flow and one over the group", got)
		}
		h := p.Host("h1")
		if len(h.Flows) != 2 || len(h.Groups) != 1 {
			t.Errorf("host %+v, want two flows and a group", h)
		}
		if got := p.Notes("row/1"); got[0].Text != "row 1 is odd" || got[0].Severity != compile.Failed {
			t.Errorf("notes %+v", got)
		}
		if got := p.Stats(); len(got) != 1 || got[0].Rule != "toy.twice" || got[0].Units != 1 || got[0].Runs != 1 || got[0].Changes != 1 {
			t.Errorf("stats %+v", got)
		}
		hosts = append(hosts, p.Dump())
		rows.Delete(1)
		if p.Step(); p.Dump() != "" {
			t.Errorf("left over:\n%s", p.Dump())
		}
	}
	if hosts[0] != hosts[1] {
		t.Errorf("the winner depends on the order:\n%s", cmp.Diff(hosts[0], hosts[1]))
	}
}

func TestFlowThatCannotBeEncodedIsRefused(t *testing.T) {
	db := table.NewDB()
	rows := table.New(db, "row", func(n int) int { return n })
	p := compiletest.New(t, compile.Config{DB: db, Apps: []compile.App{{Name: "toy", ID: 1, Rules: []compile.Rule{
		compile.ForEach("twice", rows, func(_ *table.Reader, _ int, out *compile.Out) {
			out.Flow("h1", 3, 1, flow.Match{flow.U32(flow.InPort, 1), flow.U32(flow.InPort, 2)}, nil)
		}),
	}}}})
	rows.Put(1)
	res := p.StepResult()
	if len(res.Problems) != 1 || !errors.Is(res.Problems[0], compile.ErrRefused) {
		t.Errorf("problems %v, want a refusal", res.Problems)
	}
	if got := p.Host("h1").Flows; len(got) != 0 {
		t.Errorf("flows %+v", got)
	}
}

func TestFlowForNoHostIsRefused(t *testing.T) {
	_, p := story(t, toyPort{"a", "x", "", 1})
	if got := p.Notes("port/a"); len(got) == 0 || got[0].Severity != compile.Failed || !strings.Contains(got[0].Text, "host without a name") {
		t.Errorf("notes %+v, want a failure", got)
	}
	if got := p.Hosts(); len(got) != 0 {
		t.Errorf("hosts %q", got)
	}
}

func TestEverythingGoes(t *testing.T) {
	w, p := story(t, toyPort{"a", "x", "h1", 1}, toyPort{"b", "x", "h2", 2})
	w.ports.Delete("a")
	w.ports.Delete("b")
	p.Step()
	if got := p.Dump(); got != "" {
		t.Errorf("left over:\n%s", got)
	}
	if len(p.Hosts())+len(p.Subjects()) != 0 {
		t.Errorf("hosts %v and subjects %v left", p.Hosts(), p.Subjects())
	}
}

func TestConfigIsChecked(t *testing.T) {
	db := table.NewDB()
	rows := table.New(db, "row", func(n int) int { return n })
	nothing := compile.ForEach("r", rows, func(*table.Reader, int, *compile.Out) {})
	for want, cfg := range map[string]compile.Config{
		"no tables":         {},
		"used twice":        {DB: db, Apps: []compile.App{{Name: "a", ID: 1}, {Name: "a", ID: 2}}},
		"id 1 is app":       {DB: db, Apps: []compile.App{{Name: "a", ID: 1}, {Name: "b", ID: 1}}},
		`rule "r": no rule`: {DB: db, Apps: []compile.App{{Name: "a", ID: 1, Rules: []compile.Rule{nothing, nothing}}}},
	} {
		if _, err := compile.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
