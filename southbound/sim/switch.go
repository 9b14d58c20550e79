package sim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Config says what a switch is.
type Config struct {
	DatapathID uint64
	TunnelIP   netip.Addr       // where other switches of a Fabric send tunnel packets for this one
	Now        func() time.Time // default: time.Now. Meters and durations of flows go by it

	// OnPacketOut, when set, is told what became of a controller's packet-out. It must not call the switch.
	OnPacketOut func(Result)
}

// Port is a port of a switch.
type Port struct {
	Number uint32
	Name   string
	MAC    flow.MACAddr
	Tunnel Tunnel // the zero Tunnel: an endpoint is behind the port
	Down   bool
}

// Tunnel says how packets leave by a tunnel port.
type Tunnel struct {
	Type   string     // "vxlan", "geneve", "gre"; empty: no tunnel
	Remote netip.Addr // not valid: the packet's tun_dst
	Key    uint64     // with FixedKey: the tunnel id, whatever the packet's tun_id
	Fixed  KeyMode
}

// KeyMode says where a tunnel's id comes from.
type KeyMode bool

// FixedKey takes the id from the port; the zero KeyMode takes it from the packet.
const FixedKey KeyMode = true

// Switch is an OpenFlow switch in memory. Its methods may be called from any goroutine; packets and changes take turns.
type Switch struct {
	cfg Config

	mu       sync.Mutex
	tables   [254]*table // nil: empty
	flows    int
	groups   map[uint32]*group
	meters   map[uint32]*meter
	ports    map[uint32]Port
	tracker  tracker
	undo     []func() // while a bundle is applied: how to take back what it did, newest last
	bundling bool
	sessions map[*session]struct{}
	changes  []change // that monitors are to be told

	generation      uint64 // of controllers' roles
	generationKnown bool
}

// group is a group with its buckets in the form in which they are carried out.
type group struct {
	flow.Group
	buckets []bucket
}

type bucket struct {
	weight     uint16
	watchPort  uint32
	watchGroup uint32
	do         []step
}

// meter is a token bucket per band.
type meter struct {
	flow.Meter
	bands []flow.Band
	level []float64 // bits or packets that may pass at once
	last  time.Time
}

// NewSwitch makes a switch without ports and flows.
func NewSwitch(cfg Config) *Switch {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Switch{
		cfg: cfg, groups: map[uint32]*group{}, meters: map[uint32]*meter{}, ports: map[uint32]Port{}, tracker: tracker{},
		sessions: map[*session]struct{}{},
	}
}

// DatapathID returns the switch's number.
func (s *Switch) DatapathID() uint64 { return s.cfg.DatapathID }

// TunnelIP returns the address of the switch's tunnels.
func (s *Switch) TunnelIP() netip.Addr { return s.cfg.TunnelIP }

// SetPort adds a port or changes it. Controllers are told.
func (s *Switch) SetPort(p Port) error {
	if p.Number == 0 || p.Number >= flow.PortMax && p.Number != flow.PortLocal {
		return fmt.Errorf("port %s: number %#x is reserved", p.Name, p.Number)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, there := s.ports[p.Number]
	if there && old == p {
		return nil
	}
	s.ports[p.Number] = p
	reason := portAdded
	if there {
		reason = portModified
	}
	s.tellPort(p, reason)
	return nil
}

// RemovePort removes a port. Controllers are told.
func (s *Switch) RemovePort(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.ports[number]; ok {
		delete(s.ports, number)
		s.tellPort(p, portRemoved)
	}
}

// Ports returns the ports by number.
func (s *Switch) Ports() []Port {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sortedPorts()
}

func (s *Switch) sortedPorts() []Port {
	all := make([]Port, 0, len(s.ports))
	for _, p := range s.ports {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Port) int {
		if a.Number < b.Number {
			return -1
		}
		return 1
	})
	return all
}

// Flows returns the installed flows in no particular order.
func (s *Switch) Flows() []flow.Flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]flow.Flow, 0, s.flows)
	for _, t := range s.tables {
		if t == nil {
			continue
		}
		for _, r := range t.rules {
			all = append(all, r.Flow)
		}
	}
	return all
}

// FlowCount returns how many flows are installed.
func (s *Switch) FlowCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flows
}

// Groups returns the groups by id.
func (s *Switch) Groups() []flow.Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]flow.Group, 0, len(s.groups))
	for _, g := range s.groups {
		all = append(all, g.Group)
	}
	slices.SortFunc(all, func(a, b flow.Group) int { return int(int64(a.ID) - int64(b.ID)) })
	return all
}

// Counters returns how many packets and bytes a flow has had, and false when there is no such flow.
func (s *Switch) Counters(k flow.Key) (packets, bytes uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.table(k.Table); t != nil {
		if r := t.rules[k]; r != nil {
			return r.packets, r.bytes, true
		}
	}
	return 0, 0, false
}

// Meters returns the meters in the order of their ids.
func (s *Switch) Meters() []flow.Meter {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []flow.Meter
	for _, id := range slices.Sorted(maps.Keys(s.meters)) {
		all = append(all, s.meters[id].Meter)
	}
	return all
}

// Flush removes all flows, groups and meters, as ovs-vswitchd does when it starts or a bridge gets its first controller.
func (s *Switch) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.selectRules(&FlowMod{Command: Delete, Flow: flow.Flow{Key: flow.Key{Table: AllTables}}}) {
		s.drop(r, removedDelete, nil)
	}
	clear(s.groups)
	clear(s.meters)
	clear(s.tracker)
	s.flushMonitors(true)
}

func (s *Switch) table(n uint8) *table {
	if int(n) >= len(s.tables) {
		return nil
	}
	return s.tables[n]
}
