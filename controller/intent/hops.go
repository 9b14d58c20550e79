package intent

import (
	"fmt"
	"net/netip"

	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// HopInterface returns the interface of a router on whose subnet a next hop is.
func (t *Tables) HopInterface(r *table.Reader, router Key, hop netip.Addr) (RouterInterface, bool) {
	for i := range t.InterfacesOf.List(r, router) {
		if i.Prefix.Contains(hop) {
			return i, true
		}
	}
	return RouterInterface{}, false
}

// IsOutside tells whether an address is on the external network that a router has its gateway on, and on none of its subnets.
func (t *Tables) IsOutside(r *table.Reader, router Key, ip netip.Addr) bool {
	if _, inside := t.HopInterface(r, router, ip); inside {
		return false
	}
	g, ok := t.Gateways.Get(r, router)
	if !ok {
		return false
	}
	for s := range t.SubnetsOf.List(r, g.Network) {
		if s.Prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// Narrow tells whether a router has networks that carry larger packets than one of them.
func (t *Tables) Narrow(r *table.Reader, router Key, n Network) bool {
	for _, mtu := range t.MTUsOf.List(r, router) {
		if mtu > n.MTU && n.MTU > 0 {
			return true
		}
	}
	return false
}

// HopProblem says why a router's next hop takes no packets; empty: it does.
func (t *Tables) HopProblem(r *table.Reader, router Key, hop netip.Addr) string {
	i, ok := t.HopInterface(r, router, hop)
	if !ok && t.IsOutside(r, router, hop) {
		return "" // asked for when there are packets
	}
	if !ok {
		return fmt.Sprintf("next hop %s is on none of the router's subnets", hop)
	}
	at := Station{i.Network, hop}
	for other := range t.RoutersWith.List(r, at) { // before ports: one may be a router's interface
		if other.Key.Router == router {
			return fmt.Sprintf("next hop %s is the router's own address", hop)
		}
		if row, ok := t.Routers.Get(r, other.Key.Router); !ok || !row.Up {
			return fmt.Sprintf("next hop %s is %s, which is down", hop, other.Key.Router)
		}
		return ""
	}
	for p := range t.PortsWith.List(r, at) {
		if _, bound := t.Bindings.Get(r, p.Key); !bound {
			return fmt.Sprintf("next hop %s is %s, which is plugged nowhere", hop, p.Key)
		}
		return ""
	}
	if shared, _, problem := t.Virtual(r, at); shared {
		return problem
	}
	if _, found := t.Neighbours.Get(r, ExternalKey{i.Network, hop}); found {
		return ""
	}
	return fmt.Sprintf("next hop %s is the address of no port and no router on %s", hop, i.Network)
}

// Virtual tells whether an address is one that ports share (an allowed address pair of a single address), and which MAC address it
// has: that of the only port that is plugged in, or one that all of them name. problem says why it has none.
func (t *Tables) Virtual(r *table.Reader, at Station) (shared bool, mac flow.MACAddr, problem string) {
	var holder Key
	for p := range t.PortsSharing.List(r, at) {
		shared = true
		if _, bound := t.Bindings.Get(r, p.Key); !bound {
			continue
		}
		for _, pair := range p.Pairs {
			if pair.Prefix.Addr() != at.IP || !pair.Prefix.IsSingleIP() {
				continue
			}
			if holder != (Key{}) && pair.MAC != mac {
				return true, flow.MACAddr{}, fmt.Sprintf("next hop %s is shared by %s and %s with MAC addresses of their own: nothing says whose it is", at.IP, holder, p.Key)
			}
			holder, mac = p.Key, pair.MAC
		}
	}
	if shared && holder == (Key{}) {
		return true, mac, fmt.Sprintf("next hop %s is shared by ports that are plugged nowhere", at.IP)
	}
	return shared, mac, ""
}
