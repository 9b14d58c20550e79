package e2e

import (
	"net"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/test/netlab"
)

// experimental is an EtherType for experiments (IEEE 802, local experimental EtherType 1).
const experimental = layers.EthernetType(0x88b5)

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Broadcast is the address of all.
func Broadcast() net.HardwareAddr { return broadcast }

// MAC reads an address that is written in a test.
func MAC(s string) net.HardwareAddr {
	mac, err := net.ParseMAC(s)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return mac
}

// frame puts layers together. What the layers are is written in tests, so an error is a mistake there.
func frame(ls ...gopacket.SerializableLayer) []byte {
	b, err := netlab.Frame(ls...)
	if err != nil {
		panic(err)
	}
	return b
}

// Experimental is a frame of no known protocol.
func Experimental(src, dst net.HardwareAddr, nonce []byte) []byte {
	return frame(&layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: experimental}, gopacket.Payload(padded(nonce)))
}

// Tagged is Experimental with a VLAN tag.
func Tagged(src, dst net.HardwareAddr, vlan uint16, nonce []byte) []byte {
	return frame(&layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: layers.EthernetTypeDot1Q},
		&layers.Dot1Q{VLANIdentifier: vlan, Type: experimental}, gopacket.Payload(padded(nonce)))
}

// padded fills a payload up, so that no frame is shorter than Ethernet's minimum.
func padded(nonce []byte) []byte { return append(append([]byte{}, nonce...), make([]byte, 48)...) }

// UDP is a datagram of either IP version.
type UDP struct {
	SrcMAC, DstMAC   net.HardwareAddr
	Src, Dst         string
	SrcPort, DstPort uint16 // default: 9 (discard)
}

// Frame makes the datagram's frame.
func (u UDP) Frame(nonce []byte) []byte {
	src, dst := netip.MustParseAddr(u.Src), netip.MustParseAddr(u.Dst)
	if u.SrcPort == 0 {
		u.SrcPort = 9
	}
	if u.DstPort == 0 {
		u.DstPort = 9
	}
	udp := &layers.UDP{SrcPort: layers.UDPPort(u.SrcPort), DstPort: layers.UDPPort(u.DstPort)}
	eth, ip := ipLayers(u.SrcMAC, u.DstMAC, src, dst, layers.IPProtocolUDP)
	if err := udp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer)); err != nil {
		panic(err)
	}
	return frame(eth, ip, udp, gopacket.Payload(padded(nonce)))
}

// ipLayers are an Ethernet and an IP header.
func ipLayers(srcMAC, dstMAC net.HardwareAddr, src, dst netip.Addr, proto layers.IPProtocol) (*layers.Ethernet, gopacket.SerializableLayer) {
	eth := &layers.Ethernet{SrcMAC: srcMAC, DstMAC: dstMAC, EthernetType: layers.EthernetTypeIPv4}
	if src.Is4() {
		return eth, &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: proto, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	}
	eth.EthernetType = layers.EthernetTypeIPv6
	return eth, &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: proto, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
}

// ARP is a message of the address resolution protocol.
type ARP struct {
	SrcMAC, DstMAC net.HardwareAddr // of the frame
	Op             uint16           // 1: request, 2: reply
	SHA, THA       net.HardwareAddr // default: SrcMAC; zeros
	SPA, TPA       string
}

// Frame makes the message's frame; the nonce is behind it.
func (a ARP) Frame(nonce []byte) []byte {
	if a.SHA == nil {
		a.SHA = a.SrcMAC
	}
	if a.THA == nil {
		a.THA = make(net.HardwareAddr, 6)
	}
	return frame(&layers.Ethernet{SrcMAC: a.SrcMAC, DstMAC: a.DstMAC, EthernetType: layers.EthernetTypeARP},
		&layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: a.Op,
			SourceHwAddress: a.SHA, SourceProtAddress: netip.MustParseAddr(a.SPA).AsSlice(),
			DstHwAddress: a.THA, DstProtAddress: netip.MustParseAddr(a.TPA).AsSlice(),
		}, gopacket.Payload(padded(nonce)))
}

// Types of ICMPv6 messages (RFC 4861, RFC 3810).
const (
	RouterSolicitation    = 133
	RouterAdvertisement   = 134
	NeighborSolicitation  = 135
	NeighborAdvertisement = 136
	Redirect              = 137
	ListenerReport        = 143
)

// Options of neighbour discovery (RFC 4861, section 4.6; RFC 3971, section 5.3.2).
const (
	sourceLinkLayer = 1
	targetLinkLayer = 2
	nonceOption     = 14
)

// ND is a message of neighbour discovery, or another one of ICMPv6.
type ND struct {
	SrcMAC, DstMAC net.HardwareAddr
	Src, Dst       string
	Type           uint8
	Target         string           // of solicitations, advertisements and redirects
	LinkLayer      net.HardwareAddr // source's in a solicitation, target's in an advertisement; nil: left out
}

// Frame makes the message's frame; the nonce is an option of its own.
func (n ND) Frame(nonce []byte) []byte {
	eth, ip := ipLayers(n.SrcMAC, n.DstMAC, netip.MustParseAddr(n.Src), netip.MustParseAddr(n.Dst), layers.IPProtocolICMPv6)
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(n.Type, 0)}
	if err := icmp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer)); err != nil {
		panic(err)
	}
	return frame(eth, ip, icmp, gopacket.Payload(n.body(nonce)))
}

func (n ND) body(nonce []byte) []byte {
	body := make([]byte, 4) // flags or reserved
	switch n.Type {
	case RouterAdvertisement:
		body = make([]byte, 12)
	case ListenerReport:
		return append(body, nonce...)
	case NeighborSolicitation, NeighborAdvertisement:
		body = append(body, netip.MustParseAddr(n.Target).AsSlice()...)
	case Redirect:
		target := netip.MustParseAddr(n.Target).AsSlice()
		body = append(append(body, target...), target...)
	}
	if n.LinkLayer != nil {
		kind := byte(sourceLinkLayer)
		if n.Type == NeighborAdvertisement || n.Type == Redirect {
			kind = targetLinkLayer
		}
		body = append(append(body, kind, 1), n.LinkLayer...)
	}
	return append(append(append(body, nonceOption, 3), nonce...), make([]byte, 24-2-nonceLen)...)
}

// LinkLocal is the address that an endpoint makes from its MAC address (RFC 4291, appendix A).
func LinkLocal(mac net.HardwareAddr) string {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]}).String()
}

// SolicitedNode is the multicast address of an IPv6 address (RFC 4291, section 2.7.1), and its MAC address.
func SolicitedNode(addr string) (string, net.HardwareAddr) {
	a := netip.MustParseAddr(addr).As16()
	ip := netip.AddrFrom16([16]byte{0xff, 0x02, 11: 1, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]})
	return ip.String(), net.HardwareAddr{0x33, 0x33, 0xff, a[13], a[14], a[15]}
}
