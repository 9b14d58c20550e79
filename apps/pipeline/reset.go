package pipeline

import (
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Reset answers a segment as a host does that has no such connection (RFC 9293, section 3.5.2); resets are not answered.
func Reset(eth *layers.Ethernet, ip gopacket.NetworkLayer, tcp *layers.TCP) ([]byte, error) {
	if tcp.RST {
		return nil, nil
	}
	answer := &layers.TCP{SrcPort: tcp.DstPort, DstPort: tcp.SrcPort, RST: true, Seq: tcp.Ack}
	if !tcp.ACK {
		length := uint32(len(tcp.Payload))
		if tcp.SYN {
			length++
		}
		if tcp.FIN {
			length++
		}
		answer.Seq, answer.ACK, answer.Ack = 0, true, tcp.Seq+length
	}
	head := &layers.Ethernet{SrcMAC: eth.DstMAC, DstMAC: eth.SrcMAC, EthernetType: eth.EthernetType}
	switch ip := ip.(type) {
	case *layers.IPv4:
		if !Single(ip.SrcIP) || ip.FragOffset != 0 {
			return nil, nil
		}
		back := &layers.IPv4{Version: 4, TTL: ttlOfOurs, Protocol: layers.IPProtocolTCP, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
		if err := answer.SetNetworkLayerForChecksum(back); err != nil {
			return nil, err
		}
		return Serialize(head, back, answer)
	case *layers.IPv6:
		if !Single(ip.SrcIP) {
			return nil, nil
		}
		back := &layers.IPv6{Version: 6, HopLimit: ttlOfOurs, NextHeader: layers.IPProtocolTCP, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
		if err := answer.SetNetworkLayerForChecksum(back); err != nil {
			return nil, err
		}
		return Serialize(head, back, answer)
	}
	return nil, nil
}

// IsSegment tells whether a frame is a segment of TCP, and its first fragment.
func IsSegment(frame []byte) bool {
	eth, ip, tcp := segment(frame)
	return eth != nil && ip != nil && tcp != nil
}

// ResetOf answers a segment by a reset that is sent between two MAC addresses; nil where none may be sent.
func ResetOf(frame []byte, from, to flow.MACAddr) ([]byte, error) {
	_, ip, tcp := segment(frame)
	if ip == nil || tcp == nil {
		return nil, nil
	}
	return Reset(&layers.Ethernet{SrcMAC: to[:], DstMAC: from[:], EthernetType: etherTypeOf(ip)}, ip, tcp)
}

func etherTypeOf(ip gopacket.NetworkLayer) layers.EthernetType {
	if ip.LayerType() == layers.LayerTypeIPv4 {
		return layers.EthernetTypeIPv4
	}
	return layers.EthernetTypeIPv6
}

// segment reads a frame as a segment of TCP.
func segment(frame []byte) (*layers.Ethernet, gopacket.NetworkLayer, *layers.TCP) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	tcp, _ := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
	return eth, p.NetworkLayer(), tcp
}
