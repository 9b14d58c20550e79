package security

import (
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/southbound/flow"
)

const ttlOfOurs = 64 // of packets that are made here (RFC 1700)

// rejecter tells senders that their packets are rejected: by a TCP reset, or by ICMP "administratively prohibited" (RFC 1812, section
// 5.2.7.1; RFC 4443, section 3.1). It speaks for who the packet was for.
type rejecter struct{}

// Tick implements punt.Handler: what is to be said is said at once.
func (rejecter) Tick(time.Time, *punt.Outbox) {}

// Packet answers a rejected packet. The answer goes by way of the router where the packet came from one.
func (rejecter) Packet(p *punt.Packet, out *punt.Outbox) {
	frame, err := rejection(p.Data)
	if err != nil || frame == nil {
		return
	}
	do := flow.Actions{pipeline.Net.Set(p.Register(pipeline.Net)), flow.Resubmit(pipeline.RouterIn)}
	if p.Register(pipeline.AtReceiver) == 0 {
		do = pipeline.DeliverTo(p.InPort)
	}
	out.Send(p.Host, punt.Out{InPort: flow.PortController, Data: frame, Actions: do})
}

// rejection is the frame that answers a rejected one; nil where none may be sent.
func rejection(frame []byte) ([]byte, error) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip := p.NetworkLayer()
	if eth == nil || ip == nil || eth.DstMAC[0]&1 != 0 {
		return nil, nil
	}
	if tcp, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP); ok {
		return reset(eth, ip, tcp)
	}
	e := pipeline.ICMPError{V4: pipeline.ICMPCode{Type: 3, Code: 13}, V6: pipeline.ICMPCode{Type: 1, Code: 1}, MAC: flow.MACAddr(eth.DstMAC), To: flow.MACAddr(eth.SrcMAC)}
	from, _ := netip.AddrFromSlice(ip.NetworkFlow().Dst().Raw())
	if from.Is4() {
		e.From[0] = from
	} else {
		e.From[1] = from
	}
	return e.Frame(frame)
}

// reset answers a segment as a host does that has no such connection (RFC 9293, section 3.5.2); resets are not answered.
func reset(eth *layers.Ethernet, ip gopacket.NetworkLayer, tcp *layers.TCP) ([]byte, error) {
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
		if !pipeline.Single(ip.SrcIP) || ip.FragOffset != 0 {
			return nil, nil
		}
		back := &layers.IPv4{Version: 4, TTL: ttlOfOurs, Protocol: layers.IPProtocolTCP, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
		if err := answer.SetNetworkLayerForChecksum(back); err != nil {
			return nil, err
		}
		return pipeline.Serialize(head, back, answer)
	case *layers.IPv6:
		if !pipeline.Single(ip.SrcIP) {
			return nil, nil
		}
		back := &layers.IPv6{Version: 6, HopLimit: ttlOfOurs, NextHeader: layers.IPProtocolTCP, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
		if err := answer.SetNetworkLayerForChecksum(back); err != nil {
			return nil, err
		}
		return pipeline.Serialize(head, back, answer)
	}
	return nil, nil
}
