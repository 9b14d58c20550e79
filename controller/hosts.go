package controller

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/reconcile"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/ovsdb"
)

// Keys of Open_vSwitch:external_ids by which a host describes itself.
const (
	encapIPKey      = "weft-encap-ip"
	datapathTypeKey = "weft-datapath-type"
	mappingsKey     = "weft-bridge-mappings"
)

// registrar puts a host that connects for the first time into the store.
type registrar interface {
	RegisterHost(ctx context.Context, systemID string) error
}

// hosts keeps the OVSDB side of every host: who is connected, what they report, and what their bridges should be.
type hosts struct {
	cfg      Config
	log      *logrus.Entry
	world    *world
	board    *reconcile.Board
	memory   *memory
	register registrar
	ofPort   string // port of the OpenFlow listener
	ofScheme string // "tcp" or "ssl"

	mu      sync.Mutex
	links   map[string]*link  // by system-id
	byDPID  map[uint64]string // system-id by datapath id
	changed chan struct{}     // closed and replaced when byDPID grows
}

// link is a host's OVSDB connection as status shows it.
type link struct {
	session *ovsdb.Session
	end     context.CancelFunc
	state   linkState
	since   time.Time
	peer    string
	refused string // why another connection that claims to be this host was refused
	mended  uint64 // by sessions that have ended
	errors  []string
}

type linkState int

const (
	linkOffline linkState = iota
	linkSyncing
	linkSynced
)

func newHosts(cfg Config, w *world, board *reconcile.Board, m *memory, register registrar, log *logrus.Entry) *hosts {
	return &hosts{cfg: cfg, log: log, world: w, board: board, memory: m, register: register,
		links: map[string]*link{}, byDPID: map[uint64]string{}, changed: make(chan struct{})}
}

// datapathID is the datapath id that a host's integration bridge is given. It is made from the system-id, so that a switch
// connection is known to be a host's even before the host's database has been read.
func datapathID(systemID string) uint64 {
	const local = 0x0200_0000_0000_0000 // never the id that Open vSwitch derives from a MAC address
	return xxhash.Sum64String("weft datapath "+systemID)>>8 | local
}

// dpidText is how Open vSwitch writes a datapath id.
func dpidText(dpid uint64) string { return fmt.Sprintf("%016x", dpid) }

// know lets switch connections of a host be recognised.
func (h *hosts) know(systemID string, spec *weftv1.HostSpec) {
	dpid := datapathID(systemID)
	if s := spec.GetDatapathId(); s != "" {
		dpid = bareDatapath(s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byDPID[dpid] == systemID {
		return
	}
	h.byDPID[dpid] = systemID
	close(h.changed)
	h.changed = make(chan struct{})
}

// forget is called when a host was deleted.
func (h *hosts) forget(systemID string) {
	h.mu.Lock()
	maps.DeleteFunc(h.byDPID, func(_ uint64, host string) bool { return host == systemID })
	if l := h.links[systemID]; l != nil && l.end != nil {
		l.end()
	}
	delete(h.links, systemID)
	h.mu.Unlock()
	h.board.Forget(systemID)
}

// handle serves one OVSDB session until it ends.
func (h *hosts) handle(ctx context.Context, s *ovsdb.Session) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	id, log := s.SystemID(), h.log.WithFields(logrus.Fields{"host": s.SystemID(), "peer": s.Peer()})
	if h.world.hostSpec(id).GetUnmanaged() {
		log.Warn("refused a host's database connection: the store says that nobody manages the host from here")
		return
	}
	if h.world.hostSpec(id).GetDatapathId() != "" {
		log.Warn("refused a host's database connection: the store says that the host is a bare switch without one")
		return
	}
	if err := h.admit(s, end); err != nil {
		log.WithError(err).Warn("refused a host's database connection")
		return
	}
	defer h.leave(s)
	if err := h.register.RegisterHost(ctx, id); err != nil {
		log.WithError(err).Warn("could not add the host to the store; it will be tried again when it reconnects")
		return
	}
	h.know(id, nil)
	log.Info("host's database connected")
	h.follow(ctx, s)
	log.Info("host's database disconnected")
}

// admit makes a session the host's, unless another host that is connected calls itself the same. A host that connects again
// before its old connection was found dead takes its place.
func (h *hosts) admit(s *ovsdb.Session, end context.CancelFunc) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.links[s.SystemID()]
	if l == nil {
		l = &link{}
		h.links[s.SystemID()] = l
	}
	if l.session != nil {
		if addressOf(l.session.Peer()) != addressOf(s.Peer()) {
			l.refused = fmt.Sprintf("a host at %s has the same system-id as the one at %s: set another Open_vSwitch external_ids:system-id there", s.Peer(), l.session.Peer())
			return fmt.Errorf("%s", l.refused)
		}
		l.mended += l.session.Status().DriftMended
		l.end()
	}
	l.session, l.end, l.state, l.since, l.peer, l.refused = s, end, linkSyncing, time.Now(), s.Peer().String(), ""
	return nil
}

func (h *hosts) leave(s *ovsdb.Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.links[s.SystemID()]; l != nil && l.session == s {
		l.mended += s.Status().DriftMended
		l.session, l.end, l.state, l.since = nil, nil, linkOffline, time.Now()
	}
}

// follow passes on what the host reports and what it should have.
func (h *hosts) follow(ctx context.Context, s *ovsdb.Session) {
	id := s.SystemID()
	target := h.board.Target(id)
	seen := &seenState{}
	for {
		ports, level := target.Ports()
		unwanted := ovsdb.KeepUnwanted
		if target.RemovalsAllowed() {
			unwanted = ovsdb.RemoveUnwanted
		}
		s.SetDesired(h.desired(s, ports, unwanted))
		if state := s.Snapshot(); state != nil && state != seen.state {
			h.report(s, seen, state, target)
		}
		st := s.Status()
		if st.Synced && st.Applied {
			h.board.PortsApplied(target, level)
		}
		h.note(s, st)
		select {
		case <-ctx.Done():
			return
		case <-s.Changed():
		case <-target.PortsChanged():
		}
	}
}

// note keeps what status shows of a session.
func (h *hosts) note(s *ovsdb.Session, st ovsdb.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.links[s.SystemID()]
	if l == nil || l.session != s {
		return
	}
	l.state, l.errors = linkSyncing, nil
	if st.Synced {
		l.state = linkSynced
	}
	l.errors = append(l.errors, st.Conflicts...)
	if st.Err != nil {
		l.errors = append(l.errors, st.Err.Error())
	}
	l.errors = append(l.errors, portErrors(s.Snapshot())...)
}

// portErrors says which of our ports ovs-vswitchd could not make, or gave another number than the flows use.
func portErrors(state *ovsdb.State) []string {
	if state == nil {
		return nil
	}
	var errs []string
	if b, ok := state.Bridges[pipeline.Bridge]; ok && b.Error != "" {
		errs = append(errs, fmt.Sprintf("bridge %s: %s", b.Name, b.Error))
	}
	for _, by := range carry.All {
		e, ok := by.(carry.Tunnel)
		if !ok {
			continue
		}
		i, ok := state.Interface(e.Port)
		switch {
		case !ok:
		case i.Error != "":
			errs = append(errs, fmt.Sprintf("interface %s: %s", i.Name, i.Error))
		case i.OFPort > 0 && uint32(i.OFPort) != e.OFPort:
			errs = append(errs, fmt.Sprintf("interface %s has OpenFlow port %d, not %d, which another port holds", i.Name, i.OFPort, e.OFPort))
		}
	}
	return errs
}

// desired is what a host's database should hold: the integration bridge, its controller, and the ports that apps want.
func (h *hosts) desired(s *ovsdb.Session, ports []compile.OVSPort, unwanted ovsdb.Unwanted) ovsdb.Desired {
	id := s.SystemID()
	bridge := ovsdb.DesiredBridge{
		Name:         pipeline.Bridge,
		DatapathType: h.datapathType(s),
		FailMode:     "secure",
		Protocols:    []string{"OpenFlow13"},
		Controllers: []ovsdb.DesiredController{{
			Target:            h.controllerTarget(s),
			MaxBackoffMS:      1000,
			InactivityProbeMS: 5000,
			ConnectionMode:    "out-of-band",
		}},
		OtherConfig: map[string]string{
			"datapath-id":     dpidText(datapathID(id)),
			"disable-in-band": "true",
		},
	}
	return desiredPorts(bridge, ports, s.Snapshot(), unwanted)
}

// desiredPorts adds ports to their bridges: the integration bridge, and those that are the operator's, where they exist.
func desiredPorts(own ovsdb.DesiredBridge, ports []compile.OVSPort, state *ovsdb.State, unwanted ovsdb.Unwanted) ovsdb.Desired {
	d := ovsdb.Desired{Bridges: []ovsdb.DesiredBridge{own}, Unwanted: unwanted}
	tags := 1 // as Open vSwitch's own default
	for _, p := range ports {
		tags = max(tags, p.Tags)
		i := slices.IndexFunc(d.Bridges, func(b ovsdb.DesiredBridge) bool { return b.Name == p.Bridge })
		if i < 0 && !hasBridge(state, p.Bridge) {
			continue // the host's status says so
		}
		if i < 0 {
			i = len(d.Bridges)
			d.Bridges = append(d.Bridges, ovsdb.DesiredBridge{Name: p.Bridge, Elsewhere: true})
		}
		want := ovsdb.DesiredPort{Name: p.Name, Type: p.Type, Options: parseOptions(p.Options), BFD: parseOptions(p.BFD), OFPortRequest: int32(p.OFPort)}
		if p.IfaceID != "" {
			want.ExternalIDs = map[string]string{"iface-id": p.IfaceID}
		}
		d.Bridges[i].Ports = append(d.Bridges[i].Ports, want)
	}
	if tags > 1 && !looksAtTags(state, tags) {
		d.OtherConfig = map[string]string{"vlan-limit": strconv.Itoa(tags)}
	}
	return d
}

// looksAtTags tells whether a host is set to look at as many VLAN tags already, or at more: 0 stands for all that it can.
func looksAtTags(state *ovsdb.State, tags int) bool {
	if state == nil {
		return false
	}
	limit, err := strconv.Atoi(state.OtherConfig["vlan-limit"])
	return err == nil && (limit == 0 || limit >= tags)
}

func parseOptions(s string) map[string]string {
	options := map[string]string{}
	for part := range strings.SplitSeq(s, ",") {
		if k, v, ok := strings.Cut(part, "="); ok {
			options[k] = v
		}
	}
	return options
}

// datapathType is the configured one, or the one that the host asks for, or Open vSwitch's default.
func (h *hosts) datapathType(s *ovsdb.Session) string {
	if t := h.world.hostSpec(s.SystemID()).GetDatapathType(); t != "" {
		return t
	}
	if state := s.Snapshot(); state != nil {
		return state.ExternalIDs[datapathTypeKey]
	}
	return ""
}

// controllerTarget is where the host's switch finds us: at the address where its database found us.
func (h *hosts) controllerTarget(s *ovsdb.Session) string {
	address := h.cfg.Advertise
	if address == "" {
		address = addressOf(s.Local())
	}
	if address == "" {
		address = "127.0.0.1" // a database reached through a unix socket is on this machine
	}
	return h.ofScheme + ":" + net.JoinHostPort(address, h.ofPort)
}

// addressOf is the IP address of a peer, without port and zone; empty for a unix socket.
func addressOf(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return ""
	}
	return ap.Addr().Unmap().WithZone("").String()
}

// seenState is the host's state that has been reported last.
type seenState struct{ state *ovsdb.State }

// report hands what changed in a host's database to the world.
func (h *hosts) report(s *ovsdb.Session, seen *seenState, state *ovsdb.State, target *reconcile.Target) {
	id, first := s.SystemID(), seen.state == nil
	observed := observedHost{Hostname: state.Hostname, OVSVersion: state.OVSVersion,
		DatapathType: state.ExternalIDs[datapathTypeKey], Mappings: state.ExternalIDs[mappingsKey], Bridges: bridgeNames(state)}
	if ip, err := netip.ParseAddr(state.ExternalIDs[encapIPKey]); err == nil {
		observed.TunnelIP = ip
	} else if ip, err := netip.ParseAddr(addressOf(s.Peer())); err == nil {
		observed.TunnelIP = ip
	}
	var plugged []intent.Interface
	var unplugged []intent.InterfaceKey
	if first {
		plugged = endpoints(id, state.Interfaces)
	} else {
		plugged, unplugged = difference(id, seen.state.Interfaces, state.Interfaces)
	}
	seen.state = state
	h.world.inbox.post(func(w *world) {
		w.observe(id, observed)
		if first {
			unplugged = w.missing(id, plugged)
		}
		for _, i := range plugged {
			w.plug(i)
		}
		for _, k := range unplugged {
			w.unplug(k)
		}
		if first {
			w.afterIntent(target.AllowRemovals)
		}
	})
}

// endpoints returns the interfaces that carry an iface-id.
func endpoints(host string, all []*ovsdb.Interface) []intent.Interface {
	var plugged []intent.Interface
	for _, i := range all {
		if i.IfaceID != "" && i.Bridge == pipeline.Bridge {
			plugged = append(plugged, endpoint(host, i))
		}
	}
	return plugged
}

func endpoint(host string, i *ovsdb.Interface) intent.Interface {
	return intent.Interface{Key: intent.InterfaceKey{Host: host, Name: i.Name}, IfaceID: i.IfaceID, OFPort: uint32(max(i.OFPort, 0)), MTU: uint32(max(i.MTU, 0))}
}

// difference walks two lists sorted by name; an interface that did not change is the same pointer in both.
func difference(host string, before, after []*ovsdb.Interface) (plugged []intent.Interface, unplugged []intent.InterfaceKey) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(before) > 0 && len(after) > 0 && before[0] == after[0]:
			before, after = before[1:], after[1:]
		case len(after) == 0 || len(before) > 0 && before[0].Name < after[0].Name:
			unplugged = append(unplugged, intent.InterfaceKey{Host: host, Name: before[0].Name})
			before = before[1:]
		default:
			i := after[0]
			if len(before) > 0 && before[0].Name == i.Name {
				before = before[1:]
			}
			if i.IfaceID != "" && i.Bridge == pipeline.Bridge {
				plugged = append(plugged, endpoint(host, i))
			} else {
				unplugged = append(unplugged, intent.InterfaceKey{Host: host, Name: i.Name})
			}
			after = after[1:]
		}
	}
	return plugged, unplugged
}

// listenPort is the port number of a listener's address.
func listenPort(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		return strconv.Itoa(t.Port)
	}
	return ""
}
