package netlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"sync"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
)

// The controller's addresses, the same in every lab.
const (
	ControllerIPv4 = "10.99.0.100"
	ControllerIPv6 = "fd99::100"
)

// MTUs of a lab: the underlay has room for every encapsulation around what endpoints send.
const (
	UnderlayMTU = 2000
	EndpointMTU = 1400
)

// mgmtHost is the last byte of the controller's addresses.
const mgmtHost = 100

// Place says where the controller of a lab runs.
type Place string

const (
	// PlaceLab is the zero value: a namespace of the lab: any number of such labs run side by side.
	PlaceLab Place = ""
	// PlaceRoot is the namespace that the lab is made from, so that a user's weftd and weft need no wrapper. At most one
	// such lab fits on a machine.
	PlaceRoot Place = "root"
)

// Config is how a lab is made; the zero value is usable.
type Config struct {
	Name       string             // shown in logs and status
	Log        logrus.FieldLogger // nil: silent
	Dir        string             // for databases, sockets and logs; default: a directory under /run that the lab removes
	Controller Place
	kept       bool // the lab outlives this process
}

func (c *Config) validate() error {
	if c.Log == nil {
		l := logrus.New()
		l.SetOutput(io.Discard)
		c.Log = l
	}
	if c.Controller != PlaceLab && c.Controller != PlaceRoot {
		return fmt.Errorf("lab %q: unknown place of the controller %q", c.Name, c.Controller)
	}
	// sun_path has 108 bytes, and the longest name below is /<host>/br-xxxxxxxxxxx.snoop.
	if len(c.Dir) > 60 {
		return fmt.Errorf("lab %q: directory %s: too long for the sockets in it (%d characters, at most 60)", c.Name, c.Dir, len(c.Dir))
	}
	return nil
}

// Lab is hosts, endpoints and the wires between them. Its methods may be called from any goroutine.
type Lab struct {
	conf  Config
	entry entry
	log   logrus.FieldLogger
	core  *Namespace
	ctl   *Namespace

	mu        sync.Mutex
	hosts     []*Host
	endpoints []*Endpoint
	physicals []*Physical
	closers   map[io.Closer]struct{} // captures, pingers, servers
	closed    bool
	stateDir  string // where the lab remembers itself; empty: it does not

	signals    chan os.Signal
	signalDone chan struct{}
}

// New makes a lab with no hosts. It removes what dead labs left on the machine first.
func New(conf Config) (*Lab, error) {
	if err := conf.validate(); err != nil {
		return nil, err
	}
	if err := Check(); err != nil {
		return nil, err
	}
	e, err := register(conf.Name, conf.kept)
	if err != nil {
		return nil, err
	}
	if conf.Dir == "" {
		conf.Dir = e.dir()
	}
	l := newLab(conf, e)
	if !conf.kept {
		l.watchSignals()
	}
	if err := l.wire(); err != nil {
		return nil, errors.Join(fmt.Errorf("lab %s: %w", e.ID, err), l.Close())
	}
	return l, nil
}

func newLab(conf Config, e entry) *Lab {
	return &Lab{conf: conf, entry: e, log: conf.Log.WithField("lab", e.ID), closers: map[io.Closer]struct{}{}}
}

// wire makes the core and the controller's place.
func (l *Lab) wire() error {
	core, err := newNamespace(l.nsName("core"))
	if err != nil {
		return err
	}
	l.core = core
	for _, br := range []string{underlay, mgmt} {
		if err := core.makeBridge(br, UnderlayMTU); err != nil {
			return err
		}
	}
	if l.conf.Controller == PlaceRoot {
		l.ctl = &Namespace{}
	} else if l.ctl, err = newNamespace(l.nsName("controller")); err != nil {
		return err
	}
	return l.wireController()
}

// The bridges of the core, and the hosts' links to them.
const (
	underlay     = "underlay"
	mgmt         = "mgmt"
	underlayLink = "ul0"
	mgmtLink     = "mgmt0"
)

// wireController connects the controller to both wires. Its one address is on both: hosts reach it over mgmt, packets
// of their tunnels' network over the underlay.
func (l *Lab) wireController() error {
	v4, v6 := netip.MustParseAddr(ControllerIPv4), netip.MustParseAddr(ControllerIPv6)
	for _, w := range []struct {
		bridge, link string
		prefixes     []netip.Prefix
	}{
		{underlay, underlayLink, []netip.Prefix{netip.PrefixFrom(v4, 24), netip.PrefixFrom(v6, 64)}},
		{mgmt, mgmtLink, []netip.Prefix{mgmtAddr(mgmtHost), mgmtAddr6(mgmtHost), netip.PrefixFrom(v6, 128)}},
	} {
		link := w.link
		if l.ctl.isRoot() {
			if w.bridge == underlay {
				continue
			}
			if err := rootIsFree(); err != nil {
				return err
			}
			link = "wl" + l.entry.ID + rootSuffix
			w.prefixes = append(w.prefixes, netip.PrefixFrom(v4, 32))
		}
		if err := l.connect(l.ctl, link, "controller", w.bridge); err != nil {
			return err
		}
		if err := l.ctl.txOff(link); err != nil {
			return err
		}
		for _, p := range w.prefixes {
			if err := l.ctl.addAddress(link, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// connect joins a namespace to one of the core's bridges.
func (l *Lab) connect(ns *Namespace, link, who, bridge string) error {
	port := portName(bridge[:1]+"-", who)
	if err := makeVeth(end{ns: l.core, name: port}, end{ns: ns, name: link}, UnderlayMTU); err != nil {
		return err
	}
	return l.core.join(port, bridge)
}

// ID is the lab's six hexadecimal digits, which its namespaces' names carry.
func (l *Lab) ID() string { return l.entry.ID }

// Dir is where databases, sockets and logs are.
func (l *Lab) Dir() string { return l.conf.Dir }

func (l *Lab) nsName(part string) string { return "wl" + l.entry.ID + "-" + part }

// Core is the namespace with the wires between hosts.
func (l *Lab) Core() *Namespace { return l.core }

// Controller is the namespace where the controller runs. Commands started in it end with the lab.
func (l *Lab) Controller() *Namespace { return l.ctl }

// ControllerCommand prepares a command that runs where the controller does.
func (l *Lab) ControllerCommand(name string, args ...string) *exec.Cmd {
	return l.ctl.Command(name, args...)
}

// ManagerTarget is what a host's set-manager is given to find the controller.
func (l *Lab) ManagerTarget() string { return "tcp:" + ControllerIPv4 + ":6640" }

// Listen opens a listener where the controller runs, for a controller inside this process.
func (l *Lab) Listen(network, addr string) (net.Listener, error) { return l.ctl.Listen(network, addr) }

// Dial connects from where the controller runs.
func (l *Lab) Dial(network, addr string) (net.Conn, error) {
	return l.DialContext(context.Background(), network, addr)
}

// DialContext connects from where the controller runs; addr has a literal address.
func (l *Lab) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return l.ctl.DialContext(ctx, network, addr)
}

// Hosts lists the hosts in the order in which they were added; bare switches are not among them.
func (l *Lab) Hosts() []*Host {
	return l.machines(func(h *Host) bool { return h.opts.Kind == KindHost })
}

// machines lists the hosts and bare switches for which want is true.
func (l *Lab) machines(want func(*Host) bool) []*Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.hosts), func(h *Host) bool { return !want(h) })
}

// all is what machines is given to list every machine.
func all(*Host) bool { return true }

// Endpoints lists the endpoints in the order in which they were added.
func (l *Lab) Endpoints() []*Endpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.endpoints)
}

// Host finds a host or bare switch by name.
func (l *Lab) Host(name string) (*Host, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.hosts, func(h *Host) bool { return h.name == name })
	if i < 0 {
		return nil, false
	}
	return l.hosts[i], true
}

// Endpoint finds an endpoint by name.
func (l *Lab) Endpoint(name string) (*Endpoint, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.endpoints, func(e *Endpoint) bool { return e.name == name })
	if i < 0 {
		return nil, false
	}
	return l.endpoints[i], true
}

// Namespace finds a place of the lab by name: "controller", "core", a host or an endpoint.
func (l *Lab) Namespace(name string) (*Namespace, bool) {
	switch name {
	case "controller":
		return l.ctl, true
	case "core":
		return l.core, true
	}
	if h, ok := l.Host(name); ok {
		return h.Namespace, true
	}
	if e, ok := l.Endpoint(name); ok {
		return e.Namespace, true
	}
	return nil, false
}

// AddHosts adds several hosts at once.
func (l *Lab) AddHosts(specs ...HostSpec) ([]*Host, error) {
	hosts := make([]*Host, len(specs))
	var g errgroup.Group
	// Numbers are given in the order asked for, before anything runs side by side.
	for i, s := range specs {
		h, err := l.reserveHost(s.Name, s.HostOptions)
		if err != nil {
			return nil, errors.Join(err, g.Wait())
		}
		hosts[i] = h
		g.Go(h.start)
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return hosts, l.save()
}

// AddHost adds a host and returns when its switch runs.
func (l *Lab) AddHost(name string, o HostOptions) (*Host, error) {
	hosts, err := l.AddHosts(HostSpec{Name: name, HostOptions: o})
	if err != nil {
		return nil, err
	}
	return hosts[0], nil
}

// own remembers what must be stopped with the lab.
func (l *Lab) own(c io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers[c] = struct{}{}
}

func (l *Lab) disown(c io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.closers, c)
}

// Close ends every process of the lab and removes its namespaces and files. A second call does nothing.
func (l *Lab) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	closers := l.closers
	l.closers = map[io.Closer]struct{}{}
	l.mu.Unlock()
	for c := range closers {
		// What goes down with the lab may complain about it.
		_ = c.Close()
	}
	err := l.removeAll()
	l.stopSignals()
	return err
}

func (l *Lab) removeAll() error {
	if l.conf.Dir != l.entry.dir() {
		names, err := namespacesOf(l.entry.ID)
		if err != nil {
			return err
		}
		if err := killAll(names, l.conf.Dir); err != nil {
			return err
		}
		for _, h := range l.machines(all) {
			if err := os.RemoveAll(h.dir); err != nil {
				return err
			}
		}
	}
	return locked(func() error { return raze(l.entry.ID) })
}

// watchSignals takes the lab down when the process is told to end, and then lets the signal do its work.
func (l *Lab) watchSignals() {
	l.signals, l.signalDone = make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(l.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		select {
		case s := <-l.signals:
			if err := l.Close(); err != nil {
				l.log.WithError(err).Error("lab not removed")
			}
			// Other labs of this process got the signal too; the one that is done last leaves nobody who catches it, and the
			// process ends the way it should.
			if s, ok := s.(syscall.Signal); ok {
				_ = syscall.Kill(os.Getpid(), s)
			}
		case <-l.signalDone:
		}
	}()
}

func (l *Lab) stopSignals() {
	if l.signals == nil {
		return
	}
	signal.Stop(l.signals)
	close(l.signalDone)
}
