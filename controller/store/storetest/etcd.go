package storetest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/weft-sdn/weft/controller/store"
)

// Etcd is a real etcd server of one member on loopback, with a data directory of its own. It ends with the test.
type Etcd struct {
	Endpoint string
	Certs    *Certs // nil without TLS

	flags []string
	cmd   *exec.Cmd
	log   *lockedBuffer
}

// EtcdOptions changes how the server is started. The zero value is plain HTTP with the limits Weft needs.
type EtcdOptions struct {
	Certs *Certs   // serve TLS and demand client certificates
	Flags []string // more flags, after the usual ones
}

// StartEtcd starts Debian's etcd and waits until it answers.
func StartEtcd(t testing.TB, opt EtcdOptions) *Etcd {
	t.Helper()
	scheme := "http"
	client, peer := freePort(t), freePort(t)
	e := &Etcd{Certs: opt.Certs, log: &lockedBuffer{}}
	if opt.Certs != nil {
		scheme = "https"
		e.flags = opt.Certs.flags()
	}
	e.Endpoint = fmt.Sprintf("%s://127.0.0.1:%d", scheme, client)
	peerURL := fmt.Sprintf("http://127.0.0.1:%d", peer)
	e.flags = append(e.flags,
		"--name=test", "--data-dir="+filepath.Join(t.TempDir(), "etcd"), "--log-level=warn", "--logger=zap",
		"--listen-client-urls="+e.Endpoint, "--advertise-client-urls="+e.Endpoint,
		"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=test="+peerURL,
		"--max-txn-ops="+strconv.Itoa(store.MaxOps), "--max-request-bytes="+strconv.Itoa(store.MaxBytes),
		"--heartbeat-interval=20", "--election-timeout=100")
	e.flags = append(e.flags, opt.Flags...)
	t.Cleanup(e.Kill)
	e.Start(t)
	return e
}

// Start starts a killed server again, on the same data and ports.
func (e *Etcd) Start(t testing.TB) {
	t.Helper()
	e.cmd = exec.Command("etcd", e.flags...)
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// The server reads flags from ETCD_ variables as well.
	e.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GODEBUG=" + os.Getenv("GODEBUG")}
	if err := e.cmd.Start(); err != nil {
		t.Fatalf("starting etcd (Debian package etcd-server): %v", err)
	}
	if err := e.answers(); err != nil {
		t.Fatalf("etcd does not answer: %v\n%s", err, e.log)
	}
}

// answers waits for the port first: a gRPC client that came too early would wait a second before it tries again.
func (e *Etcd) answers() error {
	_, addr, _ := strings.Cut(e.Endpoint, "://")
	end := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(end) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Client is etcd's own client, to look behind the store's back.
func (e *Etcd) Client(t testing.TB, username, password string) *clientv3.Client {
	t.Helper()
	cli, err := clientv3.New(clientv3.Config{
		Endpoints: []string{e.Endpoint}, TLS: e.TLS(), Username: username, Password: password,
		DialTimeout: patience, Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatalf("etcd client: %v\n%s", err, e.log)
	}
	t.Cleanup(func() { _ = cli.Close() })
	return cli
}

// TLS is what a client needs, or nil.
func (e *Etcd) TLS() *tls.Config {
	if e.Certs == nil {
		return nil
	}
	return e.Certs.Client()
}

// Open opens a store on a part of the cluster of its own.
func (e *Etcd) Open(t testing.TB, prefix string) store.Store {
	t.Helper()
	s, err := store.OpenCluster(context.Background(), store.ClusterConfig{
		Endpoints: []string{e.Endpoint}, TLS: e.TLS(), Prefix: prefix, DialTimeout: patience,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, e.log)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Kill ends the server as a power cut would. A server that is not there may be killed again.
func (e *Etcd) Kill() {
	if e.cmd == nil || e.cmd.Process == nil {
		return
	}
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
}

// Freeze stops the server as a disk that no longer answers would, until the function returned is called.
func (e *Etcd) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	if err := e.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !stopped(e.cmd.Process.Pid); {
		if time.Now().After(end) {
			t.Fatal("etcd does not stop")
		}
		time.Sleep(time.Millisecond)
	}
	return func() {
		if err := e.cmd.Process.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
	}
}

// stopped tells whether every thread of a process is stopped: the signal reaches one after the other (proc(5)).
func stopped(pid int) bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(tasks) == 0 {
		return false
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(task)
		if err != nil {
			continue // it has ended
		}
		if _, after, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(after, "T") {
			return false
		}
	}
	return true
}

// freePort is a port nobody listens on now. It lies below the ports that the kernel hands to whoever asks for any
// (ip_local_port_range starts at 32768): between this look and the server's start, a busy machine takes those.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(22000)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().(*net.TCPAddr).Port
	}
	t.Fatal("no free port between 10000 and 32000 in 100 tries")
	return 0
}

// lockedBuffer takes the server's log.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
