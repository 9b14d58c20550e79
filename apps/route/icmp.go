package route

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/southbound/flow"
)

// code is an ICMP type and code.
type code struct{ typ, code uint8 }

// Most of a packet that an error quotes: so much that the error is no larger than every link carries (RFC 1812, section
// 4.3.2.3; RFC 4443, section 2.4).
const (
	quoted4 = 576 - 20 - 8
	quoted6 = 1280 - 40 - 8
)

// icmpReply is what tells of a packet's fate.
type icmpReply struct {
	v4, v6  code
	mtu     uint32        // of the network that does not carry the packet
	from    [2]netip.Addr // IPv4 and IPv6; invalid: the router has none
	mac, to flow.MACAddr
}

// frame is the frame that tells of a packet's fate; nil where no error may be sent: about another error, a fragment that
// is not the first, or a packet that was not from one station to another (RFC 1122, section 3.2.2; RFC 4443, section 2.4).
func (e icmpReply) frame(frame []byte) ([]byte, error) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if eth == nil || eth.DstMAC[0]&1 != 0 {
		return nil, nil
	}
	head := &layers.Ethernet{SrcMAC: e.mac[:], DstMAC: e.to[:], EthernetType: eth.EthernetType}
	if ip, ok := p.NetworkLayer().(*layers.IPv4); ok && e.from[0].IsValid() && mayAnswer4(ip, p) {
		reply := &layers.IPv4{Version: 4, TTL: ttlOfOurs, TOS: 0xc0, Protocol: layers.IPProtocolICMPv4, SrcIP: e.from[0].AsSlice(), DstIP: ip.SrcIP}
		// The MTU is where echoes have their sequence number (RFC 1191, section 4).
		icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(e.v4.typ, e.v4.code), Seq: uint16(e.mtu)}
		return serialize(head, reply, icmp, quote(eth.Payload, quoted4))
	}
	if ip, ok := p.NetworkLayer().(*layers.IPv6); ok && e.from[1].IsValid() && mayAnswer6(ip, p) {
		reply := &layers.IPv6{Version: 6, HopLimit: ttlOfOurs, NextHeader: layers.IPProtocolICMPv6, SrcIP: e.from[1].AsSlice(), DstIP: ip.SrcIP}
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(e.v6.typ, e.v6.code)}
		if err := icmp.SetNetworkLayerForChecksum(reply); err != nil {
			return nil, err
		}
		body := binary.BigEndian.AppendUint32(nil, e.mtu) // else unused (RFC 4443, section 3.2)
		return serialize(head, reply, icmp, gopacket.Payload(append(body, quote(eth.Payload, quoted6)...)))
	}
	return nil, nil
}

// head are the addresses of a frame.
type head struct {
	src, dst flow.MACAddr
	from     netip.Addr
}

// headOf reads the addresses of a frame that is an IP packet.
func headOf(frame []byte) (head, bool) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip := p.NetworkLayer()
	if eth == nil || ip == nil {
		return head{}, false
	}
	from, ok := netip.AddrFromSlice(ip.NetworkFlow().Src().Raw())
	return head{flow.MACAddr(eth.SrcMAC), flow.MACAddr(eth.DstMAC), from}, ok
}

// echoed is the answer to a ping.
func echoed(frame []byte, mac, to flow.MACAddr) ([]byte, error) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if eth == nil {
		return nil, nil
	}
	head := &layers.Ethernet{SrcMAC: mac[:], DstMAC: to[:], EthernetType: eth.EthernetType}
	if icmp, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); ok {
		ip, ok := p.NetworkLayer().(*layers.IPv4)
		if !ok || !single(ip.SrcIP) {
			return nil, nil
		}
		reply := &layers.IPv4{Version: 4, TTL: ttlOfOurs, Protocol: layers.IPProtocolICMPv4, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
		answer := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoReply, 0), Id: icmp.Id, Seq: icmp.Seq}
		return serialize(head, reply, answer, gopacket.Payload(icmp.Payload))
	}
	if icmp, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); ok {
		ip, ok := p.NetworkLayer().(*layers.IPv6)
		if !ok || !single(ip.SrcIP) {
			return nil, nil
		}
		reply := &layers.IPv6{Version: 6, HopLimit: ttlOfOurs, NextHeader: layers.IPProtocolICMPv6, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
		answer := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoReply, 0)}
		if err := answer.SetNetworkLayerForChecksum(reply); err != nil {
			return nil, err
		}
		return serialize(head, reply, answer, gopacket.Payload(icmp.Payload)) // its number and sequence are part of that
	}
	return nil, nil
}

func quote(packet []byte, most int) gopacket.Payload { return packet[:min(len(packet), most)] }

func mayAnswer4(ip *layers.IPv4, p gopacket.Packet) bool {
	if ip.FragOffset != 0 || !single(ip.SrcIP) || !single(ip.DstIP) {
		return false
	}
	icmp, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if !ok {
		return ip.Protocol != layers.IPProtocolICMPv4 // which could not be read
	}
	switch icmp.TypeCode.Type() {
	case layers.ICMPv4TypeEchoRequest, layers.ICMPv4TypeEchoReply, layers.ICMPv4TypeTimestampRequest, layers.ICMPv4TypeTimestampReply:
		return true
	}
	return false
}

func mayAnswer6(ip *layers.IPv6, p gopacket.Packet) bool {
	if !single(ip.SrcIP) || !single(ip.DstIP) {
		return false
	}
	if f, ok := p.Layer(layers.LayerTypeIPv6Fragment).(*layers.IPv6Fragment); ok && f.FragmentOffset != 0 {
		return false
	}
	icmp, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	return !ok || icmp.TypeCode.Type() >= 128 // below are errors
}

// single tells whether an address is that of one station.
func single(ip net.IP) bool {
	return !ip.IsUnspecified() && !ip.IsMulticast() && !ip.Equal(net.IPv4bcast) && !ip.IsLoopback()
}

func serialize(all ...gopacket.SerializableLayer) ([]byte, error) {
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...)
	return b.Bytes(), err
}
