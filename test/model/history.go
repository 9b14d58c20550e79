package model

import (
	"net/netip"
	"slices"

	"pgregory.net/rapid"
)

// edits is how often a history's rules change.
const edits = 4

// DrawHistory is the history of a seed, whose ports have rules; the same one each time.
func DrawHistory(seed int) History {
	return rapid.Custom(func(rt *rapid.T) History {
		h := History{DrawSecured(rt)}
		for range edits {
			h = append(h, ChangeSecured(rt, h[len(h)-1]))
		}
		return h
	}).Example(seed)
}

// Addresses are those by which two ports can reach each other.
func (t Topology) Addresses(from, to int) [][2]netip.Addr {
	sender, receiver := t.Ports[from], t.Ports[to]
	of := func(port Port) []netip.Addr {
		all := slices.Clone(port.IPs)
		for _, pair := range port.Pairs {
			if sender.Network == receiver.Network {
				all = append(all, pair.Addr())
			}
		}
		return all
	}
	if sender.Network != receiver.Network && len(t.Routers) == 0 {
		return nil
	}
	var all [][2]netip.Addr
	for _, a := range of(sender) {
		for _, b := range of(receiver) {
			if a.Is4() == b.Is4() && a != b {
				all = append(all, [2]netip.Addr{a, b})
			}
		}
	}
	return all
}

// Standing is what a port's packets are looked up by. A connection is known at once only where it has stayed the same at both ends.
type Standing struct {
	host              int
	judged, stateless bool
}

// Standing is that of a port.
func (t Topology) Standing(at int) Standing {
	port := t.Ports[at]
	return Standing{port.Host, t.judged(port), t.stateless(port)}
}
