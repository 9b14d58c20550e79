package model

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/sim"
)

// world is the real catalog and the real apps over simulated switches.
type world struct {
	rt       failer
	catalog  *intent.Catalog
	tables   *intent.Tables
	engine   *compile.Engine
	fabric   *sim.Fabric
	switches map[string]*sim.Switch
	plugged  map[string]intent.InterfaceKey // by port
	rev      int64
}

// failer is who is told that something cannot be: it does not return.
type failer interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

func newWorld(rt failer) *world {
	w := &world{rt: rt, tables: intent.NewTables(), fabric: sim.NewFabric(), switches: map[string]*sim.Switch{}, plugged: map[string]intent.InterfaceKey{}}
	var err error
	if w.catalog, err = intent.NewCatalog(intent.CatalogConfig{Store: store.NewMemory()}); err != nil {
		rt.Fatal(err)
	}
	if w.engine, err = compile.New(compile.Config{Apps: apps.All(w.tables, apps.Config{}), DB: w.tables.DB, Check: pipeline.NewChecker(), Sink: w}); err != nil {
		rt.Fatal(err)
	}
	return w
}

// Apply implements compile.Sink: it writes to the switches.
func (w *world) Apply(_ int64, deltas []compile.HostDelta) {
	for _, d := range deltas {
		sw := w.switches[d.Host]
		w.ports(sw, d)
		write(w.must, sw, d)
	}
}

// ports adds and removes tunnels, and the port that leads to the external network.
func (w *world) ports(sw *sim.Switch, d compile.HostDelta) {
	for _, k := range d.RemovedPorts {
		for _, p := range sw.Ports() {
			if p.Name == k.Name && k.Bridge == pipeline.Bridge {
				w.fabric.Unwire(sw, p.Number)
				sw.RemovePort(p.Number)
			}
		}
	}
	for _, p := range d.AddedPorts {
		switch {
		case p.Bridge != pipeline.Bridge:
		case p.Type == "patch":
			w.must(sw.SetPort(sim.Port{Number: p.OFPort, Name: p.Name}))
			w.fabric.Wire(external, sw, p.OFPort)
		default:
			w.must(sw.SetPort(sim.Port{Number: p.OFPort, Name: p.Name, Tunnel: sim.Tunnel{Type: p.Type}}))
		}
	}
}

func (w *world) must(err error) {
	if err != nil {
		w.rt.Fatal(err)
	}
}

// become makes a topology of what there is.
func (w *world) become(rt failer, t Topology) {
	w.rt = rt
	for i := range t.Hosts {
		name, ip := fmt.Sprintf("h%d", i+1), netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})
		if w.switches[name] == nil {
			w.switches[name] = sim.NewSwitch(sim.Config{DatapathID: uint64(i + 1), TunnelIP: ip})
			w.must(w.fabric.Add(w.switches[name]))
		}
		w.tables.HostFacts.Put(intent.HostFact{Name: name, TunnelIP: ip, Up: true})
	}
	w.wire(t)
	docs, err := manifest.Decode("topology.yaml", strings.NewReader(t.YAML()), manifest.Options{})
	w.must(err)
	var resources []*weftv1.Resource
	for _, d := range docs {
		resources = append(resources, d.Resource)
	}
	if _, _, err := w.catalog.Apply(context.Background(), resources, nil); err != nil {
		rt.Fatalf("%v\n%s", err, t.YAML())
	}
	w.unsaid(resources)
	w.load()
	for i, p := range t.Ports {
		w.plug(i, p)
	}
	w.rev++
	if result := w.engine.Step(w.rev); len(result.Problems) > 0 {
		rt.Fatalf("%v\n%s", result.Problems, t.YAML())
	}
	if conflicts := w.engine.Conflicts(); len(conflicts) > 0 {
		rt.Fatalf("%v\n%s", conflicts, t.YAML())
	}
}

// load brings the rows in line with the catalog.
func (w *world) load() {
	staying := map[any]bool{}
	for res := range w.catalog.List() {
		switch intent.KeyOf(res).Kind {
		case intent.KindNetwork:
			row, err := intent.NetworkRow(res)
			w.must(err)
			w.tables.Networks.Put(row)
			for _, s := range intent.SegmentRows(res) {
				w.tables.Segments.Put(s)
			}
		case intent.KindPort:
			row, err := intent.PortRow(res)
			w.must(err)
			w.tables.Ports.Put(row)
		case intent.KindRouter:
			w.loadRouter(res, staying)
		case intent.KindSecurityGroup, intent.KindSecurityPolicy, intent.KindAddressGroup:
			w.loadSecurity(res, staying)
		case intent.KindFirewallGroup, intent.KindFirewallPolicy:
			w.loadFirewall(res, staying)
		default:
			w.loadOutside(res)
		}
	}
	leave(w.tables.RouterInterfaces, func(i intent.RouterInterface) intent.InterfaceOf { return i.Key }, staying)
	leave(w.tables.Routes, func(r intent.Route) intent.RouteKey { return r.Key }, staying)
	leave(w.tables.Policies, func(p intent.Policy) intent.PolicyKey { return p.Key }, staying)
	leave(w.tables.RuleLists, func(l intent.RuleList) intent.Key { return l.Key }, staying)
	leave(w.tables.AddressSets, func(s intent.AddressSet) intent.Key { return s.Key }, staying)
	leave(w.tables.Addresses, func(a intent.AddressOf) intent.AddressOf { return a }, staying)
}

func (w *world) loadRouter(res *weftv1.Resource, staying map[any]bool) {
	router, interfaces, routes, err := intent.RouterRows(res)
	w.must(err)
	policies, err := intent.PolicyRows(res)
	w.must(err)
	w.tables.Routers.Put(router)
	if g, has, err := intent.GatewayRow(res); has {
		w.must(err)
		w.tables.Gateways.Put(g)
	}
	for _, i := range interfaces {
		w.tables.RouterInterfaces.Put(i)
		staying[i.Key] = true
	}
	for _, r := range routes {
		w.tables.Routes.Put(r)
		staying[r.Key] = true
	}
	for _, p := range policies {
		w.tables.Policies.Put(p)
		staying[p.Key] = true
	}
}

// leave deletes the rows of a table that are not staying.
func leave[K comparable, R any](t *table.Table[K, R], key func(R) K, staying map[any]bool) {
	var gone []K
	for row := range t.Scan() {
		if !staying[key(row)] {
			gone = append(gone, key(row))
		}
	}
	for _, k := range gone {
		t.Delete(k)
	}
}

// plug puts an endpoint where the topology has it.
func (w *world) plug(n int, p Port) {
	at := intent.InterfaceKey{Host: fmt.Sprintf("h%d", p.Host), Name: "tap-" + p.Name}
	if was, ok := w.plugged[p.Name]; ok && was != at {
		w.tables.Interfaces.Delete(was)
		w.switches[was.Host].RemovePort(uint32(n + 1))
		delete(w.plugged, p.Name)
	}
	if p.Host == 0 {
		return
	}
	sw := w.switches[at.Host]
	w.must(sw.SetPort(sim.Port{Number: uint32(n + 1), Name: at.Name}))
	w.fabric.Attach(p.Name, sw, uint32(n+1))
	w.plugged[p.Name] = at
	w.tables.Interfaces.Put(intent.Interface{Key: at, IfaceID: p.Owner() + "/" + p.Name, OFPort: uint32(n + 1), Seq: uint64(n + 1)})
}

// send has an endpoint send a packet as a station does that knows its neighbours, and returns where it arrived.
func (w *world) send(rt failer, t Topology, from int, sent Packet) []string {
	p := t.Ports[from]
	next, ok := w.mac(t.Next(from, sent.To))
	if !ok || p.Host == 0 {
		return nil
	}
	own, _ := w.mac(p.Name, "")
	j := w.fabric.Send(p.Name, sent.Frame(own[:], next[:], nil))
	if j.Err != nil {
		rt.Fatalf("%s sends %+v: %v\n%s", p.Name, sent, j.Err, t.YAML())
	}
	var at []string
	for _, d := range j.Deliveries {
		at = append(at, d.Endpoint)
	}
	return at
}

// mac is the address of an endpoint or a router.
func (w *world) mac(port, router string) (flow.MACAddr, bool) {
	for _, project := range projects {
		if p, ok := w.tables.Ports.Peek(intent.Key{Kind: intent.KindPort, Project: project, Name: port}); ok {
			return p.MAC, true
		}
	}
	r, ok := w.tables.Routers.Peek(intent.Key{Kind: intent.KindRouter, Project: "red", Name: router})
	return r.MAC, ok
}
