package nat

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
)

// place derives on which host a router's gateway is: of those that have a bridge for the external network and are connected,
// the one with the highest hash of both names (RFC 2991), so that gateways are spread and a host that goes moves its own only.
func (a app) place(r *table.Reader, g intent.Gateway, out *compile.Out) {
	o, ok := a.outside(r, g.Router)
	if !ok {
		return
	}
	physical, ok := a.physical(r, g.Network)
	if !ok {
		out.Pending("%s has no physical network", g.Network)
		return
	}
	best, any := "", ""
	for _, host := range a.MappedOn.List(r, physical) {
		if !a.serves(r, host) || g.Host != "" && g.Host != host {
			continue
		}
		any = pipeline.Nearer(g.Router.String(), any, host)
		if _, away := a.Away.Get(r, intent.Away{Host: host}); !away {
			best = pipeline.Nearer(g.Router.String(), best, host)
		}
	}
	switch {
	case best != "":
	case any != "":
		best = any // a host that is away may still carry packets, and no other one would
		out.Note("HostAway", "no host that has a bridge for physical network %q is connected", physical)
	case g.Host != "":
		out.Pending("host %q has no bridge for physical network %q (weft-bridge-mappings)", g.Host, physical)
		return
	default:
		out.Pending("no host has a bridge for physical network %q (weft-bridge-mappings)", physical)
		return
	}
	compile.Emit(out, a.Placed, intent.Placed{Router: g.Router, Host: best})
	for _, at := range o.At {
		compile.Emit(out, a.Externals, intent.External{Network: g.Network, IP: at.IP, MAC: g.MAC, Router: g.Router, Host: best})
	}
}

// physical returns the physical network of an external one.
func (a app) physical(r *table.Reader, network intent.Key) (string, bool) {
	s, ok := a.Segments.Get(r, intent.SegmentKey{Network: network})
	return s.Physical, ok && s.Physical != ""
}

// serves tells whether a host takes orders.
func (a app) serves(r *table.Reader, host string) bool {
	h, ok := a.Hosts.Get(r, host)
	return ok && h.Up && !h.Unmanaged
}

// central has the host of a gateway take part in all that its router needs: the external network, and the router's own, on
// which other hosts send it what goes outside.
func (a app) central(r *table.Reader, p intent.Placed, out *compile.Out) {
	o, ok := a.outside(r, p.Router)
	if !ok {
		return
	}
	compile.Emit(out, a.Sites, intent.Site{Network: o.Network, Host: p.Host})
	compile.Emit(out, a.ActiveRouters, intent.ActiveRouter(p))
	for i := range a.InterfacesOf.List(r, p.Router) {
		compile.Emit(out, a.Sites, intent.Site{Network: i.Network, Host: p.Host})
		compile.Emit(out, a.Centrals, intent.Central{Network: i.Network, MAC: o.MAC, Host: p.Host})
		if n, ok := a.Networks.Get(r, i.Network); ok {
			a.handedOver(o, n, p.Host, out)
		}
	}
}

// locate derives which host answers for a floating IP: the one of its port, where that has a bridge for the external network,
// or else that of the gateway.
func (a app) locate(r *table.Reader, f intent.FloatingIP, out *compile.Out) {
	if f.Router == (intent.Key{}) {
		return
	}
	o, ok := a.outside(r, f.Router)
	if !ok {
		out.Pending("%s has no working gateway", f.Router)
		return
	}
	mac := f.MAC
	if f.Port == (intent.Key{}) {
		mac = o.MAC // it has no place of its own: its ports are forwarded at the gateway
	}
	host, ok := a.own(r, f, o)
	if !ok {
		p, placed := a.Placed.Get(r, f.Router)
		if !placed {
			out.Pending("the gateway of %s is nowhere", f.Router)
			return
		}
		host = p.Host
	}
	compile.Emit(out, a.Externals, intent.External{Network: f.Network, IP: f.IP, MAC: mac, Router: f.Router, Host: host})
	compile.Emit(out, a.Sites, intent.Site{Network: f.Network, Host: host})
}

// own returns the host of a floating IP's port, if packets can leave and enter there.
func (a app) own(r *table.Reader, f intent.FloatingIP, o outside) (string, bool) {
	b, bound := a.Bindings.Get(r, f.Port)
	if !bound || !a.serves(r, b.Host) {
		return "", false
	}
	physical, ok := a.physical(r, o.Network)
	if !ok {
		return "", false
	}
	_, mapped := a.Mappings.Get(r, intent.MappingKey{Host: b.Host, Physical: physical})
	return b.Host, mapped
}
