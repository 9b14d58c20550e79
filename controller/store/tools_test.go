package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/store"
	"github.com/weft-sdn/weft/controller/store/storetest"
)

// writer writes key after key through whatever happens, and remembers which were acknowledged.
type writer struct {
	stop  func()
	mu    sync.Mutex
	acked []string
}

func startWriter(t *testing.T, s store.Store) *writer {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	w := &writer{}
	w.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(w.stop)
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			w.write(ctx, s, fmt.Sprintf("k/%06d", i))
		}
	}()
	return w
}

func (w *writer) write(ctx context.Context, s store.Store, key string) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := s.Txn(ctx, nil, []store.Op{store.Put(key, []byte(key))}); err == nil {
		w.mu.Lock()
		w.acked = append(w.acked, key)
		w.mu.Unlock()
	}
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// mustProgress waits until some more writes were acknowledged.
func (w *writer) mustProgress(t *testing.T) {
	t.Helper()
	begin := w.count()
	storetest.Eventually(t, "the writer gets on", func() error {
		if n := w.count(); n < begin+20 {
			return fmt.Errorf("%d writes", n-begin)
		}
		return nil
	})
}

func (w *writer) mustHaveKept(t *testing.T, s store.Store) {
	t.Helper()
	kvs, _, err := s.Load(t.Context(), "k/")
	if err != nil {
		t.Fatal(err)
	}
	have := make(map[string]bool, len(kvs))
	for _, kv := range kvs {
		have[kv.Key] = true
	}
	for _, key := range w.acked {
		if !have[key] {
			t.Errorf("%s was acknowledged and is lost", key)
		}
	}
}

// proxy passes connections on to a server that may change.
type proxy struct {
	l     net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func startProxy(t *testing.T, backend *atomic.Pointer[string]) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			out, err := net.Dial("tcp", strings.TrimPrefix(*backend.Load(), "http://"))
			if err != nil {
				_ = in.Close()
				continue
			}
			p.add(in, out)
			wg.Go(func() { pass(in, out) })
			wg.Go(func() { pass(out, in) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); p.cut(); wg.Wait() })
	return p
}

func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

func (p *proxy) addr() string { return p.l.Addr().String() }

func (p *proxy) add(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conns...)
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}
