package monitor

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/intent"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const within = 2 * time.Second // what the member has to answer

// server is the member's end of a connection.
type server struct {
	t    *testing.T
	c    *tcp
	l    *line
	now  time.Time
	seq  uint32
	got  []byte // of the request
	next uint32 // what it expects
	fins int
	rsts int
	acks uint32 // the newest acknowledgement
}

// connect answers the first segment of a connection.
func connect(t *testing.T, talk talk, mss uint16) *server {
	t.Helper()
	s := &server{t: t, c: newTCP(talk, 0xfffffff0, within), l: &line{}, now: noon, seq: 0xffffff00}
	s.c.begin(s.l, s.now)
	first := s.l.out[0]
	if len(s.l.out) != 1 || first.flags != syn || first.mss != ourMSS {
		t.Fatalf("it begins with %+v", s.l.out)
	}
	s.l.out, s.next = nil, first.seq+1
	s.send(segment{flags: syn | ack, seq: s.seq, mss: mss, window: 60000})
	s.seq++
	return s
}

// send has the client receive a segment, and the server what the client says to it.
func (s *server) send(p segment) {
	p.ack = s.next
	if p.window == 0 {
		p.window = 60000
	}
	s.c.receive(s.l, &packet{segment: p}, s.now)
	s.hear()
}

func (s *server) hear() {
	for _, p := range s.l.out {
		if p.flags&rst != 0 {
			s.rsts++
			continue
		}
		s.acks = p.ack
		if p.seq == s.next {
			s.got = append(s.got, p.data...)
			s.next += uint32(len(p.data))
			if p.flags&fin != 0 {
				s.next++
				s.fins++
			}
		}
	}
	s.l.out = nil
}

func (s *server) say(text string) {
	s.send(segment{flags: ack | psh, seq: s.seq, data: []byte(text)})
	s.seq += uint32(len(text))
}

func (s *server) close() {
	s.send(segment{flags: ack | fin, seq: s.seq})
	s.seq++
}

func (s *server) expect(well bool, reason string) {
	s.t.Helper()
	if s.l.found == nil || *s.l.found != (finding{well, reason}) {
		s.t.Errorf("found %+v, want %v, %s", s.l.found, well, reason)
	}
}

var web = httpTalk{intent.HealthMonitor{Method: "GET", Path: "/healthz", Version: "1.0", Codes: []intent.CodeRange{{First: 200, Last: 204}}}, netip.MustParseAddrPort("10.0.0.5:80")}

func TestConnect(t *testing.T) {
	s := connect(t, silence{}, 1460)
	s.expect(true, "connected")
	if s.rsts != 1 || !s.l.done {
		t.Errorf("%d resets; done: %v", s.rsts, s.l.done)
	}
}

func TestRefused(t *testing.T) {
	s := &server{t: t, c: newTCP(silence{}, 7, within), l: &line{}, now: noon}
	s.c.begin(s.l, noon)
	s.c.receive(s.l, &packet{segment: segment{flags: rst | ack, ack: 7}}, noon) // of another connection
	if s.l.found != nil {
		t.Fatalf("found %+v", s.l.found)
	}
	s.c.receive(s.l, &packet{unreachable: "port unreachable", segment: segment{seq: 99}}, noon)
	if s.l.found != nil {
		t.Fatalf("found %+v", s.l.found)
	}
	s.c.receive(s.l, &packet{segment: segment{flags: rst | ack, ack: 8}}, noon)
	s.expect(false, "connection refused")
}

// A connection before this one, which the member has not forgotten, is reset; the next attempt is served.
func TestForgotten(t *testing.T) {
	c, l := newTCP(silence{}, 7, within), &line{}
	c.begin(l, noon)
	l.out = nil
	c.receive(l, &packet{segment: segment{flags: ack, seq: 1000, ack: 555}}, noon)
	if len(l.out) != 1 || l.out[0].flags != rst || l.out[0].seq != 555 {
		t.Fatalf("answers %+v", l.out)
	}
	l.out = nil
	c.wake(l, c.due())
	if len(l.out) != 1 || l.out[0].flags != syn {
		t.Errorf("sends again %+v", l.out)
	}
}

// The first segment is sent again, later and later.
func TestRetries(t *testing.T) {
	l, c := &line{}, newTCP(web, 7, within)
	c.begin(l, noon)
	var at []time.Duration
	for c.due().Before(noon.Add(within)) {
		at = append(at, c.due().Sub(noon))
		c.wake(l, c.due())
	}
	if got := fmt.Sprint(at); got != "[500ms 1.5s]" || len(l.out) != 3 {
		t.Errorf("sent %d times, again after %s", len(l.out), got)
	}
	if f := c.late(within); f != (finding{false, "timed out after 2s: no connection"}) {
		t.Errorf("%+v", f)
	}
}

func TestHTTP(t *testing.T) {
	for _, tt := range []struct {
		name   string
		serve  func(s *server)
		well   bool
		reason string
	}{
		{"well", func(s *server) { s.say("HTTP/1.1 204 No Content\r\n\r\n") }, true, "HTTP 204"},
		{"no phrase", func(s *server) { s.say("HTTP/1.0 200\n") }, true, "HTTP 200"},
		{"byte by byte", func(s *server) {
			for _, b := range []byte("HTTP/1.1 200 OK\r\n") {
				s.say(string(b))
			}
		}, true, "HTTP 200"},
		{"ill", func(s *server) { s.say("HTTP/1.1 500 Oops\r\n\r\n") }, false, "HTTP 500, expected 200-204"},
		{"first it goes on", func(s *server) {
			s.say("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n")
			if s.l.found != nil {
				s.t.Errorf("found %+v too early", s.l.found)
			}
			s.say("\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
		}, true, "HTTP 200"},
		{"garbage", func(s *server) { s.say("\x00\x01\x02") }, false, `not HTTP: "\x00\x01\x02"`},
		{"another protocol", func(s *server) { s.say("SSH-2.0-OpenSSH\r\n") }, false, `not HTTP: "SSH-2.0-OpenSSH\r\n"`[:len(`not HTTP: "SSH-2.0-OpenSSH`)] + `"`},
		{"endless line", func(s *server) { s.say("HTTP/1.1 200 " + strings.Repeat("x", 1200)) }, false, "not HTTP: no status line within 1024 bytes"},
		{"closes early", func(s *server) { s.close() }, false, "the connection was closed before an answer"},
		{"closes in the middle", func(s *server) { s.say("HTTP/1."); s.close() }, false, `not HTTP: "HTTP/1."`},
		{"resets", func(s *server) { s.send(segment{flags: rst, seq: s.seq}) }, false, "connection reset"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := connect(t, web, 100)
			if want := "GET /healthz HTTP/1.0\r\nUser-Agent: weft-health-monitor\r\nAccept: */*\r\nConnection: close\r\n\r\n"; string(s.got) != want {
				t.Fatalf("asked\n%q, want\n%q", s.got, want)
			}
			tt.serve(s)
			s.expect(tt.well, tt.reason)
		})
	}
}

// A request that is larger than the member takes at once comes in pieces; pieces that are lost, again; answers, in any order.
func TestOrder(t *testing.T) {
	big := web
	big.m.Path = "/" + strings.Repeat("a", 254)
	s := connect(t, big, 64)
	for len(s.got) < len(big.request()) {
		before := len(s.got)
		s.send(segment{flags: ack, seq: s.seq})
		if len(s.got) == before {
			s.now = s.c.due()
			s.c.wake(s.l, s.now)
			s.hear()
		}
	}
	if !bytes.Equal(s.got, big.request()) {
		t.Fatalf("asked %q", s.got)
	}
	text := "HTTP/1.1 200 OK\r\nServer: x\r\n"
	for i := len(text) - 4; i > 0; i -= 3 { // the last first, each overlapping the one after it
		s.send(segment{flags: ack, seq: s.seq + uint32(i), data: []byte(text[i:min(i+5, len(text))])})
	}
	if s.l.found != nil {
		t.Fatalf("found %+v without the beginning", s.l.found)
	}
	for i := 0; i < len(text); i += 4 {
		s.send(segment{flags: ack, seq: s.seq + uint32(i), data: []byte(text[i:min(i+4, len(text))])})
	}
	s.seq += uint32(len(text))
	s.expect(true, "HTTP 200")
	if s.fins != 1 || s.l.done {
		t.Errorf("%d times ended; done %v", s.fins, s.l.done)
	}
	s.say("and more")
	s.close()
	if !s.l.done || s.acks != s.seq || s.rsts != 0 {
		t.Errorf("done %v, acknowledged %d of %d, %d resets", s.l.done, s.acks, s.seq, s.rsts)
	}
}

// Who has been judged and goes on talking is stopped.
func TestDrain(t *testing.T) {
	s := connect(t, web, 1460)
	s.say("HTTP/1.1 200 OK\r\n")
	for range 80 {
		if s.l.done {
			break
		}
		s.say(strings.Repeat("x", 1000))
	}
	if !s.l.done || s.rsts != 1 {
		t.Errorf("done %v after %d bytes, %d resets", s.l.done, s.c.drained, s.rsts)
	}
}

// A member that closes its window is asked from time to time.
func TestWindow(t *testing.T) {
	s := &server{t: t, c: newTCP(web, 7, within), l: &line{}, now: noon, seq: 99}
	s.c.begin(s.l, noon)
	s.l.out, s.next = nil, 8
	s.c.receive(s.l, &packet{segment: segment{flags: syn | ack, seq: 99, ack: 8, window: 10}}, noon)
	s.seq = 100
	s.hear()
	if len(s.got) != 10 {
		t.Fatalf("asked %q, where there is room for 10 bytes", s.got)
	}
	s.c.receive(s.l, &packet{segment: segment{flags: ack, seq: s.seq, ack: s.next, window: 0}}, noon)
	s.hear()
	s.c.wake(s.l, s.c.due())
	s.hear()
	if len(s.got) != 11 {
		t.Errorf("asked %q, where there is no room", s.got)
	}
	s.send(segment{flags: ack, seq: s.seq})
	if !bytes.Equal(s.got, web.request()) {
		t.Errorf("asked %q", s.got)
	}
}

func TestHello(t *testing.T) {
	talk := helloTalk{"www.example.com"}
	hello := talk.request()
	var name string
	conf := &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { name = h.ServerName; return nil, nil }}
	w := &written{}
	_ = tls.Server(&asked{w, bytes.NewReader(hello)}, conf).Handshake() // it has no certificate
	if name != talk.name {
		t.Errorf("crypto/tls reads the name %q in the hello", name)
	}
	record := func(typ byte, body ...byte) string {
		return string(append(binary.BigEndian.AppendUint16([]byte{typ, 3, 3}, uint16(len(body))), body...))
	}
	for _, tt := range []struct {
		said   string
		closed bool
		want   *finding
	}{
		{record(22, 2, 0, 0, 70), false, &finding{true, "TLS ServerHello"}},
		{record(22, 2)[:5], false, nil},
		{record(22, 2)[:5], true, &finding{false, "the connection was closed in the middle of an answer"}},
		{"", false, nil},
		{"", true, &finding{false, "the connection was closed before an answer"}},
		{record(21, 2, 40), false, &finding{false, "TLS alert: tls: handshake failure"}},
		{record(22, 1), false, &finding{false, "not TLS: handshake message 1 where a ServerHello belongs"}},
		{"HTTP/1.1 400 Bad Request", false, &finding{false, `not TLS: "HTTP/1.1 400 Bad Request"`}},
	} {
		got := talk.answer([]byte(tt.said), tt.closed)
		if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
			t.Errorf("%q: %+v, want %+v", tt.said, got, tt.want)
		}
	}
}

// asked is a connection of which what the client says is known.
type asked struct {
	*written
	r *bytes.Reader
}

func (a *asked) Read(b []byte) (int, error) { return a.r.Read(b) }

// FuzzTCP has a member send segments of any kind: it must not keep more of them than it may, and must come to an end.
func FuzzTCP(f *testing.F) {
	f.Add([]byte{18, 0, 0, 5, 16, 0, 0, 9, 17, 3, 0, 2})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, talk := range []talk{web, helloTalk{"a"}, silence{}} {
			l, c := &line{}, newTCP(talk, 100, within)
			now := noon
			c.begin(l, now)
			seq := uint32(1000)
			for b := raw; len(b) >= 4 && !l.done; b = b[4:] {
				s := segment{flags: flags(b[0]) & 31, seq: seq + uint32(int32(int8(b[1]))), ack: c.iss + 1 + uint32(int32(int8(b[2]))), window: uint16(b[2]) << 4, mss: uint16(b[3])}
				s.data = bytes.Repeat([]byte{b[3]}, int(b[3])*4)
				c.receive(l, &packet{segment: s}, now)
				if b[1]&1 == 0 {
					seq = c.rcv
				}
				now = now.Add(time.Duration(b[2]) * time.Millisecond)
				c.wake(l, now)
				if len(c.held) > maxHeld || len(c.got) > maxRead || len(l.out) > 100 {
					t.Fatalf("%d segments and %d bytes are kept, %d are to be sent", len(c.held), len(c.got), len(l.out))
				}
				l.out = nil
			}
			if !l.done {
				c.end(l)
			}
			if f := c.late(within); !l.done || f.reason == "" {
				t.Fatalf("it does not end: %+v", f)
			}
		}
	})
}
