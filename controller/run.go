package controller

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/apps/tunnel"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/journal"
	"github.com/weft-sdn/weft/controller/reconcile"
	"github.com/weft-sdn/weft/controller/store"
	"github.com/weft-sdn/weft/northbound/api"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/openflow"
	"github.com/weft-sdn/weft/southbound/ovsdb"
)

// core is the running controller.
type core struct {
	cfg      Config
	log      *logrus.Entry
	store    store.Store
	catalog  *intent.Catalog
	board    *reconcile.Board
	memory   *memory
	world    *world
	feed     *feed
	hosts    *hosts
	dialers  *dialers
	switches *switches
	news     *news
	journal  *journal.Journal
	registry *prometheus.Registry
}

// Run runs the controller until ctx ends, or until something fails that it cannot do without.
func Run(ctx context.Context, cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	log := logrus.NewEntry(cfg.Log)
	s, err := openStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := s.Close(); err != nil {
			log.WithError(err).Warn("the store did not close well")
		}
	}()
	c, err := newCore(cfg, s, log)
	if err != nil {
		return err
	}
	l, err := c.listen()
	if err != nil {
		return err
	}
	defer l.close()
	if err := c.memory.load(ctx, c.world); err != nil {
		return err
	}
	log.WithFields(logrus.Fields{"version": cfg.Version, "grpc": l.grpc.Addr(), "openflow": l.openflow.Addr(), "ovsdb": l.ovsdb.Addr()}).Info("weftd is starting")
	err = c.run(ctx, l)
	if ctx.Err() != nil {
		log.Info("weftd has stopped")
		return nil
	}
	return err
}

func openStore(ctx context.Context, cfg Config, log *logrus.Entry) (store.Store, error) {
	if len(cfg.Etcd.Endpoints) == 0 {
		return store.OpenEmbedded(ctx, store.EmbeddedConfig{Dir: cfg.DataDir, Log: log})
	}
	t, err := cfg.Etcd.TLS.client()
	if err != nil {
		return nil, fmt.Errorf("etcd TLS: %w", err)
	}
	return store.OpenCluster(ctx, store.ClusterConfig{Endpoints: cfg.Etcd.Endpoints, TLS: t, Username: cfg.Etcd.Username, Password: cfg.Etcd.Password, Log: log})
}

func newCore(cfg Config, s store.Store, log *logrus.Entry) (*core, error) {
	c := &core{cfg: cfg, log: log, board: reconcile.NewBoard(), registry: prometheus.NewRegistry()}
	took := newLatencies(c.registry)
	s = timedStore{s, took}
	c.store = s
	var err error
	if c.catalog, err = intent.NewCatalog(intent.CatalogConfig{Store: s, UnderlayMTU: cfg.UnderlayMTU, UnderlayIP: cfg.UnderlayIP, FlowWords: pipeline.Words(nil), Log: log}); err != nil {
		return nil, err
	}
	c.memory = newMemory(s, log)
	if c.world, err = newWorld(c.board, apps.Config{Others: cfg.Apps, Tunnel: tunnel.Config{VXLANPort: cfg.VXLANPort, GenevePort: cfg.GenevePort, BFDInterval: uint32(cfg.TunnelBFD.Milliseconds())}}, c.memory, log); err != nil {
		return nil, err
	}
	c.feed = newFeed(c.catalog, c.world, log)
	c.hosts = newHosts(cfg, c.world, c.board, c.memory, c.catalog, log)
	c.switches = newSwitches(c.hosts, c.board, took.bundle, c.world.punted, log)
	c.news = newNews(c)
	c.journal = journal.New(book{c}, log.WithField("log", "security"))
	c.world.logged = c.logged
	ovsdbTLS, err := cfg.OVSDBTLS.client()
	if err != nil {
		return nil, fmt.Errorf("OVSDB TLS: %w", err)
	}
	c.dialers = newDialers(ovsdb.Config{Log: log, TLS: ovsdbTLS}, c.hosts.handle, log)
	c.world.deleted = func(host string) {
		c.dialers.set(host, "")
		c.hosts.forget(host)
		c.switches.forget(host)
		c.world.packets.Forget(host)
	}
	c.world.configured = func(host string, spec *weftv1.HostSpec) {
		c.hosts.know(host, spec)
		c.dialers.set(host, spec.GetManager())
	}
	c.world.statusChanged = c.news.changed
	c.registry.MustRegister(newCollector(c))
	return c, nil
}

// listeners are the addresses that the controller serves.
type listeners struct{ grpc, openflow, ovsdb, metrics net.Listener }

func (l *listeners) close() {
	for _, one := range []net.Listener{l.grpc, l.openflow, l.ovsdb, l.metrics} {
		if one != nil {
			one.Close()
		}
	}
}

// listen opens all listeners, so that an address in use is reported before anything runs.
func (c *core) listen() (*listeners, error) {
	l := &listeners{}
	for _, w := range []struct {
		what, address string
		files         TLSFiles
		to            *net.Listener
	}{
		{"gRPC", c.cfg.GRPC, TLSFiles{}, &l.grpc}, // the gRPC server does its own TLS
		{"OpenFlow", c.cfg.OpenFlow, c.cfg.OpenFlowTLS, &l.openflow},
		{"OVSDB", c.cfg.OVSDB, c.cfg.OVSDBTLS, &l.ovsdb},
		{"metrics", c.cfg.Metrics, TLSFiles{}, &l.metrics},
	} {
		if w.address == "none" {
			continue
		}
		listener, err := c.cfg.Listen("tcp", w.address)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("%s: %w", w.what, err)
		}
		*w.to = listener
		t, err := w.files.server()
		if err != nil {
			l.close()
			return nil, fmt.Errorf("%s TLS: %w", w.what, err)
		}
		if t != nil {
			*w.to = tls.NewListener(listener, t)
		}
	}
	c.hosts.ofPort, c.hosts.ofScheme = listenPort(l.openflow.Addr()), "tcp"
	if c.cfg.OpenFlowTLS.enabled() {
		c.hosts.ofScheme = "ssl"
	}
	return l, nil
}

// run runs everything, and returns when all of it has ended.
func (c *core) run(ctx context.Context, l *listeners) error {
	grpcTLS, err := c.cfg.GRPCTLS.server()
	if err != nil {
		return fmt.Errorf("gRPC TLS: %w", err)
	}
	server, err := api.New(api.Config{
		Catalog: c.catalog, Controller: c, Looker: c, Store: c.store, Registry: c.registry, Log: c.log, Version: c.cfg.Version, TLS: grpcTLS, Info: c.info,
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { c.world.run(ctx); return nil })
	g.Go(func() error { c.memory.run(ctx); return nil })
	g.Go(func() error { c.news.run(ctx); return nil })
	g.Go(func() error { c.journal.Run(ctx); return nil })
	g.Go(func() error { return ended(ctx, "store", store.Follow(ctx, c.store, intent.StorePrefix, c.feed)) })
	g.Go(func() error { return ended(ctx, "gRPC", server.Serve(ctx, l.grpc)) })
	if l.metrics != nil {
		g.Go(func() error { return ended(ctx, "metrics", c.serveMetrics(ctx, l.metrics)) })
	}
	// Switches and databases are heard only when it is known what they should be.
	afterLoad := func(f func() error) func() error {
		return func() error {
			select {
			case <-ctx.Done():
				return nil
			case <-c.feed.loaded:
				return f()
			}
		}
	}
	g.Go(afterLoad(func() error {
		return ended(ctx, "OVSDB", ovsdb.Serve(ctx, l.ovsdb, ovsdb.Config{Log: c.log}, c.hosts.handle))
	}))
	g.Go(afterLoad(func() error {
		return ended(ctx, "OpenFlow", openflow.Serve(ctx, l.openflow, openflow.ConnConfig{}, c.switches.handle, c.switches.report))
	}))
	g.Go(afterLoad(func() error { c.dialers.run(ctx); return nil }))
	g.Go(afterLoad(func() error { c.complete(ctx); return nil }))
	return g.Wait()
}

// complete gives what is stored what an earlier version did not allocate for it.
func (c *core) complete(ctx context.Context) {
	if err := c.catalog.Complete(ctx); err != nil && ctx.Err() == nil {
		c.log.WithError(err).Error("stored networks and routers lack what this version needs of them; apply them again")
	}
}

// ended says what ended, unless that was asked for.
func ended(ctx context.Context, what string, err error) error {
	if ctx.Err() == nil && err == nil {
		return fmt.Errorf("%s ended by itself", what)
	}
	if ctx.Err() == nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (c *core) serveMetrics(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(c.registry, promhttp.HandlerOpts{}))
	if c.cfg.Pprof == "on" {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout, MaxHeaderBytes: 1 << 16}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // Serve says what went wrong
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
