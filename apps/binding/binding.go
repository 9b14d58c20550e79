// Package binding finds out where ports are: it joins ports with the interfaces that hosts report, and derives the rows
// that the forwarding apps read: hosts, bindings, sites and shards. It emits no flows.
package binding

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "binding", ID: 2, Rules: []compile.Rule{
		compile.ForEach("host", t.HostFacts, a.host),
		compile.ForEach("bind", t.Ports, a.bind),
		compile.About("site", t.Bindings, intent.Key.String, a.site),
	}}
}

// host merges what is configured for a host with what it reports. Of hosts that claim the same tunnel address the first by
// name has it: frames for the others would arrive there.
func (a app) host(r *table.Reader, f intent.HostFact, out *compile.Out) {
	h := intent.Host(f)
	if h.TunnelIP.IsValid() {
		for _, other := range a.HostsByTunnelIP.List(r, h.TunnelIP) {
			if other < f.Name {
				out.Failed("tunnel address %s is already host %q's", h.TunnelIP, other)
				h.TunnelIP = netip.Addr{}
				break
			}
		}
	}
	compile.Emit(out, a.Hosts, h)
}

// bind finds the interface that belongs to a port: the newest that carries its uid or its name as iface-id.
func (a app) bind(r *table.Reader, p intent.Port, out *compile.Out) {
	if !p.Up {
		out.Note(intent.ReasonDown, "the port is administratively down")
		return
	}
	n, ok := a.Networks.Get(r, p.Network)
	if !ok {
		out.Pending("%s does not exist", p.Network)
		return
	}
	if !n.Up {
		out.Note(intent.ReasonDown, "%s is administratively down", p.Network)
		return
	}
	if p.Behind != "" {
		a.behind(r, p, out)
		return
	}
	i, found := a.newest(r, p)
	for face := range a.InterfacesBy.List(r, p.Key) {
		if found {
			out.Failed("interface %q of host %q carries its id, and it is an interface of %s", i.Key.Name, i.Key.Host, face.Key.Router)
		}
		return // it is wherever the router is
	}
	for b := range a.BalancersBy.List(r, p.Key) {
		if found {
			out.Failed("interface %q of host %q carries its id, and it is the port of %s", i.Key.Name, i.Key.Host, b.Key)
		}
		return // its addresses stand for others
	}
	s, inside := a.Subports.Get(r, p.Key)
	if !found && inside {
		out.Pending("%s has no interface on the host of its parent, %s, yet", s.Trunk, s.Parent)
		return
	}
	if !found {
		out.Pending("no host has an interface with iface-id %q or %q", p.Key.Project+"/"+p.Key.Name, p.UID)
		return
	}
	h, ok := a.Hosts.Get(r, i.Key.Host)
	if !ok || !h.Up {
		out.Note(intent.ReasonDown, "host %q is administratively down", i.Key.Host)
		return
	}
	if i.OFPort == 0 {
		out.Pending("interface %q of host %q has no OpenFlow port number yet", i.Key.Name, i.Key.Host)
		return
	}
	b := intent.Binding{Port: p.Key, Network: p.Network, Host: i.Key.Host, Interface: i.Key.Name, OFPort: i.OFPort, MTU: i.MTU}
	if inside {
		b.MTU = a.trunkMTU(r, s)
	}
	compile.Emit(out, a.Bindings, b)
}

// trunkMTU is what the interface takes that frames of a subport come in by: the parent's.
func (a app) trunkMTU(r *table.Reader, s intent.Subport) uint32 {
	parent, ok := a.Ports.Get(r, s.Parent)
	if !ok {
		return 0
	}
	i, _ := a.newest(r, parent)
	return i.MTU
}

// behind binds a port to the unmanaged host that its spec names. Of its interfaces nothing is known, nor needed.
func (a app) behind(r *table.Reader, p intent.Port, out *compile.Out) {
	h, ok := a.Hosts.Get(r, p.Behind)
	if !ok || !h.Up {
		out.Note(intent.ReasonDown, "host %q is administratively down", p.Behind)
		return
	}
	compile.Emit(out, a.Bindings, intent.Binding{Port: p.Key, Network: p.Network, Host: p.Behind})
}

func (a app) newest(r *table.Reader, p intent.Port) (best intent.Interface, found bool) {
	for _, id := range []string{p.UID, p.Key.Project + "/" + p.Key.Name} {
		for i := range a.InterfacesByID.List(r, id) {
			if !found || i.Seq > best.Seq {
				best, found = i, true
			}
		}
	}
	return best, found
}

// site derives on which hosts a network is, and which shards of its ports are there; of a network that stays on one host,
// also since when a port has been there.
func (a app) site(r *table.Reader, b intent.Binding, out *compile.Out) {
	compile.Emit(out, a.Sites, b.Site())
	compile.Emit(out, a.Shards, b.Shard())
	if s, ok := a.Segments.Get(r, intent.SegmentKey{Network: b.Network}); ok && s.Type == carry.Local.Type() {
		i, _ := a.Interfaces.Get(r, intent.InterfaceKey{Host: b.Host, Name: b.Interface})
		compile.Emit(out, a.Holds, intent.Held{Network: b.Network, Seq: i.Seq, Host: b.Host})
	}
}
