package model

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/sim"
)

// plant is one network of several segments over hosts that have the means for some of them.
type plant struct {
	Hosts    []means
	Segments []intent.Segment
}

// means is what a host has.
type means struct {
	Tunnels bool
	Wires   []string // physical networks
}

func (m means) use(s intent.Segment) bool {
	if s.Physical == "" {
		return m.Tunnels
	}
	return slices.Contains(m.Wires, s.Physical)
}

var plantNetwork = intent.Key{Kind: intent.KindNetwork, Project: "red", Name: "web"}

func drawPlant(t *rapid.T) plant {
	kinds := rapid.Permutation([]intent.Segment{
		{Type: "vlan", Physical: "rack1", ID: 100}, {Type: "vxlan", ID: 5001}, {Type: "flat", Physical: "rack2"}, {Type: "geneve", ID: 7},
	}).Draw(t, "segments")
	p := plant{Segments: kinds[:rapid.IntRange(1, 4).Draw(t, "how many")]}
	for i := range p.Segments {
		p.Segments[i].Key = intent.SegmentKey{Network: plantNetwork, Index: i}
	}
	for i := range rapid.IntRange(2, 5).Draw(t, "hosts") {
		h := means{Tunnels: rapid.Bool().Draw(t, fmt.Sprintf("h%d tunnels", i))}
		for _, w := range []string{"rack1", "rack2"} {
			if rapid.Bool().Draw(t, fmt.Sprintf("h%d %s", i, w)) {
				h.Wires = append(h.Wires, w)
			}
		}
		p.Hosts = append(p.Hosts, h)
	}
	return p
}

// home is the first segment that a host can use, or -1.
func (p plant) home(host int) int {
	return slices.IndexFunc(p.Segments, p.Hosts[host].use)
}

// meets tells whether two segments hang together, by hosts that can use one and the other.
func (p plant) meets(a, b int) bool {
	seen := []int{a}
	for i := 0; i < len(seen); i++ {
		for _, h := range p.Hosts {
			for s := range p.Segments {
				if h.use(p.Segments[seen[i]]) && h.use(p.Segments[s]) && !slices.Contains(seen, s) {
					seen = append(seen, s)
				}
			}
		}
	}
	return slices.Contains(seen, b)
}

// reaches tells whether frames of one host's ports come to another's.
func (p plant) reaches(a, b int) bool {
	return a == b || p.home(a) >= 0 && p.home(b) >= 0 && p.meets(p.home(a), p.home(b))
}

// floor is a plant at work on simulated switches, with a port of the network on each host and something else on each wire.
type floor struct {
	rt       *rapid.T
	plant    plant
	tables   *intent.Tables
	switches []*sim.Switch
	engine   *compile.Engine
	onWire   map[string]int // frames seen on each physical network
}

func build(rt *rapid.T, p plant) *floor {
	f := &floor{rt: rt, plant: p, tables: intent.NewTables()}
	t := f.tables
	t.Networks.Put(intent.Network{Key: plantNetwork, Tag: 1, MTU: 1400, Up: true})
	for _, s := range p.Segments {
		t.Segments.Put(s)
	}
	for i, h := range p.Hosts {
		name, ip := hostOf(i), netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})
		f.switches = append(f.switches, sim.NewSwitch(sim.Config{DatapathID: uint64(i + 1), TunnelIP: ip}))
		fact := intent.HostFact{Name: name, Up: true}
		if h.Tunnels {
			fact.TunnelIP = ip
		}
		t.HostFacts.Put(fact)
		for _, w := range h.Wires {
			t.Mappings.Put(intent.Mapping{Key: intent.MappingKey{Host: name, Physical: w}, Bridge: "br-" + w})
		}
		port := intent.Key{Kind: intent.KindPort, Project: "red", Name: fmt.Sprintf("vm%d", i)}
		t.Ports.Put(intent.Port{Key: port, UID: port.Name, Network: plantNetwork, MAC: macOf(i), Secure: true, Up: true,
			IPs: []netip.Addr{ipOf(i)}})
		t.Interfaces.Put(intent.Interface{Key: intent.InterfaceKey{Host: name, Name: "tap"}, IfaceID: port.Name, OFPort: 1, Seq: 1})
		f.must(f.switches[i].SetPort(sim.Port{Number: 1, Name: "tap"}))
	}
	var err error
	f.engine, err = compile.New(compile.Config{Apps: apps.All(t, apps.Config{}), DB: t.DB, Check: pipeline.NewChecker(), Sink: f})
	f.must(err)
	f.step()
	return f
}

func (f *floor) step() {
	if problems := f.engine.Step(1).Problems; len(problems) > 0 {
		f.rt.Fatalf("%v\n%+v", problems, f.plant)
	}
	if conflicts := f.engine.Conflicts(); len(conflicts) > 0 {
		f.rt.Fatalf("%v\n%+v", conflicts, f.plant)
	}
}

func (f *floor) must(err error) {
	if err != nil {
		f.rt.Fatal(err)
	}
}

func hostOf(i int) string      { return fmt.Sprintf("h%d", i) }
func macOf(i int) flow.MACAddr { return flow.MACAddr{0xfa, 0x16, 0x3e, 0, 0, byte(i)} }
func ipOf(i int) netip.Addr    { return netip.AddrFrom4([4]byte{10, 0, 0, byte(10 + i)}) }
func indexOf(host string) (i int) {
	_, _ = fmt.Sscanf(host, "h%d", &i)
	return i
}

// Apply implements compile.Sink. The simulated switch does not learn, so that every destination that is no port's stays
// unknown: the harder case for what must not be doubled.
func (f *floor) Apply(_ int64, deltas []compile.HostDelta) {
	for _, d := range deltas {
		sw := f.switches[indexOf(d.Host)]
		for _, k := range d.RemovedPorts {
			for _, p := range sw.Ports() {
				if p.Name == k.Name && k.Bridge == pipeline.Bridge {
					sw.RemovePort(p.Number)
				}
			}
		}
		for _, p := range d.AddedPorts {
			if p.Bridge == pipeline.Bridge {
				tunnel := sim.Tunnel{}
				if p.Type != "patch" {
					tunnel.Type = p.Type
				}
				f.must(sw.SetPort(sim.Port{Number: p.OFPort, Name: p.Name, Tunnel: tunnel}))
			}
		}
		write(f.must, sw, d)
	}
}

// write brings a switch's flows and meters to what is wanted: meters are there before the flows that use them.
func write(must func(error), sw *sim.Switch, d compile.HostDelta) {
	for _, m := range d.AddedMeters {
		command := sim.Add
		if slices.ContainsFunc(sw.Meters(), func(old flow.Meter) bool { return old.ID == m.ID }) {
			command = sim.Modify
		}
		must(sw.ApplyMeter(sim.MeterMod{Command: command, Meter: m}))
	}
	for _, k := range d.RemovedFlows {
		must(sw.Apply(sim.FlowMod{Command: sim.DeleteStrict, Flow: flow.Flow{Key: k}}))
	}
	for _, added := range d.AddedFlows {
		must(sw.Apply(sim.FlowMod{Command: sim.Add, Flow: withoutLearning(must, added)}))
	}
	for _, id := range d.RemovedMeters {
		must(sw.ApplyMeter(sim.MeterMod{Command: sim.Delete, Meter: flow.Meter{ID: id}}))
	}
}

// withoutLearning is a flow as the simulated switch takes it: it does not learn.
func withoutLearning(must func(error), added flow.Flow) flow.Flow {
	do, err := flow.ParseInstructions([]byte(added.Instructions))
	must(err)
	do = slices.DeleteFunc(do, func(a flow.Action) bool { return strings.HasPrefix(flow.Actions{a}.String(), "learn(") })
	b, err := flow.AppendInstructions(nil, do)
	must(err)
	added.Instructions = string(b)
	return added
}

// arrival is a frame at a port of a switch.
type arrival struct {
	host  int
	port  uint32
	frame []byte
	from  sim.Encap
}

// run follows all copies of a frame and returns how many came to the port on each host.
func (f *floor) run(todo ...arrival) []int {
	f.onWire = map[string]int{}
	got := make([]int, len(f.switches))
	for steps := 0; len(todo) > 0; todo = todo[1:] {
		if steps++; steps > 200 {
			f.rt.Fatalf("a frame goes round and round\n%+v", f.plant)
		}
		a := todo[0]
		res := f.switches[a.host].InjectFrom(a.port, a.frame, a.from)
		f.must(res.Err)
		for _, o := range res.Outputs {
			switch {
			case o.Tunnel.Type != "":
				todo = append(todo, f.tunnelled(o)...)
			case o.Port == 1:
				got[a.host]++
			default:
				todo = append(todo, f.wire(a.host, f.physical(a.host, o.Port), o.Frame)...)
			}
		}
	}
	return got
}

// tunnelled is where a tunnel packet arrives.
func (f *floor) tunnelled(o sim.Output) []arrival {
	for i, sw := range f.switches {
		for _, p := range sw.Ports() {
			if sw.TunnelIP() == o.Tunnel.Dst && p.Tunnel.Type == o.Tunnel.Type {
				return []arrival{{i, p.Number, o.Frame, o.Tunnel}}
			}
		}
	}
	return nil
}

// physical is the physical network behind a patch port.
func (f *floor) physical(host int, port uint32) string {
	for _, w := range f.plant.Hosts[host].Wires {
		if carry.PatchOFPort(f.plant.Hosts[host].Wires, w) == port {
			return w
		}
	}
	f.rt.Fatalf("host %d has no physical network at port %d", host, port)
	return ""
}

// wire is where a frame on a physical network arrives: at all hosts with a patch port to it but the one that sent it (-1: none
// did).
func (f *floor) wire(from int, physical string, frame []byte) []arrival {
	f.onWire[physical]++
	var all []arrival
	inner, _ := carry.PatchNames(physical, "")
	for i, sw := range f.switches {
		for _, p := range sw.Ports() {
			if i != from && p.Name == inner {
				all = append(all, arrival{host: i, port: p.Number, frame: frame})
			}
		}
	}
	return all
}

// frame is something that is neither ARP nor IP.
func frame(src, dst flow.MACAddr, tag uint32) []byte {
	b := append(append([]byte{}, dst[:]...), src[:]...)
	if tag != 0 {
		b = append(b, 0x81, 0x00, byte(tag>>8), byte(tag))
	}
	return append(append(b, 0x88, 0xb5), make([]byte, 46)...)
}

var (
	everyone = flow.MACAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	stranger = flow.MACAddr{0x02, 0, 0, 0, 0, 0x99}
)

// TestSegmentsMakeATree holds where frames arrive against which hosts can reach each other: every port gets what is for all,
// and the one it is for what is for one, exactly once, from ports and from what else is on the wires.
func TestSegmentsMakeATree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := build(rt, drawPlant(rt))
		f.check("")
		gone := rapid.IntRange(0, len(f.plant.Hosts)-1).Draw(rt, "host that is set down")
		f.setDown(gone)
		f.check(fmt.Sprintf("without h%d", gone))
	})
}

// setDown takes a host out; others bridge what it did.
func (f *floor) setDown(host int) {
	f.tables.HostFacts.Put(intent.HostFact{Name: hostOf(host)})
	f.plant.Hosts[host] = means{}
	f.step()
}

func (f *floor) check(when string) {
	up := func(i int) bool { h, _ := f.tables.Hosts.Peek(hostOf(i)); return h.Up }
	equal := func(what string, want, got any) {
		if d := cmp.Diff(want, got); d != "" {
			f.rt.Fatalf("%s %s (-want +got):\n%s\n%+v", what, when, d, f.plant)
		}
	}
	for i := range f.plant.Hosts {
		if !up(i) {
			continue
		}
		all, none := make([]int, len(f.plant.Hosts)), make([]int, len(f.plant.Hosts))
		for j := range f.plant.Hosts {
			one := make([]int, len(f.plant.Hosts))
			if i != j && up(j) && f.plant.reaches(i, j) && f.plant.home(i) >= 0 {
				one[j], all[j] = 1, 1
			}
			if i != j {
				equal(fmt.Sprintf("unicast from h%d to h%d", i, j), one, f.run(arrival{host: i, port: 1, frame: frame(macOf(i), macOf(j), 0)}))
			}
		}
		equal(fmt.Sprintf("broadcast from h%d", i), all, f.run(arrival{host: i, port: 1, frame: frame(macOf(i), everyone, 0)}))
		equal(fmt.Sprintf("to a stranger from h%d", i), none, f.run(arrival{host: i, port: 1, frame: frame(macOf(i), stranger, 0)}))
		for k, s := range f.plant.Segments {
			if s.Physical != "" && f.plant.home(i) >= 0 && f.plant.meets(f.plant.home(i), k) {
				equal(fmt.Sprintf("frames from h%d to a stranger on %s", i, s.Physical), 1, f.onWire[s.Physical])
			}
		}
	}
	for k, s := range f.plant.Segments {
		if s.Physical == "" {
			continue
		}
		all := make([]int, len(f.plant.Hosts))
		for j := range f.plant.Hosts {
			if h := f.plant.home(j); up(j) && h >= 0 && f.plant.meets(h, k) {
				all[j] = 1
			}
		}
		equal("broadcast from "+s.Physical, all, f.run(f.wire(-1, s.Physical, frame(stranger, everyone, s.ID))...))
	}
}
