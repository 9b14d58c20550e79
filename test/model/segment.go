package model

import (
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Protocols.
const (
	icmp, tcp, udp, gre, icmpv6, sctp, udplite = 1, 6, 17, 47, 58, 132, 136
)

// Segment is a packet as rules see it.
type Segment struct {
	From, To         netip.Addr
	Protocol         uint8
	FromPort, ToPort uint16 // of TCP, UDP and SCTP; of an echo, FromPort is its identifier
	Type, Code       uint8  // of ICMP
	Flags            Flags  // of TCP
}

// Flags are flags of TCP.
type Flags uint8

// Flags that packets have here.
const (
	SYN    Flags = 2
	RST    Flags = 4
	ACK    Flags = 16
	SYNACK       = SYN | ACK
)

const (
	echo, echoReply, unreachable        = 8, 0, 3
	echo6, echoReply6, unreachable6     = 128, 129, 1
	unreachableHost, unreachableAddress = 1, 3
)

// Answer is what the receiver sends back.
func (s Segment) Answer() Segment {
	a := s
	a.From, a.To, a.FromPort, a.ToPort = s.To, s.From, s.ToPort, s.FromPort
	switch s.Protocol {
	case tcp:
		if s.Flags == SYN {
			a.Flags = SYNACK
		}
	case icmp, icmpv6:
		a.FromPort, a.ToPort = s.FromPort, s.ToPort
		switch {
		case s.Type == echo && s.Protocol == icmp:
			a.Type = echoReply
		case s.Type == echo6 && s.Protocol == icmpv6:
			a.Type = echoReply6
		}
	}
	return a
}

// tracked tells whether Open vSwitch tracks connections of the protocol.
func (s Segment) tracked() bool {
	return s.Protocol == tcp || s.Protocol == udp || s.Protocol == icmp || s.Protocol == icmpv6
}

// Stray tells whether nothing answers it: resets, and errors.
func (s Segment) Stray() bool { return s.Protocol == tcp && s.Flags&RST != 0 || s.complains() }

// complains tells whether it is an error about a connection; there is none here that it could be about.
func (s Segment) complains() bool {
	return s.Protocol == icmp && s.Type == unreachable || s.Protocol == icmpv6 && s.Type == unreachable6
}

// Frame is the packet on the wire, with a mark as its payload.
func (s Segment) Frame(src, dst, mark []byte) []byte {
	b := gopacket.NewSerializeBuffer()
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	eth := &layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: layers.EthernetTypeIPv4}
	ip4 := &layers.IPv4{Version: 4, TTL: life, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocol(s.Protocol), SrcIP: s.From.AsSlice(), DstIP: s.To.AsSlice()}
	if s.To.Is4() {
		_ = gopacket.SerializeLayers(b, o, append([]gopacket.SerializableLayer{eth, ip4}, s.layers(ip4, mark)...)...)
		return b.Bytes()
	}
	eth.EthernetType = layers.EthernetTypeIPv6
	ip6 := &layers.IPv6{Version: 6, HopLimit: life, NextHeader: layers.IPProtocol(s.Protocol), SrcIP: s.From.AsSlice(), DstIP: s.To.AsSlice()}
	_ = gopacket.SerializeLayers(b, o, append([]gopacket.SerializableLayer{eth, ip6}, s.layers(ip6, mark)...)...)
	return b.Bytes()
}

// layers are what comes after the IP header.
func (s Segment) layers(ip gopacket.NetworkLayer, mark []byte) []gopacket.SerializableLayer {
	data := gopacket.Payload(mark)
	identified := append(gopacket.Payload{byte(s.FromPort >> 8), byte(s.FromPort), 0, 1}, mark...)
	switch s.Protocol {
	case tcp:
		l := &layers.TCP{SrcPort: layers.TCPPort(s.FromPort), DstPort: layers.TCPPort(s.ToPort), Seq: 1, Window: 1000,
			SYN: s.Flags&SYN != 0, RST: s.Flags&RST != 0, ACK: s.Flags&ACK != 0}
		_ = l.SetNetworkLayerForChecksum(ip)
		return []gopacket.SerializableLayer{l, data}
	case udp:
		l := &layers.UDP{SrcPort: layers.UDPPort(s.FromPort), DstPort: layers.UDPPort(s.ToPort)}
		_ = l.SetNetworkLayerForChecksum(ip)
		return []gopacket.SerializableLayer{l, data}
	case sctp:
		return []gopacket.SerializableLayer{&layers.SCTP{SrcPort: layers.SCTPPort(s.FromPort), DstPort: layers.SCTPPort(s.ToPort)}, data}
	case icmp:
		return []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(s.Type, s.Code), Id: s.FromPort, Seq: 1}, data}
	case icmpv6:
		l := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(s.Type, s.Code)}
		_ = l.SetNetworkLayerForChecksum(ip)
		return []gopacket.SerializableLayer{l, identified}
	}
	return []gopacket.SerializableLayer{identified}
}

// Segments are packets between two addresses that begin connections or belong to none. Ports of clients come from next.
func Segments(from, to netip.Addr, next func() uint16) []Segment {
	s := Segment{From: from, To: to}
	var all []Segment
	add := func(protocol uint8, toPorts ...uint16) {
		for _, port := range toPorts {
			s.Protocol, s.FromPort, s.ToPort, s.Flags = protocol, next(), port, 0
			if protocol == tcp {
				s.Flags = SYN
			}
			all = append(all, s)
		}
	}
	add(tcp, 22, 80, 81, 443, 5001, 9999)
	add(udp, 53, 80, 5001, 8080)
	add(sctp, 80, 5001)
	all = append(all, Segment{From: from, To: to, Protocol: sctp, FromPort: 80, ToPort: next()}) // from a server's port
	all = append(all, Segment{From: from, To: to, Protocol: tcp, FromPort: next(), ToPort: 80, Flags: RST})
	for _, protocol := range []uint8{gre, udplite} {
		all = append(all, Segment{From: from, To: to, Protocol: protocol})
	}
	pings := []Segment{{Protocol: icmp, Type: echo}, {Protocol: icmp, Type: unreachable, Code: unreachableHost}}
	if to.Is6() {
		pings = []Segment{{Protocol: icmpv6, Type: echo6}, {Protocol: icmpv6, Type: unreachable6, Code: unreachableAddress}}
	}
	for _, p := range pings {
		p.From, p.To, p.FromPort = from, to, next()
		all = append(all, p)
	}
	return all
}
