package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/reconcile"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// strangerPatience is how long a switch that no host explains may stay connected: its host's database may be about to
// connect.
const strangerPatience = 30 * time.Second

// switches takes switch connections to the targets of their hosts.
type switches struct {
	hosts *hosts
	board *reconcile.Board
	log   *logrus.Entry

	bundles prometheus.Observer // of the seconds that bundles take
	punted  func(*punt.Packet)  // takes the packets that flows hand over

	mu   sync.Mutex
	ends map[string]*running // by system-id
	seen map[string]contact  // of bare switches
}

// contact is when a bare switch connected, or when it was lost, and where it is.
type contact struct {
	since time.Time
	peer  string
}

// running is the reconciler of one host's switch.
type running struct {
	end  context.CancelFunc
	done chan struct{}
}

func newSwitches(h *hosts, b *reconcile.Board, bundles prometheus.Observer, punted func(*punt.Packet), log *logrus.Entry) *switches {
	return &switches{hosts: h, board: b, bundles: bundles, punted: punted, log: log, ends: map[string]*running{}, seen: map[string]contact{}}
}

// handle serves one switch connection until it ends.
func (s *switches) handle(ctx context.Context, c *openflow.Conn) error {
	log := s.log.WithFields(logrus.Fields{"peer": c.Info().Remote, "datapath": dpidText(c.Datapath())})
	name, ok := s.hosts.owner(ctx, c.Datapath())
	if !ok {
		return fmt.Errorf("datapath id %s at %s: %w", dpidText(c.Datapath()), c.Info().Remote, errStranger)
	}
	log = log.WithField("host", name)
	ctx, end := context.WithCancel(ctx)
	defer end()
	r := s.replace(name, end)
	defer s.leave(name, r)
	log.Info("switch connected")
	run := &reconcile.Reconciler{Board: s.board, Target: s.board.Target(name), Conn: c, Log: log, Punted: s.punted, Seen: s.hosts.world.tap.in}
	run.Bundled = func(d time.Duration) { s.bundles.Observe(d.Seconds()) }
	if s.hosts.world.hostSpec(name).GetDatapathId() != "" {
		defer s.serveBare(name, c.Info().Remote, run)()
	}
	return run.Run(ctx)
}

// report is told why a connection ended, or never was.
func (s *switches) report(err error) {
	s.log.WithError(err).Warn("a switch connection ended")
}

// errStranger ends the connection of a switch that belongs to no known host.
var errStranger = errors.New("no known host has a switch with this datapath id; a host is known when its OVSDB server has connected, a bare switch by the datapathId of a Host")

// replace makes a connection the host's, after the one before has ended: a switch that connects again has lost its old
// connection, whether we have noticed or not.
func (s *switches) replace(name string, end context.CancelFunc) *running {
	r := &running{end: end, done: make(chan struct{})}
	s.mu.Lock()
	old := s.ends[name]
	s.ends[name] = r
	s.mu.Unlock()
	if old != nil {
		old.end()
		<-old.done
	}
	return r
}

// forget ends the connection of a host that was deleted.
func (s *switches) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.ends[name]; r != nil {
		r.end()
	}
	delete(s.seen, name)
}

func (s *switches) leave(name string, r *running) {
	s.mu.Lock()
	if s.ends[name] == r {
		delete(s.ends, name)
	}
	s.mu.Unlock()
	close(r.done)
}

// owner finds the host of a datapath id, waiting a while for one that is about to be known.
func (h *hosts) owner(ctx context.Context, dpid uint64) (string, bool) {
	patience := time.NewTimer(strangerPatience)
	defer patience.Stop()
	for {
		h.mu.Lock()
		name, ok := h.byDPID[dpid]
		changed := h.changed
		h.mu.Unlock()
		if ok {
			return name, true
		}
		select {
		case <-ctx.Done():
			return "", false
		case <-patience.C:
			return "", false
		case <-changed:
		}
	}
}
