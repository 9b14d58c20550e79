package compile_test

import (
	"fmt"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/compile/compiletest"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
	"pgregory.net/rapid"
)

// The toy world: ports on networks, as in the real one but small enough to be looked through.

type toyNet struct {
	Name string
	Tag  uint32
}

type toyPort struct {
	Name, Net, Host string
	Addr            uint32
}

type toySite struct{ Net, Host string }

func (s toySite) String() string { return s.Net + " on " + s.Host }

type toyHome struct {
	Addr uint32
	Host string
}

const (
	panicAddr  = 13 // a rule panics on a port with this address
	refuseAddr = 7  // the checker refuses a flow of such a port
)

type toy struct {
	db      *table.DB
	nets    *table.Table[string, toyNet]
	ports   *table.Table[string, toyPort]
	sites   *table.Table[toySite, toySite]
	homes   *table.Table[uint32, toyHome]
	sitesOf *table.Set[string, string]
}

func newToy() *toy {
	db := table.NewDB()
	w := &toy{
		db:    db,
		nets:  table.New(db, "network", func(n toyNet) string { return n.Name }),
		ports: table.New(db, "port", func(p toyPort) string { return p.Name }),
		sites: table.New(db, "site", func(s toySite) toySite { return s }),
		homes: table.New(db, "home", func(h toyHome) uint32 { return h.Addr }),
	}
	w.sitesOf = table.NewSet(w.sites, "hosts of network/", func(s toySite, add func(string, string)) { add(s.Net, s.Host) })
	return w
}

func (w *toy) config() compile.Config {
	return compile.Config{DB: w.db, Check: w, Apps: []compile.App{
		{Name: "l2", ID: 1, Rules: []compile.Rule{
			compile.ForEach("forward", w.ports, w.forward),
			compile.About("flood", w.sites, func(s toySite) string { return "network/" + s.Net }, w.flood),
		}},
		{Name: "bind", ID: 2, Rules: []compile.Rule{compile.ForEach("site", w.ports, w.site)}},
		{Name: "acl", ID: 3, Rules: []compile.Rule{
			compile.ForEach("own", w.ports, w.own),
			compile.ForEach("home", w.homes, w.home),
		}},
	}}
}

func (w *toy) Check(_ string, _ uint8, m flow.Match, _ flow.Actions) error {
	if len(m) > 0 && m[0] == flow.U32(flow.InPort, refuseAddr) {
		return fmt.Errorf("in_port %d is not to be matched", refuseAddr)
	}
	return nil
}

func (w *toy) forward(r *table.Reader, p toyPort, out *compile.Out) {
	n, ok := w.nets.Get(r, p.Net)
	if !ok {
		return
	}
	for _, host := range w.sitesOf.List(r, p.Net) {
		to := flow.Goto(20)
		if host == p.Host {
			to = flow.Goto(21)
		}
		out.Flow(host, 10, 100, flow.Match{flow.U32(flow.Reg0, n.Tag), flow.U32(flow.InPort, p.Addr)}, flow.Actions{to})
	}
}

func (w *toy) flood(r *table.Reader, s toySite, out *compile.Out) {
	n, ok := w.nets.Get(r, s.Net)
	if !ok {
		return
	}
	buckets := ""
	for _, host := range w.sitesOf.List(r, s.Net) {
		if host != s.Host {
			buckets += host
			out.Port(s.Host, compile.OVSPort{Bridge: "br-int", Name: "to-" + host, Type: "vxlan", Options: "remote_ip=" + host})
		}
	}
	out.Group(s.Host, flow.Group{ID: n.Tag, Buckets: buckets})
}

func (w *toy) site(r *table.Reader, p toyPort, out *compile.Out) {
	if _, ok := w.nets.Get(r, p.Net); !ok {
		out.Pending("network %q does not exist", p.Net)
		return
	}
	compile.Emit(out, w.sites, toySite{p.Net, p.Host})
}

func (w *toy) own(_ *table.Reader, p toyPort, out *compile.Out) {
	out.Meter(p.Host, flow.Meter{ID: p.Addr, Bands: p.Net})
	compile.Emit(out, w.homes, toyHome{p.Addr, p.Host})
	out.Flow(p.Host, 5, 10, flow.Match{flow.U32(flow.InPort, p.Addr)}, flow.Actions{flow.Goto(30 + uint8(len(p.Net)))})
	if p.Addr == panicAddr {
		panic("unlucky address")
	}
}

func (w *toy) home(_ *table.Reader, h toyHome, out *compile.Out) {
	out.Flow(h.Host, 6, 10, flow.Match{flow.U32(flow.InPort, h.Addr)}, flow.Actions{flow.Goto(40)})
	out.Note("Home", "address %d is at home on %s", h.Addr, h.Host)
}

// edit is one change to the base tables: a row put, or with Gone, deleted.
type edit struct {
	Net  toyNet
	Port toyPort
	Gone bool
}

func (w *toy) edit(e edit) {
	switch {
	case e.Net.Name != "" && e.Gone:
		w.nets.Delete(e.Net.Name)
	case e.Net.Name != "":
		w.nets.Put(e.Net)
	case e.Gone:
		w.ports.Delete(e.Port.Name)
	default:
		w.ports.Put(e.Port)
	}
}

var (
	toyNames = []string{"a", "b", "c", "d", "e"}
	toyNets  = []string{"x", "yy", "zzz"}
	toyHosts = []string{"h1", "h2", "h3"}
	toyAddrs = []uint32{1, 2, 3, refuseAddr, panicAddr}
)

func drawEdit(t *rapid.T) edit {
	e := edit{Gone: rapid.IntRange(0, 2).Draw(t, "gone") == 0}
	if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		e.Net = toyNet{rapid.SampledFrom(toyNets).Draw(t, "net"), rapid.Uint32Range(1, 2).Draw(t, "tag")}
		return e
	}
	e.Port = toyPort{
		Name: rapid.SampledFrom(toyNames).Draw(t, "port"),
		Net:  rapid.SampledFrom(toyNets).Draw(t, "on"),
		Host: rapid.SampledFrom(toyHosts).Draw(t, "host"),
		Addr: rapid.SampledFrom(toyAddrs).Draw(t, "addr"),
	}
	return e
}

func freshToy() compiletest.World[edit] {
	w := newToy()
	return compiletest.World[edit]{Config: w.config(), Edit: w.edit}
}
