package reconcile

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
	"github.com/weft-sdn/weft/southbound/sim"
)

// rig is a board and a simulated switch that may be connected to it.
type rig struct {
	*testing.T
	board  *Board
	target *Target
	sw     *sim.Switch
	rev    int64
}

func newRig(t *testing.T) *rig {
	b := NewBoard()
	return &rig{T: t, board: b, target: b.Target("h1"), sw: sim.NewSwitch(sim.Config{DatapathID: 1})}
}

// connect connects the switch until the returned function is called.
func (r *rig) connect() (disconnect func()) {
	r.Helper()
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan struct{}, 2)
	go func() { _ = r.sw.Serve(ctx, theirs); ended <- struct{}{} }()
	conn, err := openflow.NewConn(ctx, ours, openflow.ConnConfig{})
	if err != nil {
		r.Fatal(err)
	}
	go func() { _ = conn.Run(ctx) }()
	log := logrus.New()
	log.SetOutput(io.Discard)
	go func() {
		_ = (&Reconciler{Board: r.board, Target: r.target, Conn: conn, Log: logrus.NewEntry(log)}).Run(ctx)
		ended <- struct{}{}
	}()
	return func() {
		cancel()
		conn.Close(nil)
		<-ended
		<-ended
	}
}

// want gives the target a difference, as a revision of its own.
func (r *rig) want(added []flow.Flow, removed ...flow.Key) {
	r.rev++
	r.board.Apply(r.rev, []compile.HostDelta{{Host: "h1", AddedFlows: added, RemovedFlows: removed}})
}

// await waits until the host is no longer working on the newest revision, and returns how it stands.
func (r *rig) await() Progress {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	return r.board.Await(ctx, r.rev, func() []string { return []string{"h1"} }, WaitForOffline)[0]
}

func (r *rig) realised() {
	r.Helper()
	if p := r.await(); p.State != Realised || p.Realised < r.rev {
		r.Fatalf("at revision %d: %+v", r.rev, p)
	}
}

// has holds the switch's flows against those given.
func (r *rig) has(want ...flow.Flow) {
	r.Helper()
	got := map[flow.Key]flow.Flow{}
	for _, f := range r.sw.Flows() {
		got[f.Key] = f
	}
	for _, f := range want {
		if got[f.Key] != f {
			r.Errorf("the switch lacks %s", f)
		}
		delete(got, f.Key)
	}
	for _, f := range got {
		r.Errorf("the switch has %s too", f)
	}
}

// others makes a change to the switch as somebody else would.
func (r *rig) others(command sim.Command, f flow.Flow) {
	r.Helper()
	if err := r.sw.Apply(sim.FlowMod{Command: command, Flow: f}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) eventually(what string, ok func() bool) {
	r.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			r.Fatalf("not within 10 s: %s", what)
		}
		select {
		case <-r.Context().Done():
		case <-time.After(time.Millisecond):
		}
	}
}

// ours1 is a flow with a cookie of ours.
func ours1(priority uint16, do ...flow.Action) flow.Flow {
	f, err := flow.New(1, priority, flow.Match{flow.U32(flow.InPort, 7)}, do)
	if err != nil {
		panic(err)
	}
	f.Cookie = flow.Cookie(9, f.Table, f.Priority, f.Match, f.Instructions)
	return f
}

func TestFromNothing(t *testing.T) {
	r := newRig(t)
	a, b := ours1(1, flow.Output(2)), ours1(2)
	r.want([]flow.Flow{a, b})
	if p := r.board.Progress(1, []string{"h1"})[0]; p.State != Offline {
		t.Errorf("before it connects: %+v", p)
	}
	defer r.connect()()
	r.target.AllowRemovals()
	r.realised()
	r.has(a, b)
	r.want(nil, a.Key)
	r.realised()
	r.has(b)
	changed := ours1(2, flow.Output(3))
	r.want([]flow.Flow{changed})
	r.realised()
	r.has(changed)
}

func TestAReconnectSendsOnlyWhatDiffers(t *testing.T) {
	r := newRig(t)
	a, b, stale := ours1(1, flow.Output(2)), ours1(2), ours1(3)
	foreign := ours1(4)
	foreign.Cookie = 42
	r.target.AllowRemovals()
	r.want([]flow.Flow{a, b, stale})
	disconnect := r.connect()
	r.realised()
	disconnect()
	before := r.target.stats
	r.others(sim.Add, foreign)
	disconnect = r.connect()
	r.realised()
	disconnect()
	if now := r.target.stats; now != before {
		t.Errorf("nothing had changed, and %+v became %+v", before, now)
	}
	r.want([]flow.Flow{ours1(2, flow.Output(5))}, stale.Key) // while it is away
	defer r.connect()()
	r.realised()
	r.has(a, ours1(2, flow.Output(5)), foreign)
	if now := r.target.stats; now.FlowsAdded != before.FlowsAdded+1 || now.FlowsRemoved != before.FlowsRemoved+1 {
		t.Errorf("one flow differed and one was stale: %+v became %+v", before, now)
	}
}

func TestNothingIsRemovedBeforeEverythingIsRead(t *testing.T) {
	r := newRig(t)
	stale, wanted := ours1(3), ours1(4)
	r.others(sim.Add, stale)
	r.want([]flow.Flow{wanted})
	defer r.connect()()
	r.eventually("the wanted flow is there", func() bool { return r.sw.FlowCount() == 2 })
	if p := r.board.Progress(r.rev, []string{"h1"})[0]; p.State != Pending {
		t.Errorf("with a removal to come: %+v", p)
	}
	r.target.AllowRemovals()
	r.realised()
	r.has(wanted)
}

func TestWhatOthersChangeIsMended(t *testing.T) {
	r := newRig(t)
	a, b := ours1(1, flow.Output(2)), ours1(2, flow.Output(3))
	r.target.AllowRemovals()
	r.want([]flow.Flow{a, b})
	defer r.connect()()
	r.realised()
	tampered := a
	tampered.Instructions = ours1(1, flow.Output(9)).Instructions
	for _, change := range []struct {
		command sim.Command
		flow    flow.Flow
	}{
		{sim.DeleteStrict, b},
		{sim.Add, tampered},
		{sim.Add, ours1(7)}, // ours by its cookie, and unwanted
	} {
		drift := r.target.drift()
		r.others(change.command, change.flow)
		r.eventually("the change is noticed and mended", func() bool { return r.target.drift() > drift && !r.target.atWork() })
		r.has(a, b)
	}
}

// Meters are there before the flows that they limit, come back with them when somebody else removes them, change, and go.
func TestMeters(t *testing.T) {
	r := newRig(t)
	const id, stray = 0x57000001, 0x57000002
	limited := ours1(1, flow.ToMeter(id), flow.Output(2))
	foreign := flow.PacketMeter(7, 1, 1)
	for _, m := range []flow.Meter{foreign, flow.PacketMeter(stray, 1, 1)} { // the second is one of ours, from before
		if err := r.sw.ApplyMeter(sim.MeterMod{Command: sim.Add, Meter: m}); err != nil {
			t.Fatal(err)
		}
	}
	r.target.AllowRemovals()
	give := func(m flow.Meter) {
		r.rev++
		r.board.Apply(r.rev, []compile.HostDelta{{Host: "h1", AddedMeters: []flow.Meter{m}, AddedFlows: []flow.Flow{limited}}})
	}
	hasMeters := func(what string, want ...flow.Meter) {
		t.Helper()
		r.eventually(what, func() bool { return !r.target.atWork() && slices.Equal(r.sw.Meters(), want) })
	}
	give(flow.PacketMeter(id, 10, 20))
	disconnect := r.connect()
	hasMeters("what was left over is gone, what is somebody else's is not", foreign, flow.PacketMeter(id, 10, 20))
	r.has(limited)
	give(flow.PacketMeter(id, 30, 40))
	hasMeters("the rate has changed", foreign, flow.PacketMeter(id, 30, 40))
	if err := r.sw.ApplyMeter(sim.MeterMod{Command: sim.Delete, Meter: flow.Meter{ID: id}}); err != nil {
		t.Fatal(err)
	}
	hasMeters("the meter is back", foreign, flow.PacketMeter(id, 30, 40))
	r.has(limited)
	disconnect()
	r.sw.Flush()
	defer r.connect()()
	hasMeters("after a restart of the switch it is there again", flow.PacketMeter(id, 30, 40))
	r.has(limited)
	r.rev++
	r.board.Apply(r.rev, []compile.HostDelta{{Host: "h1", RemovedMeters: []uint32{id}, RemovedFlows: []flow.Key{limited.Key}}})
	hasMeters("the meter went with its flow")
	r.has()
}

func (t *Target) drift() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats.Drift
}

// atWork tells whether the switch may differ from what is wanted.
func (t *Target) atWork() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.busy()
}

func TestARefusedFlowHoldsUpNoOther(t *testing.T) {
	r := newRig(t)
	good, bad := ours1(1, flow.Output(2)), ours1(2, flow.ToGroup(99)) // there is no such group
	r.target.AllowRemovals()
	r.want([]flow.Flow{good, bad})
	defer r.connect()()
	if p := r.await(); p.State != Failed || p.Message == "" {
		t.Errorf("with a refused flow: %+v", p)
	}
	r.eventually("the other flow is there", func() bool { return r.sw.FlowCount() == 1 })
	r.has(good)
	settled := func(f flow.Flow) State { return r.board.Settled([]compile.HostFlow{{Host: "h1", Key: f.Key}})[0].State }
	r.eventually("the good flow is known to be there", func() bool { return settled(good) == Realised }) // the switch's answer is under way
	if s := settled(bad); s != Failed {
		t.Errorf("the refused flow stands at %v", s)
	}
	r.want(nil, bad.Key)
	r.realised()
}

func TestAwaitDoesNotWaitForHostsThatAreDown(t *testing.T) {
	r := newRig(t)
	r.want([]flow.Flow{ours1(1)})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	scope := func() []string { return []string{"h1", "never seen"} }
	all := r.board.Await(ctx, r.rev, scope, IgnoreOffline)
	if ctx.Err() != nil || len(all) != 2 || all[0].State != Offline || all[1].State != Offline {
		t.Errorf("got %+v, %v", all, ctx.Err())
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r.board.Await(short, r.rev, scope, WaitForOffline)
	if short.Err() == nil {
		t.Error("did not wait for offline hosts that count")
	}
}
