package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/weft-sdn/weft/southbound/openflow"
)

// session is one controller connection of a switch.
type session struct {
	sw   *Switch
	conn net.Conn

	// What follows is the switch's: its mutex guards it.
	role     openflow.RoleKind
	async    openflow.Async
	nicira   packetIns
	config   openflow.Config
	monitors map[uint32]openflow.MonitorRequest
	bundles  map[uint32]*bundle
	xid      uint32 // of the message that is being handled

	mu     sync.Mutex
	queue  []byte
	closed bool
	wake   chan struct{}
}

// packetIns says in which form packet-ins go out.
type packetIns bool

// maxQueue bounds what waits for a controller that does not read.
const maxQueue = 256 << 20

var errSlow = errors.New("controller does not read")

// Serve speaks OpenFlow with a controller until the connection or ctx ends. It returns why.
func (s *Switch) Serve(ctx context.Context, conn net.Conn) error {
	c := &session{
		sw: s, conn: conn, role: openflow.RoleEqual, wake: make(chan struct{}, 1), monitors: map[uint32]openflow.MonitorRequest{},
		bundles: map[uint32]*bundle{}, config: openflow.Config{MissSendLen: 128},
		async: openflow.Async{PacketIn: [2]uint32{3, 0}, PortStatus: [2]uint32{7, 7}, FlowRemoved: [2]uint32{15, 0}},
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	var writer sync.WaitGroup
	writer.Go(func() { cancel(c.write()) })
	err := c.talk()
	s.mu.Lock()
	delete(s.sessions, c)
	s.mu.Unlock()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.signal()
	writer.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errDone) {
		return cause
	}
	return err
}

var errDone = errors.New("writer has ended")

// talk reads messages and answers them.
func (c *session) talk() error {
	c.send(openflow.AppendHello(nil, 1, 1<<openflow.Version13))
	r := &framer{r: c.conn}
	m, err := r.next()
	if err != nil {
		return err
	}
	if err := c.greet(m); err != nil {
		return err
	}
	c.sw.mu.Lock()
	c.sw.sessions[c] = struct{}{}
	c.sw.mu.Unlock()
	for {
		m, err := r.next()
		if err != nil {
			return err
		}
		c.sw.mu.Lock()
		c.xid = m.XID
		err = c.handle(m)
		c.sw.mu.Unlock()
		if err != nil {
			c.refuse(m, err)
		}
		if c.backlog() > maxQueue {
			return errSlow
		}
	}
}

func (c *session) greet(m openflow.Message) error {
	h, err := openflow.ParseHello(m)
	if err == nil && h.Agree(1<<openflow.Version13) != openflow.Version13 {
		err = fmt.Errorf("no common version: peer offers %d, %#x", h.Version, h.Versions)
	}
	if err != nil {
		c.send(openflow.AppendError(nil, openflow.Version13, &openflow.Error{XID: m.XID, Type: typeHelloFailed, Data: []byte(err.Error())}))
	}
	return err
}

// refuse answers with an error that gives the start of the message back, as Open vSwitch does.
func (c *session) refuse(m openflow.Message, err error) {
	raw := m.Append(nil)
	e := &openflow.Error{XID: m.XID, Type: typeBadRequest, Code: openflow.CodeBadLength, Data: raw[:min(len(raw), 64)]}
	var why *Error
	if errors.As(err, &why) {
		e.Type, e.Code, e.Experimenter = why.Type, why.Code, why.Experimenter
	}
	c.send(openflow.AppendError(nil, openflow.Version13, e))
}

// send queues messages for the writer.
func (c *session) send(b []byte) {
	c.mu.Lock()
	if c.queue == nil {
		c.queue = b
	} else {
		c.queue = append(c.queue, b...)
	}
	c.mu.Unlock()
	c.signal()
}

func (c *session) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *session) backlog() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}

// write sends what is queued, until the session is closed.
func (c *session) write() error {
	for range c.wake {
		c.mu.Lock()
		b, closed := c.queue, c.closed
		c.queue = nil
		c.mu.Unlock()
		if len(b) > 0 {
			if _, err := c.conn.Write(b); err != nil && !closed {
				c.conn.Close()
				return err
			}
		}
		if closed {
			break
		}
	}
	return errDone
}

// framer cuts the stream into messages. A message is valid until the next one is read.
type framer struct {
	r    io.Reader
	buf  []byte
	from int
}

func (f *framer) next() (openflow.Message, error) {
	for {
		m, rest, err := openflow.Next(f.buf[f.from:])
		if err == nil {
			f.from = len(f.buf) - len(rest)
			return m, nil
		}
		if !errors.Is(err, openflow.ErrTruncated) {
			return m, err
		}
		if f.from == len(f.buf) {
			if f.buf, f.from = f.buf[:0], 0; cap(f.buf) > 64<<10 {
				f.buf = nil // the big message is over
			}
		}
		if len(f.buf) == cap(f.buf) {
			next := make([]byte, len(f.buf)-f.from, max(2<<10, 2*(len(f.buf)-f.from)))
			copy(next, f.buf[f.from:])
			f.buf, f.from = next, 0
		}
		n, err := f.r.Read(f.buf[len(f.buf):cap(f.buf)])
		f.buf = f.buf[:len(f.buf)+n]
		if err != nil && n == 0 {
			return m, err
		}
	}
}

// Connect keeps a connection to a controller at a target as Open vSwitch writes it (tcp:IP:PORT, unix:PATH), until ctx ends.
func (s *Switch) Connect(ctx context.Context, target string) error {
	kind, where, _ := strings.Cut(target, ":")
	if kind != "tcp" && kind != "unix" {
		return fmt.Errorf("controller %q: %w", target, ErrNotModelled)
	}
	const shortest, longest = 10 * time.Millisecond, time.Second
	for wait := shortest; ctx.Err() == nil; wait = min(2*wait, longest) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, kind, where)
		if err == nil {
			_ = s.Serve(ctx, conn) // however it ended, it dials again
			wait = shortest
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// Connected says how many controllers are connected.
func (s *Switch) Connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}
