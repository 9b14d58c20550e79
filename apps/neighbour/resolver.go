package neighbour

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	// tries is how often an address is asked for, a second apart (RFC 4861, section 10: MAX_MULTICAST_SOLICIT).
	tries = 3
	// silence is how long an address is not asked for after nobody has answered. Who sends packets for it meanwhile is told so.
	silence = 10 * time.Second
	// reprobe is how long an answer is believed.
	reprobe = 60 * time.Second

	maxAsked = 1024 // addresses asked for at a time
	maxKnown = 4096 // answers remembered of one network
	maxHeld  = 256  // packets that wait for an answer
	eachHeld = 4    // of them, for one address
)

// resolver asks who has an address. What it has found out is in rows, which are remembered.
type resolver struct {
	*intent.Tables
	asked map[intent.ExternalKey]*asked
	heard map[intent.ExternalKey]time.Time // when who has an address answered
	held  int
}

// asked is an address that is being asked for.
type asked struct {
	host  string // from where; empty: from every host that has an address to ask with
	times int
	next  time.Time      // when to ask again, or to forget that nobody answered
	held  []*punt.Packet // wait for an answer
}

func newResolver(t *intent.Tables) *resolver {
	return &resolver{Tables: t, asked: map[intent.ExternalKey]*asked{}, heard: map[intent.ExternalKey]time.Time{}}
}

// Packet implements punt.Handler.
func (s *resolver) Packet(p *punt.Packet, out *punt.Outbox) {
	var r table.Reader // what handlers read is nobody's to remember
	networks := s.NetworksBy.List(&r, uint32(p.Register(pipeline.Net)))
	if len(networks) == 0 {
		return
	}
	if p.Why == answers {
		s.answered(networks[0], p, out)
		return
	}
	hop, ok := nextHop(p)
	if !ok {
		return
	}
	key := intent.ExternalKey{Network: networks[0], IP: hop}
	q := s.asked[key]
	if q == nil {
		if len(s.asked) >= maxAsked {
			out.Refuse()
			return
		}
		q = &asked{host: p.Host}
		s.asked[key] = q
		s.ask(key, q, p.At, out)
	}
	switch {
	case q.times > tries: // nobody answered, not long ago
		out.Pass(p, pipeline.ErrorApp, byte(pipeline.NoHost))
	case len(q.held) < eachHeld && s.held < maxHeld:
		waits := *p
		waits.Data, waits.Match = slices.Clone(p.Data), slices.Clone(p.Match)
		q.held = append(q.held, &waits)
		s.held++
	}
}

// nextHop is the address that a packet goes to next.
func nextHop(p *punt.Packet) (netip.Addr, bool) {
	if v4 := p.Register(pipeline.NextHop4); v4 != 0 {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(v4)))), true
	}
	var raw []byte
	for _, id := range []flow.FieldID{flow.Reg8, flow.Reg9, flow.Reg10, flow.Reg11} {
		raw = binary.BigEndian.AppendUint32(raw, uint32(p.Register(flow.Whole(id))))
	}
	ip := netip.AddrFrom16([16]byte(raw))
	return ip, !ip.IsUnspecified()
}

// registers takes over what the pipeline knew of a packet, for when it goes on.
func registers(p *punt.Packet) flow.Actions {
	return flow.Actions{
		pipeline.Net.Set(p.Register(pipeline.Net)), pipeline.Router.Set(p.Register(pipeline.Router)),
		pipeline.Outside.Set(p.Register(pipeline.Outside)), pipeline.Turned.Set(p.Register(pipeline.Turned)),
		pipeline.Error.Set(p.Register(pipeline.Error)), pipeline.Said.Set(p.Register(pipeline.Said)), pipeline.CameBy.Set(p.Register(pipeline.CameBy)),
		pipeline.OneWay.Set(p.Register(pipeline.OneWay)), pipeline.Dealt.Set(p.Register(pipeline.Dealt)),
	}
}

// answered remembers who has an address, if that was asked.
func (s *resolver) answered(network intent.Key, p *punt.Packet, out *punt.Outbox) {
	ip, mac, ok := pipeline.Answerer(p.Data)
	key := intent.ExternalKey{Network: network, IP: ip}
	q := s.asked[key]
	if !ok || q == nil {
		return
	}
	delete(s.asked, key)
	if _, known := s.Neighbours.Peek(key); !known && s.NeighboursOf.Count(&table.Reader{}, network) >= maxKnown {
		out.Refuse()
		s.release(q)
		return
	}
	s.heard[key] = p.At
	s.Neighbours.Put(intent.Neighbour{Network: network, IP: ip, MAC: mac})
	for _, h := range s.release(q) {
		do := append(registers(h), flow.SetField(flow.MAC(flow.EthDst, mac)), flow.Resubmit(pipeline.Firewall))
		out.Send(h.Host, punt.Out{InPort: flow.PortController, Data: h.Data, Actions: do})
	}
}

// release returns the packets that have waited for an answer.
func (s *resolver) release(q *asked) []*punt.Packet {
	all := q.held
	q.held = nil
	s.held -= len(all)
	return all
}

// ask sends a question.
func (s *resolver) ask(key intent.ExternalKey, q *asked, now time.Time, out *punt.Outbox) {
	q.times++
	q.next = now.Add(time.Second)
	var r table.Reader
	n, ok := s.Networks.Get(&r, key.Network)
	if !ok {
		return
	}
	hosts := []string{q.host}
	if q.host == "" {
		hosts = s.ReachOf.List(&r, key.Network)
	}
	for _, host := range hosts {
		mac, from, ok := s.source(&r, intent.Site{Network: key.Network, Host: host}, key.IP)
		if !ok {
			continue
		}
		if frame, err := pipeline.Question(mac, from, key.IP); err == nil {
			out.Send(host, punt.Out{InPort: flow.PortController, Data: frame, Actions: pipeline.SendOn(n.Tag)})
		}
	}
}

// source finds an address to ask with on a host: an external one that is there, or a router's.
func (s *resolver) source(r *table.Reader, at intent.Site, ip netip.Addr) (flow.MACAddr, netip.Addr, bool) {
	for e := range s.ExternalsOn.List(r, at) {
		if e.IP.Is4() == ip.Is4() {
			return e.MAC, e.IP, true
		}
	}
	for i := range s.InterfacesOn.List(r, at.Network) {
		router, ok := s.Routers.Get(r, i.Key.Router)
		if ok && router.Up && i.Prefix.Contains(ip) {
			return i.MAC, i.IP, true
		}
	}
	return flow.MACAddr{}, netip.Addr{}, false
}

// Tick asks again, forgets who does not answer, and asks for gateways that no packet has gone to yet.
func (s *resolver) Tick(now time.Time, out *punt.Outbox) {
	s.gateways(now, out)
	var gone []intent.ExternalKey
	for k := range s.Neighbours.Scan() {
		key := intent.ExternalKey{Network: k.Network, IP: k.IP}
		if _, ok := s.Networks.Peek(k.Network); !ok {
			gone = append(gone, key)
			continue
		}
		if _, asking := s.asked[key]; asking {
			continue
		}
		if at, ok := s.heard[key]; !ok {
			s.heard[key] = now // remembered over a restart
		} else if now.Sub(at) >= reprobe && len(s.asked) < maxAsked {
			s.asked[key] = &asked{next: now}
		}
	}
	for _, key := range gone {
		s.forget(key)
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.asked), func(a, b intent.ExternalKey) int { return a.IP.Compare(b.IP) }) {
		q := s.asked[key]
		switch {
		case now.Before(q.next):
		case q.times < tries:
			s.ask(key, q, now, out)
		case q.times == tries:
			q.times, q.next = q.times+1, now.Add(silence)
			s.forget(key)
			for _, h := range s.release(q) {
				out.Pass(h, pipeline.ErrorApp, byte(pipeline.NoHost))
			}
		default:
			delete(s.asked, key)
		}
	}
}

// forget drops what is known of an address that nobody answers for.
func (s *resolver) forget(key intent.ExternalKey) {
	delete(s.heard, key)
	s.Neighbours.Delete(key)
}

// gateways asks for the gateways of external networks.
func (s *resolver) gateways(now time.Time, out *punt.Outbox) {
	var r table.Reader
	for p := range s.Placed.Scan() {
		g, ok := s.Gateways.Get(&r, p.Router)
		if !ok {
			continue
		}
		for _, at := range g.At {
			subnet, ok := s.Subnets.Get(&r, at.Subnet)
			if !ok || !subnet.Gateway.IsValid() {
				continue
			}
			key := intent.ExternalKey{Network: g.Network, IP: subnet.Gateway}
			_, known := s.Neighbours.Peek(key)
			if s.asked[key] == nil && !known && len(s.asked) < maxAsked {
				q := &asked{host: p.Host}
				s.asked[key] = q
				s.ask(key, q, now, out)
			}
		}
	}
}
