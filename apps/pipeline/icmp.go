package pipeline

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/southbound/flow"
)

// ICMPCode is an ICMP type and code.
type ICMPCode struct{ Type, Code uint8 }

// Most of a packet that an error quotes: so much that the error is no larger than every link carries (RFC 1812, section
// 4.3.2.3; RFC 4443, section 2.4).
const (
	quoted4 = 576 - 20 - 8
	quoted6 = 1280 - 40 - 8
)

// ICMPError is what tells of a packet's fate.
type ICMPError struct {
	V4, V6  ICMPCode
	MTU     uint32        // of the network that does not carry the packet
	From    [2]netip.Addr // IPv4 and IPv6; invalid: who tells has none
	MAC, To flow.MACAddr
}

// Frame is the frame that tells of a packet's fate; nil where no error may be sent: about another error, a fragment that
// is not the first, or a packet that was not from one station to another (RFC 1122, section 3.2.2; RFC 4443, section 2.4).
func (e ICMPError) Frame(frame []byte) ([]byte, error) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if eth == nil || eth.DstMAC[0]&1 != 0 {
		return nil, nil
	}
	head := &layers.Ethernet{SrcMAC: e.MAC[:], DstMAC: e.To[:], EthernetType: eth.EthernetType}
	if ip, ok := p.NetworkLayer().(*layers.IPv4); ok && e.From[0].IsValid() && mayAnswer4(ip, p) {
		reply := &layers.IPv4{Version: 4, TTL: ttlOfOurs, TOS: 0xc0, Protocol: layers.IPProtocolICMPv4, SrcIP: e.From[0].AsSlice(), DstIP: ip.SrcIP}
		// The MTU is where echoes have their sequence number (RFC 1191, section 4).
		icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(e.V4.Type, e.V4.Code), Seq: uint16(e.MTU)}
		return Serialize(head, reply, icmp, quote(eth.Payload, quoted4))
	}
	if ip, ok := p.NetworkLayer().(*layers.IPv6); ok && e.From[1].IsValid() && mayAnswer6(ip, p) {
		reply := &layers.IPv6{Version: 6, HopLimit: ttlOfOurs, NextHeader: layers.IPProtocolICMPv6, SrcIP: e.From[1].AsSlice(), DstIP: ip.SrcIP}
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(e.V6.Type, e.V6.Code)}
		if err := icmp.SetNetworkLayerForChecksum(reply); err != nil {
			return nil, err
		}
		body := binary.BigEndian.AppendUint32(nil, e.MTU) // else unused (RFC 4443, section 3.2)
		return Serialize(head, reply, icmp, gopacket.Payload(append(body, quote(eth.Payload, quoted6)...)))
	}
	return nil, nil
}

func quote(packet []byte, most int) gopacket.Payload { return packet[:min(len(packet), most)] }

func mayAnswer4(ip *layers.IPv4, p gopacket.Packet) bool {
	if ip.FragOffset != 0 || !Single(ip.SrcIP) || !Single(ip.DstIP) {
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
	if !Single(ip.SrcIP) || !Single(ip.DstIP) {
		return false
	}
	if f, ok := p.Layer(layers.LayerTypeIPv6Fragment).(*layers.IPv6Fragment); ok && f.FragmentOffset != 0 {
		return false
	}
	icmp, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	return !ok || icmp.TypeCode.Type() >= 128 // below are errors
}

// Single tells whether an address is that of one station.
func Single(ip net.IP) bool {
	return !ip.IsUnspecified() && !ip.IsMulticast() && !ip.Equal(net.IPv4bcast) && !ip.IsLoopback()
}
