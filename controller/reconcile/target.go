package reconcile

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// Target is the desired state of one host's switch, and what may differ from it.
//
// Invariant: a key that is not marked is on the switch as wanted, as far as the connected Reconciler knows. With no
// connection nothing is known, and the next connection starts with a dump.
type Target struct {
	host         string
	wake         chan struct{}                 // capacity 1: something is marked
	portsChanged chan struct{}                 // capacity 1
	outs         chan outgoing                 // to be sent
	conn         atomic.Pointer[openflow.Conn] // of the Reconciler that runs; nil: none does

	mu                       sync.Mutex
	flows                    map[flow.Key]*entry
	groups                   map[uint32]flow.Group
	meters                   map[uint32]flow.Meter
	marked                   marks
	flying                   marks               // being sent
	refused                  map[flow.Key]string // left out of bundles, with what the switch said
	onSwitch                 onSwitch
	dumps                    uint64
	portsLevel, portsApplied uint64 // counts changes of ports; the newest that the host's database holds
	ports                    map[compile.PortKey]compile.OVSPort
	synced                   bool   // a dump has been compared with the desired state since the switch connected
	online                   bool   // a Reconciler runs
	sessions                 uint64 // connections that there have been
	removals                 bool   // everything that desired state depends on has been read: what is absent is unwanted
	realised                 int64  // newest revision known to be on the switch
	failure                  string
	stats                    Stats
	counts                   counts
}

// entry is one desired flow.
type entry struct {
	instructions string
	cookie       uint64
	seen         uint64 // number of the last dump that showed it
}

// marks are the keys that may differ.
type marks struct {
	flows  map[flow.Key]struct{}
	groups map[uint32]struct{}
	meters map[uint32]struct{}
}

func newMarks() marks {
	return marks{map[flow.Key]struct{}{}, map[uint32]struct{}{}, map[uint32]struct{}{}}
}

// add marks what changes.
func (m marks) add(d compile.HostDelta) {
	for _, k := range d.RemovedFlows {
		m.flows[k] = struct{}{}
	}
	for _, f := range d.AddedFlows {
		m.flows[f.Key] = struct{}{}
	}
	for _, g := range d.AddedGroups {
		m.groups[g.ID] = struct{}{}
	}
	for _, id := range d.RemovedGroups {
		m.groups[id] = struct{}{}
	}
	for _, x := range d.AddedMeters {
		m.meters[x.ID] = struct{}{}
	}
	for _, id := range d.RemovedMeters {
		m.meters[id] = struct{}{}
	}
}

func (m marks) empty() bool { return len(m.flows)+len(m.groups)+len(m.meters) == 0 }

// Stats counts what happened to a target since the controller started.
type Stats struct {
	FlowsAdded, FlowsRemoved uint64 // sent to the switch
	Drift                    uint64 // keys that others changed
	Bundles, Failures        uint64
	PacketIns                uint64
}

func newTarget(host string) *Target {
	return &Target{host: host, wake: make(chan struct{}, 1), portsChanged: make(chan struct{}, 1), outs: make(chan outgoing, maxOuts), ports: map[compile.PortKey]compile.OVSPort{}, flows: map[flow.Key]*entry{}, groups: map[uint32]flow.Group{},
		meters: map[uint32]flow.Meter{}, marked: newMarks(), flying: newMarks(), refused: map[flow.Key]string{}, counts: newCounts()}
}

// apply takes over the engine's difference and marks what it touches. compiled is the revision before that.
func (t *Target) apply(d compile.HostDelta, compiled int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle(compiled)
	t.counts.apply(d)
	for _, p := range d.RemovedPorts {
		delete(t.ports, p)
	}
	for _, p := range d.AddedPorts {
		t.ports[p.Key()] = p
	}
	if len(d.AddedPorts)+len(d.RemovedPorts) > 0 {
		t.portsLevel++
		select {
		case t.portsChanged <- struct{}{}:
		default:
		}
	}
	if len(t.flows) == 0 {
		t.flows = make(map[flow.Key]*entry, len(d.AddedFlows))
	}
	for _, k := range d.RemovedFlows {
		delete(t.flows, k)
		t.forgive(k)
	}
	for _, f := range d.AddedFlows {
		t.forgive(f.Key)
		t.flows[f.Key] = &entry{instructions: f.Instructions, cookie: f.Cookie}
	}
	for _, g := range d.AddedGroups {
		t.groups[g.ID] = g
	}
	for _, id := range d.RemovedGroups {
		delete(t.groups, id)
	}
	for _, m := range d.AddedMeters {
		t.meters[m.ID] = m
	}
	for _, id := range d.RemovedMeters {
		delete(t.meters, id)
	}
	if t.online { // else the dump decides, when it comes
		t.marked.add(d)
	}
	t.signal()
}

// forgive forgets that a flow was refused: it is another one now. When no other was, the failure is one no more.
func (t *Target) forgive(k flow.Key) {
	if _, refused := t.refused[k]; !refused {
		return
	}
	delete(t.refused, k)
	if len(t.refused) == 0 {
		t.failure = ""
	}
}

func (t *Target) countPacketIn() {
	t.mu.Lock()
	t.stats.PacketIns++
	t.mu.Unlock()
}

func (t *Target) signal() {
	if t.marked.empty() {
		return
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// AllowRemovals says that everything the desired state depends on has been read. Before that, nothing is removed.
func (t *Target) AllowRemovals() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removals = true
	t.signal()
	select {
	case t.portsChanged <- struct{}{}:
	default:
	}
}

// RemovalsAllowed tells whether AllowRemovals was called.
func (t *Target) RemovalsAllowed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.removals
}

// settle notes that a switch which is as wanted has realised everything compiled so far.
func (t *Target) settle(compiled int64) {
	if t.online && !t.busy() {
		t.realised = max(t.realised, compiled)
	}
}

// Ports returns the ports that the host's bridges should have, and a number to call PortsApplied with.
func (t *Target) Ports() (ports []compile.OVSPort, level uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Values(t.ports), func(a, b compile.OVSPort) int { return strings.Compare(a.Name, b.Name) }), t.portsLevel
}

// PortsChanged receives a value after Ports or RemovalsAllowed changed.
func (t *Target) PortsChanged() <-chan struct{} { return t.portsChanged }

// busy tells whether the switch may differ from the desired state.
func (t *Target) busy() bool {
	return !t.synced || !t.flying.empty() || len(t.refused) > 0 || t.portsLevel != t.portsApplied || !t.marked.empty()
}
