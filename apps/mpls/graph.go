package mpls

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/controller/intent"
)

// What it costs a path to go where it should not, more than any way around.
const (
	avoided = 1 << 32 // a switch that is not connected
	closed  = 1 << 48 // a link that is administratively down
)

// way is a link in one direction.
type way struct {
	out, in intent.End
	cost    uint64
	state   intent.AdjacencyState
}

// graph is the links that there are.
type graph struct {
	from  map[string][]way // by the host where they begin, in order
	links map[[2]intent.End]way
	bare  map[string]bool
	trees map[source]map[string]way
}

// source is where paths begin.
type source struct{ physical, host string }

func newGraph(t *intent.Tables) *graph {
	g := &graph{from: map[string][]way{}, links: map[[2]intent.End]way{}, bare: map[string]bool{}, trees: map[source]map[string]way{}}
	for s := range t.Switches.Scan() {
		g.bare[s.Name] = true
	}
	for a := range t.Adjacencies.Scan() {
		cost := uint64(a.Cost)
		switch a.State {
		case intent.Avoided:
			cost += avoided
		case intent.Closed:
			cost += closed
		}
		for _, w := range []way{{a.Ends[0], a.Ends[1], cost, a.State}, {a.Ends[1], a.Ends[0], cost, a.State}} {
			g.from[w.out.Host] = append(g.from[w.out.Host], w)
			g.links[[2]intent.End{w.out, w.in}] = w
		}
	}
	for _, ways := range g.from {
		slices.SortFunc(ways, func(a, b way) int {
			return cmp.Or(cmp.Compare(a.cost, b.cost), strings.Compare(a.in.Host, b.in.Host), strings.Compare(a.out.Port, b.out.Port), strings.Compare(a.in.Port, b.in.Port))
		})
	}
	return g
}

// link returns what is known now of a link that a path goes by.
func (g *graph) link(h intent.PathHop) way {
	if w, ok := g.links[[2]intent.End{h.Out, h.In}]; ok {
		return w
	}
	return way{state: intent.Broken}
}

func (g *graph) broken(hops []intent.PathHop) bool { return g.any(hops, intent.Broken) }
func (g *graph) closed(hops []intent.PathHop) bool { return g.any(hops, intent.Closed) }

func (g *graph) any(hops []intent.PathHop, state intent.AdjacencyState) bool {
	return slices.ContainsFunc(hops, func(h intent.PathHop) bool { return g.link(h).state == state })
}

// follows tells whether a path goes a way.
func follows(hops []intent.PathHop, over []way) bool {
	return slices.EqualFunc(hops, over, func(h intent.PathHop, w way) bool { return h.Out == w.out && h.In == w.in })
}

// cost is what a path costs now.
func (g *graph) cost(hops []intent.PathHop) (total uint64) {
	for _, h := range hops {
		total += g.link(h).cost
	}
	return total
}

func costOf(over []way) (total uint64) {
	for _, w := range over {
		total += w.cost
	}
	return total
}

// usable tells whether a new path over a physical network may go by a link: that is in order, and ends at switches or in that
// network.
func (g *graph) usable(w way, physical string) bool {
	if w.state >= intent.Closed {
		return false
	}
	for _, end := range [2]intent.End{w.out, w.in} {
		if !g.bare[end.Host] && end.Port != physical {
			return false
		}
	}
	return true
}

// shortest returns the cheapest way, and of several the one with the fewest links.
func (g *graph) shortest(d intent.Demand) ([]way, bool) {
	s := source{d.Physical, d.From}
	tree, ok := g.trees[s]
	if !ok {
		tree = g.tree(s)
		g.trees[s] = tree
	}
	var back []way
	for at := d.To; at != d.From; {
		w, ok := tree[at]
		if !ok {
			return nil, false
		}
		back = append(back, w)
		at = w.out.Host
	}
	slices.Reverse(back)
	return back, true
}

// tree finds the cheapest ways from a host to all others (Dijkstra): the last link of each. Only switches pass frames on.
func (g *graph) tree(s source) map[string]way {
	tree, done := map[string]way{}, map[string]bool{}
	queue := &reaches{{host: s.host}}
	for queue.Len() > 0 {
		next := heap.Pop(queue).(reach)
		if done[next.host] {
			continue
		}
		done[next.host] = true
		if next.links > 0 {
			tree[next.host] = next.by
		}
		if next.host != s.host && !g.bare[next.host] {
			continue
		}
		for _, w := range g.from[next.host] {
			if !done[w.in.Host] && g.usable(w, s.physical) {
				heap.Push(queue, reach{w.in.Host, next.cost + w.cost, next.links + 1, w})
			}
		}
	}
	return tree
}

// reach is a host that can be reached, at a cost, and the last link on the way.
type reach struct {
	host  string
	cost  uint64
	links int
	by    way
}

// reaches are those to be looked at, the cheapest first. The order is complete, so that the same links give the same ways.
type reaches []reach

func (r reaches) Len() int      { return len(r) }
func (r reaches) Swap(i, j int) { r[i], r[j] = r[j], r[i] }
func (r reaches) Less(i, j int) bool {
	a, b := r[i], r[j]
	return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.links, b.links), strings.Compare(a.host, b.host),
		strings.Compare(a.by.out.Host, b.by.out.Host), strings.Compare(a.by.out.Port, b.by.out.Port), strings.Compare(a.by.in.Port, b.by.in.Port)) < 0
}

func (r *reaches) Push(x any) { *r = append(*r, x.(reach)) }

func (r *reaches) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}
