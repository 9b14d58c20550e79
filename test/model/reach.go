package model

import (
	"net/netip"
	"slices"
)

// Lost stands for nobody among those at whom a packet may arrive.
const Lost = -1

// Arrives returns the endpoints that a packet may arrive at, of which it arrives at just one, or Lost where it may arrive nowhere.
// An endpoint sends it as every station does: to an address of its own subnet directly, to others by way of the subnet's gateway.
// What would come back to the sender is not delivered to it: a switch does not send out of the port that a frame came in by.
func (t Topology) Arrives(from int, to netip.Addr) []int {
	var at []int
	for _, p := range t.arrives(from, to) {
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

func (t Topology) arrives(from int, to netip.Addr) []int {
	sender := t.Ports[from]
	if !t.works(from) {
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
				return t.routed(r, to)
			}
		}
	}
	return nil
}

// works tells whether an endpoint can send and receive.
func (t Topology) works(port int) bool {
	p := t.Ports[port]
	return p.Host != 0 && !p.Down && !t.Networks[p.Network].Down
}

// owner returns the endpoint that has an address on a network and works.
func (t Topology) owner(network int, ip netip.Addr) []int {
	for i, p := range t.Ports {
		if p.Network == network && slices.Contains(p.IPs, ip) && t.works(i) {
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

// routed follows a packet through one router.
func (t Topology) routed(r Router, to netip.Addr) []int {
	best, bits := []int(nil), -1
	for _, route := range r.Routes {
		if !route.To.Contains(to) || route.To.Bits() <= bits {
			continue
		}
		best, bits = nil, route.To.Bits()
		for _, hop := range route.Hops {
			if i, ok := t.interfaceFor(r, hop); ok {
				if at := t.owner(i.Network, hop); len(at) > 0 {
					best = append(best, at...)
				} else {
					best = append(best, Lost)
				}
			}
		}
	}
	// A connected subnet counts before a route to the same block.
	if i, ok := t.interfaceFor(r, to); ok && t.Networks[i.Network].Subnets[i.Subnet].CIDR.Bits() >= bits {
		return t.owner(i.Network, to)
	}
	return best
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
