package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// IntegrationBridge is the bridge that the controller makes on every host.
const IntegrationBridge = "br-int"

// tool runs a program of Open vSwitch in the host's namespace, against the host's own daemons.
func (h *Host) tool(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := h.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), h.Env()...)
	return output(cmd)
}

// Env is the environment that makes Open vSwitch's programs talk to this host's daemons.
func (h *Host) Env() []string {
	return []string{"OVS_RUNDIR=" + h.dir, "OVS_DBDIR=" + h.dir, "OVS_SYSCONFDIR=" + h.dir, "OVS_LOGDIR=" + h.dir}
}

// Vsctl runs ovs-vsctl on the host and returns what it printed, without the last newline. It waits for ovs-vswitchd to do
// what was asked, unless the first argument is --no-wait.
func (h *Host) Vsctl(args ...string) (string, error) {
	out, err := h.tool("ovs-vsctl", append([]string{"--db=unix:" + h.file("db.sock"), "--timeout=30"}, args...)...)
	return strings.TrimSuffix(out, "\n"), h.wrap(err)
}

// Ofctl runs ovs-ofctl on the host with OpenFlow 1.3 to 1.5 enabled on our side (the bridge decides).
func (h *Host) Ofctl(args ...string) (string, error) {
	out, err := h.tool("ovs-ofctl", append([]string{"--timeout=30", "-O", "OpenFlow13,OpenFlow14,OpenFlow15"}, args...)...)
	return out, h.wrap(err)
}

// Appctl runs ovs-appctl against the host's ovs-vswitchd.
func (h *Host) Appctl(args ...string) (string, error) {
	out, err := h.tool("ovs-appctl", append([]string{"--timeout=30", "-t", h.file("vswitchd.ctl")}, args...)...)
	return out, h.wrap(err)
}

func (h *Host) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("host %s: %w", h.name, err)
}

// SetManager tells the host who manages it, such as tcp:10.99.0.100:6640; no target takes all managers away.
func (h *Host) SetManager(targets ...string) error {
	args := append([]string{"--no-wait", "set-manager"}, targets...)
	if len(targets) == 0 {
		args[1] = "del-manager"
	}
	_, err := h.Vsctl(args...)
	return err
}

// WaitBridge waits until the bridge is in the database and ovs-vswitchd has built it.
func (h *Host) WaitBridge(bridge string, within time.Duration) error {
	return h.wrap(Eventually(within, "bridge "+bridge, func() error {
		out, err := h.Vsctl("--no-wait", "--if-exists", "get", "Interface", bridge, "ofport")
		if err != nil {
			return err
		}
		if strings.TrimSpace(out) != "65534" {
			return errNotYet
		}
		return nil
	}))
}

// OFPort is an interface's OpenFlow port number; an error when it has none yet.
func (h *Host) OFPort(iface string) (int, error) {
	out, err := h.Vsctl("--no-wait", "get", "Interface", iface, "ofport")
	if err != nil {
		return 0, err
	}
	var n int
	if _, err := fmt.Sscan(out, &n); err != nil || n < 1 {
		return 0, fmt.Errorf("host %s: interface %s has no OpenFlow port (%s)", h.name, iface, out)
	}
	return n, nil
}

// DumpFlows lists a bridge's flows in ovs-ofctl's text form without counters and ages, sorted, so that two dumps of equal
// tables are equal.
func (h *Host) DumpFlows(bridge string) ([]string, error) {
	out, err := h.Ofctl("--no-stats", "dump-flows", bridge)
	if err != nil {
		return nil, err
	}
	var flows []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if line != "" && strings.Contains(line, "actions=") {
			flows = append(flows, line)
		}
	}
	slices.Sort(flows)
	return flows, nil
}

// Trace runs a packet, described as in ovs-fields(7), through a bridge's tables and returns ofproto/trace's report.
func (h *Host) Trace(bridge, flow string) (string, error) {
	return h.Appctl("ofproto/trace", bridge, flow)
}

// Passes counts the packets that a userspace datapath has received, and how often one of them went through its tables
// again: after a tunnel header was taken off, after connection tracking.
type Passes struct{ Packets, Recirculations uint64 }

// Passes reads the counters of the host's datapath, which all of its bridges share.
func (h *Host) Passes() (Passes, error) {
	out, err := h.Appctl("dpif-netdev/pmd-stats-show")
	if err != nil {
		return Passes{}, err
	}
	var p Passes
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		to, ok := map[string]*uint64{"packets received": &p.Packets, "packet recirculations": &p.Recirculations}[name]
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return Passes{}, fmt.Errorf("host %s: %s: %w", h.name, strings.TrimSpace(line), err)
		}
		*to += n // of one thread
	}
	return p, nil
}

// Verdict is the "Datapath actions" line of a Trace report.
func Verdict(trace string) (string, error) {
	for line := range strings.Lines(trace) {
		if v, ok := strings.CutPrefix(line, "Datapath actions: "); ok {
			return strings.TrimSpace(v), nil
		}
	}
	return "", errors.New("trace without datapath actions:\n" + trace)
}
