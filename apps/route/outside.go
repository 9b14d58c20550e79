package route

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	packets "github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// routed makes the answer to a sender that is no port of the packet's host: it goes by the routes of the router, as the packet
// came.
//
// What came from outside has been translated. Its answer goes through the router's zone of connection tracking, which gives what
// it quotes the addresses that its sender knows; so it leaves from this host, with the MAC address that the packet was sent to.
func (a *answerer) routed(r *table.Reader, p *packets.Packet, router intent.Router) ([]byte, flow.Actions, error) {
	h, ok := headOf(p.Data)
	e, known := a.reply(r, p, router)
	if !ok || !known {
		return nil, nil, nil
	}
	i, inside := a.HopInterface(r, router.Key, h.from)
	do := flow.Actions{pipeline.Router.Set(uint64(router.Tag)), pipeline.Said.Set(1)}
	e.To = h.src // table neighbour knows better
	switch outside := p.Register(pipeline.Outside) == 1; {
	case outside && inside:
		return nil, nil, nil // its source is not its own
	case outside && pipeline.Fate(p.Why) == pipeline.NoPort: // it was for the router, and stands for nothing inside
		e.MAC, e.From = h.dst, a.facesOutside(r, router)
		do = pipeline.SendOn(uint32(p.Register(pipeline.Net)))
		frame, err := e.Frame(p.Data)
		return frame, do, err
	case outside:
		e.MAC, e.From = h.dst, a.facesOutside(r, router)
		if pipeline.Fate(p.Why) == pipeline.Rejected { // it has been routed, and is for the MAC address of its next hop
			e.MAC = a.macOutside(r, p.Host, router, h.to)
		}
		if !resets(p) { // a reset is the answer of who the packet was for, and is translated as such
			do = append(do, pipeline.Error.Set(1))
		}
	default:
		e.MAC, e.From = router.MAC, a.faces(r, p, i.Network, router)
	}
	frame, err := a.frame(p, e)
	return frame, append(do, flow.Resubmit(pipeline.Route)), err
}

// macOutside returns the MAC address that an address inside has outside, on a host: that of its floating IP there, or else the gateway's.
func (a *answerer) macOutside(r *table.Reader, host string, router intent.Router, inside netip.Addr) flow.MACAddr {
	g, _ := a.Gateways.Get(r, router.Key)
	for _, key := range a.FloatsOf.List(r, router.Key) {
		f, _ := a.FloatingIPs.Get(r, key)
		if e, ok := a.Externals.Get(r, intent.ExternalKey{Network: f.Network, IP: f.IP}); ok && f.Fixed == inside && e.Host == host {
			return e.MAC
		}
	}
	return g.MAC
}

// facesOutside returns a router's addresses on its external network.
func (a *answerer) facesOutside(r *table.Reader, router intent.Router) [2]netip.Addr {
	var from [2]netip.Addr
	g, _ := a.Gateways.Get(r, router.Key)
	for _, at := range g.At {
		if at.IP.Is4() {
			from[0] = at.IP
		} else {
			from[1] = at.IP
		}
	}
	return from
}
