package model

import (
	"net/netip"
	"slices"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Sizes of the packets that are sent: one that every network carries, and one that not all do.
const small, large = 100, 1360

// Packets are those that an endpoint sends: to all addresses of its families a small one and, where its own network carries it, a
// large one.
func Packets(t Topology, from int) []Packet {
	var all []Packet
	for _, to := range addresses(t) {
		for _, ip := range t.Ports[from].IPs {
			if ip.Is4() == to.Is4() {
				all = append(all, Packet{ip, to, small})
				if !t.tooSmall(t.Ports[from].Network, large) {
					all = append(all, Packet{ip, to, large})
				}
			}
		}
	}
	return all
}

// addresses are those that packets are sent to.
func addresses(t Topology) []netip.Addr {
	all := []netip.Addr{netip.MustParseAddr("10.200.0.1"), netip.MustParseAddr("10.200.128.1"), netip.MustParseAddr("fd00:200::1")}
	for _, p := range t.Ports {
		all = append(all, p.IPs...)
	}
	return all
}

// Frame is a packet on the wire: a datagram that begins with a mark.
func (p Packet) Frame(src, dst, mark []byte) []byte {
	return Datagram{p.From, p.To, 5000, 5001}.frame(src, dst, mark, p.Size)
}

// Frame is a datagram on the wire that begins with a mark.
func (d Datagram) Frame(src, dst, mark []byte) []byte { return d.frame(src, dst, mark, small) }

func (d Datagram) frame(src, dst, mark []byte, size int) []byte {
	b := gopacket.NewSerializeBuffer()
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	udp := &layers.UDP{SrcPort: layers.UDPPort(d.FromPort), DstPort: layers.UDPPort(d.ToPort)}
	if d.To.Is4() {
		eth := &layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: layers.EthernetTypeIPv4}
		ip := &layers.IPv4{Version: 4, TTL: life, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocolUDP, SrcIP: d.From.AsSlice(), DstIP: d.To.AsSlice()}
		_ = udp.SetNetworkLayerForChecksum(ip)
		_ = gopacket.SerializeLayers(b, o, eth, ip, udp, payload(mark, size-28))
		return b.Bytes()
	}
	eth := &layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: layers.EthernetTypeIPv6}
	ip := &layers.IPv6{Version: 6, HopLimit: life, NextHeader: layers.IPProtocolUDP, SrcIP: d.From.AsSlice(), DstIP: d.To.AsSlice()}
	_ = udp.SetNetworkLayerForChecksum(ip)
	_ = gopacket.SerializeLayers(b, o, eth, ip, udp, payload(mark, size-48))
	return b.Bytes()
}

// payload is a mark, filled up.
func payload(mark []byte, size int) gopacket.Payload {
	return append(mark[:len(mark):len(mark)], make([]byte, size-len(mark))...)
}

// Mark returns what the payload of a frame begins with, if the frame is a datagram: not where an error quotes one.
func Mark(frame []byte, size int) []byte {
	decoded := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	udp, ok := decoded.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if !ok || len(udp.Payload) < size {
		return nil
	}
	return udp.Payload[:size]
}

// Next is the station that an endpoint sends a packet to: an endpoint of its own network, or the router that has the address of its
// subnet's gateway. Neither of them: it has nobody to send it to.
func (t Topology) Next(from int, to netip.Addr) (port, router string) {
	network := t.Ports[from].Network
	for _, s := range t.Networks[network].Subnets {
		if !s.CIDR.Contains(to) {
			continue
		}
		for _, p := range t.Ports {
			if p.Network == network && slices.Contains(p.IPs, to) {
				return p.Name, ""
			}
		}
		return "", ""
	}
	gateway, _ := t.gateway(network, to)
	for _, r := range t.Routers {
		if slices.ContainsFunc(r.Interfaces, func(i Interface) bool { return i.Network == network && i.IP == gateway }) {
			return "", r.Name
		}
	}
	return "", ""
}

// Read returns the datagram that a frame has.
func Read(frame []byte) (Datagram, bool) {
	decoded := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	udp, ok := decoded.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if !ok {
		return Datagram{}, false
	}
	ends := decoded.NetworkLayer().NetworkFlow()
	from, _ := netip.AddrFromSlice(ends.Src().Raw())
	to, _ := netip.AddrFromSlice(ends.Dst().Raw())
	return Datagram{from, to, uint16(udp.SrcPort), uint16(udp.DstPort)}, true
}
