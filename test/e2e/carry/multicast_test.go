package carry_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Groups that the stories use; nobody joins the others, and one is of the link.
const (
	link4                          = "224.0.0.199"
	group4, group6, other4, other6 = "239.1.1.1", "ff05::1:1", "239.1.1.2", "ff05::1:2"
	multicastPort                  = 5000
)

// TestMulticast has real endpoints join groups: what they asked for reaches them, from the same host and from others, and
// nobody else.
func TestMulticast(t *testing.T) {
	t.Parallel()
	tenant := e2e.Tenant{Project: "red", Type: "vxlan", VMs: 4}
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	c.Apply(tenant.YAML())
	m := &multicast{c: c, vms: c.VMs(tenant, "h1", "h1", "h2", "h2")}
	c.Active(tenant.Names()...)
	c.Talk(m.vms)
	c.Run("joined", m.joined)
	c.Run("a restart", m.restart)
	c.Run("left", m.left)
	c.Run("one source", m.source)
	c.Run("queries", m.queries)
	c.Run("snooping off", func(c *e2e.Cloud) {
		c.Apply("kind: Network\nproject: red\nname: web\nspec: {type: vxlan, multicastSnoopingEnabled: false}\n")
		m.in(c).arrives(group4, 0, 1, 2, 3)
		m.in(c).arrives(group6, 0, 1, 2, 3)
	})
}

// multicast is four endpoints: vm1 and vm2 on one host, vm3 and vm4 on another.
type multicast struct {
	c   *e2e.Cloud
	vms []*netlab.Endpoint
}

func (m *multicast) in(c *e2e.Cloud) *multicast { return &multicast{c: c, vms: m.vms} }

// join has an endpoint join a group, from one source or from any, until the function it returns is called.
func (m *multicast) join(vm int, group, source string) func() {
	m.c.T.Helper()
	e := m.vms[vm]
	script := `
import socket, struct, sys
group, link, source = sys.argv[1], sys.argv[2], sys.argv[3]
index = socket.if_nametoindex(link)
if ":" in group:
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index))
elif source:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, 39, socket.inet_aton(group) + socket.inet_aton(sys.argv[4]) + socket.inet_aton(source))
else:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + struct.pack("=4si", socket.inet_aton("0.0.0.0"), index))
sys.stdin.read()
`
	cmd := e.Command("python3", "-c", script, group, e.Link(), source, e.IPv4().String())
	stdin := netlab.Must(cmd.StdinPipe())(m.c.T)
	m.c.Do(cmd.Start())
	ended := false
	end := func() {
		if !ended {
			ended = true
			_ = stdin.Close()
			_ = cmd.Wait()
		}
	}
	m.c.T.Cleanup(end)
	return end
}

// send sends one packet to a group.
func (m *multicast) send(from int, group string) {
	m.c.T.Helper()
	e := m.vms[from]
	dst := netip.MustParseAddr(group)
	b := dst.AsSlice()
	eth := &layers.Ethernet{SrcMAC: e.MAC(), EthernetType: layers.EthernetTypeIPv4, DstMAC: []byte{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}}
	udp := &layers.UDP{SrcPort: multicastPort, DstPort: multicastPort}
	var ip gopacket.SerializableLayer
	if dst.Is4() {
		v4 := &layers.IPv4{Version: 4, TTL: 8, Protocol: layers.IPProtocolUDP, SrcIP: e.IPv4().AsSlice(), DstIP: b}
		m.c.Do(udp.SetNetworkLayerForChecksum(v4))
		ip = v4
	} else {
		eth.EthernetType, eth.DstMAC = layers.EthernetTypeIPv6, []byte{0x33, 0x33, b[12], b[13], b[14], b[15]}
		v6 := &layers.IPv6{Version: 6, HopLimit: 8, NextHeader: layers.IPProtocolUDP, SrcIP: e.IPv6().AsSlice(), DstIP: b}
		m.c.Do(udp.SetNetworkLayerForChecksum(v6))
		ip = v6
	}
	m.c.Do(e.Send(netlab.Must(netlab.Frame(eth, ip, udp, gopacket.Payload("weft")))(m.c.T)))
}

// arrives demands that what an endpoint sends to a group comes to reach the others that are listed, and no other.
func (m *multicast) arrives(group string, from int, at ...int) {
	m.c.T.Helper()
	m.c.Eventually(patience, fmt.Sprintf("what vm%d sends to %s reaches %v", from+1, group, at), func() error { return m.reaches(group, from, at...) })
}

// reaches tells whether what an endpoint sends to a group reaches the others that are listed, and no other. That all has come which was to
// come is told from a packet to a group of the link, which follows and goes everywhere.
func (m *multicast) reaches(group string, from int, at ...int) error {
	captures := map[int]*netlab.Capture{}
	for i, e := range m.vms {
		if i != from {
			captures[i] = netlab.Must(e.Capture(fmt.Sprintf("udp port %d", multicastPort)))(m.c.T)
			defer captures[i].Close()
		}
	}
	m.send(from, group)
	m.send(from, link4)
	for i, capture := range captures {
		if _, err := capture.Expect(patience, "a packet to the link", to(link4)); err != nil {
			return err
		}
		got := slices.ContainsFunc(capture.Received(), func(p netlab.Packet) bool { return to(group)(p.Decode()) })
		if want := slices.Contains(at, i); got != want {
			return fmt.Errorf("vm%d: arrives: %t, want %t", i+1, got, want)
		}
	}
	return nil
}

func to(group string) func(gopacket.Packet) bool {
	return func(p gopacket.Packet) bool {
		n := p.NetworkLayer()
		return n != nil && n.NetworkFlow().Dst().String() == group
	}
}

func (m *multicast) joined(c *e2e.Cloud) {
	m = m.in(c)
	m.arrives(group4, 0)
	for _, group := range []string{group4, group6} {
		end1, end2 := m.join(1, group, ""), m.join(2, group, "")
		m.arrives(group, 0, 1, 2)
		m.arrives(group, 3, 1, 2)
		end1()
		m.arrives(group, 0, 2)
		end2()
		m.arrives(group, 0)
	}
	m.arrives(other4, 0)
	m.arrives(other6, 0)
}

// restart holds that weftd, when it comes back, knows what was asked for.
func (m *multicast) restart(c *e2e.Cloud) {
	m = m.in(c)
	m.join(2, group4, "")
	m.arrives(group4, 0, 2)
	c.Do(c.Weftd.Kill(), m.reaches(group4, 0, 2))
	c.Restart()
	c.Do(m.reaches(group4, 0, 2)) // at once: nobody has asked the endpoint again
}

func (m *multicast) left(c *e2e.Cloud) {
	m = m.in(c)
	end1, end3 := m.join(1, group4, ""), m.join(3, group4, "")
	m.arrives(group4, 0, 1, 3)
	end3()
	m.arrives(group4, 0, 1)
	end1()
	m.arrives(group4, 0)
}

func (m *multicast) source(c *e2e.Cloud) {
	m = m.in(c)
	end := m.join(2, group4, m.vms[0].IPv4().String())
	m.arrives(group4, 0, 2)
	m.arrives(group4, 1)
	end()
	m.arrives(group4, 0)
}

// queries holds that a network whose ports have come is asked: weftd has just started.
func (m *multicast) queries(c *e2e.Cloud) {
	v4 := netlab.Must(m.vms[0].Capture("igmp"))(c.T)
	defer v4.Close()
	v6 := netlab.Must(m.vms[2].Capture("ip6"))(c.T)
	defer v6.Close()
	c.Do(c.Weftd.Stop())
	c.Restart()
	netlab.Must(v4.Expect(patience, "an IGMP query", func(p gopacket.Packet) bool {
		q, ok := p.Layer(layers.LayerTypeIGMP).(*layers.IGMP)
		return ok && q.Type == layers.IGMPMembershipQuery && to("224.0.0.1")(p)
	}))(c.T)
	netlab.Must(v6.Expect(patience, "an MLD query", func(p gopacket.Packet) bool {
		return p.Layer(layers.LayerTypeMLDv2MulticastListenerQuery) != nil
	}))(c.T)
}
