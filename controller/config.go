package controller

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/apps"
)

// Config says how to run the controller. The zero value, but for DataDir, is usable.
type Config struct {
	DataDir string     // of the embedded store; needed unless Etcd has endpoints
	Etcd    EtcdConfig // an etcd cluster to use instead of the embedded store

	GRPC     string // address of the API; default 127.0.0.1:6650
	OpenFlow string // address where switches connect; default :6653
	OVSDB    string // address where hosts' OVSDB servers connect; default :6640
	Metrics  string // address of /metrics and, with Pprof, /debug/pprof; default 127.0.0.1:6651; "none": not served
	Pprof    string // "on": serve /debug/pprof beside the metrics

	// Advertise is the address at which switches reach OpenFlow. Empty: the one to which their OVSDB connection came.
	Advertise string

	GRPCTLS     TLSFiles
	OpenFlowTLS TLSFiles
	OVSDBTLS    TLSFiles

	UnderlayMTU int // bytes; default 1500
	UnderlayIP  int // version of IP between hosts: 4, the default, or 6

	VXLANPort  uint16 // UDP port of VXLAN on all hosts; default 4789
	GenevePort uint16 // UDP port of Geneve on all hosts; default 6081
	// TunnelBFD is how often hosts that share a network tell each other over their tunnel that they are alive, in steps of a
	// millisecond; 0: never. See docs/adr/0002 for what it costs.
	TunnelBFD time.Duration

	Apps    []apps.App // of other people, in the order in which frames pass their tables at one point
	Version string
	Log     *logrus.Logger
	// Listen opens listeners; default net.Listen. Labs listen in a network namespace of their own.
	Listen func(network, address string) (net.Listener, error)
}

// What Open vSwitch can keep up with, and what is still of use.
const (
	minTunnelBFD = 100 * time.Millisecond
	maxTunnelBFD = time.Minute
)

// EtcdConfig names an etcd cluster.
type EtcdConfig struct {
	Endpoints          []string
	TLS                TLSFiles
	Username, Password string
}

// TLSFiles names PEM files. A server with CA set demands client certificates that CA signed.
type TLSFiles struct{ Cert, Key, CA string }

// enabled tells whether TLS is asked for.
func (f TLSFiles) enabled() bool { return f != TLSFiles{} }

// withDefaults fills in what was left out, and refuses what cannot work.
func (c Config) withDefaults() (Config, error) {
	defaults := []struct {
		field *string
		value string
	}{
		{&c.GRPC, "127.0.0.1:6650"}, {&c.OpenFlow, ":6653"}, {&c.OVSDB, ":6640"}, {&c.Metrics, "127.0.0.1:6651"}, {&c.Pprof, "off"},
	}
	for _, d := range defaults {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if c.UnderlayMTU == 0 {
		c.UnderlayMTU = 1500
	}
	if c.Log == nil {
		c.Log = logrus.StandardLogger()
	}
	if c.Listen == nil {
		c.Listen = net.Listen
	}
	return c, c.validate()
}

func (c Config) validate() error {
	if c.DataDir == "" && len(c.Etcd.Endpoints) == 0 {
		return errors.New("config: set a data directory for the embedded store, or the endpoints of an etcd cluster")
	}
	if c.UnderlayMTU < 1280 || c.UnderlayMTU > 65535 {
		return fmt.Errorf("config: underlay MTU %d is not between 1280 and 65535", c.UnderlayMTU)
	}
	if c.TunnelBFD != 0 && (c.TunnelBFD < minTunnelBFD || c.TunnelBFD > maxTunnelBFD) {
		return fmt.Errorf("config: tunnel BFD interval %v is not between %v and %v", c.TunnelBFD, minTunnelBFD, maxTunnelBFD)
	}
	if c.Pprof != "on" && c.Pprof != "off" {
		return fmt.Errorf(`config: pprof is "on" or "off", not %q`, c.Pprof)
	}
	for name, f := range map[string]TLSFiles{"grpc": c.GRPCTLS, "openflow": c.OpenFlowTLS, "ovsdb": c.OVSDBTLS} {
		if f.enabled() && (f.Cert == "" || f.Key == "") {
			return fmt.Errorf("config: TLS for %s needs a certificate and a key", name)
		}
	}
	return nil
}

// server returns the TLS configuration of a server, nil when TLS is not asked for.
func (f TLSFiles) server() (*tls.Config, error) {
	if !f.enabled() {
		return nil, nil
	}
	c, err := f.base()
	if err != nil {
		return nil, err
	}
	if f.CA != "" {
		c.ClientCAs, c.ClientAuth = c.RootCAs, tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// client returns the TLS configuration of a client, nil when TLS is not asked for.
func (f TLSFiles) client() (*tls.Config, error) {
	if !f.enabled() {
		return nil, nil
	}
	return f.base()
}

func (f TLSFiles) base() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("certificate authority: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authority %s: no PEM certificate in it", f.CA)
		}
	}
	return c, nil
}
