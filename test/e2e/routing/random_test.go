package routing_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/model"
	"github.com/weft-sdn/weft/test/netlab"
)

// How many topologies are made, how many packets must arrive for one to be worth it, and how long a simpler one that fails too is
// looked for.
const (
	randomTopologies = 12
	worthwhile       = 25
	shrinkWithin     = 90 * time.Second
)

// history is a topology, and what becomes of it.
type history []model.Topology

// drawn is the history of a seed; the same one each time.
func drawn(seed int) history {
	return rapid.Custom(func(rt *rapid.T) history {
		t := model.Draw(rt)
		return history{t, model.Change(rt, t)}
	}).Example(seed)
}

// worth tells whether enough packets must arrive somewhere.
func (h history) worth() bool {
	n := 0
	for from := range h[0].Ports {
		for _, sent := range model.Packets(h[0], from) {
			if !slices.Contains(h[0].Arrives(from, sent), model.Lost) {
				n++
			}
		}
	}
	return n >= worthwhile
}

// Topologies that are drawn at random, one after another on the same three hosts: every endpoint sends to every address, and what it
// sends must arrive where the model says, and nowhere else.
func TestRandomTopologies(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	g := newGround(c)
	for seed, made := 1, 0; made < randomTopologies; seed++ {
		states := drawn(seed)
		if !states.worth() {
			continue
		}
		made++
		c.Run(fmt.Sprintf("seed %d", seed), func(c *e2e.Cloud) {
			g.in(c)
			defer g.clear()
			for i, state := range states {
				if err := g.holds(state, 15*time.Second); err != nil {
					less := g.shrunk(state, func(less model.Topology) error { return g.holds(less, 3*time.Second) })
					c.T.Errorf("state %d of %d: %v\n%s\nAs little as fails too:\n%s", i+1, len(states), err, state.YAML(), less.YAML())
					break
				}
			}
			c.T.Logf("%d packets arrived, %d were to go nowhere and did", g.arrived, g.lost)
		})
	}
}

// ground is three hosts on which topologies are made real.
type ground struct {
	c         *e2e.Cloud
	marker    e2e.Tenant
	endpoints map[string]*netlab.Endpoint // by port; they stay from topology to topology
	applied   []string                    // resources of the topology that is there, in the order in which they can be deleted
	macs      map[string]string           // of what is there, as weftd says

	wire    *netlab.Physical // to the outside; nil: there is none
	station *netlab.Endpoint // there
	number  uint16           // of the state

	arrived, lost, answered int
}

func newGround(c *e2e.Cloud) *ground {
	g := &ground{c: c, marker: e2e.Tenant{Project: "marker", VMs: 3}, endpoints: map[string]*netlab.Endpoint{}}
	c.Apply(g.marker.YAML())
	c.VMs(g.marker, "h1", "h2", "h3")
	return g
}

// in counts anew, for a part of the test.
func (g *ground) in(c *e2e.Cloud) {
	g.c, g.arrived, g.lost, g.answered = c, 0, 0, 0
}

// errRefused is of a topology that weftd does not take: what is left of one may be none.
var errRefused = errors.New("it is refused")

// shrunk is a simpler topology that fails as one does, made on its own.
func (g *ground) shrunk(t model.Topology, check func(model.Topology) error) model.Topology {
	began := time.Now()
	return t.Shrink(func(less model.Topology) bool {
		if time.Since(began) > shrinkWithin {
			return false
		}
		g.clear()
		err := check(less)
		return err != nil && !errors.Is(err, errRefused)
	})
}

// clear takes away what there is.
func (g *ground) clear() {
	for _, e := range g.endpoints {
		if e.Plugged() {
			g.c.Do(e.Unplug())
		}
	}
	if len(g.applied) > 0 {
		g.c.Delete(client.DeleteOptions{}, g.applied...)
	}
	g.applied = nil
}

// become makes a topology of what there is, and waits until all hosts have it and their datapaths have forgotten what was.
func (g *ground) become(t model.Topology) error {
	c := g.c
	c.T.Helper()
	g.macs = map[string]string{}
	g.wired(t)
	if _, err := c.TryApply(t.YAML()); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	var routers, ports, networks []string
	for _, r := range t.Routers {
		routers = append(routers, "router/red/"+r.Name)
	}
	for _, p := range t.Ports {
		ports = append(ports, "port/red/"+p.Name)
		g.plug(p)
	}
	for _, n := range t.Networks {
		for _, s := range n.Subnets {
			networks = append(networks, "subnet/red/"+s.Name)
		}
		networks = append(networks, "network/red/"+n.Name)
	}
	translations, external := t.Outside.Keys()
	g.applied = slices.Concat(translations, routers, ports, networks, external)
	c.Eventually(20*time.Second, "ports are where they are plugged", func() error {
		for _, p := range t.Ports {
			want := ""
			if t.Works(p) {
				want = fmt.Sprintf("h%d", p.Host)
			}
			if got := c.Get("port/red/" + p.Name).GetStatus().GetPort().GetHost(); got != want {
				return fmt.Errorf("%s is on %q, want %q", p.Name, got, want)
			}
		}
		return nil
	})
	// Plugging is no revision: one that comes after it is realised when it is.
	c.Apply(fmt.Sprintf("description: %q\n%s", time.Now(), g.marker.Port(1, "")))
	c.Synced()
	c.Revalidated()
	return nil
}

// plug puts an endpoint where the topology has it.
func (g *ground) plug(p model.Port) {
	e := g.endpoints[p.Name]
	switch host := fmt.Sprintf("h%d", p.Host); {
	case p.Host == 0 && e != nil && e.Plugged():
		g.c.Do(e.Unplug())
	case p.Host == 0:
	case e == nil:
		g.endpoints[p.Name] = netlab.Must(g.c.Host(host).AddEndpoint("red-"+p.Name, netlab.EndpointOptions{IfaceID: "red/" + p.Name}))(g.c.T)
	case e.Host().Name() != host:
		g.c.Do(e.MoveTo(g.c.Host(host)))
		fallthrough
	default:
		if !e.Plugged() {
			g.c.Do(e.Plug())
		}
	}
}

// dispatch is a packet of the matrix: who sends it, how its frame looks, and where it may arrive.
type dispatch struct {
	from  model.Port
	sent  model.Packet
	mac   net.HardwareAddr // of the next station
	may   []string         // ports
	must  bool             // arrive
	came  map[uint32][]string
	tries uint32
}

// markLen is the length of what a packet is known by: eight bytes of this state, a number, and which try it is.
const markLen = 16

// holds makes a topology real, and says which packets went elsewhere than the model says. What must arrive and does not is sent again
// for some time, because a busy machine loses packets; what must not has no second chance.
func (g *ground) holds(t model.Topology, within time.Duration) error {
	if err := g.become(t); err != nil {
		return err
	}
	all := g.matrix(t)
	captures := map[string]*netlab.Capture{}
	for name, e := range g.endpoints {
		captures[name] = netlab.Must(e.Capture("udp"))(g.c.T)
	}
	state := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
	err := netlab.Eventually(within, "every packet arrives where it must", func() error {
		for i, d := range all {
			if d.tries == 0 || d.must && len(d.came) == 0 {
				d.tries++
				mark := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(slices.Clone(state), uint32(i)), d.tries)
				g.c.Do(g.endpoints[d.from.Name].Send(d.sent.Frame(e2e.MAC(g.mac("port/red/"+d.from.Name)), d.mac, mark)))
			}
		}
		g.c.Arrived()
		see(all, captures, state)
		return errors.Join(missing(all)...)
	})
	for _, c := range captures {
		_, stopped := c.Stop()
		err = errors.Join(err, stopped)
	}
	for _, d := range all {
		err = errors.Join(err, d.strayed())
		if len(d.came) > 0 {
			g.arrived++
		} else {
			g.lost++
		}
	}
	return err
}

// matrix are the packets of all endpoints that have somebody to send them to.
func (g *ground) matrix(t model.Topology) []*dispatch {
	var all []*dispatch
	for from, p := range t.Ports {
		if p.Host == 0 {
			continue
		}
		for _, sent := range model.Packets(t, from) {
			next := g.next(t, from, sent.To)
			if next == "" {
				continue
			}
			d := &dispatch{from: p, sent: sent, mac: e2e.MAC(next), came: map[uint32][]string{}}
			at := t.Arrives(from, sent)
			d.must = !slices.Contains(at, model.Lost)
			for _, i := range at {
				if i != model.Lost {
					d.may = append(d.may, t.Ports[i].Name)
				}
			}
			all = append(all, d)
		}
	}
	return all
}

// next is the MAC address of the station that an endpoint sends to what is for an address; empty: it has nobody to send it to.
func (g *ground) next(t model.Topology, from int, to netip.Addr) string {
	switch port, router := t.Next(from, to); {
	case port != "":
		return g.mac("port/red/" + port)
	case router != "":
		return g.mac("router/red/" + router)
	}
	return ""
}

// mac is the MAC address that weftd says that something has; of a gateway and of a floating IP, the one outside.
func (g *ground) mac(key string) string {
	if mac, known := g.macs[key]; known {
		return mac
	}
	st := g.c.Get(strings.TrimPrefix(key, "gateway of ")).GetStatus()
	switch {
	case strings.HasPrefix(key, "gateway of "):
		g.macs[key] = st.GetRouter().GetExternalGateway().GetMacAddress()
	case strings.HasPrefix(key, "router/"):
		g.macs[key] = st.GetRouter().GetMacAddress()
	case strings.HasPrefix(key, "port/"):
		g.macs[key] = st.GetPort().GetMacAddress()
	default:
		g.macs[key] = st.GetFloatingIp().GetMacAddress()
	}
	return g.macs[key]
}

// see notes at whom packets of this state have arrived so far.
func see(all []*dispatch, captures map[string]*netlab.Capture, state []byte) {
	for _, d := range all {
		clear(d.came)
	}
	for name, c := range captures {
		for _, p := range c.Received() {
			mark := model.Mark(p.Data, markLen)
			if mark == nil || string(mark[:8]) != string(state) {
				continue
			}
			d, try := all[binary.BigEndian.Uint32(mark[8:])], binary.BigEndian.Uint32(mark[12:])
			d.came[try] = append(d.came[try], name)
		}
	}
}

// missing says which packets must arrive somewhere and have not.
func missing(all []*dispatch) []error {
	var errs []error
	for _, d := range all {
		if d.must && len(d.came) == 0 {
			errs = append(errs, fmt.Errorf("%s sends %+v: arrives nowhere, and must at %s", d.from.Name, d.sent, strings.Join(d.may, " or ")))
		}
	}
	return errs[:min(len(errs), 5)]
}

// strayed says where a packet arrived and may not, or twice.
func (d *dispatch) strayed() error {
	for _, try := range slices.Sorted(maps.Keys(d.came)) {
		if at := d.came[try]; len(at) > 1 || !slices.Contains(d.may, at[0]) {
			return fmt.Errorf("%s sends %+v: arrives at %v, and may only at [%s]", d.from.Name, d.sent, at, strings.Join(d.may, " or "))
		}
	}
	return nil
}
