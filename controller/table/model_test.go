package table_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/controller/table"
	"pgregory.net/rapid"
)

// probe is a unit that reads one thing, and what it saw.
type probe struct {
	unit table.Unit
	name string
	see  func(r *table.Reader) string
	saw  string
}

func (p *probe) run(w *world) {
	var r table.Reader
	p.saw = p.see(&r)
	w.db.Link(p.unit, &r)
}

func probes(w *world) []*probe {
	var all []*probe
	add := func(name string, see func(r *table.Reader) string) {
		all = append(all, &probe{unit: w.db.NewUnit(), name: name, see: see})
	}
	for i := range 4 {
		k := key{"red", fmt.Sprint(i)}
		add("get "+k.String(), func(r *table.Reader) string {
			p, ok := w.ports.Get(r, k)
			return fmt.Sprint(p, ok)
		})
	}
	for _, net := range []string{"x", "y"} {
		add("list "+net, func(r *table.Reader) string { return fmt.Sprint(slices.Collect(w.byNet.List(r, net))) })
		add("hosts "+net, func(r *table.Reader) string { return fmt.Sprint(w.hosts.List(r, net)) })
		add("tags "+net, func(r *table.Reader) string { return fmt.Sprint(w.tags.List(r, net)) })
		for _, h := range []string{"h1", "h2"} {
			add("has "+net+h, func(r *table.Reader) string { return fmt.Sprint(w.hosts.Has(r, net, h)) })
		}
	}
	return all
}

func drawPort(t *rapid.T) port {
	return port{
		Key:  key{"red", fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "key"))},
		Net:  rapid.SampledFrom([]string{"x", "y"}).Draw(t, "net"),
		Host: rapid.SampledFrom([]string{"h1", "h2"}).Draw(t, "host"),
		Tags: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 0, 3).Draw(t, "tags"),
	}
}

// TestDirtyExactly holds the invariant of the package against random edits: after each, a unit has to run again if and
// only if it would see something else; and what it sees is what a new world with the same rows shows.
func TestDirtyExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		units := probes(w)
		for _, p := range units {
			p.run(w)
		}
		for range rapid.IntRange(1, 40).Draw(t, "edits") {
			if p := drawPort(t); rapid.Bool().Draw(t, "put") {
				w.ports.Put(p)
			} else {
				w.ports.Delete(p.Key)
			}
			dirty := map[table.Unit]bool{}
			w.db.Dirty(func(u table.Unit) { dirty[u] = true })
			again := newWorld()
			for p := range w.ports.Scan() {
				again.ports.Put(p)
			}
			scratch := probes(again)
			for i, p := range units {
				var r table.Reader
				sees := p.see(&r)
				if dirty[p.unit] != (sees != p.saw) {
					t.Fatalf("%s: to be run again: %v; saw %s, sees %s", p.name, dirty[p.unit], p.saw, sees)
				}
				if want := scratch[i].see(&r); sees != want {
					t.Fatalf("%s: sees %s, a new world shows %s", p.name, sees, want)
				}
				if dirty[p.unit] {
					p.run(w)
				}
			}
		}
	})
}
