package ovsdb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

const rootUUID = "00000000-0000-0000-0000-000000000001"

// identity is the reply to the monitor request of a host with nothing on it.
func identity(systemID string) string {
	return fmt.Sprintf(`{"id":1,"error":null,"result":{"Open_vSwitch":{%q:{"initial":{"external_ids":["map",[["system-id",%q]]]}}}}}`, rootUUID, systemID)
}

// plainListener is on our own loopback.
func plainListener(t testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func connect(t testing.TB, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// say sends text to a listener that may have closed the connection already: what comes of it is what the tests look at.
func say(c net.Conn, text string) {
	_, _ = io.WriteString(c, text)
}

// closed waits until the other end has closed c.
func closed(t testing.TB, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Fatal("connection was not closed")
	}
}

func TestHostilePeersAreClosedWithALineAndHarmNobody(t *testing.T) {
	quick := Config{IdentifyTimeout: 2 * time.Second, ProbeInterval: time.Second, ProbeTimeout: 10 * time.Second,
		MessageTimeout: time.Second, MaxMessageBytes: 1 << 20, MaxStateBytes: 4 << 20, MaxRows: 1000}
	rows := func(n int, from int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%08x-0000-0000-0000-000000000000":{"insert":{"name":"p%d"}}`, from+i, from+i)
		}
		return `{"method":"update2","id":null,"params":["weft",{"Interface":{` + b.String()[1:] + `}}]}`
	}
	update := func(params string) string {
		return identity("h") + `{"method":"update2","id":null,"params":` + params + `}`
	}
	for _, tt := range []struct{ name, send, line string }{
		{"http", "GET / HTTP/1.1\r\n\r\n", "does not start with {"},
		{"tls", "\x16\x03\x01\x02\x00\x01\x00", "does not start with {"},
		{"zeros", strings.Repeat("\x00", 9000), "does not start with {"},
		{"array", `["x"]`, "does not start with {"},
		{"silent", "", ErrNotIdentified.Error()},
		{"spaces", strings.Repeat(" ", 5000), ErrNotIdentified.Error()},
		{"half a message", `{"id":1,`, ""},
		{"deep", strings.Repeat(`{"a":[`, 100), "nested too deeply"},
		{"oversize", `{"id":1,"result":"` + strings.Repeat("x", 2<<20), "message too big"},
		{"empty", "{}", "reply to nothing"},
		{"not JSON", `{"id":1,}`, "malformed message"},
		{"update before reply", `{"method":"update2","params":["weft",{}]}`, "before the first reply"},
		{"update3 without params", `{"method":"update3","params":[],"id":null}`, ErrNotIdentified.Error()},
		{"unasked reply", `{"id":7,"result":[]}`, "reply to nothing"},
		{"refusal", `{"id":1,"result":null,"error":"unknown method"}`, "unknown method"},
		{"no rows", `{"id":1,"result":{}}`, "no row in Open_vSwitch"},
		{"result of a wrong type", `{"id":1,"result":[[],"x",{}]}`, "malformed message"},
		{"strange table", `{"id":1,"result":{"Secrets":{"` + rootUUID + `":{"initial":{}}}}}`, "not asked for"},
		{"set without values", `{"id":1,"result":{"Open_vSwitch":{"` + rootUUID + `":{"initial":{"external_ids":["map"]}}}}}`, "malformed message"},
		{"no system-id", `{"id":1,"result":{"Open_vSwitch":{"` + rootUUID + `":{"initial":{}}}}}`, "system-id"},
		{"bad system-id", identity("a b/c"), "system-id"},
		{"long system-id", identity(strings.Repeat("a", 300)), "system-id"},
		{"big echo", identity("h") + `{"method":"echo","id":5,"params":["` + strings.Repeat("x", 5000) + `"]}`, "too big"},
		{"modify of nothing", update(`["weft",{"Bridge":{"` + rootUUID + `":{"modify":{}}}}]`), "before it was inserted"},
		{"delete of nothing", update(`["weft",{"Bridge":{"` + rootUUID + `":{"delete":null}}}]`), "before it was inserted"},
		{"other monitor", update(`["other",{}]`), "update of monitor"},
		{"root removed", update(`["weft",{"Open_vSwitch":{"` + rootUUID + `":{"delete":null}}}]`), "no row in Open_vSwitch"},
		{"too many rows", identity("h") + rows(600, 0) + rows(600, 1000), "more than 1000 rows"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSessions(t, quick)
			l := plainListener(t)
			stop := s.serve(l)
			good := connect(t, l)
			say(good, identity("good"))
			session := s.next()
			go echo(good)
			bad := connect(t, l)
			say(bad, tt.send)
			closed(t, bad)
			stop()
			if !s.log.has(tt.line, bad.LocalAddr().String()) {
				t.Errorf("no line with %q and the peer:\n%s", tt.line, s.log)
			}
			if session.Snapshot().SystemID != "good" || s.log.has("disconnected", good.LocalAddr().String()) {
				t.Error("the good session ended")
			}
		})
	}
}

// echo answers every echo request, as a host that is alive does.
func echo(c net.Conn) {
	f := newFramer(c, Config{MaxMessageBytes: 1 << 20, MessageTimeout: time.Hour}, nil, nil)
	for {
		b, err := f.next()
		if err != nil {
			return
		}
		if m, err := parseMessage(b); err == nil && m.method == "echo" {
			say(c, string(reply(m.id, m.params, []byte("null"))))
		}
	}
}

func TestPeerThatGrowsWithoutEndIsClosed(t *testing.T) {
	t.Parallel()
	s := newSessions(t, Config{MaxStateBytes: 2 << 20})
	l := plainListener(t)
	s.serve(l)
	c := connect(t, l)
	say(c, identity("h"))
	s.next()
	go func() {
		for i := range 1000 {
			if _, err := fmt.Fprintf(c, `{"method":"update2","params":["weft",{"Open_vSwitch":{%q:{"modify":{"other_config":["map",[["k%d","%s"]]]}}}}]}`,
				rootUUID, i, strings.Repeat("x", 60000)); err != nil {
				return
			}
		}
	}()
	closed(t, c)
	poll(t, "the line", func() bool { return s.log.has("database out of step", "bytes, more than") })
}

func TestHalfOpenPeerIsNoticed(t *testing.T) {
	t.Parallel()
	s := newSessions(t, Config{ProbeInterval: 50 * time.Millisecond, ProbeTimeout: 200 * time.Millisecond})
	l := plainListener(t)
	s.serve(l)
	c := connect(t, l)
	say(c, identity("h"))
	s.next()
	var got bytes.Buffer
	_, _ = io.Copy(&got, c) // answers nothing
	if !strings.Contains(got.String(), `"method":"echo"`) {
		t.Errorf("no echo request in %s", &got)
	}
	poll(t, "the line", func() bool { return s.log.has(ErrSilent.Error(), c.LocalAddr().String()) })
}

func TestSlowMessageIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newSessions(t, Config{MessageTimeout: 200 * time.Millisecond})
	l := plainListener(t)
	s.serve(l)
	c := connect(t, l)
	go func() {
		for err := error(nil); err == nil; _, err = io.WriteString(c, `{`) {
			say(c, `"a":`)
			<-time.After(20 * time.Millisecond)
		}
	}()
	closed(t, c)
	poll(t, "the line", func() bool { return s.log.has("peer", c.LocalAddr().String()) })
}

func TestPeerThatOwesAReplyIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newSessions(t, Config{ReplyTimeout: 200 * time.Millisecond, ProbeInterval: 50 * time.Millisecond, ProbeTimeout: time.Minute})
	l := plainListener(t)
	s.serve(l)
	c := connect(t, l)
	say(c, identity("h"))
	s.next().SetDesired(Desired{Bridges: []DesiredBridge{{Name: "br-int"}}})
	go echo(c)
	poll(t, "the line", func() bool { return s.log.has("no reply", c.LocalAddr().String()) })
}

func TestFloodOfConnections(t *testing.T) {
	t.Parallel()
	s := newSessions(t, Config{MaxSessions: 300, MaxPending: 20, IdentifyTimeout: time.Minute})
	l := plainListener(t)
	stop := s.serve(l)
	good := connect(t, l)
	say(good, identity("good"))
	s.next()
	var flood []net.Conn
	for range 200 {
		flood = append(flood, connect(t, l))
	}
	poll(t, "the line", func() bool {
		if s.log.has(ErrTooMany.Error(), "did not say who they are") {
			return true
		}
		flood = append(flood, connect(t, l)) // what was logged in one second may all have been of connections closed as they came
		return false
	})
	late := connect(t, l) // a host still gets in
	say(late, identity("late"))
	if got := s.next().SystemID(); got != "late" {
		t.Errorf("system-id %q", got)
	}
	closed(t, flood[0])
	if n := strings.Count(s.log.String(), "\n"); n > 100 {
		t.Errorf("%d log lines for 200 connections", n)
	}
	stop()
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	log, _ := logTo(t)
	l := plainListener(t)
	served := make(chan error)
	joined := make(chan *Session, 100)
	go func() {
		served <- Serve(ctx, l, Config{Log: log}, func(ctx context.Context, s *Session) { joined <- s; <-ctx.Done() })
	}()
	for i := range 50 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			say(c, identity(fmt.Sprint(i)))
			<-joined
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	poll(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestUserLeavesSession(t *testing.T) {
	t.Parallel()
	log, _ := logTo(t)
	l := plainListener(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, Config{Log: log}, func(context.Context, *Session) {}) }()
	c := connect(t, l)
	say(c, identity("h"))
	closed(t, c)
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestSystemIDTwiceIsTheUsersToJudge: both sessions are handed over, and tell enough to refuse one and to say which.
func TestSystemIDTwiceIsTheUsersToJudge(t *testing.T) {
	t.Parallel()
	s := newSessions(t, Config{})
	l := plainListener(t)
	s.serve(l)
	peers := map[string]bool{}
	for range 2 {
		c := connect(t, l)
		say(c, identity("twin"))
		got := s.next()
		if got.SystemID() != "twin" || got.Peer().String() != c.LocalAddr().String() || got.Local().String() != l.Addr().String() {
			t.Errorf("session of %q from %s at %s", got.SystemID(), got.Peer(), got.Local())
		}
		peers[got.Peer().String()] = true
	}
	if len(peers) != 2 {
		t.Errorf("peers %v", peers)
	}
}

// TestThousandHosts joins a thousand hosts at once.
func TestThousandHosts(t *testing.T) {
	t.Parallel()
	s := newSessions(t, Config{})
	s.got = make(chan *Session, 1000)
	l := plainListener(t)
	stop := s.serve(l)
	start := time.Now()
	for i := range 1000 {
		say(connect(t, l), identity(fmt.Sprintf("h%d", i)))
	}
	names := map[string]bool{}
	for range 1000 {
		names[s.next().SystemID()] = true
	}
	t.Logf("a thousand hosts joined in %s", time.Since(start))
	if len(names) != 1000 {
		t.Errorf("%d hosts", len(names))
	}
	stop()
}
