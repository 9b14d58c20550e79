package main_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// TLS everywhere: OVSDB and OpenFlow with certificates of ovs-pki(8), as Open vSwitch's manual has it, and the API with
// client certificates. Who has none, or one of somebody else, stays outside.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pki := newOVSPKI(t, filepath.Join(dir, "pki"))
	api, other := newAuthority(t, filepath.Join(dir, "api")), newAuthority(t, filepath.Join(dir, "other"))
	server, mine, stranger := api.issue(t, "server"), api.issue(t, "client"), other.issue(t, "client")
	c := e2e.New(t, e2e.Options{
		Hosts: e2e.Hosts(2), Manager: "ssl:" + netlab.ControllerIPv4 + ":6640",
		Weftd: []string{
			"--ovsdb-cert", pki.cert("ctl"), "--ovsdb-key", pki.key("ctl"), "--ovsdb-ca", pki.ca("switchca"),
			"--openflow-cert", pki.cert("ctl"), "--openflow-key", pki.key("ctl"), "--openflow-ca", pki.ca("switchca"),
			"--grpc-cert", server.cert, "--grpc-key", server.key, "--grpc-ca", api.file,
		},
		Client: client.Config{CAFile: api.file, CertFile: mine.cert, KeyFile: mine.key},
		Prepare: func(c *e2e.Cloud) {
			for _, h := range c.Lab.Hosts() {
				_, err := h.Vsctl("--no-wait", "set-ssl", pki.key("sc"), pki.cert("sc"), pki.ca("controllerca"))
				c.Do(err)
			}
		},
	})
	p := twoTenants(c, "h1", "h2")
	c.Reach(append(netlab.AllPairs(p.reds, all(netlab.Reaches)), netlab.Probe{From: p.reds[0], To: p.blues[1], Expect: netlab.Unreached})...)
	c.Run("connections are TLS", func(c *e2e.Cloud) {
		out := netlab.Must(c.Host("h1").Vsctl("get-controller", netlab.IntegrationBridge))(c.T)
		if !strings.HasPrefix(out, "ssl:") {
			c.T.Errorf("the switch is told to connect to %q", out)
		}
	})
	c.Run("restart", func(c *e2e.Cloud) {
		nothingSent(c, func(c *e2e.Cloud) func() { return untouched(c, [2]*netlab.Endpoint{p.reds[0], p.reds[1]}) }, c.Weftd.Kill)
	})
	c.Run("hosts without the right certificate", func(c *e2e.Cloud) { hostOutside(c, pki, other) })
	c.Run("clients without the right certificate", func(c *e2e.Cloud) {
		for name, conf := range map[string]client.Config{
			"no TLS":                {},
			"no certificate":        {CAFile: api.file},
			"somebody else's":       {CAFile: api.file, CertFile: stranger.cert, KeyFile: stranger.key},
			"who does not trust it": {CAFile: other.file, CertFile: mine.cert, KeyFile: mine.key},
		} {
			if err := tryClient(c, conf); !errors.Is(err, client.ErrUnavailable) || len(err.Error()) < 20 {
				c.T.Errorf("%s: %v", name, err)
			}
		}
		out, stderr, status := c.TryWeft("", "--tls-ca", api.file, "--tls-cert", mine.cert, "--tls-key", mine.key, "hosts")
		if status != 0 || !strings.Contains(out, "h2") {
			c.T.Errorf("weft with a certificate: exit status %d\n%s%s", status, out, stderr)
		}
		_, stderr, status, err := e2e.Weft(c.T.Context(), c.Lab, nil, "", "hosts")
		if err != nil || status != 3 || !strings.Contains(stderr, "--tls-ca") {
			c.T.Errorf("weft without a certificate: %v, exit status %d: %s", err, status, stderr)
		}
	})
}

func tryClient(c *e2e.Cloud, conf client.Config) error {
	conf.Address, conf.DialTimeout = e2e.GRPC, 5*time.Second
	conf.Options = []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return c.Lab.DialContext(ctx, "tcp", addr) })}
	conn, err := client.Dial(c.T.Context(), conf)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Info(c.T.Context())
	return err
}

// hostOutside has hosts call that have no certificate, or one of another authority: they get nowhere.
func hostOutside(c *e2e.Cloud, pki ovsPKI, other authority) {
	h := netlab.Must(c.Lab.AddHost("h3", netlab.HostOptions{}))(c.T)
	foreign := other.issue(c.T, "h3")
	for name, target := range map[string]string{"plain": "tcp:", "foreign": "ssl:"} {
		_, err := h.Vsctl("--no-wait", "set-ssl", foreign.key, foreign.cert, pki.ca("controllerca"))
		c.Do(err, h.SetManager(target+netlab.ControllerIPv4+":6640"))
		// It has been there and was sent away when it waits to try again.
		c.Eventually(20*time.Second, name+": the host was sent away", func() error {
			out, err := h.Vsctl("--no-wait", "--columns=status,is_connected", "list", "Manager")
			if err == nil && (!strings.Contains(out, "sec_since_disconnect") && !strings.Contains(out, "last_error")) {
				err = errors.New(out)
			}
			return err
		})
		if out := c.Weft("hosts"); strings.Contains(out, "h3") {
			c.T.Errorf("%s: it was let in:\n%s", name, out)
		}
		if out := netlab.Must(h.Vsctl("--no-wait", "list-br"))(c.T); strings.Contains(out, netlab.IntegrationBridge) {
			c.T.Errorf("%s: it was given a bridge", name)
		}
	}
	c.Do(h.Remove())
}

// ovsPKI is a folder of ovs-pki(8) with a certificate for a switch and one for a controller.
type ovsPKI struct{ dir string }

func newOVSPKI(t *testing.T, dir string) ovsPKI {
	t.Helper()
	run := func(args ...string) {
		cmd := exec.Command("ovs-pki", append([]string{"--dir=" + dir, "--log=" + filepath.Join(dir, "log"), "--bits=2048"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ovs-pki %v: %v\n%s", args, err, out)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run("init", "--force")
	run("req+sign", "sc", "switch")
	run("req+sign", "ctl", "controller")
	return ovsPKI{dir}
}

func (p ovsPKI) cert(name string) string    { return filepath.Join(p.dir, name+"-cert.pem") }
func (p ovsPKI) key(name string) string     { return filepath.Join(p.dir, name+"-privkey.pem") }
func (p ovsPKI) ca(authority string) string { return filepath.Join(p.dir, authority, "cacert.pem") }

// authority signs certificates for the API's server and clients.
type authority struct {
	dir, file string
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
}

type identity struct{ cert, key string }

func newAuthority(t *testing.T, dir string) authority {
	t.Helper()
	a := authority{dir: dir, file: filepath.Join(dir, "ca.pem")}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: filepath.Base(dir)}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.key = key
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue makes a certificate for 127.0.0.1, good for both sides of a connection.
func (a authority) issue(t *testing.T, name string) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	id := identity{filepath.Join(a.dir, name+"-cert.pem"), filepath.Join(a.dir, name+"-key.pem")}
	writePEM(t, id.cert, "CERTIFICATE", der)
	writePEM(t, id.key, "PRIVATE KEY", private)
	return id
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
