package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Limits of the server. Sizes in bytes.
const (
	maxReceive    = 4 << 20 // one request
	maxHeaders    = 16 << 10
	maxStreams    = 1000            // calls under way on one connection
	softMessage   = 2 << 20         // a response of many resources is cut at this size: clients take 4 MiB unless told otherwise
	handshakeTime = 5 * time.Second // no more than stopTime, as a handshake under way holds up a stop
	callTime      = time.Minute     // of a call that has no deadline of its own
	stopTime      = 5 * time.Second
	loadPoll      = 20 * time.Millisecond
)

// Controller is what the API asks of the controller.
type Controller interface {
	// Overlay fills in the part of a resource's status that is computed and observed.
	Overlay(res *weftv1.Resource)
	// Await returns how far the hosts in scope are, at once when none of them is still at work, or else when that is so or
	// ctx ends, which is no error.
	Await(ctx context.Context, w Await) ([]*weftv1.HostProgress, error)
	// StatusChanges delivers the keys of resources whose overlay may have changed, until ctx ends. Changes of the same key
	// that were not yet read are one.
	StatusChanges(ctx context.Context) <-chan []intent.Key
	// Listen returns what the log is told from now on, as far as it is wanted.
	Listen(wanted func(*weftv1.LogEntry) bool) Listener
	// Explain tells where flows come from.
	Explain(ctx context.Context, req *weftv1.ExplainRequest) (*weftv1.ExplainResponse, error)
}

// Listener hears what the log is told.
type Listener interface {
	// Wake receives a value when there is something to take.
	Wake() <-chan struct{}
	// Take returns what has gathered, and how many entries before that are lost.
	Take() (entries []*weftv1.LogEntry, lost uint64)
	Close()
}

// Await says what to wait for.
type Await struct {
	Revision      int64
	Hosts         []string     // empty: all
	Resources     []intent.Key // if any, only hosts that carry one of them
	OfflineCounts bool         // hosts that are offline are waited for, too
}

// Config is what a server serves. Catalog, Controller and Store are needed.
type Config struct {
	Catalog    *intent.Catalog
	Controller Controller
	Store      store.Store
	Registry   *prometheus.Registry // nil: no metrics
	Log        *logrus.Entry        // nil: no log
	Version    string
	TLS        *tls.Config // nil: plain text
	// Looker looks at switches and packets; nil: FlowService is not served.
	Looker Looker
	// Info tells how the controller is; nil: only version and revision are known.
	Info func() *weftv1.GetInfoResponse
	// Bookmark is how often an idle watch gives a sign of life; 0: 5 s.
	Bookmark time.Duration
}

func (c Config) withDefaults() (Config, error) {
	if c.Catalog == nil || c.Controller == nil || c.Store == nil {
		return c, errors.New("api: a catalog, a controller and a store are needed")
	}
	if c.Log == nil {
		log := logrus.New()
		log.SetOutput(io.Discard)
		c.Log = logrus.NewEntry(log)
	}
	if c.Bookmark == 0 {
		c.Bookmark = 5 * time.Second
	}
	if c.Bookmark < 0 {
		return c, fmt.Errorf("api: bookmarks every %s", c.Bookmark)
	}
	return c, nil
}

// Server is the gRPC server.
type Server struct {
	cfg     Config
	log     *logrus.Entry
	grpc    *grpc.Server
	health  *health.Server
	metrics *metrics
	past    *past
	served  atomic.Bool

	life context.Context // ends when the server begins to stop
	end  context.CancelFunc
}

// New makes a server.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Log, health: health.NewServer(), past: newPast(cfg.Catalog, cfg.Log)}
	if s.metrics, err = newMetrics(cfg.Registry); err != nil {
		return nil, err
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.grpc = grpc.NewServer(s.options()...)
	weftv1.RegisterWeftServiceServer(s.grpc, &weft{s: s})
	weftv1.RegisterAdminServiceServer(s.grpc, &admin{s: s})
	if cfg.Looker != nil {
		weftv1.RegisterFlowServiceServer(s.grpc, &flows{s: s})
	}
	healthv1.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	s.setHealth(healthv1.HealthCheckResponse_NOT_SERVING)
	return s, nil
}

func (s *Server) options() []grpc.ServerOption {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxReceive),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTime),
		// A peer that vanished is noticed within 40 s, and what it holds is let go of.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
	}
	if s.cfg.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.cfg.TLS.Clone())))
	}
	return options
}

func (s *Server) setHealth(st healthv1.HealthCheckResponse_ServingStatus) {
	for _, service := range []string{"", weftv1.WeftService_ServiceDesc.ServiceName, weftv1.AdminService_ServiceDesc.ServiceName, weftv1.FlowService_ServiceDesc.ServiceName} {
		s.health.SetServingStatus(service, st)
	}
}

// Serve serves on l until ctx ends, and returns nil then, when calls under way have ended or 5 s have passed. It can be
// called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if s.served.Swap(true) {
		return errors.New("api: served already")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { failed <- s.grpc.Serve(l) })
	running.Go(func() { s.follow(ctx) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("api: %w", err)
	}
	cancel()
	s.stop()
	running.Wait()
	return err
}

// stop lets calls under way end: those that wait for something are told to, the others have a while.
func (s *Server) stop() {
	s.health.Shutdown()
	s.end()
	late := time.AfterFunc(stopTime, s.grpc.Stop)
	defer late.Stop()
	s.grpc.GracefulStop()
}

// follow keeps the past, from when the catalog has read the store.
func (s *Server) follow(ctx context.Context) {
	tick := time.NewTicker(loadPoll)
	defer tick.Stop()
	for s.cfg.Catalog.Revision() == 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	s.setHealth(healthv1.HealthCheckResponse_SERVING)
	if err := store.Follow(ctx, s.cfg.Store, intent.StorePrefix, s.past); err != nil && ctx.Err() == nil {
		s.log.WithError(err).Error("the store is followed no more; watches cannot tell what deleted resources were")
	}
}
