package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/netlab"
)

const (
	portsPerSim = 20 // of 1,000 hosts: 20,000 ports
	simWithin   = 2 * time.Minute
	simBatch    = 9000 // ports in one Apply, which takes 10,000 resources
)

// simSuite measures weftd with 100 and 1,000 simulated hosts, which are a process of their own.
func simSuite(ctx context.Context, b *bench) error {
	for _, n := range []int{100, 1000} {
		name := fmt.Sprintf("sim.hosts%d", n)
		if !strings.HasPrefix(name+".", b.only) && !strings.HasPrefix(b.only, name+".") {
			continue
		}
		if err := b.simHosts(ctx, name, b.choose(n, n/50)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, what := range []string{"start_s", "start.weftd_cpu_s", "start.weftd_peak_mib", "port_add_ms"} {
		small, okSmall := b.find("sim.hosts100." + what)
		large, okLarge := b.find("sim.hosts1000." + what)
		if okSmall && okLarge && small.Value > 0 {
			b.add("sim.growth."+what, "×", []float64{large.Value / small.Value})
		}
	}
	return nil
}

// simHosts measures n hosts with 20 ports each: first from nothing but the store, then weftd's restart, then one port more.
func (b *bench) simHosts(ctx context.Context, name string, n int) (err error) {
	dir, err := os.MkdirTemp(b.dir, "sim-")
	if err != nil {
		return err
	}
	c := &cloud{b: b, dir: dir}
	if c.lab, err = netlab.New(netlab.Config{Name: "bench-sim"}); err != nil {
		return err
	}
	defer closing(c.close, &err)
	if c.weftd, err = b.startWeftd(ctx, c.lab, dir); err != nil {
		return err
	}
	if err := c.want(ctx, n*portsPerSim); err != nil {
		return err
	}
	if err := c.again(ctx, nil); err != nil {
		return err
	}
	began := time.Now()
	s, err := startSimulator(c.lab, n)
	if err != nil {
		return err
	}
	defer closing(s.stop, &err)
	if err := c.fleetSynced(ctx, n); err != nil {
		return err
	}
	b.addFleet(name+".start", time.Since(began), c.usage())
	if err := c.again(ctx, func() { began = time.Now() }); err != nil {
		return err
	}
	if err := c.fleetSynced(ctx, n); err != nil {
		return err
	}
	b.addFleet(name+".restart", time.Since(began), c.usage())
	added, _, err := c.addPorts(ctx, []*weftv1.Resource{extraPort(0)}, b.choose(100, 2))
	if err != nil {
		return err
	}
	b.add(name+".port_add_ms", "ms", milli(added, took.total))
	b.addP99(name+".port_add.p99_ms", milli(added, took.total))
	return nil
}

// addFleet adds what it took until the whole fleet was in step.
func (b *bench) addFleet(name string, t time.Duration, u usage) {
	b.add(name+"_s", "s", []float64{t.Seconds()})
	b.add(name+".weftd_cpu_s", "s", []float64{u.cpu})
	b.add(name+".weftd_peak_mib", "MiB", []float64{u.peak})
}

// want stores networks and ports while no host is there.
func (c *cloud) want(ctx context.Context, ports int) error {
	for first := 0; first < ports; first += simBatch {
		if _, err := c.Apply(ctx, intended(first, min(first+simBatch, ports))); err != nil {
			return err
		}
	}
	return nil
}

// again ends weftd, calls a function, and starts weftd on the same data.
func (c *cloud) again(ctx context.Context, between func()) error {
	w := c.weftd
	c.weftd = nil
	if err := w.stop(); err != nil {
		return err
	}
	if between != nil {
		between()
	}
	var err error
	c.weftd, err = c.b.startWeftd(ctx, c.lab, c.dir)
	return err
}

// fleetSynced waits until n hosts are in step, each with all its ports. A plugged interface is no revision, so that something
// is changed at the end whose revision only counts as realised where nothing is left to do.
func (c *cloud) fleetSynced(ctx context.Context, n int) error {
	if err := c.fleetBound(ctx, n, portsPerSim); err != nil {
		return err
	}
	touched := network(0)[:1]
	touched[0].Description = time.Now().String()
	_, err := c.apply(ctx, touched)
	return err
}

// fleetBound waits until n hosts are connected and have all their ports, so many each.
func (c *cloud) fleetBound(ctx context.Context, n, each int) error {
	return netlab.Eventually(simWithin, "all simulated hosts are synced", func() error {
		all, _, err := c.ListAll(ctx, &weftv1.Filter{Kinds: []string{"Host"}})
		if err != nil {
			return err
		}
		inStep := 0
		for _, r := range all {
			st := r.GetStatus().GetHost()
			const want = weftv1.HostStatus_CONNECTION_SYNCED
			if st.GetOpenflow() == want && st.GetOvsdb() == want && st.GetLag() == 0 && int(st.GetPorts()) >= each {
				inStep++
			}
		}
		if inStep < n {
			return fmt.Errorf("%d of %d hosts are in step", inStep, n)
		}
		return nil
	})
}

// simulator is the process with the simulated hosts.
type simulator struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

// startSimulator runs this program once more where weftd is; see simulate. It returns when every interface is plugged.
func startSimulator(lab *netlab.Lab, hosts int) (*simulator, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &simulator{cmd: lab.ControllerCommand(self)}
	s.cmd.Env = append(os.Environ(), simulateEnv+"="+strconv.Itoa(hosts))
	return s, s.begin()
}

// begin starts the process and waits for its first line.
func (s *simulator) begin() error {
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.lines = bufio.NewScanner(out)
	s.lines.Buffer(nil, 1<<20)
	if !s.lines.Scan() {
		return errors.Join(errors.New("the simulator ended"), s.stop())
	}
	return nil
}

func (s *simulator) stop() error {
	_ = s.in.Close()                          // a fleet waits for what it is told
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which Wait tells
	return s.cmd.Wait()
}
