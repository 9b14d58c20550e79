// Package mpls carries networks by label-switched paths: hosts are provider edge (PE) routers, and bare switches that switch
// labels the core between them.
//
// Which way a path takes and which labels it has is decided once, by the [Keeper], and is in rows from then on; the rules here make
// flows of those. A frame that leaves gets two labels (table paths): the inner one is its network's, the outer one that of the first
// link of the path to the other host. Each switch on the way exchanges the outer one (table switch_labels). The last one tells the
// other host which path the frame came by, and so who sent it (table classify); the inner one which network it is of (table
// classify_label); and table label_origin holds its source address against where the ports are.
package mpls

import (
	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Priorities.
const (
	prioExpired = 200 // switch_labels: a frame that has come too far
	prioPath    = 100 // classify, switch_labels, paths: a path's label, or the host that it leads to
	prioNetwork = 100 // classify_label
	prioStray   = 20  // classify: labels that no path has
	prioMiss    = 0
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "mpls", ID: 11, Keeper: NewKeeper(t), Rules: []compile.Rule{
		compile.About("meet", t.Attachments, attachmentNetwork, a.meet),
		compile.ForEach("switch", t.Switches, a.labelSwitch),
		compile.About("port", t.SwitchPorts, func(e intent.End) string { return "host/" + e.Host }, a.port),
		compile.About("path", t.Paths, pathHost, a.path),
		compile.About("edge", t.Wires, func(w intent.Wired) string { return "host/" + w.Host }, a.edge),
		compile.About("receive", t.Attachments, attachmentNetwork, a.receive),
		compile.About("nobody", t.Sites, func(s intent.Site) string { return s.Network.String() }, a.nobody),
		compile.ForEach("origin", t.Ports, a.origin),
		compile.About("routed", t.RouterInterfaces, func(i intent.InterfaceOf) string { return i.Router.String() }, a.routed),
	}}
}

// What is noted of an attachment is said of its network, what is noted of a path of the host where it begins.
func attachmentNetwork(x intent.Attachment) string { return x.Network.String() }
func pathHost(k intent.PathKey) string             { return "host/" + k.From }

// labelled returns the segment of an attachment if it is carried by label-switched paths.
func (a app) labelled(r *table.Reader, x intent.Attachment) (intent.Segment, bool) {
	s, ok := a.Segments.Get(r, intent.SegmentKey{Network: x.Network, Index: x.Segment})
	return s, ok && byPaths(s)
}

func byPaths(s intent.Segment) bool {
	by, err := carry.Of(s.Type)
	return err == nil && by.Family() == carry.Paths
}

// meet derives between which hosts paths are needed: those that take part in one segment.
func (a app) meet(r *table.Reader, x intent.Attachment, out *compile.Out) {
	s, ok := a.labelled(r, x)
	if !ok {
		return
	}
	for _, host := range a.AttachedHosts.List(r, s.Key) {
		if host == x.Host {
			continue
		}
		d := intent.Demand{Physical: s.Physical, From: x.Host, To: host}
		compile.Emit(out, a.Demands, d)
		if _, ok := a.ActivePath(r, d); !ok {
			out.Pending("there is no way by links from host %q to host %q over physical network %q", d.From, d.To, d.Physical)
		}
	}
}

// labelSwitch drops what a bare switch can do nothing with.
func (a app) labelSwitch(_ *table.Reader, s intent.Switch, out *compile.Out) {
	if !s.Labels {
		return
	}
	labels := flow.U32(flow.EthType, carry.LabelEtherType)
	for ttl := range uint32(2) {
		out.Flow(s.Name, pipeline.SwitchLabels, prioExpired, flow.Match{labels, flow.U32(flow.MPLSTTL, ttl)}, pipeline.Drop(pipeline.ExpiredLabel))
	}
	out.Flow(s.Name, pipeline.SwitchLabels, prioMiss, nil, pipeline.Drop(pipeline.UnknownLabel))
}

// port takes in what is meant for a port of a label-switching switch, and nothing else: others may hear what is sent to a host's
// neighbours, too.
func (a app) port(r *table.Reader, p intent.SwitchPort, out *compile.Out) {
	if s, ok := a.Switches.Get(r, p.End.Host); ok && s.Labels {
		out.Flow(p.End.Host, pipeline.Classify, prioPath, flow.Match{
			flow.U32(flow.InPort, p.OFPort), flow.MAC(flow.EthDst, p.MAC), flow.U32(flow.EthType, carry.LabelEtherType),
		}, flow.Actions{flow.Goto(pipeline.SwitchLabels)})
	}
}

// path makes the flows of a path: where it begins once it is in use, along its way, and where it ends.
func (a app) path(r *table.Reader, p intent.Path, out *compile.Out) {
	if p.State == intent.Active {
		a.begin(r, p, out)
	}
	for i, hop := range p.Hops[1:] {
		a.along(r, p.Hops[i], hop, p.Popping, out)
	}
	a.end(r, p, out)
}

func (a app) begin(r *table.Reader, p intent.Path, out *compile.Out) {
	to, ok := a.Edges.Get(r, intent.EdgeKey{Physical: p.Key.Physical, Host: p.Key.To})
	if !ok {
		return
	}
	first := p.Hops[0]
	dst, ok := a.mac(r, first.In)
	if !ok {
		return
	}
	var labels []uint32
	if first.Label != intent.ImplicitNull {
		labels = []uint32{first.Label}
	}
	out.Flow(p.Key.From, pipeline.Paths, prioPath, flow.Match{pipeline.Edge.Is(uint64(to.Number))},
		carry.PushLabels(labels, a.patch(r, p.Key.From, p.Key.Physical), carry.EdgeMAC(p.Key.From, p.Key.Physical), dst))
}

// along has a switch exchange the label of one link for that of the next, or take it off when the next has none. Below it there is always the network's: a label that is
// the last is nobody's. Open vSwitch writes whole entries of the stack, so what it says of the bottom must be known.
func (a app) along(r *table.Reader, from, to intent.PathHop, popping intent.Popping, out *compile.Out) {
	in, ok := a.SwitchPorts.Get(r, from.In)
	if !ok {
		return
	}
	next, ok := a.SwitchPorts.Get(r, to.Out)
	if !ok {
		return
	}
	dst, ok := a.mac(r, to.In)
	if !ok {
		return
	}
	out.Flow(to.Out.Host, pipeline.SwitchLabels, prioPath,
		flow.Match{flow.U32(flow.InPort, in.OFPort), flow.U32(flow.EthType, carry.LabelEtherType), flow.U32(flow.MPLSLabel, from.Label), flow.U32(flow.MPLSBOS, 0)},
		append(relabel(to.Label, popping), flow.SetField(flow.MAC(flow.EthSrc, next.MAC)), flow.SetField(flow.MAC(flow.EthDst, dst)), flow.Output(next.OFPort)))
}

// relabel makes the transport label that of the next link.
func relabel(label uint32, popping intent.Popping) flow.Actions {
	switch {
	case label != intent.ImplicitNull:
		return flow.Actions{flow.SetField(flow.U32(flow.MPLSLabel, label)), flow.DecMPLSTTL()}
	case popping == intent.PopUniform:
		return carry.PopLabelUniform()
	}
	return carry.PopLabel()
}

// end knows by the last label who sent a frame, unless there is none (edge). A path that is used no more, or not yet, has frames
// under way as well.
func (a app) end(r *table.Reader, p intent.Path, out *compile.Out) {
	if p.Last().Label == intent.ImplicitNull {
		return
	}
	from, ok := a.Edges.Get(r, intent.EdgeKey{Physical: p.Key.Physical, Host: p.Key.From})
	if !ok {
		return
	}
	out.Flow(p.Key.To, pipeline.Classify, prioPath, flow.Match{
		flow.U32(flow.InPort, a.patch(r, p.Key.To, p.Key.Physical)), flow.MAC(flow.EthDst, carry.EdgeMAC(p.Key.To, p.Key.Physical)),
		flow.U32(flow.EthType, carry.LabelEtherType), flow.U32(flow.MPLSLabel, p.Last().Label), flow.U32(flow.MPLSBOS, 0),
	}, flow.Actions{pipeline.Edge.Set(uint64(from.Number)), flow.PopMPLS(carry.LabelEtherType), flow.Goto(pipeline.ClassifyLabel)})
}

// mac returns the address of the end of a link.
func (a app) mac(r *table.Reader, end intent.End) (flow.MACAddr, bool) {
	if _, bare := a.Switches.Get(r, end.Host); !bare {
		return carry.EdgeMAC(end.Host, end.Port), true
	}
	p, ok := a.SwitchPorts.Get(r, end)
	return p.MAC, ok
}

func (a app) patch(r *table.Reader, host, physical string) uint32 {
	return carry.PatchOFPort(a.MappedAt.List(r, host), physical)
}

// edge takes in frames that come without a transport label, if any path here has them. It counts what has labels that nobody gave out, what no path is there for, and what a group address claims to have sent.
func (a app) edge(r *table.Reader, w intent.Wired, out *compile.Out) {
	if !a.Labelled.Has(r, w.Physical, true) {
		return
	}
	in := flow.Match{
		flow.U32(flow.InPort, a.patch(r, w.Host, w.Physical)), flow.MAC(flow.EthDst, carry.EdgeMAC(w.Host, w.Physical)), flow.U32(flow.EthType, carry.LabelEtherType),
	}
	out.Flow(w.Host, pipeline.Classify, prioStray, in, pipeline.Drop(pipeline.UnknownLabel))
	if a.PoppedAt.Has(r, intent.EdgeKey{Physical: w.Physical, Host: w.Host}, true) {
		out.Flow(w.Host, pipeline.Classify, prioPath, append(in[:3:3], flow.U32(flow.MPLSBOS, 1)), flow.Actions{flow.Goto(pipeline.ClassifyLabel)})
	}
	out.Flow(w.Host, pipeline.ClassifyLabel, prioMiss, nil, pipeline.Drop(pipeline.UnknownLabel))
	out.Flow(w.Host, pipeline.LabelOrigin, prioGroup, flow.Match{flow.MACMasked(flow.EthSrc, groupBit, groupBit)}, pipeline.Drop(pipeline.ForeignMAC))
	out.Flow(w.Host, pipeline.Paths, prioMiss, nil, pipeline.Drop(pipeline.NoPath))
}

// receive knows the frames of a network by the inner label.
func (a app) receive(r *table.Reader, x intent.Attachment, out *compile.Out) {
	s, ok := a.labelled(r, x)
	if !ok {
		return
	}
	n, ok := a.Networks.Get(r, x.Network)
	if !ok {
		return
	}
	match, undo := carry.MPLS.Arrive(carry.Segment{ID: s.ID, OFPort: a.patch(r, x.Host, s.Physical)})
	out.Flow(x.Host, pipeline.ClassifyLabel, prioNetwork, match, append(flow.Actions{
		pipeline.Net.Set(uint64(n.Tag)), pipeline.Via.Set(pipeline.ViaSegment(x.Segment)),
	}, append(undo, flow.Goto(pipeline.LabelOrigin))...))
}
