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

// Arrives returns the endpoints that a packet may arrive at, of which it arrives at just one, or Lost where it may arrive nowhere.
// An endpoint sends it as every station does: to an address of its own subnet directly, to others by way of the subnet's gateway.
// What would come back to the sender is not delivered to it: a switch does not send out of the port that a frame came in by.
func (t Topology) Arrives(from int, packet Packet) []int {
	var at []int
	for _, p := range t.arrives(from, packet) {
		if p == from {
			p = Lost
		}
		at = append(at, p)
	}
	if len(at) == 0 {
		at = []int{Lost}
	}
	return at
}

func (t Topology) arrives(from int, packet Packet) []int {
	sender, to := t.Ports[from], packet.To
	if !t.Works(sender) {
		return nil
	}
	for _, s := range t.Networks[sender.Network].Subnets {
		if s.CIDR.Contains(to) {
			return t.owner(sender.Network, to)
		}
	}
	gateway, ok := t.gateway(sender.Network, to)
	if !ok {
		return nil
	}
	for _, r := range t.Routers {
		for _, i := range r.Interfaces {
			if i.Network == sender.Network && i.IP == gateway && !r.Down {
				return t.routed(r, packet, life)
			}
		}
	}
	return nil
}

// Works tells whether an endpoint can send and receive.
func (t Topology) Works(p Port) bool {
	return p.Host != 0 && !p.Down && !t.Networks[p.Network].Down
}

// owner returns the endpoint that has an address on a network and works.
func (t Topology) owner(network int, ip netip.Addr) []int {
	for i, p := range t.Ports {
		if p.Network == network && slices.Contains(p.IPs, ip) && t.Works(p) {
			return []int{i}
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
func (t Topology) routed(r Router, packet Packet, left int) []int {
	if left <= 1 {
		return nil // its time to live is over
	}
	for _, p := range r.Policies {
		if p.about(packet) && !p.Allow {
			return t.byHops(r, p.Hops, packet, left)
		} else if p.about(packet) {
			break
		}
	}
	best, bits := []netip.Addr(nil), -1
	for _, route := range r.Routes {
		if route.To.Contains(packet.To) && route.To.Bits() > bits {
			best, bits = route.Hops, route.To.Bits()
		}
	}
	// A connected subnet counts before a route to the same block.
	if i, ok := t.interfaceFor(r, packet.To); ok && t.Networks[i.Network].Subnets[i.Subnet].CIDR.Bits() >= bits {
		return t.onward(r, i, packet.To, packet, left)
	}
	return t.byHops(r, best, packet, left)
}

func (p Policy) about(packet Packet) bool {
	of := func(block netip.Prefix, ip netip.Addr) bool { return !block.IsValid() || block.Contains(ip) }
	return of(p.From, packet.From) && of(p.To, packet.To)
}

// byHops follows a packet to one of several next hops. Those that are on no network of the router take none.
func (t Topology) byHops(r Router, hops []netip.Addr, packet Packet, left int) []int {
	var all []int
	for _, hop := range hops {
		if i, ok := t.interfaceFor(r, hop); ok {
			if at := t.onward(r, i, hop, packet, left); len(at) > 0 {
				all = append(all, at...)
			} else {
				all = append(all, Lost)
			}
		}
	}
	return all
}

// onward follows a packet from a router to a station on one of its networks: an endpoint, or the next router.
func (t Topology) onward(r Router, i Interface, hop netip.Addr, packet Packet, left int) []int {
	if t.tooSmall(i.Network, packet.Size) {
		return nil
	}
	for _, other := range t.Routers {
		for _, o := range other.Interfaces {
			if o.Network == i.Network && o.IP == hop {
				if hop == packet.To || other.Down || other.Name == r.Name {
					return nil // it is for a router itself
				}
				return t.routed(other, packet, left-1)
			}
		}
	}
	return t.owner(i.Network, hop)
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
