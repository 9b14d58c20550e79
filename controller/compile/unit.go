package compile

import (
	"slices"
	"time"

	"github.com/weft-sdn/weft/controller/table"
)

// rule is a Rule at work in an engine.
type rule struct {
	Rule
	app   *App
	full  string // "l2.deliver"
	units map[any]*unit
	queue []*unit // to be run

	reads  map[int]bool // tables that its units have ever read
	writes map[int]bool // tables that its units have ever emitted rows into
	level  int          // above the rules that feed what it reads
	cycle  string       // not empty: it depends on its own output, this way

	runs, changes uint64
	took          time.Duration
}

// unit is one rule on one row, and what came of it.
type unit struct {
	id     table.Unit
	rule   *rule
	key    any
	about  *subject
	queued bool

	emits []emission
	rows  []rowClaim
	notes []Note
}

// subject is what units are about: a resource.
type subject struct {
	name      string
	units     []*unit
	conflicts map[conflictID]*Conflict
}

func (u *unit) owner() Owner { return Owner{u.rule.app.Name, u.rule.name, u.about.name} }

// woken is a row that has no unit yet.
type woken struct {
	rule *rule
	key  any
}

// wake queues the unit of a row. It is called whenever a row is written, between Steps too, when others may be reading what
// mu guards; so a unit that is missing is made only in the Step, by admit.
func (e *Engine) wake(r *rule, key any) {
	if u := r.units[key]; u != nil {
		e.enqueue(u)
		return
	}
	e.woken = append(e.woken, woken{r, key})
}

// admit makes the units of new rows.
func (e *Engine) admit() {
	for _, w := range e.woken {
		u := w.rule.units[w.key]
		if u == nil {
			u = e.newUnit(w.rule, w.key)
		}
		e.enqueue(u)
	}
	clear(e.woken)
	e.woken = e.woken[:0]
}

func (e *Engine) enqueue(u *unit) {
	if !u.queued {
		u.queued = true
		u.rule.queue = append(u.rule.queue, u)
	}
}

func (e *Engine) newUnit(r *rule, key any) *unit {
	name := r.source.subject(key)
	about := e.subjects[name]
	if about == nil {
		about = &subject{name: name}
		e.subjects[name] = about
	}
	u := &unit{id: e.cfg.DB.NewUnit(), rule: r, key: key, about: about}
	for int(u.id) >= len(e.units) {
		e.units = append(e.units, nil)
	}
	e.units[u.id] = u
	r.units[key] = u
	about.units = append(about.units, u)
	return u
}

// drop forgets a unit whose row is gone and whose output has been withdrawn.
func (e *Engine) drop(u *unit) {
	delete(u.rule.units, u.key)
	e.units[u.id] = nil
	e.cfg.DB.Free(u.id)
	i := slices.Index(u.about.units, u)
	u.about.units = slices.Delete(u.about.units, i, i+1)
	if len(u.about.units) == 0 {
		delete(e.subjects, u.about.name)
	}
}

// merge takes over the result of a unit's run.
func (e *Engine) merge(res *result) {
	u := res.unit
	u.rule.runs++
	u.rule.took += res.took
	if e.cfg.Ran != nil && !res.gone {
		e.cfg.Ran(u.owner())
	}
	e.learn(u.rule, res)
	e.cfg.DB.Link(u.id, &res.reads)
	if !res.same {
		u.rule.changes++
		e.changed[u.about.name] = struct{}{}
		u.emits = e.mergeEmits(u, u.emits, res.emits)
		u.rows = e.mergeRows(u, u.rows, res.rows)
		u.notes = slices.Clone(res.notes)
	}
	if res.problem != nil {
		e.problems = append(e.problems, *res.problem)
	}
	if res.gone {
		e.drop(u)
	}
}

// mergeEmits claims what is new and gives up what is no more, leaving alone what both lists begin and end with.
func (e *Engine) mergeEmits(u *unit, old, now []emission) []emission {
	if len(now) == 0 {
		e.releaseAll(u, old)
		return nil
	}
	now = slices.Clone(now)
	head := 0
	for head < min(len(old), len(now)) && old[head].same(now[head]) {
		now[head] = old[head]
		head++
	}
	tail := 0
	for tail < min(len(old), len(now))-head && old[len(old)-1-tail].same(now[len(now)-1-tail]) {
		now[len(now)-1-tail] = old[len(old)-1-tail]
		tail++
	}
	e.releaseAll(u, old[head:len(old)-tail])
	for i := head; i < len(now)-tail; i++ {
		m := &now[i]
		m.host = e.adopt(m.host)
		m.c = e.pool.claim(m.c, e.rev)
		m.host.add(e, u, m.c)
	}
	return now
}

func (e *Engine) releaseAll(u *unit, old []emission) {
	for _, m := range old {
		m.host.remove(e, u, m.c)
		e.pool.release(m.c)
	}
}

func (e *Engine) mergeRows(u *unit, old, now []rowClaim) []rowClaim {
	if slices.EqualFunc(old, now, rowClaim.same) {
		return old
	}
	for _, c := range old {
		c.release(e, u)
	}
	for _, c := range now {
		c.claim(e, u)
	}
	return slices.Clone(now)
}

// adopt returns the engine's host of that name.
func (e *Engine) adopt(h *host) *host {
	known := e.hosts[h.name]
	if known == nil {
		e.hosts[h.name] = h
		return h
	}
	return known
}
