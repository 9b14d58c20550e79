package ovsdb

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
	"time"
)

// pki makes an authority and two certificates as an operator does: with ovs-pki.
func pki(t *testing.T, h *ovsHost) *tls.Config {
	t.Helper()
	dir := t.TempDir()
	pki := func(args ...string) {
		h.must("sh", append([]string{"-c", `cd "$0" && exec ovs-pki --dir="$0/pki" --log="$0/log" "$@"`, dir}, args...)...)
	}
	pki("init")
	pki("req+sign", "ctl", "controller")
	pki("req+sign", "sw", "switch")
	h.vsctl("--no-wait", "set-ssl", dir+"/sw-privkey.pem", dir+"/sw-cert.pem", dir+"/pki/controllerca/cacert.pem")
	cert, err := tls.LoadX509KeyPair(dir+"/ctl-cert.pem", dir+"/ctl-privkey.pem")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(dir + "/pki/switchca/cacert.pem")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("no authority")
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

func TestTLSPassive(t *testing.T) {
	t.Parallel()
	h := newHost(t, "secret")
	h.startSwitch()
	cfg := pki(t, h)
	s := newSessions(t, Config{})
	l := h.listen()
	s.serve(tls.NewListener(l, cfg))
	h.vsctl("--no-wait", "set-manager", "tcp:"+l.Addr().String()) // without TLS: refused, with a line
	poll(t, "the refusal", func() bool { return s.log.has("tls", "127.0.0.1") })
	h.vsctl("--no-wait", "set-manager", "ssl:"+l.Addr().String())
	sess := s.next()
	sess.SetDesired(Desired{Bridges: []DesiredBridge{integration()}})
	settled(t, sess)
}

func TestTLSActive(t *testing.T) {
	t.Parallel()
	h := newHost(t, "secret")
	h.startSwitch()
	cfg := pki(t, h)
	h.vsctl("--no-wait", "set-manager", "pssl:6640:127.0.0.1")
	fwd := h.forward("127.0.0.1:6640")

	stranger := cfg.Clone()
	stranger.RootCAs = x509.NewCertPool()
	wrong := newSessions(t, Config{TLS: stranger})
	stop := wrong.dial("ssl:" + fwd)
	poll(t, "the refusal", func() bool { return wrong.log.has("certificate signed by unknown authority") })
	stop()

	s := newSessions(t, Config{TLS: cfg})
	s.dial("ssl:" + fwd)
	sess := s.next()
	sess.SetDesired(Desired{Bridges: []DesiredBridge{integration()}})
	settled(t, sess)
}

func TestDialTCP(t *testing.T) {
	t.Parallel()
	h := newHost(t, "plain")
	h.vsctl("--no-wait", "set-manager", "ptcp:6640:127.0.0.1")
	s := newSessions(t, Config{})
	s.dial("tcp:" + h.forward("127.0.0.1:6640"))
	if got := s.next().SystemID(); got != "plain" {
		t.Errorf("system-id %q", got)
	}
}

func TestTLSHandshakeThatNeverEnds(t *testing.T) {
	t.Parallel()
	s := newSessions(t, Config{IdentifyTimeout: 200 * time.Millisecond})
	l := plainListener(t)
	s.serve(tls.NewListener(l, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}))
	c := connect(t, l)
	closed(t, c)
	poll(t, "the line", func() bool { return s.log.has(ErrNotIdentified.Error(), c.LocalAddr().String()) })
}
