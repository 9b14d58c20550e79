package netlab

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// schemaFile is where Debian's openvswitch-switch has the database schema.
const schemaFile = "/usr/share/openvswitch/vswitch.ovsschema"

// maxHosts is how many hosts fit in the lab's 10.99.0.0/24 beside the controller.
const maxHosts = 253

// physBridge carries the host's tunnels: the underlay link is a port of it, its LOCAL port has the tunnel address.
const physBridge = "br-phys"

// HostOptions say how a host differs from the usual; the zero value is the usual.
type HostOptions struct {
	SystemID string `json:"systemId,omitempty"` // default: the host's name
	Hostname string `json:"hostname,omitempty"` // default: the host's name
	// EncapIP is what the host says its tunnel address is (external_ids:weft-encap-ip): an address, "none" to say
	// nothing; default: the address it has.
	EncapIP string `json:"encapIp,omitempty"`
	// DatapathType is told to the controller as external_ids:weft-datapath-type; default: netdev.
	DatapathType string `json:"datapathType,omitempty"`
	// ExternalIDs are further external_ids of the Open_vSwitch row, such as weft-bridge-mappings.
	ExternalIDs map[string]string `json:"externalIds,omitempty"`
	// Dummy makes every interface a made-up one that carries no packets (ovs-vswitchd --enable-dummy=override), so that a
	// host can have thousands. See PlugDummy.
	Dummy bool `json:"dummy,omitempty"`
	Kind  Kind `json:"kind,omitempty"`
}

// HostSpec is a named host.
type HostSpec struct {
	Name string `json:"name"`
	HostOptions
}

// Host is a namespace with its own Open vSwitch. Commands and sockets of the embedded Namespace are the host's own.
type Host struct {
	*Namespace
	lab    *Lab
	name   string
	number int
	opts   HostOptions
	dir    string
}

// reserveHost gives a host its name and number; h3 gets number 3 when that is free.
func (l *Lab) reserveHost(name string, o HostOptions) (*Host, error) {
	if name == "" || strings.ContainsAny(name, "/ \t\n") {
		return nil, fmt.Errorf("host %q: not a usable name", name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("host %s: the lab is closed", name)
	}
	used := map[int]bool{mgmtHost: true}
	for _, h := range l.hosts {
		if h.name == name {
			return nil, fmt.Errorf("host %s: exists already", name)
		}
		used[h.number] = true
	}
	if len(l.hosts) >= maxHosts {
		return nil, fmt.Errorf("host %s: a lab has at most %d hosts", name, maxHosts)
	}
	wanted, _ := strconv.Atoi(name[len(strings.TrimRight(name, "0123456789")):])
	switch {
	case o.Kind != KindHost: // from the other end, so that the numbers of hosts stay what their names say
		for wanted = maxHosts + 1; used[wanted]; wanted-- {
		}
	case wanted < 1 || wanted > maxHosts+1 || used[wanted]:
		for wanted = 1; used[wanted]; wanted++ {
		}
	}
	h := &Host{lab: l, name: name, number: wanted, opts: o}
	h.Namespace = &Namespace{name: l.nsName(name)}
	h.dir = filepath.Join(l.conf.Dir, name)
	l.hosts = append(l.hosts, h)
	return h, nil
}

// start makes the namespace, its wires and its daemons.
func (h *Host) start() error {
	if err := h.startAll(); err != nil {
		return fmt.Errorf("host %s: %w", h.name, err)
	}
	return nil
}

func (h *Host) startAll() error {
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return err
	}
	if _, err := newNamespace(h.Namespace.name); err != nil {
		return err
	}
	if err := h.wire(); err != nil {
		return err
	}
	if h.opts.Kind == KindPeer {
		return h.startPeer()
	}
	if _, err := h.tool("ovsdb-tool", "create", h.file("conf.db"), schemaFile); err != nil {
		return err
	}
	if err := h.StartOVSDB(); err != nil {
		return err
	}
	if _, err := h.Vsctl(h.firstConfig()...); err != nil {
		return err
	}
	return h.StartVswitchd()
}

// wire connects the host to the underlay and to the controller.
func (h *Host) wire() error {
	if h.opts.Kind != KindSwitch {
		if err := h.lab.connect(h.Namespace, underlayLink, h.name, underlay); err != nil {
			return err
		}
		// The tunnel address is br-phys's. Were the kernel to answer for it on the link as well, the first packets of others
		// would go to the link's MAC address and past Open vSwitch.
		if err := h.Sysctl("ipv4/conf/"+underlayLink+"/arp_ignore", "1"); err != nil {
			return err
		}
	}
	if err := h.lab.connect(h.Namespace, mgmtLink, h.name, mgmt); err != nil {
		return err
	}
	for _, p := range []netip.Prefix{mgmtAddr(h.number), mgmtAddr6(h.number)} {
		if err := h.addAddress(mgmtLink, p); err != nil {
			return err
		}
	}
	v4, v6 := netip.MustParseAddr(ControllerIPv4), netip.MustParseAddr(ControllerIPv6)
	if err := h.addRoute(mgmtLink, netip.PrefixFrom(v4, 32), netip.Addr{}, h.MgmtIP()); err != nil {
		return err
	}
	return h.addRoute(mgmtLink, netip.PrefixFrom(v6, 128), netip.Addr{}, mgmtAddr6(h.number).Addr())
}

// firstConfig is the ovs-vsctl command line that an operator's installer would run.
func (h *Host) firstConfig() []string {
	o := h.opts
	args := []string{
		"--no-wait", "init", "--", "set", "Open_vSwitch", ".",
		// One thread each instead of one a core: tens of hosts share this machine.
		"other_config:n-handler-threads=1", "other_config:n-revalidator-threads=1",
		"external_ids:system-id=" + quote(defaulted(o.SystemID, h.name)),
		"external_ids:hostname=" + quote(defaulted(o.Hostname, h.name)),
		"external_ids:weft-datapath-type=" + quote(defaulted(o.DatapathType, "netdev")),
	}
	if o.Kind == KindSwitch {
		return append(args, "--", "add-br", SwitchBridge,
			"--", "set", "Bridge", SwitchBridge, "datapath_type=netdev", "fail_mode=standalone")
	}
	if o.EncapIP != "none" {
		args = append(args, "external_ids:weft-encap-ip="+quote(defaulted(o.EncapIP, h.TunnelIP().String())))
	}
	keys := make([]string, 0, len(o.ExternalIDs))
	for k := range o.ExternalIDs {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		args = append(args, "external_ids:"+k+"="+quote(o.ExternalIDs[k]))
	}
	if o.Dummy {
		return args
	}
	return append(args, "--", "add-br", physBridge,
		"--", "set", "Bridge", physBridge, "datapath_type=netdev", "fail_mode=standalone",
		"--", "add-port", physBridge, underlayLink)
}

// addressTunnel gives the tunnel addresses to br-phys, which a starting ovs-vswitchd has made anew.
func (h *Host) addressTunnel() error {
	link := physBridge
	if h.opts.Kind == KindSwitch {
		return nil
	}
	if h.opts.Dummy || h.opts.Kind == KindPeer {
		link = underlayLink
	} else if err := h.setUp(link); err != nil {
		return err
	}
	for _, p := range []netip.Prefix{netip.PrefixFrom(h.TunnelIP(), 24), netip.PrefixFrom(h.TunnelIPv6(), 64)} {
		if err := h.addAddress(link, p); err != nil {
			return err
		}
	}
	return nil
}

// Name is the host's name in the lab.
func (h *Host) Name() string { return h.name }

// TunnelIP is the host's IPv4 address on the underlay, 10.99.0.N.
func (h *Host) TunnelIP() netip.Addr { return netip.AddrFrom4([4]byte{10, 99, 0, byte(h.number)}) }

// TunnelIPv6 is the host's IPv6 address on the underlay, fd99::N.
func (h *Host) TunnelIPv6() netip.Addr { return netip.MustParseAddr(fmt.Sprintf("fd99::%d", h.number)) }

// MgmtIP is the address from which the host talks to the controller, and at which the controller may dial it.
func (h *Host) MgmtIP() netip.Addr { return mgmtAddr(h.number).Addr() }

// Underlay is the name of the host's link to the underlay, where encapsulated packets are captured.
func (h *Host) Underlay() string { return underlayLink }

// Dir is where the host's database, sockets and logs are.
func (h *Host) Dir() string { return h.dir }

func (h *Host) file(name string) string { return filepath.Join(h.dir, name) }

func mgmtAddr(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 98, 0, byte(n)}), 24)
}

func mgmtAddr6(n int) netip.Prefix {
	return netip.PrefixFrom(netip.MustParseAddr(fmt.Sprintf("fd98::%d", n)), 64)
}

// CutControl cuts the wire between host and controller, silently: connections hang, as they do behind a dead switch.
func (h *Host) CutControl() error { return h.lab.core.join(portName(mgmt[:1]+"-", h.name), "") }

// MendControl undoes CutControl.
func (h *Host) MendControl() error { return h.lab.core.join(portName(mgmt[:1]+"-", h.name), mgmt) }

// CutUnderlay cuts the host's tunnels off, silently.
func (h *Host) CutUnderlay() error { return h.lab.core.join(portName(underlay[:1]+"-", h.name), "") }

// MendUnderlay undoes CutUnderlay.
func (h *Host) MendUnderlay() error {
	return h.lab.core.join(portName(underlay[:1]+"-", h.name), underlay)
}

// Remove takes a host with its endpoints away, as if its power had failed.
func (h *Host) Remove() error {
	l := h.lab
	var mine []*Endpoint
	for _, e := range l.Endpoints() {
		if e.Host() == h {
			mine = append(mine, e)
		}
	}
	errs := make([]error, 0, len(mine)+3)
	for _, e := range mine {
		errs = append(errs, e.Remove())
	}
	errs = append(errs, killAll([]string{h.Namespace.name}, h.dir), removeNamespace(h.Namespace.name), os.RemoveAll(h.dir))
	l.mu.Lock()
	l.hosts = slices.DeleteFunc(l.hosts, func(x *Host) bool { return x == h })
	l.mu.Unlock()
	return errors.Join(append(errs, l.save())...)
}

// portName makes an interface name of at most 15 characters from a prefix and a name; long names are cut, and told apart
// by a hash.
func portName(prefix, name string) string {
	if len(prefix)+len(name) <= 15 {
		return prefix + name
	}
	f := fnv.New32a()
	_, _ = f.Write([]byte(name)) // never fails
	sum := fmt.Sprintf("%08x", f.Sum32())[:5]
	return prefix + name[:15-len(prefix)-len(sum)] + sum
}

// quote writes a value so that ovs-vsctl takes it as one string, whatever is in it.
func quote(s string) string { return strconv.Quote(s) }

func defaulted(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
