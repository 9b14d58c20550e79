package security

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// tell has the log told of a packet. The number does not stay with it, so that what the datapath remembers of a connection is the same
// with and without a log.
func tell(l intent.Logged) flow.Actions {
	return flow.Actions{pipeline.Entry.Set(l.Number), flow.Resubmit(pipeline.Log), pipeline.Entry.Set(0)}
}

// entries lets the log be told of connections only when they open. Packets that are not tracked are all told of.
func (w writer) entries() {
	known := flow.Join(pipeline.Fresh.Is(0), pipeline.Untracked.Is(0))
	w.flow(pipeline.Log, 200, flow.Match{pipeline.Opening.Is(1), known})
}

// log hands over what the log is told of a port, by a meter of the port's own.
func (a app) log(r *table.Reader, b intent.Binding, out *compile.Out) {
	if g, ok := a.Guards.Get(r, b.Port); !ok || !g.Logged || b.OFPort == 0 {
		return
	}
	meter := pipeline.LogMeter(b.OFPort)
	out.Meter(b.Host, meter)
	c := compile.Counter{Kind: intent.LoggedCounter, Subject: b.Port.String()}
	for _, m := range []flow.Match{
		{flow.U32(flow.InPort, b.OFPort), pipeline.AtReceiver.Is(0)},
		{pipeline.OutPort.Is(uint64(b.OFPort)), pipeline.AtReceiver.Is(1)},
	} {
		out.Counted(c, b.Host, pipeline.Log, 100, m, pipeline.ToLog(meter))
	}
}

// logged derives what the numbers mean that switches send along.
func (a app) logged(_ *table.Reader, l intent.RuleList, out *compile.Out) {
	for _, rule := range l.Rules {
		if l.Logs(rule) {
			compile.Emit(out, a.Logged, intent.NewLogged(l.Key, rule))
		}
	}
	if l.LogsUnmatched() {
		compile.Emit(out, a.Logged, intent.Unmatched(l.Key))
	}
}
