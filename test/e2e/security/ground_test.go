package security_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/model"
	"github.com/weft-sdn/weft/test/netlab"
)

// ground is three hosts on which topologies are made real. Its endpoints have no addresses, so that nothing is on the wire but what is
// sent here.
type ground struct {
	c         *e2e.Cloud
	marker    e2e.Tenant
	endpoints map[string]*netlab.Endpoint // by port, "red/p0"; they stay from history to history
	applied   []string                    // resources that are there, in the order in which they can be deleted
	macs      map[string]net.HardwareAddr // of ports and routers of the topology that is there
	captures  map[string]*netlab.Capture  // by port
	state     []byte                      // by which packets of this state are known
	sent      []*dispatch                 // in this state
	within    time.Duration               // how long what must arrive may take
}

// dispatch is a packet, and where it arrived at each try.
type dispatch struct {
	from, to string // ports
	what     model.Segment
	number   uint32
	frame    func() []byte // with a mark that says which packet it is, of which try
	place    int           // of the mark in the frame
	must     bool
	came     map[uint32][]string
	tries    uint32
}

func newGround(c *e2e.Cloud) *ground {
	marker := e2e.Tenant{Project: "marker", VMs: 3}
	c.Apply(marker.YAML())
	c.VMs(marker, "h1", "h2", "h3")
	return &ground{c: c, marker: marker, endpoints: map[string]*netlab.Endpoint{}, within: 15 * time.Second}
}

func path(p model.Port) string { return p.Owner() + "/" + p.Name }

// resources are what a topology is applied as, in an order in which it can be deleted.
func resources(t model.Topology) []string {
	var all []string
	for _, r := range t.Routers {
		all = append(all, "router/red/"+r.Name)
	}
	for _, p := range t.Ports {
		all = append(all, "port/"+path(p))
	}
	for _, n := range t.Networks {
		for _, s := range n.Subnets {
			all = append(all, "subnet/red/"+s.Name)
		}
		all = append(all, "network/red/"+n.Name)
	}
	for _, l := range t.Security.Groups {
		all = append(all, "securitygroup/"+l.Path())
	}
	for _, l := range t.Security.Policies {
		all = append(all, "securitypolicy/"+l.Path())
	}
	for _, s := range t.Security.Sets {
		all = append(all, "addressgroup/"+s.Path())
	}
	return all
}

// become makes a topology of what there is, and waits until all hosts have it and their datapaths have forgotten what was.
func (g *ground) become(t model.Topology) {
	c := g.c
	c.T.Helper()
	wanted := map[string]bool{}
	for _, p := range t.Ports {
		wanted[path(p)] = true
	}
	for name, e := range g.endpoints {
		if !wanted[name] && e.Plugged() {
			c.Do(e.Unplug())
		}
	}
	g.swap(resources(t), func() { c.Apply(t.YAML()) })
	for _, p := range t.Ports {
		g.plug(p)
	}
	g.macs = map[string]net.HardwareAddr{}
	c.Eventually(20*time.Second, "ports are where they are plugged", func() error {
		for _, p := range t.Ports {
			st := c.Get("port/" + path(p)).GetStatus().GetPort()
			if want := fmt.Sprintf("h%d", p.Host); st.GetHost() != want {
				return fmt.Errorf("%s is on %q, want %q", p.Name, st.GetHost(), want)
			}
			g.macs[path(p)] = e2e.MAC(st.GetMacAddress())
		}
		return nil
	})
	for _, r := range t.Routers {
		g.macs["router"] = e2e.MAC(c.Get("router/red/" + r.Name).GetStatus().GetRouter().GetMacAddress())
	}
	// Plugging is no revision: one that comes after it is realised when it is.
	c.Apply(fmt.Sprintf("description: %q\n%s", time.Now(), g.marker.Port(1, "")))
	c.Synced()
	c.Revalidated()
}

// swap does what makes resources be there, and deletes those that were and shall not be any more.
func (g *ground) swap(resources []string, apply func()) {
	apply()
	gone := slices.DeleteFunc(slices.Clone(g.applied), func(r string) bool { return slices.Contains(resources, r) })
	if len(gone) > 0 {
		g.c.Delete(client.DeleteOptions{}, gone...)
	}
	g.applied = resources
}

// clear takes away what there is.
func (g *ground) clear() {
	for _, e := range g.endpoints {
		if e.Plugged() {
			g.c.Do(e.Unplug())
		}
	}
	g.swap(nil, func() {})
}

// plug puts an endpoint where the topology has it.
func (g *ground) plug(p model.Port) {
	name, host := path(p), fmt.Sprintf("h%d", p.Host)
	e := g.endpoints[name]
	switch {
	case e == nil:
		g.endpoints[name] = netlab.Must(g.c.Host(host).AddEndpoint(strings.ReplaceAll(name, "/", "-"), netlab.EndpointOptions{IfaceID: name}))(g.c.T)
	case e.Host().Name() != host:
		g.c.Do(e.MoveTo(g.c.Host(host)))
		fallthrough
	default:
		if !e.Plugged() {
			g.c.Do(e.Plug())
		}
	}
}

// open starts to see what arrives.
func (g *ground) open() {
	g.sent, g.captures = nil, map[string]*netlab.Capture{}
	g.state = binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
	for name, e := range g.endpoints {
		if e.Plugged() {
			g.captures[name] = netlab.Must(e.Capture(""))(g.c.T)
		}
	}
}

// close ends that, and tells what arrived where it may not.
func (g *ground) close() error {
	var errs []error
	for _, c := range g.captures {
		_, err := c.Stop()
		errs = append(errs, err)
	}
	g.see()
	for _, d := range g.sent {
		errs = append(errs, d.strayed())
	}
	return errors.Join(errs...)
}

// markLen is the length of what a packet is known by: eight bytes of the state, a number, and which try it is. burst is how many packets
// a port sends before it is waited until they have arrived: a switch takes as many of a port before it turns to the next one.
const markLen, burst = 16, 64

// dispatch is a packet that is to be sent.
func (g *ground) dispatch(t model.Topology, from, to int, s model.Segment, must bool) *dispatch {
	sender, receiver := t.Ports[from], t.Ports[to]
	next := g.macs[path(receiver)]
	if sender.Network != receiver.Network {
		next = g.macs["router"]
	}
	d := &dispatch{from: path(sender), to: path(receiver), what: s, must: must, came: map[uint32][]string{}}
	d.number = uint32(len(g.sent))
	d.frame = func() []byte {
		mark := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(slices.Clone(g.state), d.number), d.tries)
		return s.Frame(g.macs[d.from], next, mark)
	}
	d.place = bytes.Index(d.frame(), g.state)
	g.sent = append(g.sent, d)
	return d
}

// send sends packets, and waits until those that must arrive have. They are sent again for some time, because a busy machine loses
// packets; what must not arrive has no second chance.
func (g *ground) send(all []*dispatch) error {
	return netlab.Eventually(g.within, "every packet that must arrive does", func() error {
		left := map[string][]*dispatch{}
		for _, d := range all {
			if d.tries == 0 || d.must && len(d.came) == 0 {
				left[d.from] = append(left[d.from], d)
			}
		}
		for len(left) > 0 {
			for from, some := range left {
				n := min(burst, len(some))
				var frames [][]byte
				for _, d := range some[:n] {
					d.tries++
					frames = append(frames, d.frame())
				}
				g.c.Do(g.endpoints[from].Send(frames...))
				if left[from] = some[n:]; n == len(some) {
					delete(left, from)
				}
			}
			g.c.Arrived()
		}
		g.see()
		var missing []error
		for _, d := range all {
			if d.must && len(d.came) == 0 {
				missing = append(missing, fmt.Errorf("%s sends %+v: arrives nowhere, and must at %s", d.from, d.what, d.to))
			}
		}
		return errors.Join(missing[:min(len(missing), 5)]...)
	})
}

// see notes at whom packets of this state have arrived so far. ICMP errors that quote one are longer than it.
func (g *ground) see() {
	for _, d := range g.sent {
		clear(d.came)
	}
	for name, c := range g.captures {
		for _, p := range c.Received() {
			at := bytes.Index(p.Data, g.state)
			if at < 0 || at+markLen > len(p.Data) {
				continue
			}
			mark := p.Data[at:]
			if d, try := g.sent[binary.BigEndian.Uint32(mark[8:])], binary.BigEndian.Uint32(mark[12:]); at == d.place {
				d.came[try] = append(d.came[try], name)
			}
		}
	}
}

// strayed says where a packet arrived and must not, or twice.
func (d *dispatch) strayed() error {
	for _, at := range d.came {
		if !d.must || len(at) > 1 || at[0] != d.to {
			return fmt.Errorf("%s sends %+v to %s: arrives at %v; it must: %t", d.from, d.what, d.to, at, d.must)
		}
	}
	return nil
}
