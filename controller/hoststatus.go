package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/reconcile"
	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/ovsdb"
)

// mended counts how often a host's database was put right.
func (h *hosts) mended(systemID string) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.links[systemID]
	if l == nil {
		return 0
	}
	if l.session != nil {
		return l.mended + l.session.Status().DriftMended
	}
	return l.mended
}

// linkState returns the carrier of a host's interface: "up", "down", or "" when that is not known.
func (h *hosts) linkState(systemID, iface string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.links[systemID]
	if l == nil || l.session == nil {
		return ""
	}
	if state := l.session.Snapshot(); state != nil {
		if i, ok := state.Interface(iface); ok {
			return i.LinkState
		}
	}
	return ""
}

// tunnels returns how the ways between a host and others are, as BFD sees them from there.
func (h *hosts) tunnels(systemID string, ways []intent.WatchedWay) []*weftv1.TunnelStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	var state *ovsdb.State
	if l := h.links[systemID]; l != nil && l.session != nil {
		state = l.session.Snapshot()
	}
	all := make([]*weftv1.TunnelStatus, 0, len(ways))
	for _, w := range ways {
		t := &weftv1.TunnelStatus{Host: w.Remote, RemoteIp: w.RemoteIP.String(), State: "unknown"}
		if state != nil {
			if i, ok := state.Interface(w.Port); ok {
				t.State, t.Diagnostic = sessionState(i.BFD)
			}
		}
		all = append(all, t)
	}
	return all
}

// sessionState reads bfd_status (ovs-vswitchd.conf.db(5)). A session that never was up says the same as one that went down,
// but that it has not changed its mind yet.
func sessionState(bfd map[string]string) (state, diagnostic string) {
	switch {
	case bfd["state"] == "up":
		state = "up"
	case bfd["state"] == "" || bfd["flap_count"] == "0":
		state = "unknown"
	default:
		state = "down"
	}
	if d := bfd["diagnostic"]; d != "No Diagnostic" {
		diagnostic = d
	}
	return state, diagnostic
}

// watched returns the ways that a host watches, by remote host.
func (w *world) watched(name string) []intent.WatchedWay {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.SortedFunc(w.tables.WatchedFrom.List(&table.Reader{}, name), func(a, b intent.WatchedWay) int { return strings.Compare(a.Remote, b.Remote) })
}

// snapshot is what a host's database held when last seen; nil when it is not connected.
func (h *hosts) snapshot(systemID string) *ovsdb.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.links[systemID]; l != nil && l.session != nil {
		return l.session.Snapshot()
	}
	return nil
}

// overlayHost fills in what is observed of a host.
func (c *core) overlayHost(name string, status *weftv1.Status) {
	if c.world.hostSpec(name).GetUnmanaged() {
		c.overlayUnmanaged(name, status)
		return
	}
	if c.world.hostSpec(name).GetDatapathId() != "" {
		c.overlayBare(name, status)
		return
	}
	host := &weftv1.HostStatus{Ovsdb: weftv1.HostStatus_CONNECTION_OFFLINE, Openflow: weftv1.HostStatus_CONNECTION_OFFLINE}
	status.Details = &weftv1.Status_Host{Host: host}
	v := verdict{status: status, phase: weftv1.Status_PHASE_ACTIVE}
	v.notes(c.world.engine.Notes(intent.Key{Kind: intent.KindHost, Name: name}.String()))
	c.world.describe(name, host)
	c.hosts.describe(name, host, &v)
	c.describeSwitch(name, host, &v)
	for _, wrong := range c.world.mappingErrors(name, c.hosts.snapshot(name)) {
		v.condition("BridgeMapping", name, wrong)
		v.atLeast(weftv1.Status_PHASE_ERROR)
	}
	host.Tunnels = c.hosts.tunnels(name, c.world.watched(name))
	for _, t := range host.Tunnels {
		if t.GetState() == "down" {
			v.condition("TunnelDown", name, fmt.Sprintf("host %q does not answer over the tunnel to %s: %s", t.GetHost(), t.GetRemoteIp(), t.GetDiagnostic()))
		}
	}
	status.Phase = v.phase
}

// describe fills in what rows say of a host.
func (w *world) describe(name string, host *weftv1.HostStatus) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if h := w.hosts[name]; h != nil {
		host.Hostname, host.OvsVersion = h.observed.Hostname, h.observed.OVSVersion
		host.BridgeMappings = maps.Clone(h.mapped)
	}
	if row, ok := w.tables.HostFacts.Peek(name); ok && row.TunnelIP.IsValid() {
		host.TunnelIp = row.TunnelIP.String()
	}
	var r table.Reader // what is read here is nobody's to remember
	host.Ports = uint32(w.tables.BoundTo.Count(&r, name))
	host.RouterMacs = w.routerMACs(&r, name)
}

// routerMACs are the addresses by which a host sends what routers forward into physical networks, and whose they are.
func (w *world) routerMACs(r *table.Reader, host string) map[string]string {
	all := map[string]string{}
	for seat := range w.tables.Seats.Scan() {
		mac := seat.Key.MAC
		if seat.Host != host {
			mac = pipeline.WireMAC(mac, host)
		}
		for s := range w.tables.SegmentsOf.List(r, seat.Key.Network) {
			by, err := carry.Of(s.Type)
			if err != nil || by.Family() != carry.Wires || !slices.Contains(w.tables.AttachedHosts.List(r, s.Key), host) {
				continue
			}
			for i := range w.tables.InterfacesOn.List(r, seat.Key.Network) {
				if i.MAC == seat.Key.MAC {
					all[mac.String()] = fmt.Sprintf("%s on %s", i.Key.Router, i.Network)
				}
			}
		}
	}
	return all
}

// describe fills in how a host's database is connected.
func (h *hosts) describe(name string, host *weftv1.HostStatus, v *verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	host.DatapathId = dpidText(datapathID(name))
	l := h.links[name]
	if l == nil {
		v.condition("Offline", name, "the host's database has not connected since the controller started")
		v.atLeast(weftv1.Status_PHASE_DOWN)
		return
	}
	host.Since, host.Peer, host.DriftMended = timestamppb.New(l.since), l.peer, l.mended
	if l.session != nil {
		host.DriftMended += l.session.Status().DriftMended
	}
	switch l.state {
	case linkSynced:
		host.Ovsdb = weftv1.HostStatus_CONNECTION_SYNCED
	case linkSyncing:
		host.Ovsdb = weftv1.HostStatus_CONNECTION_SYNCING
		v.atLeast(weftv1.Status_PHASE_BUILD)
	default:
		v.condition("Offline", name, "the host's database is not connected")
		v.atLeast(weftv1.Status_PHASE_DOWN)
	}
	for _, e := range l.errors {
		v.condition("Failed", name, e)
		v.status.LastError = e
		v.atLeast(weftv1.Status_PHASE_ERROR)
	}
	if l.refused != "" {
		v.condition("DuplicateSystemID", name, l.refused)
	}
}

// describeSwitch fills in how a host's switch is connected, and how far it is.
func (c *core) describeSwitch(name string, host *weftv1.HostStatus, v *verdict) {
	s, ok := c.board.Summary(name)
	if !ok || !s.Online {
		v.condition("Offline", name, "the host's switch is not connected")
		v.atLeast(weftv1.Status_PHASE_DOWN)
	}
	if !ok {
		return
	}
	host.Flows, host.RealisedRevision = uint32(s.Flows), s.Realised
	host.Lag = max(c.board.Compiled()-s.Realised, 0)
	host.DriftMended += s.Stats.Drift
	host.ConnectionsCut = c.board.Sum(intent.ConnectionsCut, "host/"+name).Packets
	host.Drops = map[string]uint64{}
	for reason, n := range c.board.Counts(name, compile.Drops) {
		host.Drops[reason] = n.Packets
	}
	switch {
	case !s.Online:
	case s.Failure != "":
		host.Openflow = weftv1.HostStatus_CONNECTION_SYNCING
		v.condition("Failed", name, s.Failure)
		v.status.LastError = s.Failure
		v.atLeast(weftv1.Status_PHASE_ERROR)
	case s.Synced:
		host.Openflow = weftv1.HostStatus_CONNECTION_SYNCED
	default:
		host.Openflow = weftv1.HostStatus_CONNECTION_SYNCING
		v.atLeast(weftv1.Status_PHASE_BUILD)
	}
}

// settled tells whether every connected switch has what a subject asks of it.
func (c *core) settled(subject string) bool {
	for _, p := range c.board.Settled(c.world.engine.FlowsOf(subject)) {
		if p.State == reconcile.Pending {
			return false
		}
	}
	return true
}
