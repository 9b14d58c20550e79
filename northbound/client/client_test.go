package client

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// free is an address on loopback where nobody listens.
func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only its number was wanted
	return l.Addr().String()
}

func TestDialFails(t *testing.T) {
	nobody := free(t)
	garbage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer garbage.Close() //nolint:errcheck // end of the test
	go func() {
		for {
			c, err := garbage.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("SSH-2.0-OpenSSH\r\n")) //nolint:errcheck // whoever listens
			c.Close()                              //nolint:errcheck // at once
		}
	}()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		conf Config
		want string
	}{
		{"nobody there", Config{Address: nobody}, "cannot reach weftd at " + nobody + ": connection refused"},
		{"no socket", Config{Address: "unix:" + dir + "/none"}, "cannot reach weftd at unix:" + dir + "/none: there is no such socket"},
		{"no address", Config{Address: "localhost"}, `server address "localhost" must be host:port or unix:/path`},
		{"no name", Config{Address: "no.such.host.invalid:1"}, "cannot reach weftd at no.such.host.invalid:1: "},
		{"another protocol", Config{Address: garbage.Addr().String(), DialTimeout: 2 * time.Second}, "cannot reach weftd at " + garbage.Addr().String()},
		{"certificate without key", Config{CertFile: "x"}, "a certificate needs its key, and a key its certificate"},
		{"no authorities", Config{CAFile: empty}, empty + " holds no certificate"},
		{"no such file", Config{CAFile: dir + "/x"}, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Dial(t.Context(), tt.conf)
			if err == nil {
				c.Close() //nolint:errcheck // failed anyway
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "rpc error") {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestErrors shows what becomes of statuses.
func TestErrors(t *testing.T) {
	bad, _ := status.New(codes.InvalidArgument, "2 errors").WithDetails(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "port/red/vm9: spec.fixedIps[0].ip", Description: "10.0.1.9 is not in subnet web-v4"},
		{Field: "port/red/vm9", Description: "is too much"},
		{Field: "resources", Description: "too many"},
	}})
	inUse, _ := status.New(codes.FailedPrecondition, "in use").WithDetails(&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{
		{Type: "IN_USE", Subject: "network/red/web", Description: "port/red/vm1 refers to it"}}})
	tests := []struct {
		name       string
		in         error
		is         error
		want       string
		violations []string
	}{
		{"bad request", bad.Err(), ErrInvalid, "2 errors", []string{
			"port/red/vm9: spec.fixedIps[0].ip: 10.0.1.9 is not in subnet web-v4", "port/red/vm9: is too much", "resources: too many"}},
		{"in use", inUse.Err(), ErrPrecondition, "in use", []string{"network/red/web: port/red/vm1 refers to it"}},
		{"not found", status.Error(codes.NotFound, "port/red/x does not exist"), ErrNotFound, "port/red/x does not exist", nil},
		{"store", status.Error(codes.Unavailable, "the store does not answer"), ErrUnavailable, "the store does not answer", nil},
		{"large", status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5000000 vs. 4194304)"), ErrExhausted,
			"the message is too large: 5000000 bytes, and at most 4194304 are taken; split it", nil},
		{"late", status.Error(codes.DeadlineExceeded, "context deadline exceeded"), context.DeadlineExceeded, "weftd at ADDRESS did not answer in time", nil},
		{"denied", status.Error(codes.Unauthenticated, "who are you?"), ErrDenied, "who are you?", nil},
	}
	h := newHistory(t)
	c := dial(t, h)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.set(func() { h.fail = tt.in })
			_, err := c.Get(t.Context(), nil)
			if err == nil || err.Error() != strings.Replace(tt.want, "ADDRESS", h.address, 1) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if !errors.Is(err, tt.is) {
				t.Errorf("is not %v", tt.is)
			}
			var got []string
			for _, v := range Violations(err) {
				got = append(got, v.String())
			}
			if diff := cmp.Diff(tt.violations, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	many, _ := status.New(codes.InvalidArgument, "port/red/a: x (and 299 more)").WithDetails(&errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "port/red/a", Description: "x"}, {Field: "port/red/b", Description: "x"}}})
	h.set(func() { h.fail = many.Err() })
	var counted *Error
	if _, err := c.Get(t.Context(), nil); !errors.As(err, &counted) || counted.Total != 300 || len(counted.Violations) != 2 {
		t.Errorf("counted %+v", counted)
	}
	_, err := c.Info(t.Context())
	if want := "weftd at " + h.address + " does not know this call; is it older than this client, or no weftd at all?"; err == nil || err.Error() != want {
		t.Errorf("unimplemented: got %v", err)
	}
	h.stop()
	_, err = c.Get(t.Context(), nil)
	var e *Error
	if !errors.As(err, &e) || !e.Unreachable() || !errors.Is(err, ErrUnavailable) {
		t.Errorf("stopped server: got %v", err)
	}
	if !strings.HasPrefix(err.Error(), "cannot reach weftd at "+h.address+": ") {
		t.Errorf("stopped server: got %v", err)
	}
}

// TestDeadline: a server that does not answer does not hold up its client.
func TestDeadline(t *testing.T) {
	h := newHistory(t)
	c, err := Dial(t.Context(), Config{Address: h.address, CallTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // end of the test
	h.mu.Lock()     // every call waits for it
	_, err = c.Get(t.Context(), nil)
	h.mu.Unlock()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestList(t *testing.T) {
	h := newHistory(t)
	for _, name := range []string{"c", "a", "b"} {
		h.put(name, "1")
	}
	c := dial(t, h)
	all, revision, err := c.ListAll(t.Context(), nil)
	if err != nil || len(all) != 3 || revision != 3 {
		t.Fatal(all, revision, err)
	}
	before := h.lists
	for r, err := range c.List(t.Context(), nil) {
		if err != nil || r.GetName() != "a" {
			t.Fatal(r, err)
		}
		break
	}
	if h.lists != before+1 {
		t.Errorf("%d pages read for the first resource", h.lists-before)
	}
	h.set(func() { h.fail = status.Error(codes.Internal, "broken") })
	for _, err := range c.List(t.Context(), nil) {
		if err == nil || err.Error() != "broken" {
			t.Error(err)
		}
	}
}

func TestBackupRestore(t *testing.T) {
	h := newHistory(t)
	c := dial(t, h)
	var b bytes.Buffer
	if n, err := c.Backup(t.Context(), &b); err != nil || n != 13 || b.String() != "one two three" {
		t.Fatal(n, err, b.String())
	}
	for _, size := range []int{0, 5, piece, 2*piece + 1} {
		h.restored = nil
		in := bytes.Repeat([]byte("x"), size)
		resp, err := c.Restore(t.Context(), bytes.NewReader(in), RestoreOptions{Replace: true})
		if err != nil || !bytes.Equal(h.restored, in) || resp.GetKeys() != int64(size) {
			t.Fatal(size, err, len(h.restored))
		}
	}
	_, err := c.Restore(t.Context(), bytes.NewReader(make([]byte, 20*piece)), RestoreOptions{})
	if !errors.Is(err, ErrPrecondition) || err.Error() != "the store is not empty" {
		t.Fatalf("got %v", err)
	}
	h.set(func() { h.fail = status.Error(codes.Unavailable, "the store is gone") })
	if _, err := c.Backup(t.Context(), &b); err == nil || err.Error() != "the store is gone" {
		t.Fatalf("got %v", err)
	}
}

// TestTLS: both sides show certificates of the same authority.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca, caKey := certificate(t, dir, "ca", nil, nil)
	certificate(t, dir, "server", ca, caKey)
	certificate(t, dir, "client", ca, caKey)
	file := func(name string) string { return filepath.Join(dir, name) }
	pair, err := tls.LoadX509KeyPair(file("server.pem"), file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	srv := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})))
	h := &history{now: map[string]*weftv1.Resource{}}
	weftv1.RegisterWeftServiceServer(srv, h)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l) //nolint:errcheck // ends with Stop
	t.Cleanup(srv.Stop)

	good := Config{Address: l.Addr().String(), CAFile: file("ca.pem"), CertFile: file("client.pem"), KeyFile: file("client.key"), DialTimeout: 3 * time.Second}
	c, err := Dial(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ListAll(t.Context(), nil); err != nil {
		t.Error(err)
	}
	c.Close() //nolint:errcheck // end of the test

	unknown := good
	certificate(t, dir, "other", nil, nil)
	unknown.CAFile = file("other.pem")
	if _, err := Dial(t.Context(), unknown); err == nil || !strings.Contains(err.Error(), "tls: ") || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("another authority: %v", err)
	}
	if _, err := Dial(t.Context(), Config{Address: good.Address, DialTimeout: 3 * time.Second}); err == nil || !errors.Is(err, ErrUnavailable) {
		t.Errorf("without TLS: %v", err)
	}
}

// certificate writes NAME.pem and NAME.key; without an issuer it is its own.
func certificate(t *testing.T, dir, name string, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: issuer == nil, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if issuer == nil {
		issuer, issuerKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for ext, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(dir, name+ext), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}
