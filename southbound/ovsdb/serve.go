package ovsdb

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// server is what the connections of one listener share.
type server struct {
	cfg    Config
	budget budget
	lines  lineLimit

	mu      sync.Mutex
	open    int
	pending *list.List // of *pendingConn, oldest first
}

// pendingConn is a connection whose peer is not identified.
type pendingConn struct{ cancel context.CancelCauseFunc }

// Serve takes the connections of hosts that were told `ovs-vsctl set-manager tcp:US:6640` (or ssl:, with a TLS listener) until ctx
// or the listener ends. It calls handle in a goroutine of its own for every host that said who it is; handle's context ends with
// the connection, and handle's return ends the connection. The host dials again by itself: every time is a new Session.
//
// Serve closes l and returns when every session has ended: nil after ctx ended, otherwise why the listener failed.
func Serve(ctx context.Context, l net.Listener, cfg Config, handle func(ctx context.Context, s *Session)) error {
	defer l.Close()
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	srv := &server{cfg: cfg, pending: list.New()}
	srv.budget.left.Store(int64(cfg.MaxPendingBytes))
	srv.lines.now = time.Now
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	live, cancel := context.WithCancel(ctx)
	defer cancel() // before wg.Wait: a failed listener ends its sessions
	var wait time.Duration
	for {
		conn, err := l.Accept()
		if err == nil {
			wait = 0
			srv.start(live, &wg, conn, handle)
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
			return fmt.Errorf("ovsdb listener %s: %w", l.Addr(), err)
		}
		wait = min(max(2*wait, 5*time.Millisecond), time.Second) // out of file descriptors, most likely
		cfg.Log.WithError(err).WithField("retry", wait).Warn("cannot accept an OVSDB connection")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// start counts a connection, in the order of arrival, and serves it.
func (srv *server) start(ctx context.Context, wg *sync.WaitGroup, conn net.Conn, handle func(context.Context, *Session)) {
	ctx, cancel := context.WithCancelCause(ctx)
	leave, err := srv.enter(&pendingConn{cancel})
	if err != nil {
		cancel(nil)
		conn.Close()
		srv.say(conn, err, "OVSDB connection refused")
		return
	}
	wg.Go(func() {
		defer cancel(nil)
		srv.one(ctx, conn, leave, handle)
	})
}

// one lives as long as one connection.
func (srv *server) one(ctx context.Context, conn net.Conn, leave func(), handle func(context.Context, *Session)) {
	identified := false
	var once sync.Once
	err := serve(ctx, conn, srv.cfg, &srv.budget, func() { identified = true; once.Do(leave) }, handle)
	once.Do(leave)
	srv.mu.Lock()
	srv.open--
	srv.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled):
	case identified:
		srv.cfg.Log.WithError(err).WithField("peer", conn.RemoteAddr().String()).Info("host's database disconnected")
	default:
		srv.say(conn, err, "OVSDB connection closed")
	}
}

// enter counts a connection. When too many wait to be identified, the one that has waited longest goes: a host takes milliseconds,
// so in a flood of silent connections it is not a host.
func (srv *server) enter(p *pendingConn) (leave func(), err error) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.open >= srv.cfg.MaxSessions {
		return nil, fmt.Errorf("%w: %d are open", ErrTooMany, srv.open)
	}
	srv.open++
	e := srv.pending.PushBack(p)
	if srv.pending.Len() > srv.cfg.MaxPending {
		oldest := srv.pending.Front()
		srv.pending.Remove(oldest)
		oldest.Value.(*pendingConn).cancel(fmt.Errorf("%w that did not say who they are", ErrTooMany))
	}
	return func() {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		srv.pending.Remove(e) // no effect on one that was removed
	}, nil
}

// say logs what strangers cause, at a bounded rate.
func (srv *server) say(conn net.Conn, err error, what string) {
	ok, dropped := srv.lines.take()
	if !ok {
		return
	}
	log := srv.cfg.Log.WithError(err).WithField("peer", conn.RemoteAddr().String())
	if dropped > 0 {
		log = log.WithFields(logrus.Fields{"unlogged": dropped})
	}
	log.Warn(what)
}

// lineLimit lets linesPerSecond log lines through and counts the others.
type lineLimit struct {
	now     func() time.Time
	mu      sync.Mutex
	second  int64
	used    int
	dropped int
}

const linesPerSecond = 20

func (l *lineLimit) take() (ok bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.now().Unix(); s != l.second {
		l.second, l.used = s, 0
	}
	if l.used >= linesPerSecond {
		l.dropped++
		return false, 0
	}
	l.used++
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}
