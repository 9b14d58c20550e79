package dhcp

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Numbers of router advertisements (RFC 4861, sections 4.2 and 6.2.1).
const (
	icmpRouterAdvertisement = 134

	flagManaged, flagOther  = 0x80, 0x40
	preferenceShift         = 3          // of Prf (RFC 4191, sections 2.2 and 2.3)
	prefixOnLink, prefixOwn = 0x80, 0x40 // flags L and A

	optSourceLink, optPrefix, optMTU, optRoute, optRDNSS, optDNSSL = 1, 3, 5, 24, 25, 31

	hopLimit       = 64
	routerLifetime = 1800 // seconds; three times the longest interval
	infinite       = 0xffffffff
)

var allNodes = netip.MustParseAddr("ff02::1")

// advertisement is what the endpoints of a network are told of it.
type advertisement struct {
	mac     flow.MACAddr // of who advertises
	from    netip.Addr   // its link-local address
	router  bool         // it forwards packets
	weight  intent.Preference
	mtu     uint32          // of the network
	subnets []intent.Subnet // of IPv6 that are told of
}

// body is the message after its ICMPv6 header: the fixed part and the options.
func (a advertisement) body() []byte {
	var flags byte
	for _, s := range a.subnets {
		switch s.Mode {
		case intent.DHCPv6Stateful:
			flags |= flagManaged | flagOther
		case intent.DHCPv6Stateless:
			flags |= flagOther
		}
	}
	lifetime := uint16(0) // not a default router
	if a.router {
		lifetime = routerLifetime
		flags |= byte(a.weight) << preferenceShift
	}
	b := []byte{hopLimit, flags}
	b = binary.BigEndian.AppendUint16(b, lifetime)
	b = append(b, make([]byte, 8)...) // reachable time and retransmission timer: unspecified
	b = option(b, optSourceLink, a.mac[:])
	b = option(b, optMTU, binary.BigEndian.AppendUint32(make([]byte, 2, 6), a.mtu))
	for _, s := range a.subnets {
		b = option(b, optPrefix, prefixOption(s))
	}
	for _, s := range a.subnets {
		b = a.more(b, s)
	}
	return b
}

// more appends the settings of a subnet: name servers and domains (RFC 8106), and routes (RFC 4191).
func (a advertisement) more(b []byte, s intent.Subnet) []byte {
	if len(s.DNS) > 0 {
		v := binary.BigEndian.AppendUint32(make([]byte, 2), routerLifetime)
		for _, ip := range s.DNS {
			v = append(v, ip.AsSlice()...)
		}
		b = option(b, optRDNSS, v)
	}
	if domains := searched(s.Domain, s.Search); len(domains) > 0 {
		v := binary.BigEndian.AppendUint32(make([]byte, 2), routerLifetime)
		for _, d := range domains {
			v = append(v, labels(d)...)
		}
		b = option(b, optDNSSL, v)
	}
	if a.router {
		for _, r := range s.Routes {
			// Its next hop is the advertising router in any case; a route by way of another endpoint cannot be told this way.
			if r.NextHop != s.Gateway {
				continue
			}
			v := binary.BigEndian.AppendUint32([]byte{byte(r.Destination.Bits()), byte(a.weight) << preferenceShift}, routerLifetime)
			b = option(b, optRoute, append(v, r.Destination.Addr().AsSlice()...))
		}
	}
	return b
}

// labels is a domain name on the wire (RFC 1035, section 3.1).
func labels(domain string) []byte {
	var b []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(domain, "."), ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}

func prefixOption(s intent.Subnet) []byte {
	flags, life := byte(prefixOnLink), uint32(infinite)
	if s.Mode == intent.SLAAC || s.Mode == intent.DHCPv6Stateless {
		flags |= prefixOwn
		life = s.Lease
	}
	v := []byte{byte(s.Prefix.Bits()), flags}
	v = binary.BigEndian.AppendUint32(v, life) // valid
	v = binary.BigEndian.AppendUint32(v, life) // preferred
	v = append(v, 0, 0, 0, 0)
	return append(v, s.Prefix.Addr().AsSlice()...)
}

// option appends an option, padded to units of 8 bytes (RFC 4861, section 4.6).
func option(b []byte, typ byte, value []byte) []byte {
	n := (len(value) + 2 + 7) / 8
	b = append(b, typ, byte(n))
	b = append(b, value...)
	return append(b, make([]byte, n*8-2-len(value))...)
}

// frame is the advertisement as a frame to an endpoint, or with the zero address to all nodes of the link.
func (a advertisement) frame(to netip.Addr, mac flow.MACAddr) ([]byte, error) {
	if !to.IsValid() {
		to, mac = allNodes, flow.MACAddr{0x33, 0x33, 0, 0, 0, 1}
	}
	ip := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolICMPv6, HopLimit: 255, SrcIP: addr(a.from), DstIP: addr(to)}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(icmpRouterAdvertisement, 0)}
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	return serialize(&layers.Ethernet{SrcMAC: a.mac[:], DstMAC: mac[:], EthernetType: layers.EthernetTypeIPv6}, ip, icmp, gopacket.Payload(a.body()))
}

func serialize(all ...gopacket.SerializableLayer) ([]byte, error) {
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...)
	return b.Bytes(), err
}
