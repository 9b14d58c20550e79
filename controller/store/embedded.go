package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

// EmbeddedConfig says where the embedded store lives.
type EmbeddedConfig struct {
	Dir string // data directory, made when missing; one process at a time
	Log logrus.FieldLogger

	Prefix           string        // default DefaultPrefix
	RequestTimeout   time.Duration // of one request; default 10 s
	StartTimeout     time.Duration // of OpenEmbedded, which may have to replay a log; default 1 min
	QuotaBytes       int64         // size the data may grow to; default 8 GiB
	KeepRevisions    int64         // history kept for watches by compaction every 5 min; default 20,000
	ProgressInterval time.Duration // how often an idle watch hears of progress; default 10 s
}

func (c *EmbeddedConfig) validate() error {
	if c.Dir == "" {
		return fmt.Errorf("%w: no store directory given", ErrInvalid)
	}
	prefix, err := checkPrefix(c.Prefix)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c.Prefix = prefix
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return fmt.Errorf("store directory %q: %w", c.Dir, err)
	}
	setDefault(&c.RequestTimeout, 10*time.Second)
	setDefault(&c.StartTimeout, time.Minute)
	setDefault(&c.ProgressInterval, 10*time.Second)
	if c.QuotaBytes <= 0 {
		c.QuotaBytes = 8 << 30
	}
	if c.KeepRevisions <= 0 {
		c.KeepRevisions = 20_000
	}
	return nil
}

// OpenEmbedded starts an etcd server of one member inside this process, without a socket of any kind, on a data
// directory of its own. ErrLocked when another process has the directory, ErrDamaged when its files cannot be read.
func OpenEmbedded(ctx context.Context, cfg EmbeddedConfig) (Store, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.StartTimeout)
	defer cancel()
	core := newZap(cfg.Log)
	server, err := startServer(ctx, cfg, core)
	if err != nil {
		_ = lock.Close()
		return nil, startError(cfg.Dir, err)
	}
	return embeddedStore(cfg, server, core, lock), nil
}

// embeddedStore is the store over a server that runs; closing it ends the server and gives the directory back.
func embeddedStore(cfg EmbeddedConfig, server *embed.Etcd, core *zapCore, lock io.Closer) *etcd {
	core.state.loud.Store(true)
	cli := v3client.New(server.Server)
	s := newEtcd(cli, fmt.Sprintf("embedded store %q", cfg.Dir), cfg.Prefix, cfg.RequestTimeout)
	s.failed, s.broken = core.state.failed, core.failure
	s.release = func() error {
		err := cli.Close()
		stopServer(server, core)
		return errors.Join(ignoreCanceled(err), lock.Close())
	}
	return s
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// memberURL names the only member to itself. Nothing listens on it and nothing dials it.
var memberURL = url.URL{Scheme: "unix", Host: "weft-embedded:0"}

func serverConfig(cfg EmbeddedConfig, core *zapCore) *embed.Config {
	ec := embed.NewConfig()
	ec.Name = "weft"
	ec.Dir = etcdDir(cfg.Dir)
	ec.ZapLoggerBuilder = embed.NewZapLoggerBuilder(core.logger())
	// No listener at all: the client calls the server's functions.
	ec.ListenPeerUrls, ec.ListenClientUrls, ec.AdvertiseClientUrls = nil, nil, nil
	ec.EnableGRPCGateway = false
	ec.AdvertisePeerUrls = []url.URL{memberURL}
	ec.InitialCluster = ec.InitialClusterFromName(ec.Name)
	// A member alone elects itself; short ticks only make it start sooner.
	ec.TickMs, ec.ElectionMs = 20, 100
	ec.MaxTxnOps = MaxOps
	ec.MaxRequestBytes = 2 * MaxBytes // MaxBytes counts keys and values, this the request around them as well
	ec.QuotaBackendBytes = cfg.QuotaBytes
	ec.AutoCompactionMode = embed.CompactorModeRevision
	ec.AutoCompactionRetention = strconv.FormatInt(cfg.KeepRevisions, 10)
	ec.WatchProgressNotifyInterval = cfg.ProgressInterval
	ec.BootstrapDefragThresholdMegabytes = 256
	// Nobody ever catches up from our log, so few of its entries (each may hold a large transaction) stay in memory.
	ec.SnapshotCount, ec.SnapshotCatchUpEntries = 2000, 10
	return ec
}

func etcdDir(dir string) string { return filepath.Join(dir, "etcd") }

// startServer starts etcd and waits until it serves.
func startServer(ctx context.Context, cfg EmbeddedConfig, core *zapCore) (*embed.Etcd, error) {
	if err := preflight(etcdDir(cfg.Dir)); err != nil {
		return nil, err
	}
	ec := serverConfig(cfg, core)
	started := make(chan *embed.Etcd, 1)
	failed := make(chan error, 1)
	// A goroutine of its own, because etcd answers damaged files with a panic or the end of the goroutine (zapCore).
	go func() {
		done := false
		defer func() {
			if p := recover(); p != nil {
				failed <- fmt.Errorf("%w: %v", ErrDamaged, p)
			} else if !done {
				failed <- fmt.Errorf("%w: %w", ErrDamaged, core.failure())
			}
		}()
		e, err := embed.StartEtcd(ec)
		done = true
		if err != nil {
			failed <- err
			return
		}
		started <- e
	}()
	select {
	case err := <-failed:
		return nil, err
	case <-core.state.failed: // in a goroutine of etcd's that ours waits for, without end
		return nil, fmt.Errorf("%w: %w", ErrDamaged, core.failure())
	case <-ctx.Done():
		go func() { // it may still come up, holding the directory
			select {
			case e := <-started:
				e.Close()
			case err := <-failed:
				cfg.Log.WithError(err).Warn("the embedded store failed to start, after it had been given up")
			}
		}()
		return nil, fmt.Errorf("%w: it did not start in time: %w", ErrUnavailable, ctx.Err())
	case e := <-started:
		return awaitReady(ctx, e, core)
	}
}

func awaitReady(ctx context.Context, e *embed.Etcd, core *zapCore) (*embed.Etcd, error) {
	var err error
	select {
	case <-e.Server.ReadyNotify():
		if err = awaitVersion(ctx, e); err == nil {
			return e, nil
		}
	case <-core.state.failed:
		err = fmt.Errorf("%w: %w", ErrDamaged, core.failure())
	case <-e.Server.StopNotify():
		err = errors.New("etcd stopped while starting")
	case <-ctx.Done():
		err = fmt.Errorf("%w: it did not become ready in time: %w", ErrUnavailable, ctx.Err())
	}
	stopServer(e, core)
	return nil, err
}

// awaitVersion waits until etcd has written its cluster version, which it does once, soon after its first start. While it
// does, it holds a lock that a call whose deadline has passed needs to return: on a disk that does not answer, that call
// would hang.
func awaitVersion(ctx context.Context, e *embed.Etcd) error {
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for e.Server.ClusterVersion() == nil {
		select {
		case <-e.Server.StopNotify():
			return errors.New("etcd stopped while starting")
		case <-ctx.Done():
			return fmt.Errorf("%w: it did not become ready in time: %w", ErrUnavailable, ctx.Err())
		case <-poll.C:
		}
	}
	return nil
}

// stopServer ends the server; one that has failed may have lost the goroutines that would answer, so it gets only some
// time.
func stopServer(e *embed.Etcd, core *zapCore) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped) // also when closing ends in Goexit
		e.Close()
	}()
	if core.failure() == nil {
		select {
		case <-stopped:
			return
		case <-core.state.failed:
		}
	}
	select {
	case <-stopped:
	case <-time.After(3 * time.Second):
	}
}

// startError says what to do about a store that does not start.
func startError(dir string, err error) error {
	switch {
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.Canceled):
		return fmt.Errorf("store directory %q: %w", dir, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("store directory %q cannot be written: %w", dir, err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("store directory %q: the disk is full: %w", dir, err)
	case !errors.Is(err, ErrDamaged):
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return fmt.Errorf("store directory %q: %w; move it away, start with an empty directory and restore a backup", dir, err)
}
