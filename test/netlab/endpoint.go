package netlab

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
)

// endpointLink is the name of the interface inside an endpoint.
const endpointLink = "eth0"

// When says when an endpoint's interface is given to the switch.
type When string

const (
	// PlugNow is the zero value: it plugs the interface as part of AddEndpoint, which waits for the bridge.
	PlugNow When = ""
	// PlugLater leaves it to Endpoint.Plug.
	PlugLater When = "later"
)

// EndpointOptions describe an endpoint; the zero value is an endpoint without addresses whose iface-id is its name.
type EndpointOptions struct {
	IfaceID   string   `json:"ifaceId,omitempty"`   // external_ids:iface-id; default: the endpoint's name
	MAC       string   `json:"mac,omitempty"`       // default: made from the lab's and the endpoint's name
	Addresses []string `json:"addresses,omitempty"` // with prefix lengths, such as 10.0.0.11/24 and fd00::11/64
	Gateways  []string `json:"gateways,omitempty"`  // default routes, at most one for IPv4 and one for IPv6
	MTU       int      `json:"mtu,omitempty"`       // default: EndpointMTU
	Bridge    string   `json:"bridge,omitempty"`    // default: br-int
	Plug      When     `json:"plug,omitempty"`
}

// Endpoint is what a virtual machine would be: a namespace with one interface, eth0. Commands and sockets of the
// embedded Namespace are the endpoint's own.
type Endpoint struct {
	*Namespace
	lab   *Lab
	name  string
	opts  EndpointOptions
	mac   net.HardwareAddr
	addrs []netip.Prefix

	mu      sync.Mutex
	host    *Host
	plugged bool
}

// AddEndpoint makes an endpoint on the host and, unless it is told otherwise, plugs it into the integration bridge.
func (h *Host) AddEndpoint(name string, o EndpointOptions) (*Endpoint, error) {
	e, err := h.lab.reserveEndpoint(h, name, o)
	if err != nil {
		return nil, err
	}
	if err := e.build(); err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", name, err)
	}
	if o.Plug == PlugNow {
		if err := e.Plug(); err != nil {
			return nil, err
		}
	}
	return e, h.lab.save()
}

func (l *Lab) reserveEndpoint(h *Host, name string, o EndpointOptions) (*Endpoint, error) {
	e, err := newEndpoint(l, h, name, o)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", name, err)
	}
	if _, ok := l.Namespace(name); ok {
		return nil, fmt.Errorf("endpoint %s: the lab has something of that name", name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("endpoint %s: the lab is closed", name)
	}
	if slices.ContainsFunc(l.endpoints, func(x *Endpoint) bool { return x.name == name }) {
		return nil, fmt.Errorf("endpoint %s: exists already", name)
	}
	l.endpoints = append(l.endpoints, e)
	return e, nil
}

// newEndpoint checks the options and fills in the defaults; nothing is made yet.
func newEndpoint(l *Lab, h *Host, name string, o EndpointOptions) (*Endpoint, error) {
	if name == "" {
		return nil, errors.New("no name")
	}
	o.IfaceID = defaulted(o.IfaceID, name)
	o.Bridge = defaulted(o.Bridge, IntegrationBridge)
	if o.MTU == 0 {
		o.MTU = EndpointMTU
	}
	if o.MAC == "" {
		f := fnv.New64a()
		_, _ = f.Write([]byte(l.entry.ID + "/" + name)) // never fails
		sum := f.Sum64()
		o.MAC = net.HardwareAddr{0x02, byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24), byte(sum >> 32)}.String()
	}
	mac, err := net.ParseMAC(o.MAC)
	if err != nil {
		return nil, err
	}
	e := &Endpoint{Namespace: &Namespace{name: l.nsName(name)}, lab: l, name: name, opts: o, host: h, mac: mac}
	for _, a := range o.Addresses {
		p, err := netip.ParsePrefix(a)
		if err != nil {
			return nil, err
		}
		e.addrs = append(e.addrs, p)
	}
	for _, g := range o.Gateways {
		if _, err := netip.ParseAddr(g); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// build makes the namespace and its interface.
func (e *Endpoint) build() error {
	if _, err := newNamespace(e.Namespace.name); err != nil {
		return err
	}
	if err := makeVeth(end{ns: e.host.Namespace, name: e.Port()}, end{ns: e.Namespace, name: endpointLink, mac: e.mac}, e.opts.MTU); err != nil {
		return err
	}
	if err := e.txOff(endpointLink); err != nil {
		return err
	}
	for _, p := range e.addrs {
		if err := e.addAddress(endpointLink, p); err != nil {
			return err
		}
	}
	for _, g := range e.opts.Gateways {
		gw := netip.MustParseAddr(g) // newEndpoint has parsed it
		all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if gw.Is6() {
			all = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		if err := e.addRoute(endpointLink, all, gw, netip.Addr{}); err != nil {
			return err
		}
	}
	return nil
}

// Name is the endpoint's name in the lab.
func (e *Endpoint) Name() string { return e.name }

// Host is where the endpoint is now.
func (e *Endpoint) Host() *Host {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.host
}

// Port is the name of the host's end of the endpoint's wire, which is the name of the port on the bridge.
func (e *Endpoint) Port() string { return portName("e-", e.name) }

// Link is the name of the interface inside the endpoint.
func (e *Endpoint) Link() string { return endpointLink }

// IfaceID is the external_ids:iface-id that the interface is plugged with.
func (e *Endpoint) IfaceID() string { return e.opts.IfaceID }

// MAC is the address of eth0.
func (e *Endpoint) MAC() net.HardwareAddr { return slices.Clone(e.mac) }

// IPv4 is the first IPv4 address; the zero Addr when there is none.
func (e *Endpoint) IPv4() netip.Addr { return e.first(netip.Addr.Is4) }

// IPv6 is the first IPv6 address, link-local aside; the zero Addr when there is none.
func (e *Endpoint) IPv6() netip.Addr { return e.first(netip.Addr.Is6) }

func (e *Endpoint) first(is func(netip.Addr) bool) netip.Addr {
	for _, p := range e.addrs {
		if is(p.Addr()) {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// AddAddress gives eth0 one more address.
func (e *Endpoint) AddAddress(cidr string) error {
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		return fmt.Errorf("endpoint %s: %w", e.name, err)
	}
	return e.addAddress(endpointLink, p)
}

// Plugged says whether the interface is on its bridge.
func (e *Endpoint) Plugged() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.plugged
}

// Plug waits for the bridge and puts the interface on it, as a hypervisor does for a starting machine.
func (e *Endpoint) Plug() error {
	h := e.Host()
	if h.opts.Kind == KindPeer {
		return h.join(e.Port(), e.opts.Bridge)
	}
	if err := h.WaitBridge(e.opts.Bridge, commandTimeout); err != nil {
		return fmt.Errorf("endpoint %s: %w", e.name, err)
	}
	return e.plugOn(h)
}

func (e *Endpoint) plugOn(h *Host) error {
	port := e.Port()
	_, err := h.Vsctl("--may-exist", "add-port", e.opts.Bridge, port,
		"--", "set", "Interface", port, "external_ids:iface-id="+quote(e.opts.IfaceID),
		"external_ids:attached-mac="+quote(e.mac.String()), "external_ids:iface-status=active")
	if err != nil {
		return fmt.Errorf("endpoint %s: plug: %w", e.name, err)
	}
	e.mu.Lock()
	e.plugged = true
	e.mu.Unlock()
	return e.lab.save()
}

// Unplug takes the interface off its bridge; eth0 stays up.
func (e *Endpoint) Unplug() error {
	if _, err := e.Host().Vsctl("--if-exists", "del-port", e.Port()); err != nil {
		return fmt.Errorf("endpoint %s: unplug: %w", e.name, err)
	}
	e.mu.Lock()
	e.plugged = false
	e.mu.Unlock()
	return e.lab.save()
}

// MoveTo moves the endpoint to another host, as a live migration does: eth0 with its addresses and connections stays,
// the wire ends elsewhere, and the port with its iface-id appears there after it went here.
func (e *Endpoint) MoveTo(to *Host) error {
	was := e.Plugged()
	if was {
		if err := e.Unplug(); err != nil {
			return err
		}
	}
	from := e.Host()
	fd, err := to.open()
	if err != nil {
		return fmt.Errorf("endpoint %s: move to %s: %w", e.name, to.name, err)
	}
	defer fd.Close()
	err = from.onLink(e.Port(), func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetNsFd(l, int(fd)) })
	if err == nil {
		err = to.setUp(e.Port())
	}
	if err != nil {
		return fmt.Errorf("endpoint %s: move to %s: %w", e.name, to.name, err)
	}
	e.mu.Lock()
	e.host = to
	e.mu.Unlock()
	if !was {
		return e.lab.save()
	}
	return e.Plug()
}

// Remove unplugs the endpoint and takes it away with whatever runs in it.
func (e *Endpoint) Remove() error {
	var errs []error
	if e.Host().VswitchdPID() != 0 {
		errs = append(errs, e.Unplug())
	}
	errs = append(errs, killAll([]string{e.Namespace.name}, e.Namespace.path()), removeNamespace(e.Namespace.name))
	l := e.lab
	l.mu.Lock()
	l.endpoints = slices.DeleteFunc(l.endpoints, func(x *Endpoint) bool { return x == e })
	l.mu.Unlock()
	return errors.Join(append(errs, l.save())...)
}
