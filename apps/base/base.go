// Package base writes what the pipeline itself says: what each table does with a frame that no other flow matches, and the
// delivery of a frame whose port has been decided. Every host has it, whatever its networks.
package base

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// New returns the app.
func New(t *intent.Tables) compile.App {
	return compile.App{Name: "base", ID: 1, Rules: []compile.Rule{
		compile.ForEach("miss", t.Hosts, miss),
		compile.ForEach("deliver", t.Hosts, deliver),
		compile.ForEach("dropped", t.Hosts, dropped),
		compile.ForEach("switch", t.Switches, switched),
	}}
}

// miss sends on what a table has nothing to say about. Tables that drop need no flow: OpenFlow 1.3 drops by itself.
func miss(_ *table.Reader, h intent.Host, out *compile.Out) {
	if !h.Up {
		return
	}
	for _, t := range pipeline.Tables {
		if t.Miss.Goto != 0 {
			out.Flow(h.Name, t.ID, 0, nil, flow.Actions{flow.Goto(t.Miss.Goto)})
		}
	}
}

// deliver hands a frame to the port that earlier tables chose.
func deliver(_ *table.Reader, h intent.Host, out *compile.Out) {
	if h.Up {
		out.Flow(h.Name, pipeline.Deliver, 1, nil, flow.Actions{flow.OutputReg(pipeline.OutPort)})
	}
}

// dropped counts what is dropped, by reason.
func dropped(_ *table.Reader, h intent.Host, out *compile.Out) {
	if h.Up {
		count(h.Name, out)
	}
}

// switched counts what a bare switch drops that switches labels.
func switched(_ *table.Reader, s intent.Switch, out *compile.Out) {
	if s.Labels {
		count(s.Name, out)
	}
}

func count(host string, out *compile.Out) {
	for _, d := range pipeline.DropReasons {
		out.Counted(compile.Counter{Kind: compile.Drops, Subject: d.Name}, host, pipeline.Dropped, 100,
			flow.Match{pipeline.Reason.Is(uint64(d.Reason))}, nil)
	}
}
