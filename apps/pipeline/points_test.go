package pipeline_test

import (
	"testing"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/southbound/flow"
)

// TestPlan: frames pass the tables at a point in the order that these were added, and then the table that the point is before.
func TestPlan(t *testing.T) {
	var p pipeline.Plan
	var ids []uint8
	for _, name := range []string{"one", "two"} {
		id, err := p.Add("mine", name, "", pipeline.BeforeL2)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, c := range []struct{ from, to, want uint8 }{
		{pipeline.RouterIn, pipeline.L2, ids[0]}, {ids[0], pipeline.L2, ids[1]}, {ids[1], pipeline.L2, pipeline.L2},
		{pipeline.RouterIn, pipeline.RouterLocal, pipeline.RouterLocal}, {pipeline.L2, pipeline.L2, ids[0]},
	} {
		if got := p.Redirect(c.from, c.to); got != c.want {
			t.Errorf("a goto of %d in %d leads to %d, want %d", c.to, c.from, got, c.want)
		}
	}
	if ids[0] <= pipeline.Server || ids[1] != ids[0]+1 || ids[1] >= pipeline.L2 {
		t.Errorf("the tables are %v", ids)
	}
	for _, c := range []struct {
		app, name string
		at        pipeline.Point
		want      string
	}{
		{"his", "one", pipeline.BeforeSent, "app his: table one: app mine has a table of that name"},
		{"his", "l2", pipeline.BeforeSent, "app his: table l2: app l2 has a table of that name"},
		{"his", "gate", 7, "app his: table gate: there is no point before table 7"},
		{"his", "three", pipeline.BeforeL2, ""},
		{"his", "four", pipeline.BeforeL2, "app his: table four: there is room for 3 tables before l2, and all of it is taken"},
	} {
		got := ""
		if _, err := p.Add(c.app, c.name, "", c.at); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.name, c.app, got, c.want)
		}
	}
}

// TestPlanRoom: every point has room for a table, and nothing that the pipeline has is in it.
func TestPlanRoom(t *testing.T) {
	for _, at := range []pipeline.Point{
		pipeline.BeforePortSecurity, pipeline.BeforeArrived, pipeline.BeforeSent, pipeline.BeforeResolve, pipeline.BeforeL2, pipeline.BeforeDeliver,
	} {
		var p pipeline.Plan
		id, err := p.Add("mine", "gate", "", at)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, table := range pipeline.Tables {
			if table.ID == id {
				t.Errorf("%s: table %d is %s already", at, id, table.Name)
			}
			if table.ID < uint8(at) && table.ID > id {
				t.Errorf("%s: table %d is before %s", at, id, table.Name)
			}
		}
	}
}

// TestPlanIsChecked: an app writes into its own table, and what a table at a point may do.
func TestPlanIsChecked(t *testing.T) {
	var p pipeline.Plan
	id, err := p.Add("mine", "gate", "", pipeline.BeforeL2)
	if err != nil {
		t.Fatal(err)
	}
	c := pipeline.NewChecker(p.Tables()...)
	on := flow.Actions{flow.Goto(pipeline.L2)}
	for _, bad := range []error{
		c.Check("his", id, nil, on), c.Check("mine", pipeline.L2, nil, nil), c.Check("mine", id, flow.Match{flow.U32(flow.Reg5, 1)}, on),
		c.Check("mine", id, nil, flow.Actions{flow.Goto(pipeline.Deliver)}), c.Check("mine", id, nil, flow.Actions{pipeline.Net.Set(1), flow.Goto(pipeline.L2)}),
	} {
		if bad == nil {
			t.Error("a flow was let through that the table is not for")
		}
	}
	if err := c.Check("mine", id, flow.Match{flow.U32(flow.InPort, 1)}, on); err != nil {
		t.Error(err)
	}
}
