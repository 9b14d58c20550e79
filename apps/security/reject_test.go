package security

import (
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/apps/pipeline"
)

// What rejected packets are answered with, and that resets, errors and what goes to groups are not answered.
func TestRejection(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	eth := &layers.Ethernet{SrcMAC: mac, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	ip := func(p layers.IPProtocol) *layers.IPv4 {
		return &layers.IPv4{Version: 4, TTL: 9, Protocol: p, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2}}
	}
	frame := func(head *layers.Ethernet, l ...gopacket.SerializableLayer) []byte {
		all := append([]gopacket.SerializableLayer{head}, l...)
		for _, x := range all {
			if tcp, ok := x.(*layers.TCP); ok {
				if err := tcp.SetNetworkLayerForChecksum(all[1].(gopacket.NetworkLayer)); err != nil {
					t.Fatal(err)
				}
			}
		}
		b, err := pipeline.Serialize(all...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	many := *eth
	many.DstMAC = net.HardwareAddr{1, 0, 0x5e, 0, 0, 1}
	tests := []struct {
		name  string
		frame []byte
		want  func(gopacket.Packet) bool // nil: no answer
	}{
		{"a first segment", frame(eth, ip(layers.IPProtocolTCP), &layers.TCP{SrcPort: 5, DstPort: 80, SYN: true, Seq: 7}), func(p gopacket.Packet) bool {
			tcp, _ := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
			return tcp != nil && tcp.RST && tcp.ACK && tcp.Ack == 8 && tcp.Seq == 0 && tcp.SrcPort == 80
		}},
		{"a later segment", frame(eth, ip(layers.IPProtocolTCP), &layers.TCP{SrcPort: 5, DstPort: 80, ACK: true, Seq: 7, Ack: 9}), func(p gopacket.Packet) bool {
			tcp, _ := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
			return tcp != nil && tcp.RST && !tcp.ACK && tcp.Seq == 9
		}},
		{"a reset", frame(eth, ip(layers.IPProtocolTCP), &layers.TCP{SrcPort: 5, DstPort: 80, RST: true}), nil},
		{"a datagram", frame(eth, ip(layers.IPProtocolUDP), gopacket.Payload(make([]byte, 20))), func(p gopacket.Packet) bool {
			icmp, _ := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
			return icmp != nil && icmp.TypeCode == layers.CreateICMPv4TypeCode(3, 13)
		}},
		{"to a group", frame(&many, ip(layers.IPProtocolUDP), gopacket.Payload(make([]byte, 20))), nil},
		{"an error", frame(eth, ip(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1)}), nil},
		{"nothing", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := rejection(tt.frame)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				if got != nil {
					t.Errorf("answered with %x", got)
				}
				return
			}
			p := gopacket.NewPacket(got, layers.LayerTypeEthernet, gopacket.Default)
			if !tt.want(p) {
				t.Errorf("answered with %v", p)
			}
		})
	}
}
