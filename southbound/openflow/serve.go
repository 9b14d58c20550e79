package openflow

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"crypto/tls"
)

// Handler is given each connection after its handshake. ctx ends with the connection. The connection ends when the handler
// returns; an error of the handler is only its reason.
type Handler func(ctx context.Context, c *Conn) error

// maxHandshakes is how many peers may be in the handshake at once. Further ones wait to be accepted, so that peers that only
// connect cannot use up memory.
const maxHandshakes = 256

// Serve accepts switches until ctx ends, and returns when all handlers have. Failed handshakes and ended connections are
// told to report, which may be nil.
func Serve(ctx context.Context, l net.Listener, cfg ConnConfig, handle Handler, report func(error)) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, maxHandshakes)
	for delay := time.Duration(0); ; {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		nc, err := l.Accept()
		if err != nil {
			<-places
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("listen for switches on %s: %w", l.Addr(), err)
			}
			// Out of file descriptors, most likely: that passes.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			if !sleep(ctx, delay) {
				return nil
			}
			continue
		}
		delay = 0
		wg.Go(func() { serveOne(ctx, nc, cfg, handle, report, func() { <-places }) })
	}
}

// serveOne runs one connection to its end. shaken is called when the handshake is over.
func serveOne(ctx context.Context, nc net.Conn, cfg ConnConfig, handle Handler, report func(error), shaken func()) bool {
	c, err := NewConn(ctx, nc, cfg)
	shaken()
	if err == nil {
		err = run(ctx, c, handle)
	}
	if report != nil && ctx.Err() == nil {
		report(err)
	}
	return c != nil
}

// run runs a connection and its handler.
func run(ctx context.Context, c *Conn, handle Handler) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() { cancel(c.Run(ctx)) })
	err := handle(ctx, c)
	c.Close(err)
	wg.Wait()
	return c.Err()
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Backoff between attempts to reach a switch: from the first to the last, doubling, less up to a half by chance, so that
// many switches are not all tried at once.
const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 8 * time.Second
)

// Dial keeps a connection to a switch that listens, at "tcp:HOST:PORT", "ssl:HOST:PORT" or "unix:PATH", until ctx ends. tls
// is for ssl.
func Dial(ctx context.Context, target string, tlsConfig *tls.Config, cfg ConnConfig, handle Handler, report func(error)) error {
	network, addr, err := parseTarget(target)
	if err != nil {
		return err
	}
	if network == "ssl" && tlsConfig == nil {
		return fmt.Errorf("switch %s: ssl without keys", target)
	}
	for delay := firstBackoff; ctx.Err() == nil; {
		nc, err := dialOnce(ctx, network, addr, tlsConfig, cfg)
		if err != nil {
			if report != nil && ctx.Err() == nil {
				report(fmt.Errorf("switch %s: %w", target, err))
			}
		} else if serveOne(ctx, nc, cfg, handle, report, func() {}) {
			delay = firstBackoff
		}
		if !sleep(ctx, delay-rand.N(delay/2)) {
			break
		}
		delay = min(2*delay, lastBackoff)
	}
	return nil
}

func parseTarget(target string) (network, addr string, err error) {
	network, addr, ok := strings.Cut(target, ":")
	switch {
	case !ok || addr == "":
	case network == "unix":
		return network, addr, nil
	case network == "tcp" || network == "ssl":
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return "", "", fmt.Errorf("switch %s: %w", target, err)
		}
		return network, addr, nil
	}
	return "", "", fmt.Errorf("switch %q: not tcp:HOST:PORT, ssl:HOST:PORT or unix:PATH", target)
}

func dialOnce(ctx context.Context, network, addr string, tlsConfig *tls.Config, cfg ConnConfig) (net.Conn, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &net.Dialer{Timeout: cfg.HandshakeTimeout}
	if network != "ssl" {
		return d.DialContext(ctx, network, addr)
	}
	return (&tls.Dialer{NetDialer: d, Config: tlsConfig}).DialContext(ctx, "tcp", addr)
}
