package route

import (
	"encoding/binary"
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
	tooLarge                     // the network that it goes to does not carry so much
	pinged                       // nothing is wrong: it is a ping that came by way of another router
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
	tooLarge:   {code{3, 4}, code{2, 0}},
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

// Packet answers a packet that could not be forwarded, on the network of who sent it.
func (a *answerer) Packet(p *packets.Packet, out *packets.Outbox) {
	var r table.Reader // what handlers read is nobody's to remember
	for b := range a.BoundAt.List(&r, intent.Place{Host: p.Host, OFPort: p.InPort}) {
		port, _ := a.Ports.Get(&r, b.Port)
		for router := range a.RouterByTag.List(&r, uint32(p.Register(pipeline.Router))) {
			frame, err := a.answer(&r, p, port, router)
			if err == nil && frame != nil {
				out.Send(p.Host, packets.Out{InPort: flow.PortController, Data: frame, Actions: pipeline.DeliverTo(p.InPort)})
			}
			return
		}
	}
}

// answer makes the frame that a port gets for its packet.
func (a *answerer) answer(r *table.Reader, p *packets.Packet, port intent.Port, router intent.Router) ([]byte, error) {
	if reason(p.Why) == pinged {
		return echoed(p.Data, a.gateway(r, port, router), port.MAC)
	}
	why, ok := codes[reason(p.Why)]
	if !ok {
		return nil, nil
	}
	e := icmpReply{v4: why.v4, v6: why.v6, mac: a.gateway(r, port, router), to: port.MAC, from: a.faces(r, p, port, router)}
	if reason(p.Why) == tooLarge {
		for _, key := range a.NetworksBy.List(r, uint32(p.Register(pipeline.Net))) {
			n, _ := a.Networks.Get(r, key)
			e.mtu = n.MTU
		}
	}
	return e.frame(p.Data)
}

// gateway is the MAC address that frames to a port come from: of the router, or else of the one by way of which it is reached.
func (a *answerer) gateway(r *table.Reader, port intent.Port, router intent.Router) flow.MACAddr {
	first := flow.MACAddr{}
	for i := range a.InterfacesOn.List(r, port.Network) {
		if i.Key.Router == router.Key {
			return router.MAC
		}
		if other, ok := a.Routers.Get(r, i.Key.Router); ok && first == (flow.MACAddr{}) {
			first = other.MAC
		}
	}
	return first
}

// faces returns a router's IPv4 and IPv6 address that its errors to a port come from (RFC 1812, section 4.3.2.4): on the port's
// network where it has one there, or else on that by which the packet came to it, or any.
func (a *answerer) faces(r *table.Reader, p *packets.Packet, port intent.Port, router intent.Router) [2]netip.Addr {
	var from [2]netip.Addr
	var rank [2]int
	for i := range a.InterfacesOf.List(r, router.Key) {
		n, _ := a.Networks.Get(r, i.Network)
		best := 1
		switch {
		case i.Network == port.Network:
			best = 3
		case uint64(n.Tag) == p.Register(pipeline.Net):
			best = 2
		}
		family := 0
		if i.IP.Is6() {
			family = 1
		}
		if best > rank[family] {
			from[family], rank[family] = i.IP, best
		}
	}
	return from
}

// icmpReply is what tells of a packet's fate.
type icmpReply struct {
	v4, v6  code
	mtu     uint32        // of the network that does not carry the packet
	from    [2]netip.Addr // IPv4 and IPv6; invalid: the router has none
	mac, to flow.MACAddr
}

// frame is the frame that tells of a packet's fate; nil where no error may be sent: about another error, a fragment that
// is not the first, or a packet that was not from one station to another (RFC 1122, section 3.2.2; RFC 4443, section 2.4).
func (e icmpReply) frame(frame []byte) ([]byte, error) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if eth == nil || eth.DstMAC[0]&1 != 0 {
		return nil, nil
	}
	head := &layers.Ethernet{SrcMAC: e.mac[:], DstMAC: e.to[:], EthernetType: eth.EthernetType}
	if ip, ok := p.NetworkLayer().(*layers.IPv4); ok && e.from[0].IsValid() && mayAnswer4(ip, p) {
		reply := &layers.IPv4{Version: 4, TTL: ttlOfOurs, TOS: 0xc0, Protocol: layers.IPProtocolICMPv4, SrcIP: e.from[0].AsSlice(), DstIP: ip.SrcIP}
		// The MTU is where echoes have their sequence number (RFC 1191, section 4).
		icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(e.v4.typ, e.v4.code), Seq: uint16(e.mtu)}
		return serialize(head, reply, icmp, quote(eth.Payload, quoted4))
	}
	if ip, ok := p.NetworkLayer().(*layers.IPv6); ok && e.from[1].IsValid() && mayAnswer6(ip, p) {
		reply := &layers.IPv6{Version: 6, HopLimit: ttlOfOurs, NextHeader: layers.IPProtocolICMPv6, SrcIP: e.from[1].AsSlice(), DstIP: ip.SrcIP}
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(e.v6.typ, e.v6.code)}
		if err := icmp.SetNetworkLayerForChecksum(reply); err != nil {
			return nil, err
		}
		body := binary.BigEndian.AppendUint32(nil, e.mtu) // else unused (RFC 4443, section 3.2)
		return serialize(head, reply, icmp, gopacket.Payload(append(body, quote(eth.Payload, quoted6)...)))
	}
	return nil, nil
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
		if !ok || !single(ip.SrcIP) {
			return nil, nil
		}
		reply := &layers.IPv4{Version: 4, TTL: ttlOfOurs, Protocol: layers.IPProtocolICMPv4, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
		answer := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoReply, 0), Id: icmp.Id, Seq: icmp.Seq}
		return serialize(head, reply, answer, gopacket.Payload(icmp.Payload))
	}
	if icmp, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); ok {
		ip, ok := p.NetworkLayer().(*layers.IPv6)
		if !ok || !single(ip.SrcIP) {
			return nil, nil
		}
		reply := &layers.IPv6{Version: 6, HopLimit: ttlOfOurs, NextHeader: layers.IPProtocolICMPv6, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
		answer := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoReply, 0)}
		if err := answer.SetNetworkLayerForChecksum(reply); err != nil {
			return nil, err
		}
		return serialize(head, reply, answer, gopacket.Payload(icmp.Payload)) // its number and sequence are part of that
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
