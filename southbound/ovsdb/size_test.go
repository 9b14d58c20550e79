package ovsdb

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// bigHost is the first reply of a host with n endpoints on br-int.
func bigHost(n int) string {
	var ifaces, ports, set strings.Builder
	for i := range n {
		fmt.Fprintf(&ifaces, `,%q:{"initial":{"name":"tap%08x-aa","type":"internal","ofport":%d,"admin_state":"up","link_state":"up","mtu":1450,`+
			`"mac_in_use":"fa:16:3e:00:%02x:%02x","external_ids":["map",[["iface-id","0a0a0a0a-0000-0000-0000-%012d"],["attached-mac","fa:16:3e:00:%02x:%02x"],["iface-status","active"],["vm-uuid","0b0b0b0b-0000-0000-0000-%012d"]]]}}`,
			worldID(kindIface, i), i, i%60000+1, i>>8&255, i&255, i, i>>8&255, i&255, i)
		fmt.Fprintf(&ports, `,%q:{"initial":{"name":"tap%08x-aa","interfaces":["uuid",%q]}}`, worldID(kindPort, i), i, worldID(kindIface, i))
		fmt.Fprintf(&set, `,["uuid",%q]`, worldID(kindPort, i))
	}
	return fmt.Sprintf(`{"Open_vSwitch":{%q:{"initial":{"external_ids":["map",[["system-id","big"]]]}}},"Bridge":{%q:{"initial":{"name":"br-int",`+
		`"external_ids":["map",[["weft","managed"]]],"ports":["set",[%s]]}}},"Port":{%s},"Interface":{%s}}`,
		rootUUID, worldID(kindBridge, 0), set.String()[1:], ports.String()[1:], ifaces.String()[1:])
}

func loaded(b *testing.B, n int) *replica {
	cfg, err := Config{}.withDefaults()
	if err != nil {
		b.Fatal(err)
	}
	r := newReplica(cfg)
	if err := r.apply(&cursor{b: []byte(bigHost(n))}); err != nil {
		b.Fatal(err)
	}
	r.publish()
	return r
}

func BenchmarkFirstReply2500(b *testing.B) {
	text := []byte(bigHost(2500))
	cfg, _ := Config{}.withDefaults()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		r := newReplica(cfg)
		if err := r.apply(&cursor{b: text}); err != nil {
			b.Fatal(err)
		}
		r.publish()
	}
}

// BenchmarkOneChange is one interface's change from its message to the new State and plan.
func BenchmarkOneChange(b *testing.B) {
	for _, n := range []int{100, 2500, 20000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := loaded(b, n)
			d := &Desired{Bridges: []DesiredBridge{integration()}}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				msg := fmt.Appendf(nil, `["weft",{"Interface":{%q:{"modify":{"ofport":%d}}}}]`, worldID(kindIface, i%n), i%60000)
				if err := updateNotification(r, msg); err != nil {
					b.Fatal(err)
				}
				if r.publish() == nil {
					b.Fatal("no change")
				}
				makePlan(r, d)
			}
		})
	}
}

// BenchmarkPortComesAndGoes is an endpoint plugged and unplugged on a bridge of 2,500.
func BenchmarkPortComesAndGoes(b *testing.B) {
	r := loaded(b, 2500)
	in := `["weft",{"Bridge":{%q:{"modify":{"ports":["uuid",%q]}}},"Port":{%q:{"insert":{"name":"new","interfaces":["uuid",%q]}}},"Interface":{%q:{"insert":{"name":"new"}}}}]`
	out := `["weft",{"Bridge":{%q:{"modify":{"ports":["uuid",%q]}}},"Port":{%q:{"delete":null}},"Interface":{%q:{"delete":null}}}]`
	br, p, i := worldID(kindBridge, 0), worldID(kindPort, 99999), worldID(kindIface, 99999)
	b.ReportAllocs()
	for b.Loop() {
		for _, msg := range []string{fmt.Sprintf(in, br, p, p, i, i), fmt.Sprintf(out, br, p, p, i)} {
			if err := updateNotification(r, []byte(msg)); err != nil {
				b.Fatal(err)
			}
			r.publish()
		}
	}
}

// BenchmarkSessionMemory reports the heap that a session keeps, empty and with 2,500 endpoints.
func BenchmarkSessionMemory(b *testing.B) {
	for _, n := range []int{0, 2500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			count := 200
			text := identity("h")
			if n > 0 {
				count, text = 20, `{"id":1,"error":null,"result":`+bigHost(n)+`}`
			}
			s := newSessions(b, Config{ProbeInterval: time.Minute, ProbeTimeout: time.Hour})
			l := plainListener(b)
			defer s.serve(l)()
			before, routines := heap(), runtime.NumGoroutine()
			var conns []net.Conn
			for range count {
				c := connect(b, l)
				say(c, text)
				s.next()
				conns = append(conns, c)
			}
			for b.Loop() { // nothing to time
			}
			b.ReportMetric(float64(heap()-before)/float64(count)/1024, "KiB/session")
			b.ReportMetric(float64(runtime.NumGoroutine()-routines)/float64(count), "goroutines/session")
			runtime.KeepAlive(conns)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestBigHost measures a real host of 2,500 endpoints: how long until it is in sync, and one change on it.
func TestBigHost(t *testing.T) {
	t.Parallel()
	h := newHost(t, "big")
	args := []string{"--no-wait", "add-br", "br-int"}
	for i := range 2500 {
		args = append(args, "--", "add-port", "br-int", fmt.Sprintf("p%d", i), "--", "set", "interface", fmt.Sprintf("p%d", i), fmt.Sprintf("external_ids:iface-id=id%d", i))
	}
	h.vsctl(args...)
	s := newSessions(t, Config{})
	start := time.Now()
	s.dial("unix:" + h.dir + "/db.sock")
	sess := s.next()
	t.Logf("2,500 interfaces in sync after %s", time.Since(start))
	if n := len(sess.Snapshot().Interfaces); n != 2501 {
		t.Fatalf("%d interfaces", n)
	}
	d := Desired{Bridges: []DesiredBridge{integration()}}
	for i := range 1000 {
		d.Bridges[0].Ports = append(d.Bridges[0].Ports, DesiredPort{Name: fmt.Sprintf("tun%d", i), Type: "vxlan",
			Options: map[string]string{"key": "flow", "remote_ip": fmt.Sprintf("10.1.%d.%d", i/250, i%250+1)}})
	}
	start = time.Now()
	sess.SetDesired(d)
	settled(t, sess)
	t.Logf("1,000 tunnels written after %s in %d transactions", time.Since(start), sess.Status().Transactions)
	if n := sess.Status().Transactions; n != 1 {
		t.Errorf("%d transactions", n)
	}
	d.Bridges[0].Ports = d.Bridges[0].Ports[:999]
	start = time.Now()
	sess.SetDesired(d)
	settled(t, sess)
	t.Logf("one tunnel removed after %s", time.Since(start))
}
