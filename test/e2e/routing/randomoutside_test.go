package routing_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/model"
	"github.com/weft-sdn/weft/test/netlab"
)

// Topologies whose routers lead outside are made until this many were worth it: this many datagrams must arrive somewhere, and this many of
// them come from outside or go there.
const (
	outsideTopologies = 10
	outsideWorth      = 40
	outsideOutside    = 10
)

// drawnOutside is the history of a seed, of routers that lead outside; the same one each time.
func drawnOutside(seed int) history {
	return rapid.Custom(func(rt *rapid.T) history {
		t := model.DrawOutside(rt)
		return history{t, model.ChangeOutside(rt, t)}
	}).Example(seed)
}

// worthOutside tells whether enough datagrams must arrive somewhere, and enough of them cross.
func (h history) worthOutside() bool {
	arrive, cross := 0, 0
	for _, from := range senders(h[0]) {
		for _, d := range h[0].Datagrams(from) {
			may := h[0].Crosses(from, d)
			is := func(at int) bool {
				return slices.ContainsFunc(may, func(c model.Crossing) bool { return c.At == at })
			}
			switch {
			case is(model.Lost):
			case from == model.Outdoors || is(model.Outdoors):
				cross++
				fallthrough
			default:
				arrive++
			}
		}
	}
	return arrive >= outsideWorth && cross >= outsideOutside
}

// senders are the station outside and all endpoints.
func senders(t model.Topology) []int {
	all := []int{model.Outdoors}
	for i := range t.Ports {
		all = append(all, i)
	}
	return all
}

// Topologies whose routers lead outside, drawn at random, one after another on the same three hosts: endpoints and a station outside send
// to each other, to floating IPs and to forwarded ports. What they send must arrive where the model says, translated as it says, and
// nowhere else, and who got something answers it.
func TestRandomOutside(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	g := newGround(c)
	g.outdoors(c)
	for seed, made := 1, 0; made < outsideTopologies; seed++ {
		states := drawnOutside(seed)
		if !states.worthOutside() {
			continue
		}
		made++
		c.Run(fmt.Sprintf("seed %d", seed), func(c *e2e.Cloud) {
			g.in(c)
			defer g.clear()
			for i, state := range states {
				if err := g.crosses(state, 15*time.Second); err != nil {
					less := g.shrunk(state, func(less model.Topology) error { return g.crosses(less, 3*time.Second) })
					c.T.Errorf("state %d of %d: %v\n%s%+v\nAs little as fails too:\n%s%+v", i+1, len(states), err, state.YAML(), state.Outside.Wired,
						less.YAML(), less.Outside.Wired)
					break
				}
			}
			c.T.Logf("%d datagrams arrived, %d were to go nowhere and did, %d were answered", g.arrived, g.lost, g.answered)
		})
	}
}

// outdoors makes a physical network, and the station on it.
func (g *ground) outdoors(c *e2e.Cloud) {
	g.wire = c.Physical("ext", "h1", "h2", "h3")
	four, far4 := model.Station(true)
	six, far6 := model.Station(false)
	g.station = netlab.Must(g.wire.Machine("outside", netlab.EndpointOptions{Addresses: []string{four.String() + "/24", six.String() + "/64"}}))(c.T)
	c.Do(g.station.Sysctl("ipv4/ip_forward", "0"), g.station.Sysctl("ipv6/conf/all/forwarding", "0"))
	for _, ip := range []string{far4.String() + "/32", far6.String() + "/128"} {
		_, err := g.station.Exec("ip", "addr", "add", ip, "dev", "lo")
		c.Do(err)
	}
}

// wired joins the hosts to the wire that a topology joins to it.
func (g *ground) wired(t model.Topology) {
	if len(t.Outside.Wired) == 0 {
		return
	}
	for h := 1; h <= t.Hosts; h++ {
		host := g.c.Host(fmt.Sprintf("h%d", h))
		if t.Outside.Wired[h] {
			g.c.Do(g.wire.Map(host))
		} else {
			g.c.Do(g.wire.Unmap(host))
		}
	}
	g.c.Eventually(20*time.Second, "hosts say who is wired", func() error {
		for h := 1; h <= t.Hosts; h++ {
			name := fmt.Sprintf("h%d", h)
			if _, is := g.c.Get("host/" + name).GetStatus().GetHost().GetBridgeMappings()["ext"]; is != t.Outside.Wired[h] {
				return fmt.Errorf("%s: %t", name, is)
			}
		}
		return nil
	})
}

// flight is a datagram of the matrix: who sends it, to which station, and as what and where it may arrive.
type flight struct {
	from  int
	sent  model.Datagram
	mac   net.HardwareAddr
	may   []model.Crossing
	must  bool // arrive
	came  map[uint32][]model.Crossing
	tries uint32
}

// got is what became of it, if it arrived.
func (f *flight) got() (model.Crossing, bool) {
	for _, came := range f.came {
		return came[0], true
	}
	return model.Crossing{}, false
}

// crosses makes a topology real, and says which datagrams, and which answers to them, did not arrive as the model says.
func (g *ground) crosses(t model.Topology, within time.Duration) error {
	if err := g.become(t); err != nil {
		return err
	}
	g.number++ // connections of the state before may go on as they are
	var first []*flight
	for _, from := range senders(t) {
		for _, d := range t.Datagrams(from) {
			d.FromPort += g.number
			if f, ok := g.flight(t, from, d, t.Crosses(from, d)); ok {
				first = append(first, f)
			}
		}
	}
	if err := g.fly(t, first, within); err != nil {
		return err
	}
	var answers []*flight
	for _, f := range first {
		got, ok := f.got()
		if !ok || !t.Answerable(f.from, f.sent, got) {
			continue
		}
		back := []model.Crossing{{At: f.from, Got: f.sent.Answer()}}
		if a, ok := g.flight(t, got.At, got.Got.Answer(), back); ok {
			answers = append(answers, a)
		}
	}
	g.answered += len(answers)
	return g.fly(t, answers, within)
}

// flight is a datagram of somebody who knows its neighbours; false where there is nobody to send it to.
func (g *ground) flight(t model.Topology, from int, d model.Datagram, may []model.Crossing) (*flight, bool) {
	f := &flight{from: from, sent: d, may: may, came: map[uint32][]model.Crossing{}}
	f.must = !slices.ContainsFunc(may, func(c model.Crossing) bool { return c.At == model.Lost })
	var mac string
	if from == model.Outdoors {
		mac = g.external(t, d)
	} else if t.Ports[from].Host != 0 {
		mac = g.next(t, from, d.To)
	}
	if mac == "" {
		return nil, false
	}
	f.mac = e2e.MAC(mac)
	return f, true
}

// external is the MAC address outside of who has the address that a datagram is for.
func (g *ground) external(t model.Topology, d model.Datagram) string {
	for _, f := range t.Outside.Floats {
		if f.IP == d.To {
			return g.mac("floatingip/red/" + f.Name)
		}
	}
	for _, o := range t.Outside.Gateways {
		if o.IP4 == d.To || o.IP6 == d.To {
			return g.mac("gateway of router/red/" + t.Routers[o.Router].Name)
		}
	}
	return ""
}

// fly sends datagrams, and says which did not arrive as they may. What must arrive and does not is sent again for some time, because a busy
// machine loses packets, and because next hops outside are asked for; what must not has no second chance.
func (g *ground) fly(t model.Topology, all []*flight, within time.Duration) error {
	captures := map[int]*netlab.Capture{}
	for _, at := range senders(t) {
		if e := g.at(t, at); e != nil {
			captures[at] = netlab.Must(e.Capture("udp"))(g.c.T)
		}
	}
	state := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
	err := netlab.Eventually(within, "every datagram arrives where it must", func() error {
		for i, f := range all {
			if f.tries == 0 || f.must && len(f.came) == 0 {
				f.tries++
				mark := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(slices.Clone(state), uint32(i)), f.tries)
				g.c.Do(g.at(t, f.from).Send(f.sent.Frame(g.own(t, f.from), f.mac, mark)))
			}
		}
		g.c.Arrived()
		g.land(all, captures, state)
		var errs []error
		for _, f := range all {
			if f.must && len(f.came) == 0 {
				errs = append(errs, fmt.Errorf("%s sends %+v: arrives nowhere, and must as one of %+v", g.at(t, f.from).Name(), f.sent, f.may))
			}
		}
		return errors.Join(errs[:min(len(errs), 5)]...)
	})
	for _, c := range captures {
		_, stopped := c.Stop()
		err = errors.Join(err, stopped)
	}
	for _, f := range all {
		err = errors.Join(err, f.strayed(g.at(t, f.from).Name()))
		if len(f.came) > 0 {
			g.arrived++
		} else {
			g.lost++
		}
	}
	return err
}

// at is the endpoint of a port, or the station outside; nil where there is none.
func (g *ground) at(t model.Topology, at int) *netlab.Endpoint {
	if at == model.Outdoors {
		return g.station
	}
	return g.endpoints[t.Ports[at].Name]
}

// own is the MAC address of who sends.
func (g *ground) own(t model.Topology, from int) net.HardwareAddr {
	if from == model.Outdoors {
		return g.station.MAC()
	}
	return e2e.MAC(g.mac("port/red/" + t.Ports[from].Name))
}

// land notes at whom datagrams of this state have arrived so far, and as what. The station takes what is for it.
func (g *ground) land(all []*flight, captures map[int]*netlab.Capture, state []byte) {
	for _, f := range all {
		clear(f.came)
	}
	station := g.station.MAC().String()
	for at, c := range captures {
		for _, p := range c.Received() {
			mark := model.Mark(p.Data, markLen)
			if mark == nil || string(mark[:8]) != string(state) || at == model.Outdoors && net.HardwareAddr(p.Data[:6]).String() != station {
				continue
			}
			if d, ok := model.Read(p.Data); ok {
				f, try := all[binary.BigEndian.Uint32(mark[8:])], binary.BigEndian.Uint32(mark[12:])
				f.came[try] = append(f.came[try], model.Crossing{At: at, Got: d})
			}
		}
	}
}

// strayed says where a datagram arrived and may not, as what it may not, or twice.
func (f *flight) strayed(from string) error {
	for _, try := range slices.Sorted(maps.Keys(f.came)) {
		came := f.came[try]
		if len(came) > 1 || !slices.ContainsFunc(f.may, func(c model.Crossing) bool { return c.Allows(came[0]) }) {
			return fmt.Errorf("%s sends %+v: arrives as %+v, and may only as one of %+v", from, f.sent, came, f.may)
		}
	}
	return nil
}
