package route

import (
	"maps"
	"slices"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	packets "github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	arpRequest, solicitation = 1, 135

	prioFront = 40 // in table arrived, below what only one router's gateway takes

	// announcements is how often a new seat is told, a second apart: what is sent while switches learn may be lost.
	announcements = 3
)

// onWire returns the hosts that have a wire of a network.
func (a app) onWire(r *table.Reader, network intent.Key) map[string]bool {
	hosts := map[string]bool{}
	for s := range a.SegmentsOf.List(r, network) {
		if by, err := carry.Of(s.Type); err == nil && by.Family() == carry.Wires {
			for _, host := range a.AttachedHosts.List(r, s.Key) {
				hosts[host] = true
			}
		}
	}
	return hosts
}

// seat derives on which host stations on the wires of a network find a router: of those where it is active and that have a wire, the
// one with the highest hash, which is connected if any is.
func (a app) seat(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	if _, _, ok := a.both(r, i); !ok {
		return
	}
	wires := a.onWire(r, i.Network)
	key := intent.SeatKey{Network: i.Network, MAC: i.MAC}
	best, any := "", ""
	for _, host := range a.ActiveOn.List(r, i.Key.Router) {
		if !wires[host] {
			continue
		}
		any = pipeline.Nearer(key.String(), any, host)
		if _, away := a.Away.Get(r, intent.Away{Host: host}); !away {
			best = pipeline.Nearer(key.String(), best, host)
		}
	}
	if best == "" {
		best = any // a host that is away may still carry packets
	}
	if best != "" {
		compile.Emit(out, a.Seats, intent.Seat{Key: key, Host: best})
	}
}

// entrances are the hosts where frames for the router's address on a network come in: from ports, and where it has its seat.
func (a app) entrances(r *table.Reader, i intent.RouterInterface) []string {
	hosts := a.SitesOf.List(r, i.Network)
	seat, ok := a.Seats.Get(r, intent.SeatKey{Network: i.Network, MAC: i.MAC})
	if ok && !slices.Contains(hosts, seat.Host) {
		hosts = append(slices.Clone(hosts), seat.Host)
	}
	return hosts
}

// front takes in what stations on wires send to a router, and what they ask of it, at its seat. What they send to a host's own address
// for the router is taken in there.
func (a app) front(r *table.Reader, i intent.RouterInterface, out *compile.Out) {
	_, n, ok := a.both(r, i)
	if !ok {
		return
	}
	seat, ok := a.Seats.Get(r, intent.SeatKey{Network: i.Network, MAC: i.MAC})
	if !ok {
		return
	}
	net, enter := pipeline.Net.Is(uint64(n.Tag)), flow.Actions{pipeline.Via.Set(0), pipeline.OneWay.Set(1), flow.Goto(pipeline.RouterIn)}
	out.Flow(seat.Host, pipeline.Arrived, prioFront, flow.Match{net, flow.MAC(flow.EthDst, i.MAC)}, enter)
	for _, asked := range asks(i) {
		out.Flow(seat.Host, pipeline.Arrived, prioFront+1, append(flow.Match{net}, asked...), flow.Actions{flow.Goto(pipeline.Resolve)})
	}
	wires := a.onWire(r, i.Network)
	for _, host := range a.entrances(r, i) {
		if host != seat.Host && wires[host] {
			out.Flow(host, pipeline.Arrived, prioFront, flow.Match{net, flow.MAC(flow.EthDst, pipeline.WireMAC(i.MAC, host))},
				append(flow.Actions{flow.SetField(flow.MAC(flow.EthDst, i.MAC))}, enter...))
		}
	}
}

// asks matches questions for the addresses of an interface.
func asks(i intent.RouterInterface) []flow.Match {
	if i.IP.Is4() {
		return []flow.Match{{flow.U32(flow.ARPOp, arpRequest), flow.IP(flow.ARPTPA, i.IP)}}
	}
	var all []flow.Match
	for _, ip := range []flow.Field{flow.IP(flow.NDTarget, i.IP), flow.IP(flow.NDTarget, i.LinkLocal())} {
		all = append(all, flow.Match{flow.U32(flow.ICMPv6Type, solicitation), flow.U32(flow.ICMPv6Code, 0), ip})
	}
	return all
}

// told is how often a seat was announced.
type told struct {
	intent.Seat
	times int
}

func newAnswerer(t *intent.Tables) *answerer {
	a := &answerer{Tables: t, told: map[intent.SeatKey]*told{}, due: map[intent.SeatKey]struct{}{}}
	t.Seats.Watch(func(k intent.SeatKey) { a.due[k] = struct{}{} })
	return a
}

// tell announces seats that are new, so that switches outside know where the routers' addresses are.
func (a *answerer) tell(out *packets.Outbox) {
	for _, k := range slices.SortedFunc(maps.Keys(a.due), func(x, y intent.SeatKey) int { return slices.Compare(x.MAC[:], y.MAC[:]) }) {
		if !a.announce(k, out) {
			delete(a.due, k)
		}
	}
}

// announce tells one seat, and says whether that is to be done again.
func (a *answerer) announce(k intent.SeatKey, out *packets.Outbox) bool {
	var r table.Reader // what handlers read is nobody's to remember
	seat, ok := a.Seats.Get(&r, k)
	n, known := a.Networks.Get(&r, k.Network)
	if !ok || !known {
		delete(a.told, k)
		return false
	}
	t := a.told[k]
	if t == nil || t.Seat != seat {
		t = &told{Seat: seat}
		a.told[k] = t
	}
	sent := false
	for i := range a.InterfacesOn.List(&r, k.Network) {
		if i.MAC != k.MAC {
			continue
		}
		if frame, err := pipeline.Announcement(i.MAC, i.IP); err == nil {
			sent = out.Send(seat.Host, packets.Out{InPort: flow.PortController, Data: frame, Actions: pipeline.SendOn(n.Tag)}) || sent
		}
	}
	if sent {
		t.times++
	}
	return t.times < announcements
}
