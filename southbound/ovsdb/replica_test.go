package ovsdb

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// world is a database as a test knows it, able to tell a replica about changes as ovsdb-server does.
type world struct {
	ports  map[int]int // port → bridge
	ids    map[int]string
	ofport map[int]int
}

func worldID(kind, n int) string { return fmt.Sprintf("%08x-0000-0000-0000-%012x", kind, n) }

const (
	kindBridge = iota + 2
	kindPort
	kindIface
)

// updates is a <table-updates2> in the making.
type updates map[string]map[string]map[string]map[string]any

func (u updates) row(table, id, kind string) map[string]any {
	if u[table] == nil {
		u[table] = map[string]map[string]map[string]any{}
	}
	if u[table][id] == nil {
		u[table][id] = map[string]map[string]any{}
	}
	if u[table][id][kind] == nil {
		u[table][id][kind] = map[string]any{}
	}
	return u[table][id][kind]
}

func (u updates) toggle(bridge, port int) {
	set := []any{}
	row := u.row("Bridge", worldID(kindBridge, bridge), "modify")
	if old, ok := row["ports"].([]any); ok {
		set = old[1].([]any)
	}
	row["ports"] = []any{"set", append(set, []any{"uuid", worldID(kindPort, port)})}
}

func (w *world) step(t *rapid.T, u updates, touched map[int]bool) {
	p := rapid.IntRange(0, 60).Draw(t, "port")
	if touched[p] {
		return // one change a row and message
	}
	touched[p] = true
	b, there := w.ports[p]
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		if there {
			delete(w.ports, p)
			u.toggle(b, p)
			u.row("Port", worldID(kindPort, p), "delete")
			u.row("Interface", worldID(kindIface, p), "delete")
			return
		}
		b = rapid.IntRange(0, 1).Draw(t, "bridge")
		w.ports[p], w.ids[p], w.ofport[p] = b, "", 0
		u.toggle(b, p)
		u.row("Port", worldID(kindPort, p), "insert")["name"] = fmt.Sprintf("p%d", p)
		u.row("Port", worldID(kindPort, p), "insert")["interfaces"] = []any{"uuid", worldID(kindIface, p)}
		u.row("Interface", worldID(kindIface, p), "insert")["name"] = fmt.Sprintf("p%d", p)
	case 1:
		if there { // to the other bridge
			u.toggle(b, p)
			u.toggle(1-b, p)
			w.ports[p] = 1 - b
		}
	case 2:
		if there {
			pairs := []any{}
			id := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "id")
			if w.ids[p] == id {
				return
			}
			if id == "" {
				pairs = append(pairs, []any{"iface-id", w.ids[p]}) // the pair that is there goes
			} else {
				pairs = append(pairs, []any{"iface-id", id})
			}
			w.ids[p] = id
			u.row("Interface", worldID(kindIface, p), "modify")["external_ids"] = []any{"map", pairs}
		}
	case 3:
		if there {
			w.ofport[p] = rapid.IntRange(-1, 9).Draw(t, "ofport")
			u.row("Interface", worldID(kindIface, p), "modify")["ofport"] = w.ofport[p]
		}
	}
}

// want is the State that the world means.
func (w *world) want() (ifaces []Interface, ports [2][]string) {
	for p, b := range w.ports {
		ifaces = append(ifaces, Interface{Name: fmt.Sprintf("p%d", p), Bridge: fmt.Sprintf("br%d", b), IfaceID: w.ids[p], OFPort: int32(w.ofport[p])})
		ports[b] = append(ports[b], fmt.Sprintf("p%d", p))
	}
	slices.SortFunc(ifaces, func(a, b Interface) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(ports[0])
	slices.Sort(ports[1])
	return ifaces, ports
}

func TestIncrementalStateIsTheStateFromScratch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, _ := Config{}.withDefaults()
		r := newReplica(cfg)
		w := &world{ports: map[int]int{}, ids: map[int]string{}, ofport: map[int]int{}}
		first := updates{}
		first.row("Open_vSwitch", rootUUID, "initial")
		for b := range 2 {
			first.row("Bridge", worldID(kindBridge, b), "initial")["name"] = fmt.Sprintf("br%d", b)
		}
		feed(t, r, first)
		var seen []*State
		var copies []State
		for range rapid.IntRange(1, 30).Draw(t, "messages") {
			u, touched := updates{}, map[int]bool{}
			for range rapid.IntRange(1, 50).Draw(t, "changes") {
				w.step(t, u, touched)
			}
			feed(t, r, u)
			s := r.state
			ifaces, ports := w.want()
			var got []Interface
			for _, i := range s.Interfaces {
				got = append(got, *i)
			}
			if d := cmp.Diff(ifaces, got); d != "" {
				t.Fatalf("interfaces (-want +got):\n%s", d)
			}
			for b := range 2 {
				if !slices.Equal(s.Bridges[fmt.Sprintf("br%d", b)].Ports, ports[b]) {
					t.Fatalf("br%d has %v, want %v", b, s.Bridges[fmt.Sprintf("br%d", b)].Ports, ports[b])
				}
			}
			seen, copies = append(seen, s), append(copies, deep(s))
		}
		for i := range seen { // nobody changed a State after it was shown
			if d := cmp.Diff(copies[i], deep(seen[i])); d != "" {
				t.Fatalf("state %d changed later:\n%s", i, d)
			}
		}
		checkReplica(t, r)
	})
}

func deep(s *State) State {
	c := *s
	c.Interfaces = nil
	for _, i := range s.Interfaces {
		one := *i
		c.Interfaces = append(c.Interfaces, &one)
	}
	c.Bridges = make(map[string]Bridge, len(s.Bridges))
	for name, b := range s.Bridges {
		b.Ports = slices.Clone(b.Ports)
		c.Bridges[name] = b
	}
	return c
}

func feed(t interface{ Fatal(...any) }, r *replica, u updates) {
	b, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	s := strings.ReplaceAll(string(b), `"delete":{}`, `"delete":null`)
	if err := r.apply(&cursor{b: []byte(s)}); err != nil {
		t.Fatal(err, s)
	}
	r.publish()
}

// checkReplica verifies the replica's invariants.
func checkReplica(t interface{ Fatalf(string, ...any) }, r *replica) {
	bytes := 0
	if r.root != nil {
		bytes += r.root.size()
	}
	for _, b := range r.bridges {
		bytes += b.size()
	}
	for id, p := range r.ports {
		bytes += p.size()
		if _, owned := r.owned[id]; owned != (p.owner == Managed) {
			t.Fatalf("port %s: owned %v, owner %q", p.name, owned, p.owner)
		}
	}
	for id, i := range r.ifaces {
		bytes += i.size()
		if i.shown == nil || r.shownAs[id] != i.shown {
			t.Fatalf("interface %s is not shown", i.Name)
		}
	}
	for _, c := range r.ctls {
		bytes += c.size()
	}
	if bytes != r.bytes {
		t.Fatalf("%d bytes counted, %d there", r.bytes, bytes)
	}
	if len(r.shownAs) != len(r.ifaces) || len(r.portOf) > len(r.ifaces) {
		t.Fatalf("%d shown, %d with a port, %d interfaces", len(r.shownAs), len(r.portOf), len(r.ifaces))
	}
}
