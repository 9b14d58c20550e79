package netlab

import (
	"errors"
	"fmt"
)

// Kind says what a machine of a lab is.
type Kind string

// The kinds of machines.
const (
	// KindHost is the zero value: a host with endpoints and tunnels, which a controller manages over OVSDB.
	KindHost Kind = ""
	// KindSwitch is a bare switch: one bridge (SwitchBridge) and nothing else. Nobody manages its database. Until it is
	// given a controller it learns addresses, per VLAN, and floods what it does not know, as a switch in a rack does.
	KindSwitch Kind = "switch"
	// KindPeer is a third party at the other end of tunnels: a machine with a tunnel address, without Open vSwitch, whose
	// bridge (SwitchBridge) is the kernel's.
	KindPeer Kind = "peer"
)

// SwitchBridge is the one bridge of a bare switch or a peer.
const SwitchBridge = "br0"

// AddSwitch adds a bare switch.
func (l *Lab) AddSwitch(name string) (*Host, error) {
	return l.AddHost(name, HostOptions{Kind: KindSwitch})
}

// Switches lists the bare switches in the order in which they were added.
func (l *Lab) Switches() []*Host {
	return l.machines(func(h *Host) bool { return h.opts.Kind == KindSwitch })
}

// Jack is where a wire is plugged in: a port of a bridge of a host or a bare switch.
type Jack struct {
	Host     *Host
	Bridge   string   // default: SwitchBridge
	Port     string   // name of the new interface, at most 15 characters
	Settings []string // further settings of the Port row, as for ovs-vsctl set: tag=5, vlan_mode=dot1q-tunnel
}

func (j Jack) bridge() string { return defaulted(j.Bridge, SwitchBridge) }

// Wire joins two bridges with a wire of the underlay's MTU; that of a peer is Linux's own.
func (l *Lab) Wire(a, b Jack) error {
	if err := makeVeth(end{ns: a.Host.Namespace, name: a.Port}, end{ns: b.Host.Namespace, name: b.Port}, UnderlayMTU); err != nil {
		return err
	}
	for _, j := range []Jack{a, b} {
		if err := j.plug(); err != nil {
			return fmt.Errorf("wire %s-%s: %w", a.Port, b.Port, err)
		}
	}
	return nil
}

func (j Jack) plug() error {
	// Checksums that the kernel left half-made would stay so in the userspace datapath.
	if err := j.Host.txOff(j.Port); err != nil {
		return err
	}
	if j.Host.opts.Kind == KindPeer {
		return errors.Join(j.Host.join(j.Port, j.bridge()), j.Host.setUp(j.Port))
	}
	args := []string{"add-port", j.bridge(), j.Port}
	if len(j.Settings) > 0 {
		args = append(append(args, "--", "set", "Port", j.Port), j.Settings...)
	}
	_, err := j.Host.Vsctl(args...)
	return err
}

// Unwire takes a wire away that Wire has made.
func (l *Lab) Unwire(a, b Jack) error {
	var errs []error
	for _, j := range []Jack{a, b} {
		_, err := j.Host.Vsctl("--if-exists", "del-port", j.bridge(), j.Port)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, a.Host.removeLink(a.Port))...) // and with it the other end
}

// SetController gives a bare switch to a controller, "tcp:10.99.1.100:6653", under a datapath id. It switches nothing by itself any more.
func (h *Host) SetController(target string, datapath uint64) error {
	_, err := h.Vsctl("set", "Bridge", SwitchBridge, "fail_mode=secure", "protocols=OpenFlow13", fmt.Sprintf("other_config:datapath-id=%016x", datapath),
		"other_config:disable-in-band=true", "--", "set-controller", SwitchBridge, target,
		"--", "set", "Controller", SwitchBridge, "connection_mode=out-of-band", "max_backoff=1000", "inactivity_probe=5000")
	return err
}

// ControllerTarget is where the controller takes switches.
func (l *Lab) ControllerTarget() string { return "tcp:" + ControllerIPv4 + ":6653" }
