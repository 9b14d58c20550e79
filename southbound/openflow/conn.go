package openflow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of connections. What they wrap says more.
var (
	// ErrClosed is returned by everything that needs a connection that has ended; what it wraps says why.
	ErrClosed = errors.New("connection closed")
	// ErrVersion is returned when the switch does not speak OpenFlow 1.3.
	ErrVersion = errors.New("no common protocol version")
	// ErrSilent ends a connection whose switch does not answer.
	ErrSilent = errors.New("switch does not answer")
	// ErrFlood ends a connection whose switch asks for more than it reads.
	ErrFlood = errors.New("switch sends requests and does not read the answers")

	errDead = errors.New("dead")
)

// Info is what is known of a switch after the handshake.
type Info struct {
	Features Features
	Desc     Desc
	Remote   string
	Nicira   IsNicira // it takes Open vSwitch's extensions
	Role     Role     // as granted
}

// IsNicira says whether a switch takes Open vSwitch's extensions.
type IsNicira bool

// Conn is a connection to one switch. All methods may be called by several goroutines at once.
type Conn struct {
	nc    net.Conn
	cfg   ConnConfig
	info  Info
	input []byte // what the handshake read too much

	out    *outbox
	events *eventQueue
	xid    atomic.Uint32
	bundle atomic.Uint32

	mu      sync.Mutex
	pending map[uint32]*pending
	ranges  []*pending // transactions with several ids

	lastRead atomic.Int64 // when the last whole message came, as Unix nanoseconds
	blocked  atomic.Bool  // the reader waits for one of us

	dead   chan struct{}
	cause  error
	ending sync.Once
	counts counters
}

// counters of what a connection did.
type counters struct {
	read, strays atomic.Uint64
}

// Counts says what a connection did so far.
type Counts struct {
	MessagesRead     uint64
	PacketInsDropped uint64 // nobody took them in time
	UpdatesLost      uint64 // likewise; each time an EventsLost was given
	StrayReplies     uint64 // answers to requests that nobody waits for any more
}

// NewConn makes the handshake with a switch: versions, features, role, async configuration, packet-in format. It owns nc,
// and closes it when the handshake fails. The connection does nothing more before Run.
func NewConn(ctx context.Context, nc net.Conn, cfg ConnConfig) (*Conn, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("switch %s: %w", remote(nc), err)
	}
	c := &Conn{
		nc: nc, cfg: cfg, out: newOutbox(cfg.WriteBuffer), events: newEventQueue(cfg.PacketIns, cfg.Updates),
		pending: map[uint32]*pending{}, dead: make(chan struct{}),
	}
	c.info.Remote = remote(nc)
	c.xid.Store(16) // the handshake's are below
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	err = nc.SetDeadline(time.Now().Add(cfg.HandshakeTimeout))
	if err == nil {
		err = c.handshake()
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		nc.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("switch %s: handshake: %w", c.info.Remote, err)
	}
	return c, nc.SetDeadline(time.Time{})
}

func remote(nc net.Conn) string {
	if a := nc.RemoteAddr(); a != nil && a.String() != "" && a.String() != "@" {
		return a.Network() + ":" + a.String()
	}
	return "(local)"
}

// Info returns what the handshake found out.
func (c *Conn) Info() Info { return c.info }

// Datapath is the switch's id.
func (c *Conn) Datapath() uint64 { return c.info.Features.Datapath }

// Counts returns what the connection did so far.
func (c *Conn) Counts() Counts {
	return Counts{c.counts.read.Load(), c.events.dropped(), c.events.lostCount(), c.counts.strays.Load()}
}

// Done is closed when the connection has ended. Err then says why.
func (c *Conn) Done() <-chan struct{} { return c.dead }

// Err returns why the connection ended, and nil while it has not.
func (c *Conn) Err() error {
	select {
	case <-c.dead:
		return c.cause
	default:
		return nil
	}
}

// Close ends the connection. Run returns soon after.
func (c *Conn) Close(cause error) {
	c.ending.Do(func() {
		if cause == nil {
			cause = errors.New("by us")
		}
		c.cause = fmt.Errorf("switch %s: %w: %w", c.info.Remote, ErrClosed, cause)
		close(c.dead)
		c.nc.Close()
	})
}

// nextXIDs reserves n transaction ids in a row; 0 is for messages that the switch sends unasked.
func (c *Conn) nextXIDs(n uint32) uint32 {
	for {
		last := c.xid.Add(n)
		if first := last - n + 1; first != 0 && first <= last {
			return first
		}
	}
}

// Run reads and writes until the connection or ctx ends. It returns why, when all its goroutines have ended.
func (c *Conn) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { c.Close(context.Cause(ctx)) })
	var wg sync.WaitGroup
	for _, part := range [...]func(context.Context) error{
		c.readAll,
		func(ctx context.Context) error { return c.out.run(ctx, c.nc, c.cfg.WriteTimeout) },
		c.watch,
	} {
		wg.Go(func() {
			if err := part(ctx); err != nil {
				c.Close(err)
			}
			cancel()
		})
	}
	wg.Wait()
	stop()
	cancel()
	c.Close(nil)
	c.events.close()
	return c.cause
}

// watch asks a silent switch for a sign of life, and ends the connection when none comes.
func (c *Conn) watch(ctx context.Context) error {
	c.lastRead.Store(time.Now().UnixNano())
	step := min(c.cfg.EchoInterval, c.cfg.EchoTimeout) / 4
	tick := time.NewTicker(max(step, time.Millisecond))
	defer tick.Stop()
	var asked time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if c.blocked.Load() {
				c.lastRead.Store(now.UnixNano()) // it is we who do not read
			}
			silent := now.Sub(time.Unix(0, c.lastRead.Load()))
			switch {
			case silent < c.cfg.EchoInterval:
				asked = time.Time{}
			case asked.IsZero():
				asked = now
				c.out.tryPut(func(b []byte) []byte { return AppendEcho(b, TypeEchoRequest, c.nextXIDs(1), nil) })
			case now.Sub(asked) >= c.cfg.EchoTimeout:
				return fmt.Errorf("%w: silent for %v", ErrSilent, silent.Round(time.Millisecond))
			}
		}
	}
}
