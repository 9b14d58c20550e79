package controller

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/reconcile"
	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// A bare switch is a host that connects by OpenFlow alone. What others say in OVSDB it says in OpenFlow: which ports it has.

// bareDatapath reads a datapath id that the catalog has accepted.
func bareDatapath(s string) uint64 {
	id, _ := strconv.ParseUint(s, 16, 64)
	return id
}

// serveBare has a bare switch's ports become rows while its connection lasts, and returns what is to be done at the end of it.
func (s *switches) serveBare(name, peer string, run *reconcile.Reconciler) (ended func()) {
	s.contact(name, peer)
	inbox := s.hosts.world.inbox
	first := true
	run.Ports = func(ports []openflow.Port) {
		known := first
		first = false
		inbox.post(func(w *world) {
			w.takePorts(name, ports)
			if known {
				w.connected(name, true)
				w.afterIntent(run.Target.AllowRemovals)
			}
		})
	}
	return func() {
		s.contact(name, peer)
		inbox.post(func(w *world) { w.connected(name, false) })
	}
}

func (s *switches) contact(name, peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[name] = contact{time.Now(), peer}
}

// switchFact brings the row of a bare switch up to date.
func (w *world) switchFact(name string, h *host) {
	w.tables.Switches.Put(intent.Switch{
		Name: name, Up: h.spec.AdminStateUp == nil || h.spec.GetAdminStateUp(), Labels: h.spec.GetLabelSwitching(), Online: h.online,
	})
}

// connected notes whether a bare switch is connected. A connection that took another's place is told of last.
func (w *world) connected(name string, yes bool) {
	h := w.host(name)
	if h.spec == nil || h.spec.GetDatapathId() == "" {
		return
	}
	h.online = yes
	w.switchFact(name, h)
}

// takePorts takes over the ports of a bare switch: as many as there are, but for those of the switch itself.
func (w *world) takePorts(name string, ports []openflow.Port) {
	if h := w.host(name); h.spec == nil {
		return
	}
	there := map[intent.End]bool{}
	for _, p := range ports {
		if p.Number >= flow.PortMax {
			continue
		}
		row := intent.SwitchPort{
			End: intent.End{Host: name, Port: p.Name}, OFPort: p.Number, MAC: p.MAC,
			Up: p.Config&openflow.PortConfigDown == 0 && p.State&openflow.PortStateLinkDown == 0,
		}
		there[row.End] = true
		w.tables.SwitchPorts.Put(row)
	}
	w.dropPorts(name, there)
	w.statusChanged([]string{intent.Key{Kind: intent.KindHost, Name: name}.String()})
}

// dropPorts forgets the ports of a bare switch that are not staying.
func (w *world) dropPorts(name string, staying map[intent.End]bool) {
	var gone []intent.End
	for p := range w.tables.PortsOf.List(&table.Reader{}, name) {
		if !staying[p.End] {
			gone = append(gone, p.End)
		}
	}
	for _, end := range gone {
		w.tables.SwitchPorts.Delete(end)
	}
}

// dropSwitch forgets a bare switch.
func (w *world) dropSwitch(name string) {
	if w.tables.Switches.Delete(name) {
		w.dropPorts(name, nil)
	}
}

// overlayBare fills in what is observed of a bare switch.
func (c *core) overlayBare(name string, status *weftv1.Status) {
	host := &weftv1.HostStatus{DatapathId: c.world.hostSpec(name).GetDatapathId(), Openflow: weftv1.HostStatus_CONNECTION_OFFLINE}
	status.Details = &weftv1.Status_Host{Host: host}
	v := verdict{status: status, phase: weftv1.Status_PHASE_ACTIVE}
	v.notes(c.world.engine.Notes(intent.Key{Kind: intent.KindHost, Name: name}.String()))
	c.switches.mu.Lock()
	if seen, ok := c.switches.seen[name]; ok {
		host.Since, host.Peer = timestamppb.New(seen.since), seen.peer
	}
	c.switches.mu.Unlock()
	c.describeSwitch(name, host, &v)
	c.world.mu.RLock()
	for p := range c.world.tables.PortsOf.List(&table.Reader{}, name) {
		host.SwitchPorts = append(host.SwitchPorts, &weftv1.SwitchPort{Name: p.End.Port, Ofport: p.OFPort, Up: p.Up})
	}
	c.world.mu.RUnlock()
	status.Phase = v.phase
}

// describeLink fills in what is observed of a link.
func (w *world) describeLink(l intent.Link, status *weftv1.Status) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	link := &weftv1.LinkStatus{}
	status.Details = &weftv1.Status_Link{Link: link}
	if a, ok := w.tables.Adjacencies.Peek(l.Ends); ok {
		link.Up = a.State == intent.Open
	}
	_, there := w.tables.Sightings.Peek(intent.Sighting{From: l.Ends[0], To: l.Ends[1]})
	_, back := w.tables.Sightings.Peek(intent.Sighting{From: l.Ends[1], To: l.Ends[0]})
	link.Discovered = there && back
	for p := range w.tables.Paths.Scan() {
		for _, hop := range p.Hops {
			if p.State == intent.Active && (l.Ends == [2]intent.End{hop.Out, hop.In} || l.Ends == [2]intent.End{hop.In, hop.Out}) {
				link.Paths++
			}
		}
	}
}
