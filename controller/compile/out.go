package compile

import (
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Out takes what one unit emits. It is valid during the call of the rule only.
//
// An Out belongs to a worker, which runs many units into it. Each emission is first compared with what the unit emitted
// at the same position in its last run: where nothing changed, nothing is allocated and nothing is hashed.
type Out struct {
	engine *Engine
	unit   *unit
	err    error // the first refusal; the unit then has no output

	reader table.Reader
	emits  []emission
	rows   []rowClaim
	notes  []Note
	start  mark // where the unit's part begins

	last  *content         // emitted just before: often the next host gets the same
	fresh pool             // flows not seen in the engine's pool
	hosts map[string]*host // hosts not known to the engine
	buf   []byte           // match and instructions of the flow at hand
}

// mark is a position in a worker's Out.
type mark struct{ reads, emits, rows, notes int }

// emission is one content on one host.
type emission struct {
	host *host
	c    *content
}

// same compares two emissions of one unit.
func (e emission) same(d emission) bool { return e.host == d.host && e.c.same(d.c) }

func newOut(e *Engine) *Out {
	return &Out{engine: e, fresh: pool{}, hosts: map[string]*host{}}
}

const keepEmits = 1 << 16 // room that a worker keeps between chunks

// reset forgets all units, whose results have been merged.
func (o *Out) reset() {
	o.reader.Reset()
	clear(o.emits)
	clear(o.rows)
	clear(o.notes)
	if cap(o.emits) > keepEmits {
		o.emits = nil
	}
	o.emits, o.rows, o.notes = o.emits[:0], o.rows[:0], o.notes[:0]
	o.fresh, o.hosts = emptied(o.fresh), emptied(o.hosts)
	o.unit, o.last = nil, nil
}

// emptied clears a map, or replaces it when it has grown big: clearing and ranging cost what a map once held.
func emptied[M ~map[K]V, K comparable, V any](m M) M {
	if len(m) > 64 {
		return M{}
	}
	clear(m)
	return m
}

func (o *Out) here() mark {
	return mark{o.reader.Len(), len(o.emits), len(o.rows), len(o.notes)}
}

func (o *Out) begin(u *unit) {
	o.unit, o.err, o.last, o.start = u, nil, nil, o.here()
}

// withdraw takes back all that the unit emitted in this run; what it read stays.
func (o *Out) withdraw() {
	o.emits = o.emits[:o.start.emits]
	o.rows = o.rows[:o.start.rows]
	o.notes = o.notes[:o.start.notes]
}

// Flow wants a flow on a host. A flow that the pipeline refuses fails the unit, which then has no output at all.
// The slices are not kept.
func (o *Out) Flow(host string, table uint8, priority uint16, m flow.Match, do flow.Actions) {
	o.marked(0, host, table, priority, m, do)
}

// Counted wants a flow on a host and its packets counted. Flows with one counter are counted together.
func (o *Out) Counted(c Counter, host string, table uint8, priority uint16, m flow.Match, do flow.Actions) {
	o.marked(flow.CookieCounted, host, table, priority, m, do)
	if o.err != nil {
		return
	}
	key := o.last.slotKey
	at := key.flow()
	key.kind = kindCounter
	emitOther(o, host, key, CountedFlow{at, c})
}

// marked wants a flow with a mark in its cookie.
func (o *Out) marked(mark uint64, host string, table uint8, priority uint16, m flow.Match, do flow.Actions) {
	if o.err != nil {
		return
	}
	key := slotKey{kind: kindFlow, table: table, priority: priority}
	match, instructions, ok := o.encode(key, m, do)
	if !ok {
		return
	}
	before := o.before()
	c := before.c
	switch {
	case c != nil && c.isFlow(key, mark, match, instructions):
	case o.last != nil && o.last.isFlow(key, mark, match, instructions):
		c = o.last
	default:
		if c = o.flow(key, mark, match, instructions); c != nil {
			break
		}
		if o.refused(host, table, priority, m, do) {
			return
		}
		c = o.newFlow(key, mark, match, instructions)
	}
	o.emit(host, before, c)
}

// flow finds a content that exists already, in the engine or among those new in this worker.
func (o *Out) flow(key slotKey, mark uint64, match, instructions []byte) *content {
	id := cookie(o.unit.rule.app.ID, key, mark, match, instructions)
	if c := o.engine.pool.find(id, key, match, instructions); c != nil {
		return c
	}
	return o.fresh.find(id, key, match, instructions)
}

func (o *Out) newFlow(key slotKey, mark uint64, match, instructions []byte) *content {
	text := string(o.buf) // match and instructions in one piece
	key.text = text[:len(match)]
	c := &content{slotKey: key, instructions: text[len(match):]}
	c.cookie = cookie(o.unit.rule.app.ID, key, mark, match, instructions)
	c.next = o.fresh[c.cookie]
	o.fresh[c.cookie] = c
	return c
}

// refused asks the pipeline, with copies so that the rule's slices can live on its stack.
func (o *Out) refused(host string, table uint8, priority uint16, m flow.Match, do flow.Actions) bool {
	if o.engine.cfg.Check == nil {
		return false
	}
	err := o.engine.cfg.Check.Check(o.unit.rule.app.Name, table, slices.Clone(m), slices.Clone(do))
	if err != nil {
		o.err = fmt.Errorf("%w: table %d, priority %d on host %s: %w", ErrRefused, table, priority, host, err)
	}
	return err != nil
}

// before is what the unit emitted at this position last time.
func (o *Out) before() emission {
	if i := len(o.emits) - o.start.emits; i < len(o.unit.emits) {
		return o.unit.emits[i]
	}
	return emission{}
}

func (o *Out) emit(name string, before emission, c *content) {
	if name == "" {
		o.err = fmt.Errorf("%w: %s for a host without a name", ErrRefused, c.slotKey)
		return
	}
	o.last = c
	if n := o.engine.cfg.Nowhere; n != nil && n(name) {
		return
	}
	h := before.host
	if h == nil || h.name != name {
		h = o.host(name)
	}
	o.emits = append(o.emits, emission{h, c})
}

func (o *Out) host(name string) *host {
	if h := o.engine.hosts[name]; h != nil {
		return h
	}
	h := o.hosts[name]
	if h == nil {
		h = newHost(name)
		o.hosts[name] = h
	}
	return h
}

// Group wants a group on a host.
func (o *Out) Group(host string, g flow.Group) {
	emitOther(o, host, slotKey{kind: kindGroup, id: g.ID}, g)
}

// Meter wants a meter on a host.
func (o *Out) Meter(host string, m flow.Meter) {
	emitOther(o, host, slotKey{kind: kindMeter, id: m.ID}, m)
}

// Port wants a port in the host's switch database.
func (o *Out) Port(host string, p OVSPort) {
	key := slotKey{kind: kindPort}
	if before := o.before().c; before != nil && before.other == any(p) {
		key.text = before.text
	} else {
		key.text = p.Bridge + "\x00" + p.Name
	}
	emitOther(o, host, key, p)
}

func emitOther[V comparable](o *Out, host string, key slotKey, v V) {
	if o.err != nil {
		return
	}
	before := o.before()
	for _, c := range [...]*content{before.c, o.last} {
		if c == nil || c.slotKey != key {
			continue
		}
		if was, ok := c.other.(V); ok && was == v {
			o.emit(host, before, c)
			return
		}
	}
	o.emit(host, before, &content{slotKey: key, other: v})
}

// Pending notes that the subject waits for something: "subnet %q does not exist".
func (o *Out) Pending(format string, args ...any) { o.note(Pending, "Pending", format, args) }

// Failed notes that the subject will not work until somebody changes something. What was emitted stays.
func (o *Out) Failed(format string, args ...any) { o.note(Failed, "Failed", format, args) }

// Note adds a condition with a reason of the rule's own, one word in CamelCase: "Down".
func (o *Out) Note(reason, format string, args ...any) { o.note(Info, reason, format, args) }

func (o *Out) note(s Severity, reason, format string, args []any) {
	if o.err == nil {
		o.notes = append(o.notes, Note{s, reason, o.unit.rule.full, fmt.Sprintf(format, args...)})
	}
}
