package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
)

// HostConfig says what a host is.
type HostConfig struct {
	SystemID string
	TunnelIP netip.Addr
	Manager  string // the controller's OVSDB port: tcp:IP:PORT or unix:PATH
	Bridge   string // the bridge that is the host's switch; default br-int. Others are only rows
	Switch   Config // TunnelIP is set from above; DatapathID is what the bridge gets when it asks for none

	// Mappings are the bridges that lead to physical networks, by the networks' names; they are there.
	Mappings map[string]string
}

// Host is a simulated Open vSwitch host: a switch and the database that configures it.
type Host struct {
	cfg HostConfig
	sw  *Switch

	mu       sync.Mutex
	db       *database
	peers    map[*peer]struct{}
	links    map[string]*link // by target
	plugged  map[string]uuid  // port rows by iface-id
	serve    context.Context  // of Run; nil: it does not run
	workers  sync.WaitGroup
	attached bool // the bridge has a controller
}

// link keeps the switch connected to one controller.
type link struct {
	stop context.CancelFunc
}

// peer is one OVSDB connection.
type peer struct {
	conn     net.Conn
	monitors []monitor
}

// monitor is what a peer wants to be told.
type monitor struct {
	id     json.RawMessage
	tables map[string][]string
}

// NewHost makes a host with an empty database and a switch without ports.
func NewHost(cfg HostConfig) *Host {
	if cfg.Bridge == "" {
		cfg.Bridge = "br-int"
	}
	cfg.Switch.TunnelIP = cfg.TunnelIP
	root := row{
		"external_ids": dict{"system-id": cfg.SystemID, "hostname": cfg.SystemID, "weft-encap-ip": cfg.TunnelIP.String()},
		"ovs_version":  set{"3.1.0"}, "db_version": set{"8.3.1"}, "datapath_types": set{"netdev", "system"},
		"iface_types": set{"geneve", "gre", "internal", "patch", "vxlan"},
	}
	h := &Host{
		cfg: cfg, sw: NewSwitch(cfg.Switch), db: newDatabase(root), peers: map[*peer]struct{}{}, links: map[string]*link{},
		plugged: map[string]uuid{},
	}
	h.provide()
	return h
}

// provide makes the bridges that lead to physical networks.
func (h *Host) provide() {
	if len(h.cfg.Mappings) == 0 {
		return
	}
	var words []string
	var bridges set
	for _, physical := range slices.Sorted(maps.Keys(h.cfg.Mappings)) {
		words = append(words, physical+":"+h.cfg.Mappings[physical])
		bridges = append(bridges, h.db.insert("Bridge", row{"name": h.cfg.Mappings[physical]}))
	}
	ids := maps.Clone(h.db.tables["Open_vSwitch"][h.db.root]["external_ids"].(dict))
	ids["weft-bridge-mappings"] = strings.Join(words, ",")
	h.db.set("Open_vSwitch", h.db.root, row{"external_ids": ids, "bridges": bridges})
	h.publish()
}

// Switch returns the host's switch.
func (h *Host) Switch() *Switch { return h.sw }

// SystemID returns the host's name.
func (h *Host) SystemID() string { return h.cfg.SystemID }

// Run keeps the host connected to its manager, and its switch to the controllers that its bridge names, until ctx ends.
func (h *Host) Run(ctx context.Context) error {
	kind, where, _ := strings.Cut(h.cfg.Manager, ":")
	if kind != "tcp" && kind != "unix" {
		return fmt.Errorf("host %s: manager %q: %w", h.cfg.SystemID, h.cfg.Manager, ErrNotModelled)
	}
	h.mu.Lock()
	h.serve = ctx
	h.mu.Unlock()
	const shortest, longest = 10 * time.Millisecond, time.Second
	for wait := shortest; ctx.Err() == nil; wait = min(2*wait, longest) {
		var d net.Dialer
		if conn, err := d.DialContext(ctx, kind, where); err == nil {
			_ = h.ServeOVSDB(ctx, conn) // however it ended, it dials again
			wait = shortest
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	h.mu.Lock()
	h.serve = nil
	for target, l := range h.links {
		l.stop()
		delete(h.links, target)
	}
	h.mu.Unlock()
	h.workers.Wait()
	return nil
}

// Plug adds an interface with an endpoint to the bridge, as a hypervisor does, and returns its port. The bridge must be there.
func (h *Host) Plug(ifaceID string, mac flow.MACAddr) (ofport uint32, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, there := h.plugged[ifaceID]; there {
		return 0, fmt.Errorf("host %s: interface %s is plugged", h.cfg.SystemID, ifaceID)
	}
	id, ok := h.bridge()
	if !ok {
		return 0, fmt.Errorf("host %s: interface %s: there is no bridge %s yet", h.cfg.SystemID, ifaceID, h.cfg.Bridge)
	}
	name := "tap" + strconv.Itoa(len(h.db.tables["Interface"]))
	for h.named(name) {
		name += "x"
	}
	iface := h.db.insert("Interface", row{"name": name, "type": "",
		"external_ids": dict{"iface-id": ifaceID, "attached-mac": mac.String()}, "mac_in_use": set{mac.String()}})
	port := h.db.insert("Port", row{"name": name, "interfaces": set{iface}})
	h.db.set("Bridge", id, row{"ports": append(append(set(nil), h.db.tables["Bridge"][id].get("ports", aSet).(set)...), port)})
	h.plugged[ifaceID] = port
	h.publish()
	h.configure()
	n, _ := h.db.tables["Interface"][iface].number("ofport")
	return uint32(n), nil
}

func (h *Host) named(name string) bool {
	for _, r := range h.db.tables["Interface"] {
		if r.text("name") == name {
			return true
		}
	}
	return false
}

// Unplug removes an interface.
func (h *Host) Unplug(ifaceID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	port, ok := h.plugged[ifaceID]
	id, there := h.bridge()
	if !ok || !there {
		return
	}
	delete(h.plugged, ifaceID)
	h.db.set("Bridge", id, row{"ports": difference(h.db.tables["Bridge"][id].get("ports", aSet).(set), set{port})})
	h.db.collect()
	h.publish()
	h.configure()
}

// Ready says whether the bridge exists and its switch is connected to a controller.
func (h *Host) Ready() bool {
	h.mu.Lock()
	_, ok := h.bridge()
	h.mu.Unlock()
	return ok && h.sw.Connected() > 0
}

// bridge finds the row of the bridge that is the switch.
func (h *Host) bridge() (uuid, bool) {
	for id, r := range h.db.tables["Bridge"] {
		if r.text("name") == h.cfg.Bridge {
			return id, true
		}
	}
	return "", false
}

// follow keeps the switch connected to a controller, and says in the database whether it is.
func (h *Host) follow(ctx context.Context, target string) {
	kind, where, _ := strings.Cut(target, ":")
	const shortest, longest = 10 * time.Millisecond, time.Second
	for wait := shortest; ctx.Err() == nil; wait = min(2*wait, longest) {
		var d net.Dialer
		if conn, err := d.DialContext(ctx, kind, where); err == nil {
			h.connected(target, true)
			_ = h.sw.Serve(ctx, conn) // likewise
			h.connected(target, false)
			wait = shortest
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// connected writes whether a controller is connected.
func (h *Host) connected(target string, is any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, r := range h.db.tables["Controller"] {
		if r.text("target") == target {
			h.db.set("Controller", id, row{"is_connected": is})
		}
	}
	h.publish()
}
