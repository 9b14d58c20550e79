package compile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/compile/compiletest"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// countedRow is a flow that is counted as something, or not when that is empty.
type countedRow struct {
	Name, As string
	To       uint8
}

// TestCountedFlowsComeAndGoWithTheirCounters follows one flow through changes of what it does and of what it is counted as.
func TestCountedFlowsComeAndGoWithTheirCounters(t *testing.T) {
	db := table.NewDB()
	rows := table.New(db, "row", func(r countedRow) string { return r.Name })
	p := compiletest.New(t, compile.Config{DB: db, Apps: []compile.App{{Name: "toy", ID: 1, Rules: []compile.Rule{
		compile.ForEach("emit", rows, func(_ *table.Reader, r countedRow, out *compile.Out) {
			match, do := flow.Match{flow.U32(flow.InPort, 1)}, flow.Actions{flow.Goto(r.To)}
			if r.As == "" {
				out.Flow("h1", 10, 100, match, do)
				return
			}
			out.Counted(compile.Counter{Kind: compile.Drops, Subject: r.As}, "h1", 10, 100, match, do)
		}),
	}}}})
	type state struct {
		Flows    int
		Marked   bool // the switch can be asked for them
		Counters []string
	}
	for _, step := range []struct {
		name string
		edit func()
		want state
	}{
		{"counted", func() { rows.Put(countedRow{"a", "x", 20}) }, state{1, true, []string{"x"}}},
		{"does something else", func() { rows.Put(countedRow{"a", "x", 30}) }, state{1, true, []string{"x"}}},
		{"counted as something else", func() { rows.Put(countedRow{"a", "y", 30}) }, state{1, true, []string{"y"}}},
		{"not counted", func() { rows.Put(countedRow{"a", "", 30}) }, state{1, false, nil}},
		{"counted again", func() { rows.Put(countedRow{"a", "x", 30}) }, state{1, true, []string{"x"}}},
		{"gone", func() { rows.Delete("a") }, state{}},
	} {
		step.edit()
		p.Step()
		got, host := state{}, p.Host("h1")
		for _, f := range host.Flows {
			got.Flows++
			got.Marked = f.Cookie&flow.CookieCounted != 0
		}
		for _, c := range host.Counters {
			if c.Key != host.Flows[0].Key {
				t.Errorf("%s: the counter is of flow %v, which is not there", step.name, c.Key)
			}
			got.Counters = append(got.Counters, c.Counter.Subject)
		}
		if d := cmp.Diff(step.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, d)
		}
	}
}
