package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// DefaultAddress is where weftd listens unless told otherwise.
const DefaultAddress = "127.0.0.1:6650"

// maxReceive bounds one message from the server: a page of 5,000 large resources, or thousands of explained flows.
const maxReceive = 64 << 20

// Config says where the server is and how to prove who is who. Its zero value is a server on this machine, without TLS.
type Config struct {
	// Address is "host:port" or "unix:/path"; empty: DefaultAddress.
	Address string
	// TLS, if set, is used as it is, and the files below are not read.
	TLS *tls.Config
	// CAFile holds the authorities (PEM) of the server's certificate; with it, or with CertFile, TLS is used.
	CAFile string
	// CertFile and KeyFile are what this client shows for itself (PEM).
	CertFile, KeyFile string
	// ServerName is the name that the server's certificate must have; empty: the address's.
	ServerName string
	// DialTimeout bounds the first connection; 0: 10 s.
	DialTimeout time.Duration
	// CallTimeout bounds every call of one answer whose context has no deadline, but Wait, which has its own; 0: 1 min.
	CallTimeout time.Duration
	// Options are passed on to gRPC.
	Options []grpc.DialOption
}

func (c Config) withDefaults() Config {
	if c.Address == "" {
		c.Address = DefaultAddress
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = 10 * time.Second
	}
	if c.CallTimeout == 0 {
		c.CallTimeout = time.Minute
	}
	return c
}

func (c Config) validate() error {
	if (c.CertFile == "") != (c.KeyFile == "") {
		return errors.New("a certificate needs its key, and a key its certificate")
	}
	if _, ok := strings.CutPrefix(c.Address, "unix:"); ok {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Address); err != nil {
		return fmt.Errorf("server address %q must be host:port or unix:/path", c.Address)
	}
	return nil
}

// credentials returns what the connection is secured with.
func (c Config) credentials() (credentials.TransportCredentials, error) {
	if c.TLS != nil {
		return credentials.NewTLS(c.TLS.Clone()), nil
	}
	if c.CAFile == "" && c.CertFile == "" {
		return insecure.NewCredentials(), nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading authorities: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", c.CAFile)
		}
	}
	if c.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("loading %s and %s: %w", c.CertFile, c.KeyFile, err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	return credentials.NewTLS(conf), nil
}

// Client is a connection to a server. It reconnects by itself when a call is made.
type Client struct {
	address string
	conn    *grpc.ClientConn
	weft    weftv1.WeftServiceClient
	admin   weftv1.AdminServiceClient
	flows   weftv1.FlowServiceClient
	why     *reason
}

// Dial connects. The error says which address could not be reached and why (errors.Is ErrUnavailable).
func Dial(ctx context.Context, conf Config) (*Client, error) {
	conf = conf.withDefaults()
	if err := conf.validate(); err != nil {
		return nil, err
	}
	creds, err := conf.credentials()
	if err != nil {
		return nil, err
	}
	why := &reason{}
	target := conf.Address
	if !strings.HasPrefix(target, "unix:") {
		target = "passthrough:///" + target // names are looked up by the dialer, so that its error can be told
	}
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithTransportCredentials(recorder{creds, why}),
		grpc.WithContextDialer(why.dial),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceive)),
		grpc.WithUnaryInterceptor(deadline(conf.CallTimeout)),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: conf.DialTimeout,
			Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second}}),
	}, conf.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", conf.Address, err)
	}
	c := &Client{address: conf.Address, conn: conn, why: why,
		weft: weftv1.NewWeftServiceClient(conn), admin: weftv1.NewAdminServiceClient(conn), flows: weftv1.NewFlowServiceClient(conn)}
	ctx, cancel := context.WithTimeout(ctx, conf.DialTimeout)
	defer cancel()
	if err := c.connect(ctx); err != nil {
		conn.Close() //nolint:errcheck // the connection was never there
		return nil, err
	}
	return c, nil
}

// deadline gives calls an end that have none, so that a server that hangs does not hang its clients.
func deadline(limit time.Duration) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		return invoke(ctx, method, req, reply, conn, opts...)
	}
}

// connect waits until the connection stands or has failed once.
func (c *Client) connect(ctx context.Context) error {
	c.conn.Connect()
	for {
		state := c.conn.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.TransientFailure:
			return c.unreachable(nil)
		}
		if !c.conn.WaitForStateChange(ctx, state) {
			return c.unreachable(ctx.Err())
		}
	}
}

// Address is the server's.
func (c *Client) Address() string { return c.address }

// Close ends the connection and every call on it.
func (c *Client) Close() error { return c.conn.Close() }

// reason remembers why the last attempt to connect failed, which gRPC tells only inside of a longer text.
type reason struct {
	mu  sync.Mutex
	err error
}

func (r *reason) set(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *reason) get() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *reason) dial(ctx context.Context, address string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	r.set(err)
	return conn, err
}

// recorder is credentials that tell the reason when a handshake fails.
type recorder struct {
	credentials.TransportCredentials
	why *reason
}

func (r recorder) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secure, info, err := r.TransportCredentials.ClientHandshake(ctx, authority, conn)
	if err != nil {
		r.why.set(fmt.Errorf("tls: %w", err))
	}
	return secure, info, err
}

func (r recorder) Clone() credentials.TransportCredentials {
	return recorder{r.TransportCredentials.Clone(), r.why}
}
