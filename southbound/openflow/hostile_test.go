package openflow_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	of "github.com/weft-sdn/weft/southbound/openflow"
)

// hasty is a configuration that loses patience soon.
func hasty() of.ConnConfig {
	return of.ConnConfig{
		HandshakeTimeout: 1500 * time.Millisecond, EchoInterval: 500 * time.Millisecond, EchoTimeout: time.Second,
		WriteTimeout: 1500 * time.Millisecond, ReplyTimeout: 2500 * time.Millisecond,
	}
}

// peer is the other side of a connection, scripted by a test.
type peer struct {
	t testing.TB
	net.Conn
	buf []byte
}

// pair returns both ends of a TCP connection.
func pair(t testing.TB) (ours net.Conn, theirs *peer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	theirConn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if ours, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	// Small buffers: a peer that does not read is felt soon.
	ours.(*net.TCPConn).SetWriteBuffer(1 << 16)
	theirConn.(*net.TCPConn).SetReadBuffer(1 << 16)
	t.Cleanup(func() {
		ours.Close()
		theirConn.Close()
	})
	return ours, &peer{t: t, Conn: theirConn}
}

// read reads one message.
func (p *peer) read() (of.Message, error) {
	for {
		if m, rest, err := of.Next(p.buf); err == nil {
			p.buf = rest
			return m, nil
		}
		b := make([]byte, 65536)
		n, err := p.Read(b)
		if err != nil {
			return of.Message{}, err
		}
		p.buf = append(p.buf, b[:n]...)
	}
}

// answer answers a message as a switch does; extra is written first.
func (p *peer) answer(m of.Message) error {
	var b []byte
	switch m.Type {
	case of.TypeHello:
		b = of.AppendHello(b, 1, 1<<of.Version13)
	case of.TypeFeaturesRequest:
		b = of.AppendFeatures(b, m.XID, of.Features{Datapath: 5, Tables: 254})
	case of.TypeBarrierRequest:
		b = of.AppendEmpty(b, of.TypeBarrierReply, m.XID)
	case of.TypeRoleRequest:
		b = of.AppendRole(b, of.TypeRoleReply, m.XID, of.Role{Role: of.RoleMaster})
	case of.TypeEchoRequest:
		b = of.AppendEcho(b, of.TypeEchoReply, m.XID, m.Body)
	}
	_, err := p.Write(b)
	return err
}

// serve answers until a message of a type comes, which it does not answer. Type 0xff never comes.
func (p *peer) serve(stop of.Type) (of.Message, error) {
	for {
		m, err := p.read()
		if err != nil || m.Type == stop {
			return m, err
		}
		if err := p.answer(m); err != nil {
			return m, err
		}
	}
}

// shake runs the switch's side of a handshake and returns the controller's connection, running.
func shake(t testing.TB, cfg of.ConnConfig) (*of.Conn, *peer) {
	t.Helper()
	ours, theirs := pair(t)
	shaken := make(chan struct{})
	go func() {
		defer close(shaken)
		for barriers := 0; barriers < 2; {
			m, err := theirs.read()
			if err != nil {
				return
			}
			if m.Type == of.TypeBarrierRequest {
				barriers++
			}
			if theirs.answer(m) != nil {
				return
			}
		}
	}()
	c := runConn(t, ours, cfg)
	<-shaken
	return c, theirs
}

// TestHostileHandshakes: whatever a peer sends, or does not, the handshake ends with a sentence.
func TestHostileHandshakes(t *testing.T) {
	hello := of.AppendHello(nil, 1, 1<<of.Version13)
	for _, x := range []struct {
		name string
		say  []byte
		want string
	}{
		{"nothing", nil, "i/o timeout"},
		{"half a header", []byte{4, 0, 0}, "i/o timeout"},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "timeout"},
		{"length 0", []byte{4, 0, 0, 0, 0, 0, 0, 0}, "length is wrong"},
		{"length 7", []byte{4, 0, 0, 7, 0, 0, 0, 0}, "length is wrong"},
		{"another message first", of.AppendEmpty(nil, of.TypeBarrierReply, 1), "another type"},
		{"a hello element without length", append([]byte{4, 0, 0, 16, 0, 0, 0, 1}, 0, 9, 0, 0, 0, 0, 0, 0), "length is wrong"},
		{"OpenFlow 1.0", []byte{1, 0, 0, 8, 0, 0, 0, 1}, "no common protocol version"},
		{"OpenFlow 1.5 only", of.AppendHello(nil, 1, 1<<6), "no common protocol version"},
		{"a hello and silence", hello, "i/o timeout"},
		{"no features", append(hello[:len(hello):len(hello)], of.AppendEmpty(nil, of.TypeBarrierReply, 10)...), "no features reply"},
		{"refuses to be greeted", of.AppendError(nil, 4, &of.Error{Type: of.ErrorTypeHelloFailed, Data: []byte("go away")}), `"go away"`},
		{"refuses the role", append(hello[:len(hello):len(hello)], of.AppendError(nil, 4, &of.Error{XID: 2, Type: of.ErrorTypeRoleFailed, Data: of.AppendEmpty(nil, of.TypeRoleRequest, 2)})...), "switch refused a role request: OFPRRFC_STALE"},
		{"goes away", hello, "EOF"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := pair(t)
			if _, err := theirs.Write(x.say); err != nil {
				t.Fatal(err)
			}
			if x.name == "goes away" {
				theirs.Conn.(*net.TCPConn).CloseWrite()
			}
			start := time.Now()
			c, err := of.NewConn(context.Background(), ours, hasty())
			if c != nil || err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("error %v, want %q", err, x.want)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

// TestOldSwitchIsToldWhy: a switch that speaks another version gets a hello-failed with a sentence.
func TestOldSwitchIsToldWhy(t *testing.T) {
	ours, theirs := pair(t)
	theirs.Write([]byte{1, 0, 0, 8, 0, 0, 0, 9})
	if _, err := of.NewConn(context.Background(), ours, hasty()); !errors.Is(err, of.ErrVersion) {
		t.Fatal(err)
	}
	for {
		m, err := theirs.read()
		if err != nil {
			t.Fatal("no error message: ", err)
		}
		if m.Type != of.TypeError {
			continue
		}
		e, err := of.ParseError(m)
		if err != nil || m.Version != 1 || e.Type != of.ErrorTypeHelloFailed || !strings.Contains(string(e.Data), "OpenFlow 1.3") {
			t.Errorf("%+v %+v %v", m.Header, e, err)
		}
		return
	}
}

// TestHostileSwitches: after the handshake, a connection whose switch goes wrong ends with a sentence.
func TestHostileSwitches(t *testing.T) {
	for _, x := range []struct {
		name string
		do   func(p *peer)
		want string
	}{
		{"silence", func(p *peer) { io.Copy(io.Discard, p) }, "does not answer: silent for"},
		{"garbage", func(p *peer) { p.Write([]byte(strings.Repeat("\xde\xad\xbe\xef", 100))) }, "no common protocol version"},
		{"length 0", func(p *peer) { p.Write([]byte{4, 2, 0, 0, 0, 0, 0, 0}) }, "length is wrong"},
		{"a huge message that never ends", func(p *peer) {
			p.Write([]byte{4, 10, 0xff, 0xff, 0, 0, 0, 0})
			io.Copy(io.Discard, p)
		}, "does not answer"},
		{"a byte at a time for ever", func(p *peer) {
			for _, err := p.Write([]byte{4, 10, 0xff, 0xff, 0, 0, 0, 0}); err == nil; {
				time.Sleep(10 * time.Millisecond)
				_, err = p.Write([]byte{0})
			}
		}, "does not answer"},
		{"a short port status", func(p *peer) { p.Write([]byte{4, 12, 0, 12, 0, 0, 0, 0, 1, 2, 3, 4}) }, "port status: message is too short"},
		{"a flow update with a length of 0", func(p *peer) {
			r := of.BeginMonitorReply(nil, 0)
			r.Entry(func(b []byte) []byte { return append(b, make([]byte, 24)...) })
			p.Write(r.End())
		}, "length is wrong"},
		{"another version", func(p *peer) { p.Write([]byte{5, 2, 0, 8, 0, 0, 0, 0}) }, "no common protocol version"},
		{"goes away", func(p *peer) { p.Close() }, "EOF"},
		{"echo requests and never reads", func(p *peer) {
			b := make([]byte, 0, 1<<20)
			for len(b) < 1<<20-of.MaxMessage {
				b = of.AppendEcho(b, of.TypeEchoRequest, 1, make([]byte, 60000))
			}
			for {
				if _, err := p.Write(b); err != nil {
					return
				}
			}
		}, "switch"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c, p := shake(t, hasty())
			done := make(chan struct{})
			go func() {
				defer close(done)
				x.do(p)
			}()
			until(t, "end of the connection", func() bool { return c.Err() != nil })
			if err := c.Err(); !errors.Is(err, of.ErrClosed) || !strings.Contains(err.Error(), x.want) {
				t.Errorf("error %v, want %q", err, x.want)
			}
			if err := c.Barrier(context.Background()); !errors.Is(err, of.ErrClosed) {
				t.Errorf("a barrier after the end: %v", err)
			}
			p.Close()
			<-done
		})
	}
}
