package openflow_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	of "github.com/weft-sdn/weft/southbound/openflow"
)

// TestSwitchThatReadsNothing: senders wait, with their contexts, and the writer gives up.
func TestSwitchThatReadsNothing(t *testing.T) {
	cfg := hasty()
	cfg.EchoInterval, cfg.WriteBuffer = time.Hour, 1<<16
	c, _ := shake(t, cfg)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	mods := additions(manyFlows(t, 50_000))
	if err := c.Bundle(ctx, mods); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("bundle: %v", err)
	}
	until(t, "end of the connection", func() bool { return c.Err() != nil })
	if err := c.Err(); !strings.Contains(err.Error(), "i/o timeout") {
		t.Error(err)
	}
}

// TestSwitchThatAnswersEchoesOnly: who waits for another answer does not wait for ever.
func TestSwitchThatAnswersEchoesOnly(t *testing.T) {
	c, p := shake(t, hasty())
	go func() {
		for {
			if _, err := p.serve(of.TypeBarrierRequest); err != nil {
				return
			}
		}
	}()
	if err := c.Barrier(context.Background()); !errors.Is(err, of.ErrClosed) || !strings.Contains(err.Error(), "no reply for") {
		t.Error(err)
	}
}

// TestOursIsTheSlowSide: while we do not take a reply in, the switch is not called silent, and nothing is lost.
func TestOursIsTheSlowSide(t *testing.T) {
	c, p := shake(t, hasty())
	const parts = 30
	go func() {
		m, err := p.serve(of.TypeMultipartRequest)
		if err != nil {
			return
		}
		for i := range parts {
			b := of.BeginReply(nil, m.XID, of.MultipartFlow)
			b.Entry(func(b []byte) []byte { return of.AppendFlowStats(b, &of.FlowStats{Cookie: uint64(i)}) })
			out := b.End()
			if i < parts-1 {
				out[11] = 1
			}
			p.Write(out)
		}
		p.serve(0xff)
	}()
	n := uint64(0)
	err := c.Dump(context.Background(), of.EveryFlow(), func(s *of.FlowStats) error {
		if s.Cookie != n {
			t.Errorf("flow %d at %d", s.Cookie, n)
		}
		if n++; n < 5 {
			time.Sleep(250 * time.Millisecond) // being slow is what is tested
		}
		return nil
	})
	if err != nil || n != parts {
		t.Errorf("%d flows, %v", n, err)
	}
}

// TestFloodOfEvents: events that nobody takes are bounded: packet-ins are dropped and counted, port changes are kept, and
// lost updates are owned up to.
func TestFloodOfEvents(t *testing.T) {
	cfg := of.ConnConfig{PacketIns: 10, Updates: 20}
	c, p := shake(t, cfg)
	go func() {
		for i := range 1000 {
			b := of.AppendPacketIn(nil, 0, &of.PacketIn{Buffer: of.NoBuffer, Cookie: uint64(i), Data: make([]byte, 100)})
			b = of.AppendFlowRemoved(b, 0, &of.FlowRemoved{Cookie: uint64(i)})
			b = of.AppendPortStatus(b, 0, &of.PortStatus{Reason: of.PortModified, Port: of.Port{Number: uint32(i%3) + 1, Config: uint32(i)}})
			p.Write(b)
		}
		p.Write(of.AppendPortStatus(nil, 0, &of.PortStatus{Port: of.Port{Number: 9}}))
		p.serve(0xff)
	}()
	until(t, "packet-ins", func() bool { return c.Counts().MessagesRead >= 3001 })
	if got := c.Counts(); got.PacketInsDropped != 990 || got.UpdatesLost == 0 {
		t.Errorf("counts %+v", got)
	}
	seen := map[of.EventKind]int{}
	last := map[uint32]uint32{}
	for seen[of.EventPacketIn] < 10 {
		e, err := c.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if seen[e.Kind]++; e.Kind == of.EventPortStatus {
			last[e.Port.Port.Number] = e.Port.Port.Config
		}
	}
	if seen[of.EventsLost] != 1 || last[1] != 999 || last[2] != 997 || last[3] != 998 || seen[of.EventPortStatus] != 4 {
		t.Errorf("events %v, ports %v", seen, last)
	}
}

// TestOneBadSwitchDisturbsNoOther: a hundred hostile peers, and one switch that goes on.
func TestOneBadSwitchDisturbsNoOther(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	reports := 0
	good := make(chan *of.Conn, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- of.Serve(ctx, l, hasty(), func(ctx context.Context, c *of.Conn) error {
			good <- c
			<-ctx.Done()
			return nil
		}, func(error) {
			mu.Lock()
			reports++
			mu.Unlock()
		})
	}()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const bad = 100
	for i := range bad {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		switch i % 4 {
		case 0:
			nc.Write([]byte(strings.Repeat("garbage", 1000)))
		case 1:
			nc.Write([]byte{4, 0, 0xff, 0xff, 0, 0, 0, 0})
		case 2:
			nc.Write([]byte{4, 0, 0, 0})
			nc.Close()
		}
	}
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, Conn: nc}
	go p.serve(0xff)
	var c *of.Conn
	select {
	case c = <-good:
	case <-time.After(10 * time.Second):
		t.Fatal("the good switch waits")
	}
	for range 100 {
		if err := c.Barrier(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "reports", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return reports == bad
	})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("%d bytes more on the heap", grown)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	nc.Close()
}

// TestManyAtOnce: requests, bundles and dumps of many goroutines over one connection to a real switch.
func TestManyAtOnce(t *testing.T) {
	s := startOVS(t)
	c := s.connect(t, of.ConnConfig{WriteBuffer: 1 << 14})
	flows := manyFlows(t, 400)
	bad := flows[0]
	bad.Match = "\x80\x00\x20\x02\x00\x50"
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				mods := additions(flows[i*50 : i*50+50])
				if err := c.Bundle(soon(t), mods); err != nil {
					t.Error(err)
				}
				mods[j] = of.AddFlow(bad)
				var e *of.ModError
				if err := c.Bundle(soon(t), mods); !errors.As(err, &e) || e.Index != j {
					t.Errorf("%v, want change %d", err, j)
				}
				if err := c.Dump(soon(t), of.EveryFlow(), func(*of.FlowStats) error { return nil }); err != nil {
					t.Error(err)
				}
				if err := c.Barrier(soon(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(s.dump(t)); got != len(flows) {
		t.Errorf("%d flows", got)
	}
}

// TestDialKeepsConnecting: a switch that is not there yet is found when it is, and again after it went.
func TestDialKeepsConnecting(t *testing.T) {
	s := startOVS(t)
	s.vsctl(t, "set-controller", bridge, "punix:"+s.file(bridge+".controller"))
	s.vsctl(t, "del-controller", bridge)
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan *of.Conn, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- of.Dial(ctx, "unix:"+s.file(bridge+".controller"), nil, of.ConnConfig{}, func(ctx context.Context, c *of.Conn) error {
			got <- c
			<-ctx.Done()
			return nil
		}, nil)
	}()
	s.vsctl(t, "set-controller", bridge, "punix:"+s.file(bridge+".controller"))
	take := func() *of.Conn {
		select {
		case c := <-got:
			return c
		case <-soon(t).Done():
			t.Fatal("no connection")
			return nil
		}
	}
	take().Close(errors.New("for the test"))
	second := take()
	if err := second.Barrier(soon(t)); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "tcp:", "tcp:host", "udp:1.2.3.4:6653", "ssl:127.0.0.1:1"} {
		if err := of.Dial(context.Background(), bad, nil, of.ConnConfig{}, nil, nil); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
