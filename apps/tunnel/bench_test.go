package tunnel_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/apps/tunnel"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Shape of the fleet: every network has one port on each of netSize hosts.
const (
	fleet    = 1000
	networks = 1000
	netSize  = 20
)

// fleetTables is a fleet of hosts and networks that are spread over it, so that each host shares networks with 111 others.
func fleetTables() *intent.Tables {
	t := intent.NewTables()
	for h := range fleet {
		t.HostFacts.Put(intent.HostFact{Name: hostName(h), TunnelIP: netip.AddrFrom4([4]byte{10, 0, byte(h >> 8), byte(h)}), Up: true})
	}
	for n := range networks {
		key := intent.Key{Kind: intent.KindNetwork, Project: "red", Name: fmt.Sprint("net", n)}
		t.Networks.Put(intent.Network{Key: key, Tag: uint32(n + 1), MTU: 1450, Up: true})
		t.Segments.Put(intent.Segment{Key: intent.SegmentKey{Network: key}, Type: "vxlan", ID: uint32(n + 5001)})
		for i := range netSize {
			addPort(t, key, n*netSize+i, (n*7+i*53*(1+n%7))%fleet)
		}
	}
	return t
}

func hostName(h int) string { return fmt.Sprintf("h%04d", h) }

func addPort(t *intent.Tables, network intent.Key, i, host int) {
	p := intent.Port{
		Key: intent.Key{Kind: intent.KindPort, Project: "red", Name: fmt.Sprint("vm", i)}, Network: network, Up: true, Secure: true,
		MAC: flow.MACAddr{0xfa, 0x16, 0x3e, byte(i >> 16), byte(i >> 8), byte(i)},
	}
	t.Ports.Put(p)
	t.Interfaces.Put(intent.Interface{Key: intent.InterfaceKey{Host: hostName(host), Name: "tap" + p.Key.Name}, IfaceID: "red/" + p.Key.Name, OFPort: uint32(i%60 + 1)})
}

// BenchmarkFleet is what 1,000 hosts with 20,000 ports cost the controller, with and without sessions between the hosts: time
// and memory of the first compilation, and of a port more.
func BenchmarkFleet(b *testing.B) {
	for _, interval := range []uint32{0, 1000} {
		b.Run(fmt.Sprintf("bfd=%dms", interval), func(b *testing.B) {
			var bytes, ports float64
			for b.Loop() {
				b.StopTimer()
				t := fleetTables()
				before := heap()
				e, err := compile.New(compile.Config{
					Apps: apps.All(t, apps.Config{Tunnel: tunnel.Config{BFDInterval: interval}}), DB: t.DB, Check: pipeline.NewChecker(),
				})
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				e.Step(1)
				b.StopTimer()
				bytes, ports = float64(heap()-before), 0
				for _, h := range e.Hosts() {
					ports += float64(len(e.Host(h).Ports))
				}
				b.StartTimer()
			}
			b.ReportMetric(ports/fleet, "ports/host")
			b.ReportMetric(bytes/1e6, "MB")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
