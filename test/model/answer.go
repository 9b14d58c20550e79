package model

import (
	"net/netip"
	"slices"
)

// Allows tells whether what became of a datagram is this: where the port of its sender may be any, it may have any.
func (c Crossing) Allows(got Crossing) bool {
	if c.Got.FromPort == 0 {
		c.Got.FromPort = got.Got.FromPort
	}
	return c == got
}

// Answer is what somebody who got a datagram answers it with.
func (d Datagram) Answer() Datagram { return Datagram{d.To, d.From, d.ToPort, d.FromPort} }

// Answerable tells whether who got a datagram can answer it by the router that translated it: where the sender's address, or from
// outside the receiver's, was translated, and answers find back from that router.
func (t Topology) Answerable(from int, sent Datagram, got Crossing) bool {
	if from == Outdoors && sent.To == got.Got.To || from != Outdoors && sent.From == got.Got.From {
		return false
	}
	if got.At >= 0 && !slices.Contains(t.Ports[got.At].IPs, got.Got.To) {
		return false // a policy brought it to another
	}
	if station, beyond := Station(sent.To.Is4()); got.At == Outdoors && got.Got.To != station && got.Got.To != beyond {
		return false // a policy brought it outside
	}
	if slices.ContainsFunc(t.Outside.Rules, func(r NATRule) bool {
		return slices.ContainsFunc([]netip.Addr{sent.From, sent.To, got.Got.From, got.Got.To}, func(ip netip.Addr) bool { return within(r.Exempted, ip) })
	}) {
		return false // answers from and to there are not translated either
	}
	return t.direct(from, sent.From, sent.To) && t.direct(got.At, got.Got.To, got.Got.From)
}

// direct tells whether what an endpoint sends outside, and what answers it, goes by way of its own router as if that had no routes.
func (t Topology) direct(at int, own, other netip.Addr) bool {
	if at == Outdoors {
		return true
	}
	_, name := t.Next(at, other)
	i := slices.IndexFunc(t.Routers, func(r Router) bool { return r.Name == name })
	if i < 0 {
		return false
	}
	_, leads := t.Outside.gatewayOf(i)
	return leads && !slices.ContainsFunc(t.Routers[i].Routes, func(r Route) bool { return r.To.Contains(own) || r.To.Contains(other) }) &&
		!slices.ContainsFunc(t.Routers[i].Policies, func(p Policy) bool {
			return p.about(Datagram{From: own, To: other}) || p.about(Datagram{From: other, To: own})
		})
}
