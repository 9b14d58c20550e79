package compile

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// App is one concern: its rules and the number that marks its flows' cookies.
type App struct {
	Name  string
	ID    uint8
	Rules []Rule
	// Handler answers the packets that the app's flows hand to the controller; nil: there are none.
	Handler punt.Handler
	// Keeper keeps rows of the app's own; nil: there are none.
	Keeper Keeper
}

// Keeper is the part of an app that decides what is not to be decided again whenever rows change: numbers that are given out,
// and what has to happen in an order that spans switches. Its decisions are rows, from which rules make flows.
type Keeper interface {
	// Keep is called on the goroutine that owns the rows, after each Step and about once a second. It may read rows, and write
	// rows of tables that are the app's own. Keep returns whether it has written anything, and whether it wants to be called
	// again when some switch is in step.
	Keep(now time.Time, s Switches) (wrote, waits bool)
}

// Switches are what a Keeper knows of the switches and can have them do.
type Switches interface {
	// InStep tells whether a host's switch is connected and has everything that was asked of it.
	InStep(host string) bool
	// Untrack has a host's switch forget connections, and tells whether it will: not when it is not connected or has too much
	// to do.
	Untrack(host string, c Connections) bool
}

// Connections are those that a switch tracks in a zone and that look like this. What is not valid or zero is not looked at.
type Connections struct {
	Zone        uint16
	Protocol    uint8 // of IP
	Orig, Reply Ends  // of packets as who began sends them, and of the answers
}

// Ends are where packets come from and where they go.
type Ends struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
}

// Rule is a function over the rows of a table, made by [ForEach].
type Rule struct {
	name   string
	source source
}

// Name is the rule's name within its app.
func (r Rule) Name() string { return r.name }

// source hides the types of a rule's table.
type source interface {
	// watch calls f for every row there is, and later for every row that is added, changed or deleted.
	watch(f func(key any))
	// call runs the rule for one row. It says false, having called nothing, when the row is gone.
	call(key any, r *table.Reader, out *Out) bool
	alive(key any) bool // the row is there
	subject(key any) string
	tableID() int
}

// ForEach makes a rule that is called for each row of t. f must be a pure function of the row and of what it reads
// through r; it may be called from several goroutines at once, for different rows.
func ForEach[K comparable, R any](name string, t *table.Table[K, R], f func(r *table.Reader, row R, out *Out)) Rule {
	return Rule{name: name, source: &forEach[K, R]{table: t, f: f, about: t.Text}}
}

// About is ForEach for rows that are no resources themselves: about names the resource that a row belongs to
// ("network/red/web"), under which the unit's notes and hosts are shown.
func About[K comparable, R any](name string, t *table.Table[K, R], about func(K) string, f func(r *table.Reader, row R, out *Out)) Rule {
	return Rule{name: name, source: &forEach[K, R]{table: t, f: f, about: about}}
}

type forEach[K comparable, R any] struct {
	table *table.Table[K, R]
	f     func(r *table.Reader, row R, out *Out)
	about func(K) string
}

func (s *forEach[K, R]) watch(f func(key any)) {
	for row := range s.table.Scan() {
		f(s.table.Key(row))
	}
	s.table.Watch(func(k K) { f(k) })
}

func (s *forEach[K, R]) call(key any, r *table.Reader, out *Out) bool {
	row, ok := s.table.Peek(key.(K))
	if ok {
		s.f(r, row, out)
	}
	return ok
}

func (s *forEach[K, R]) alive(key any) bool {
	_, ok := s.table.Peek(key.(K))
	return ok
}

func (s *forEach[K, R]) subject(key any) string { return s.about(key.(K)) }
func (s *forEach[K, R]) tableID() int           { return s.table.ID() }

// Checker knows the pipeline. It refuses a flow that its table's row does not allow: an app, a match field, an action, a
// goto. Both slices are the checker's to keep. It is asked from several goroutines at once, and once only for flows of an
// app that are alike.
type Checker interface {
	Check(app string, table uint8, m flow.Match, do flow.Actions) error
}

// OVSPort is a row of the switch's database: a port of a bridge with one interface of the same name.
type OVSPort struct {
	Bridge  string
	Name    string
	Type    string // interface type: "", "vxlan", "patch" …
	Options string // interface options, "key=value" sorted and joined with commas
	BFD     string // interface bfd settings, written as Options are; empty: none
	OFPort  uint32 // OpenFlow port number to ask for; 0: any
	IfaceID string // external_ids:iface-id, for a port by which the host plugs something in; empty: none
	// Tags is how many VLAN tags flows look at in frames on the port. The switch is told when it is more than one.
	Tags int
}

// Counter names what packets are counted as: "drop", and the reason; later a rule or an address.
type Counter struct{ Kind, Subject string }

// Drops is the kind of counters of dropped packets; their subject is the reason.
const Drops = "drop"

// CountedFlow is a flow whose packets are counted.
type CountedFlow struct {
	Key     flow.Key
	Counter Counter
}

// PortKey names a port on its host.
type PortKey struct{ Bridge, Name string }

// Key is the port's name on its host.
func (p OVSPort) Key() PortKey { return PortKey{p.Bridge, p.Name} }

// Sink receives what each Step changed.
type Sink interface {
	// Apply is called once per Step, also when no host changed (then the revision is realised wherever the ones before
	// are). It runs on the engine's goroutine and outside its lock, and must not block.
	Apply(rev int64, deltas []HostDelta)
}

// HostDelta is what one Step changed on one host. Deltas with a Seq above that of a [HostState], applied in the order of
// Seq, lead from that state to the engine's; those with a lower one are part of it already.
type HostDelta struct {
	Host string
	Seq  uint64 // number of the Step

	// Added are new or changed; what is there already under the same key is replaced.
	AddedFlows  []flow.Flow
	AddedGroups []flow.Group
	AddedMeters []flow.Meter
	AddedPorts  []OVSPort
	// Counters come with the flows that they count, and go with them.
	AddedCounters []CountedFlow

	RemovedFlows  []flow.Key
	RemovedGroups []uint32
	RemovedMeters []uint32
	RemovedPorts  []PortKey
	// RemovedCounters are flows that are counted no more.
	RemovedCounters []flow.Key
}

// HostFlow is a flow's place on a host.
type HostFlow struct {
	Host string
	Key  flow.Key
}

// HostState is everything that one host is to have, in no particular order, and the last Step that it reflects.
type HostState struct {
	Host     string
	Seq      uint64
	Rev      int64
	Flows    []flow.Flow
	Groups   []flow.Group
	Meters   []flow.Meter
	Ports    []OVSPort
	Counters []CountedFlow
}

// Owner is one unit: a rule and the subject of the row that it was called for.
type Owner struct{ App, Rule, Subject string }

func (o Owner) String() string { return o.App + "." + o.Rule + "(" + o.Subject + ")" }

// Severity of a note.
type Severity uint8

// The severities.
const (
	Info    Severity = iota + 1 // something worth knowing
	Pending                     // waits for something else to exist or become ready
	Failed                      // will not work until somebody changes something
)

func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Pending:
		return "pending"
	case Failed:
		return "failed"
	}
	return fmt.Sprintf("severity %d", uint8(s))
}

// Note is what a unit says about its subject.
type Note struct {
	Severity Severity
	Reason   string // one word, for conditions: "Pending", "Failed", "Conflict" or the rule's own
	Owner    string // "l2.deliver"
	Text     string
}

// Errors of units, found in a [Problem] with errors.Is.
var (
	ErrPanic   = errors.New("rule panicked")
	ErrRefused = errors.New("flow refused")
	ErrCycle   = errors.New("rule depends on its own output")
)
