package netlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// netnsDir is where ip-netns(8) keeps the names of namespaces.
const netnsDir = "/run/netns"

// commandTimeout bounds each command that netlab runs by itself; it is long because test machines are slow when busy.
const commandTimeout = 60 * time.Second

// Namespace is one network namespace of a lab.
type Namespace struct {
	name string // the name as ip-netns(8) shows it; empty for the namespace that the process started in
}

// newNamespace makes a namespace with loopback up and the settings that every namespace of a lab has.
func newNamespace(name string) (*Namespace, error) {
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make namespace %s: %w: %s", name, err, out)
	}
	n := &Namespace{name: name}
	for _, s := range []struct{ key, value string }{
		// Duplicate address detection would keep IPv6 addresses unusable for a second.
		{"ipv6/conf/all/accept_dad", "0"},
		{"ipv6/conf/default/accept_dad", "0"},
		{"ipv6/conf/default/router_solicitations", "0"},
		{"ipv6/conf/all/disable_ipv6", "0"},
		{"ipv6/conf/default/disable_ipv6", "0"},
		// The controller's address is on two wires (underlay and mgmt): replies may take the other one.
		{"ipv4/conf/all/rp_filter", "0"},
		{"ipv4/conf/default/rp_filter", "0"},
	} {
		if err := n.Sysctl(s.key, s.value); err != nil {
			return nil, err
		}
	}
	err := n.withNetlink(func(h *netlink.Handle) error {
		lo, err := h.LinkByName("lo")
		if err != nil {
			return err
		}
		return h.LinkSetUp(lo)
	})
	if err != nil {
		return nil, fmt.Errorf("namespace %s: loopback: %w", name, err)
	}
	return n, nil
}

// Name is the namespace's name for ip-netns(8); empty for the namespace the process started in.
func (n *Namespace) Name() string { return n.name }

func (n *Namespace) isRoot() bool { return n.name == "" }

func (n *Namespace) path() string { return filepath.Join(netnsDir, n.name) }

// Command prepares a command that will run inside the namespace. The process that is started is the command itself, so
// signals sent to it arrive.
func (n *Namespace) Command(name string, args ...string) *exec.Cmd {
	return n.CommandContext(context.Background(), name, args...)
}

// CommandContext is Command with a context that kills the command when it ends.
func (n *Namespace) CommandContext(ctx context.Context, name string, args ...string) *exec.Cmd {
	if n.isRoot() {
		return exec.CommandContext(ctx, name, args...)
	}
	argv := append([]string{"--net=" + n.path(), "--", name}, args...)
	return exec.CommandContext(ctx, "nsenter", argv...)
}

// Exec runs a command inside the namespace and returns what it printed on standard output; the error carries what it
// printed on standard error.
func (n *Namespace) Exec(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	return output(n.CommandContext(ctx, name, args...))
}

// output runs a command and returns its standard output.
func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A daemon that keeps our pipes open must not keep us.
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", strings.Join(shorten(cmd.Args), " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// shorten leaves the wrapper out of a command line that is shown to people, and cuts long ones.
func shorten(args []string) []string {
	if len(args) > 3 && args[0] == "nsenter" {
		args = args[3:]
	}
	if len(args) > 40 {
		args = append(args[:40:40], "…")
	}
	return args
}

// Do runs fn on a thread that is inside the namespace. Sockets that fn opens belong to the namespace for ever. fn must
// not start goroutines that expect to be inside too.
func (n *Namespace) Do(fn func() error) error {
	if n.isRoot() {
		return fn()
	}
	done := make(chan error, 1)
	go func() { done <- n.onThread(fn) }()
	return <-done
}

func (n *Namespace) onThread(fn func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		return fmt.Errorf("namespace %s: %w", n.name, err)
	}
	defer home.Close()
	there, err := netns.GetFromPath(n.path())
	if err != nil {
		return fmt.Errorf("namespace %s: %w", n.name, err)
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		return fmt.Errorf("enter namespace %s: %w", n.name, err)
	}
	fnErr := fn()
	// Invariant: a thread goes back to the pool only when it is home again. A locked thread whose goroutine ends is
	// thrown away by the runtime, which is what we want when the way back failed.
	if err := netns.Set(home); err != nil {
		return errors.Join(fnErr, fmt.Errorf("leave namespace %s: %w", n.name, err))
	}
	runtime.UnlockOSThread()
	return fnErr
}

// Sysctl sets a value under net/, such as "ipv4/ip_forward".
func (n *Namespace) Sysctl(key, value string) error {
	err := n.Do(func() error { return os.WriteFile(filepath.Join("/proc/sys/net", key), []byte(value), 0o644) })
	if err != nil {
		return fmt.Errorf("namespace %s: set %s: %w", n.name, key, err)
	}
	return nil
}

// Listen opens a listener inside the namespace, for a server that runs in this process.
func (n *Namespace) Listen(network, addr string) (l net.Listener, err error) {
	err = n.Do(func() (err error) { l, err = net.Listen(network, addr); return err })
	return l, err
}

// ListenPacket opens a packet socket inside the namespace.
func (n *Namespace) ListenPacket(network, addr string) (c net.PacketConn, err error) {
	err = n.Do(func() (err error) { c, err = net.ListenPacket(network, addr); return err })
	return c, err
}

// DialContext connects from inside the namespace. addr has a literal address: names are not resolved there.
func (n *Namespace) DialContext(ctx context.Context, network, addr string) (c net.Conn, err error) {
	// FallbackDelay < 0 keeps the dial on the calling thread.
	d := net.Dialer{FallbackDelay: -1}
	err = n.Do(func() (err error) { c, err = d.DialContext(ctx, network, addr); return err })
	return c, err
}

// withNetlink hands fn a route netlink handle of the namespace.
func (n *Namespace) withNetlink(fn func(*netlink.Handle) error) error {
	var h *netlink.Handle
	var err error
	if n.isRoot() {
		h, err = netlink.NewHandle(unix.NETLINK_ROUTE)
	} else {
		var ns netns.NsHandle
		if ns, err = netns.GetFromPath(n.path()); err != nil {
			return fmt.Errorf("namespace %s: %w", n.name, err)
		}
		defer ns.Close()
		h, err = netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	}
	if err != nil {
		return fmt.Errorf("namespace %s: netlink: %w", n.name, err)
	}
	defer h.Close()
	return fn(h)
}

// open returns a file descriptor of the namespace for netlink messages that name one; the caller closes it.
func (n *Namespace) open() (netns.NsHandle, error) {
	if n.isRoot() {
		return netns.Get()
	}
	return netns.GetFromPath(n.path())
}
