package openflow_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	of "github.com/weft-sdn/weft/southbound/openflow"
)

// ovs is a real Open vSwitch of the test's own: ovsdb-server and ovs-vswitchd with a dummy datapath, in a directory.
type ovs struct {
	dir  string
	pids []int
}

const bridge = "br0"

// startOVS starts a switch with one bridge, br0, and waits for it.
func startOVS(t testing.TB) *ovs {
	t.Helper()
	dir, err := os.MkdirTemp("", "weft-of-") // short: unix sockets have a limit of 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	s := &ovs{dir: dir}
	t.Cleanup(func() { s.stop(t) })
	s.must(t, "ovsdb-tool", "create", s.file("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema")
	s.daemon(t, "ovsdb-server", s.file("conf.db"), "--remote=punix:"+s.file("db.sock"))
	s.must(t, "ovs-vsctl", "--db=unix:"+s.file("db.sock"), "--no-wait", "init")
	s.daemon(t, "ovs-vswitchd", "unix:"+s.file("db.sock"), "--enable-dummy=override", "--disable-system", "--disable-system-route")
	s.vsctl(t, "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=dummy", "fail-mode=secure", "protocols=OpenFlow10,OpenFlow13,OpenFlow15")
	return s
}

func (s *ovs) file(name string) string { return filepath.Join(s.dir, name) }

func (s *ovs) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+s.dir, "OVS_DBDIR="+s.dir, "OVS_SYSCONFDIR="+s.dir, "OVS_LOGDIR="+s.dir)
	return cmd
}

func (s *ovs) must(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := s.command(name, args...)
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, complaints.String())
	}
	return out.String()
}

// daemon starts a daemon that detaches once it is ready.
func (s *ovs) daemon(t testing.TB, name string, args ...string) {
	t.Helper()
	pidfile := s.file(name + ".pid")
	cmd := s.command(name, append(args, "--pidfile="+pidfile, "--unixctl="+s.file(name+".ctl"), "--log-file="+s.file(name+".log"), "--no-chdir", "--detach")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	var pid int
	b, err := os.ReadFile(pidfile)
	if err == nil {
		_, err = fmt.Sscan(string(b), &pid)
	}
	if err != nil {
		t.Fatalf("%s: no pid: %v", name, err)
	}
	s.pids = append(s.pids, pid)
}

func (s *ovs) vsctl(t testing.TB, args ...string) string {
	t.Helper()
	return s.must(t, "ovs-vsctl", append([]string{"--db=unix:" + s.file("db.sock"), "--timeout=20"}, args...)...)
}

// ofctl runs ovs-ofctl with OpenFlow 1.3 on the bridge.
func (s *ovs) ofctl(t testing.TB, command string, args ...string) string {
	t.Helper()
	return s.must(t, "ovs-ofctl", append([]string{"-O", "OpenFlow13", command, s.file(bridge + ".mgmt")}, args...)...)
}

// dump returns the flows as ovs-ofctl prints them.
func (s *ovs) dump(t testing.TB) []string {
	t.Helper()
	out := s.must(t, "ovs-ofctl", "-O", "OpenFlow13", "--no-names", "--no-stats", "dump-flows", s.file(bridge+".mgmt"))
	var lines []string
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func (s *ovs) stop(t testing.TB) {
	for i := len(s.pids) - 1; i >= 0; i-- {
		syscall.Kill(s.pids[i], syscall.SIGKILL)
	}
	for _, pid := range s.pids {
		until(t, "end of a daemon", func() bool { return syscall.Kill(pid, 0) != nil })
	}
	if t.Failed() {
		log, _ := os.ReadFile(s.file("ovs-vswitchd.log"))
		t.Logf("ovs-vswitchd.log:\n%s", log[max(0, len(log)-3000):])
	}
	os.RemoveAll(s.dir)
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("no %s in 10 s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// connect connects to the bridge, as a controller that runs for as long as the test.
func (s *ovs) connect(t testing.TB, cfg of.ConnConfig) *of.Conn {
	t.Helper()
	nc, err := net.Dial("unix", s.file(bridge+".mgmt"))
	if err != nil {
		t.Fatal(err)
	}
	return runConn(t, nc, cfg)
}

// runConn makes the handshake and runs a connection for as long as the test.
func runConn(t testing.TB, nc net.Conn, cfg of.ConnConfig) *of.Conn {
	t.Helper()
	c, err := of.NewConn(context.Background(), nc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return c
}
