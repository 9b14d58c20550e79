package route

import (
	"net"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	packets "github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// reason says why a packet cannot be forwarded; flows hand it over with the packet.
type reason byte

// The reasons.
const (
	expired    reason = iota + 1 // its time to live is over
	noRoute                      // no route holds its destination
	prohibited                   // a route rejects it
	noHost                       // nobody is known to have the next hop's address
	noPort                       // it is for the router itself, which has no such port
)

// code is an ICMP type and code.
type code struct{ typ, code uint8 }

// codes are what RFC 792, RFC 1812 (section 5.2.7) and RFC 4443 (section 3) say for each reason.
var codes = map[reason]struct{ v4, v6 code }{
	expired:    {code{11, 0}, code{3, 0}},
	noRoute:    {code{3, 0}, code{1, 0}},
	prohibited: {code{3, 13}, code{1, 1}},
	noHost:     {code{3, 1}, code{1, 3}},
	noPort:     {code{3, 3}, code{1, 4}},
}

// Most of a packet that an error quotes: so much that the error is no larger than every link carries (RFC 1812, section
// 4.3.2.3; RFC 4443, section 2.4).
const (
	quoted4 = 576 - 20 - 8
	quoted6 = 1280 - 40 - 8
)

// answerer tells endpoints why their packets were not forwarded.
type answerer struct{ *intent.Tables }

// Tick implements punt.Handler: errors are sent at once or not at all.
func (a *answerer) Tick(time.Time, *packets.Outbox) {}

// Packet answers a packet that could not be forwarded, from the router's address on the network of who sent it.
func (a *answerer) Packet(p *packets.Packet, out *packets.Outbox) {
	why, ok := codes[reason(p.Why)]
	if !ok {
		return
	}
	var r table.Reader // what handlers read is nobody's to remember
	for b := range a.BoundAt.List(&r, intent.Place{Host: p.Host, OFPort: p.InPort}) {
		port, _ := a.Ports.Get(&r, b.Port)
		for i := range a.InterfacesOn.List(&r, port.Network) {
			router, found := a.Routers.Get(&r, i.Key.Router)
			if !found || !router.Up {
				continue
			}
			frame, err := icmpError(p.Data, why.v4, why.v6, router.MAC, i.IP, port.MAC)
			if err != nil || frame == nil {
				continue // of the other family
			}
			out.Send(p.Host, packets.Out{InPort: flow.PortController, Data: frame, Actions: pipeline.DeliverTo(p.InPort)})
			return
		}
	}
}

// icmpError is the frame that tells of a packet's fate; nil where no error may be sent: about another error, a fragment that
// is not the first, or a packet that was not from one station to another (RFC 1122, section 3.2.2; RFC 4443, section 2.4).
func icmpError(frame []byte, v4, v6 code, mac flow.MACAddr, from netip.Addr, to flow.MACAddr) ([]byte, error) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if eth == nil || eth.DstMAC[0]&1 != 0 {
		return nil, nil
	}
	head := &layers.Ethernet{SrcMAC: mac[:], DstMAC: to[:], EthernetType: eth.EthernetType}
	if ip, ok := p.NetworkLayer().(*layers.IPv4); ok && from.Is4() && mayAnswer4(ip, p) {
		reply := &layers.IPv4{Version: 4, TTL: ttlOfOurs, TOS: 0xc0, Protocol: layers.IPProtocolICMPv4, SrcIP: from.AsSlice(), DstIP: ip.SrcIP}
		icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(v4.typ, v4.code)}
		return serialize(head, reply, icmp, quote(eth.Payload, quoted4))
	}
	if ip, ok := p.NetworkLayer().(*layers.IPv6); ok && from.Is6() && mayAnswer6(ip, p) {
		reply := &layers.IPv6{Version: 6, HopLimit: ttlOfOurs, NextHeader: layers.IPProtocolICMPv6, SrcIP: from.AsSlice(), DstIP: ip.SrcIP}
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(v6.typ, v6.code)}
		if err := icmp.SetNetworkLayerForChecksum(reply); err != nil {
			return nil, err
		}
		unused := gopacket.Payload(append(make([]byte, 4), quote(eth.Payload, quoted6)...))
		return serialize(head, reply, icmp, unused)
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
