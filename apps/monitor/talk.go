package monitor

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/weft-sdn/weft/controller/intent"
)

// talkOf is what a monitor says to a member.
func talkOf(m intent.HealthMonitor, to netip.AddrPort) talk {
	switch m.Type {
	case intent.MonitorHTTP:
		return httpTalk{m, to}
	case intent.MonitorTLS:
		return helloTalk{m.Domain}
	}
	return silence{}
}

// silence says nothing: that there is a connection is enough.
type silence struct{}

func (silence) request() []byte              { return nil }
func (silence) answer([]byte, bool) *finding { return nil }

// httpTalk asks for something by HTTP, and reads the status line.
type httpTalk struct {
	m  intent.HealthMonitor
	to netip.AddrPort
}

// maxStatusLine is how long a status line may be.
const maxStatusLine = 1024

// request is an HTTP request (RFC 9112, section 3). Members are not asked to keep the connection.
func (t httpTalk) request() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/%s\r\n", t.m.Method, t.m.Path, t.m.Version)
	host := t.m.Domain
	if host == "" {
		host = t.to.String()
	}
	if t.m.Version != "1.0" {
		fmt.Fprintf(&b, "Host: %s\r\n", host)
	}
	b.WriteString("User-Agent: weft-health-monitor\r\nAccept: */*\r\nConnection: close\r\n")
	switch t.m.Method {
	case "POST", "PUT", "PATCH":
		b.WriteString("Content-Length: 0\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// answer reads the status line (RFC 9112, section 4), and passes over what comes before the final one (1xx).
func (t httpTalk) answer(got []byte, closed bool) *finding {
	const before = "HTTP/1.0 200" // as much as it takes to tell
	line, rest, whole := bytes.Cut(got, []byte("\n"))
	switch {
	case len(got) == 0 && closed:
		return &finding{false, "the connection was closed before an answer"}
	case !whole && len(got) < maxStatusLine && !closed:
		if n := min(len(got), len("HTTP/")); string(got[:n]) != before[:n] {
			return notHTTP(got)
		}
		return nil
	case len(line) > maxStatusLine:
		return &finding{false, fmt.Sprintf("not HTTP: no status line within %d bytes", maxStatusLine)}
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) < len(before) || string(line[:5]) != "HTTP/" || !digit(line[5]) || line[6] != '.' || !digit(line[7]) || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return notHTTP(line)
	}
	code, err := strconv.Atoi(string(line[9:12]))
	if err != nil || code < 100 || !digit(line[9]) {
		return notHTTP(line)
	}
	if code < 200 && code != 101 {
		if _, next, ended := cutHead(rest); ended {
			return t.answer(next, closed)
		}
		if closed {
			return &finding{false, fmt.Sprintf("HTTP %d, and nothing after it", code)}
		}
		return nil
	}
	if !t.m.Expects(code) {
		return &finding{false, fmt.Sprintf("HTTP %d, expected %s", code, t.m.Expected())}
	}
	return &finding{true, fmt.Sprintf("HTTP %d", code)}
}

// cutHead cuts the fields of a message from what comes after them.
func cutHead(got []byte) (fields, rest []byte, found bool) {
	if after, ok := bytes.CutPrefix(got, []byte("\r\n")); ok {
		return nil, after, true
	}
	return bytes.Cut(got, []byte("\r\n\r\n"))
}

func digit(b byte) bool { return '0' <= b && b <= '9' }

// notHTTP quotes the beginning of what was said.
func notHTTP(got []byte) *finding {
	const most = 24
	return &finding{false, fmt.Sprintf("not HTTP: %q", got[:min(len(got), most)])}
}

// helloTalk begins a TLS handshake.
type helloTalk struct{ name string }

// request is a ClientHello, as crypto/tls makes it.
func (t helloTalk) request() []byte {
	conf := &tls.Config{ServerName: t.name, InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}} //nolint:gosec // nothing is said after the hello
	w := &written{}
	_ = tls.Client(w, conf).Handshake() // it fails for want of an answer
	return w.Bytes()
}

// answer looks for a ServerHello in a handshake record (RFC 8446, sections 4 and 5.1). A server that sends an alert does not want this client.
func (helloTalk) answer(got []byte, closed bool) *finding {
	const alert, handshake, serverHello = 21, 22, 2
	const head = 5 // of a record: type, version, length
	if len(got) == 0 && closed {
		return &finding{false, "the connection was closed before an answer"}
	}
	if len(got) > 0 && got[0] != alert && got[0] != handshake || len(got) > 1 && got[1] != 3 {
		return &finding{false, fmt.Sprintf("not TLS: %q", got[:min(len(got), 24)])}
	}
	switch {
	case len(got) > head+1 && got[0] == alert:
		return &finding{false, fmt.Sprintf("TLS alert: %s", tls.AlertError(got[head+1]))}
	case len(got) > head && got[0] == handshake && got[head] == serverHello:
		return &finding{true, "TLS ServerHello"}
	case len(got) > head && got[0] == handshake:
		return &finding{false, fmt.Sprintf("not TLS: handshake message %d where a ServerHello belongs", got[head])}
	case closed:
		return &finding{false, "the connection was closed in the middle of an answer"}
	}
	return nil
}

// written is a connection that keeps what is written, and answers nothing.
type written struct{ bytes.Buffer }

func (*written) Read([]byte) (int, error)         { return 0, io.EOF }
func (*written) Close() error                     { return nil }
func (*written) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*written) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*written) SetDeadline(time.Time) error      { return nil }
func (*written) SetReadDeadline(time.Time) error  { return nil }
func (*written) SetWriteDeadline(time.Time) error { return nil }
