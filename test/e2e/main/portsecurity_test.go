package main_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// What a port may send, and what not. Another tenant with the same addresses and MACs is on the same hosts and hears nothing.
func TestPortSecurity(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red, blue := e2e.Tenant{Project: "red", VMs: 3}, e2e.Tenant{Project: "blue", VMs: 3}
	pairs := `allowedAddressPairs: [{ip: 10.0.0.100}, {ip: 10.0.0.128/28}, {ip: 10.0.0.200, mac: "fa:16:3e:00:00:99"}, {ip: "fd00:10::100"}]`
	for _, t := range []e2e.Tenant{red, blue} {
		// Nobody answers what endpoints ask for an address or listens to what groups they join, so that it can be seen to pass.
		yaml := strings.ReplaceAll(t.YAML(), "cidr:", "enableDhcp: false, cidr:")
		c.Apply(strings.ReplaceAll(yaml, "spec: {type:", "spec: {multicastSnoopingEnabled: false, type:"))
	}
	c.Apply(red.Port(1, pairs))
	vms := c.VMs(red, "h1", "h2")
	c.VMs(blue, "h1", "h2")
	s := sender{me: vms[0], to: vms[1], all: vms[1:]}
	c.Run("own addresses pass", func(c *e2e.Cloud) { c.Deliver(s.own()...) })
	c.Run("allowed pairs pass", func(c *e2e.Cloud) { c.Deliver(s.pairs()...) })
	c.Run("configuration passes", func(c *e2e.Cloud) { c.Deliver(s.configuration()...) })
	c.Run("spoofed addresses are dropped", func(c *e2e.Cloud) { s.counted(c, s.spoofedIP()) })
	c.Run("spoofed ARP is dropped", func(c *e2e.Cloud) { s.counted(c, s.spoofedARP()) })
	c.Run("spoofed ND is dropped", func(c *e2e.Cloud) { s.counted(c, s.spoofedND()) })
	c.Run("servers are dropped", func(c *e2e.Cloud) { s.counted(c, s.servers()) })
	for _, reason := range []string{"spoofed-address", "rogue-dhcp-server", "rogue-router"} {
		if c.Drops("h1")[reason] == 0 {
			t.Errorf("none is counted as %s", reason)
		}
	}
	c.Run("from the first moment", func(c *e2e.Cloud) {
		c.Apply(red.Port(4, ""))
		late := c.VMWith("h1", "red/vm4", netlab.EndpointOptions{Plug: netlab.PlugLater})
		c.Leave(late) // it is not there yet
		spoof := e2e.UDP{SrcMAC: s.to.MAC(), DstMAC: e2e.Broadcast(), Src: v4to, Dst: "10.0.0.255"}
		for range 5 {
			c.Nowhere("spoofed broadcast while its port is plugged and unplugged", late, spoof.Frame, func() {
				c.Do(late.Plug())
				c.Active("red/vm4")
				c.Do(late.Unplug())
			})
		}
	})
	c.Run("off", func(c *e2e.Cloud) {
		c.Apply(red.Port(1, "portSecurityEnabled: false"))
		c.Deliver(
			s.udp("another's MAC", s.to.MAC(), s.all[1].MAC(), "10.0.0.13", "10.0.0.77", s.all[1]),
			s.udp("another's IPv4", s.me.MAC(), s.to.MAC(), "10.0.0.13", "10.0.0.12", s.to),
			s.udp("IPv6 of nobody", s.me.MAC(), s.to.MAC(), "2001:db8::1", "fd00:10::12", s.to),
			s.nd("router advertisement", e2e.ND{Src: e2e.LinkLocal(s.me.MAC()), Dst: "ff02::1", DstMAC: e2e.MAC("33:33:00:00:00:01"), Type: e2e.RouterAdvertisement}, s.all...),
		)
	})
	c.Run("on again", func(c *e2e.Cloud) {
		c.Apply(red.Port(1, "portSecurityEnabled: true"))
		// Absent fields keep nothing that was given before: the pairs are gone.
		c.Deliver(append(s.spoofedIP(),
			s.udp("own IPv4", s.me.MAC(), s.to.MAC(), "10.0.0.11", "10.0.0.12", s.to),
			s.udp("a pair that was", s.me.MAC(), s.to.MAC(), "10.0.0.100", "10.0.0.12"))...)
	})
}

// counted delivers cases, and demands that all that goes to nobody is counted.
func (s sender) counted(c *e2e.Cloud, cases []e2e.Case) {
	c.T.Helper()
	reasons := []string{"spoofed-address", "rogue-dhcp-server", "rogue-router"}
	sum := func() (n uint64) {
		drops := c.Drops("h1")
		for _, reason := range reasons {
			n += drops[reason]
		}
		return n
	}
	before, lost := sum(), uint64(0)
	for _, one := range cases {
		if len(one.To) == 0 {
			lost++
		}
	}
	c.Deliver(cases...)
	c.Eventually(20*time.Second, "what is dropped is counted", func() error {
		if n := sum() - before; n < lost {
			return fmt.Errorf("%d frames are, want at least %d", n, lost)
		}
		return nil
	})
}

// sender makes cases of frames that one endpoint sends to another; all are the other members of its network.
type sender struct {
	me, to *netlab.Endpoint
	all    []*netlab.Endpoint
}

const (
	v4me, v4to, v4other = "10.0.0.11", "10.0.0.12", "10.0.0.13"
	v6me, v6to, v6other = "fd00:10::11", "fd00:10::12", "fd00:10::13"
)

func (s sender) udp(name string, src, dst net.HardwareAddr, from, to string, expect ...*netlab.Endpoint) e2e.Case {
	return e2e.Case{Name: name, From: s.me, To: expect, Frame: e2e.UDP{SrcMAC: src, DstMAC: dst, Src: from, Dst: to}.Frame}
}

func (s sender) arp(name string, m e2e.ARP, expect ...*netlab.Endpoint) e2e.Case {
	if m.SrcMAC == nil {
		m.SrcMAC = s.me.MAC()
	}
	if m.DstMAC == nil {
		m.DstMAC = e2e.Broadcast()
	}
	return e2e.Case{Name: name, From: s.me, To: expect, Frame: m.Frame}
}

func (s sender) nd(name string, m e2e.ND, expect ...*netlab.Endpoint) e2e.Case {
	if m.SrcMAC == nil {
		m.SrcMAC = s.me.MAC()
	}
	return e2e.Case{Name: name, From: s.me, To: expect, Frame: m.Frame}
}

func (s sender) own() []e2e.Case {
	link := e2e.LinkLocal(s.me.MAC())
	solicited, solicitedMAC := e2e.SolicitedNode("fd00:10::77")
	return []e2e.Case{
		s.udp("IPv4", s.me.MAC(), s.to.MAC(), v4me, v4to, s.to),
		s.udp("IPv6", s.me.MAC(), s.to.MAC(), v6me, v6to, s.to),
		s.udp("link-local", s.me.MAC(), s.to.MAC(), link, e2e.LinkLocal(s.to.MAC()), s.to),
		s.udp("broadcast", s.me.MAC(), e2e.Broadcast(), v4me, "255.255.255.255", s.all...),
		s.arp("gratuitous ARP", e2e.ARP{Op: 1, SPA: v4me, TPA: v4me}, s.all...),
		s.arp("ARP reply", e2e.ARP{Op: 2, DstMAC: s.to.MAC(), THA: s.to.MAC(), SPA: v4me, TPA: v4to}, s.to),
		s.nd("advertisement", e2e.ND{DstMAC: e2e.MAC("33:33:00:00:00:01"), Src: v6me, Dst: "ff02::1", Type: e2e.NeighborAdvertisement, Target: v6me, LinkLayer: s.me.MAC()}, s.all...),
		s.nd("solicitation of an unknown address", e2e.ND{DstMAC: solicitedMAC, Src: v6me, Dst: solicited, Type: e2e.NeighborSolicitation, Target: "fd00:10::77", LinkLayer: s.me.MAC()}, s.all...),
		{Name: "another protocol", From: s.me, To: []*netlab.Endpoint{s.to}, Frame: func(nonce []byte) []byte { return e2e.Experimental(s.me.MAC(), s.to.MAC(), nonce) }},
	}
}

func (s sender) pairs() []e2e.Case {
	other := e2e.MAC("fa:16:3e:00:00:99")
	return []e2e.Case{
		s.udp("address", s.me.MAC(), s.to.MAC(), "10.0.0.100", v4to, s.to),
		s.udp("first of a block", s.me.MAC(), s.to.MAC(), "10.0.0.128", v4to, s.to),
		s.udp("last of a block", s.me.MAC(), s.to.MAC(), "10.0.0.143", v4to, s.to),
		s.udp("behind a block", s.me.MAC(), s.to.MAC(), "10.0.0.144", v4to),
		s.udp("IPv6 address", s.me.MAC(), s.to.MAC(), "fd00:10::100", v6to, s.to),
		s.udp("MAC and address", other, s.to.MAC(), "10.0.0.200", v4to, s.to),
		s.udp("address with the wrong MAC", s.me.MAC(), s.to.MAC(), "10.0.0.200", v4to),
		s.udp("MAC with the wrong address", other, s.to.MAC(), v4me, v4to),
		s.arp("gratuitous ARP for the address", e2e.ARP{Op: 1, SPA: "10.0.0.100", TPA: "10.0.0.100"}, s.all...),
		s.arp("gratuitous ARP for MAC and address", e2e.ARP{Op: 1, SrcMAC: other, SPA: "10.0.0.200", TPA: "10.0.0.200"}, s.all...),
		s.arp("gratuitous ARP for the address with the wrong MAC", e2e.ARP{Op: 1, SPA: "10.0.0.200", TPA: "10.0.0.200"}),
		s.nd("advertisement of the address", e2e.ND{DstMAC: e2e.MAC("33:33:00:00:00:01"), Src: "fd00:10::100", Dst: "ff02::1", Type: e2e.NeighborAdvertisement, Target: "fd00:10::100", LinkLayer: s.me.MAC()}, s.all...),
	}
}

// configuration is what an endpoint sends before it has an address.
func (s sender) configuration() []e2e.Case {
	group, groupMAC := e2e.SolicitedNode(v6me)
	dhcp := e2e.UDP{SrcMAC: s.me.MAC(), DstMAC: e2e.Broadcast(), Src: "0.0.0.0", Dst: "255.255.255.255", SrcPort: 68, DstPort: 67}
	dhcp6 := e2e.UDP{SrcMAC: s.me.MAC(), DstMAC: e2e.MAC("33:33:00:01:00:02"), Src: e2e.LinkLocal(s.me.MAC()), Dst: "ff02::1:2", SrcPort: 546, DstPort: 547}
	return []e2e.Case{
		{Name: "DHCP request", From: s.me, To: s.all, Frame: dhcp.Frame},
		{Name: "DHCPv6 request", From: s.me, To: s.all, Frame: dhcp6.Frame},
		s.arp("ARP probe", e2e.ARP{Op: 1, SPA: "0.0.0.0", TPA: v4me}, s.all...),
		s.nd("duplicate address detection", e2e.ND{DstMAC: groupMAC, Src: "::", Dst: group, Type: e2e.NeighborSolicitation, Target: v6me}, s.all...),
		s.nd("router solicitation", e2e.ND{DstMAC: e2e.MAC("33:33:00:00:00:02"), Src: "::", Dst: "ff02::2", Type: e2e.RouterSolicitation}, s.all...),
		s.nd("listener report", e2e.ND{DstMAC: e2e.MAC("33:33:00:00:00:16"), Src: "::", Dst: "ff02::16", Type: e2e.ListenerReport}, s.all...),
	}
}

func (s sender) spoofedIP() []e2e.Case {
	nobody := e2e.MAC("fa:16:3e:00:00:66")
	return []e2e.Case{
		s.udp("MAC of nobody", nobody, s.to.MAC(), v4me, v4to),
		s.udp("another's MAC", s.all[1].MAC(), s.to.MAC(), v4me, v4to),
		s.udp("another's MAC and IPv4", s.all[1].MAC(), s.to.MAC(), v4other, v4to),
		s.udp("another's IPv4", s.me.MAC(), s.to.MAC(), v4other, v4to),
		s.udp("IPv4 of nobody", s.me.MAC(), s.to.MAC(), "192.0.2.1", v4to),
		s.udp("unspecified IPv4", s.me.MAC(), s.to.MAC(), "0.0.0.0", v4to),
		s.udp("unspecified IPv4, broadcast", s.me.MAC(), e2e.Broadcast(), "0.0.0.0", "255.255.255.255"),
		s.udp("another's IPv6", s.me.MAC(), s.to.MAC(), v6other, v6to),
		s.udp("IPv6 of nobody", s.me.MAC(), s.to.MAC(), "2001:db8::1", v6to),
		s.udp("unspecified IPv6", s.me.MAC(), s.to.MAC(), "::", v6to),
		s.udp("another's link-local address", s.me.MAC(), s.to.MAC(), e2e.LinkLocal(s.all[1].MAC()), v6to),
		s.udp("MAC of nobody, IPv6", nobody, s.to.MAC(), v6me, v6to),
		{Name: "MAC of nobody, another protocol", From: s.me, Frame: func(nonce []byte) []byte { return e2e.Experimental(nobody, s.to.MAC(), nonce) }},
		{Name: "DHCP request with another's MAC", From: s.me, Frame: e2e.UDP{
			SrcMAC: s.to.MAC(), DstMAC: e2e.Broadcast(), Src: "0.0.0.0", Dst: "255.255.255.255", SrcPort: 68, DstPort: 67}.Frame},
	}
}

func (s sender) spoofedARP() []e2e.Case {
	return []e2e.Case{
		s.arp("gratuitous, another's address", e2e.ARP{Op: 1, SPA: v4other, TPA: v4other}),
		s.arp("reply, another's address", e2e.ARP{Op: 2, DstMAC: s.to.MAC(), THA: s.to.MAC(), SPA: v4other, TPA: v4to}),
		s.arp("reply, address of nobody", e2e.ARP{Op: 2, DstMAC: s.to.MAC(), THA: s.to.MAC(), SPA: "10.0.0.1", TPA: v4to}),
		s.arp("reply, another's hardware address", e2e.ARP{Op: 2, DstMAC: s.to.MAC(), SHA: s.all[1].MAC(), THA: s.to.MAC(), SPA: v4me, TPA: v4to}),
		s.arp("request, another's address", e2e.ARP{Op: 1, SPA: v4other, TPA: v4to}),
		s.arp("request, another's hardware address", e2e.ARP{Op: 1, SHA: s.all[1].MAC(), SPA: v4me, TPA: v4to}),
		s.arp("frame from another's MAC", e2e.ARP{Op: 1, SrcMAC: s.all[1].MAC(), SHA: s.me.MAC(), SPA: v4me, TPA: v4me}),
		s.arp("all of another", e2e.ARP{Op: 1, SrcMAC: s.all[1].MAC(), SPA: v4other, TPA: v4other}),
		s.arp("probe with another's hardware address", e2e.ARP{Op: 1, SHA: s.all[1].MAC(), SPA: "0.0.0.0", TPA: v4me}),
	}
}

func (s sender) spoofedND() []e2e.Case {
	everyone := e2e.MAC("33:33:00:00:00:01")
	group, groupMAC := e2e.SolicitedNode(v6to)
	link := e2e.LinkLocal(s.me.MAC())
	return []e2e.Case{
		s.nd("advertisement of another's address", e2e.ND{DstMAC: everyone, Src: v6me, Dst: "ff02::1", Type: e2e.NeighborAdvertisement, Target: v6other, LinkLayer: s.me.MAC()}),
		s.nd("advertisement of another's address from it", e2e.ND{DstMAC: everyone, Src: v6other, Dst: "ff02::1", Type: e2e.NeighborAdvertisement, Target: v6other, LinkLayer: s.me.MAC()}),
		s.nd("advertisement with another's MAC", e2e.ND{DstMAC: everyone, Src: v6me, Dst: "ff02::1", Type: e2e.NeighborAdvertisement, Target: v6me, LinkLayer: s.all[1].MAC()}),
		s.nd("advertisement of a router's address", e2e.ND{DstMAC: s.to.MAC(), Src: link, Dst: v6to, Type: e2e.NeighborAdvertisement, Target: "fd00:10::1", LinkLayer: s.me.MAC()}),
		s.nd("solicitation with another's MAC", e2e.ND{DstMAC: groupMAC, Src: v6me, Dst: group, Type: e2e.NeighborSolicitation, Target: v6to, LinkLayer: s.all[1].MAC()}),
		s.nd("solicitation from another's address", e2e.ND{DstMAC: groupMAC, Src: v6other, Dst: group, Type: e2e.NeighborSolicitation, Target: v6to, LinkLayer: s.me.MAC()}),
		s.nd("detection of another's address", e2e.ND{DstMAC: groupMAC, Src: "::", Dst: group, Type: e2e.NeighborSolicitation, Target: v6to}),
		s.nd("frame from another's MAC", e2e.ND{SrcMAC: s.all[1].MAC(), DstMAC: everyone, Src: v6me, Dst: "ff02::1", Type: e2e.NeighborAdvertisement, Target: v6me, LinkLayer: s.me.MAC()}),
		s.nd("redirect", e2e.ND{DstMAC: s.to.MAC(), Src: link, Dst: v6to, Type: e2e.Redirect, Target: v6other, LinkLayer: s.me.MAC()}),
		s.nd("router advertisement", e2e.ND{DstMAC: everyone, Src: link, Dst: "ff02::1", Type: e2e.RouterAdvertisement}),
		s.nd("router advertisement from an own address", e2e.ND{DstMAC: s.to.MAC(), Src: v6me, Dst: v6to, Type: e2e.RouterAdvertisement}),
	}
}

func (s sender) servers() []e2e.Case {
	dhcp := e2e.UDP{SrcMAC: s.me.MAC(), DstMAC: s.to.MAC(), Src: v4me, Dst: v4to, SrcPort: 67, DstPort: 68}
	offer := e2e.UDP{SrcMAC: s.me.MAC(), DstMAC: e2e.Broadcast(), Src: v4me, Dst: "255.255.255.255", SrcPort: 67, DstPort: 68}
	dhcp6 := e2e.UDP{SrcMAC: s.me.MAC(), DstMAC: s.to.MAC(), Src: e2e.LinkLocal(s.me.MAC()), Dst: e2e.LinkLocal(s.to.MAC()), SrcPort: 547, DstPort: 546}
	return []e2e.Case{
		{Name: "DHCP answer", From: s.me, Frame: dhcp.Frame},
		{Name: "DHCP offer to all", From: s.me, Frame: offer.Frame},
		{Name: "DHCPv6 answer", From: s.me, Frame: dhcp6.Frame},
	}
}
