package model

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// external is the wire to what is outside, and the name of the station there.
const external = "ext"

var (
	stationMAC  = flow.MACAddr{0x02, 0, 0, 0, 0, 0xfe}
	externalNet = intent.Key{Kind: intent.KindNetwork, Project: "red", Name: "ext"}
)

// wire joins the hosts that have a wire to the external network.
func (w *world) wire(t Topology) {
	if len(t.Outside.Wired) == 0 {
		return
	}
	w.fabric.Station(external, external)
	for h := 1; h <= t.Hosts; h++ {
		m := intent.Mapping{Key: intent.MappingKey{Host: fmt.Sprintf("h%d", h), Physical: external}, Bridge: "br-ext"}
		if t.Outside.Wired[h] {
			w.tables.Mappings.Put(m)
		} else {
			w.tables.Mappings.Delete(m.Key)
		}
	}
	for _, four := range []bool{true, false} {
		ip, _ := Station(four)
		w.tables.Neighbours.Put(intent.Neighbour{Network: externalNet, IP: ip, MAC: stationMAC})
	}
}

// loadOutside takes over what translates.
func (w *world) loadOutside(res *weftv1.Resource) {
	switch intent.KeyOf(res).Kind {
	case intent.KindSubnet:
		row, err := intent.SubnetRow(res)
		w.must(err)
		w.tables.Subnets.Put(row)
	case intent.KindFloatingIP:
		row, err := intent.FloatingIPRow(res)
		w.must(err)
		w.tables.FloatingIPs.Put(row)
	case intent.KindPortForwarding:
		row, err := intent.PortForwardingRow(res)
		w.must(err)
		w.tables.PortForwardings.Put(row)
	case intent.KindNATRule:
		row, err := intent.NATRuleRow(res)
		w.must(err)
		w.tables.NATRules.Put(row)
	}
}

// TestOutsideAgrees draws topologies whose routers lead outside. Endpoints and the station outside send to each other, to floating IPs
// and to forwarded ports: what arrives must be translated as the model says, and who got something can answer it.
func TestOutsideAgrees(t *testing.T) {
	arrived, lost, answered := 0, 0, 0
	check := func(rt *rapid.T) {
		w, topology := newWorld(rt), DrawOutside(rt)
		for state := range rapid.IntRange(1, 3).Draw(rt, "states") {
			w.become(rt, topology)
			for from := Outdoors; from < len(topology.Ports); from++ {
				if from == Lost {
					continue
				}
				for _, d := range topology.Datagrams(from) {
					d.FromPort += uint16(state) // connections of the state before may go on as they are
					got, arrives := w.passes(topology, from, d, topology.Crosses(from, d))
					if !arrives {
						lost++
						continue
					}
					arrived++
					if back := (Crossing{from, d.Answer()}); topology.Answerable(from, d, got) {
						answered++
						w.passes(topology, got.At, got.Got.Answer(), []Crossing{back})
					}
				}
			}
			topology = ChangeOutside(rt, topology)
		}
	}
	for range 3 { // a hundred topologies each
		rapid.Check(t, check)
	}
	if arrived < 1000 || lost < 1000 || answered < 500 {
		t.Errorf("%d datagrams arrived, %d did not, %d were answered: too few to tell", arrived, lost, answered)
	}
	t.Logf("%d datagrams arrived, %d did not, %d were answered", arrived, lost, answered)
}

// passes sends a datagram, and demands that it arrives as it must.
func (w *world) passes(t Topology, from int, d Datagram, may []Crossing) (Crossing, bool) {
	name := func(i int) string {
		switch i {
		case Lost:
			return "nobody"
		case Outdoors:
			return external
		}
		return t.Ports[i].Name
	}
	var who []string
	var what Datagram
	for _, a := range w.sendDatagram(t, from, d) {
		if got, ok := Read(a.frame); ok && (a.at != external || from != Outdoors) {
			who, what = append(who, a.at), got
		}
	}
	for _, c := range may {
		if c.At == Lost && len(who) == 0 {
			return Crossing{Lost, what}, false
		}
		if got := (Crossing{c.At, what}); c.At != Lost && slices.Equal(who, []string{name(c.At)}) && c.Allows(got) {
			return got, true
		}
	}
	w.rt.Fatalf("%s sends %+v: %v get %+v, want one of %+v\n%s%+v", name(from), d, who, what, may, t.YAML(), t.Outside.Wired)
	return Crossing{}, false
}

// landing is a frame at somebody.
type landing struct {
	at    string
	frame []byte
}

// sendDatagram has an endpoint or the station outside send, as one that knows its neighbours. The station takes what is for it.
func (w *world) sendDatagram(t Topology, from int, d Datagram) []landing {
	sender, own, next := external, stationMAC, flow.MACAddr{}
	if from == Outdoors {
		e, ok := w.tables.Externals.Peek(intent.ExternalKey{Network: externalNet, IP: d.To})
		if !ok {
			return nil
		}
		next = e.MAC
	} else {
		p := t.Ports[from]
		mac, ok := w.mac(t.Next(from, d.To))
		if !ok || p.Host == 0 {
			return nil
		}
		sender, next = p.Name, mac
		own, _ = w.mac(p.Name, "")
	}
	j := w.fabric.Send(sender, d.Frame(own[:], next[:], nil))
	if j.Err != nil {
		w.rt.Fatalf("%s sends %+v: %v\n%s", sender, d, j.Err, t.YAML())
	}
	var all []landing
	for _, a := range j.Deliveries {
		if a.Endpoint != external || slices.Equal(a.Frame[:6], stationMAC[:]) {
			all = append(all, landing{a.Endpoint, a.Frame})
		}
	}
	return all
}
