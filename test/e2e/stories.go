package e2e

import (
	"net"
	"time"

	"github.com/gopacket/gopacket"

	"github.com/weft-sdn/weft/test/netlab"
)

// Talk demands that endpoints of one network reach each other: pings between all pairs, connections and datagrams of some
// size from and to the first, all of it with both IP versions.
func (c *Cloud) Talk(vms []*netlab.Endpoint) {
	c.T.Helper()
	var probes []netlab.Probe
	for _, p := range netlab.AllPairs(vms, func(_, _ *netlab.Endpoint) netlab.Reach { return netlab.Reaches }) {
		p.Addr = p.To.IPv4()
		probes = append(probes, p)
		p.Addr = p.To.IPv6()
		probes = append(probes, p)
	}
	for _, to := range vms[1:] {
		probes = append(probes, netlab.Probe{From: vms[0], To: to, Protocol: netlab.TCP, Port: 80},
			netlab.Probe{From: to, To: vms[0], Addr: vms[0].IPv6(), Protocol: netlab.TCP, Port: 80})
	}
	c.Reach(probes...)
	for _, to := range vms[1:] {
		c.bulk(vms[0], to)
	}
}

// bulk exchanges more than one packet.
func (c *Cloud) bulk(from, to *netlab.Endpoint) {
	c.T.Helper()
	tcp, udp := netlab.Must(to.ServeTCP(":5001"))(c.T), netlab.Must(to.ServeUDP(":5001"))(c.T)
	for _, ip := range []string{to.IPv4().String(), to.IPv6().String()} {
		dst := net.JoinHostPort(ip, "5001")
		if who, err := from.TCP(dst, 1<<20, patience); err != nil || who != to.Name() {
			c.T.Errorf("1 MiB over TCP from %s to %s: answered by %q, %v", from.Name(), dst, who, err)
		}
		if who, err := from.UDP(dst, 1400, 5*time.Second); err != nil || who != to.Name() {
			c.T.Errorf("1400 bytes over UDP from %s to %s: answered by %q, %v", from.Name(), dst, who, err)
		}
	}
	c.Do(tcp.Close(), udp.Close())
}

// FullSize demands that the largest packets that a network says it carries arrive, and arrive in one piece.
func (c *Cloud) FullSize(network string, from, to *netlab.Endpoint) {
	c.T.Helper()
	mtu := int(c.Get("network/" + network).GetStatus().GetNetwork().GetMtu())
	for dst, size := range map[string]int{to.IPv4().String(): mtu - 28, to.IPv6().String(): mtu - 48} {
		cut := netlab.Must(to.Capture("(ip[6:2] & 0x3fff != 0) or (ip6[6] = 44)"))(c.T)
		r, err := from.Ping(dst, netlab.PingOptions{Size: size})
		if err != nil || r.Lost() > 0 {
			c.T.Errorf("%d bytes of ICMP payload to %s, MTU %d: %v, %v", size, dst, mtu, r, err)
		}
		if err := cut.ExpectNone("a fragment", func(gopacket.Packet) bool { return true }); err != nil {
			c.T.Error(err)
		}
	}
}
