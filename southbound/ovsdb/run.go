package ovsdb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	wire "github.com/ovn-org/libovsdb/ovsdb"
)

// runner is the inside of a Session: what its main goroutine owns.
type runner struct {
	*Session
	cancel     context.CancelCauseFunc
	rep        *replica
	out        chan []byte
	identified atomic.Bool
	heard      atomic.Int64 // UnixNano of the last bytes from the peer
	asked      map[uint64]call
	lastID     uint64
	probing    bool
	mend       mender
	joined     func() // called once, when the peer is identified
}

// call is a request that has not been answered.
type call struct {
	kind  callKind
	since time.Time
	plan  plan
	ops   []wire.Operation
}

type callKind int

const (
	callMonitor callKind = iota
	callTransact
	callEcho
)

// maxQueued bounds messages to a peer that does not read, maxEcho the echo that we send back to one that asks.
const (
	maxQueued = 64
	maxEcho   = 4 << 10
)

// serve speaks with one peer until the connection or ctx ends and says why. handle runs once the peer is identified; its context
// ends with the session. All goroutines have ended when serve returns.
func serve(ctx context.Context, conn net.Conn, cfg Config, b *budget, joined func(), handle func(context.Context, *Session)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &runner{
		Session: &Session{cfg: cfg, log: cfg.Log.WithField("peer", conn.RemoteAddr().String()), conn: conn,
			changed: make(chan struct{}, 1), wake: make(chan struct{}, 1)},
		cancel: cancel, rep: newReplica(cfg), out: make(chan []byte, maxQueued), asked: make(map[uint64]call), joined: joined,
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	deadline := time.AfterFunc(cfg.IdentifyTimeout, func() {
		if !s.identified.Load() {
			cancel(ErrNotIdentified)
		}
	})
	defer deadline.Stop()
	if t, ok := conn.(*tls.Conn); ok {
		if err := t.HandshakeContext(ctx); err != nil {
			return because(ctx, fmt.Errorf("tls handshake: %w", err))
		}
	}
	var wg sync.WaitGroup
	frames := make(chan []byte, 8)
	wg.Go(func() { cancel(s.readLoop(ctx, frames, b)) })
	wg.Go(func() { cancel(s.writeLoop(ctx)) })
	cancel(s.mainLoop(ctx, frames, &wg, handle))
	conn.Close()
	wg.Wait()
	return context.Cause(ctx)
}

// because prefers the reason for which the session was ended to the error that followed from that.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// timedReader notes when the peer was heard and gives up on a silent one.
type timedReader struct{ s *runner }

func (r timedReader) Read(b []byte) (int, error) {
	if err := r.s.conn.SetReadDeadline(time.Now().Add(r.s.cfg.ProbeTimeout)); err != nil {
		return 0, err
	}
	n, err := r.s.conn.Read(b)
	if n > 0 {
		r.s.heard.Store(time.Now().UnixNano())
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w for %s", ErrSilent, r.s.cfg.ProbeTimeout)
	}
	return n, err
}

func (s *runner) readLoop(ctx context.Context, frames chan<- []byte, b *budget) error {
	f := newFramer(timedReader{s}, s.cfg, b, &s.identified)
	defer f.release()
	for {
		msg, err := f.next()
		if err != nil {
			return err
		}
		select {
		case frames <- msg:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *runner) writeLoop(ctx context.Context) error {
	for {
		select {
		case msg := <-s.out:
			if err := s.conn.SetWriteDeadline(time.Now().Add(s.cfg.ReplyTimeout)); err != nil {
				return err
			}
			if _, err := s.conn.Write(msg); err != nil {
				return fmt.Errorf("write: %w", err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// mainLoop owns the replica: it reads messages into it, publishes it and mends the host.
func (s *runner) mainLoop(ctx context.Context, frames <-chan []byte, wg *sync.WaitGroup, handle func(context.Context, *Session)) error {
	if err := s.ask(call{kind: callMonitor}, "monitor_cond", monitorRequest()); err != nil {
		return err
	}
	tick := time.NewTicker(max(s.cfg.ProbeInterval/2, time.Millisecond))
	defer tick.Stop()
	s.mend.timer = time.NewTimer(time.Hour)
	defer s.mend.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case msg := <-frames:
			if err := s.receiveAll(msg, frames); err != nil {
				return err
			}
			if err := s.publish(ctx, wg, handle); err != nil {
				return err
			}
		case now := <-tick.C:
			if err := s.probe(now); err != nil {
				return err
			}
			continue
		case <-s.wake:
		case <-s.mend.timer.C:
			s.rep.planDirty = true
		}
		if err := s.reconcile(time.Now()); err != nil {
			return err
		}
	}
}

// receiveAll takes msg and those that have arrived behind it, so that a burst is published once.
func (s *runner) receiveAll(msg []byte, frames <-chan []byte) error {
	for {
		if err := s.receive(msg); err != nil {
			return err
		}
		select {
		case msg = <-frames:
		default:
			return nil
		}
	}
}

func (s *runner) receive(b []byte) error {
	m, err := parseMessage(b)
	if err != nil {
		return err
	}
	switch m.method {
	case "":
		return s.answered(m)
	case "update2":
		if s.rep.root == nil {
			return stateError("update before the first reply")
		}
		return updateNotification(s.rep, m.params)
	case "echo":
		if len(m.params) == 0 || len(m.params)+len(m.id) > maxEcho {
			return fmt.Errorf("%w: echo of %d bytes", errTooBig, len(m.params))
		}
		if len(m.id) == 0 || string(m.id) == "null" {
			return nil
		}
		return s.send(reply(m.id, m.params, []byte("null")))
	default:
		if len(m.id) == 0 || string(m.id) == "null" || len(m.id) > maxEcho {
			return nil
		}
		return s.send(reply(m.id, []byte("null"), []byte(`"unknown method"`)))
	}
}

func (s *runner) answered(m message) error {
	id, err := strconv.ParseUint(string(m.id), 10, 64)
	c, ok := s.asked[id]
	if err != nil || !ok {
		return stateError("reply to nothing that was asked")
	}
	delete(s.asked, id)
	failure, failed := m.failed()
	switch c.kind {
	case callMonitor:
		if failed {
			return fmt.Errorf("monitor_cond of %s refused (Open vSwitch 2.6 or later is needed): %s", database, failure)
		}
		cur := &cursor{b: m.result}
		return s.rep.apply(cur)
	case callTransact:
		return s.transacted(c, m)
	case callEcho:
		s.probing = false
	}
	return nil
}

// publish shows what changed, and on the first time makes the session known.
func (s *runner) publish(ctx context.Context, wg *sync.WaitGroup, handle func(context.Context, *Session)) error {
	if s.rep.root == nil {
		if s.state.Load() != nil || len(s.asked) == 0 {
			return stateError("no row in Open_vSwitch")
		}
		return nil
	}
	next := s.rep.publish()
	if next == nil {
		return nil
	}
	if s.identified.Load() {
		if next.SystemID != s.systemID {
			return fmt.Errorf("%w any more: %.80q became %.80q", ErrNoSystemID, s.systemID, next.SystemID)
		}
		s.state.Store(next)
		signal(s.changed)
		return nil
	}
	if !usableSystemID(next.SystemID) {
		return fmt.Errorf("%w: %.80q", ErrNoSystemID, next.SystemID)
	}
	s.systemID = next.SystemID
	s.log = s.log.WithField("host", next.SystemID)
	s.state.Store(next)
	s.identified.Store(true)
	s.joined()
	s.log.WithFields(map[string]any{"ovs": next.OVSVersion, "interfaces": len(next.Interfaces)}).Info("host's database connected")
	signal(s.changed)
	wg.Go(func() {
		handle(ctx, s.Session)
		s.cancel(ErrHandled)
	})
	return nil
}

// usableSystemID says whether an id can name a host in keys and logs.
func usableSystemID(id string) bool {
	if id == "" || len(id) > 255 {
		return false
	}
	for _, r := range id {
		if !unicode.IsPrint(r) || r == ' ' || r == '/' || r == unicode.ReplacementChar {
			return false
		}
	}
	return true
}

// probe asks a quiet peer for a sign of life (the reader gives up on a silent one) and gives up on one that owes an answer.
func (s *runner) probe(now time.Time) error {
	for _, c := range s.asked {
		if c.kind != callEcho && now.Sub(c.since) > s.cfg.ReplyTimeout {
			return fmt.Errorf("%w: no reply for %s", ErrSilent, s.cfg.ReplyTimeout)
		}
	}
	if s.probing || now.UnixNano()-s.heard.Load() < int64(s.cfg.ProbeInterval) {
		return nil
	}
	s.probing = true
	return s.ask(call{kind: callEcho}, "echo", wire.NewEchoArgs())
}

func (s *runner) ask(c call, method string, params []any) error {
	s.lastID++
	b, err := request(s.lastID, method, params)
	if err != nil {
		return fmt.Errorf("encode %s: %w", method, err)
	}
	c.since = time.Now()
	s.asked[s.lastID] = c
	return s.send(b)
}

// send never blocks: a peer that does not read is given up on.
func (s *runner) send(b []byte) error {
	select {
	case s.out <- b:
		return nil
	default:
		return errors.New("peer does not read what it is sent")
	}
}
