package ovsdb

import (
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// Reasons for which a session ends.
var (
	ErrNotIdentified = errors.New("peer did not say who it is in time")
	ErrNoSystemID    = errors.New("host has no usable Open_vSwitch external_ids:system-id")
	ErrSilent        = errors.New("no sign of life from the peer")
	ErrHandled       = errors.New("the session's user left it")
	ErrTooMany       = errors.New("too many connections")
)

// Session is the OVSDB connection of one identified host. Its methods may be called from any goroutine, also after it ended.
type Session struct {
	cfg      Config
	log      *logrus.Entry
	conn     net.Conn
	systemID string
	state    atomic.Pointer[State]
	changed  chan struct{}
	wake     chan struct{}

	mu      sync.Mutex
	desired *Desired
	level   uint64 // counts SetDesired
	status  Status
}

// Status is how far the session has brought the host to what is desired.
type Status struct {
	Synced       bool     // the database holds all that is desired: nothing to write, no conflict
	Applied      bool     // ovs-vswitchd has applied all that this session wrote (cur_cfg ≥ NextCfg)
	NextCfg      int64    // next_cfg as our last transaction left it; 0: none yet
	Conflicts    []string // what is desired but taken by rows that are not ours
	Err          error    // of the last transaction, or of Desired itself; nil after one that went well
	ErrAt        time.Time
	DriftMended  uint64 // changes that others made to what is ours and that were undone
	Transactions uint64 // that went well
	Failures     uint64 // that did not
}

// SystemID is the host's external_ids:system-id. Two sessions may have the same: that is for the caller to refuse, knowing Peer.
func (s *Session) SystemID() string { return s.systemID }

// Peer is the host's end of the connection.
func (s *Session) Peer() net.Addr { return s.conn.RemoteAddr() }

// Local is our end: of a connection that the host made, the address by which this host reaches us.
func (s *Session) Local() net.Addr { return s.conn.LocalAddr() }

// Snapshot is the host's database as last seen; nil before the first reply.
func (s *Session) Snapshot() *State { return s.state.Load() }

// Changed receives a value after Snapshot or Status changed; several changes may make one value.
func (s *Session) Changed() <-chan struct{} { return s.changed }

// SetDesired says what the host should hold from now on. Until the first call nothing is written.
func (s *Session) SetDesired(d Desired) {
	d = d.clone()
	s.mu.Lock()
	same := s.desired != nil && s.desired.equal(&d)
	if !same {
		s.desired = &d
		s.level++
		s.status.Synced = false
	}
	s.mu.Unlock()
	if !same {
		signal(s.wake)
	}
}

// Status tells how far the host is.
func (s *Session) Status() Status {
	s.mu.Lock()
	st := s.status
	s.mu.Unlock()
	if state := s.state.Load(); state != nil {
		st.Applied = state.CurCfg >= st.NextCfg
	}
	return st
}

// note changes the status and tells the user when something they can see is different.
func (s *Session) note(change func(*Status)) {
	s.mu.Lock()
	before := s.status
	change(&s.status)
	after := s.status
	s.mu.Unlock()
	if before.Synced != after.Synced || before.NextCfg != after.NextCfg || before.Failures != after.Failures ||
		before.Transactions != after.Transactions || !slices.Equal(before.Conflicts, after.Conflicts) || (before.Err == nil) != (after.Err == nil) {
		signal(s.changed)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
