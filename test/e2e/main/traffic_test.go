package main_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/gopacket/gopacket"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// carriers are the tunnel technologies, and how their packets look on the underlay.
func carriers() []carrier {
	return []carrier{
		{"vxlan", []e2e.Tenant{{Project: "red"}, {Project: "blue"}, {Project: "red", Network: "db"}}, "udp port 4789"},
		{"geneve", []e2e.Tenant{{Project: "green"}, {Project: "cyan"}}, "udp port 6081"},
		{"gre", []e2e.Tenant{{Project: "gold"}, {Project: "grey"}}, "ip proto 47"},
	}
}

type carrier struct {
	name    string
	tenants []e2e.Tenant
	filter  string // of its packets on the underlay
}

// Six tenants, one of which has two networks, with the same addresses and the same MACs everywhere, on three hosts, two for
// each tunnel technology: the members of a network reach each other in every way, and nobody else in any.
func TestTraffic(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	vms := map[string][][]*netlab.Endpoint{} // of each carrier's networks
	for _, carrier := range carriers() {
		for _, tenant := range carrier.tenants {
			tenant.Type, tenant.VMs = carrier.name, 4
			c.Apply(tenant.YAML())
			vms[carrier.name] = append(vms[carrier.name], c.VMs(tenant, "h1", "h2", "h3")) // vm4 is beside vm1, on h1
		}
	}
	for _, carrier := range carriers() {
		mine := vms[carrier.name][0]
		c.Run(carrier.name, func(c *e2e.Cloud) {
			c.Run("reach", func(c *e2e.Cloud) { c.Talk(mine) })
			c.Run("full size", func(c *e2e.Cloud) { c.FullSize(carrier.tenants[0].Project+"/web", mine[0], mine[1]) })
			c.Run("members only", func(c *e2e.Cloud) { membersOnly(c, mine) })
			c.Run("answers", func(c *e2e.Cloud) { answers(c, mine) })
			c.Run("on the wire", func(c *e2e.Cloud) { onTheWire(c, carrier, mine) })
		})
	}
	c.Run("nothing crosses", func(c *e2e.Cloud) {
		var probes []netlab.Probe
		for _, carrier := range carriers() {
			for i, one := range vms[carrier.name] {
				probes = append(probes, netlab.AllPairs(one, all(netlab.Reaches))...)
				// The address is in the own network as well, so that the question is whether the other one's machine hears it.
				other := vms[carrier.name][(i+1)%len(carrier.tenants)]
				probes = append(probes, netlab.Probe{From: one[0], To: other[1], Expect: netlab.Unreached}, netlab.Probe{From: one[3], To: other[0], Expect: netlab.Unreached})
			}
		}
		c.Reach(probes...)
	})
}

// membersOnly sends what goes to many, and what goes to one, and sees who gets it.
func membersOnly(c *e2e.Cloud, vms []*netlab.Endpoint) {
	var cases []e2e.Case
	for i, from := range vms {
		others := append(append([]*netlab.Endpoint{}, vms[:i]...), vms[i+1:]...)
		to := vms[(i+1)%len(vms)]
		udp := func(name string, dstMAC net.HardwareAddr, src, dst string, expect ...*netlab.Endpoint) e2e.Case {
			return e2e.Case{Name: name + " from " + from.Name(), From: from, To: expect,
				Frame: e2e.UDP{SrcMAC: from.MAC(), DstMAC: dstMAC, Src: src, Dst: dst}.Frame}
		}
		v4, v6 := from.IPv4().String(), from.IPv6().String()
		cases = append(cases,
			udp("broadcast", e2e.Broadcast(), v4, "10.0.0.255", others...),
			// Groups of the link, for which nobody has to ask (RFC 4541, section 2.1.2); the suite carry has the others.
			udp("IPv4 multicast", e2e.MAC("01:00:5e:00:00:fb"), v4, "224.0.0.251", others...),
			udp("IPv6 multicast", e2e.MAC("33:33:00:00:01:23"), v6, "ff02::123", others...),
			udp("IPv4 multicast that nobody asked for", e2e.MAC("01:00:5e:01:02:03"), v4, "239.1.2.3"),
			udp("IPv6 multicast that nobody asked for", e2e.MAC("33:33:00:00:01:24"), v6, "ff15::124"),
			udp("known unicast", to.MAC(), v4, to.IPv4().String(), to),
			udp("known IPv6 unicast", to.MAC(), v6, to.IPv6().String(), to),
			udp("unknown unicast", e2e.MAC("fa:16:3e:00:00:77"), v4, "10.0.0.77"),
			udp("unicast to itself", from.MAC(), v4, v4),
			e2e.Case{Name: "unknown protocol from " + from.Name(), From: from, To: others, Frame: func(nonce []byte) []byte {
				return e2e.Experimental(from.MAC(), e2e.Broadcast(), nonce)
			}},
			e2e.Case{Name: "VLAN-tagged broadcast from " + from.Name(), From: from, Frame: func(nonce []byte) []byte {
				return e2e.Tagged(from.MAC(), e2e.Broadcast(), 7, nonce)
			}},
		)
	}
	c.Deliver(cases...)
}

// answers resolves addresses: the switch beside the asking port answers for known ones, and nobody else hears the question.
func answers(c *e2e.Cloud, vms []*netlab.Endpoint) {
	from, to := vms[0], vms[1]
	v6 := to.IPv6().String()
	group, groupMAC := e2e.SolicitedNode(v6)
	c.Deliver(
		// The answer is the question turned round, and so carries the nonce back to who asked.
		e2e.Case{Name: "ARP request for a known address", From: from, To: []*netlab.Endpoint{from},
			Frame: e2e.ARP{SrcMAC: from.MAC(), DstMAC: e2e.Broadcast(), Op: 1, SPA: from.IPv4().String(), TPA: to.IPv4().String()}.Frame},
		e2e.Case{Name: "solicitation of a known address", From: from, To: []*netlab.Endpoint{from},
			Frame: e2e.ND{SrcMAC: from.MAC(), DstMAC: groupMAC, Src: from.IPv6().String(), Dst: group, Type: e2e.NeighborSolicitation, Target: v6, LinkLayer: from.MAC()}.Frame},
		e2e.Case{Name: "ARP request for an unknown address", From: from, To: vms[1:],
			Frame: e2e.ARP{SrcMAC: from.MAC(), DstMAC: e2e.Broadcast(), Op: 1, SPA: from.IPv4().String(), TPA: "10.0.0.99"}.Frame},
	)
	for _, ip := range []string{to.IPv4().String(), v6} {
		if _, err := from.Exec("ip", "neigh", "flush", "dev", from.Link()); err != nil {
			c.T.Fatal(err)
		}
		quiet := netlab.Must(vms[2].Capture("arp or icmp6"))(c.T)
		if r, err := from.Ping(ip, netlab.PingOptions{Count: 1}); err != nil || r.Lost() > 0 {
			c.T.Errorf("ping %s with an empty neighbour table: %v, %v", ip, r, err)
		}
		out := netlab.Must(from.Exec("ip", "neigh", "show", ip))(c.T)
		if want := "lladdr " + to.MAC().String(); !containsText(out, want) {
			c.T.Errorf("neighbour %s of %s is %q, want %s", ip, from.Name(), out, want)
		}
		isQuestion := func(p gopacket.Packet) bool { return asksFor(p, ip) }
		if err := quiet.ExpectNone("a question for "+ip, isQuestion); err != nil {
			c.T.Error(err)
		}
	}
}

// onTheWire looks at the underlay: the right technology carries the packets, and the right id is in them.
func onTheWire(c *e2e.Cloud, carrier carrier, vms []*netlab.Endpoint) {
	h := c.Host("h1")
	wire := netlab.Must(h.Capture(h.Underlay(), carrier.filter))(c.T)
	nonce := []byte("weft-on-the-wire")
	if r, err := vms[0].Ping(vms[1].IPv4().String(), netlab.PingOptions{Nonce: nonce}); err != nil || r.Lost() > 0 {
		c.T.Fatalf("ping: %v, %v", r, err)
	}
	packets, err := wire.Stop()
	if err != nil {
		c.T.Fatal(err)
	}
	id := c.Get("network/" + carrier.tenants[0].Project + "/web").GetStatus().GetNetwork().GetSegmentationId()
	out, in := 0, 0
	for _, p := range packets {
		if !containsBytes(p.Data, nonce) {
			continue
		}
		got, err := tunnelID(carrier.name, p.Data)
		if err != nil || got != id {
			c.T.Errorf("a packet on the underlay has id %d, want %d; %v", got, id, err)
		}
		if p.Outgoing {
			out++
		} else {
			in++
		}
	}
	if out != 3 || in != 3 {
		c.T.Errorf("%d packets out and %d in over %s for three pings", out, in, carrier.name)
	}
}

// Tunnels over an IPv6 underlay.
func TestUnderlayIPv6(t *testing.T) {
	t.Parallel()
	hosts := e2e.Hosts(3)
	for i := range hosts {
		hosts[i].EncapIP = fmt.Sprintf("fd99::%d", i+1)
	}
	c := e2e.New(t, e2e.Options{Hosts: hosts, Manager: "tcp:[" + netlab.ControllerIPv6 + "]:6640",
		// IPv6 takes 20 bytes more of each packet than IPv4, from which MTUs are computed.
		Weftd: []string{"--underlay-mtu", fmt.Sprint(netlab.UnderlayMTU - 20)}})
	for _, carrier := range carriers() {
		tenant := e2e.Tenant{Project: carrier.name, Type: carrier.name, VMs: 3}
		c.Apply(tenant.YAML())
		vms := c.VMs(tenant, "h1", "h2", "h3")
		c.Run(carrier.name, func(c *e2e.Cloud) {
			h := c.Host("h1")
			wire := netlab.Must(h.Capture(h.Underlay(), "ip"))(c.T)
			c.Talk(vms)
			membersOnly(c, vms)
			c.FullSize(carrier.name+"/web", vms[0], vms[1])
			if err := wire.ExpectNone("an IPv4 packet on the underlay", func(gopacket.Packet) bool { return true }); err != nil {
				c.T.Error(err)
			}
		})
	}
}
