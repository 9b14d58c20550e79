package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
	"github.com/weft-sdn/weft/southbound/ovsdb"
)

// controller is both listeners of a controller, with what connected to them.
type controller struct {
	t        testing.TB
	manager  string
	openflow string

	mu       sync.Mutex
	switches map[uint64]*openflow.Conn
	hosts    map[string]*ovsdb.Session
}

func startController(t testing.TB) *controller {
	t.Helper()
	c := &controller{t: t, switches: map[uint64]*openflow.Conn{}, hosts: map[string]*ovsdb.Session{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	log := logrus.New()
	log.SetOutput(io.Discard)
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	of, db := listen(), listen()
	c.openflow, c.manager = "tcp:"+of.Addr().String(), "tcp:"+db.Addr().String()
	wg.Go(func() {
		openflow.Serve(ctx, of, openflow.ConnConfig{}, func(ctx context.Context, conn *openflow.Conn) error {
			c.mu.Lock()
			c.switches[conn.Datapath()] = conn
			c.mu.Unlock()
			<-ctx.Done()
			return nil
		}, nil)
	})
	wg.Go(func() {
		ovsdb.Serve(ctx, db, ovsdb.Config{Log: logrus.NewEntry(log)}, func(ctx context.Context, s *ovsdb.Session) {
			c.mu.Lock()
			c.hosts[s.SystemID()] = s
			c.mu.Unlock()
			<-ctx.Done()
		})
	})
	return c
}

func (c *controller) host(name string) *ovsdb.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hosts[name]
}

func (c *controller) conn(datapath uint64) *openflow.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.switches[datapath]
}

// desired is what a controller wants of a host.
func (c *controller) desired(datapath uint64) ovsdb.Desired {
	return ovsdb.Desired{Bridges: []ovsdb.DesiredBridge{{
		Name: "br-int", DatapathType: "netdev", FailMode: "secure", Protocols: []string{"OpenFlow13"},
		Controllers: []ovsdb.DesiredController{{Target: c.openflow, MaxBackoffMS: 1000, ConnectionMode: "out-of-band"}},
		OtherConfig: map[string]string{"datapath-id": fmt.Sprintf("%016x", datapath)},
		Ports: []ovsdb.DesiredPort{{Name: "weft-vxlan", Type: "vxlan", OFPortRequest: 65001,
			Options: map[string]string{"key": "flow", "remote_ip": "flow"}}},
	}}}
}

func runHost(t testing.TB, c *controller, n int) *Host {
	h := NewHost(HostConfig{SystemID: fmt.Sprint("host", n), Manager: c.manager, Switch: Config{DatapathID: 7},
		TunnelIP: netip.AddrFrom4([4]byte{10, 99, byte(n >> 8), byte(n)})})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestTwoHosts is the way of a real host, over the real wire: it dials, is given a bridge, connects, is given flows, and its
// endpoint reaches the other host's.
func TestTwoHosts(t *testing.T) {
	c := startController(t)
	fabric := NewFabric()
	hosts := []*Host{runHost(t, c, 1), runHost(t, c, 2)}
	var sessions []*ovsdb.Session
	for i, h := range hosts {
		eventually(t, "the host's database", func() bool { return c.host(h.SystemID()) != nil })
		s := c.host(h.SystemID())
		s.SetDesired(c.desired(uint64(i + 1)))
		eventually(t, "the host to be as desired", func() bool { return s.Status().Synced && s.Status().Applied })
		eventually(t, "the switch", func() bool { return c.conn(uint64(i+1)) != nil && h.Ready() })
		if err := fabric.Add(h.Switch()); err != nil {
			t.Fatal(err)
		}
		ofport, err := h.Plug(fmt.Sprint("red/vm", i+1), macs[i])
		if err != nil {
			t.Fatal(err)
		}
		fabric.Attach(fmt.Sprint("vm", i+1), h.Switch(), ofport)
		eventually(t, "the interface and its bridge's controller", func() bool {
			for _, p := range s.Snapshot().Interfaces {
				if p.IfaceID == fmt.Sprint("red/vm", i+1) && uint32(p.OFPort) == ofport {
					return s.Snapshot().Bridges["br-int"].ControllerConnected
				}
			}
			return false
		})
		sessions = append(sessions, s)
		add := []openflow.Mod{
			openflow.AddFlow(mustFlow(t, 0, 10, flow.Match{flow.U32(flow.InPort, ofport)}, flow.SetField(flow.U64(flow.TunID, 5001)),
				flow.SetField(flow.IP(flow.TunDst, hosts[1-i].Switch().TunnelIP())), flow.Output(65001))),
			openflow.AddFlow(mustFlow(t, 0, 10, flow.Match{flow.U32(flow.InPort, 65001), flow.U64(flow.TunID, 5001)}, flow.Output(ofport))),
		}
		if err := c.conn(uint64(i+1)).Bundle(context.Background(), add); err != nil {
			t.Fatal(err)
		}
	}
	frame := make([]byte, 60)
	j := fabric.Send("vm1", frame)
	if j.Err != nil || len(j.Deliveries) != 1 || j.Deliveries[0].Endpoint != "vm2" {
		t.Fatalf("frame went %+v", j)
	}
	if got := j.Results[0].Outputs[0].Tunnel; got.ID != 5001 || got.Type != "vxlan" || got.Dst != hosts[1].Switch().TunnelIP() {
		t.Errorf("tunnel %+v", got)
	}
	hosts[0].Unplug("red/vm1")
	eventually(t, "the interface to go", func() bool {
		for _, p := range sessions[0].Snapshot().Interfaces {
			if p.IfaceID != "" {
				return false
			}
		}
		return true
	})
	sessions[0].SetDesired(ovsdb.Desired{})
	eventually(t, "the flows to go with the controller", func() bool { return hosts[0].Switch().FlowCount() == 0 })
}

// TestOpenFlowSide holds the switch against the project's own controller side.
func TestOpenFlowSide(t *testing.T) {
	c := startController(t)
	s := newTestSwitch(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Connect(ctx, c.openflow) }()
	defer func() { cancel(); <-done }()
	eventually(t, "the switch", func() bool { return c.conn(1) != nil })
	conn := c.conn(1)
	var seen []flow.Key
	if err := conn.Monitor(ctx, openflow.MonitorRequest{ID: 1, Table: openflow.AllTables, OutPort: flow.PortAny,
		Flags: openflow.MonitorInitial | openflow.MonitorAdd | openflow.MonitorDelete | openflow.MonitorModify}, nil); err != nil {
		t.Fatal(err)
	}
	var mods []openflow.Mod
	const many = 2000
	for i := range uint32(many) {
		mods = append(mods, openflow.AddFlow(mustFlow(t, 1, 5, flow.Match{flow.U32(flow.Reg0, i)}, flow.Output(2))))
	}
	g, err := flow.NewGroup(7, flow.All, []flow.Bucket{{Actions: flow.Actions{flow.Output(1)}}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := flow.NewMeter(3, flow.MeterPktps, []flow.Band{{Rate: 10}})
	if err != nil {
		t.Fatal(err)
	}
	mods = append(mods, openflow.AddGroup(g), openflow.AddMeter(m))
	if err := conn.Bundle(ctx, mods); err != nil {
		t.Fatal(err)
	}
	if err := conn.Dump(ctx, openflow.EveryFlow(), func(f *openflow.FlowStats) error { seen = append(seen, f.Key()); return nil }); err != nil {
		t.Fatal(err)
	}
	groups, err := conn.Groups(ctx)
	if err != nil || len(groups) != 1 || groups[0] != g {
		t.Errorf("groups %v, %v", groups, err)
	}
	meters, err := conn.Meters(ctx)
	if err != nil || len(meters) != 1 || meters[0] != m {
		t.Errorf("meters %v, %v", meters, err)
	}
	if len(seen) != many {
		t.Errorf("%d flows", len(seen))
	}
	bad := []openflow.Mod{openflow.DeleteFlows(openflow.AllTables, 0, 0, ""),
		openflow.AddFlow(mustFlow(t, 0, 5, nil, flow.ToGroup(99)))}
	var refused *openflow.ModError
	if err := conn.Bundle(ctx, bad); !errors.As(err, &refused) || refused.Index != 1 || s.FlowCount() != many {
		t.Errorf("bad bundle: %v; %d flows are left", err, s.FlowCount())
	}
	if err := s.Apply(FlowMod{Command: Delete, Flow: filter(1, flow.Match{flow.U32(flow.Reg0, 3)}, t)}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetPort(Port{Number: 9, Name: "new"}); err != nil {
		t.Fatal(err)
	}
	drift, port := false, false
	for !drift || !port {
		short, stop := context.WithTimeout(ctx, timeout)
		e, err := conn.Next(short)
		stop()
		if err != nil {
			t.Fatal(err)
		}
		drift = drift || e.Kind == openflow.EventFlowUpdate && e.Update.Event == openflow.FlowDeleted && e.Update.Table == 1
		port = port || e.Kind == openflow.EventPortStatus && e.Port.Port.Number == 9
	}
}

func filter(table uint8, m flow.Match, t testing.TB) flow.Flow {
	f, err := flow.New(table, 0, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestManyHosts reports what a host costs.
func TestManyHosts(t *testing.T) {
	const hosts, perHost = 200, 20
	before := heap()
	c := startController(t)
	start := time.Now()
	var all []*Host
	for n := range hosts {
		all = append(all, runHost(t, c, n))
	}
	for n, h := range all {
		eventually(t, "a host", func() bool { return c.host(h.SystemID()) != nil })
		c.host(h.SystemID()).SetDesired(c.desired(uint64(n + 1)))
	}
	for n, h := range all {
		eventually(t, "a switch", func() bool { return h.Ready() && c.conn(uint64(n+1)) != nil })
		for i := range perHost {
			if _, err := h.Plug(fmt.Sprint("vm", n, "-", i), macs[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	took := time.Since(start)
	t.Logf("%d hosts with %d ports each in %s, %d KiB a host, with both its sessions and the controller's", hosts, perHost, took.Round(time.Millisecond), (heap()-before)/hosts>>10)
	idle := heap()
	var kept []*Host
	for n := range hosts {
		kept = append(kept, NewHost(HostConfig{SystemID: fmt.Sprint("idle", n)}))
	}
	t.Logf("%d bytes a host that does nothing", (heap()-idle)/hosts)
	runtime.KeepAlive(kept)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
