package openflow_test

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/weft-sdn/weft/southbound/flow"
	of "github.com/weft-sdn/weft/southbound/openflow"
)

func mustFlow(t testing.TB, table uint8, priority uint16, m Match, do Actions) Flow {
	t.Helper()
	f, err := New(table, priority, m, do)
	if err != nil {
		t.Fatal(err)
	}
	f.Cookie = Cookie(1, f.Table, f.Priority, f.Match, f.Instructions)
	return f
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// TestGroupsAndMetersComeBackAsSent: what the switch reports of groups and meters is what it was sent, byte for byte.
func TestGroupsAndMetersComeBackAsSent(t *testing.T) {
	s := startOVS(t)
	c := s.connect(t, of.ConnConfig{})
	ctx := soon(t)
	var groups []Group
	for i, g := range []struct {
		typ     GroupType
		buckets []Bucket
	}{
		{All, nil}, {All, []Bucket{{Actions: Actions{Output(1)}}, {Actions: Actions{SetField(U32(Reg0, 1)), Resubmit(4)}}}},
		{Select, []Bucket{{Weight: 100, Actions: Actions{Output(1)}}, {Weight: 1, Actions: Actions{Output(2)}}}},
		{Select, []Bucket{{Weight: 1, WatchPort: 1, Actions: Actions{Output(1)}}}},
		{Select, []Bucket{{Weight: 1, Actions: Actions{CT(CTSpec{Flags: CTCommit, Table: ToTable(4), Zone: 30, NAT: &NATSpec{Flags: NATDst, MinAddr: ip4, MinPort: 80}, Exec: Actions{SetField(U32(CTMark, 1))}})}}}},
		{Indirect, []Bucket{{Actions: Actions{Output(1)}}}},
		{FastFailover, []Bucket{{WatchPort: 1, Actions: Actions{Output(1)}}, {WatchGroup: 1, Actions: Actions{ToGroup(1)}}}},
	} {
		group, err := NewGroup(uint32(i)+1, g.typ, g.buckets)
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, group)
	}
	var meters []Meter
	for i, m := range []struct {
		flags MeterFlags
		bands []Band
	}{{MeterKbps, []Band{{Rate: 100}}}, {MeterPktps | MeterBurst, []Band{{Rate: 5, Burst: 7}}}, {MeterKbps | MeterBurst | MeterStats, []Band{{Rate: 5, Burst: 1}}}} {
		meter, err := NewMeter(uint32(i)+1, m.flags, m.bands)
		if err != nil {
			t.Fatal(err)
		}
		meters = append(meters, meter)
	}
	var mods []of.Mod
	for _, g := range groups {
		mods = append(mods, of.AddGroup(g))
	}
	for _, m := range meters {
		mods = append(mods, of.AddMeter(m))
	}
	if err := c.Bundle(ctx, mods); err != nil {
		t.Fatal(err)
	}
	gotGroups, err := c.Groups(ctx)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(gotGroups, func(a, b Group) int { return int(a.ID) - int(b.ID) })
	for i := range max(len(gotGroups), len(groups)) {
		if i >= len(gotGroups) || i >= len(groups) || gotGroups[i] != groups[i] {
			t.Errorf("group %d: the switch has\n%s, we\n%s", i+1, hex.EncodeToString([]byte(gotGroups[i].Buckets)), hex.EncodeToString([]byte(groups[i].Buckets)))
		}
	}
	gotMeters, err := c.Meters(ctx)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(gotMeters, func(a, b Meter) int { return int(a.ID) - int(b.ID) })
	if !slices.Equal(gotMeters, meters) {
		t.Errorf("the switch has meters %+v, we %+v", gotMeters, meters)
	}
	if err := c.Bundle(ctx, []of.Mod{of.DeleteMeter(of.AllMeters), of.DeleteGroup(of.AllGroups)}); err != nil {
		t.Fatal(err)
	}
	if left, err := c.Groups(ctx); err != nil || len(left) != 0 {
		t.Errorf("left %v: %v", left, err)
	}
	if left, err := c.Meters(ctx); err != nil || len(left) != 0 {
		t.Errorf("left %v: %v", left, err)
	}
}

// TestRefusalNamesTheChange: of a bundle that the switch refuses, whether when it is sent or when it is committed, the error
// says which change, and nothing has changed.
func TestRefusalNamesTheChange(t *testing.T) {
	s := startOVS(t)
	c := s.connect(t, of.ConnConfig{})
	ctx := soon(t)
	good := mustFlow(t, 0, 1, Match{U32(InPort, 1)}, Actions{Output(2)})
	if err := c.Bundle(ctx, []of.Mod{of.AddFlow(good)}); err != nil {
		t.Fatal(err)
	}
	other := mustFlow(t, 0, 2, Match{U32(InPort, 2)}, Actions{Output(1)})
	badMatch := other
	badMatch.Match = "\x80\x00\x20\x02\x00\x50" // a port without a protocol
	noGroup := mustFlow(t, 0, 3, nil, Actions{ToGroup(77)})
	noMeter := mustFlow(t, 0, 4, nil, Actions{ToMeter(77), Output(1)})
	for _, x := range []struct {
		name string
		mods []of.Mod
		at   int
		want string
	}{
		{"one, refused when sent", []of.Mod{of.AddFlow(badMatch)}, 0, "OFPBMC_BAD_PREREQ"},
		{"refused when sent", []of.Mod{of.AddFlow(other), of.DeleteFlowStrict(good.Key), of.AddFlow(badMatch), of.AddFlow(other)}, 2, "OFPBMC_BAD_PREREQ"},
		{"refused at commit", []of.Mod{of.AddFlow(other), of.AddFlow(noGroup), of.DeleteFlowStrict(good.Key)}, 1, "OFPBAC_BAD_OUT_GROUP"},
		{"no such meter", []of.Mod{of.DeleteFlowStrict(good.Key), of.AddFlow(other), of.AddFlow(noMeter)}, 2, "OFPMMFC_INVALID_METER"},
		{"two wrong: the first", []of.Mod{of.AddFlow(other), of.AddFlow(badMatch), of.AddFlow(badMatch)}, 1, "OFPBMC_BAD_PREREQ"},
		{"group modified that is not there", []of.Mod{of.AddFlow(other), of.ModifyGroup(Group{ID: 9})}, 1, "OFPGMFC_UNKNOWN_GROUP"},
		{"meter changed that is not there", []of.Mod{of.AddFlow(other), of.ModifyMeter(Meter{ID: 9, Flags: MeterKbps})}, 1, "OFPMMFC_UNKNOWN_METER"},
		{"too large", []of.Mod{of.AddFlow(Flow{Instructions: strings.Repeat("x", of.MaxMessage)})}, 0, "does not fit"},
		{"hundreds of wrong ones", append(slices.Repeat([]of.Mod{of.AddFlow(other)}, 100), slices.Repeat([]of.Mod{of.AddFlow(badMatch)}, 300)...), 100, "OFPBMC_BAD_PREREQ"},
	} {
		t.Run(x.name, func(t *testing.T) {
			err := c.Bundle(ctx, x.mods)
			var e *of.ModError
			if !errors.As(err, &e) || e.Index != x.at || !strings.Contains(err.Error(), x.want) {
				t.Errorf("error %v, want change %d, %s", err, x.at, x.want)
			}
			if got := s.dump(t); !slices.Equal(got, []string{good.String()}) {
				t.Errorf("the switch has\n%s", strings.Join(got, "\n"))
			}
		})
	}
	if err := c.Apply(ctx, []of.Mod{of.AddFlow(badMatch), of.AddFlow(other)}); err == nil || !strings.HasPrefix(err.Error(), "change 0 (add flow") {
		t.Errorf("apply: %v", err)
	}
	if got := s.dump(t); len(got) != 2 {
		t.Errorf("apply stops at a refusal:\n%s", strings.Join(got, "\n"))
	}
}

// TestStaleFlowsGoByTheirOwnBytes: whatever the match, giving the dump's bytes back deletes that flow and no other.
func TestStaleFlowsGoByTheirOwnBytes(t *testing.T) {
	s := startOVS(t)
	c := s.connect(t, of.ConnConfig{})
	ctx := soon(t)
	for _, line := range []string{
		"table=0,priority=5,actions=drop", "table=0,priority=6,actions=drop", "table=3,priority=5,ip,nw_src=1.2.3.4 actions=drop", "table=3,priority=5,ip,nw_src=1.2.3.0/24 actions=drop",
		"table=3,priority=5,icmp6,icmp_type=135,icmp_code=0,nd_target=::1,actions=drop", "table=3,priority=5,tcp,tcp_flags=+syn,tun_id=5,reg3=7 actions=drop",
	} {
		s.ofctl(t, "add-flow", line)
	}
	for left := 6; left > 0; left-- {
		var key Key
		n := 0
		if err := c.Dump(ctx, of.EveryFlow(), func(f *of.FlowStats) error {
			key = f.Key()
			n++
			return nil
		}); err != nil || n != left {
			t.Fatalf("%d flows, %v", n, err)
		}
		if err := c.Bundle(ctx, []of.Mod{of.DeleteFlowStrict(key)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.dump(t); len(got) != 0 {
		t.Errorf("left:\n%s", strings.Join(got, "\n"))
	}
}

// TestDumpBySelection: table, cookie and match choose the flows.
func TestDumpBySelection(t *testing.T) {
	s := startOVS(t)
	c := s.connect(t, of.ConnConfig{})
	ctx := soon(t)
	if err := c.Bundle(ctx, additions(manyFlows(t, 2000))); err != nil {
		t.Fatal(err)
	}
	s.ofctl(t, "add-flow", "cookie=0x99,table=1,priority=9,actions=drop")
	ours := of.EveryFlow()
	ours.Cookie, ours.CookieMask = CookieTag, CookieMask
	table := of.EveryFlow()
	table.Table = 1
	for _, x := range []struct {
		name string
		q    of.FlowRequest
		want int
	}{{"all", of.EveryFlow(), 2001}, {"ours", ours, 2000}, {"table 1", table, 1}} {
		n := 0
		err := c.Dump(ctx, x.q, func(f *of.FlowStats) error {
			n++
			return nil
		})
		a, err2 := c.Aggregate(ctx, x.q)
		if n != x.want || int(a.Flows) != x.want || err != nil || err2 != nil {
			t.Errorf("%s: %d flows, %d by aggregate, want %d: %v, %v", x.name, n, a.Flows, x.want, err, err2)
		}
	}
	stop := errors.New("enough")
	if err := c.Dump(ctx, of.EveryFlow(), func(*of.FlowStats) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("dump goes on: %v", err)
	}
	if err := c.Barrier(ctx); err != nil {
		t.Errorf("after a dump that was given up: %v", err)
	}
}

// next takes events until one is of a kind.
func next(t testing.TB, c *of.Conn, kind of.EventKind) of.Event {
	t.Helper()
	ctx := soon(t)
	for {
		e, err := c.Next(ctx)
		if err != nil {
			t.Fatalf("no event %d: %v", kind, err)
		}
		if e.Kind == kind {
			return e
		}
	}
}

// TestEvents: ports, packets, flow updates, removed flows and errors come as events.
func TestEvents(t *testing.T) {
	s := startOVS(t)
	c := s.connect(t, of.ConnConfig{})
	ctx := soon(t)
	s.vsctl(t, "add-port", bridge, "p1", "--", "set", "interface", "p1", "type=dummy", "ofport_request=7")
	port := next(t, c, of.EventPortStatus).Port
	if port.Reason != of.PortAdded || port.Port.Name != "p1" || port.Port.Number != 7 {
		t.Errorf("port status %+v", port)
	}
	ports, err := c.Ports(ctx)
	if err != nil || !slices.ContainsFunc(ports, func(p of.Port) bool { return p == port.Port }) {
		t.Errorf("ports %+v, %v", ports, err)
	}
	var initial []of.FlowUpdate
	s.ofctl(t, "add-flow", "table=9,priority=3,in_port=3,actions=drop")
	err = c.Monitor(ctx, of.MonitorRequest{ID: 1, Flags: of.MonitorInitial | of.MonitorAdd | of.MonitorDelete | of.MonitorModify | of.MonitorInstructions, OutPort: PortAny, Table: of.AllTables},
		func(u *of.FlowUpdate) error {
			initial = append(initial, *u)
			return nil
		})
	if err != nil || len(initial) != 1 || initial[0].Table != 9 {
		t.Errorf("monitor: %+v, %v", initial, err)
	}
	f := mustFlow(t, 2, 77, Match{U32(InPort, 7)}, Actions{ToController(ControllerSpec{UserData: "hello", Pause: Paused})})
	if err := c.Bundle(ctx, []of.Mod{of.AddFlow(f)}); err != nil {
		t.Fatal(err)
	}
	if u := next(t, c, of.EventFlowUpdate).Update; u.Event != of.FlowAbbreviated || u.XID == 0 {
		t.Errorf("own change: %+v", u)
	}
	s.ofctl(t, "del-flows", "table=2")
	if u := next(t, c, of.EventFlowUpdate).Update; u.Event != of.FlowDeleted || u.Key() != f.Key || u.Cookie != f.Cookie {
		t.Errorf("foreign deletion: %+v", u)
	}
	outer := mustFlow(t, 0, 1, Match{U32(InPort, 7)}, Actions{Resubmit(2)})
	timed := of.AddFlowTimed(outer, 0, 1, of.SendFlowRemoved)
	if err := c.Bundle(ctx, []of.Mod{of.AddFlow(f), timed}); err != nil {
		t.Fatal(err)
	}
	s.must(t, "ovs-appctl", "-t", s.file("ovs-vswitchd.ctl"), "netdev-dummy/receive", "p1", "in_port(7),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x88cc)")
	p := next(t, c, of.EventPacketIn).PacketIn // a paused packet bears the cookie of the flow that Open vSwitch is back in then
	meta, err := ParseMatch(p.Match)
	if string(p.UserData[:5]) != "hello" || len(p.Continuation) == 0 || p.Cookie != outer.Cookie || err != nil || !slices.Contains(meta, U32(InPort, 7)) {
		t.Errorf("packet-in %+v, metadata %v", p, meta)
	}
	if _, err := c.Send(ctx, func(b []byte, xid uint32) []byte { return of.AppendResume(b, xid, p) }); err != nil {
		t.Fatal(err)
	}
	if r := next(t, c, of.EventFlowRemoved).Removed; r.Priority != 1 || r.Table != 0 {
		t.Errorf("flow removed %+v", r)
	}
	out, err := AppendActions(nil, Actions{Output(PortTable)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(ctx, func(b []byte, xid uint32) []byte {
		return of.AppendPacketOut(b, xid, &of.PacketOut{Buffer: of.NoBuffer, InPort: 7, Actions: out, Data: p.Data})
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(ctx, func(b []byte, xid uint32) []byte {
		return of.AppendMonitorCancel(b, xid, 99)
	}); err != nil {
		t.Fatal(err)
	}
	if e := next(t, c, of.EventError).Err; e.Experimenter != of.ExperimenterNicira || e.Name() != "OFPMOFC_UNKNOWN_MONITOR" {
		t.Errorf("error %v", e)
	}
}

// TestHandshake: what the switch says of itself, roles, and a generation that is refused.
func TestHandshake(t *testing.T) {
	s := startOVS(t)
	first := s.connect(t, of.ConnConfig{})
	info := first.Info()
	if info.Role.Role != of.RoleMaster || info.Features.Datapath == 0 || info.Features.Tables != 254 || info.Desc.Hardware != "Open vSwitch" || !bool(info.Nicira) {
		t.Errorf("info %+v", info)
	}
	second := s.connect(t, of.ConnConfig{})
	if g := second.Info().Role.Generation; g != info.Role.Generation+1 {
		t.Errorf("generation %d after %d", g, info.Role.Generation)
	}
	for name, x := range map[string]struct {
		message func(b []byte, xid uint32) []byte
		want    string
	}{
		"zone": {func(b []byte, xid uint32) []byte { return of.AppendCTFlushZone(b, xid, 5) }, ""},
		"flush": {func(b []byte, xid uint32) []byte {
			return of.AppendCTFlush(b, xid, &of.CTFlushRequest{Proto: 6, Zone: 5, ZoneGiven: true, Orig: of.CTTuple{Src: ip4, DstPort: 80}})
		}, ""},
		"port": {func(b []byte, xid uint32) []byte { return of.AppendPortMod(b, xid, of.PortMod{Port: 99}) }, "OFPPMFC_BAD_PORT"},
	} {
		if _, err := second.Send(soon(t), x.message); err != nil {
			t.Fatal(err)
		}
		if err := second.Barrier(soon(t)); err != nil {
			t.Fatal(err)
		}
		if x.want != "" {
			if e := next(t, second, of.EventError).Err; e.Name() != x.want {
				t.Errorf("%s: %v", name, e)
			}
		}
	}
	// The first connection is a slave now, and may change nothing.
	err := first.Bundle(soon(t), []of.Mod{of.AddFlow(Flow{})})
	if err == nil || !strings.Contains(err.Error(), "OFPBRC_IS_SECONDARY") {
		t.Errorf("a slave may write: %v", err)
	}
	if _, err := first.SetRole(soon(t), of.Role{Role: of.RoleMaster, Generation: info.Role.Generation}); err == nil || !strings.Contains(err.Error(), "OFPRRFC_STALE") {
		t.Errorf("an old generation: %v", err)
	}
	if r, err := first.SetRole(soon(t), of.Role{Role: of.RoleMaster, Generation: info.Role.Generation + 9}); err != nil || r.Role != of.RoleMaster {
		t.Errorf("%+v, %v", r, err)
	}
	if tables, err := second.Tables(soon(t)); err != nil || len(tables) != 254 {
		t.Errorf("%d tables, %v", len(tables), err)
	}
}
