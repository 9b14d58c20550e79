package journal

import (
	"net"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Sizes of headers, in bytes.
const ipv6Header = 40

// Summary reads the headers of a frame as far as it goes.
func Summary(frame []byte) *weftv1.PacketSummary {
	s := &weftv1.PacketSummary{}
	for _, l := range gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true}).Layers() {
		if (l.LayerType() == layers.LayerTypeIPv4 || l.LayerType() == layers.LayerTypeIPv6) && s.Src != "" {
			return s // what is inside a packet is not the packet
		}
		switch l := l.(type) {
		case *layers.Ethernet:
			s.EthSrc, s.EthDst, s.EthType = l.SrcMAC.String(), l.DstMAC.String(), uint32(l.EthernetType)
		case *layers.IPv4:
			ends(s, l.SrcIP, l.DstIP)
			s.Protocol, s.Length = uint32(l.Protocol), uint32(l.Length)
			s.Fragment = l.FragOffset != 0 || l.Flags&layers.IPv4MoreFragments != 0
		case *layers.IPv6:
			ends(s, l.SrcIP, l.DstIP)
			s.Protocol, s.Length = uint32(l.NextHeader), uint32(l.Length)+ipv6Header
		case *layers.IPv6HopByHop:
			s.Protocol = uint32(l.NextHeader)
		case *layers.IPv6Routing:
			s.Protocol = uint32(l.NextHeader)
		case *layers.IPv6Destination:
			s.Protocol = uint32(l.NextHeader)
		case *layers.IPv6Fragment:
			s.Protocol, s.Fragment = uint32(l.NextHeader), true
		default:
			upper(s, l)
			return s
		}
	}
	return s
}

func ends(s *weftv1.PacketSummary, src, dst net.IP) { s.Src, s.Dst = src.String(), dst.String() }

// upper reads what a transport header says.
func upper(s *weftv1.PacketSummary, l gopacket.Layer) {
	switch l := l.(type) {
	case *layers.TCP:
		s.SrcPort, s.DstPort, s.TcpFlags = uint32(l.SrcPort), uint32(l.DstPort), flags(l)
	case *layers.UDP:
		s.SrcPort, s.DstPort = uint32(l.SrcPort), uint32(l.DstPort)
	case *layers.SCTP:
		s.SrcPort, s.DstPort = uint32(l.SrcPort), uint32(l.DstPort)
	case *layers.ICMPv4:
		icmp(s, l.TypeCode.Type(), l.TypeCode.Code())
	case *layers.ICMPv6:
		icmp(s, l.TypeCode.Type(), l.TypeCode.Code())
	}
}

func icmp(s *weftv1.PacketSummary, typ, code uint8) {
	t, c := uint32(typ), uint32(code)
	s.IcmpType, s.IcmpCode = &t, &c
}

// flags are the flags of a segment, "syn,ack".
func flags(t *layers.TCP) string {
	var set []string
	for _, f := range []struct {
		name string
		on   bool
	}{{"syn", t.SYN}, {"fin", t.FIN}, {"rst", t.RST}, {"psh", t.PSH}, {"ack", t.ACK}, {"urg", t.URG}, {"ece", t.ECE}, {"cwr", t.CWR}} {
		if f.on {
			set = append(set, f.name)
		}
	}
	return strings.Join(set, ",")
}
