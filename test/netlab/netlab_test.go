package netlab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// handMade gives a host a standalone br-int, the switch that needs no controller.
func handMade(t *testing.T, hosts ...*Host) {
	t.Helper()
	for _, h := range hosts {
		_, err := h.Vsctl("add-br", IntegrationBridge, "--", "set", "Bridge", IntegrationBridge,
			"datapath_type=netdev", "fail_mode=standalone")
		if err != nil {
			t.Fatal(err)
		}
	}
}

// twoEndpoints is the smallest network: one host, two endpoints on a learning switch.
func twoEndpoints(t *testing.T, l *Lab) (h *Host, a, b *Endpoint) {
	t.Helper()
	h = Must(l.AddHost("h1", HostOptions{}))(t)
	handMade(t, h)
	a = Must(h.AddEndpoint("vm1", EndpointOptions{IfaceID: "red/vm1", Addresses: []string{"10.0.0.11/24", "fd00::11/64"}}))(t)
	b = Must(h.AddEndpoint("vm2", EndpointOptions{IfaceID: "red/vm2", Addresses: []string{"10.0.0.12/24", "fd00::12/64"}}))(t)
	return h, a, b
}

func TestLabsSideBySide(t *testing.T) {
	for _, name := range []string{"red", "blue"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := ForTest(t)
			started := time.Now()
			h, a, b := twoEndpoints(t, l)
			t.Logf("lab %s with a host and two endpoints in %v", l.ID(), time.Since(started))
			for _, dst := range []string{"10.0.0.12", "fd00::12"} {
				r, err := a.Ping(dst, PingOptions{})
				if err != nil || r.Received != 3 {
					t.Errorf("ping %s: %v, %v", dst, r, err)
				}
			}
			if id := Must(h.Vsctl("get", "Interface", a.Port(), "external_ids:iface-id"))(t); id != `"red/vm1"` {
				t.Errorf("iface-id is %s", id)
			}
			if port := Must(h.OFPort(b.Port()))(t); port < 1 {
				t.Errorf("port number %d", port)
			}
		})
	}
}

func TestTraffic(t *testing.T) {
	t.Parallel()
	l := ForTest(t)
	h, a, b := twoEndpoints(t, l)

	t.Run("tcp and udp tell who answered", func(t *testing.T) {
		tcp, udp := Must(b.ServeTCP(":80"))(t), Must(b.ServeUDP(":53"))(t)
		if who, err := a.TCP("10.0.0.12:80", 1<<20, 10*time.Second); err != nil || who != "vm2" {
			t.Errorf("tcp: %q, %v", who, err)
		}
		if who, err := a.UDP("[fd00::12]:53", 1200, 5*time.Second); err != nil || who != "vm2" {
			t.Errorf("udp: %q, %v", who, err)
		}
		if tcp.Served() != 1 || udp.Served() != 1 {
			t.Errorf("served %d connections and %d datagrams, want 1 and 1", tcp.Served(), udp.Served())
		}
		if _, err := a.TCP("10.0.0.12:81", 1, time.Second); err == nil {
			t.Error("a closed port answers")
		}
	})
	t.Run("captures", func(t *testing.T) {
		received, wrong := Must(b.Capture("udp port 9"))(t), Must(b.Capture("udp port 10"))(t)
		frame := Must(Frame(
			&layers.Ethernet{SrcMAC: a.MAC(), DstMAC: b.MAC(), EthernetType: layers.EthernetTypeDot1Q},
			&layers.Dot1Q{VLANIdentifier: 7, Priority: 3, Type: layers.EthernetTypeIPv4},
			&layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: a.IPv4().AsSlice(), DstIP: b.IPv4().AsSlice()},
			gopacket.Payload("tagged"),
		))(t)
		tagged := Must(b.Capture("vlan 7"))(t)
		plain := Must(b.Capture("ip"))(t)
		if err := a.Send(frame); err != nil {
			t.Fatal(err)
		}
		if _, err := a.UDP("10.0.0.12:9", 10, 2*time.Second); err == nil {
			t.Error("nobody listens on port 9")
		}
		if _, err := received.Expect(5*time.Second, "a datagram", func(p gopacket.Packet) bool { return p.Layer(layers.LayerTypeUDP) != nil }); err != nil {
			t.Error(err)
		}
		if err := wrong.ExpectNone("a datagram", func(gopacket.Packet) bool { return true }); err != nil {
			t.Error(err)
		}
		isTagged := func(p gopacket.Packet) bool {
			tag, ok := p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q)
			return ok && tag.VLANIdentifier == 7 && tag.Priority == 3
		}
		if _, err := tagged.Expect(5*time.Second, "the tagged frame", isTagged); err != nil {
			t.Error(err)
		}
		if err := plain.ExpectNone("a tagged frame", isTagged); err != nil {
			t.Error(err)
		}
		pcap := filepath.Join(t.TempDir(), "x.pcap")
		if err := received.WritePcap(pcap); err != nil {
			t.Error(err)
		}
		if out := Must(l.Controller().Exec("tcpdump", "-nr", pcap))(t); !strings.Contains(out, "10.0.0.11") {
			t.Errorf("tcpdump reads %q", out)
		}
	})
	t.Run("flows and traces", func(t *testing.T) {
		flow := "cookie=0x5, table=1, priority=9,ip actions=drop"
		if _, err := h.Ofctl("add-flow", IntegrationBridge, "cookie=5,table=1,priority=9,ip,actions=drop"); err != nil {
			t.Fatal(err)
		}
		flows := Must(h.DumpFlows(IntegrationBridge))(t)
		if len(flows) != 2 || !strings.Contains(strings.Join(flows, "\n"), "priority=9,ip actions=drop") {
			t.Errorf("flows %q, want %q and the default", flows, flow)
		}
		report := Must(h.Trace(IntegrationBridge, "in_port=1,ip"))(t)
		if v, err := Verdict(report); err != nil || v == "" {
			t.Errorf("verdict %q, %v", v, err)
		}
	})
	t.Run("matrix", func(t *testing.T) {
		other := Must(h.AddEndpoint("vm3", EndpointOptions{Addresses: []string{"10.0.0.12/24"}, Plug: PlugLater}))(t)
		table, err := l.Matrix([]Probe{
			{From: a, To: b},
			{From: b, To: a, Addr: a.IPv6()},
			{From: a, To: b, Protocol: TCP},
			{From: a, To: b, Protocol: UDP},
			{From: a, To: other, Expect: Unreached},
			{From: other, To: a, Expect: Unreached},
			{From: other, To: a, Expect: Unreached, Protocol: TCP},
		}, MatrixOptions{})
		if err != nil || table.Err() != nil {
			t.Errorf("%v\n%v", err, table.Err())
		}
		t.Logf("\n%s", table)
		table = Must(l.Matrix([]Probe{{From: a, To: b, Expect: Unreached}, {From: a, To: other}}, MatrixOptions{Within: time.Second}))(t)
		if table.Err() == nil || table[1].Note != "somebody else answers" {
			t.Errorf("a wrong expectation passes:\n%s", table)
		}
	})
}

func TestHostRestarts(t *testing.T) {
	t.Parallel()
	l := ForTest(t)
	h, a, _ := twoEndpoints(t, l)
	h2 := Must(l.AddHost("h2", HostOptions{}))(t)
	underlay := func() {
		t.Helper()
		for _, dst := range []string{h2.TunnelIP().String(), h2.TunnelIPv6().String()} {
			if _, err := h.Exec("ping", "-c1", "-W5", dst); err != nil {
				t.Errorf("underlay: %v", err)
			}
		}
	}
	underlay()
	listener := Must(l.Listen("tcp", ControllerIPv4+":6640"))(t)
	defer listener.Close()
	if err := h.SetManager(l.ManagerTarget()); err != nil {
		t.Fatal(err)
	}
	session := Must(listener.Accept())(t)
	defer session.Close()

	for _, restart := range []struct {
		name string
		end  func() error
	}{{"stopped", h.StopVswitchd}, {"killed", h.KillVswitchd}} {
		before := h.VswitchdPID()
		if err := restart.end(); err != nil {
			t.Fatal(err)
		}
		if h.VswitchdPID() != 0 {
			t.Fatalf("%s: ovs-vswitchd runs", restart.name)
		}
		if err := h.StartVswitchd(); err != nil {
			t.Fatal(err)
		}
		if now := h.VswitchdPID(); now == 0 || now == before {
			t.Errorf("%s: process %d after %d", restart.name, now, before)
		}
		underlay()
		if r := Must(a.Ping("10.0.0.12", PingOptions{}))(t); r.Received == 0 {
			t.Errorf("%s: %v", restart.name, r)
		}
	}
	// The OVSDB session went on all the while: what ends the read is our deadline.
	if err := session.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, session); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the OVSDB session ended with ovs-vswitchd: %v", err)
	}
	for _, end := range []func() error{h.StopOVSDB, h.KillOVSDB} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := h.StartOVSDB(); err != nil {
			t.Fatal(err)
		}
		again := Must(listener.Accept())(t)
		again.Close()
	}
	pinger := Must(a.StartPing("10.0.0.12", PingOptions{Interval: 10 * time.Millisecond, Wait: 200 * time.Millisecond}))(t)
	if err := Eventually(5*time.Second, "answers", func() error { return atLeast(pinger, 10) }); err != nil {
		t.Fatal(err)
	}
	if err := h.PauseVswitchd(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // the length of the pause, not a wait for something
	if err := h.ResumeVswitchd(); err != nil {
		t.Fatal(err)
	}
	if err := Eventually(5*time.Second, "answers", func() error { return atLeast(pinger, 60) }); err != nil {
		t.Fatal(err)
	}
	if r := pinger.Stop(); r.LongestGap < 250*time.Millisecond {
		t.Errorf("a pause of 300 ms shows as %v", r)
	}
}

func atLeast(p *Pinger, n int) error {
	if got := p.Received(); got < n {
		return fmt.Errorf("%d answers, want %d", got, n)
	}
	return nil
}

func TestMoveAndCut(t *testing.T) {
	t.Parallel()
	l := ForTest(t)
	_, a, b := twoEndpoints(t, l)
	h2 := Must(l.AddHost("h2", HostOptions{EncapIP: "none", ExternalIDs: map[string]string{"weft-bridge-mappings": "physnet1:br-ex"}}))(t)
	handMade(t, h2)
	if err := b.MoveTo(h2); err != nil {
		t.Fatal(err)
	}
	if r := Must(a.Ping("10.0.0.12", PingOptions{Wait: 100 * time.Millisecond}))(t); r.Received != 0 {
		t.Errorf("vm2 left h1: %v", r)
	}
	if err := a.MoveTo(h2); err != nil {
		t.Fatal(err)
	}
	if r := Must(a.Ping("10.0.0.12", PingOptions{}))(t); r.Received != 3 {
		t.Errorf("both are on h2: %v", r)
	}
	if err := a.Unplug(); err != nil {
		t.Fatal(err)
	}
	if r := Must(a.Ping("10.0.0.12", PingOptions{Wait: 100 * time.Millisecond}))(t); r.Received != 0 || a.Plugged() {
		t.Errorf("unplugged: %v", r)
	}
	ids := Must(h2.Vsctl("get", "Open_vSwitch", ".", "external_ids"))(t)
	if strings.Contains(ids, "encap-ip") || !strings.Contains(ids, "physnet1:br-ex") || !strings.Contains(ids, `system-id=h2`) {
		t.Errorf("external_ids are %s", ids)
	}
	control := func() error { _, err := h2.Exec("ping", "-c1", "-W1", ControllerIPv4); return err }
	control6 := func() error { _, err := h2.Exec("ping", "-c1", "-W1", ControllerIPv6); return err }
	for _, step := range []struct {
		name string
		do   func() error
		up   bool
	}{{"at first", func() error { return nil }, true}, {"cut", h2.CutControl, false}, {"mended", h2.MendControl, true}} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if v4, v6 := control(), control6(); (v4 == nil) != step.up || (v6 == nil) != step.up {
			t.Errorf("%s: controller reached: %v, %v", step.name, v4, v6)
		}
	}
	if err := h2.Remove(); err != nil {
		t.Error(err)
	}
	if _, ok := l.Endpoint("vm1"); ok || len(l.Hosts()) != 1 {
		t.Error("the host's endpoints stay when it is gone")
	}
}

func TestDummies(t *testing.T) {
	t.Parallel()
	l := ForTest(t)
	h := Must(l.AddHost("h1", HostOptions{Dummy: true}))(t)
	handMade(t, h)
	for range 2 {
		first := Must(h.Vsctl("list-ports", IntegrationBridge))(t)
		n := len(strings.Fields(first))
		ids := make([]string, 500)
		for i := range ids {
			ids[i] = fmt.Sprintf("red/vm%d", n+i)
		}
		started := time.Now()
		if err := h.PlugDummy(IntegrationBridge, ids); err != nil {
			t.Fatal(err)
		}
		t.Logf("500 interfaces beside %d in %v", n, time.Since(started))
	}
	if out := Must(h.Vsctl("find", "Interface", "external_ids:iface-id=red/vm777", "ofport>0"))(t); out == "" {
		t.Error("interface 777 has no port number")
	}
	if err := h.PlugDummy("br-none", []string{"x"}); err == nil || !strings.Contains(err.Error(), "br-none does not exist") {
		t.Errorf("a bridge that does not exist: %v", err)
	}
}

func TestControllerOutside(t *testing.T) {
	l := ForTestWith(t, Config{Controller: PlaceRoot})
	h := Must(l.AddHost("h1", HostOptions{}))(t)
	listener := Must(l.Listen("tcp", ControllerIPv4+":0"))(t)
	defer listener.Close()
	_, port, _ := strings.Cut(listener.Addr().String(), ":")
	if err := h.SetManager("tcp:" + ControllerIPv4 + ":" + port); err != nil {
		t.Fatal(err)
	}
	Must(listener.Accept())(t).Close()
	if _, err := New(Config{Controller: PlaceRoot}); err == nil || !strings.Contains(err.Error(), l.ID()) {
		t.Errorf("a second lab outside: %v", err)
	}
	l = Must(l, l.Close())(t)
	if found := left(t, l.ID()); len(found) > 0 {
		t.Errorf("closed, it leaves %v", found)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	l := ForTest(t)
	h := Must(l.AddHost("h3", HostOptions{}))(t)
	if h.TunnelIP().String() != "10.99.0.3" {
		t.Errorf("h3 has %v", h.TunnelIP())
	}
	for name, err := range map[string]error{
		"a host of the same name":     second(l.AddHost("h3", HostOptions{})),
		"a bad address":               second(h.AddEndpoint("x", EndpointOptions{Addresses: []string{"10.0.0.1"}})),
		"an endpoint named as a host": second(h.AddEndpoint("h3", EndpointOptions{})),
		"a bad MAC":                   second(h.AddEndpoint("x", EndpointOptions{MAC: "nope"})),
		"a lab with a long directory": second(New(Config{Dir: "/tmp/" + strings.Repeat("x", 80)})),
		"an unknown field in a spec":  second(ParseSpec([]byte("hosts: [{name: h1, colour: red}]"))),
		"an unknown host in a spec":   second(ParseSpec([]byte("hosts: [{name: h1}]\nendpoints: [{name: a, host: h2}]"))),
		"a state directory without":   second(Open(t.TempDir(), nil)),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(l.Dir()); err != nil {
		t.Error(err)
	}
}

func second[V any](_ V, err error) error { return err }
