package security

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	ethIPv4, ethIPv6 = 0x0800, 0x86dd

	protoICMP, protoTCP, protoUDP, protoICMPv6, protoSCTP = 1, 6, 17, 58, 132
)

// Bits of ct_state (ovs-fields(7)).
const (
	ctNew, ctEstablished, ctRelated, ctReply, ctInvalid, ctTracked = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
)

// Priorities. In tables of verdicts, the first that applies.
const (
	prioOwn    = 200 // sent, received: of the controller; of ports without policies
	prioNeeded = 190 // sent, received: what every endpoint needs
	prioKnown  = 150 // received: the connection has been looked up
	prioRouter = 100 // sent, received: the zone of a router
	prioNet    = 50  // received: the zone of a network

	prioCommit = 0xfff0 // untranslate, translate: before anything is translated
	prioLeave  = 98     // l2: after the ports of this host, before all other ways
)

var (
	group    = flow.MACMasked(flow.EthDst, flow.MACAddr{0: 1}, flow.MACAddr{0: 1})
	families = []uint32{ethIPv4, ethIPv6}
)

// base writes what is the same for all policies, on hosts that have one.
func (a app) base(r *table.Reader, h intent.Host, out *compile.Out) {
	if !h.Up || !a.GuardedOn.Has(r, h.Name, true) {
		return
	}
	w := writer{out, h.Name}
	w.needed()
	for _, e := range []end{sender, receiver} {
		w.track(e)
		w.states(e)
		w.verdicts(e)
	}
	w.commits()
	w.entries()
	w.flow(pipeline.Sent, prioOwn, flow.Match{pipeline.Policy.Is(0)}, flow.Goto(pipeline.Resolve))
	w.flow(pipeline.Sent, 1, nil, flow.Goto(pipeline.SentTrack))
	w.flow(pipeline.Received, prioOwn, flow.Match{flow.U32(flow.InPort, flow.PortController)}, flow.Goto(pipeline.Deliver))
	w.flow(pipeline.Received, prioKnown, flow.Match{pipeline.Tracked.Is(1)}, flow.Goto(pipeline.ReceivedTrack))
	w.flow(pipeline.Rules, 1, flow.Match{flow.Join(pipeline.Decided.Is(0)), pipeline.List.Is(0)}, allow()...)
}

// end is one of the two places where a packet is judged.
type end struct {
	first, track, state, verdict, onward uint8 // tables
	received                             uint64
}

var (
	sender   = end{pipeline.Sent, pipeline.SentTrack, pipeline.SentState, pipeline.SentVerdict, pipeline.Resolve, 0}
	receiver = end{pipeline.Received, pipeline.ReceivedTrack, pipeline.ReceivedState, pipeline.ReceivedVerdict, pipeline.Deliver, 1}
)

// own is the value of Outgoing for rules about what a port does itself at this end.
func (e end) own() uint64 { return 1 - e.received }

// writer writes flows of one host.
type writer struct {
	out  *compile.Out
	host string
}

func (w writer) flow(t uint8, priority uint16, m flow.Match, do ...flow.Action) {
	w.out.Flow(w.host, t, priority, m, do)
}

// needed lets through what endpoints need to have an address and to find others. Port security has looked at it.
func (w writer) needed() {
	const lastNeeded, firstNeeded, listener = 137, 130, 143 // ICMPv6: multicast listening and neighbour discovery (RFC 2710, 4861, 3810)
	for _, e := range []end{sender, receiver} {
		types := []uint32{listener}
		for typ := uint32(firstNeeded); typ <= lastNeeded; typ++ {
			types = append(types, typ)
		}
		for _, typ := range types {
			w.flow(e.first, prioNeeded, flow.Match{flow.U32(flow.ICMPv6Type, typ)}, flow.Goto(e.onward))
		}
		for i, ports := range [][2]uint32{{68, 67}, {546, 547}} { // DHCP: of clients, of servers
			m := flow.Match{flow.U32(flow.EthType, families[i]), flow.U32(flow.UDPSrc, ports[e.received]), flow.U32(flow.UDPDst, ports[1-e.received])}
			w.flow(e.first, prioNeeded, m, flow.Goto(e.onward))
		}
	}
}

// track has connections looked up, where there are such.
func (w writer) track(e end) {
	if e == receiver {
		w.flow(e.track, 200, flow.Match{flow.Join(pipeline.Tracked.Is(1), pipeline.Stateless.Is(0))},
			pipeline.Untracked.Set(0), flow.Goto(e.state))
	}
	for _, eth := range families {
		is := flow.U32(flow.EthType, eth)
		w.flow(e.track, 100, flow.Match{is, pipeline.Stateless.Is(1)}, pipeline.Untracked.Set(1), flow.Goto(e.state))
		for _, proto := range pipeline.Trackable(eth) {
			w.flow(e.track, 50, flow.Match{is, flow.U32(flow.IPProto, proto)}, flow.SetField(flow.Join(pipeline.Untracked.Is(0), pipeline.Tracked.Is(1))),
				flow.CT(flow.CTSpec{ZoneFrom: pipeline.Zone, Table: flow.ToTable(e.state)}))
		}
		w.flow(e.track, 10, flow.Match{is}, pipeline.Untracked.Set(1), flow.Goto(e.state))
	}
}

// state matches the bits of a connection's state that are set in is, and clear in not.
func state(is, not uint64) flow.Field { return flow.Masked(flow.CTState, is, is|not) }

// states has rules of the direction asked in which the connection goes.
func (w writer) states(e end) {
	tracked := pipeline.Untracked.Is(0)
	ask := func(outgoing uint64) flow.Action {
		return flow.SetField(flow.Join(pipeline.Judged.Is(0), pipeline.Outgoing.Is(outgoing), pipeline.AtReceiver.Is(e.received)))
	}
	again := flow.SetField(flow.Join(pipeline.Outgoing.Is(1-e.own()), pipeline.AsAnswer.Is(1), pipeline.Passed.Is(0)))
	policies, verdict := flow.Resubmit(pipeline.Policies), flow.Goto(e.verdict)
	// ICMP errors about a connection: their sender is a router, of which no rule knows.
	w.flow(e.state, 100, flow.Match{tracked, state(ctTracked|ctRelated, ctInvalid)}, flow.SetField(flow.Join(pipeline.Judged.Is(0), pipeline.Decided.Is(1), pipeline.AtReceiver.Is(e.received))), verdict)
	w.flow(e.state, 90, flow.Match{tracked, state(ctTracked|ctInvalid, 0)}, pipeline.Drop(pipeline.InvalidState)...)
	w.flow(e.state, 80, flow.Match{tracked, state(ctTracked|ctReply, ctInvalid)}, ask(1-e.own()), policies, verdict)
	w.flow(e.state, 70, flow.Match{tracked, state(ctTracked|ctNew, ctInvalid), group}, ask(e.own()), policies, verdict)
	w.flow(e.state, 60, flow.Match{tracked, state(ctTracked|ctNew, ctInvalid)}, pipeline.Fresh.Set(1), ask(e.own()), policies, verdict)
	w.flow(e.state, 50, flow.Match{tracked, state(ctTracked, ctInvalid)}, ask(e.own()), policies, verdict)
	// What is not tracked: stateless groups judge each packet for what it is; of others, answers are what comes from a port that the
	// rules let packets to.
	w.flow(e.state, 40, flow.Match{flow.Join(pipeline.Untracked.Is(1), pipeline.Stateless.Is(1))}, ask(e.own()), policies, verdict)
	w.flow(e.state, 30, flow.Match{pipeline.Untracked.Is(1)}, ask(e.own()), policies, again, policies, verdict)
}

// verdicts does what rules have decided.
func (w writer) verdicts(e end) {
	w.flow(e.verdict, 100, flow.Match{flow.Join(pipeline.Decided.Is(1), pipeline.Refused.Is(0))}, flow.Goto(e.onward))
	for outgoing, direction := range []uint64{1, 2} {
		// It was let in by a group that lets connections end by themselves.
		w.flow(e.verdict, 90, flow.Match{
			flow.Join(pipeline.Decided.Is(0), pipeline.Untracked.Is(0), pipeline.Fresh.Is(0), pipeline.Outgoing.Is(uint64(outgoing))),
			state(ctTracked, ctInvalid|ctNew), pipeline.MarkLasting.IsMasked(direction, direction),
		}, flow.Goto(e.onward))
	}
	told := flow.Join(pipeline.Decided.Is(1), pipeline.Refused.Is(1), pipeline.Told.Is(1))
	w.flow(e.verdict, 85, flow.Match{told}, append(flow.Actions{pipeline.Told.Set(0)}, append(pipeline.PuntCopy(pipeline.RejectApp), flow.Resubmit(e.verdict))...)...)
	unmatched := flow.Join(pipeline.Decided.Is(0), pipeline.Reported.Is(1))
	w.flow(e.verdict, 84, flow.Match{unmatched}, pipeline.Reported.Set(0), flow.Resubmit(pipeline.Log), flow.Resubmit(e.verdict))
	for _, eth := range families {
		// The first packet that an established connection is refused: it is counted, and marked so that it is not again.
		m := flow.Match{
			flow.U32(flow.EthType, eth), flow.Join(pipeline.Untracked.Is(0), pipeline.Fresh.Is(0)),
			state(ctTracked|ctEstablished, ctInvalid|ctNew), pipeline.MarkCut.Is(0),
		}
		w.out.Counted(compile.Counter{Kind: intent.ConnectionsCut, Subject: "host/" + w.host}, w.host, e.verdict, 80, m, append(flow.Actions{
			flow.CT(flow.CTSpec{Flags: flow.CTCommit, ZoneFrom: pipeline.Zone, Exec: flow.Actions{pipeline.MarkCut.Set(1)}}),
		}, pipeline.Drop(pipeline.PolicyDenied)...))
	}
	w.flow(e.verdict, 10, nil, pipeline.Drop(pipeline.PolicyDenied)...)
}

// commits has connections remembered once nothing can refuse their first packet any more: where it is handed to a port, where it leaves
// the host, and before it is translated, for that makes another one of it.
//
// Invariant: no connection is remembered that the receiver refused on the same host. Otherwise who is refused could keep those
// that the receiver begins itself, with the same ports, from being seen as such.
func (w writer) commits() {
	for _, eth := range families {
		fresh := flow.Match{flow.U32(flow.EthType, eth), pipeline.Fresh.Is(1)}
		w.flow(pipeline.Deliver, 100, fresh, pipeline.Remember(), flow.OutputReg(pipeline.OutPort))
		w.flow(pipeline.L2, prioLeave, fresh, pipeline.Remember(), pipeline.Fresh.Set(0), flow.Resubmit(pipeline.L2))
	}
	w.translated(pipeline.Untranslate)
	w.translated(pipeline.Balance)
}

// translated has the connections of packets remembered that a table is about to translate, and forgets what is known of them: it is
// another connection then.
func (w writer) translated(t uint8, more ...flow.Field) {
	for _, eth := range families {
		first := append(flow.Match{flow.U32(flow.EthType, eth), flow.Join(pipeline.Tracked.Is(1), pipeline.Fresh.Is(1))}, more...)
		w.flow(t, prioCommit, first, pipeline.Remember(), pipeline.Forget(), flow.Resubmit(t))
		later := append(flow.Match{flow.U32(flow.EthType, eth), flow.Join(pipeline.Tracked.Is(1), pipeline.Fresh.Is(0))}, more...)
		w.flow(t, prioCommit, later, pipeline.Forget(), flow.Resubmit(t))
	}
}

// outside has the connections of packets remembered that leave by a router's gateway, wherever something on the way may translate them.
func (a app) outside(r *table.Reader, g intent.Gateway, out *compile.Out) {
	n, ok := a.Networks.Get(r, g.Network)
	if !ok {
		return
	}
	for _, host := range a.ActiveOn.List(r, g.Router) {
		if a.GuardedOn.Has(r, host, true) {
			writer{out, host}.translated(pipeline.Translate, pipeline.Net.Is(uint64(n.Tag)))
		}
	}
}

// zone tells in which zone the connections of a network's ports on a host are tracked: in that of the network, or of the router by
// which they go.
func (a app) zone(r *table.Reader, s intent.GuardedSite, out *compile.Out) {
	n, ok := a.Networks.Get(r, s.Network)
	if !ok {
		return
	}
	w := writer{out, s.Host}
	net := pipeline.Net.Is(uint64(n.Tag))
	w.flow(pipeline.Received, prioNet, flow.Match{net}, pipeline.Zone.Set(uint64(n.Zone)), flow.Goto(pipeline.ReceivedTrack))
	seen := map[flow.MACAddr]bool{}
	for i := range a.InterfacesOn.List(r, s.Network) {
		router, ok := a.Routers.Get(r, i.Key.Router)
		if !ok || seen[i.MAC] {
			continue
		}
		seen[i.MAC] = true
		zone := pipeline.Zone.Set(uint64(router.Zone))
		w.flow(pipeline.Sent, prioRouter, flow.Match{net, flow.MAC(flow.EthDst, i.MAC)}, zone, flow.Goto(pipeline.SentTrack))
		w.flow(pipeline.Received, prioRouter, flow.Match{net, flow.MAC(flow.EthSrc, i.MAC)}, zone, flow.Goto(pipeline.ReceivedTrack))
	}
}
