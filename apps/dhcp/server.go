package dhcp

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Advertisements that nobody asked for come at intervals between these (RFC 4861, section 6.2.1), each host's at times of its
// own.
const (
	leastInterval = 200 * time.Second
	mostInterval  = 600 * time.Second
	lookEvery     = 5 * time.Second // how often it is seen what is due: going over all networks on all hosts is not free
)

// server answers what flows hand over. It reads rows, and keeps only when it last advertised.
type server struct {
	*intent.Tables
	next   map[intent.Site]time.Time // when a network on a host is due
	looked time.Time
}

// Packet answers one request.
func (s *server) Packet(p *punt.Packet, out *punt.Outbox) {
	port, ok := s.portAt(p)
	if !ok {
		return
	}
	decoded := gopacket.NewPacket(p.Data, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := decoded.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if eth == nil || !bytes.Equal(eth.SrcMAC, port.MAC[:]) {
		return
	}
	var frame []byte
	var err error
	switch udp, _ := decoded.Layer(layers.LayerTypeUDP).(*layers.UDP); {
	case udp != nil && udp.DstPort == server4:
		frame, err = s.four(port, udp.Payload)
	case udp != nil && udp.DstPort == server6:
		ip, _ := decoded.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		if ip != nil {
			frame, err = s.six(port, ip, udp.Payload)
		}
	case decoded.Layer(layers.LayerTypeICMPv6) != nil:
		frame, err = s.solicited(port, decoded)
	}
	if err == nil && frame != nil {
		s.send(p.Host, p.InPort, frame, out)
	}
}

// send hands a frame to the port that asked.
func (s *server) send(host string, port uint32, frame []byte, out *punt.Outbox) {
	out.Send(host, punt.Out{InPort: flow.PortController, Data: frame, Actions: pipeline.DeliverTo(port)})
}

// portAt finds who sent a packet.
func (s *server) portAt(p *punt.Packet) (intent.Port, bool) {
	var r table.Reader // what handlers read is nobody's to remember
	for b := range s.BoundAt.List(&r, intent.Place{Host: p.Host, OFPort: p.InPort}) {
		return s.Ports.Get(&r, b.Port)
	}
	return intent.Port{}, false
}

// leases are a port's addresses on subnets of one mode, in the order of the port's.
func (s *server) leases(port intent.Port, mode intent.AddressMode) []lease {
	var r table.Reader
	var all []lease
	for _, ip := range port.IPs {
		for subnet := range s.SubnetsOf.List(&r, port.Network) {
			if subnet.Told && subnet.Mode == mode && subnet.Prefix.Contains(ip) {
				all = append(all, lease{port, subnet, ip})
			}
		}
	}
	return all
}

func (s *server) four(port intent.Port, payload []byte) ([]byte, error) {
	leases := s.leases(port, intent.DHCPv4)
	if len(leases) == 0 {
		return nil, nil
	}
	req, err := dhcpv4.FromBytes(payload)
	if err != nil {
		return nil, err
	}
	l := leases[0]
	reply, _ := answer4(req, l)
	if reply == nil {
		return nil, nil
	}
	// Who has an address gets the answer there; who has none, there too when it can, or else by broadcast (RFC 2131, section
	// 4.1). What is refused goes to everybody, which here is the port alone.
	to, mac := l.ip, port.MAC
	if reply.MessageType() == dhcpv4.MessageTypeNak || req.IsBroadcast() && req.ClientIPAddr.IsUnspecified() {
		to, mac = netip.AddrFrom4([4]byte{255, 255, 255, 255}), flow.MACAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	ip := &layers.IPv4{Version: 4, TTL: hopLimit, Protocol: layers.IPProtocolUDP, SrcIP: addr(l.server()), DstIP: addr(to)}
	udp := &layers.UDP{SrcPort: server4, DstPort: client4}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	return serialize(&layers.Ethernet{SrcMAC: serverMAC[:], DstMAC: mac[:], EthernetType: layers.EthernetTypeIPv4}, ip, udp, gopacket.Payload(reply.ToBytes()))
}

func (s *server) six(port intent.Port, from *layers.IPv6, payload []byte) ([]byte, error) {
	c := client{leases: s.leases(port, intent.DHCPv6Stateful)}
	switch stateless := s.leases(port, intent.DHCPv6Stateless); {
	case len(c.leases) > 0:
		c.about = c.leases[0]
	case len(stateless) > 0:
		c.about = stateless[0]
	default:
		return nil, nil
	}
	req, err := dhcpv6.MessageFromBytes(payload)
	if err != nil {
		return nil, err
	}
	reply, _ := answer6(req, c)
	if reply == nil {
		return nil, nil
	}
	ip := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolUDP, HopLimit: hopLimit, SrcIP: addr(serverIP6), DstIP: from.SrcIP}
	udp := &layers.UDP{SrcPort: server6, DstPort: client6}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	return serialize(&layers.Ethernet{SrcMAC: serverMAC[:], DstMAC: port.MAC[:], EthernetType: layers.EthernetTypeIPv6}, ip, udp, gopacket.Payload(reply.ToBytes()))
}

// solicited answers a router solicitation: to who asked, or to all nodes when it has no address yet (RFC 4861, section 6.2.6).
func (s *server) solicited(port intent.Port, p gopacket.Packet) ([]byte, error) {
	ip, _ := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
	icmp, _ := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	if ip == nil || icmp == nil || icmp.TypeCode.Type() != icmpRouterSolicit || ip.HopLimit != 255 {
		return nil, nil
	}
	a, ok := s.advertise(port.Network)
	if !ok {
		return nil, nil
	}
	to, _ := netip.AddrFromSlice(ip.SrcIP)
	if to.IsUnspecified() {
		to = netip.Addr{}
	}
	return a.frame(to, port.MAC)
}

// advertise is what there is to say of a network; nothing where it has no IPv6 subnet that ports are told of.
func (s *server) advertise(network intent.Key) (advertisement, bool) {
	var r table.Reader
	n, ok := s.Networks.Get(&r, network)
	a := advertisement{mac: serverMAC, from: serverIP6, mtu: n.MTU}
	for subnet := range s.SubnetsOf.List(&r, network) {
		if subnet.Told && subnet.Prefix.Addr().Is6() {
			a.subnets = append(a.subnets, subnet)
		}
	}
	for i := range s.InterfacesOn.List(&r, network) {
		router, found := s.Routers.Get(&r, i.Key.Router)
		subnet, _ := s.Subnets.Get(&r, i.Key.Subnet)
		// The one that has the subnet's gateway address comes first; one by port is for those that know of it.
		if found && router.Up && i.IP.Is6() && i.Port == (intent.Key{}) && (!a.router || subnet.Gateway == i.IP) {
			a.mac, a.from, a.router, a.weight = i.MAC, i.LinkLocal(), true, subnet.Weight
		}
	}
	return a, ok && len(a.subnets) > 0
}

// Tick advertises to the ports of networks that are due.
func (s *server) Tick(now time.Time, out *punt.Outbox) {
	if now.Sub(s.looked) < lookEvery {
		return
	}
	s.looked = now
	if s.next == nil {
		s.next = map[intent.Site]time.Time{}
	}
	for site := range s.next {
		if _, there := s.Sites.Peek(site); !there {
			delete(s.next, site)
		}
	}
	for site := range s.Sites.Scan() {
		due, known := s.next[site]
		if known && now.Before(due) {
			continue
		}
		s.next[site] = now.Add(interval(site))
		a, ok := s.advertise(site.Network)
		if !ok {
			continue
		}
		frame, err := a.frame(netip.Addr{}, flow.MACAddr{})
		if err != nil {
			continue
		}
		var r table.Reader
		for _, shard := range s.ShardsAt.List(&r, site) {
			for b := range s.BoundIn.List(&r, intent.Shard{Site: site, Number: shard}) {
				s.send(site.Host, b.OFPort, frame, out)
			}
		}
	}
}

// interval is between the least and the most, and differs from network to network, so that they do not all come at once.
func interval(s intent.Site) time.Duration {
	h := uint32(2166136261)
	for _, c := range []byte(s.String()) {
		h = (h ^ uint32(c)) * 16777619 // FNV-1a
	}
	return leastInterval + time.Duration(h%uint32((mostInterval-leastInterval)/time.Millisecond))*time.Millisecond
}
