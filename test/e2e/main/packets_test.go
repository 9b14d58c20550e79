package main_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

func containsText(s, part string) bool  { return strings.Contains(s, part) }
func containsBytes(b, part []byte) bool { return bytes.Contains(b, part) }

// asksFor says whether a packet asks for the link-layer address of an IP address.
func asksFor(p gopacket.Packet, ip string) bool {
	want := net.ParseIP(ip)
	if arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
		return arp.Operation == layers.ARPRequest && want.Equal(arp.DstProtAddress)
	}
	if ns, ok := p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation); ok {
		return want.Equal(ns.TargetAddress)
	}
	return false
}

// tunnelID reads the id of a tunnel packet over IPv4 (RFC 7348, RFC 8926, RFC 2890).
func tunnelID(carrier string, data []byte) (uint32, error) {
	p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.NoCopy)
	if carrier == "gre" {
		gre, ok := p.Layer(layers.LayerTypeGRE).(*layers.GRE)
		if !ok || !gre.KeyPresent {
			return 0, fmt.Errorf("no GRE packet with a key: %v", p)
		}
		return gre.Key, nil
	}
	udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if !ok || len(udp.Payload) < 8 {
		return 0, fmt.Errorf("no UDP packet: %v", p)
	}
	return binary.BigEndian.Uint32(udp.Payload[4:8]) >> 8, nil
}
