package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// connectEnv makes this program open connections, as connector.rate asks, instead of running benchmarks.
const connectEnv = "WEFT_BENCH_CONNECT"

const (
	connectPort  = ":5202"
	connectCount = 3000 // of a sample
	connectAside = 8    // at a time
	firstPort    = 6000 // of the clients' ports
	connectWait  = 10 * time.Second
)

// connector counts the connections that one endpoint opens to another. No client's port is used again before all others were:
// what a switch remembers of a connection that has just ended delays the next one with the same ports.
type connector struct{ samples int }

// rate opens connections: each one is there when a byte of the server's has arrived, and is then reset.
func (c *connector) rate(ctx context.Context, p pair) (carried, error) {
	l, err := p.to.Listen("tcp", connectPort)
	if err != nil {
		return carried{}, err
	}
	served := make(chan struct{})
	go func() { greet(l); close(served) }()
	defer func() { _ = l.Close(); <-served }()
	program, err := os.Executable()
	if err != nil {
		return carried{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	from := firstPort + c.samples%((1<<16-firstPort)/connectCount)*connectCount
	c.samples++
	cmd := p.from.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s%s %d", connectEnv, p.addr, connectPort, from))
	before, err := p.switchWork()
	if err != nil {
		return carried{}, err
	}
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return carried{}, fmt.Errorf("%s connects to %s: %w", p.from.Name(), p.addr, err)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil || seconds <= 0 {
		return carried{}, fmt.Errorf("connections took %q s: %w", out, err)
	}
	after, err := p.switchWork()
	return carried{connectCount / seconds, micro(after-before) / connectCount}, err
}

// greet says one byte to each client until the listener is closed.
func greet(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte{1}) // a client that does not get it says so
		_ = conn.Close()
	}
}

// connect is the program in the client's namespace: it prints how many seconds all connections took.
func connect(ctx context.Context, task string, out io.Writer) error {
	addr, first, _ := strings.Cut(task, " ")
	from, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("%s: %w", connectEnv, err)
	}
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for n := range connectAside {
		g.Go(func() error {
			for port := from + n; port < from+connectCount; port += connectAside {
				if err := once(ctx, addr, port); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, time.Since(began).Seconds())
	return err
}

// reuse lets a socket have a port that another one had a moment ago, such as iperf3's.
func reuse(_, _ string, raw syscall.RawConn) error {
	var err error
	controlled := raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) })
	return errors.Join(controlled, err)
}

// once opens one connection and resets it, so that nothing of it stays at either end.
func once(ctx context.Context, addr string, port int) (err error) {
	d := net.Dialer{Timeout: connectWait, LocalAddr: &net.TCPAddr{Port: port}, Control: reuse}
	conn, err := d.DialContext(ctx, "tcp4", addr)
	if err != nil {
		return err
	}
	defer closing(conn.Close, &err)
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(connectWait)); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return fmt.Errorf("port %d: %w", port, err)
	}
	return nil
}
