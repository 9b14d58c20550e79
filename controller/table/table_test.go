package table_test

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/controller/table"
)

type key struct{ Project, Name string }

func (k key) String() string { return k.Project + "/" + k.Name }

type port struct {
	Key  key
	Net  string
	Host string
	Tags []string
}

func (p port) Equal(o port) bool {
	return p.Key == o.Key && p.Net == o.Net && p.Host == o.Host && slices.Equal(p.Tags, o.Tags)
}

type world struct {
	db    *table.DB
	ports *table.Table[key, port]
	byNet *table.Index[string, key, port]
	hosts *table.Set[string, string]
	tags  *table.Set[string, string]
}

func newWorld() *world {
	w := &world{db: table.NewDB()}
	w.ports = table.New(w.db, "port", func(p port) key { return p.Key })
	w.byNet = table.NewIndex(w.ports, "ports of network/", func(p port, add func(string)) { add(p.Net) })
	w.hosts = table.NewSet(w.ports, "hosts of", func(p port, add func(string, string)) { add(p.Net, p.Host) })
	w.tags = table.NewSet(w.ports, "tags of", func(p port, add func(string, string)) {
		for _, tag := range p.Tags {
			add(p.Net, tag)
		}
	})
	return w
}

// dirty runs f as a unit of its own, makes the change, and says whether the unit has to run again.
func (w *world) dirty(read func(r *table.Reader), change func()) bool {
	u := w.db.NewUnit()
	defer w.db.Free(u)
	w.db.Dirty(func(table.Unit) {})
	var r table.Reader
	read(&r)
	w.db.Link(u, &r)
	change()
	hit := false
	w.db.Dirty(func(d table.Unit) { hit = hit || d == u })
	return hit
}

func TestDirtyOnlyWhatWasRead(t *testing.T) {
	a, b := key{"red", "a"}, key{"red", "b"}
	getA := func(w *world) func(r *table.Reader) { return func(r *table.Reader) { w.ports.Get(r, a) } }
	list := func(w *world) func(r *table.Reader) { return func(r *table.Reader) { w.byNet.List(r, "web") } }
	hosts := func(w *world) func(r *table.Reader) { return func(r *table.Reader) { w.hosts.List(r, "web") } }
	has := func(w *world) func(r *table.Reader) { return func(r *table.Reader) { w.hosts.Has(r, "web", "h2") } }
	tests := []struct {
		name   string
		before []port
		read   func(w *world) func(r *table.Reader)
		put    port
		want   bool
	}{
		{"row read, changed", []port{{Key: a}}, getA, port{Key: a, Net: "x"}, true},
		{"row read, put again", []port{{Key: a, Tags: []string{"t"}}}, getA, port{Key: a, Tags: []string{"t"}}, false},
		{"row read, other changed", []port{{Key: a}, {Key: b}}, getA, port{Key: b, Net: "x"}, false},
		{"row read absent, appears", nil, getA, port{Key: a}, true},
		{"bucket read, row in it changes", []port{{Key: a, Net: "web"}}, list, port{Key: a, Net: "web", Host: "h"}, true},
		{"bucket read, row leaves", []port{{Key: a, Net: "web"}}, list, port{Key: a, Net: "db"}, true},
		{"bucket read empty, row comes", nil, list, port{Key: a, Net: "web"}, true},
		{"bucket read, row elsewhere", nil, list, port{Key: a, Net: "db"}, false},
		{"set read, same value again", []port{{Key: a, Net: "web", Host: "h1"}}, hosts, port{Key: b, Net: "web", Host: "h1"}, false},
		{"set read, new value", []port{{Key: a, Net: "web", Host: "h1"}}, hosts, port{Key: b, Net: "web", Host: "h2"}, true},
		{"set read, value leaves", []port{{Key: a, Net: "web", Host: "h1"}}, hosts, port{Key: a, Net: "db", Host: "h1"}, true},
		{"set read, row changes, value stays", []port{{Key: a, Net: "web", Host: "h1"}}, hosts, port{Key: a, Net: "web", Host: "h1", Tags: []string{"t"}}, false},
		{"member asked for, other value", []port{{Key: a, Net: "web", Host: "h1"}}, has, port{Key: b, Net: "web", Host: "h3"}, false},
		{"member asked for, comes", []port{{Key: a, Net: "web", Host: "h1"}}, has, port{Key: b, Net: "web", Host: "h2"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			for _, p := range tt.before {
				w.ports.Put(p)
			}
			if got := w.dirty(tt.read(w), func() { w.ports.Put(tt.put) }); got != tt.want {
				t.Errorf("unit has to run again: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDeleteIsSeenByReaders(t *testing.T) {
	w := newWorld()
	a := key{"red", "a"}
	w.ports.Put(port{Key: a, Net: "web", Host: "h1"})
	read := func(r *table.Reader) {
		w.ports.Get(r, a)
		w.hosts.List(r, "web")
	}
	if !w.dirty(read, func() { w.ports.Delete(a) }) {
		t.Error("reader of a deleted row was not told")
	}
	if w.ports.Delete(a) {
		t.Error("deleted twice")
	}
	if _, ok := w.ports.Peek(a); ok || w.ports.Len() != 0 {
		t.Error("row is still there")
	}
}

func TestOldReadsAreForgotten(t *testing.T) {
	w := newWorld()
	a, b := key{"red", "a"}, key{"red", "b"}
	u := w.db.NewUnit()
	for _, k := range []key{a, b} { // the second run reads something else
		var r table.Reader
		w.ports.Get(&r, k)
		w.db.Link(u, &r)
	}
	w.ports.Put(port{Key: a})
	w.db.Dirty(func(table.Unit) { t.Error("unit has to run again for what only an earlier run read") })
	w.ports.Put(port{Key: b})
	ran := 0
	w.db.Dirty(func(table.Unit) { ran++ })
	if ran != 1 {
		t.Errorf("unit handed out %d times for what it read, want once", ran)
	}
	w.db.Free(u)
	again := w.db.NewUnit()
	w.ports.Delete(b)
	w.db.Dirty(func(table.Unit) { t.Errorf("unit %d has links of the one that had its number before", again) })
}

func TestNamesOfWhatWasRead(t *testing.T) {
	w := newWorld()
	var r table.Reader
	w.ports.Get(&r, key{"red", "a"})
	w.ports.Get(&r, key{"red", "a"})
	w.byNet.List(&r, "web")
	w.hosts.List(&r, "web")
	w.hosts.Has(&r, "web", "h1")
	want := []string{"port/red/a", "ports of network/web", "hosts of web", "h1 in hosts of web"}
	if got := r.Names(); !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

type selfNamed struct{ name string }

func (s selfNamed) String() string { return "port/" + s.name }

func TestTextOfRows(t *testing.T) {
	db := table.NewDB()
	own := table.New(db, "port", func(k selfNamed) selfNamed { return k })
	if got := own.Text(selfNamed{"red/a"}); got != "port/red/a" {
		t.Errorf("text %q: the key says its table already", got)
	}
	told := table.New(db, "fact", func(s string) string { return s })
	told.TextFunc(func(s string) string { return "host/" + s })
	if got := told.Text("h1"); got != "host/h1" {
		t.Errorf("text %q, want host/h1", got)
	}
}

func TestKeysHaveAnOrder(t *testing.T) {
	db := table.NewDB()
	type nested struct {
		N    int8
		Addr netip.Addr
		Arr  [2]uint16
		Ok   bool
	}
	tbl := table.New(db, "nested", func(n nested) nested { return n })
	a1, a2 := netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("10.0.0.10")
	want := []nested{{-1, a2, [2]uint16{}, true}, {1, a1, [2]uint16{9, 1}, false}, {1, a2, [2]uint16{1, 3}, true}, {1, a2, [2]uint16{2, 1}, false}, {1, a2, [2]uint16{2, 1}, true}}
	for _, i := range []int{3, 1, 4, 0, 2} {
		tbl.Put(want[i])
	}
	if got := slices.Collect(tbl.Scan()); !slices.Equal(got, want) {
		t.Errorf("scanned %v, want %v", got, want)
	}
	down := table.New(db, "down", func(n int) int { return n })
	down.OrderFunc(func(a, b int) int { return cmp.Compare(b, a) })
	down.Put(1)
	down.Put(2)
	if got := slices.Collect(down.Scan()); !slices.Equal(got, []int{2, 1}) {
		t.Errorf("scanned %v in an order of its own, want [2 1]", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a key without an order was accepted")
		}
	}()
	table.New(db, "pointer", func(p *int) *int { return p })
}

func TestIndexesOverRowsThatAreThere(t *testing.T) {
	db := table.NewDB()
	ports := table.New(db, "port", func(p port) key { return p.Key })
	for i := range 3 {
		ports.Put(port{Key: key{"red", fmt.Sprint("p", 2-i)}, Net: "web", Host: fmt.Sprint("h", i%2)})
	}
	byNet := table.NewIndex(ports, "ports of", func(p port, add func(string)) { add(p.Net) })
	hosts := table.NewSet(ports, "hosts of", func(p port, add func(string, string)) { add(p.Net, p.Host) })
	var r table.Reader
	var names []string
	for p := range byNet.List(&r, "web") {
		names = append(names, p.Key.Name)
	}
	if want := []string{"p0", "p1", "p2"}; !slices.Equal(names, want) {
		t.Errorf("listed %v, want %v", names, want)
	}
	if got, want := hosts.List(&r, "web"), []string{"h0", "h1"}; !slices.Equal(got, want) {
		t.Errorf("hosts %v, want %v", got, want)
	}
	if byNet.Count(&r, "web") != 3 || byNet.Count(&r, "none") != 0 {
		t.Error("count is wrong")
	}
}
