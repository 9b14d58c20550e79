package monitor

import (
	"encoding/binary"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	ttlOfOurs = 64 // RFC 1700
)

// wire is between which ends a probe is.
type wire struct {
	from, to netip.Addr
	protocol uint8
	ours     uint16 // our port, or the identifier of echoes
	theirs   uint16 // the member's port
}

// frame makes the frame of a segment.
func (w wire) frame(s segment, from, to flow.MACAddr) ([]byte, error) {
	eth := &layers.Ethernet{SrcMAC: from[:], DstMAC: to[:], EthernetType: layers.EthernetTypeIPv4}
	var head gopacket.SerializableLayer
	var net gopacket.NetworkLayer
	if w.to.Is4() {
		ip := &layers.IPv4{Version: 4, TTL: ttlOfOurs, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocol(w.protocol), SrcIP: w.from.AsSlice(), DstIP: w.to.AsSlice()}
		head, net = ip, ip
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, HopLimit: ttlOfOurs, NextHeader: layers.IPProtocol(w.protocol), SrcIP: w.from.AsSlice(), DstIP: w.to.AsSlice()}
		head, net = ip, ip
	}
	all := []gopacket.SerializableLayer{eth, head}
	switch w.protocol {
	case protoTCP:
		t := &layers.TCP{
			SrcPort: layers.TCPPort(w.ours), DstPort: layers.TCPPort(w.theirs), Seq: s.seq, Ack: s.ack, Window: s.window,
			FIN: s.flags&fin != 0, SYN: s.flags&syn != 0, RST: s.flags&rst != 0, PSH: s.flags&psh != 0, ACK: s.flags&ack != 0,
		}
		if s.mss != 0 {
			t.Options = []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: binary.BigEndian.AppendUint16(nil, s.mss)}}
		}
		if err := t.SetNetworkLayerForChecksum(net); err != nil {
			return nil, err
		}
		all = append(all, t)
	case protoUDP:
		u := &layers.UDP{SrcPort: layers.UDPPort(w.ours), DstPort: layers.UDPPort(w.theirs)}
		if err := u.SetNetworkLayerForChecksum(net); err != nil {
			return nil, err
		}
		all = append(all, u)
	case protoICMP:
		all = append(all, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(icmpEcho, 0), Id: w.ours, Seq: 1})
	default:
		i := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(icmp6Echo, 0)}
		if err := i.SetNetworkLayerForChecksum(net); err != nil {
			return nil, err
		}
		all = append(all, i, &layers.ICMPv6Echo{Identifier: w.ours, SeqNumber: 1})
	}
	return pipeline.Serialize(append(all, gopacket.Payload(s.data))...)
}

// read finds in a frame which probe it answers, and what it says.
func read(frame []byte) (wire, packet, bool) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	var w wire
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		w.to, _ = netip.AddrFromSlice(ip.SrcIP)
		w.from, _ = netip.AddrFromSlice(ip.DstIP)
	case *layers.IPv6:
		w.to, _ = netip.AddrFromSlice(ip.SrcIP)
		w.from, _ = netip.AddrFromSlice(ip.DstIP)
	default:
		return w, packet{}, false
	}
	if t, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP); ok {
		w.protocol, w.ours, w.theirs = protoTCP, uint16(t.DstPort), uint16(t.SrcPort)
		s := segment{flags: flagsOf(t), seq: t.Seq, ack: t.Ack, window: t.Window, data: t.Payload}
		for _, o := range t.Options {
			if o.OptionType == layers.TCPOptionKindMSS && len(o.OptionData) == 2 {
				s.mss = binary.BigEndian.Uint16(o.OptionData)
			}
		}
		return w, packet{segment: s}, true
	}
	if u, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP); ok {
		w.protocol, w.ours, w.theirs = protoUDP, uint16(u.DstPort), uint16(u.SrcPort)
		return w, packet{}, true
	}
	if i, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); ok {
		switch i.TypeCode.Type() {
		case icmpEchoReply:
			w.protocol, w.ours = protoICMP, i.Id
			return w, packet{}, true
		case icmpUnreachable:
			return quoted(w, i.Payload, i.TypeCode.Code())
		}
	}
	if i, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); ok && len(i.Payload) >= 4 {
		switch i.TypeCode.Type() {
		case icmp6EchoReply:
			w.protocol, w.ours = protoICMP6, binary.BigEndian.Uint16(i.Payload)
			return w, packet{}, true
		case icmp6Unreachable:
			return quoted(w, i.Payload[4:], i.TypeCode.Code())
		}
	}
	return w, packet{}, false
}

// quoted reads which probe an ICMP error is about: it quotes the probe's beginning, of the transport header as much as the ports and four bytes
// after them.
func quoted(w wire, of []byte, code uint8) (wire, packet, bool) {
	var transport []byte
	switch {
	case w.to.Is4() && len(of) >= 20 && int(of[0]&15)*4 >= 20 && len(of) >= int(of[0]&15)*4+8:
		src, dst := netip.AddrFrom4([4]byte(of[12:16])), netip.AddrFrom4([4]byte(of[16:20]))
		if src != w.from || dst != w.to {
			return w, packet{}, false
		}
		w.protocol, transport = of[9], of[int(of[0]&15)*4:]
	case w.to.Is6() && len(of) >= 48:
		src, dst := netip.AddrFrom16([16]byte(of[8:24])), netip.AddrFrom16([16]byte(of[24:40]))
		if src != w.from || dst != w.to {
			return w, packet{}, false
		}
		w.protocol, transport = of[6], of[40:]
	default:
		return w, packet{}, false
	}
	p := packet{unreachable: unreachableText(w.to.Is4(), code)}
	switch w.protocol {
	case protoTCP, protoUDP:
		w.ours, w.theirs = binary.BigEndian.Uint16(transport), binary.BigEndian.Uint16(transport[2:])
		p.seq = binary.BigEndian.Uint32(transport[4:])
	case protoICMP, protoICMP6:
		w.ours = binary.BigEndian.Uint16(transport[4:])
	default:
		return w, p, false
	}
	return w, p, true
}

// unreachableText is what codes of destination unreachable say (RFC 792, RFC 1812, section 5.2.7.1; RFC 4443, section 3.1).
func unreachableText(is4 bool, code uint8) string {
	texts := map[uint8]string{0: "no route", 1: "administratively prohibited", 3: "address unreachable", 4: "port unreachable", 5: "source address refused", 6: "route rejected"}
	if is4 {
		texts = map[uint8]string{0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable", 9: "network prohibited", 10: "host prohibited", 13: "administratively prohibited"}
	}
	if text, ok := texts[code]; ok {
		return text
	}
	return "unreachable"
}

// wireOf is what all probes of a member have in common.
func wireOf(p intent.Probe) wire {
	return wire{from: p.From, to: p.To, protocol: p.Protocol, theirs: p.Port}
}
