package compiletest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/controller/compile"
)

// Probe is an engine that is watched.
type Probe struct {
	*compile.Engine
	Replica *Replica
	Result  compile.Result // of the last Step

	rev int64
	ran []string
}

// New returns an engine for cfg, whose Sink and Ran are replaced.
func New(t testing.TB, cfg compile.Config) *Probe {
	t.Helper()
	p, err := start(cfg)
	if err != nil {
		t.Fatalf("engine: %v", err)
	}
	return p
}

func start(cfg compile.Config) (*Probe, error) {
	p := &Probe{Replica: NewReplica()}
	cfg.Sink = p.Replica
	cfg.Ran = func(o compile.Owner) { p.ran = append(p.ran, o.String()) }
	var err error
	p.Engine, err = compile.New(cfg)
	return p, err
}

// Step runs what is due, as the next revision, and returns the units that ran, sorted: "l2.deliver(port/red/vm1)". A unit
// that ran twice is there twice.
func (p *Probe) Step() []string {
	p.StepResult()
	return slices.Clone(p.ran)
}

// StepResult is Step for those who want to know what the engine says of it.
func (p *Probe) StepResult() compile.Result {
	p.rev++
	p.ran = p.ran[:0]
	p.Result = p.Engine.Step(p.rev)
	slices.Sort(p.ran)
	return p.Result
}

// Dump returns everything that the engine holds, one thing a line, sorted: equal for engines that agree.
func (p *Probe) Dump() string {
	var lines []string
	for _, name := range p.Hosts() {
		lines = append(lines, dumpHost(p.Host(name))...)
	}
	for _, c := range p.Conflicts() {
		lines = append(lines, "conflict: "+c.String())
	}
	for _, about := range p.Subjects() {
		for _, n := range p.Notes(about) {
			lines = append(lines, fmt.Sprintf("%s: %v %s %s: %s", about, n.Severity, n.Reason, n.Owner, n.Text))
		}
		if hosts := p.HostsOf(about); len(hosts) > 0 {
			lines = append(lines, fmt.Sprintf("%s: on %s", about, strings.Join(hosts, ", ")))
		}
	}
	return strings.Join(lines, "\n")
}

func dumpHost(s compile.HostState) []string {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, "host "+s.Host+": "+fmt.Sprintf(format, args...))
	}
	for _, f := range s.Flows {
		add("flow table=%d priority=%05d match=%x instructions=%x cookie=%x", f.Table, f.Priority, f.Match, f.Instructions, f.Cookie)
	}
	for _, g := range s.Groups {
		add("group %+v", g)
	}
	for _, m := range s.Meters {
		add("meter %+v", m)
	}
	for _, port := range s.Ports {
		add("port %+v", port)
	}
	for _, c := range s.Counters {
		add("counter %+v of flow table=%d priority=%05d match=%x", c.Counter, c.Key.Table, c.Key.Priority, c.Key.Match)
	}
	slices.Sort(lines)
	return lines
}
