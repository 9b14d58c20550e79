package storetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certs is a certificate authority with one certificate for a server on loopback and one for a client.
type Certs struct {
	Dir    string // ca.pem, server.pem, server.key, client.pem, client.key
	pool   *x509.CertPool
	client tls.Certificate
}

// NewCerts makes them.
func NewCerts(t testing.TB) *Certs {
	t.Helper()
	c := &Certs{Dir: t.TempDir(), pool: x509.NewCertPool()}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caKey := c.issue(t, "ca", ca, ca, nil)
	c.pool.AddCert(mustParse(t, filepath.Join(c.Dir, "ca.pem")))
	for i, name := range []string{"server", "client"} {
		c.issue(t, name, &x509.Certificate{
			SerialNumber: big.NewInt(int64(2 + i)), Subject: pkix.Name{CommonName: name},
			NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}, ca, caKey)
	}
	var err error
	c.client, err = tls.LoadX509KeyPair(filepath.Join(c.Dir, "client.pem"), filepath.Join(c.Dir, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// issue makes a key and a certificate signed by signer, or by the key itself when that is nil, and writes both.
func (c *Certs) issue(t testing.TB, name string, cert, parent *x509.Certificate, signer crypto.Signer) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der},
		name + ".key": {Type: "PRIVATE KEY", Bytes: raw},
	} {
		if err := os.WriteFile(filepath.Join(c.Dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return key
}

func mustParse(t testing.TB, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// Client trusts the authority and shows the client's certificate.
func (c *Certs) Client() *tls.Config {
	return &tls.Config{RootCAs: c.pool, Certificates: []tls.Certificate{c.client}, MinVersion: tls.VersionTLS12}
}

// Stranger trusts the authority and shows nothing.
func (c *Certs) Stranger() *tls.Config {
	return &tls.Config{RootCAs: c.pool, MinVersion: tls.VersionTLS12}
}

// flags are those of a server that serves TLS and demands client certificates.
func (c *Certs) flags() []string {
	return []string{
		"--cert-file=" + filepath.Join(c.Dir, "server.pem"), "--key-file=" + filepath.Join(c.Dir, "server.key"),
		"--trusted-ca-file=" + filepath.Join(c.Dir, "ca.pem"), "--client-cert-auth",
	}
}
