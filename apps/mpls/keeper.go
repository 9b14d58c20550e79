package mpls

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
)

// retireAfter is how long a path that is used no more stays for frames that are under way on it.
const retireAfter = 2 * time.Second

// Keeper decides which ways paths take and which labels they have.
//
// A path is made in place of another before that is broken: it is put on the switches along its way, and when all have it, the host
// where it begins moves over, and the old one goes when nothing is under way on it any more. Only a path whose link is down is left
// at once. What works is not changed: a path moves when there is a cheaper way, and its labels never do.
type Keeper struct {
	*intent.Tables
	dirty   bool                         // what paths are made from has changed
	retired map[intent.PathKey]time.Time // since when paths are used no more
}

// NewKeeper returns a keeper of the tables of paths.
func NewKeeper(t *intent.Tables) *Keeper {
	k := &Keeper{Tables: t, dirty: true, retired: map[intent.PathKey]time.Time{}}
	t.Adjacencies.Watch(func([2]intent.End) { k.dirty = true })
	t.Demands.Watch(func(intent.Demand) { k.dirty = true })
	t.Hosts.Watch(func(string) { k.dirty = true })
	t.Paths.Watch(func(intent.PathKey) { k.dirty = true })
	return k
}

// Keep implements compile.Keeper.
func (k *Keeper) Keep(now time.Time, s compile.Switches) (wrote, waits bool) {
	if !k.dirty {
		return false, false
	}
	k.dirty = false
	round := &round{Keeper: k, graph: newGraph(k.Tables), now: now, inStep: s.InStep, labels: map[string]*labels{}}
	round.edges()
	for p := range k.Paths.Scan() {
		if _, wanted := k.Demands.Peek(p.Key.Demand); !wanted {
			round.remove = append(round.remove, p.Key)
		}
	}
	for d := range k.Demands.Scan() {
		round.demand(d)
	}
	wrote = round.write()
	k.dirty = k.dirty || round.waits
	return wrote, round.waits
}

// round is one look at everything.
type round struct {
	*Keeper
	graph  *graph
	now    time.Time
	inStep func(string) bool
	labels map[string]*labels // by physical network
	waits  bool

	put    []intent.Path
	remove []intent.PathKey
	number []intent.Edge
	gone   []intent.EdgeKey
}

// write writes what was decided.
func (r *round) write() bool {
	for _, e := range r.gone {
		r.Edges.Delete(e)
	}
	for _, e := range r.number {
		r.Edges.Put(e)
	}
	for _, p := range r.remove {
		delete(r.retired, p)
		r.Paths.Delete(p)
	}
	for _, p := range r.put {
		r.Paths.Put(p)
	}
	return len(r.put)+len(r.remove)+len(r.number)+len(r.gone) > 0
}

// edges gives a number to each host where paths begin and end.
func (r *round) edges() {
	wanted := map[intent.EdgeKey]bool{}
	for d := range r.Demands.Scan() {
		wanted[intent.EdgeKey{Physical: d.Physical, Host: d.From}] = true
		wanted[intent.EdgeKey{Physical: d.Physical, Host: d.To}] = true
	}
	highest := uint32(0)
	for e := range r.Edges.Scan() {
		highest = max(highest, e.Number)
		if !wanted[e.Key] {
			r.gone = append(r.gone, e.Key)
		}
		delete(wanted, e.Key)
	}
	fresh := make([]intent.EdgeKey, 0, len(wanted))
	for key := range wanted {
		fresh = append(fresh, key)
	}
	slices.SortFunc(fresh, func(a, b intent.EdgeKey) int {
		return cmp.Or(strings.Compare(a.Physical, b.Physical), strings.Compare(a.Host, b.Host))
	})
	for _, key := range fresh {
		highest++
		r.number = append(r.number, intent.Edge{Key: key, Number: highest})
	}
}

// demand brings the paths between two hosts up to date.
func (r *round) demand(d intent.Demand) {
	var active, standby *intent.Path
	for p := range r.PathsOf.List(&table.Reader{}, d) {
		switch p.State {
		case intent.Active:
			active = &p
		case intent.Standby:
			standby = &p
		case intent.Retiring:
			r.retire(p)
		}
	}
	if standby != nil && r.graph.broken(standby.Hops) {
		r.remove = append(r.remove, standby.Key)
		standby = nil
	}
	best, reached := r.graph.shortest(d)
	switch {
	case active == nil || r.graph.broken(active.Hops):
		r.repair(d, active, standby, best, reached)
	case !reached && r.graph.closed(active.Hops):
		r.remove = append(r.remove, active.Key)
	case reached && (costOf(best) < r.graph.cost(active.Hops) || active.Popping != r.popping(d, best)):
		r.move(d, *active, standby, best)
	case standby != nil:
		r.remove = append(r.remove, standby.Key)
	}
}

// repair replaces a path that carries nothing, or makes the first one.
func (r *round) repair(d intent.Demand, active, standby *intent.Path, best []way, reached bool) {
	if active != nil {
		r.remove = append(r.remove, active.Key)
	}
	switch {
	case standby != nil:
		standby.State = intent.Active
		r.put = append(r.put, *standby)
	case reached:
		r.make(d, best, intent.Active)
	}
}

// move makes a better path, and has it used when it is there.
func (r *round) move(d intent.Demand, active intent.Path, standby *intent.Path, best []way) {
	switch {
	case standby == nil:
		r.make(d, best, intent.Standby)
	case !follows(standby.Hops, best) || standby.Popping != r.popping(d, best):
		r.remove = append(r.remove, standby.Key)
		r.make(d, best, intent.Standby)
	case r.made(*standby):
		standby.State, active.State = intent.Active, intent.Retiring
		r.put = append(r.put, *standby, active)
	default:
		r.waits = true
	}
}

// made tells whether all along a path have what it needs.
func (r *round) made(p intent.Path) bool {
	return !slices.ContainsFunc(p.Hops, func(h intent.PathHop) bool { return !r.inStep(h.In.Host) })
}

// retire takes a path away that nothing is under way on any more.
func (r *round) retire(p intent.Path) {
	since, known := r.retired[p.Key]
	if known && r.now.Sub(since) > retireAfter && r.inStep(p.Key.From) {
		r.remove = append(r.remove, p.Key)
		return
	}
	if !known {
		r.retired[p.Key] = r.now
	}
	r.dirtyLater()
}

// dirtyLater has the keeper look again at the next tick.
func (r *round) dirtyLater() { r.dirty = true }

// make decides on a new path.
func (r *round) make(d intent.Demand, over []way, state intent.PathState) {
	free := r.labels[d.Physical]
	if free == nil {
		free = newLabels(r.Tables, d.Physical)
		r.labels[d.Physical] = free
	}
	p := intent.Path{Key: intent.PathKey{Demand: d}, State: state, Popping: r.popping(d, over)}
	for i, w := range over {
		label, ok := uint32(intent.ImplicitNull), true
		if p.Popping == intent.PopAtEnd || i < len(over)-1 {
			label, ok = free.next()
		}
		if !ok {
			return // half a million labels are in use; meet says that there is no path
		}
		p.Hops = append(p.Hops, intent.PathHop{Out: w.out, In: w.in, Label: label})
	}
	p.Key.Label = p.Hops[0].Label
	delete(r.retired, p.Key) // a path of one link without a label may come back under its old key
	r.put = append(r.put, p)
	if state == intent.Standby {
		r.waits = true
	}
}

// popping says where the transport label of a new path is to come off: the host where the path ends chooses. A path of one link
// that has no label has no time to live to go on from.
func (r *round) popping(d intent.Demand, over []way) intent.Popping {
	h, _ := r.Hosts.Peek(d.To)
	if len(over) == 1 {
		return min(h.Popping, intent.PopPipe)
	}
	return h.Popping
}
