package route

import (
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	packets "github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// codes are what RFC 792, RFC 1812 (section 5.2.7) and RFC 4443 (section 3) say for each fate.
var codes = map[pipeline.Fate]struct{ v4, v6 pipeline.ICMPCode }{
	pipeline.Expired:         {v4: pipeline.ICMPCode{Type: 11, Code: 0}, v6: pipeline.ICMPCode{Type: 3, Code: 0}},
	pipeline.NoRoute:         {v4: pipeline.ICMPCode{Type: 3, Code: 0}, v6: pipeline.ICMPCode{Type: 1, Code: 0}},
	pipeline.Prohibited:      {v4: pipeline.ICMPCode{Type: 3, Code: 13}, v6: pipeline.ICMPCode{Type: 1, Code: 1}},
	pipeline.NoHost:          {v4: pipeline.ICMPCode{Type: 3, Code: 1}, v6: pipeline.ICMPCode{Type: 1, Code: 3}},
	pipeline.NoPort:          {v4: pipeline.ICMPCode{Type: 3, Code: 3}, v6: pipeline.ICMPCode{Type: 1, Code: 4}},
	pipeline.TooLarge:        {v4: pipeline.ICMPCode{Type: 3, Code: 4}, v6: pipeline.ICMPCode{Type: 2, Code: 0}},
	pipeline.Rejected:        {v4: pipeline.ICMPCode{Type: 3, Code: 13}, v6: pipeline.ICMPCode{Type: 1, Code: 1}},
	pipeline.TooLargeOutside: {v4: pipeline.ICMPCode{Type: 3, Code: 4}, v6: pipeline.ICMPCode{Type: 2, Code: 0}},
}

// answerer tells senders why their packets were not forwarded.
type answerer struct {
	*intent.Tables
	told map[intent.SeatKey]*told
	due  map[intent.SeatKey]struct{} // changed since, or not told often enough
}

// Tick tells stations where routers are; errors are sent at once or not at all.
func (a *answerer) Tick(_ time.Time, out *packets.Outbox) { a.tell(out) }

// Packet answers a packet that could not be forwarded: at the port that it came in by, or else by the routes of its router.
func (a *answerer) Packet(p *packets.Packet, out *packets.Outbox) {
	var r table.Reader // what handlers read is nobody's to remember
	for router := range a.RouterByTag.List(&r, uint32(p.Register(pipeline.Router))) {
		answer := packets.Out{InPort: flow.PortController}
		var err error
		if port, bound := a.sender(&r, p); bound {
			answer.Data, err = a.answer(&r, p, port, router)
			answer.Actions = pipeline.DeliverTo(p.InPort)
		} else {
			answer.Data, answer.Actions, err = a.routed(&r, p, router)
		}
		if err == nil && answer.Data != nil {
			out.Send(p.Host, answer)
		}
		return
	}
}

// sender is the port that a packet came in by, if it did not come from outside.
func (a *answerer) sender(r *table.Reader, p *packets.Packet) (intent.Port, bool) {
	for b := range a.BoundAt.List(r, intent.Place{Host: p.Host, OFPort: p.InPort}) {
		port, ok := a.Ports.Get(r, b.Port)
		return port, ok && p.Register(pipeline.Outside) == 0
	}
	return intent.Port{}, false
}

// answer makes the frame that a port gets for its packet.
func (a *answerer) answer(r *table.Reader, p *packets.Packet, port intent.Port, router intent.Router) ([]byte, error) {
	if pipeline.Fate(p.Why) == pipeline.Pinged {
		return echoed(p.Data, a.gateway(r, port, router), port.MAC)
	}
	e, ok := a.reply(r, p, router)
	if !ok {
		return nil, nil
	}
	e.MAC, e.To, e.From = a.gateway(r, port, router), port.MAC, a.faces(r, p, port.Network, router)
	return a.frame(p, e)
}

// frame is what a sender gets: an ICMP error, or where a firewall rejects a segment of TCP, a reset from who that was for.
func (a *answerer) frame(p *packets.Packet, e pipeline.ICMPError) ([]byte, error) {
	if resets(p) {
		return pipeline.ResetOf(p.Data, e.MAC, e.To)
	}
	return e.Frame(p.Data)
}

// resets tells whether a packet is answered by a TCP reset.
func resets(p *packets.Packet) bool {
	return pipeline.Fate(p.Why) == pipeline.Rejected && pipeline.IsSegment(p.Data)
}

// reply is what is to be said of a packet.
func (a *answerer) reply(r *table.Reader, p *packets.Packet, router intent.Router) (pipeline.ICMPError, bool) {
	why, ok := codes[pipeline.Fate(p.Why)]
	e := pipeline.ICMPError{V4: why.v4, V6: why.v6}
	switch pipeline.Fate(p.Why) {
	case pipeline.TooLarge:
		for _, key := range a.NetworksBy.List(r, uint32(p.Register(pipeline.Net))) {
			n, _ := a.Networks.Get(r, key)
			e.MTU = n.MTU
		}
	case pipeline.TooLargeOutside:
		g, _ := a.Gateways.Get(r, router.Key)
		n, _ := a.Networks.Get(r, g.Network)
		e.MTU = n.MTU
	}
	return e, ok
}

// gateway is the MAC address that frames to a port come from: of the router, or else of the one by way of which it is reached.
func (a *answerer) gateway(r *table.Reader, port intent.Port, router intent.Router) flow.MACAddr {
	first := flow.MACAddr{}
	for i := range a.InterfacesOn.List(r, port.Network) {
		if i.Key.Router == router.Key {
			return i.MAC
		}
		if first == (flow.MACAddr{}) {
			first = i.MAC
		}
	}
	return first
}

// faces returns a router's IPv4 and IPv6 address that its errors to a network come from (RFC 1812, section 4.3.2.4): on that
// network where it has one there, or else on that by which the packet came to it, or any.
func (a *answerer) faces(r *table.Reader, p *packets.Packet, network intent.Key, router intent.Router) [2]netip.Addr {
	var from [2]netip.Addr
	var rank [2]int
	for i := range a.InterfacesOf.List(r, router.Key) {
		n, _ := a.Networks.Get(r, i.Network)
		best := 1
		switch {
		case i.Network == network:
			best = 3
		case uint64(n.Tag) == p.Register(pipeline.Net):
			best = 2
		}
		family := 0
		if i.IP.Is6() {
			family = 1
		}
		if best > rank[family] {
			from[family], rank[family] = i.IP, best
		}
	}
	return from
}
