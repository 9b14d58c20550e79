package lb_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// monitor is a health monitor that is quick.
func monitor(pool, typ, more string) string {
	return fmt.Sprintf("kind: HealthMonitor\nproject: red\nname: %s\nspec: {pool: %[1]s, type: %s, delay: 1, timeout: 1, maxRetries: 2, maxRetriesDown: 2%s}\n", pool, typ, more)
}

// member returns how a member of a pool is.
func (l *lab) member(pool, name string) *weftv1.PoolMemberStatus {
	l.T.Helper()
	for _, m := range l.Get("pool/red/" + pool).GetStatus().GetPool().GetMembers() {
		if m.GetName() == name {
			return m
		}
	}
	l.T.Fatalf("pool %s has no member %s", pool, name)
	return nil
}

// becomes waits until a member has a status, for a reason.
func (l *lab) becomes(pool, name, status, reason string) {
	l.T.Helper()
	l.Eventually(40*time.Second, fmt.Sprintf("%s of %s is %s, %q", name, pool, status, reason), func() error {
		if m := l.member(pool, name); m.GetOperatingStatus() != status || !strings.Contains(m.GetReason(), reason) {
			return fmt.Errorf("it is %s: %s", m.GetOperatingStatus(), m.GetReason())
		}
		return nil
	})
}

// A member that no longer answers leaves within its fall time, one that is back returns; connections to the others stay. What is known outlives
// restarts of weftd and of ovs-vswitchd.
func TestMonitor(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	l.Apply(monitor("web", "TCP", ""))
	for _, s := range []string{"s1-4", "s1-6", "s2-4", "s2-6", "s3-4", "s3-6"} {
		l.becomes("web", s, "ONLINE", "connected")
	}
	if m := l.member("web", "s3-4"); m.GetMonitoredFrom() != "h2" || m.GetSince() == nil {
		t.Errorf("s3 is probed from %q, since %v", m.GetMonitoredFrom(), m.GetSince())
	}
	streams := map[string][]*e2e.Stream{}
	for i := range 24 {
		for _, vip := range vips {
			s := l.DialAny(fmt.Sprintf("stream %d", i), l.vm["c1"], net.JoinHostPort(vip, "80"))
			streams[s.Who()] = append(streams[s.Who()], s)
		}
	}
	died := time.Now()
	l.Do(l.servers["s2"].Close())
	l.becomes("web", "s2-4", "ERROR", "connection refused")
	l.becomes("web", "s2-6", "ERROR", "connection refused")
	took := time.Since(died)
	t.Logf("down after %s", took)
	if fall := l.Get("healthmonitor/red/web").GetStatus().GetHealthMonitor(); fall.GetFallTime() != 3 || fall.GetDown() != 2 || fall.GetMembers() != 6 || took > 15*time.Second {
		t.Errorf("down after %s; %v", took, fall)
	}
	for key, want := range map[string]string{"pool/red/web": "DEGRADED", "listener/red/http": "DEGRADED", "loadbalancer/red/shop": "DEGRADED"} {
		st := l.Get(key).GetStatus()
		if got := st.GetPool().GetOperatingStatus() + st.GetListener().GetOperatingStatus() + st.GetLoadBalancer().GetOperatingStatus(); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	if out := l.Weft("describe", "pool/red/web"); !strings.Contains(out, "s2-4  ERROR since") || !strings.Contains(out, "connection refused") {
		t.Errorf("weft describe says\n%s", out)
	}
	l.Phase("listener/red/http", weftv1.Status_PHASE_ACTIVE)
	l.Revalidated()
	for _, vip := range vips {
		if got := l.ask("c1", vip, 80, 12); got["s2"] > 0 {
			t.Errorf("%v: s2 does not answer, and gets connections", got)
		}
	}
	l.Live("s2 is dead", append(streams["red-s1"], streams["red-s3"]...)...)

	// Restarts: nobody is taken for dead, and who is dead stays so.
	l.Do(l.Weftd.Stop())
	l.Restart()
	l.never(func() { l.Do(l.Host("h2").RestartVswitchd()); l.Synced(); time.Sleep(4 * time.Second) }, "s1-4", "s1-6", "s3-4", "s3-6")
	l.becomes("web", "s2-4", "ERROR", "connection refused")
	l.servers["s2"] = netlab.Must(l.vm["s2"].ServeTCP(":8080"))(t)
	l.becomes("web", "s2-4", "ONLINE", "connected")
	l.becomes("web", "s2-6", "ONLINE", "connected")
	l.Phase("listener/red/http", weftv1.Status_PHASE_ACTIVE)
	l.Revalidated()
	got := map[string]int{}
	for who, n := range l.ask("c1", vips[0], 80, 40) {
		got[who] += n
	}
	if got["s2"] == 0 {
		t.Errorf("%v: s2 is back, and gets nothing", got)
	}
	l.Delete(client.DeleteOptions{}, "healthmonitor/red/web")
	l.becomes("web", "s2-4", "NO_MONITOR", "")
}

// never fails when members are taken for dead while something goes on.
func (l *lab) never(while func(), members ...string) {
	l.T.Helper()
	stop, ended := make(chan struct{}), make(chan struct{})
	var seen atomic.Value
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			res, err := l.Client.Get(ctx, e2e.Ref("pool/red/web"))
			cancel()
			if err != nil {
				continue // weftd is what restarts
			}
			for _, m := range res.GetStatus().GetPool().GetMembers() {
				for _, name := range members {
					if m.GetName() == name && m.GetOperatingStatus() == "ERROR" {
						seen.Store(name + ": " + m.GetReason())
					}
				}
			}
		}
	}()
	while()
	close(stop)
	<-ended
	if who := seen.Load(); who != nil {
		l.T.Errorf("%v was taken for dead", who)
	}
}

// Probes reach members that rules let nobody else reach, and tell what is wrong with each.
func TestMonitorTypes(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	l.Apply("kind: SecurityGroup\nproject: red\nname: closed\nspec: {defaultRules: false}\n")
	l.Apply("kind: Port\nproject: red\nname: s2\nspec: {network: web, fixedIps: [{ip: 10.0.0.15}, {ip: \"fd00:10::15\"}], securityGroups: [closed]}\n",
		"kind: Port\nproject: red\nname: s3\nspec: {network: db, fixedIps: [{ip: 10.1.0.16}, {ip: \"fd00:11::16\"}], securityGroups: [closed]}\n")
	var mode atomic.Value
	mode.Store("200")
	for _, who := range []string{"s2", "s3"} {
		serveHTTP(t, l.vm[who], ":8081", &mode)
		serveTLS(t, l.vm[who], ":8443")
	}
	for name, port := range map[string]int{"http": 8081, "tls": 8443, "udp": 53, "ping": 8080} {
		var all []string
		for _, who := range []string{"s2", "s3"} {
			port := port
			if name == "udp" && who == "s2" {
				port = 54 // where nobody listens
			}
			for i, addr := range addresses[who] {
				all = append(all, fmt.Sprintf("{name: %s-%d, address: %q, port: 8080, monitorPort: %d}", who, 2*i+4, addr, port))
			}
		}
		l.Apply(fmt.Sprintf("kind: Pool\nproject: red\nname: %s\nspec: {members: [%s]}\n---\nkind: Listener\nproject: red\nname: l%[1]s\nspec: {loadBalancer: shop, protocol: tcp, ports: \"%[3]d\", pool: %[1]s}\n", name, strings.Join(all, ", "), 1000+len(name)*10+int(name[0])))
	}
	l.Apply(monitor("http", "HTTP", ", urlPath: /healthz"), monitor("tls", "TLS-HELLO", ", domainName: www.example.com"), monitor("udp", "UDP-CONNECT", ""), monitor("ping", "PING", ""))
	both := func(pool, status, reason string) {
		t.Helper()
		for _, name := range []string{"s2-4", "s2-6", "s3-4", "s3-6"} {
			l.becomes(pool, name, status, reason)
		}
	}
	both("http", "ONLINE", "HTTP 200")
	both("tls", "ONLINE", "TLS ServerHello")
	both("ping", "ONLINE", "answers")
	l.becomes("udp", "s3-4", "ONLINE", "answers") // dns serves there
	for _, m := range []struct{ mode, reason string }{
		{"500", "HTTP 500, expected 200"}, {"hang", "timed out after 1s: connected, no answer"}, {"garbage", "not HTTP"}, {"early", "closed before an answer"},
		{"reset", "connection reset"},
	} {
		mode.Store(m.mode)
		both("http", "ERROR", m.reason)
	}
	mode.Store("bytes")
	both("http", "ONLINE", "HTTP 200")
	mode.Store("huge")
	both("http", "ONLINE", "HTTP 200")
	l.becomes("udp", "s2-4", "ERROR", "port unreachable")
	l.becomes("udp", "s2-6", "ERROR", "port unreachable")
	l.Do(l.vm["s2"].Unplug())
	l.becomes("ping", "s2-4", "ERROR", "is on no host")
	l.becomes("http", "s2-6", "ERROR", "is on no host")
	l.becomes("ping", "s3-4", "ONLINE", "answers")
	l.Do(l.vm["s2"].Plug())
	l.becomes("ping", "s2-4", "ONLINE", "answers")
	l.Do(l.vm["s2"].SetLinkDown(l.vm["s2"].Link()))
	l.becomes("ping", "s2-4", "ERROR", "timed out")
	if who, err := l.vm["c1"].TCP("10.0.0.15:8080", 10, time.Second); err == nil {
		t.Errorf("%s answers c1, whom its rules let in by nothing", who)
	}
}

// serveHTTP answers requests as the mode says.
func serveHTTP(t *testing.T, e *netlab.Endpoint, addr string, mode *atomic.Value) {
	t.Helper()
	l := netlab.Must(e.Listen("tcp", addr))(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerHTTP(c, mode.Load().(string))
		}
	}()
}

func answerHTTP(c net.Conn, mode string) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil || !strings.HasPrefix(string(buf[:n]), http.MethodGet+" /healthz HTTP/1.0\r\n") {
		return
	}
	text := "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
	switch mode {
	case "500":
		text = "HTTP/1.1 500 Internal Server Error\r\n\r\n"
	case "garbage":
		text = "\x00\xff\x00 what?"
	case "huge":
		text = "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Header: "+strings.Repeat("x", 1000)+"\r\n", 40) + "\r\n"
	case "early":
		return
	case "hang":
		_, _ = io.Copy(io.Discard, c)
		return
	case "reset":
		_ = c.(*net.TCPConn).SetLinger(0)
		return
	case "bytes":
		for i := range 20 {
			_, _ = c.Write([]byte(text[i : i+1]))
			time.Sleep(5 * time.Millisecond)
		}
		return
	}
	_, _ = io.WriteString(c, text)
}

// serveTLS takes TLS connections with a certificate of its own.
func serveTLS(t *testing.T, e *netlab.Endpoint, addr string) {
	t.Helper()
	key := netlab.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"www.example.com"}}
	der := netlab.Must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))(t)
	l := netlab.Must(e.Listen("tcp", addr))(t)
	t.Cleanup(func() { l.Close() })
	conf := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				_ = tls.Server(c, conf).Handshake() // the probe goes in the middle of it
			}()
		}
	}()
}
