package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/sim"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// fleetEnv makes this program that many simulated hosts whose endpoints ask for addresses when a line comes in.
const fleetEnv = "WEFT_BENCH_FLEET"

const (
	perFleetHost = 100 // endpoints
	askWithin    = 30 * time.Second
)

// fleetMAC is the address of the i-th endpoint of a fleet.
func fleetMAC(i int) flow.MACAddr { return flow.MACAddr{0xfa, 0x16, 0x3e, 0, byte(i >> 8), byte(i)} }

// storm is how it went when all endpoints asked at once.
type storm struct {
	Seconds    float64   // from the first question to the last answer
	Millis     []float64 // of each endpoint, from its DHCPDISCOVER to its DHCPACK
	Unanswered int
}

// fleet is simulated hosts, endpoint i on host i modulo their number.
type fleet struct {
	hosts []*fleetHost
}

type fleetHost struct {
	*sim.Host
	asked chan answer // what came back

	mu        sync.Mutex
	endpoints map[uint32]*asker // by port
}

// asker is an endpoint.
type asker struct {
	port     uint32
	mac      flow.MACAddr
	began    time.Time
	took     time.Duration
	finished bool
}

// answer is a frame for an endpoint.
type answer struct {
	port  uint32
	frame []byte
}

// runFleet runs hosts until ctx ends, plugs their endpoints and prints a line; and one with a storm for each line that comes in.
func runFleet(ctx context.Context, count string, in io.Reader, out io.Writer) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("%s: %w", fleetEnv, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	f := &fleet{}
	for i := range n {
		h := &fleetHost{asked: make(chan answer, 4*perFleetHost), endpoints: map[uint32]*asker{}}
		h.Host = sim.NewHost(sim.HostConfig{
			SystemID: fmt.Sprintf("sim%d", i), TunnelIP: netip.AddrFrom4([4]byte{10, 98, byte(i >> 8), byte(i)}), Manager: "tcp:" + e2e.OVSDB,
			Mappings: map[string]string{"ext": "br-ext"}, Switch: sim.Config{OnPacketOut: h.arrived},
		})
		f.hosts = append(f.hosts, h)
		g.Go(func() error { return h.Run(ctx) })
	}
	g.Go(func() error {
		for i, h := range f.hosts {
			if err := h.plugAll(ctx, i, n); err != nil {
				return err
			}
		}
		fmt.Fprintln(out, "plugged")
		for lines := bufio.NewScanner(in); lines.Scan() && ctx.Err() == nil; {
			if err := json.NewEncoder(out).Encode(f.storm(ctx)); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

func (h *fleetHost) plugAll(ctx context.Context, i, n int) error {
	err := netlab.Eventually(simWithin, "bridge of "+h.SystemID(), func() error {
		if ctx.Err() == nil && !h.Ready() {
			return fmt.Errorf("host %s is not connected", h.SystemID())
		}
		return nil
	})
	for p := i; err == nil && ctx.Err() == nil && p < n*perFleetHost; p += n {
		var at uint32
		if at, err = h.Plug(ifaceID(p), fleetMAC(p)); err == nil {
			h.endpoints[at] = &asker{port: at, mac: fleetMAC(p)}
		}
	}
	return err
}

// arrived takes what a packet-out has sent to endpoints.
func (h *fleetHost) arrived(r sim.Result) {
	for _, o := range r.Outputs {
		select {
		case h.asked <- answer{o.Port, o.Frame}:
		default: // nobody asks
		}
	}
}

// storm has all endpoints of all hosts ask at once, and waits for all of them.
func (f *fleet) storm(ctx context.Context) storm {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	began := time.Now()
	var wg sync.WaitGroup
	for _, h := range f.hosts {
		wg.Go(func() { h.ask() })
		wg.Go(func() { h.listen(ctx) })
	}
	wg.Wait()
	s := storm{Seconds: time.Since(began).Seconds()}
	for _, h := range f.hosts {
		for _, a := range h.endpoints {
			if !a.finished {
				s.Unanswered++
				continue
			}
			s.Millis = append(s.Millis, a.took.Seconds()*1e3)
		}
	}
	return s
}

// ask has each endpoint look for a server.
func (h *fleetHost) ask() {
	for _, a := range h.endpoints {
		d, err := dhcpv4.NewDiscovery(a.mac[:])
		if err != nil {
			continue // counted as unanswered
		}
		h.mu.Lock()
		a.began, a.finished = time.Now(), false
		h.mu.Unlock()
		h.send(a, d)
	}
}

func (h *fleetHost) send(a *asker, m *dhcpv4.DHCPv4) {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: []byte{0, 0, 0, 0}, DstIP: []byte{255, 255, 255, 255}}
	udp := &layers.UDP{SrcPort: 68, DstPort: 67}
	_ = udp.SetNetworkLayerForChecksum(ip) // of IPv4, which it takes
	frame, err := netlab.Frame(&layers.Ethernet{SrcMAC: a.mac[:], DstMAC: e2e.Broadcast(), EthernetType: layers.EthernetTypeIPv4}, ip, udp, gopacket.Payload(m.ToBytes()))
	if err == nil {
		h.Switch().Inject(a.port, frame)
	}
}

// listen asks for what is offered, until all endpoints have been given an address.
func (h *fleetHost) listen(ctx context.Context) {
	for left := len(h.endpoints); left > 0; {
		select {
		case <-ctx.Done():
			return
		case got := <-h.asked:
			a := h.endpoints[got.port]
			m, err := read4(got.frame)
			if err != nil || a == nil {
				continue
			}
			switch m.MessageType() {
			case dhcpv4.MessageTypeOffer:
				if r, err := dhcpv4.NewRequestFromOffer(m); err == nil {
					h.send(a, r)
				}
			case dhcpv4.MessageTypeAck:
				h.mu.Lock()
				if !a.finished {
					a.finished, a.took = true, time.Since(a.began)
					left--
				}
				h.mu.Unlock()
			}
		}
	}
}

func read4(frame []byte) (*dhcpv4.DHCPv4, error) {
	udp, ok := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true}).Layer(layers.LayerTypeUDP).(*layers.UDP)
	if !ok {
		return nil, errors.New("no datagram")
	}
	return dhcpv4.FromBytes(udp.Payload)
}

// startFleet runs this program once more where weftd is, as a fleet, and returns when its endpoints are plugged.
func startFleet(lab *netlab.Lab, hosts int) (*simulator, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &simulator{cmd: lab.ControllerCommand(self)}
	s.cmd.Env = append(os.Environ(), fleetEnv+"="+strconv.Itoa(hosts))
	return s, s.begin()
}

// storm has the fleet's endpoints ask.
func (s *simulator) storm() (st storm, err error) {
	if _, err := fmt.Fprintln(s.in, "ask"); err != nil {
		return st, err
	}
	if !s.lines.Scan() {
		return st, errors.New("the fleet ended")
	}
	err = json.Unmarshal(s.lines.Bytes(), &st)
	if err == nil && st.Unanswered > 0 {
		err = fmt.Errorf("%d endpoints were not told their address within %v", st.Unanswered, askWithin)
	}
	return st, err
}
