package compile

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weft-sdn/weft/controller/table"
)

// Config says what an engine works on.
type Config struct {
	Apps  []App
	DB    *table.DB
	Check Checker // nil: every flow is allowed
	Sink  Sink    // nil: nobody is told
	// Redirect says to which table a goto in one table leads that names another. It always says the same, and is asked from several
	// goroutines at once. nil: to that one.
	Redirect func(from, to uint8) uint8
	Workers  int // goroutines that run units when many are to be run; 0: one per processor
	// ParallelFrom is the number of units from which on they are spread over the workers. 0: 64, from where on it pays.
	ParallelFrom int
	// Nowhere tells of a host that it never connects; what is emitted for such a host is thrown away. It is asked from several
	// goroutines at once, and must not change its mind while anything is emitted for the host. nil: there is none.
	Nowhere func(host string) bool
	Ran     func(owner Owner) // for tests: called for each unit that has run, in order
}

func (c *Config) validate() error {
	if c.DB == nil {
		return fmt.Errorf("engine has no tables")
	}
	apps, ids := map[string]bool{}, map[uint8]string{}
	for _, a := range c.Apps {
		if a.Name == "" || apps[a.Name] {
			return fmt.Errorf("app %q: name is empty or used twice", a.Name)
		}
		if other, ok := ids[a.ID]; ok {
			return fmt.Errorf("app %q: id %d is app %q's", a.Name, a.ID, other)
		}
		apps[a.Name], ids[a.ID] = true, a.Name
		rules := map[string]bool{}
		for _, r := range a.Rules {
			if r.source == nil || r.name == "" || rules[r.name] {
				return fmt.Errorf("app %q: rule %q: no rule, or its name is empty or used twice", a.Name, r.name)
			}
			rules[r.name] = true
		}
	}
	return nil
}

// Engine keeps what hosts are to have in line with the tables. See the package's documentation for who may call what.
type Engine struct {
	cfg   Config
	rules []*rule

	// mu guards everything below. Step holds it for writing, except while the Sink is called.
	mu       sync.RWMutex
	units    []*unit // by table.Unit
	subjects map[string]*subject
	hosts    map[string]*host
	pool     pool
	derived  map[int]any // *derived[K, R] by table id
	relevel  bool        // a rule has been seen to read or write a table for the first time

	seq       uint64 // Steps so far
	rev       int64  // of the Step
	conflicts map[conflictID]*Conflict

	// What the Step at hand has found so far.
	touched   []*host
	unsettled []settler
	changed   map[string]struct{} // subjects
	problems  []Problem

	woken []woken // the writer's own, not guarded by mu: see wake

	outs    []*Out // one per worker
	results []result
	batch   []*unit
}

// Result is what one Step did.
type Result struct {
	Seq      uint64
	Rev      int64
	Ran      int       // units run
	Hosts    []string  // whose desired state changed
	Subjects []string  // whose notes, conflicts or hosts may have changed
	Problems []Problem // units that failed in this Step
	Took     time.Duration
}

// Problem is a unit that could not run to its end. Its subject shows it as a note too; this is for the log.
type Problem struct {
	Owner Owner
	Err   error
	Stack []byte // of a panic
}

func (p Problem) Error() string { return p.Owner.String() + ": " + p.Err.Error() }

func (p Problem) Unwrap() error { return p.Err }

// New returns an engine whose first Step runs every rule on every row. The engine follows the tables from now on.
func New(cfg Config) (*Engine, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.ParallelFrom <= 0 {
		cfg.ParallelFrom = parallelFrom
	}
	e := &Engine{cfg: cfg, subjects: map[string]*subject{}, hosts: map[string]*host{}, pool: pool{}, derived: map[int]any{},
		conflicts: map[conflictID]*Conflict{}, changed: map[string]struct{}{}}
	for range cfg.Workers {
		e.outs = append(e.outs, newOut(e))
	}
	for i := range cfg.Apps {
		app := &e.cfg.Apps[i]
		for _, def := range app.Rules {
			r := &rule{Rule: def, app: app, full: app.Name + "." + def.name, units: map[any]*unit{},
				reads: map[int]bool{def.source.tableID(): true}, writes: map[int]bool{}}
			e.rules = append(e.rules, r)
			def.source.watch(func(key any) { e.wake(r, key) })
		}
	}
	return e, nil
}

// Step brings the desired state in line with the tables, which are those of store revision rev, and tells the Sink.
// Only the writer of the tables calls it.
func (e *Engine) Step(rev int64) Result {
	start := time.Now()
	res, deltas := e.step(rev)
	if e.cfg.Sink != nil {
		e.cfg.Sink.Apply(rev, deltas)
	}
	res.Took = time.Since(start)
	return res
}

func (e *Engine) step(rev int64) (Result, []HostDelta) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seq++
	e.rev = rev
	res := Result{Seq: e.seq, Rev: rev}
	for {
		e.admit()
		e.cfg.DB.Dirty(func(u table.Unit) { e.enqueue(e.units[u]) })
		e.batch = e.next(e.batch[:0])
		if len(e.batch) == 0 {
			break
		}
		res.Ran += len(e.batch)
		e.run(e.batch)
		e.sortLevels()
	}
	clear(e.batch)
	deltas := e.finish()
	for _, d := range deltas {
		res.Hosts = append(res.Hosts, d.Host)
	}
	for name := range e.changed {
		res.Subjects = append(res.Subjects, name)
	}
	slices.Sort(res.Subjects)
	e.changed = emptied(e.changed)
	res.Problems, e.problems = e.problems, nil
	return res, deltas
}

// finish makes the deltas of all hosts that the Step touched, by name.
func (e *Engine) finish() []HostDelta {
	slices.SortFunc(e.touched, func(a, b *host) int { return strings.Compare(a.name, b.name) })
	deltas := make([]HostDelta, 0, len(e.touched))
	for _, h := range e.touched {
		if d, differs := h.finish(e); differs {
			deltas = append(deltas, d)
		}
		if len(h.slots) == 0 {
			delete(e.hosts, h.name)
		}
	}
	clear(e.touched)
	e.touched = e.touched[:0]
	return deltas
}
