package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	cert := a.sign(template, nil)
	a.cert, a.key = cert.Leaf, cert.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(template, parent *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	signer := a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) certificate(name string) tls.Certificate {
	return a.sign(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, a.cert)
}

// TestTLS: both sides show certificates, and the caller's name is in the audit log.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	l := listen(t)
	r := newRig(t, options{listener: l, tls: &tls.Config{
		Certificates: []tls.Certificate{ca.certificate("weftd")}, ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	target := "passthrough:///" + l.Addr().String()
	r.dial(target, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{ca.certificate("alice")}})))
	r.apply(project("red"))
	if log := r.log.String(); !strings.Contains(log, "caller=alice") {
		t.Error("the audit log does not name the caller:", log)
	}
	stranger := newAuthority(t)
	for name, conf := range map[string]*tls.Config{
		"no certificate":  {RootCAs: ca.pool},
		"another's":       {RootCAs: ca.pool, Certificates: []tls.Certificate{stranger.certificate("mallory")}},
		"another's trust": {RootCAs: stranger.pool, Certificates: []tls.Certificate{ca.certificate("alice")}},
	} {
		r.dial(target, grpc.WithTransportCredentials(credentials.NewTLS(conf)))
		if _, err := r.weft.List(t.Context(), &weftv1.ListRequest{}); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.dial(target)
	if _, err := r.weft.List(t.Context(), &weftv1.ListRequest{}); status.Code(err) != codes.Unavailable {
		t.Error("plain text is served on a TLS port:", err)
	}
}

// TestGarbage: what is no gRPC is turned away and holds nobody up.
func TestGarbage(t *testing.T) {
	l := listen(t)
	r := newRig(t, options{listener: l})
	r.dial("passthrough:///" + l.Addr().String())
	for _, garbage := range []string{"\x00\x01\x02\x03", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", strings.Repeat("x", 1<<20),
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(garbage)) // the server may have closed it already
		if err := conn.SetReadDeadline(time.Now().Add(2 * handshakeTime)); err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = conn.Read(make([]byte, 1024))
		}
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // it comes from conn itself
			t.Errorf("%.10q: the connection stays", garbage)
		}
		_ = conn.Close()
	}
	r.apply(project("red"))
}

// TestPanic: a call that panics fails, and the server goes on.
func TestPanic(t *testing.T) {
	r := newRig(t, options{})
	r.ctrl.explain = func(*weftv1.ExplainRequest) (*weftv1.ExplainResponse, error) { panic("oops") }
	_, err := r.weft.Explain(t.Context(), &weftv1.ExplainRequest{Flow: "table=20"})
	if st := status.Convert(err); st.Code() != codes.Internal || strings.Contains(st.Message(), "oops") {
		t.Error(err)
	}
	if log := r.log.String(); !strings.Contains(log, "a call panicked: oops") || !strings.Contains(log, "server_test.go") {
		t.Error("the panic is not in the log:", log)
	}
	r.apply(project("red"))
}

// TestExplainErrors: what cannot be explained.
func TestExplainErrors(t *testing.T) {
	r := newRig(t, options{})
	for _, req := range []*weftv1.ExplainRequest{{}, {Cookie: 1, Limit: -1}} {
		if _, err := r.weft.Explain(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Error(err)
		}
	}
}

// TestHealth: the server serves from when the store has been read until it stops.
func TestHealth(t *testing.T) {
	r := newRig(t, options{})
	health := healthv1.NewHealthClient(r.conn)
	for _, service := range []string{"", "weft.v1.WeftService", "weft.v1.AdminService"} {
		eventually(t, "the server is healthy", func() bool {
			resp, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
			return err == nil && resp.GetStatus() == healthv1.HealthCheckResponse_SERVING
		})
	}
	unread := newRig(t, options{unread: true})
	resp, err := healthv1.NewHealthClient(unread.conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || resp.GetStatus() != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Error(resp, err)
	}
}

// TestReflection: tools can ask for the API.
func TestReflection(t *testing.T) {
	r := newRig(t, options{})
	stream, err := reflectionv1.NewServerReflectionClient(r.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var services []string
	for _, service := range resp.GetListServicesResponse().GetService() {
		services = append(services, service.GetName())
	}
	if all := strings.Join(services, " "); !strings.Contains(all, "weft.v1.WeftService") || !strings.Contains(all, "weft.v1.AdminService") {
		t.Error(all)
	}
}

// TestStop: a server that stops ends watches and waits at once, lets other calls end, and then serves no more.
func TestStop(t *testing.T) {
	r := newRig(t, options{})
	r.apply(project("red"))
	watch := r.watch(&weftv1.WatchRequest{IncludeStatus: true})
	health, err := healthv1.NewHealthClient(r.conn).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := health.Recv(); err != nil {
		t.Fatal(err)
	}
	waits := make(chan struct{})
	r.ctrl.await = func(ctx context.Context, _ Await) ([]*weftv1.HostProgress, error) {
		close(waits)
		<-ctx.Done()
		return []*weftv1.HostProgress{{State: pending}}, nil
	}
	explains, release := make(chan struct{}), make(chan struct{})
	r.ctrl.explain = func(*weftv1.ExplainRequest) (*weftv1.ExplainResponse, error) {
		close(explains)
		<-release
		return &weftv1.ExplainResponse{}, nil
	}
	var calls sync.WaitGroup
	var wait, explain error
	calls.Go(func() { _, wait = r.weft.Wait(t.Context(), &weftv1.WaitRequest{}) })
	calls.Go(func() { _, explain = r.weft.Explain(t.Context(), &weftv1.ExplainRequest{Cookie: 1}) })
	<-waits
	<-explains
	begin := time.Now()
	r.stop()
	_, err = watch.stream.Recv()
	if st := status.Convert(err); st.Code() != codes.Unavailable || st.Message() != "weftd is stopping" || retryDelay(st) == 0 {
		t.Error(err)
	}
	close(release)
	calls.Wait()
	if st := status.Convert(wait); st.Code() != codes.Unavailable || st.Message() != "weftd is stopping" || explain != nil {
		t.Error(wait, explain)
	}
	<-r.ended
	if took := time.Since(begin); took > stopTime/2 {
		t.Errorf("it took %s", took)
	}
	if r.err != nil {
		t.Error(r.err)
	}
	if err := r.server.Serve(t.Context(), listen(t)); err == nil {
		t.Error("it serves twice")
	}
}

// TestStopIsBounded: neither a call that does not end nor a connection that says nothing holds up a stop for long.
func TestStopIsBounded(t *testing.T) {
	l := listen(t)
	r := newRig(t, options{listener: l})
	r.dial("passthrough:///" + l.Addr().String())
	called, release := make(chan struct{}), make(chan struct{})
	r.ctrl.explain = func(*weftv1.ExplainRequest) (*weftv1.ExplainResponse, error) {
		close(called)
		<-release
		return &weftv1.ExplainResponse{}, nil
	}
	var calls sync.WaitGroup
	calls.Go(func() { _, _ = r.weft.Explain(t.Context(), &weftv1.ExplainRequest{Cookie: 1}) })
	<-called
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	begin := time.Now()
	r.stop()
	calls.Wait() // it is cut off, as seen from the client
	close(release)
	<-r.ended
	if took := time.Since(begin); took > 2*stopTime {
		t.Errorf("it took %s", took)
	}
}

// TestMetrics: calls are counted by method and code.
func TestMetrics(t *testing.T) {
	r := newRig(t, options{})
	r.apply(project("red"))
	_, _ = r.weft.Get(t.Context(), &weftv1.GetRequest{Ref: ref("Project", "", "blue")})
	watch := r.watch(&weftv1.WatchRequest{})
	counts := func() string {
		families, err := r.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range families {
			for _, m := range f.GetMetric() {
				var labels []string
				for _, l := range m.GetLabel() {
					labels = append(labels, l.GetValue())
				}
				out = append(out, fmt.Sprintf("%s %s %d %v", f.GetName(), strings.Join(labels, " "), m.GetHistogram().GetSampleCount(), m.GetGauge().GetValue()))
			}
		}
		return strings.Join(out, "\n")
	}
	want := "weft_api_request_seconds NotFound Get 1 0\nweft_api_request_seconds OK Apply 1 0\nweft_api_watches  0 1"
	if have := counts(); have != want {
		t.Errorf("have\n%s\nwant\n%s", have, want)
	}
	watch.cancel()
	eventually(t, "the watch has ended", func() bool {
		return strings.Contains(counts(), "Canceled Watch 1") && strings.Contains(counts(), "weft_api_watches  0 0")
	})
}

func TestConfig(t *testing.T) {
	r := newRig(t, options{})
	for name, cfg := range map[string]Config{
		"nothing":       {},
		"no store":      {Catalog: r.catalog, Controller: r.ctrl},
		"metrics twice": {Catalog: r.catalog, Controller: r.ctrl, Store: r.store, Registry: r.registry},
		"bookmarks":     {Catalog: r.catalog, Controller: r.ctrl, Store: r.store, Bookmark: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := New(Config{Catalog: r.catalog, Controller: r.ctrl, Store: r.store}); err != nil {
		t.Error(err)
	}
}

// TestConcurrentCalls is for the race detector.
func TestConcurrentCalls(t *testing.T) {
	r := newRig(t, options{bookmark: time.Millisecond})
	r.apply(network("red", "web"))
	var running sync.WaitGroup
	for i := range 4 {
		w := r.watch(&weftv1.WatchRequest{IncludeStatus: true})
		running.Go(func() {
			for {
				if _, err := w.stream.Recv(); err != nil {
					return
				}
			}
		})
		running.Go(func() {
			defer w.cancel()
			for j := range 20 {
				name := fmt.Sprintf("vm%d-%d", i, j)
				if _, err := r.weft.Apply(t.Context(), &weftv1.ApplyRequest{Resources: []*weftv1.Resource{port("red", name, "web")}}); err != nil {
					t.Error(err)
				}
				r.ctrl.mu.Lock()
				for _, ch := range r.ctrl.changes {
					select {
					case ch <- []intent.Key{{Kind: intent.KindPort, Project: "red", Name: name}}:
					default:
					}
				}
				r.ctrl.mu.Unlock()
				if _, err := r.weft.List(t.Context(), &weftv1.ListRequest{}); err != nil {
					t.Error(err)
				}
				if _, err := r.weft.Delete(t.Context(), &weftv1.DeleteRequest{Refs: []*weftv1.ResourceRef{ref("Port", "red", name)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
}
