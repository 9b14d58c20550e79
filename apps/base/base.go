// Package base writes what the pipeline itself says: what each table does with a frame that no other flow matches, and the
// delivery of a frame whose port has been decided. Every host has it, whatever its networks.
package base

import (
	"slices"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// New returns the app.
//
// Tables at points are more than the pipeline has by itself.
func New(t *intent.Tables, more ...pipeline.Table) compile.App {
	tables := slices.Concat(pipeline.Tables, more)
	return compile.App{Name: "base", ID: 1, Rules: []compile.Rule{
		compile.ForEach("miss", t.Hosts, func(_ *table.Reader, h intent.Host, out *compile.Out) { miss(tables, h, out) }),
		compile.ForEach("deliver", t.Hosts, deliver),
		compile.ForEach("dropped", t.Hosts, dropped),
		compile.ForEach("hand_over", t.Hosts, handOver),
		compile.About("meter", t.Bindings, intent.Key.String, meter),
		compile.ForEach("switch", t.Switches, switched),
	}}
}

// miss sends on what a table has nothing to say about. Tables that drop need no flow: OpenFlow 1.3 drops by itself.
func miss(tables []pipeline.Table, h intent.Host, out *compile.Out) {
	if !h.Up {
		return
	}
	for _, t := range tables {
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

// handOver hands over what no port of the host has sent, or no flow of another app has a meter for.
func handOver(_ *table.Reader, h intent.Host, out *compile.Out) {
	if h.Up {
		pipeline.Metered(out, h.Name, pipeline.PrioRest, nil, pipeline.RestMeter())
	}
}

// meter hands over what a port sends. It has one meter for all that it asks, so that a host has as many as it has ports.
func meter(_ *table.Reader, b intent.Binding, out *compile.Out) {
	if b.OFPort != 0 {
		pipeline.Metered(out, b.Host, pipeline.PrioPort, flow.Match{flow.U32(flow.InPort, b.OFPort)}, pipeline.PortMeter(b.OFPort))
	}
}

// switched hands over what neighbours of a bare switch send, which may have no meters, and counts what it drops if it switches
// labels.
func switched(_ *table.Reader, s intent.Switch, out *compile.Out) {
	if s.Up {
		out.Flow(s.Name, pipeline.ToController, pipeline.PrioRest, nil, flow.Actions{pipeline.HandOver()})
	}
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
