package ovsdb

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netns"
)

const schema = "/usr/share/openvswitch/vswitch.ovsschema"

// ovsHost is a real ovsdb-server and ovs-vswitchd in a network namespace of their own.
type ovsHost struct {
	t   testing.TB
	ns  string
	dir string
}

func newHost(t testing.TB, systemID string) *ovsHost {
	t.Helper()
	var b [4]byte
	rand.Read(b[:])
	h := &ovsHost{t: t, ns: "wo-" + hex.EncodeToString(b[:])}
	dir, err := os.MkdirTemp("", h.ns+"-") // short: a unix socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	h.dir = dir
	h.must("ip", "netns", "add", h.ns)
	t.Cleanup(func() {
		h.stop("ovs-vswitchd")
		h.stop("ovsdb-server")
		h.must("ip", "netns", "del", h.ns)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	h.must("ip", "-n", h.ns, "link", "set", "lo", "up")
	h.must("ovsdb-tool", "create", dir+"/conf.db", schema)
	h.startDB()
	h.vsctl("--no-wait", "init")
	h.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:n-handler-threads=1", "other_config:n-revalidator-threads=1", "ovs-version=3.1.0")
	if systemID != "" {
		h.vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:system-id="+systemID)
	}
	return h
}

func (h *ovsHost) startDB() {
	h.t.Helper()
	h.must("ip", "netns", "exec", h.ns, "ovsdb-server", h.dir+"/conf.db", "--remote=punix:"+h.dir+"/db.sock",
		"--remote=db:Open_vSwitch,Open_vSwitch,manager_options", "--private-key=db:Open_vSwitch,SSL,private_key",
		"--certificate=db:Open_vSwitch,SSL,certificate", "--ca-cert=db:Open_vSwitch,SSL,ca_cert",
		"--pidfile="+h.dir+"/ovsdb-server.pid", "--unixctl="+h.dir+"/ovsdb.ctl", "--log-file="+h.dir+"/ovsdb.log", "-vconsole:off", "--no-chdir", "--detach")
}

func (h *ovsHost) startSwitch(extra ...string) {
	h.t.Helper()
	args := []string{"netns", "exec", h.ns, "ovs-vswitchd", "unix:" + h.dir + "/db.sock", "--pidfile=" + h.dir + "/ovs-vswitchd.pid",
		"--unixctl=" + h.dir + "/vswitchd.ctl", "--log-file=" + h.dir + "/vswitchd.log", "-vconsole:off", "--no-chdir", "--detach"}
	h.must("ip", append(args, extra...)...)
}

// stop ends one of this host's daemons and waits until it is gone.
func (h *ovsHost) stop(daemon string) {
	b, err := os.ReadFile(filepath.Join(h.dir, daemon+".pid"))
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		h.t.Fatal(err)
	}
	poll(h.t, daemon+" to end", func() bool { // gone, or dead and not yet reaped
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func (h *ovsHost) must(name string, args ...string) string {
	h.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+h.dir, "OVS_DBDIR="+h.dir, "OVS_SYSDIR="+h.dir, "OVS_LOGDIR="+h.dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (h *ovsHost) vsctl(args ...string) string {
	h.t.Helper()
	return h.must("ovs-vsctl", append([]string{"--timeout=120", "--db=unix:" + h.dir + "/db.sock"}, args...)...)
}

func (h *ovsHost) ofctl(args ...string) string {
	h.t.Helper()
	return h.must("ip", append([]string{"netns", "exec", h.ns, "ovs-ofctl", "-OOpenFlow13"}, args...)...)
}

// listen opens a listener on the namespace's loopback; the socket stays there.
func (h *ovsHost) listen() net.Listener {
	h.t.Helper()
	var l net.Listener
	h.inside(func() (err error) {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	h.t.Cleanup(func() { l.Close() })
	return l
}

// inside runs f on a thread in the namespace. The thread is thrown away when it cannot be brought back.
func (h *ovsHost) inside(f func() error) {
	h.t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		there, err := netns.GetFromName(h.ns)
		if err != nil {
			done <- err
			return
		}
		defer there.Close()
		if err := netns.Set(there); err != nil {
			done <- err
			return
		}
		err = f()
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		h.t.Fatal(err)
	}
}

// poll waits for a condition.
func poll(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(2 * time.Millisecond) // between looks, not instead of one
	}
}

// logTo sends log lines to the test's output and keeps them.
func logTo(t testing.TB) (*logrus.Entry, *logBook) {
	book := &logBook{t: t}
	log := logrus.New()
	log.SetOutput(book)
	log.SetLevel(logrus.DebugLevel)
	return logrus.NewEntry(log), book
}

// sessions collects what a Serve or Dial under test hands over.
type sessions struct {
	t   testing.TB
	got chan *Session
	log *logBook
	cfg Config
}

func newSessions(t testing.TB, cfg Config) *sessions {
	s := &sessions{t: t, got: make(chan *Session, 100), cfg: cfg}
	if s.cfg.Log == nil {
		s.cfg.Log, s.log = logTo(t)
	}
	return s
}

// handle keeps a session until it ends.
func (s *sessions) handle(ctx context.Context, sess *Session) {
	s.got <- sess
	<-ctx.Done()
}

func (s *sessions) next() *Session {
	s.t.Helper()
	select {
	case sess := <-s.got:
		return sess
	case <-time.After(20 * time.Second):
		s.t.Fatal("no session")
		return nil
	}
}

// serve runs Serve until the test ends and checks that it returns.
func (s *sessions) serve(l net.Listener) (stop func()) {
	return s.run(func(ctx context.Context) error { return Serve(ctx, l, s.cfg, s.handle) })
}

func (s *sessions) dial(remote string) (stop func()) {
	return s.run(func(ctx context.Context) error { return Dial(ctx, remote, s.cfg, s.handle) })
}

func (s *sessions) run(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				s.t.Errorf("ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			s.t.Error("did not end")
		}
	}
	s.t.Cleanup(stop)
	return stop
}

// manager points a host at a listener.
func (h *ovsHost) manager(l net.Listener) {
	h.vsctl("--no-wait", "set-manager", "tcp:"+l.Addr().String())
}

// settled waits until the host holds what is desired.
func settled(t testing.TB, s *Session) {
	t.Helper()
	poll(t, "the host to be as desired", func() bool { return s.Status().Synced })
	if err := s.Status().Err; err != nil {
		t.Fatal(err)
	}
}

func onPort(n int) string { return fmt.Sprintf("tcp:127.0.0.1:%d", n) }

// forward leads connections from our loopback to an address in the host's namespace; it returns where to dial.
func (h *ovsHost) forward(to string) string {
	h.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	var wg sync.WaitGroup
	h.t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := h.dial(to)
			if err != nil {
				in.Close()
				continue
			}
			wg.Go(func() { pipe(in, out) })
			wg.Go(func() { pipe(out, in) })
		}
	})
	return l.Addr().String()
}

func (h *ovsHost) dial(to string) (conn net.Conn, err error) {
	var refused error
	h.inside(func() error {
		conn, refused = net.Dial("tcp", to)
		return nil
	})
	return conn, refused
}

func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
}
