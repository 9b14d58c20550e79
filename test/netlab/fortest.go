package netlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sirupsen/logrus"
)

// TB is what netlab needs of a test.
type TB interface {
	Helper()
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Name() string
}

// ForTest makes a lab that lives as long as the test. When the test fails, what the hosts' daemons warned of is logged.
func ForTest(t TB) *Lab {
	t.Helper()
	return ForTestWith(t, Config{})
}

// ForTestWith is ForTest with more to say about the lab.
func ForTestWith(t TB, conf Config) *Lab {
	t.Helper()
	Require(t)
	if conf.Name == "" {
		conf.Name = t.Name()
	}
	l, err := New(conf)
	if err != nil {
		t.Fatalf("make a lab: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("lab %s:\n%s", l.ID(), l.Warnings())
		}
		if err := l.Close(); err != nil {
			t.Fatalf("lab %s was not removed: %v", l.ID(), err)
		}
	})
	return l
}

// Must unwraps a value in a test that cannot go on without it: host := netlab.Must(lab.AddHost("h1", opts))(t).
func Must[V any](v V, err error) func(TB) V {
	return func(t TB) V {
		t.Helper()
		if err != nil {
			t.Fatalf("%v", err)
		}
		return v
	}
}

// Require fails the test when the machine cannot carry a lab, and says what is missing.
func Require(t TB) {
	t.Helper()
	if err := Check(); err != nil {
		t.Fatalf("%v", err)
	}
}

// Check says what the machine lacks to carry a lab.
func Check() error {
	if os.Geteuid() != 0 {
		return errors.New("netlab makes network namespaces and must run as root: run the tests with sudo, or in a container that is privileged")
	}
	var missing []string
	for _, p := range []string{"ip", "nsenter", "ethtool", "tcpdump", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl", "ovs-appctl"} {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("netlab needs the programs %s: install them with `make deps` (Debian packages openvswitch-switch, iproute2, ethtool, tcpdump)",
			strings.Join(missing, ", "))
	}
	if _, err := os.Stat(schemaFile); err != nil {
		return fmt.Errorf("netlab needs Open vSwitch's database schema: %w", err)
	}
	return nil
}

// Warnings collects what the daemons of the hosts logged at level WARN and above, the last 20 lines of each.
func (l *Lab) Warnings() string {
	var b strings.Builder
	for _, h := range l.machines(all) {
		for _, f := range []string{"ovsdb-server.log", "ovs-vswitchd.log"} {
			text, err := os.ReadFile(filepath.Join(h.dir, f))
			if err != nil {
				continue
			}
			var lines []string
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, "|WARN|") || strings.Contains(line, "|ERR|") || strings.Contains(line, "|EMER|") {
					lines = append(lines, line)
				}
			}
			if len(lines) > 20 {
				lines = lines[len(lines)-20:]
			}
			fmt.Fprintf(&b, "%s %s:\n%s", h.name, f, strings.Join(lines, ""))
		}
	}
	return b.String()
}

// WithLog is a logger that writes to the test's log.
func WithLog(t TB) logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(testWriter{t})
	log.SetLevel(logrus.DebugLevel)
	return log
}

type testWriter struct{ t TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimRight(string(p), "\n"))
	return len(p), nil
}
