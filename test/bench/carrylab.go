package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/netlab"
)

// carryKind is a type of network and what does the same without us.
type carryKind struct {
	typ      string
	spec     *weftv1.NetworkSpec
	plain    string // how the peer is made
	key      uint32 // of the peer's tunnel: none that a network of ours is given
	sameHost bool
	peer     func(l *carryLab, k carryKind) (pair, error)
}

// Networks of ours are on the first physical network, the peers' on the second, so that neither hears the other.
const (
	ourPhysical   = "physnet1"
	plainPhysical = "physnet2"
	corePhysical  = "core" // its switch switches labels
)

const coreDatapath = 0xa1

func carryKinds() []carryKind {
	return []carryKind{
		{typ: "vxlan", key: 77, plain: "a vxlan port", peer: plainTunnel("vxlan")},
		{typ: "geneve", key: 77, plain: "a geneve port", peer: plainTunnel("geneve")},
		{typ: "gre", key: 77, plain: "a gre port", peer: plainTunnel("gre")},
		{typ: "nvgre", key: 78, plain: "a gre port", peer: plainTunnel("gre")},
		{typ: "flat", spec: &weftv1.NetworkSpec{PhysicalNetwork: ourPhysical}, plain: "a patch port", peer: plainWire(nil, nil)},
		{typ: "vlan", spec: &weftv1.NetworkSpec{PhysicalNetwork: ourPhysical, SegmentationId: 100}, plain: "an access port", peer: plainWire([]string{"tag=100"}, nil)},
		{
			typ: "qinq", spec: &weftv1.NetworkSpec{PhysicalNetwork: ourPhysical, SegmentationId: 200, InnerVlanId: 7}, plain: "a dot1q-tunnel port",
			peer: plainWire([]string{"tag=7"}, []string{"vlan_mode=dot1q-tunnel", "tag=200", "other_config:qinq-ethtype=802.1ad"}),
		},
		{typ: "mpls-gre", key: 79, plain: "a gre port", peer: plainTunnel("gre")},
		{typ: "mpls", spec: &weftv1.NetworkSpec{PhysicalNetwork: corePhysical}, plain: "a patch port and a switch", peer: plainWire(nil, nil)},
		{typ: "local", plain: "two ports of a bridge", sameHost: true, peer: plainBridge},
	}
}

// carryLab is weftd with two hosts that carry packets.
type carryLab struct {
	*weftd
	lab       *netlab.Lab
	hosts     []*netlab.Host
	physicals map[string]*netlab.Physical
}

func (b *bench) newCarryLab(ctx context.Context) (*carryLab, error) {
	dir, err := os.MkdirTemp(b.dir, "carry-")
	if err != nil {
		return nil, err
	}
	l := &carryLab{physicals: map[string]*netlab.Physical{}}
	if l.lab, err = netlab.New(netlab.Config{Name: "bench"}); err != nil {
		return nil, err
	}
	if err := l.start(ctx, b, dir); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *carryLab) start(ctx context.Context, b *bench, dir string) error {
	var err error
	if l.hosts, err = l.lab.AddHosts(netlab.HostSpec{Name: "h1"}, netlab.HostSpec{Name: "h2"}); err != nil {
		return err
	}
	for _, name := range []string{ourPhysical, plainPhysical, corePhysical} {
		if l.physicals[name], err = l.lab.AddPhysical(name, l.hosts...); err != nil {
			return err
		}
	}
	if err := l.physicals[corePhysical].Switch.SetController(l.lab.ControllerTarget(), coreDatapath); err != nil {
		return err
	}
	if l.weftd, err = b.startWeftd(ctx, l.lab, dir); err != nil {
		return err
	}
	for _, h := range l.hosts {
		if err := h.SetManager(l.lab.ManagerTarget()); err != nil {
			return err
		}
	}
	_, err = l.Apply(ctx, []*weftv1.Resource{{Kind: "Host", Name: "core", Spec: &weftv1.Resource_HostSpec{HostSpec: &weftv1.HostSpec{
		DatapathId: fmt.Sprintf("%016x", coreDatapath), LabelSwitching: true,
	}}}})
	return err
}

func (l *carryLab) close() error {
	var errs []error
	if l.weftd != nil {
		errs = append(errs, l.stop())
	}
	return errors.Join(append(errs, l.lab.Close())...)
}

// pairs makes the endpoints of a type: ours, and the peer's.
func (l *carryLab) pairs(ctx context.Context, k carryKind) (ours, peer pair, err error) {
	if ours, err = l.ours(ctx, k); err != nil {
		return ours, peer, err
	}
	if peer, err = k.peer(l, k); err != nil {
		return ours, peer, err
	}
	return ours, peer, errors.Join(ours.reaches(), peer.reaches())
}

// reaches waits until the first packets have passed, which are for neighbours that are still to be found.
func (p pair) reaches() error {
	return netlab.Eventually(weftdWithin, p.from.Name()+" reaches "+p.addr.String(), func() error {
		r, err := p.from.Ping(p.addr.String(), netlab.PingOptions{Count: 1})
		if err == nil && r.Lost() > 0 {
			err = errors.New("no answer")
		}
		return err
	})
}

// second is the host of the second endpoint.
func (l *carryLab) second(k carryKind) *netlab.Host {
	if k.sameHost {
		return l.hosts[0]
	}
	return l.hosts[1]
}

// ours makes a network of the type with two ports and their endpoints.
func (l *carryLab) ours(ctx context.Context, k carryKind) (pair, error) {
	spec := k.spec
	if spec == nil {
		spec = &weftv1.NetworkSpec{}
	}
	spec.Type = k.typ
	resources := []*weftv1.Resource{
		{Kind: "Network", Project: k.typ, Name: "web", Spec: &weftv1.Resource_NetworkSpec{NetworkSpec: spec}},
		{Kind: "Subnet", Project: k.typ, Name: "web", Spec: &weftv1.Resource_SubnetSpec{SubnetSpec: &weftv1.SubnetSpec{Network: "web", Cidr: "10.0.0.0/24"}}},
	}
	for _, name := range []string{"vm1", "vm2"} {
		resources = append(resources, &weftv1.Resource{Kind: "Port", Project: k.typ, Name: name, Spec: &weftv1.Resource_PortSpec{PortSpec: &weftv1.PortSpec{
			Network: "web", FixedIps: []*weftv1.FixedIP{{Ip: "10.0.0.1" + name[2:]}}, MacAddress: "fa:16:3e:00:00:1" + name[2:],
		}}})
	}
	if _, err := l.Apply(ctx, resources); err != nil {
		return pair{}, err
	}
	var ends []*netlab.Endpoint
	for i, h := range []*netlab.Host{l.hosts[0], l.second(k)} {
		n := fmt.Sprint(i + 1)
		e, err := h.AddEndpoint(k.typ+"-vm"+n, netlab.EndpointOptions{IfaceID: k.typ + "/vm" + n, MAC: "fa:16:3e:00:00:1" + n, Addresses: []string{"10.0.0.1" + n + "/24"}})
		if err != nil {
			return pair{}, err
		}
		ends = append(ends, e)
	}
	return between(ends[0], ends[1]), nil
}

// plainEnd makes an endpoint on a bridge that nobody manages, which is made where it does not exist.
func (l *carryLab) plainEnd(k carryKind, n int, h *netlab.Host, bridge string) (*netlab.Endpoint, error) {
	_, err := h.Vsctl("--may-exist", "add-br", bridge, "--", "set", "Bridge", bridge, "datapath_type=netdev", "fail_mode=standalone")
	if err != nil {
		return nil, err
	}
	return h.AddEndpoint(fmt.Sprintf("%s-p%d", k.typ, n), netlab.EndpointOptions{Bridge: bridge, Addresses: []string{fmt.Sprintf("10.0.0.1%d/24", n)}})
}

// plainTunnel is a bridge on each host, with a tunnel port to the other one.
func plainTunnel(port string) func(l *carryLab, k carryKind) (pair, error) {
	return func(l *carryLab, k carryKind) (pair, error) {
		var ends []*netlab.Endpoint
		bridge := "br-" + k.typ
		for i, h := range l.hosts {
			e, err := l.plainEnd(k, i+1, h, bridge)
			if err == nil {
				_, err = h.Vsctl("add-port", bridge, "t-"+k.typ, "--", "set", "Interface", "t-"+k.typ, "type="+port,
					"options:remote_ip="+l.hosts[1-i].TunnelIP().String(), fmt.Sprintf("options:key=%d", k.key))
			}
			if err != nil {
				return pair{}, err
			}
			ends = append(ends, e)
		}
		return between(ends[0], ends[1]), nil
	}
}

// plainWire is a bridge on each host, with a patch port to the provider bridge of the second physical network. Settings are of the
// ports: those of endpoints, and that of the provider bridge.
func plainWire(access, uplink []string) func(l *carryLab, k carryKind) (pair, error) {
	return func(l *carryLab, k carryKind) (pair, error) {
		var ends []*netlab.Endpoint
		for i, h := range l.hosts {
			e, err := l.wiredEnd(k, i+1, h)
			if err == nil && len(access) > 0 {
				_, err = h.Vsctl(append([]string{"set", "Port", e.Port()}, access...)...)
			}
			if err == nil && len(uplink) > 0 {
				_, err = h.Vsctl(append([]string{"set", "Port", k.downlink()}, uplink...)...)
			}
			if err != nil {
				return pair{}, err
			}
			ends = append(ends, e)
		}
		return between(ends[0], ends[1]), nil
	}
}

// downlink is the provider bridge's port to the bridge of plain endpoints.
func (k carryKind) downlink() string { return "down-" + k.typ }

// wiredEnd makes an endpoint on a bridge with a patch port to the provider bridge of the second physical network.
func (l *carryLab) wiredEnd(k carryKind, n int, h *netlab.Host) (*netlab.Endpoint, error) {
	bridge, provider := "br-"+k.typ, l.physicals[plainPhysical].Bridge()
	up, down := "up-"+k.typ, k.downlink()
	e, err := l.plainEnd(k, n, h, bridge)
	if err == nil {
		_, err = h.Vsctl("add-port", bridge, up, "--", "set", "Interface", up, "type=patch", "options:peer="+down, "--",
			"add-port", provider, down, "--", "set", "Interface", down, "type=patch", "options:peer="+up)
	}
	return e, err
}

// plainBridge is two ports of one bridge.
func plainBridge(l *carryLab, k carryKind) (pair, error) {
	var ends []*netlab.Endpoint
	for n := range 2 {
		e, err := l.plainEnd(k, n+1, l.hosts[0], "br-"+k.typ)
		if err != nil {
			return pair{}, err
		}
		ends = append(ends, e)
	}
	return between(ends[0], ends[1]), nil
}

// frame is a small datagram from one end of the pair to the other.
func (p pair) frame() ([]byte, error) {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: p.from.IPv4().AsSlice(), DstIP: p.addr.AsSlice()}
	udp := &layers.UDP{SrcPort: 9, DstPort: 9}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	eth := &layers.Ethernet{SrcMAC: p.from.MAC(), DstMAC: p.via, EthernetType: layers.EthernetTypeIPv4}
	return netlab.Frame(eth, ip, udp, gopacket.Payload(make([]byte, 32)))
}
