package sim

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// Fabric joins switches by their tunnels and by wires, and endpoints to their ports and to wires.
type Fabric struct {
	mu        sync.Mutex
	switches  map[netip.Addr]*Switch
	endpoints map[string]location
	names     map[location]string
	wires     map[location]string // to which wire a port leads
	stations  map[string]string   // on which wire an endpoint is
}

// location is where an endpoint is.
type location struct {
	sw   *Switch
	port uint32
}

// Delivery is a frame that reached an endpoint, or a port that no endpoint is at.
type Delivery struct {
	Endpoint string // empty: none is there
	Switch   *Switch
	Port     uint32
	Frame    []byte
}

// Journey is what became of a frame on all switches that it met.
type Journey struct {
	Deliveries []Delivery
	Results    []Result // in the order in which the switches were met
	Switches   []*Switch
	Err        error // the first of Results, or why the journey was broken off
}

// NewFabric makes an empty network.
func NewFabric() *Fabric {
	return &Fabric{switches: map[netip.Addr]*Switch{}, endpoints: map[string]location{}, names: map[location]string{}, wires: map[location]string{}, stations: map[string]string{}}
}

// Add joins a switch by its tunnel address.
func (f *Fabric) Add(s *Switch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at := f.switches[s.TunnelIP()]; at != nil && at != s {
		return fmt.Errorf("switch %#x: tunnel address %s is switch %#x's", s.DatapathID(), s.TunnelIP(), at.DatapathID())
	}
	f.switches[s.TunnelIP()] = s
	return nil
}

// Attach puts an endpoint at a port, away from where it was.
func (f *Fabric) Attach(endpoint string, s *Switch, port uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.names, f.endpoints[endpoint])
	f.endpoints[endpoint] = location{s, port}
	f.names[location{s, port}] = endpoint
}

// Wire joins a port to a wire: what is sent out of one port of it comes in by all others, and at the stations.
func (f *Fabric) Wire(wire string, s *Switch, port uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wires[location{s, port}] = wire
}

// Unwire undoes Wire.
func (f *Fabric) Unwire(s *Switch, port uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.wires, location{s, port})
}

// Station puts an endpoint on a wire itself.
func (f *Fabric) Station(endpoint, wire string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stations[endpoint] = wire
}

// maxHops bounds a journey.
const maxHops = 1000

// Send lets an endpoint send a frame and follows all copies of it.
func (f *Fabric) Send(endpoint string, frame []byte) Journey {
	f.mu.Lock()
	defer f.mu.Unlock()
	var todo []arrival
	if at, ok := f.endpoints[endpoint]; ok {
		todo = []arrival{{at, frame, Encap{}}}
	} else if wire, ok := f.stations[endpoint]; ok {
		todo = f.along(wire, location{}, frame)
	} else {
		return Journey{Err: fmt.Errorf("endpoint %q is not attached", endpoint)}
	}
	var j Journey
	for ; len(todo) > 0; todo = todo[1:] {
		if len(j.Results) >= maxHops {
			j.Err = fmt.Errorf("frame of %s: %w", endpoint, ErrLoop)
			return j
		}
		a := todo[0]
		res := a.sw.InjectFrom(a.port, a.frame, a.from)
		j.Results, j.Switches = append(j.Results, res), append(j.Switches, a.sw)
		if j.Err == nil {
			j.Err = res.Err
		}
		for _, o := range res.Outputs {
			if wire, ok := f.wires[location{a.sw, o.Port}]; ok && o.Tunnel.Type == "" {
				todo = append(todo, f.along(wire, location{a.sw, o.Port}, o.Frame)...)
				for name, at := range f.stations {
					if at == wire {
						j.Deliveries = append(j.Deliveries, Delivery{name, a.sw, o.Port, o.Frame})
					}
				}
				continue
			}
			if o.Tunnel.Type == "" {
				j.Deliveries = append(j.Deliveries, Delivery{f.names[location{a.sw, o.Port}], a.sw, o.Port, o.Frame})
				continue
			}
			if to, port, ok := f.remote(o.Tunnel); ok {
				todo = append(todo, arrival{location{to, port}, o.Frame, o.Tunnel})
			}
		}
	}
	return j
}

// arrival is a frame that comes in by a port.
type arrival struct {
	location
	frame []byte
	from  Encap
}

// along is where a frame on a wire comes in: by all of its ports but the one that it was sent out of.
func (f *Fabric) along(wire string, from location, frame []byte) []arrival {
	var all []arrival
	for at, name := range f.wires {
		if name == wire && at != from {
			all = append(all, arrival{at, frame, Encap{}})
		}
	}
	slices.SortFunc(all, func(a, b arrival) int { return cmp.Compare(a.sw.DatapathID(), b.sw.DatapathID()) })
	return all
}

// remote finds the switch and the tunnel port at which a tunnel packet arrives: the most specific one, as Open vSwitch does.
func (f *Fabric) remote(e Encap) (s *Switch, port uint32, ok bool) {
	s = f.switches[e.Dst]
	if s == nil {
		return nil, 0, false
	}
	best := -1
	for _, p := range s.Ports() {
		t := p.Tunnel
		if t.Type != e.Type || p.Down || t.Remote.IsValid() && t.Remote != e.Src || bool(t.Fixed) && t.Key != e.ID {
			continue
		}
		score := 0
		if t.Remote.IsValid() {
			score++
		}
		if t.Fixed {
			score += 2
		}
		if score > best {
			best, port, ok = score, p.Number, true
		}
	}
	return s, port, ok
}
