package netlab

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv makes the test binary play another process, which makes a lab and then waits for its end.
const childEnv = "NETLAB_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "up":
		os.Exit(childUp())
	default:
		os.Exit(childNew())
	}
}

// childNew makes two labs with New, says which, and waits.
func childNew() int {
	for _, name := range []string{"first", "second"} {
		l, err := New(Config{Name: name})
		if err == nil {
			_, err = l.AddHost("h1", HostOptions{})
		}
		if err == nil {
			err = l.Controller().Command("sleep", "1000").Start()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(l.ID())
	}
	select {}
}

// childUp makes a lab that stays, in the directory of its last argument, and ends.
func childUp() int {
	spec, err := ParseSpec([]byte(`
name: kept
hosts: [{name: h1}, {name: h2}]
endpoints:
- {name: vm1, host: h1, ifaceId: red/vm1, addresses: [10.0.0.11/24]}
- {name: vm2, host: h1, addresses: [10.0.0.12/24], gateways: [10.0.0.1]}
`))
	if err == nil {
		_, err = Up(context.Background(), spec, os.Args[len(os.Args)-1], nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// left lists what a lab has on the machine.
func left(t *testing.T, id string) []string {
	t.Helper()
	found := Must(namespacesOf(id))(t)
	if _, err := os.Stat(filepath.Join(registryDir, id)); err == nil {
		found = append(found, "directory "+id)
	}
	procs := Must(os.ReadDir("/proc"))(t)
	for _, p := range procs {
		b, err := os.ReadFile(filepath.Join("/proc", p.Name(), "cmdline"))
		if err == nil && strings.Contains(string(b), filepath.Join(registryDir, id)) {
			found = append(found, "process "+p.Name())
		}
	}
	links := Must(exec.Command("ip", "-o", "link").Output())(t)
	if strings.Contains(string(links), id) {
		found = append(found, "a link")
	}
	return found
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	Require(t)
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"=new")
			cmd.Stderr = os.Stderr
			out := Must(cmd.StdoutPipe())(t)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var ids []string
			for s := bufio.NewScanner(out); len(ids) < 2 && s.Scan(); {
				ids = append(ids, s.Text())
			}
			if len(ids) != 2 {
				t.Fatalf("the other process made %d labs, not 2: %v", len(ids), cmd.Wait())
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it says how it ended, below
			ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !ws.Signaled() || ws.Signal() != sig {
				t.Errorf("the process ended with %v, want the signal", cmd.ProcessState)
			}
			if sig == syscall.SIGKILL {
				// Only the next lab can clean up after this one.
				ForTest(t)
			}
			for _, id := range ids {
				if l := left(t, id); len(l) > 0 {
					t.Errorf("lab %s leaves %v", id, l)
				}
			}
		})
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	l := ForTest(t)
	_, a, b := twoEndpoints(t, l)
	Must(b.ServeTCP(":80"))(t)
	Must(b.Capture(""))(t)
	Must(a.StartPing("10.0.0.12", PingOptions{}))(t)
	if err := a.Command("sleep", "1000").Start(); err != nil {
		t.Fatal(err)
	}
	if len(left(t, l.ID())) < 5 {
		t.Errorf("the search for leftovers finds only %v of a living lab", left(t, l.ID()))
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if found := left(t, l.ID()); len(found) > 0 {
		t.Errorf("closed, it leaves %v", found)
	}
	if _, err := l.AddHost("h9", HostOptions{}); err == nil {
		t.Error("a closed lab takes a host")
	}
}

func TestUpOpenDown(t *testing.T) {
	t.Parallel()
	Require(t)
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(os.Environ(), childEnv+"=up")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l := Must(Open(dir, nil))(t)
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	ForTest(t) // sweeps, and must leave this one
	if _, err := Up(context.Background(), Spec{}, dir, nil); err == nil {
		t.Error("a second lab in the same directory")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := l.Plug(ctx); err == nil || !strings.Contains(err.Error(), "no bridge br-int on h1") {
		t.Errorf("plugged without a bridge: %v", err)
	}
	handMade(t, l.Hosts()...)
	if err := l.Plug(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := Must(Open(dir, nil))(t)
	s := again.Describe()
	if len(s.Hosts) != 2 || !s.Hosts[1].Vswitchd || !s.Hosts[1].OVSDB || len(s.Endpoints) != 2 || !s.Endpoints[0].Plugged {
		t.Errorf("status %+v", s)
	}
	ns, ok := again.Namespace("vm1")
	if !ok {
		t.Fatal("vm1 is not found")
	}
	if out, err := ns.Exec("ping", "-c1", "-W5", "10.0.0.12"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if err := again.Down(); err != nil {
		t.Fatal(err)
	}
	if found := left(t, again.ID()); len(found) > 0 {
		t.Errorf("taken down, it leaves %v", found)
	}
	if _, err := Open(dir, nil); err == nil {
		t.Error("a lab that is down opens")
	}
}
