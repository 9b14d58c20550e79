package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// ClusterConfig says how to reach an etcd cluster.
type ClusterConfig struct {
	Endpoints []string // "https://10.0.0.1:2379", or "10.0.0.1:2379", …; at least one
	TLS       *tls.Config
	Username  string
	Password  string

	Prefix         string        // default DefaultPrefix
	DialTimeout    time.Duration // of OpenCluster as a whole; default 5 s
	RequestTimeout time.Duration // of one request; default 10 s
	KeepAlive      time.Duration // how often a silent connection is probed; default 10 s
	WatchCheck     time.Duration // how often an idle watch makes sure that the cluster was not replaced; default 5 s
	Log            logrus.FieldLogger
}

func (c *ClusterConfig) validate() error {
	if len(c.Endpoints) == 0 {
		return fmt.Errorf("%w: no etcd endpoint given", ErrInvalid)
	}
	for _, ep := range c.Endpoints {
		if _, err := address(ep); err != nil {
			return fmt.Errorf("%w: etcd endpoint %q: %w", ErrInvalid, ep, err)
		}
		if strings.HasPrefix(ep, "https:") && c.TLS == nil {
			return fmt.Errorf("%w: etcd endpoint %q needs TLS, but no TLS configuration is given", ErrInvalid, ep)
		}
	}
	if c.Username == "" && c.Password != "" {
		return fmt.Errorf("%w: an etcd password without a user name", ErrInvalid)
	}
	prefix, err := checkPrefix(c.Prefix)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c.Prefix = prefix
	setDefault(&c.DialTimeout, 5*time.Second)
	setDefault(&c.RequestTimeout, 10*time.Second)
	setDefault(&c.KeepAlive, 10*time.Second)
	setDefault(&c.WatchCheck, watchCheck)
	return nil
}

func setDefault(d *time.Duration, to time.Duration) {
	if *d <= 0 {
		*d = to
	}
}

// OpenCluster connects to an etcd cluster and reads from it once, so that wrong credentials and certificates show at
// once: ErrDenied for those the cluster refuses, ErrUnavailable (with the reason of every endpoint) when none answers.
func OpenCluster(ctx context.Context, cfg ClusterConfig) (Store, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	name := "etcd cluster " + strings.Join(cfg.Endpoints, ", ")
	ctx, cancel := context.WithTimeout(ctx, cfg.DialTimeout)
	defer cancel()
	cli, err := clientv3.New(clientv3.Config{
		Endpoints:            cfg.Endpoints,
		TLS:                  cfg.TLS,
		Username:             cfg.Username,
		Password:             cfg.Password,
		DialTimeout:          cfg.DialTimeout,
		DialKeepAliveTime:    cfg.KeepAlive,
		DialKeepAliveTimeout: cfg.KeepAlive,
		MaxCallSendMsgSize:   2 * MaxBytes, // the server's limit decides
		MaxCallRecvMsgSize:   math.MaxInt32,
		Logger:               newZap(cfg.Log).logger(),
		// gRPC would wait up to two minutes before it looks for a cluster that was away.
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		})},
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, openError(ctx, cfg, err))
	}
	s := newEtcd(cli, name, cfg.Prefix, cfg.RequestTimeout)
	s.check = cfg.WatchCheck
	if _, err := s.page(ctx, s.prefix, clientv3.GetPrefixRangeEnd(s.prefix), 0); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("%s: %w", name, openError(ctx, cfg, err))
	}
	return s, nil
}

// openError says in words what keeps us from the cluster. etcd's client only says that time ran out, so every endpoint
// is tried by hand.
func openError(ctx context.Context, cfg ClusterConfig, err error) error {
	if denied(err) {
		if cfg.Username == "" {
			return fmt.Errorf("%w: the cluster wants a user name and a password or an accepted certificate: %w", ErrDenied, err)
		}
		return fmt.Errorf("%w: user %q: %w", ErrDenied, cfg.Username, err)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	reasons := make([]string, len(cfg.Endpoints))
	for i, ep := range cfg.Endpoints {
		reasons[i] = ep + ": " + diagnose(ep, cfg.TLS)
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, strings.Join(reasons, "; "))
}

// diagnose connects to one endpoint by hand and says how far it got.
func diagnose(endpoint string, conf *tls.Config) string {
	const patience = 2 * time.Second
	addr, err := address(endpoint)
	if err != nil {
		return err.Error()
	}
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if conf == nil {
		return "accepts connections but does not answer; is it etcd, does it want TLS, has it a leader?"
	}
	conf = conf.Clone()
	if conf.ServerName == "" {
		conf.ServerName, _, _ = net.SplitHostPort(addr)
	}
	conf.NextProtos = []string{"h2"}
	secure := tls.Client(conn, conf)
	if err := secure.Handshake(); err != nil {
		return "TLS: " + tlsReason(err)
	}
	// In TLS 1.3 the server judges our certificate after our side of the handshake is done; its verdict is read here.
	if _, err := secure.Read(make([]byte, 1)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		if msg := err.Error(); strings.Contains(msg, "tls:") {
			return "TLS: the server refuses our certificate: " + msg
		}
	}
	return "TLS is well, but etcd does not answer; has the cluster a leader?"
}

func tlsReason(err error) string {
	var unknown *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return "the server's certificate is not trusted, check the CA file: " + err.Error()
	case strings.Contains(err.Error(), "first record does not look like a TLS handshake"):
		return "the server does not speak TLS on this port"
	}
	return err.Error()
}

// address is the host:port of an endpoint with or without a scheme.
func address(endpoint string) (string, error) {
	if strings.Contains(endpoint, "://") {
		u, err := url.Parse(endpoint)
		if err != nil {
			return "", err
		}
		if u.Scheme != "http" && u.Scheme != "https" {
			return "", fmt.Errorf("scheme %q is neither http nor https", u.Scheme)
		}
		endpoint = u.Host
	}
	if _, _, err := net.SplitHostPort(endpoint); err != nil {
		return "", err
	}
	return endpoint, nil
}
