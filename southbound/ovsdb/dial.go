package ovsdb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// ErrRemote is wrapped by complaints about the form of a remote.
var ErrRemote = errors.New("not a remote of the form tcp:IP:PORT, ssl:IP:PORT or unix:PATH")

// dialTimeout bounds one attempt to connect.
const dialTimeout = 10 * time.Second

// steady is how long a session must have lasted for the next attempt to come soon again.
const steady = 10 * time.Second

// Dial keeps a connection to a host that listens (`ovs-vsctl set-manager ptcp:6640`, pssl:, or a local unix: socket) until ctx ends,
// calling handle for each session as Serve does. It returns nil when ctx has ended, or at once why remote or cfg is unusable.
func Dial(ctx context.Context, remote string, cfg Config, handle func(ctx context.Context, s *Session)) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	dial, err := dialer(remote, cfg.TLS)
	if err != nil {
		return err
	}
	cfg.Log = cfg.Log.WithField("remote", remote)
	redial(ctx, dial, cfg, handle)
	return nil
}

// redial makes sessions, one after the other, until ctx ends.
func redial(ctx context.Context, dial func(context.Context) (net.Conn, error), cfg Config, handle func(context.Context, *Session)) {
	var wait time.Duration
	for ctx.Err() == nil {
		start := time.Now()
		why := attempt(ctx, dial, cfg, handle)
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > steady {
			wait = 0
		}
		wait = min(max(2*wait, cfg.RetryMin), cfg.RetryMax)
		pause := jitter(wait)
		cfg.Log.WithError(why).WithField("retry", pause.Round(time.Millisecond)).Warn("no OVSDB session with host")
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func attempt(ctx context.Context, dial func(context.Context) (net.Conn, error), cfg Config, handle func(context.Context, *Session)) error {
	short, cancel := context.WithTimeout(ctx, dialTimeout)
	conn, err := dial(short)
	cancel()
	if err != nil {
		return err
	}
	return serve(ctx, conn, cfg, nil, func() {}, handle)
}

// dialer returns the function that connects to remote. The TLS handshake is left to the session, which has its own deadline.
func dialer(remote string, cfg *tls.Config) (func(context.Context) (net.Conn, error), error) {
	kind, where, _ := strings.Cut(remote, ":")
	var d net.Dialer
	switch kind {
	case "unix":
		if where == "" {
			return nil, fmt.Errorf("%q: %w", remote, ErrRemote)
		}
		return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "unix", where) }, nil
	case "tcp", "ssl":
		if _, _, err := net.SplitHostPort(where); err != nil {
			return nil, fmt.Errorf("%q: %w: %w", remote, ErrRemote, err)
		}
	default:
		return nil, fmt.Errorf("%q: %w", remote, ErrRemote)
	}
	if kind == "tcp" {
		return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", where) }, nil
	}
	if cfg == nil {
		return nil, fmt.Errorf("%q: no TLS configuration", remote)
	}
	cfg = chainOnly(cfg)
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := d.DialContext(ctx, "tcp", where)
		if err != nil {
			return nil, err
		}
		return tls.Client(conn, cfg), nil
	}, nil
}

// chainOnly makes a configuration without a server name verify the peer's chain and not its name: certificates made by ovs-pki
// name a switch by a uuid, not by an address, and Open vSwitch itself checks no names.
func chainOnly(cfg *tls.Config) *tls.Config {
	cfg = cfg.Clone()
	if cfg.ServerName != "" || cfg.InsecureSkipVerify {
		return cfg
	}
	roots, also := cfg.RootCAs, cfg.VerifyConnection
	cfg.InsecureSkipVerify = true // replaced by the next lines
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("peer has no certificate")
		}
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err != nil || also == nil {
			return err
		}
		return also(s)
	}
	return cfg
}
