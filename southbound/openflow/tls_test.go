package openflow_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	of "github.com/weft-sdn/weft/southbound/openflow"
)

// TestTLS: a real Open vSwitch with keys made by ovs-pki, in both directions; without a key nobody gets in.
func TestTLS(t *testing.T) {
	s := startOVS(t)
	s.must(t, "ovs-pki", "--dir="+s.file("pki"), "--log="+s.file("pki.log"), "init")
	for _, name := range []string{"sw", "ctl"} {
		cmd := s.command("ovs-pki", "--dir="+s.file("pki"), "--log="+s.file("pki.log"), "req+sign", name, "switch")
		cmd.Dir = s.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ovs-pki: %v\n%s", err, out)
		}
	}
	ca := s.file("pki/switchca/cacert.pem")
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no CA")
	}
	key, err := tls.LoadX509KeyPair(s.file("ctl-cert.pem"), s.file("ctl-privkey.pem"))
	if err != nil {
		t.Fatal(err)
	}
	s.vsctl(t, "set-ssl", s.file("sw-privkey.pem"), s.file("sw-cert.pem"), ca)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{Certificates: []tls.Certificate{key}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	ctx, cancel := context.WithCancel(context.Background())
	got, reports, ended := make(chan *of.Conn, 4), make(chan error, 100), make(chan error, 2)
	handle := func(ctx context.Context, c *of.Conn) error {
		got <- c
		<-ctx.Done()
		return nil
	}
	go func() {
		ended <- of.Serve(ctx, tls.NewListener(l, server), of.ConnConfig{}, handle, func(err error) { reports <- err })
	}()
	take := func(what string) {
		select {
		case c := <-got:
			if err := c.Barrier(soon(t)); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		case <-soon(t).Done():
			t.Fatalf("%s: no connection", what)
		}
	}
	plain, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	plain.Write(of.AppendHello(nil, 1, 1<<of.Version13))
	select {
	case err := <-reports:
		if !strings.Contains(err.Error(), "tls") {
			t.Error(err)
		}
	case <-soon(t).Done():
		t.Error("no word of a peer without TLS")
	}
	s.vsctl(t, "set-controller", bridge, "ssl:"+l.Addr().String())
	take("switch to us")

	// The certificates of ovs-pki name no address, so it is the chain that counts.
	client := &tls.Config{Certificates: []tls.Certificate{key}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12,
		VerifyConnection: func(cs tls.ConnectionState) error {
			_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool})
			return err
		}}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().(*net.TCPAddr)
	free.Close()
	s.vsctl(t, "set-controller", bridge, fmt.Sprintf("pssl:%d:127.0.0.1", addr.Port))
	go func() {
		ended <- of.Dial(ctx, "ssl:"+addr.String(), client, of.ConnConfig{}, handle, nil)
	}()
	take("us to the switch")
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
