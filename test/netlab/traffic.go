package netlab

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server answers in an endpoint, TCP or UDP, with the endpoint's name and then with what it was sent, so that a client
// knows whom it reached.
type Server struct {
	lab    *Lab
	name   string
	addr   netip.AddrPort
	closer io.Closer
	wg     sync.WaitGroup
	served atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// ServeTCP starts an echo server; addr is such as ":80", "10.0.0.11:80" or "[::]:0". Every connection gets one line with
// the endpoint's name first.
func (e *Endpoint) ServeTCP(addr string) (*Server, error) {
	l, err := e.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: serve: %w", e.name, err)
	}
	s := &Server{lab: e.lab, name: e.name, closer: l, conns: map[net.Conn]struct{}{}}
	s.addr, _ = netip.ParseAddrPort(l.Addr().String())
	e.lab.own(s)
	s.wg.Go(func() { s.accept(l) })
	return s, nil
}

func (s *Server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.served.Add(1)
		s.wg.Go(func() {
			// A client that goes away is its own business.
			if _, err := fmt.Fprintln(c, s.name); err == nil {
				_, _ = io.Copy(c, c)
			}
			_ = c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// ServeUDP starts a server that answers every datagram with the endpoint's name, a newline, and the datagram.
func (e *Endpoint) ServeUDP(addr string) (*Server, error) {
	c, err := e.ListenPacket("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: serve: %w", e.name, err)
	}
	s := &Server{lab: e.lab, name: e.name, closer: c}
	s.addr, _ = netip.ParseAddrPort(c.LocalAddr().String())
	e.lab.own(s)
	s.wg.Go(func() {
		buf := make([]byte, snapLen)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			s.served.Add(1)
			// An answer that cannot be sent is one that does not arrive; the client will tell.
			_, _ = c.WriteTo(append([]byte(s.name+"\n"), buf[:n]...), from)
		}
	})
	return s, nil
}

// Port is the port that the server got.
func (s *Server) Port() int { return int(s.addr.Port()) }

// Served is how many connections or datagrams arrived so far.
func (s *Server) Served() int { return int(s.served.Load()) }

// Close ends the server and its connections.
func (s *Server) Close() error {
	s.lab.disown(s)
	err := s.closer.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

// TCP connects to an echo server at dst ("10.0.0.12:80"), sends size random bytes, checks that they come back, and
// returns the name of the endpoint that answered.
func (e *Endpoint) TCP(dst string, size int, within time.Duration) (who string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("endpoint %s: tcp %s: %w", e.name, dst, err)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	c, err := e.DialContext(ctx, "tcp", dst)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	r := bufio.NewReader(c)
	who, err = r.ReadString('\n')
	if err != nil {
		return "", err
	}
	who = strings.TrimSuffix(who, "\n")
	sent := randomBytes(size)
	written := make(chan error, 1)
	go func() { _, err := c.Write(sent); written <- err }()
	got := make([]byte, size)
	_, err = io.ReadFull(r, got)
	if err = errors.Join(err, <-written); err != nil {
		return who, err
	}
	if !bytes.Equal(sent, got) {
		return who, errors.New("the echo differs from what was sent")
	}
	return who, nil
}

// UDP sends one datagram of size random bytes to a server at dst, waits for its echo, and returns the name of the
// endpoint that answered. Nothing is sent twice.
func (e *Endpoint) UDP(dst string, size int, within time.Duration) (who string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("endpoint %s: udp %s: %w", e.name, dst, err)
		}
	}()
	c, err := e.DialContext(context.Background(), "udp", dst)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	sent := randomBytes(size)
	if _, err := c.Write(sent); err != nil {
		return "", err
	}
	buf := make([]byte, snapLen)
	n, err := c.Read(buf)
	if err != nil {
		return "", err
	}
	name, echo, _ := bytes.Cut(buf[:n], []byte{'\n'})
	if !bytes.Equal(sent, echo) {
		return string(name), errors.New("the echo differs from what was sent")
	}
	return string(name), nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
