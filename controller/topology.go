package controller

import (
	"cmp"
	"context"
	"slices"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// GetTopology returns hosts, what joins them and what is plugged into them.
func (c *core) GetTopology(context.Context) (*weftv1.GetTopologyResponse, error) {
	t := c.world.topology()
	for _, n := range t.Nodes {
		n.Online = c.board.Online(n.GetName())
	}
	return t, nil
}

func (w *world) topology() *weftv1.GetTopologyResponse {
	w.mu.RLock()
	defer w.mu.RUnlock()
	t := &weftv1.GetTopologyResponse{}
	for name, h := range w.hosts {
		if h.spec == nil {
			continue
		}
		n := &weftv1.TopologyNode{Name: name, Kind: "host", Address: h.spec.GetTunnelIp()}
		switch {
		case h.spec.GetDatapathId() != "":
			n.Kind, n.Address = "switch", h.spec.GetDatapathId()
		case h.spec.GetUnmanaged():
			n.Kind = "unmanaged"
		case n.GetAddress() == "" && h.observed.TunnelIP.IsValid():
			n.Address = h.observed.TunnelIP.String()
		}
		t.Nodes = append(t.Nodes, n)
	}
	t.Links, t.Networks = w.links(), w.networks()
	for b := range w.tables.Bindings.Scan() {
		e := &weftv1.TopologyEndpoint{
			Port: b.Port.Project + "/" + b.Port.Name, Host: b.Host, Interface: b.Interface, Ofport: b.OFPort, Network: b.Network.Project + "/" + b.Network.Name,
		}
		if p, ok := w.tables.Ports.Peek(b.Port); ok {
			for _, ip := range p.IPs {
				e.Ips = append(e.Ips, ip.String())
			}
		}
		t.Endpoints = append(t.Endpoints, e)
	}
	slices.SortFunc(t.Nodes, func(a, b *weftv1.TopologyNode) int { return cmp.Compare(a.GetName(), b.GetName()) })
	slices.SortFunc(t.Links, compareLinks)
	slices.SortFunc(t.Endpoints, func(a, b *weftv1.TopologyEndpoint) int {
		return cmp.Or(cmp.Compare(a.GetHost(), b.GetHost()), cmp.Compare(a.GetPort(), b.GetPort()))
	})
	return t
}

func compareLinks(a, b *weftv1.TopologyLink) int {
	return cmp.Or(cmp.Compare(a.GetA().GetHost(), b.GetA().GetHost()), cmp.Compare(a.GetA().GetPort(), b.GetA().GetPort()),
		cmp.Compare(a.GetB().GetHost(), b.GetB().GetHost()), cmp.Compare(a.GetB().GetPort(), b.GetB().GetPort()))
}

// links are the links that were given, and those that were found.
func (w *world) links() []*weftv1.TopologyLink {
	var all []*weftv1.TopologyLink
	var r table.Reader
	for a := range w.tables.Adjacencies.Scan() {
		l := &weftv1.TopologyLink{A: endOf(a.Ends[0]), B: endOf(a.Ends[1]), Up: a.State == intent.Open}
		for range w.tables.LinksBetween.List(&r, a.Ends) {
			l.Given = true
		}
		_, there := w.tables.Sightings.Peek(intent.Sighting{From: a.Ends[0], To: a.Ends[1]})
		_, back := w.tables.Sightings.Peek(intent.Sighting{From: a.Ends[1], To: a.Ends[0]})
		l.Discovered = there && back
		all = append(all, l)
	}
	return all
}

func endOf(e intent.End) *weftv1.LinkEnd { return &weftv1.LinkEnd{Host: e.Host, Port: e.Port} }

// networks are the segments that some host takes part in.
func (w *world) networks() []*weftv1.TopologyNetwork {
	var all []*weftv1.TopologyNetwork
	var r table.Reader
	for s := range w.tables.Segments.Scan() {
		hosts := w.tables.AttachedHosts.List(&r, s.Key)
		if len(hosts) == 0 {
			continue
		}
		all = append(all, &weftv1.TopologyNetwork{
			Network: s.Key.Network.Project + "/" + s.Key.Network.Name, Type: s.Type, Id: s.ID, PhysicalNetwork: s.Physical, Hosts: slices.Clone(hosts),
		})
	}
	return all
}
