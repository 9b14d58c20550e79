package route

import (
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/southbound/flow"
)

// head are the addresses of a frame.
type head struct {
	src, dst flow.MACAddr
	from, to netip.Addr
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
	to, also := netip.AddrFromSlice(ip.NetworkFlow().Dst().Raw())
	return head{flow.MACAddr(eth.SrcMAC), flow.MACAddr(eth.DstMAC), from, to}, ok && also
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
		if !ok || !pipeline.Single(ip.SrcIP) {
			return nil, nil
		}
		reply := &layers.IPv4{Version: 4, TTL: ttlOfOurs, Protocol: layers.IPProtocolICMPv4, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
		answer := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoReply, 0), Id: icmp.Id, Seq: icmp.Seq}
		return pipeline.Serialize(head, reply, answer, gopacket.Payload(icmp.Payload))
	}
	if icmp, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); ok {
		ip, ok := p.NetworkLayer().(*layers.IPv6)
		if !ok || !pipeline.Single(ip.SrcIP) {
			return nil, nil
		}
		reply := &layers.IPv6{Version: 6, HopLimit: ttlOfOurs, NextHeader: layers.IPProtocolICMPv6, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
		answer := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoReply, 0)}
		if err := answer.SetNetworkLayerForChecksum(reply); err != nil {
			return nil, err
		}
		return pipeline.Serialize(head, reply, answer, gopacket.Payload(icmp.Payload)) // its number and sequence are part of that
	}
	return nil, nil
}
