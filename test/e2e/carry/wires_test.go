package carry_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/compile/compiletest"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// rack is a network over real switches that the apps' own flows are put on: h1 has the wire only, h2 wire and tunnels, h3
// tunnels only. A gateway, which is no port, is on the wire.
type rack struct {
	t       *testing.T
	tables  *intent.Tables
	probe   *compiletest.Probe
	wire    *netlab.Physical
	hosts   []*netlab.Host
	vms     []*netlab.Endpoint
	gateway *netlab.Endpoint
	// remember stands in for how long switches remember; default: as the apps say.
	remember string
}

var rackNetwork = intent.Key{Kind: intent.KindNetwork, Project: "red", Name: "web"}

func newRack(t *testing.T) *rack {
	lab := netlab.ForTest(t)
	r := &rack{t: t, tables: intent.NewTables()}
	for i := range 3 {
		h := netlab.Must(lab.AddHost(fmt.Sprintf("h%d", i+1), netlab.HostOptions{}))(t)
		r.must(h.Vsctl("set", "Open_vSwitch", ".", "other_config:vlan-limit=0", "--", "add-br", pipeline.Bridge, "--", "set", "Bridge", pipeline.Bridge, "datapath_type=netdev", "fail_mode=secure"))
		r.hosts = append(r.hosts, h)
		fact := intent.HostFact{Name: h.Name(), Up: true}
		if i > 0 {
			fact.TunnelIP = h.TunnelIP()
		}
		r.tables.HostFacts.Put(fact)
	}
	r.wire = netlab.Must(lab.AddPhysical("rack1", r.hosts[:2]...))(t)
	r.must(r.wire.Switch.Vsctl("set", "Open_vSwitch", ".", "other_config:vlan-limit=0"))
	for _, h := range r.hosts[:2] {
		r.tables.Mappings.Put(intent.Mapping{Key: intent.MappingKey{Host: h.Name(), Physical: "rack1"}, Bridge: r.wire.Bridge()})
	}
	for i, h := range r.hosts {
		name, cidr := fmt.Sprintf("vm%d", i+1), []string{fmt.Sprintf("10.0.0.%d/24", 11+i), fmt.Sprintf("fd00::%d/64", 11+i)}
		vm := netlab.Must(h.AddEndpoint(name, netlab.EndpointOptions{Addresses: cidr}))(t)
		r.vms = append(r.vms, vm)
		key := intent.Key{Kind: intent.KindPort, Project: "red", Name: name}
		r.tables.Ports.Put(intent.Port{Key: key, UID: name, Network: rackNetwork, MAC: flow.MACAddr(vm.MAC()), Secure: true, Up: true,
			IPs: []netip.Addr{vm.IPv4(), vm.IPv6()}})
		r.tables.Interfaces.Put(intent.Interface{Key: intent.InterfaceKey{Host: h.Name(), Name: vm.Port()}, IfaceID: name,
			OFPort: uint32(netlab.Must(h.OFPort(vm.Port()))(t)), Seq: 1})
	}
	r.gateway = netlab.Must(r.wire.Machine("gw", netlab.EndpointOptions{Addresses: []string{"10.0.0.1/24", "fd00::1/64"}}))(t)
	r.probe = compiletest.New(t, compile.Config{Apps: apps.All(r.tables, apps.Config{}), DB: r.tables.DB, Check: pipeline.NewChecker()})
	return r
}

func (r *rack) must(out string, err error) string {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("%v: %s", err, out)
	}
	return out
}

// carry gives the network other segments, and the switches what follows.
func (r *rack) carry(transparent bool, segments ...intent.Segment) {
	r.t.Helper()
	for s := range r.tables.Segments.Scan() {
		r.tables.Segments.Delete(s.Key)
	}
	for i, s := range segments {
		s.Key = intent.SegmentKey{Network: rackNetwork, Index: i}
		r.tables.Segments.Put(s)
	}
	r.tables.Networks.Put(intent.Network{Key: rackNetwork, Tag: 1, MTU: 1400, Up: true, Transparent: transparent})
	if problems := append([]compile.Problem{}, r.probe.StepResult().Problems...); len(problems) > 0 {
		r.t.Fatal(problems)
	}
	for _, h := range r.hosts {
		state := r.probe.Host(h.Name())
		var command []string
		for _, p := range state.Ports {
			command = append(command, "--", "--may-exist", "add-port", p.Bridge, p.Name, "--", "set", "Interface", p.Name, "type="+p.Type)
			for _, o := range strings.Split(p.Options, ",") {
				key, value, _ := strings.Cut(o, "=")
				command = append(command, fmt.Sprintf("options:%s=%q", key, value))
			}
			if p.OFPort != 0 {
				command = append(command, fmt.Sprintf("ofport_request=%d", p.OFPort))
			}
		}
		r.must(h.Vsctl(command[1:]...))
		r.must(h.Ofctl("-O", "OpenFlow13", "del-meters", pipeline.Bridge))
		for _, m := range state.Meters {
			band := netlab.Must(m.ParseBands())(r.t)[0]
			r.must(h.Ofctl("-O", "OpenFlow13", "add-meter", pipeline.Bridge,
				fmt.Sprintf("meter=%d,pktps,burst,bands=type=drop,rate=%d,burst_size=%d", m.ID, band.Rate, band.Burst)))
		}
		var lines strings.Builder
		for _, f := range state.Flows {
			match := pipeline.MatchText(f)
			do := netlab.Must(flow.ParseInstructions([]byte(f.Instructions)))(r.t).String()
			if r.remember != "" {
				do = strings.ReplaceAll(do, "hard_timeout=300", r.remember)
			}
			fmt.Fprintf(&lines, "cookie=%#x,table=%d,priority=%d,%s actions=%s\n", f.Cookie, f.Table, f.Priority, match, do)
		}
		file := filepath.Join(h.Dir(), "flows.txt")
		if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
			r.t.Fatal(err)
		}
		r.must(h.Ofctl("-O", "OpenFlow13", "--bundle", "replace-flows", pipeline.Bridge, file))
	}
}

// TestWires has a network carried by a wire in each way, and bridged to tunnels, on real switches with something on the wire
// that is no port.
func TestWires(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	vxlan := intent.Segment{Type: "vxlan", ID: 5001}
	tests := []struct {
		name    string
		segment intent.Segment
		access  []string // settings of the gateway's port
		filter  string   // what must be on the wire
	}{
		{"flat", intent.Segment{Type: "flat"}, []string{"tag=[]"}, "icmp"},
		{"vlan", intent.Segment{Type: "vlan", ID: 100}, []string{"tag=100", "vlan_mode=access"}, "vlan 100 and icmp"},
		{"another vlan", intent.Segment{Type: "vlan", ID: 101}, []string{"tag=101"}, "vlan 101 and icmp"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r.t = t
			test.segment.Physical = "rack1"
			r.must(r.wire.Switch.Vsctl(append([]string{"set", "Port", r.gateway.Port()}, test.access...)...))
			r.carry(false, test.segment, vxlan)
			seen := netlab.Must(r.hosts[1].Capture(r.wire.Link(), test.filter))(t)
			r.everyoneTalks()
			if len(seen.Received()) == 0 {
				t.Errorf("nothing on the wire is %s", test.filter)
			}
			r.learned()
			r.spoof()
		})
	}
}

// everyoneTalks has all ports and the gateway reach each other, with one reply to each request.
func (r *rack) everyoneTalks() {
	all := append(append([]*netlab.Endpoint{}, r.vms...), r.gateway)
	// What the datapaths remember of the flows before lives on for a moment, and the physical switch believes the gateway that
	// it is vm2 until vm2 speaks: so all do, before one is asked again.
	settled := func() error {
		var errs []error
		for _, from := range all {
			for _, to := range all {
				if from == to {
					continue
				}
				for _, dst := range []netip.Addr{to.IPv4(), to.IPv6()} {
					if res, err := from.Ping(dst.String(), netlab.PingOptions{}); err != nil || res.Lost() > 0 {
						errs = append(errs, fmt.Errorf("%s to %s: %v %w", from.Name(), dst, res, err))
					}
				}
			}
		}
		return errors.Join(errs...)
	}
	if err := netlab.Eventually(3*patience, "everyone reaches everyone", settled); err != nil {
		r.t.Fatal(err)
	}
	for _, from := range all {
		for _, to := range all {
			if from == to {
				continue
			}
			for _, dst := range []netip.Addr{to.IPv4(), to.IPv6()} {
				heard := netlab.Must(to.Capture("icmp[icmptype]==8 or icmp6[icmp6type]==128"))(r.t)
				res, err := from.Ping(dst.String(), netlab.PingOptions{})
				if err != nil || res.Lost() > 0 {
					r.t.Fatalf("%s to %s %s: %v %v", from.Name(), to.Name(), dst, res, err)
				}
				if got := len(heard.Received()); got > 3 {
					r.t.Errorf("%s to %s: %d requests arrive of 3", from.Name(), to.Name(), got)
				}
			}
		}
	}
}

// learned holds what the switches remember against where the gateway is: the bridging host and the one with tunnels only know
// the way, the one on the wire needs none. Nobody remembers a port.
func (r *rack) learned() {
	r.t.Helper()
	for i, want := range []int{0, 1, 1} {
		out := r.must(r.hosts[i].Ofctl("-O", "OpenFlow13", "dump-flows", pipeline.Bridge, fmt.Sprintf("table=%d", pipeline.Learned)))
		if got := strings.Count(out, "dl_dst="+r.gateway.MAC().String()); got != want {
			r.t.Errorf("h%d has learned %d ways to the gateway, want %d:\n%s", i+1, got, want, out)
		}
		for _, vm := range r.vms {
			if strings.Contains(out, vm.MAC().String()) {
				r.t.Errorf("h%d has learned the address of a port:\n%s", i+1, out)
			}
		}
	}
}

// spoof has the gateway claim to be vm2, which is on the host that bridges, and vm3, which is reached by tunnels: the host
// that bridges believes neither.
func (r *rack) spoof() {
	r.t.Helper()
	heard := netlab.Must(r.vms[2].Capture("ether proto 0x88b5"))(r.t)
	for _, vm := range r.vms[1:] {
		nonce := []byte("spoofed " + vm.Name())
		if err := r.gateway.Send(e2e.Experimental(vm.MAC(), e2e.Broadcast(), nonce)); err != nil {
			r.t.Fatal(err)
		}
	}
	// A frame that is let in comes behind them.
	if err := r.gateway.Send(e2e.Experimental(r.gateway.MAC(), e2e.Broadcast(), []byte("honest"))); err != nil {
		r.t.Fatal(err)
	}
	c := func() error {
		if len(heard.Received()) == 0 {
			return fmt.Errorf("nothing is heard")
		}
		return nil
	}
	if err := netlab.Eventually(patience, "the honest frame arrives", c); err != nil {
		r.t.Fatal(err)
	}
	if got := len(heard.Received()); got != 1 {
		r.t.Errorf("vm3 hears %d frames, want the honest one only", got)
	}
}
