package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/weft-sdn/weft/test/netlab"
)

// Stream is a TCP connection to an echo server.
type Stream struct {
	net.Conn
	name string
	who  string // answers
	r    *bufio.Reader
	said int
}

// Dial opens a stream to an endpoint, which must be the one that answers.
func (c *Cloud) Dial(name string, from, to *netlab.Endpoint, addr string) *Stream {
	c.T.Helper()
	return c.dialStream(name, from, addr, func(who string) bool { return who == to.Name() })
}

// DialAny opens a stream to whoever answers.
func (c *Cloud) DialAny(name string, from *netlab.Endpoint, addr string) *Stream {
	c.T.Helper()
	return c.dialStream(name, from, addr, func(string) bool { return true })
}

// Who is the name of the endpoint that answers.
func (s *Stream) Who() string { return s.who }

func (c *Cloud) dialStream(name string, from *netlab.Endpoint, addr string, right func(who string) bool) *Stream {
	c.T.Helper()
	var s *Stream
	c.Eventually(20*time.Second, name+" opens to "+addr, func() error {
		conn, err := from.DialContext(c.T.Context(), "tcp", addr)
		if err != nil {
			return err
		}
		s = &Stream{Conn: conn, name: name, r: bufio.NewReader(conn)}
		err = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if err == nil {
			s.who, err = s.r.ReadString('\n')
		}
		if s.who = strings.TrimSpace(s.who); err == nil && !right(s.who) {
			err = fmt.Errorf("%s answered", s.who)
		}
		if err != nil {
			conn.Close()
		}
		return err
	})
	c.T.Cleanup(func() { s.Close() })
	return s
}

// Talk says something, and waits for its echo.
func (s *Stream) Talk(within time.Duration) error {
	s.said++
	if err := s.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	word := fmt.Sprintf("%s %d\n", s.name, s.said)
	if _, err := s.Write([]byte(word)); err != nil {
		return err
	}
	got, err := s.r.ReadString('\n')
	if err == nil && got != word {
		err = fmt.Errorf("heard %q", got)
	}
	return err
}

// Live fails when a stream has ended.
func (c *Cloud) Live(when string, all ...*Stream) {
	c.T.Helper()
	for _, s := range all {
		if err := s.Talk(10 * time.Second); err != nil {
			c.T.Errorf("%s: %s has ended: %v", when, s.name, err)
		}
	}
}

// Ended fails when a stream goes on.
func (c *Cloud) Ended(when string, all ...*Stream) {
	c.T.Helper()
	for _, s := range all {
		c.Eventually(20*time.Second, when+": "+s.name+" ends", func() error {
			if s.Talk(3*time.Second) == nil {
				return errors.New("it goes on")
			}
			return nil
		})
		if s.Talk(2*time.Second) == nil {
			c.T.Errorf("%s: %s has come back", when, s.name)
		}
	}
}
