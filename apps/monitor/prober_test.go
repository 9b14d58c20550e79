package monitor

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/southbound/flow"
)

// lab is a pool with members that are probed.
type lab struct {
	t       testing.TB
	tables  *intent.Tables
	s       *prober
	out     *punt.Outbox
	now     time.Time
	session uint64
	refuse  map[netip.Addr]bool // members that reset connections
	silent  map[netip.Addr]bool // members that say nothing
	probed  map[netip.Addr][]time.Time
	sent    int
	inbox   []*punt.Packet // what members have answered
}

var (
	poolKey    = intent.Key{Kind: intent.KindPool, Project: "red", Name: "web"}
	monitorKey = intent.Key{Kind: intent.KindHealthMonitor, Project: "red", Name: "m"}
	vip        = netip.MustParseAddr("10.0.0.100")
)

func newLab(t testing.TB, members int) *lab {
	l := &lab{t: t, tables: intent.NewTables(), now: noon, session: 1, refuse: map[netip.Addr]bool{}, silent: map[netip.Addr]bool{}, probed: map[netip.Addr][]time.Time{}}
	l.s = newProber(l.tables)
	l.out = punt.NewOutbox(l.answer).Sessions(func(string) uint64 { return l.session })
	l.monitor(intent.MonitorTCP)
	for i := range members {
		l.tables.Probes.Put(l.probe(i))
	}
	l.s.Keep(l.now, nil)
	return l
}

func (l *lab) monitor(typ string) {
	l.tables.HealthMonitors.Put(intent.HealthMonitor{Key: monitorKey, Pool: poolKey, Type: typ, Delay: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3, Up: true})
}

func (l *lab) probe(i int) intent.Probe {
	return intent.Probe{
		Key: intent.HealthKey{Pool: poolKey, Member: fmt.Sprint("s", i)}, Monitor: monitorKey, From: vip, To: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), Port: 80,
		Protocol: protoTCP, Host: "h1", Network: intent.Key{Kind: intent.KindNetwork, Project: "red", Name: "n"}, OFPort: uint32(i + 1), ToMAC: flow.MACAddr{2, 0, 0, 0, byte(i >> 8), byte(i)},
	}
}

// answer is the member's side: it takes connections, or refuses them.
func (l *lab) answer(host string, o punt.Out) bool {
	if l.session == 0 {
		return false
	}
	l.sent++
	w, p, ok := read(turned(o.Data))
	if !ok && o.Data[23] == protoTCP {
		l.t.Fatalf("it sends what it does not read itself: %x", o.Data)
	}
	if w.protocol != protoTCP || p.flags != syn || l.silent[w.to] {
		return true
	}
	l.probed[w.to] = append(l.probed[w.to], l.now)
	reply := segment{flags: syn | ack, seq: 7, ack: p.seq + 1, window: 1000}
	if l.refuse[w.to] {
		reply = segment{flags: rst | ack, ack: p.seq + 1}
	}
	frame, err := wire{from: w.to, to: w.from, protocol: protoTCP, ours: w.theirs, theirs: w.ours}.frame(reply, flow.MACAddr{}, flow.MACAddr{})
	if err != nil {
		l.t.Fatal(err)
	}
	l.inbox = append(l.inbox, &punt.Packet{Host: host, InPort: 1, App: id, At: l.now, Data: frame})
	return true
}

// turned is a frame with addresses and ports the other way round, as the member reads it.
func turned(frame []byte) []byte {
	f := slices.Clone(frame)
	copy(f[26:30], frame[30:34])
	copy(f[30:34], frame[26:30])
	copy(f[34:36], frame[36:38])
	copy(f[36:38], frame[34:36])
	return f
}

// pass has time pass.
func (l *lab) pass(d time.Duration) {
	for end := l.now.Add(d); l.now.Before(end); l.now = l.now.Add(grain) {
		if due := l.s.Due(); !due.IsZero() && !due.After(l.now) {
			l.s.Tick(l.now, l.out)
		}
		for _, p := range l.inbox {
			l.s.Packet(p, l.out)
		}
		l.inbox = l.inbox[:0]
		l.s.Keep(l.now, nil)
	}
}

func (l *lab) health(i int) intent.Health {
	h, _ := l.tables.Healths.Peek(l.probe(i).Key)
	return h
}

func (l *lab) expect(i int, state intent.HealthState, reason string) {
	l.t.Helper()
	if h := l.health(i); h.State != state || h.Reason != reason {
		l.t.Errorf("at %s, s%d is %v since %s: %q, want %v: %q", l.now.Sub(noon), i, h.State, h.Since.Sub(noon), h.Reason, state, reason)
	}
}

// A member that dies is down within its fall time, no sooner; others are not touched; it is back after its rise.
func TestFallAndRise(t *testing.T) {
	l := newLab(t, 2)
	l.pass(10 * time.Second)
	l.expect(0, intent.Well, "connected")
	dead := l.probe(0).To
	l.silent[dead] = true
	died := l.now
	m, _ := l.tables.HealthMonitors.Peek(monitorKey)
	for l.health(0).State == intent.Well && l.now.Sub(died) < time.Minute {
		l.pass(grain)
	}
	if took := l.now.Sub(died); took > m.FallTime()+2*grain || took < 2*m.Delay {
		t.Errorf("down after %s, its fall time is %s", took, m.FallTime())
	}
	l.expect(0, intent.Dead, "timed out after 2s: no connection")
	l.expect(1, intent.Well, "connected")
	l.silent[dead], l.refuse[dead] = false, true
	l.pass(5 * time.Second)
	l.expect(0, intent.Dead, "connection refused")
	l.refuse[dead] = false
	back := l.now
	l.pass(5 * time.Second)
	l.expect(0, intent.Dead, "connected (1 of 2)")
	for l.health(0).State == intent.Dead && l.now.Sub(back) < time.Minute {
		l.pass(grain)
	}
	if took := l.now.Sub(back); took > 11*time.Second {
		t.Errorf("up after %s", took)
	}
}

// Who goes down again and again has to answer for longer each time, until there has been calm.
func TestFlapping(t *testing.T) {
	m := intent.HealthMonitor{Rise: 2, Fall: 1}
	var h intent.Health
	var s streak
	now := noon
	h = s.judge(h, m, finding{true, "ok"}, now)
	var rises []int
	for range 6 {
		h = s.judge(h, m, finding{false, "no"}, now)
		rise := 0
		for h.State == intent.Dead {
			now = now.Add(time.Second)
			h = s.judge(h, m, finding{true, "ok"}, now)
			rise++
		}
		rises = append(rises, rise)
	}
	if got := fmt.Sprint(rises); got != "[2 4 8 16 16 16]" {
		t.Errorf("it is up again after %s probes", got)
	}
	now = now.Add(calm)
	h = s.judge(h, m, finding{true, "ok"}, now)
	if h = s.judge(h, m, finding{false, "no"}, now); riseOf(h, m) != 2 {
		t.Errorf("after calm, %d probes are asked for", riseOf(h, m))
	}
}

// Where nobody can probe, nothing is found out: not while the host is away, not when it comes back in the middle of a probe.
func TestAway(t *testing.T) {
	l := newLab(t, 1)
	l.pass(10 * time.Second)
	l.session = 0
	l.pass(time.Minute)
	l.expect(0, intent.Well, "connected")
	l.session = 2
	l.silent[l.probe(0).To] = true
	for before := len(l.s.under); len(l.s.under) == before; {
		l.pass(grain)
	}
	l.session = 3
	l.pass(3 * time.Second)
	l.expect(0, intent.Well, "connected")
	l.pass(5 * time.Second)
	l.expect(0, intent.Well, "timed out after 2s: no connection (1 of 3)")
}

// What was found outlives a restart; what is of other members than before does not.
func TestRemembered(t *testing.T) {
	l := newLab(t, 3)
	for i := range 3 {
		h := intent.Health{Key: l.probe(i).Key, At: at(l.probe(i)), State: intent.Dead, Since: noon, Reason: "connection refused"}
		if i == 1 {
			h.At = netip.MustParseAddrPort("10.9.9.9:80")
		}
		l.tables.Healths.Put(h)
	}
	gone := intent.HealthKey{Pool: poolKey, Member: "gone"}
	l.tables.Healths.Put(intent.Health{Key: gone, State: intent.Dead})
	l.s.Keep(l.now, nil)
	l.expect(0, intent.Dead, "connection refused")
	l.expect(1, intent.Unknown, "")
	if _, ok := l.tables.Healths.Peek(gone); ok {
		t.Error("what was found of a member that is gone is kept")
	}
	l.tables.Probes.Delete(l.probe(2).Key)
	l.s.Keep(l.now, nil)
	l.expect(2, intent.Unknown, "")
	if len(l.s.members) != 2 || len(l.s.queue) != 2 {
		t.Errorf("%d members, %d in the queue", len(l.s.members), len(l.s.queue))
	}
}

// A member whose port is nowhere goes down as any that does not answer; one that cannot be probed stays as it is.
func TestNowhere(t *testing.T) {
	l := newLab(t, 2)
	l.pass(10 * time.Second)
	p := l.probe(0)
	p.Host, p.OFPort, p.Problem, p.Nowhere = "", 0, "its port is on no host", true
	l.tables.Probes.Put(p)
	q := l.probe(1)
	q.Host, q.OFPort, q.Problem = "", 0, "no connected host"
	l.tables.Probes.Put(q)
	l.pass(30 * time.Second)
	l.expect(0, intent.Dead, "its port is on no host")
	l.expect(1, intent.Well, "connected")
	l.tables.Probes.Put(l.probe(0))
	l.pass(15 * time.Second)
	l.expect(0, intent.Well, "connected")
}

// Probes of a thousand members are spread over the delay, and each member has its own every time.
func TestSpread(t *testing.T) {
	l := newLab(t, 1000)
	l.pass(11 * time.Second)
	l.probed = map[netip.Addr][]time.Time{}
	at := map[int64]int{}
	l.pass(5 * time.Second)
	for _, times := range l.probed {
		for _, now := range times {
			at[now.Sub(noon).Milliseconds()/500]++
		}
	}
	if len(l.probed) != 1000 {
		t.Errorf("%d members were probed within a delay", len(l.probed))
	}
	for slot, n := range at {
		if n > 160 {
			t.Errorf("%d of 1000 probes in half a second, slot %d", n, slot)
		}
	}
}

// Datagrams and pings.
func TestOthers(t *testing.T) {
	for typ, want := range map[string]string{intent.MonitorUDP: "no ICMP error", intent.MonitorPing: "timed out after 2s (1 of 3)"} {
		l := newLab(t, 0)
		l.monitor(typ)
		p := l.probe(0)
		p.Protocol = protocolOf(typ, true)
		if typ == intent.MonitorPing {
			p.Port = 0
		}
		l.tables.Probes.Put(p)
		l.pass(8 * time.Second)
		if h := l.health(0); h.Reason != want {
			t.Errorf("%s: %q, want %q", typ, h.Reason, want)
		}
	}
	l := &line{}
	datagram{}.receive(l, &packet{unreachable: "port unreachable"}, noon)
	if !l.done || l.found == nil || *l.found != (finding{false, "port unreachable"}) {
		t.Errorf("%+v", l.found)
	}
	l = &line{}
	ping{}.receive(l, &packet{}, noon)
	if !l.done || l.found == nil || !l.found.well {
		t.Errorf("%+v", l.found)
	}
}

// Frames of all kinds are read as they were written, and errors as about what they quote.
func TestFrames(t *testing.T) {
	for _, ends := range [][2]string{{"10.0.0.100", "10.0.0.5"}, {"fd00::100", "fd00::5"}} {
		from, to := netip.MustParseAddr(ends[0]), netip.MustParseAddr(ends[1])
		for _, protocol := range []uint8{protoTCP, protoUDP} {
			w := wire{from: to, to: from, protocol: protocol, ours: 80, theirs: 513} // as the member sends it
			frame, err := w.frame(segment{flags: syn | ack, seq: 5, ack: 6, mss: 1400, window: 9, data: []byte("x")}, flow.MACAddr{}, flow.MACAddr{})
			if err != nil {
				t.Fatal(err)
			}
			got, p, ok := read(frame)
			want := wire{from: from, to: to, protocol: protocol, ours: 513, theirs: 80}
			if !ok || got != want || protocol == protoTCP && (p.flags != syn|ack || p.seq != 5 || p.ack != 6 || p.mss != 1400 || p.window != 9 || string(p.data) != "x") {
				t.Errorf("%v: %v %+v %v", want, got, p, ok)
			}
		}
	}
	probe := wire{from: vip, to: netip.MustParseAddr("10.0.0.5"), protocol: protoUDP, ours: 513, theirs: 53}
	sent, err := probe.frame(segment{}, flow.MACAddr{}, flow.MACAddr{})
	if err != nil {
		t.Fatal(err)
	}
	about := wire{from: probe.from, to: probe.to}
	if w, p, ok := quoted(about, sent[14:], 3); !ok || w != probe || p.unreachable != "port unreachable" {
		t.Errorf("%v %+v %v", w, p, ok)
	}
	if _, _, ok := quoted(wire{from: probe.to, to: probe.to}, sent[14:], 3); ok {
		t.Error("an error about what somebody else sent is taken")
	}
}

// FuzzRead reads frames of any kind, and has a prober take them.
func FuzzRead(f *testing.F) {
	for _, protocol := range []uint8{protoTCP, protoUDP, protoICMP} {
		frame, err := wire{from: vip, to: netip.MustParseAddr("10.0.0.5"), protocol: protocol, ours: 80, theirs: 513}.frame(segment{flags: syn}, flow.MACAddr{}, flow.MACAddr{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		l := newLab(t, 1)
		l.s.Packet(&punt.Packet{Host: "h1", InPort: 1, At: noon, Data: frame}, l.out)
		read(frame)
		for _, ip := range []string{"10.0.0.5", "fd00::5"} {
			quoted(wire{from: vip, to: netip.MustParseAddr(ip)}, frame, 3)
		}
	})
}

// BenchmarkProbes is what a second of probing costs, with a thousand members at five seconds.
func BenchmarkProbes(b *testing.B) {
	l := newLab(b, 1000)
	l.pass(11 * time.Second)
	b.ReportAllocs()
	b.ResetTimer()
	before := l.sent
	for b.Loop() {
		l.pass(time.Second)
	}
	b.ReportMetric(float64(l.sent-before)/float64(b.N), "packets/op")
}
