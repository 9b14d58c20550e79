package pipeline

import (
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/southbound/flow"
)

var broadcast = flow.MACAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// SendOn returns the actions of a packet-out that goes to where a network has the frame's destination.
func SendOn(net uint32) flow.Actions {
	return flow.Actions{Net.Set(uint64(net)), flow.Resubmit(L2)}
}

// Announcement is a frame that tells all stations on a network who has an address.
func Announcement(mac flow.MACAddr, ip netip.Addr) ([]byte, error) {
	if ip.Is4() {
		return arp(mac, ip, broadcast, ip, arpRequest)
	}
	all := netip.MustParseAddr("ff02::1")
	opts := layers.ICMPv6Options{{Type: layers.ICMPv6OptTargetAddress, Data: mac[:]}}
	const routerOverride = 0xa0 // RFC 4861, section 4.4: it is a router, and what was known before does not count
	na := &layers.ICMPv6NeighborAdvertisement{Flags: routerOverride, TargetAddress: ip.AsSlice(), Options: opts}
	return icmpv6(mac, ip, groupMAC(all), all, layers.ICMPv6TypeNeighborAdvertisement, na)
}

// Question is a frame that asks who has an address.
func Question(mac flow.MACAddr, from, ip netip.Addr) ([]byte, error) {
	if ip.Is4() {
		return arp(mac, from, broadcast, ip, arpRequest)
	}
	group := netip.MustParseAddr("ff02::1:ff00:0").As16() // RFC 4291, section 2.7.1
	raw := ip.As16()
	copy(group[13:], raw[13:])
	to := netip.AddrFrom16(group)
	opts := layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: mac[:]}}
	ns := &layers.ICMPv6NeighborSolicitation{TargetAddress: ip.AsSlice(), Options: opts}
	return icmpv6(mac, from, groupMAC(to), to, layers.ICMPv6TypeNeighborSolicitation, ns)
}

// Answerer reads who says in a frame that it has an address: the sender of an ARP reply, or the target of a neighbour
// advertisement. False: nobody.
func Answerer(frame []byte) (netip.Addr, flow.MACAddr, bool) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	var mac flow.MACAddr
	if a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
		ip, valid := netip.AddrFromSlice(a.SourceProtAddress)
		copy(mac[:], a.SourceHwAddress)
		return ip, mac, valid && ip.Is4() && a.Operation == arpReply && len(a.SourceHwAddress) == len(mac) && mac[0]&1 == 0
	}
	na, ok := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
	head, _ := p.NetworkLayer().(*layers.IPv6)
	if !ok || head == nil || head.HopLimit != ndHopLimit {
		return netip.Addr{}, mac, false
	}
	for _, o := range na.Options {
		if o.Type == layers.ICMPv6OptTargetAddress && len(o.Data) == len(mac) {
			copy(mac[:], o.Data)
		}
	}
	ip, valid := netip.AddrFromSlice(na.TargetAddress)
	return ip, mac, valid && mac != flow.MACAddr{} && mac[0]&1 == 0
}

func arp(mac flow.MACAddr, from netip.Addr, to flow.MACAddr, ip netip.Addr, op uint16) ([]byte, error) {
	return Serialize(
		&layers.Ethernet{SrcMAC: mac[:], DstMAC: to[:], EthernetType: layers.EthernetTypeARP},
		&layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: op,
			SourceHwAddress: mac[:], SourceProtAddress: from.AsSlice(), DstHwAddress: make([]byte, 6), DstProtAddress: ip.AsSlice(),
		})
}

func icmpv6(mac flow.MACAddr, from netip.Addr, to flow.MACAddr, ip netip.Addr, typ uint8, message gopacket.SerializableLayer) ([]byte, error) {
	head := &layers.IPv6{Version: 6, HopLimit: ndHopLimit, NextHeader: layers.IPProtocolICMPv6, SrcIP: from.AsSlice(), DstIP: ip.AsSlice()}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, 0)}
	if err := icmp.SetNetworkLayerForChecksum(head); err != nil {
		return nil, err
	}
	return Serialize(&layers.Ethernet{SrcMAC: mac[:], DstMAC: to[:], EthernetType: layers.EthernetTypeIPv6}, head, icmp, message)
}

// groupMAC is where frames to an IPv6 group go (RFC 2464, section 7).
func groupMAC(group netip.Addr) flow.MACAddr {
	raw := group.As16()
	return flow.MACAddr{0x33, 0x33, raw[12], raw[13], raw[14], raw[15]}
}

// Serialize makes a frame of its layers, with lengths and checksums.
func Serialize(all ...gopacket.SerializableLayer) ([]byte, error) {
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...)
	return b.Bytes(), err
}
