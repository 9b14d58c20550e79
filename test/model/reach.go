package model

import (
	"net/netip"
	"slices"
)

// Lost stands for nobody among those at whom a packet may arrive.
const Lost = -1

// Packet is what an endpoint sends: the size counts the IP packet's bytes.
type Packet struct {
	From, To netip.Addr
	Size     int
}

// life is how many routers a packet may pass.
const life = 8

// Crossing is somebody at whom a datagram may arrive, or Lost, and what it is then.
type Crossing struct {
	At  int
	Got Datagram
}

// journey is a datagram on its way.
type journey struct {
	Datagram
	from int // who sent it
	size int
	left int // how many routers it may pass

	outside bool // it has been there
}

func (j journey) at(who int) []Crossing { return []Crossing{{who, j.Datagram}} }

// Arrives returns the endpoints that a packet may arrive at, of which it arrives at just one, or Lost where it may arrive nowhere.
// An endpoint sends it as every station does: to an address of its own subnet directly, to others by way of the subnet's gateway.
// What would come back to the sender is not delivered to it, unless it has been outside: a switch does not send out of the port that
// a frame came in by.
func (t Topology) Arrives(from int, packet Packet) []int {
	var at []int
	for _, c := range t.sent(journey{Datagram: Datagram{From: packet.From, To: packet.To}, from: from, size: packet.Size, left: life}) {
		at = append(at, c.At)
	}
	if len(at) == 0 {
		at = []int{Lost}
	}
	return at
}

// sent follows a packet from the endpoint that sends it.
func (t Topology) sent(j journey) []Crossing {
	sender := t.Ports[j.from]
	if !t.Works(sender) {
		return nil
	}
	for _, s := range t.Networks[sender.Network].Subnets {
		if s.CIDR.Contains(j.To) {
			return t.home(sender.Network, j.To, j)
		}
	}
	gateway, ok := t.gateway(sender.Network, j.To)
	if !ok {
		return nil
	}
	for i, r := range t.Routers {
		if r.has(sender.Network, gateway) && !r.Down {
			return t.routed(i, j)
		}
	}
	return nil
}

// has tells whether a router has an address on a network.
func (r Router) has(network int, ip netip.Addr) bool {
	return slices.ContainsFunc(r.Interfaces, func(i Interface) bool { return i.Network == network && i.IP == ip })
}

// Works tells whether an endpoint can send and receive.
func (t Topology) Works(p Port) bool {
	return p.Host != 0 && !p.Down && !t.Networks[p.Network].Down
}

// home has a packet arrive at the endpoint that has an address on a network and works.
func (t Topology) home(network int, ip netip.Addr, j journey) []Crossing {
	for i, p := range t.Ports {
		if p.Network == network && slices.Contains(p.IPs, ip) && t.Works(p) && (i != j.from || j.outside) {
			return j.at(i)
		}
	}
	return nil
}

// gateway returns where stations of a network send what is for elsewhere.
func (t Topology) gateway(network int, to netip.Addr) (netip.Addr, bool) {
	for _, s := range t.Networks[network].Subnets {
		if s.CIDR.Addr().Is4() == to.Is4() {
			return s.Gateway, true
		}
	}
	return netip.Addr{}, false
}

// routed follows a packet through a router.
func (t Topology) routed(router int, j journey) []Crossing {
	if j.left <= 1 {
		return nil // its time to live is over
	}
	r := t.Routers[router]
	for _, p := range r.Policies {
		if p.about(j.Datagram) && !p.Allow {
			return t.byHops(router, p.Hops, j)
		} else if p.about(j.Datagram) {
			break
		}
	}
	best, bits := []netip.Addr(nil), -1
	for _, route := range r.Routes {
		if route.To.Contains(j.To) && route.To.Bits() > bits {
			best, bits = route.Hops, route.To.Bits()
		}
	}
	// A connected subnet counts before a route to the same block, and the way outside is that of a default route, unless there is one.
	if i, ok := t.interfaceFor(r, j.To); ok && t.Networks[i.Network].Subnets[i.Subnet].CIDR.Bits() >= bits {
		return t.onward(router, i, j.To, j)
	}
	if _, ok := t.Outside.gatewayOf(router); ok {
		switch block, on := externalSubnet(j.To); {
		case on && block.Bits() >= bits:
			best = []netip.Addr{j.To}
		case bits < 0:
			station, _ := Station(j.To.Is4())
			best = []netip.Addr{station}
		}
	}
	return t.byHops(router, best, j)
}

func (p Policy) about(d Datagram) bool {
	of := func(block netip.Prefix, ip netip.Addr) bool { return !block.IsValid() || block.Contains(ip) }
	return of(p.From, d.From) && of(p.To, d.To)
}

// byHops follows a packet to one of several next hops. Those that are on no network of the router take none.
func (t Topology) byHops(router int, hops []netip.Addr, j journey) []Crossing {
	var all []Crossing
	for _, hop := range hops {
		var at []Crossing
		_, outside := t.Outside.gatewayOf(router)
		_, there := externalSubnet(hop)
		if i, ok := t.interfaceFor(t.Routers[router], hop); ok {
			at = t.onward(router, i, hop, j)
		} else if outside && there {
			at = t.leaves(router, hop, j)
		} else {
			continue
		}
		if len(at) == 0 {
			at = j.at(Lost)
		}
		all = append(all, at...)
	}
	return all
}

// onward follows a packet from a router to a station on one of its networks: an endpoint, or the next router.
func (t Topology) onward(router int, i Interface, hop netip.Addr, j journey) []Crossing {
	if t.tooSmall(i.Network, j.size) {
		return nil
	}
	for n, other := range t.Routers {
		if other.has(i.Network, hop) {
			if hop == j.To || other.Down || n == router {
				return nil // it is for a router itself
			}
			j.left--
			return t.routed(n, j)
		}
	}
	return t.home(i.Network, hop, j)
}

// tooSmall tells whether a network does not carry a packet.
func (t Topology) tooSmall(network, size int) bool {
	mtu := t.Networks[network].MTU
	return mtu > 0 && size > mtu
}

// interfaceFor returns the interface on whose subnet an address is.
func (t Topology) interfaceFor(r Router, ip netip.Addr) (Interface, bool) {
	for _, i := range r.Interfaces {
		if t.Networks[i.Network].Subnets[i.Subnet].CIDR.Contains(ip) {
			return i, true
		}
	}
	return Interface{}, false
}
