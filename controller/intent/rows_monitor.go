package intent

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// HealthMonitor has the members of a pool probed.
type HealthMonitor struct {
	Key     Key
	Pool    Key
	Type    string        // as the API has it
	Delay   time.Duration // from one probe of a member to its next
	Timeout time.Duration // no more than Delay
	Rise    int           // successes in a row after which a member is up
	Fall    int           // failures in a row after which it is down
	Up      bool          // administratively

	// Of HTTP.
	Method, Path, Version string
	Codes                 []CodeRange
	Domain                string // of TLS-HELLO, too; may be empty
}

// CodeRange is HTTP status codes.
type CodeRange struct{ First, Last int }

// String returns "200" or "200-204".
func (c CodeRange) String() string {
	if c.First == c.Last {
		return fmt.Sprint(c.First)
	}
	return fmt.Sprintf("%d-%d", c.First, c.Last)
}

// Expects tells whether a status code is one of a member that is well.
func (m HealthMonitor) Expects(code int) bool {
	return slices.ContainsFunc(m.Codes, func(c CodeRange) bool { return c.First <= code && code <= c.Last })
}

// Expected returns "200,202".
func (m HealthMonitor) Expected() string {
	var all []string
	for _, c := range m.Codes {
		all = append(all, c.String())
	}
	return strings.Join(all, ",")
}

// FallTime is how long it takes at most until a member that has died is down: it may have answered a moment before.
func (m HealthMonitor) FallTime() time.Duration { return time.Duration(m.Fall)*m.Delay + m.Timeout }

// Equal tells whether two rows are the same.
func (m HealthMonitor) Equal(o HealthMonitor) bool {
	return slices.Equal(m.Codes, o.Codes) && m.Key == o.Key && m.Pool == o.Pool && m.Type == o.Type && m.Delay == o.Delay && m.Timeout == o.Timeout &&
		m.Rise == o.Rise && m.Fall == o.Fall && m.Up == o.Up && m.Method == o.Method && m.Path == o.Path && m.Version == o.Version && m.Domain == o.Domain
}

// HealthKey is a member of a pool.
type HealthKey struct {
	Pool   Key
	Member string
}

// String returns "pool/red/web, s1".
func (k HealthKey) String() string { return k.Pool.String() + ", " + k.Member }

// Health is what probes of a member have found.
type Health struct {
	Key    HealthKey
	At     netip.AddrPort // what was probed
	State  HealthState
	Since  time.Time // of the state
	Reason string    // what the last probe found
	// Falls is how often the member has gone down, the last time at Fell, without having been up for long in between.
	Falls int
	Fell  time.Time
}

// HealthState says whether a member serves.
type HealthState int

// The states. What is not known yet serves, as a member does that nothing watches.
const (
	Unknown HealthState = iota
	Well
	Dead
)

// Equal tells whether two rows are the same.
func (h Health) Equal(o Health) bool {
	return h.Key == o.Key && h.At == o.At && h.State == o.State && h.Since.Equal(o.Since) && h.Reason == o.Reason && h.Falls == o.Falls && h.Fell.Equal(o.Fell)
}

// Probe says from where and how a member is probed. Without a Host, it cannot be: Problem says why.
type Probe struct {
	Key      HealthKey
	Monitor  Key
	Balancer Key // whose address the probes come from
	From, To netip.Addr
	Port     uint16       // of the member; 0 for pings
	Protocol uint8        // of the probes
	Host     string       // that sends them
	Network  Key          // that the member is on; zero: it is no port's
	OFPort   uint32       // the member's on the host; 0 likewise
	FromMAC  flow.MACAddr // of the load balancer, or of the router between
	ToMAC    flow.MACAddr // of the member
	Net      uint32       // tag of the load balancer's network
	Problem  string
	Nowhere  bool // the problem is the member's own: nobody can reach it
}

// Equal tells whether two rows are the same.
func (p Probe) Equal(o Probe) bool { return p == o }

// monitoring makes what apps/monitor reads, observes and derives.
func (t *Tables) monitoring() {
	t.HealthMonitors = table.New(t.DB, "healthmonitor", func(m HealthMonitor) Key { return m.Key })
	t.Healths = table.New(t.DB, "health", func(h Health) HealthKey { return h.Key })
	t.Healths.TextFunc(func(k HealthKey) string { return "health of " + k.String() })
	t.Probes = table.New(t.DB, "probe", func(p Probe) HealthKey { return p.Key })
	t.Probes.TextFunc(func(k HealthKey) string { return "probes of " + k.String() })
	t.MonitorsOf = table.NewIndex(t.HealthMonitors, "monitors of", func(m HealthMonitor, add func(Key)) { add(m.Pool) })
	t.DeadMembers = table.NewSet(t.Healths, "dead members of", func(h Health, add func(Key, string)) {
		if h.State == Dead {
			add(h.Key.Pool, h.Key.Member)
		}
	})
	t.ProbesOf = table.NewIndex(t.Probes, "probes of", func(p Probe, add func(Key)) { add(p.Key.Pool) })
}
