package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/test/netlab"
)

const (
	// stateDir remembers a lab that is kept. It is where "weft lab" looks too, so its commands work on the demo's lab.
	stateDir = "/run/weft-lab"
	labName  = "weft-demo"
	pidFile  = "weftd.pid"
)

// makeLab makes the hosts and endpoints of a lab file. No interface is plugged yet.
func makeLab(ctx context.Context, file string, keep bool) (*netlab.Lab, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	spec, err := netlab.ParseSpec(text)
	if err != nil {
		return nil, err
	}
	spec.Name, spec.Manager = labName, ""
	if keep {
		spec.Controller = netlab.PlaceRoot
		return netlab.Up(ctx, spec, stateDir, nil)
	}
	lab, err := netlab.New(netlab.Config{Name: labName})
	if err != nil {
		return nil, err
	}
	if err := populate(lab, spec); err != nil {
		return nil, errors.Join(err, lab.Close())
	}
	return lab, nil
}

func populate(lab *netlab.Lab, spec netlab.Spec) error {
	if _, err := lab.AddHosts(spec.Hosts...); err != nil {
		return err
	}
	var g errgroup.Group
	for _, e := range spec.Endpoints {
		g.Go(func() error {
			host, _ := lab.Host(e.Host) // ParseSpec has seen it
			e.Plug = netlab.PlugLater
			_, err := host.AddEndpoint(e.Name, e.EndpointOptions)
			return err
		})
	}
	return g.Wait()
}

// weftd is the controller of the demo.
type weftd struct {
	lab  *netlab.Lab
	bin  string
	cmd  *exec.Cmd
	args []string
}

func newWeftd(lab *netlab.Lab, bin string) *weftd {
	return &weftd{lab: lab, bin: bin, args: []string{
		"--data-dir", filepath.Join(lab.Dir(), "weftd"), "--underlay-mtu", strconv.Itoa(netlab.UnderlayMTU),
		"--openflow", netlab.ControllerIPv4 + ":6653", "--ovsdb", netlab.ControllerIPv4 + ":6640",
	}}
}

func (w *weftd) logFile() string { return filepath.Join(w.lab.Dir(), "weftd.log") }

// start starts weftd and returns when it serves.
func (w *weftd) start(ctx context.Context) (took time.Duration, err error) {
	log, err := os.OpenFile(w.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	w.cmd = w.lab.ControllerCommand(filepath.Join(w.bin, "weftd"), w.args...)
	w.cmd.Stdout, w.cmd.Stderr = log, log
	// A session of its own: a lab that is kept outlives the terminal.
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	start := time.Now()
	if err := w.cmd.Start(); err != nil {
		return 0, fmt.Errorf("start weftd: %w", err)
	}
	if err := os.WriteFile(filepath.Join(w.lab.Dir(), pidFile), []byte(strconv.Itoa(w.cmd.Process.Pid)), 0o644); err != nil {
		return 0, err
	}
	err = netlab.Eventually(20*time.Second, "weftd serves", func() error {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // whoever is interrupted waits no longer
		}
		out, err := w.weft(ctx, "version").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	if err != nil {
		text, readErr := os.ReadFile(w.logFile())
		return 0, errors.Join(err, readErr, fmt.Errorf("its log:\n%s", text))
	}
	return time.Since(start), ctx.Err()
}

// kill ends weftd with SIGKILL.
func (w *weftd) kill() error {
	if w.cmd == nil {
		return nil
	}
	err := w.cmd.Process.Kill()
	_ = w.cmd.Wait() // it was killed
	w.cmd = nil
	return err
}

// weft prepares the command line, run where weftd is.
func (w *weftd) weft(ctx context.Context, args ...string) *exec.Cmd {
	return w.lab.Controller().CommandContext(ctx, filepath.Join(w.bin, "weft"), args...)
}

// takeDown ends the weftd of a lab that was kept, and the lab.
func takeDown(p *printer) error {
	lab, err := netlab.Open(stateDir, nil)
	if errors.Is(err, netlab.ErrNoLab) {
		p.say("No demo is up.")
		return nil
	}
	if err != nil {
		return err
	}
	if name := lab.Describe().Name; name != labName {
		return fmt.Errorf("the lab that is up (%s) is not the demo's; \"weft lab down\" takes it down", name)
	}
	if err := endWeftd(lab); err != nil {
		return err
	}
	if err := lab.Down(); err != nil {
		return err
	}
	p.say("The demo is down.")
	return nil
}

// sweep takes down what an earlier demo has left, if it is in the way of this one or broken.
func sweep(p *printer, keep bool) error {
	lab, err := netlab.Open(stateDir, nil)
	if errors.Is(err, netlab.ErrNoLab) {
		return nil
	}
	if err != nil {
		return err
	}
	if lab.Describe().Name != labName || !keep && weftdPID(lab) != 0 {
		return nil
	}
	p.say("An earlier demo is still up; it is taken down first.")
	return takeDown(p)
}

// endWeftd ends the weftd that a kept lab's pid file names.
func endWeftd(lab *netlab.Lab) error {
	pid := weftdPID(lab)
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("end weftd: %w", err)
	}
	return netlab.Eventually(15*time.Second, "weftd ends", func() error {
		if weftdPID(lab) != 0 {
			return fmt.Errorf("process %d still runs", pid)
		}
		return nil
	})
}

// weftdPID is the process that runs on the lab's data; 0 when none does. A number alone could be anybody's by now.
func weftdPID(lab *netlab.Lab) int {
	text, err := os.ReadFile(filepath.Join(lab.Dir(), pidFile))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(line), lab.Dir()) {
		return 0
	}
	return pid
}
