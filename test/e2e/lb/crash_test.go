package lb_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// TestTenantsCannotEndASwitch sends what would be translated to what it is: Open vSwitch 3.1 aborts when such a connection is reset and
// opened again (docs/adr/0023). A client asks the load balancer's MAC address for a member's own address, and a port without port
// security has the gateway's address as its source.
func TestTenantsCannotEndASwitch(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	wire := l.Physical("ext", "h1", "h2")
	netlab.Must(wire.Machine("outside", netlab.EndpointOptions{Addresses: []string{"198.51.100.1/24", "2001:db8::1/64"}}))(t)
	l.Apply(outside, `kind: Router
project: red
name: r1
spec: {interfaces: [{subnet: web4}, {subnet: web6}, {subnet: db4}, {subnet: db6}], externalGateway: {network: net/ext, host: h1, fixedIps: [{ip: 198.51.100.150}]}}
---
kind: Port
project: red
name: c2
spec: {network: web, fixedIps: [{ip: 10.0.0.12}, {ip: "fd00:10::12"}], portSecurityEnabled: false}
---
kind: Listener
project: red
name: same
spec: {loadBalancer: shop, protocol: tcp, ports: "8080", pool: web}
`)
	l.Revalidated()
	before := map[string]int{"h1": l.Host("h1").VswitchdPID(), "h2": l.Host("h2").VswitchdPID()}
	vip := e2e.MAC(l.Get("port/red/vip").GetStatus().GetPort().GetMacAddress())
	router := e2e.MAC(l.Get("router/red/r1").GetStatus().GetRouter().GetMacAddress())
	for range 3 {
		for _, flags := range []layers.TCP{{SYN: true}, {ACK: true}, {RST: true, ACK: true}, {SYN: true}, {FIN: true, ACK: true}, {SYN: true}, {RST: true}, {SYN: true}, {FIN: true, ACK: true}} {
			for _, s := range []struct {
				from     string
				to       net.HardwareAddr
				src, dst string
			}{
				{"c1", vip, "10.0.0.11", "10.0.0.14"}, {"c1", vip, "10.0.0.11", "10.1.0.16"}, {"c1", vip, "fd00:10::11", "fd00:10::15"},
				{"c2", router, "198.51.100.150", "198.51.100.1"},
			} {
				l.Do(l.vm[s.from].Send(segment(l.vm[s.from].MAC(), s.to, s.src, s.dst, flags)))
			}
		}
		l.ask("c1", vips[0], 80, 3) // what was sent before that has passed
	}
	for host, pid := range before {
		if now := l.Host(host).VswitchdPID(); now != pid {
			t.Errorf("ovs-vswitchd of %s has ended: process %d is %d", host, pid, now)
		}
	}
	l.Eventually(20*time.Second, "what claimed the gateway's address is counted", func() error {
		if n := l.Drops("h1")["spoofed-address"]; n < 3 {
			return fmt.Errorf("%d packets are", n)
		}
		return nil
	})
}

// segment is a TCP segment from port 5000 to port 8080.
func segment(src, dst net.HardwareAddr, from, to string, flags layers.TCP) []byte {
	a, b := netip.MustParseAddr(from), netip.MustParseAddr(to)
	flags.SrcPort, flags.DstPort, flags.Seq, flags.Window, flags.Ack = 5000, 8080, 1000, 1000, 1
	eth := &layers.Ethernet{SrcMAC: src, DstMAC: dst, EthernetType: layers.EthernetTypeIPv4}
	var ip gopacket.SerializableLayer
	if a.Is4() {
		v4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: a.AsSlice(), DstIP: b.AsSlice()}
		_ = flags.SetNetworkLayerForChecksum(v4)
		ip = v4
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		v6 := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: a.AsSlice(), DstIP: b.AsSlice()}
		_ = flags.SetNetworkLayerForChecksum(v6)
		ip = v6
	}
	frame, err := netlab.Frame(eth, ip, &flags)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return frame
}
