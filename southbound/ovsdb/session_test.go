package ovsdb

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
)

// lab is one host with a session to it.
type lab struct {
	*ovsHost
	t *testing.T
	l net.Listener
	*sessions
	s *Session
}

func newLab(t *testing.T) *lab {
	t.Helper()
	h := newHost(t, "host-"+strings.ToLower(t.Name()))
	h.startSwitch()
	x := &lab{ovsHost: h, t: t, l: h.listen(), sessions: newSessions(t, Config{})}
	x.serve(x.l)
	h.manager(x.l)
	x.s = x.next()
	return x
}

func (x *lab) until(what string, ok func(*State) bool) *State {
	x.t.Helper()
	poll(x.t, what, func() bool { return ok(x.s.Snapshot()) })
	return x.s.Snapshot()
}

func integration() DesiredBridge {
	return DesiredBridge{
		Name: "br-int", DatapathType: "netdev", FailMode: "secure", Protocols: []string{"OpenFlow13"},
		Controllers: []DesiredController{{Target: onPort(6653), MaxBackoffMS: 1000, InactivityProbeMS: 10000, ConnectionMode: "out-of-band"}},
		OtherConfig: map[string]string{"datapath-id": "00000000000000a1", "disable-in-band": "true"},
		Ports: []DesiredPort{
			{Name: "vxlan0", Type: "vxlan", Options: map[string]string{"key": "flow", "remote_ip": "flow"}, OFPortRequest: 1000},
			{Name: "patch0", Type: "patch", Options: map[string]string{"peer": "patch1"}, ExternalIDs: map[string]string{"weft-net": "n1"}},
		},
	}
}

func TestBridgeIsMadeInOneTransactionAndEndpointsAreSeen(t *testing.T) {
	t.Parallel()
	x := newLab(t)
	if x.s.SystemID() != "host-"+strings.ToLower(t.Name()) {
		t.Errorf("system-id %q", x.s.SystemID())
	}
	if got := x.s.Local().String(); got != x.l.Addr().String() {
		t.Errorf("local address %s, host was pointed at %s", got, x.l.Addr())
	}
	x.s.SetDesired(Desired{Bridges: []DesiredBridge{integration()}, OtherConfig: map[string]string{"vlan-limit": "2"}})
	settled(t, x.s)
	poll(t, "ovs-vswitchd to apply", func() bool { return x.s.Status().Applied })
	if st := x.s.Status(); st.Transactions != 1 || st.DriftMended != 0 || st.NextCfg == 0 {
		t.Errorf("status %+v: want one transaction and no drift", st)
	}
	st := x.until("the bridge", func(s *State) bool { return s.Bridges["br-int"].DatapathID != "" })
	b := st.Bridges["br-int"]
	if b.DatapathID != "00000000000000a1" || b.FailMode != "secure" || b.DatapathType != "netdev" || b.Owner != Managed ||
		!slices.Equal(b.Ports, []string{"br-int", "patch0", "vxlan0"}) || len(b.Controllers) != 1 || b.ControllerConnected {
		t.Errorf("bridge %+v", b)
	}
	if st.OtherConfig["vlan-limit"] != "2" || st.OtherConfig["n-handler-threads"] != "1" || st.OVSVersion == "" ||
		!slices.Contains(st.IfaceTypes, "vxlan") || !slices.Contains(st.DatapathTypes, "netdev") {
		t.Errorf("state %+v", st)
	}
	if p, _ := st.Interface("vxlan0"); p.OFPort != 1000 || p.Bridge != "br-int" || p.Owner != Managed {
		t.Errorf("tunnel %+v", p)
	}
	if p, _ := st.Interface("patch0"); p.ExternalIDs["weft-net"] != "n1" {
		t.Errorf("patch %+v", p)
	}
	x.vsctl("add-port", "br-int", "tap1", "--", "set", "interface", "tap1", "type=internal",
		"external_ids:iface-id=red/vm1", "external_ids:attached-mac=fa:16:3e:00:00:01")
	before, _ := x.s.Snapshot().Interface("vxlan0")
	st = x.until("the endpoint", func(s *State) bool { i, ok := s.Interface("tap1"); return ok && i.OFPort > 0 && i.AdminState != "" })
	if i, _ := st.Interface("tap1"); i.IfaceID != "red/vm1" || i.AttachedMAC != "fa:16:3e:00:00:01" || i.Owner != Foreign || i.MTU == 0 || i.MACInUse == "" {
		t.Errorf("endpoint %+v", i)
	}
	if after, _ := st.Interface("vxlan0"); after != before {
		t.Error("an interface that did not change is another pointer")
	}
	x.must("ip", "-n", x.ns, "link", "set", "tap1", "up")
	x.until("the link", func(s *State) bool { i, _ := s.Interface("tap1"); return i.AdminState == "up" && i.LinkState == "up" })
	x.vsctl("add-port", "br-int", "nodev")
	x.until("the failure", func(s *State) bool { i, ok := s.Interface("nodev"); return ok && i.OFPort == -1 && i.Error != "" })
	x.vsctl("del-port", "tap1")
	x.until("the endpoint to go", func(s *State) bool { _, ok := s.Interface("tap1"); return !ok })
}

func TestDriftIsMendedAndForeignRowsAreKept(t *testing.T) {
	t.Parallel()
	x := newLab(t)
	x.vsctl("add-br", "br-ex", "--", "set", "bridge", "br-ex", "datapath_type=netdev", "--", "set-fail-mode", "br-ex", "standalone",
		"--", "set", "bridge", "br-ex", "external_ids:who=nova")
	x.s.SetDesired(Desired{Bridges: []DesiredBridge{integration()}})
	settled(t, x.s)
	x.vsctl("add-port", "br-int", "tap1", "--", "set", "interface", "tap1", "type=internal", "external_ids:iface-id=x",
		"--", "set", "bridge", "br-int", "external_ids:note=keep", "other_config:mac-table-size=4096",
		"--", "--id=@c", "create", "controller", "target=\"tcp:127.0.0.1:7777\"", "--", "add", "bridge", "br-int", "controller", "@c")
	ours := x.vsctl("--bare", "--columns=_uuid", "find", "controller", "external_ids:weft=managed")
	for _, tt := range []struct {
		name   string
		change []string
		whole  func(*State) bool
	}{
		{"tunnel removed", []string{"del-port", "vxlan0"}, func(s *State) bool { i, ok := s.Interface("vxlan0"); return ok && i.OFPort == 1000 }},
		{"tunnel options", []string{"set", "interface", "vxlan0", "options:dst_port=9999", "options:key=7"}, nil},
		{"tunnel type", []string{"set", "interface", "vxlan0", "type=geneve"}, nil},
		{"fail mode", []string{"set-fail-mode", "br-int", "standalone"}, func(s *State) bool { return s.Bridges["br-int"].FailMode == "secure" }},
		{"fail mode unset", []string{"del-fail-mode", "br-int"}, func(s *State) bool { return s.Bridges["br-int"].FailMode == "secure" }},
		{"other_config", []string{"set", "bridge", "br-int", "other_config:disable-in-band=false"},
			func(s *State) bool { return s.Bridges["br-int"].OtherConfig["disable-in-band"] == "true" }},
		{"marks", []string{"remove", "interface", "patch0", "external_ids", "weft", "--", "remove", "interface", "patch0", "external_ids", "weft-net"},
			func(s *State) bool { i, _ := s.Interface("patch0"); return i.ExternalIDs["weft-net"] == "n1" }},
		{"datapath type", []string{"set", "bridge", "br-int", "datapath_type=system"}, func(s *State) bool { return s.Bridges["br-int"].DatapathType == "netdev" }},
		{"controller settings", []string{"set", "controller", ours, "max_backoff=5000"}, nil},
	} {
		mended := x.s.Status().DriftMended
		x.vsctl(append([]string{"--no-wait"}, tt.change...)...)
		poll(t, tt.name, func() bool {
			st := x.s.Status()
			return st.Synced && st.DriftMended > mended && (tt.whole == nil || tt.whole(x.s.Snapshot()))
		})
	}
	if got := x.vsctl("get", "interface", "vxlan0", "type", "options"); got != "vxlan\n{key=flow, remote_ip=flow}" {
		t.Errorf("tunnel is %s", got)
	}
	b := x.s.Snapshot().Bridges["br-int"]
	if b.ExternalIDs["note"] != "keep" || b.OtherConfig["mac-table-size"] != "4096" || !slices.Contains(b.Ports, "tap1") || len(b.Controllers) != 2 {
		t.Errorf("something foreign is gone: %+v", b)
	}
	ex := x.s.Snapshot().Bridges["br-ex"]
	if ex.Owner != Foreign || ex.FailMode != "standalone" || ex.ExternalIDs["who"] != "nova" {
		t.Errorf("foreign bridge %+v", ex)
	}
	mended := x.s.Status().DriftMended
	x.vsctl("--no-wait", "del-controller", "br-int")
	poll(t, "the controller", func() bool { return x.s.Status().Synced && x.s.Status().DriftMended > mended })
	x.vsctl("--no-wait", "del-br", "br-int")
	x.until("the bridge to be made again", func(s *State) bool { i, ok := s.Interface("vxlan0"); return ok && i.OFPort == 1000 })
	settled(t, x.s)
	for _, name := range []string{"br-int", "vxlan0", "patch0"} {
		if _, ok := x.s.Snapshot().Interface(name); !ok {
			t.Errorf("%s is not back", name)
		}
	}
}

func TestLevelsReplaceEachOther(t *testing.T) {
	t.Parallel()
	x := newLab(t)
	d := Desired{Bridges: []DesiredBridge{integration(), {Name: "br-two", DatapathType: "netdev"}}}
	x.s.SetDesired(d)
	settled(t, x.s)
	d.Bridges[0].Ports = []DesiredPort{{Name: "gre0", Type: "gre", Options: map[string]string{"key": "flow", "remote_ip": "flow"}}}
	d.Bridges[1].Ports = []DesiredPort{{Name: "vxlan0", Type: "vxlan", Options: map[string]string{"key": "flow", "remote_ip": "flow"}}}
	x.s.SetDesired(d) // one port removed, one added, one moved to another bridge
	settled(t, x.s)
	st := x.s.Snapshot()
	if got := st.Bridges["br-int"].Ports; !slices.Equal(got, []string{"br-int", "gre0"}) {
		t.Errorf("br-int has %v", got)
	}
	if i, ok := st.Interface("vxlan0"); !ok || i.Bridge != "br-two" {
		t.Errorf("vxlan0 is not on br-two: %+v", i)
	}
	if _, ok := st.Interface("patch0"); ok {
		t.Error("patch0 is still there")
	}
	x.vsctl("add-port", "br-two", "tap9", "--", "set", "interface", "tap9", "type=internal")
	x.until("tap9", func(s *State) bool { _, ok := s.Interface("tap9"); return ok })
	x.s.SetDesired(Desired{Bridges: []DesiredBridge{integration()}})
	poll(t, "the conflict", func() bool { return len(x.s.Status().Conflicts) == 1 })
	if _, ok := x.s.Snapshot().Bridges["br-two"]; !ok {
		t.Error("br-two was removed with a foreign port on it")
	}
	x.vsctl("del-port", "tap9")
	x.until("br-two to go", func(s *State) bool { _, ok := s.Bridges["br-two"]; return !ok })
	settled(t, x.s)
	if n := x.s.Status().Transactions; n > 5 {
		t.Errorf("%d transactions", n)
	}
}

func TestBridgeOfSomeoneElseIsAdoptedAndGivenBack(t *testing.T) {
	t.Parallel()
	x := newLab(t)
	x.vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "external_ids:who=nova", "protocols=OpenFlow10",
		"--", "add-port", "br-int", "tap1", "--", "set", "interface", "tap1", "type=internal", "external_ids:iface-id=a")
	x.s.SetDesired(Desired{Bridges: []DesiredBridge{integration()}})
	settled(t, x.s)
	b := x.s.Snapshot().Bridges["br-int"]
	if b.Owner != Adopted || b.ExternalIDs["who"] != "nova" || b.FailMode != "secure" || !slices.Contains(b.Ports, "tap1") ||
		!slices.Equal(b.Protocols, []string{"OpenFlow10", "OpenFlow13"}) {
		t.Errorf("adopted bridge %+v", b)
	}
	x.s.SetDesired(Desired{})
	settled(t, x.s)
	b = x.s.Snapshot().Bridges["br-int"]
	if b.Owner != Foreign || !slices.Equal(b.Ports, []string{"br-int", "tap1"}) || len(b.Controllers) != 0 || b.ExternalIDs["who"] != "nova" {
		t.Errorf("bridge given back %+v", b)
	}
}

func TestPortsOnABridgeThatIsForOthersToMake(t *testing.T) {
	t.Parallel()
	x := newLab(t)
	inner, outer := integration(), DesiredBridge{Name: "br-ex", Elsewhere: true}
	inner.Ports = append(inner.Ports, DesiredPort{Name: "to-ex", Type: "patch", Options: map[string]string{"peer": "to-int"}})
	outer.Ports = []DesiredPort{{Name: "to-int", Type: "patch", Options: map[string]string{"peer": "to-ex"}}}
	x.s.SetDesired(Desired{Bridges: []DesiredBridge{inner, outer}})
	poll(t, "the conflict", func() bool { return len(x.s.Status().Conflicts) == 1 })
	if _, made := x.s.Snapshot().Bridges["br-ex"]; made {
		t.Error("a bridge that is for others to make was made")
	}
	x.vsctl("add-br", "br-ex", "--", "set", "bridge", "br-ex", "datapath_type=netdev", "--", "add-port", "br-ex", "up", "--", "set", "interface", "up", "type=internal")
	settled(t, x.s)
	x.ofctl("add-flow", "br-ex", "priority=7,actions=drop")
	if b := x.s.Snapshot().Bridges["br-ex"]; b.FailMode != "" || len(b.Controllers) != 0 || !slices.Equal(b.Ports, []string{"br-ex", "to-int", "up"}) {
		t.Errorf("bridge %+v", b)
	}
	x.s.SetDesired(Desired{Bridges: []DesiredBridge{integration()}})
	settled(t, x.s)
	if b := x.s.Snapshot().Bridges["br-ex"]; b.Owner != Foreign || !slices.Equal(b.Ports, []string{"br-ex", "up"}) {
		t.Errorf("bridge given back %+v", b)
	}
	if flows := x.ofctl("dump-flows", "br-ex"); !strings.Contains(flows, "priority=7") {
		t.Errorf("the bridge's own flows are gone: %s", flows)
	}
}

func TestConflictIsReportedAndNotFought(t *testing.T) {
	t.Parallel()
	x := newLab(t)
	x.vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "--", "add-port", "br-int", "vxlan0",
		"--", "set", "interface", "vxlan0", "type=internal")
	x.s.SetDesired(Desired{Bridges: []DesiredBridge{integration()}})
	poll(t, "the conflict", func() bool { return len(x.s.Status().Conflicts) == 1 && x.s.Status().Transactions == 1 })
	if c := x.s.Status().Conflicts[0]; !strings.Contains(c, "vxlan0") {
		t.Errorf("conflict %q", c)
	}
	for range 20 { // changes make it look again, not write again
		x.vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:n="+string(rune('a'+x.s.Status().Transactions)))
	}
	if st := x.s.Status(); st.Transactions != 1 || st.Synced || st.Failures != 0 {
		t.Errorf("status %+v", st)
	}
	x.vsctl("del-port", "vxlan0")
	settled(t, x.s)
}

func TestRefusedTransactionIsRetriedWithGrowingWaits(t *testing.T) {
	t.Parallel()
	x := newLab(t)
	d := Desired{Bridges: []DesiredBridge{integration()}}
	d.Bridges[0].FailMode = "nonsense"
	x.s.SetDesired(d)
	poll(t, "three attempts", func() bool { return x.s.Status().Failures == 3 })
	if st := x.s.Status(); st.Err == nil || !strings.Contains(st.Err.Error(), "constraint violation") || st.Synced {
		t.Errorf("status %+v", st)
	}
	d.Bridges[0].FailMode = "secure"
	x.s.SetDesired(d) // at once, whatever the wait
	settled(t, x.s)
	d.Bridges[0].Ports = append(d.Bridges[0].Ports, d.Bridges[0].Ports[0])
	x.s.SetDesired(d)
	poll(t, "the refusal", func() bool { return errors.Is(x.s.Status().Err, ErrDesired) })
}

func TestDaemonsRestart(t *testing.T) {
	t.Parallel()
	x := newLab(t)
	d := Desired{Bridges: []DesiredBridge{integration()}}
	x.s.SetDesired(d)
	settled(t, x.s)
	x.until("the tunnel", func(s *State) bool { i, ok := s.Interface("vxlan0"); return ok && i.OFPort == 1000 })

	x.stop("ovs-vswitchd")
	x.vsctl("--no-wait", "clear", "interface", "vxlan0", "ofport")
	x.until("the port to be unknown", func(s *State) bool { i, _ := s.Interface("vxlan0"); return i.OFPort == 0 })
	d.Bridges[0].OtherConfig["hwaddr"] = "02:00:00:00:00:01"
	x.s.SetDesired(d)
	settled(t, x.s)
	if x.s.Status().Applied {
		t.Error("applied, without an ovs-vswitchd")
	}
	x.startSwitch()
	x.until("the port", func(s *State) bool { i, _ := s.Interface("vxlan0"); return i.OFPort == 1000 })
	poll(t, "ovs-vswitchd to apply", func() bool { return x.s.Status().Applied })

	old := x.s
	x.stop("ovsdb-server")
	x.startDB()
	x.s = x.next()
	if x.s == old || x.s.SystemID() != old.SystemID() {
		t.Errorf("session of %q", x.s.SystemID())
	}
	x.vsctl("--no-wait", "del-port", "vxlan0")
	x.s.SetDesired(d)
	settled(t, x.s)
	x.until("the tunnel", func(s *State) bool { i, ok := s.Interface("vxlan0"); return ok && i.OFPort == 1000 })
	if !x.log.has("disconnected") {
		t.Error("no line about the lost session")
	}
}

func TestMissingSystemIDIsRefusedUntilItIsSet(t *testing.T) {
	t.Parallel()
	h := newHost(t, "")
	s := newSessions(t, Config{})
	l := h.listen()
	s.serve(l)
	h.manager(l)
	poll(t, "the refusal", func() bool { return s.log.has("system-id", "127.0.0.1") })
	h.vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:system-id=late")
	if got := s.next().SystemID(); got != "late" {
		t.Errorf("system-id %q", got)
	}
	h.vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:system-id=later")
	if got := s.next().SystemID(); got != "later" {
		t.Errorf("system-id %q", got)
	}
}

func TestDialUnix(t *testing.T) {
	t.Parallel()
	h := newHost(t, "dialled")
	h.startSwitch()
	s := newSessions(t, Config{})
	stop := s.dial("unix:" + h.dir + "/db.sock")
	one := s.next()
	one.SetDesired(Desired{Bridges: []DesiredBridge{integration()}})
	settled(t, one)
	h.stop("ovsdb-server")
	h.startDB()
	two := s.next()
	two.SetDesired(Desired{Bridges: []DesiredBridge{integration()}})
	settled(t, two)
	if two.Status().Transactions != 0 {
		t.Error("wrote what was there")
	}
	stop()
}

func TestRemotesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, remote := range []string{"", "tcp", "tcp:", "tcp:1.2.3.4", "ptcp:6640", "unix:", "http://x"} {
		if err := Dial(context.Background(), remote, Config{}, nil); !errors.Is(err, ErrRemote) {
			t.Errorf("%q: %v", remote, err)
		}
	}
	if err := Dial(context.Background(), "ssl:127.0.0.1:1", Config{}, nil); err == nil {
		t.Error("ssl without TLS")
	}
	if err := Dial(context.Background(), "unix:/x", Config{ProbeInterval: -1}, nil); err == nil {
		t.Error("negative interval")
	}
}
