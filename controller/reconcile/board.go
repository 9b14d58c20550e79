package reconcile

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Board is all targets, and how far each has come.
type Board struct {
	mu       sync.Mutex
	targets  map[string]*Target
	compiled int64         // every target has been given what this revision asks of it
	changed  chan struct{} // closed and replaced whenever some target's progress changes
}

// NewBoard returns an empty board.
func NewBoard() *Board {
	return &Board{targets: map[string]*Target{}, changed: make(chan struct{})}
}

// Target returns a host's target, made when first asked for.
func (b *Board) Target(host string) *Target {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.target(host)
}

func (b *Board) target(host string) *Target {
	t, ok := b.targets[host]
	if !ok {
		t = newTarget(host)
		b.targets[host] = t
	}
	return t
}

// Forget drops a host that was deleted.
func (b *Board) Forget(host string) {
	b.mu.Lock()
	delete(b.targets, host)
	b.mu.Unlock()
	b.notify()
}

// Apply hands the engine's differences to their targets; revision is the store's that they were compiled from. It is the
// engine's sink.
func (b *Board) Apply(revision int64, deltas []compile.HostDelta) {
	b.mu.Lock()
	for _, d := range deltas {
		b.target(d.Host).apply(d, b.compiled)
	}
	b.compiled = max(b.compiled, revision)
	b.mu.Unlock()
	b.notify()
}

// PortsApplied says that a host's database holds the ports of this level.
func (b *Board) PortsApplied(t *Target, level uint64) {
	t.mu.Lock()
	news := t.portsApplied != level
	t.portsApplied = level
	t.mu.Unlock()
	if news {
		b.notify()
	}
}

// Changed returns a channel that is closed when some target's progress changes.
func (b *Board) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

func (b *Board) notify() {
	b.mu.Lock()
	close(b.changed)
	b.changed = make(chan struct{})
	b.mu.Unlock()
}

// Compiled returns the newest revision whose consequences every target has been given.
func (b *Board) Compiled() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.compiled
}

// State is how a host stands with regard to a revision.
type State int

// The states of a host.
const (
	Pending  State = iota // work is under way
	Realised              // the switch has confirmed everything
	Offline               // not connected
	Failed                // the switch refused something; it is retried
)

// Progress is how far one host is.
type Progress struct {
	Host     string
	State    State
	Realised int64  // newest revision that it has realised
	Message  string // why it is offline or failed
}

// Progress tells how far the named hosts are with a revision, in order of names.
func (b *Board) Progress(revision int64, hosts []string) []Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Progress
	for _, host := range hosts {
		if t, ok := b.targets[host]; ok {
			all = append(all, t.progress(revision, b.compiled))
		} else {
			all = append(all, Progress{Host: host, State: Offline, Message: "the host has not connected yet"})
		}
	}
	slices.SortFunc(all, func(x, y Progress) int { return strings.Compare(x.Host, y.Host) })
	return all
}

func (t *Target) progress(revision, compiled int64) Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle(compiled)
	p := Progress{Host: t.host, Realised: t.realised, Message: t.failure}
	switch {
	case !t.online:
		p.State = Offline
	case t.realised >= revision:
		p.State = Realised
	case t.failure != "":
		p.State = Failed
	default:
		p.State = Pending
	}
	return p
}

// Await waits until no host in scope is pending, or ctx ends, and returns how far each is. scope is asked again after every
// change, since resources move. Offline hosts are waited for only when offlineCounts.
func (b *Board) Await(ctx context.Context, revision int64, scope func() []string, offlineCounts OfflinePolicy) []Progress {
	for {
		b.mu.Lock()
		changed, compiled := b.changed, b.compiled
		b.mu.Unlock()
		if compiled >= revision {
			all := b.Progress(revision, scope())
			if !slices.ContainsFunc(all, func(p Progress) bool {
				return p.State == Pending || p.State == Offline && offlineCounts == WaitForOffline
			}) {
				return all
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return b.Progress(revision, scope())
		}
	}
}

// OfflinePolicy says whether a host that is down holds up a wait.
type OfflinePolicy int

// The policies.
const (
	IgnoreOffline OfflinePolicy = iota
	WaitForOffline
)

// InStep tells whether a host's switch is connected and has everything that was asked of it.
func (b *Board) InStep(host string) bool {
	b.mu.Lock()
	t := b.targets[host]
	b.mu.Unlock()
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.online && !t.busy()
}

// Settled tells, for the hosts of the given flows, whether the switch has them as wanted.
func (b *Board) Settled(places []compile.HostFlow) []Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	byHost := map[string]Progress{}
	for _, p := range places {
		if byHost[p.Host].State != Realised && byHost[p.Host].Host != "" {
			continue // one flow that is not settled decides
		}
		t, ok := b.targets[p.Host]
		if !ok {
			byHost[p.Host] = Progress{Host: p.Host, State: Offline}
			continue
		}
		byHost[p.Host] = t.settled(p.Key)
	}
	return slices.SortedFunc(maps.Values(byHost), func(x, y Progress) int { return strings.Compare(x.Host, y.Host) })
}

func (t *Target) settled(k flow.Key) Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := Progress{Host: t.host, State: Realised, Realised: t.realised}
	_, marked := t.marked.flows[k]
	_, flying := t.flying.flows[k]
	reason, refused := t.refused[k]
	switch {
	case !t.online:
		p.State = Offline
	case refused:
		p.State, p.Message = Failed, reason
	case marked || flying || !t.synced:
		p.State, p.Message = Pending, t.failure
	}
	return p
}

// Summary is what status and metrics show of one target.
type Summary struct {
	Host     string
	Online   bool
	Synced   bool
	Flows    int
	Realised int64
	Failure  string
	Stats    Stats
}

// Summaries returns one summary a host, by name.
func (b *Board) Summaries() []Summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Summary, 0, len(b.targets))
	for _, t := range b.targets {
		all = append(all, t.summary(b.compiled))
	}
	slices.SortFunc(all, func(x, y Summary) int { return strings.Compare(x.Host, y.Host) })
	return all
}

// Summary returns the summary of one host; false when there is no such target.
func (b *Board) Summary(host string) (Summary, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.targets[host]
	if !ok {
		return Summary{}, false
	}
	return t.summary(b.compiled), true
}

func (t *Target) summary(compiled int64) Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle(compiled)
	return Summary{t.host, t.online, t.online && !t.busy(), len(t.flows), t.realised, t.failure, t.stats}
}
