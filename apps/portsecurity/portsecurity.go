// Package portsecurity lets a port send only from its own addresses and its allowed address pairs, as Neutron does: the
// Ethernet source, the IPv4 and IPv6 source, and what ARP and neighbour discovery claim.
//
// Excepted are the messages by which an endpoint gets an address: DHCP requests from 0.0.0.0 (RFC 2131), ARP probes
// (RFC 5227), and from the unspecified address (::) duplicate address detection for its own addresses (RFC 4862), router
// solicitations (RFC 4861) and multicast listener reports (RFC 3810). An endpoint's link-local address is the one made
// from its MAC address (RFC 4291, appendix A); others are allowed by an address pair. Router advertisements, redirects and
// what DHCP servers send are dropped: a port that routes or serves switches port security off. What is dropped is counted by
// reason.
package portsecurity

import (
	"net/netip"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	prioNever, prioAllow, prioForge, prioNobody = 200, 100, 90, 10

	ethIPv4, ethARP, ethIPv6 = 0x0800, 0x0806, 0x86dd

	icmpRouterSolicit, icmpRouterAdvert, icmpSolicit, icmpAdvert, icmpRedirect = 133, 134, 135, 136, 137
	icmpListenerReport, icmpListenerReport2                                    = 131, 143
)

var (
	anyIPv4       = netip.IPv4Unspecified()
	anyIPv6       = netip.IPv6Unspecified()
	broadcastIPv4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	noMAC         flow.MACAddr

	solicit, advert = flow.U32(flow.ICMPv6Type, icmpSolicit), flow.U32(flow.ICMPv6Type, icmpAdvert)
	noCode          = flow.U32(flow.ICMPv6Code, 0)
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "portsecurity", ID: 4, Rules: []compile.Rule{
		compile.ForEach("base", t.Hosts, a.base),
		compile.About("protect", t.Bindings, intent.Key.String, a.protect),
	}}
}

// base writes what holds for every protected port: what none may send, what each may send with its own MAC address before it
// has an IP address, and that what else there is of IP and ARP is dropped, unless a port's own flows let it through.
func (a app) base(_ *table.Reader, h intent.Host, out *compile.Out) {
	if !h.Up {
		return
	}
	drop := func(why pipeline.DropReason, t uint8, priority uint16, m ...flow.Field) {
		out.Flow(h.Name, t, priority, m, pipeline.Drop(why))
	}
	drop(pipeline.RogueRouter, pipeline.PortSecurityIP, prioNever, flow.U32(flow.ICMPv6Type, icmpRouterAdvert))
	drop(pipeline.RogueRouter, pipeline.PortSecurityIP, prioNever, flow.U32(flow.ICMPv6Type, icmpRedirect))
	drop(pipeline.RogueDHCP, pipeline.PortSecurityIP, prioNever, flow.U32(flow.EthType, ethIPv4), flow.U32(flow.UDPSrc, 67))
	drop(pipeline.RogueDHCP, pipeline.PortSecurityIP, prioNever, flow.U32(flow.EthType, ethIPv6), flow.U32(flow.UDPSrc, 547))
	drop(pipeline.SpoofedAddress, pipeline.PortSecurity, prioNobody)
	for _, ethType := range []uint32{ethIPv4, ethARP, ethIPv6} {
		drop(pipeline.SpoofedAddress, pipeline.PortSecurityIP, prioForge, flow.U32(flow.EthType, ethType))
	}
	drop(pipeline.SpoofedAddress, pipeline.PortSecurityND, prioForge, flow.U32(flow.ICMPv6Type, icmpAdvert))
	drop(pipeline.SpoofedAddress, pipeline.PortSecurityMAC, prioForge, flow.U32(flow.ICMPv6Type, icmpSolicit))
	drop(pipeline.SpoofedAddress, pipeline.PortSecurityMAC, prioForge, flow.U32(flow.ICMPv6Type, icmpAdvert))

	allow := func(t uint8, m ...flow.Field) {
		out.Flow(h.Name, t, prioAllow, m, flow.Actions{flow.Goto(pipeline.Sent)})
	}
	allow(pipeline.PortSecurityIP, flow.IP(flow.IPv4Src, anyIPv4), flow.IP(flow.IPv4Dst, broadcastIPv4), flow.U32(flow.UDPSrc, 68), flow.U32(flow.UDPDst, 67))
	for _, kind := range []uint32{icmpRouterSolicit, icmpListenerReport, icmpListenerReport2} {
		allow(pipeline.PortSecurityIP, flow.IP(flow.IPv6Src, anyIPv6), flow.U32(flow.ICMPv6Type, kind))
	}
	// Neighbour discovery says a MAC address, or nothing.
	allow(pipeline.PortSecurityMAC, solicit, noCode, flow.MAC(flow.NDSLL, noMAC))
	allow(pipeline.PortSecurityMAC, advert, noCode, flow.MAC(flow.NDTLL, noMAC))
}

// protect writes what one port may send.
func (a app) protect(r *table.Reader, b intent.Binding, out *compile.Out) {
	p, ok := a.Ports.Get(r, b.Port)
	if !ok || !p.Secure {
		return
	}
	g := guard{out: out, host: b.Host, in: flow.U32(flow.InPort, b.OFPort)}
	g.own(p.MAC)
	for _, ip := range p.IPs {
		g.address(p.MAC, netip.PrefixFrom(ip, ip.BitLen()))
	}
	linkLocal := LinkLocal(p.MAC)
	g.address(p.MAC, netip.PrefixFrom(linkLocal, linkLocal.BitLen()))
	for _, pair := range p.Pairs {
		if pair.MAC != p.MAC {
			g.own(pair.MAC)
		}
		g.address(pair.MAC, pair.Prefix)
	}
}

// guard writes the flows of one port.
type guard struct {
	out  *compile.Out
	host string
	in   flow.Field
}

func (g guard) allow(t, next uint8, m ...flow.Field) {
	g.out.Flow(g.host, t, prioAllow, append(flow.Match{g.in}, m...), flow.Actions{flow.Goto(next)})
}

// own lets a port send with a MAC address, and say in ARP probes and neighbour discovery that it has it.
func (g guard) own(mac flow.MACAddr) {
	src := flow.MAC(flow.EthSrc, mac)
	g.allow(pipeline.PortSecurity, pipeline.PortSecurityIP, src)
	g.allow(pipeline.PortSecurityIP, pipeline.Sent, src, flow.U32(flow.ARPOp, 1), flow.IP(flow.ARPSPA, anyIPv4), flow.MAC(flow.ARPSHA, mac))
	g.allow(pipeline.PortSecurityMAC, pipeline.Sent, solicit, noCode, flow.MAC(flow.NDSLL, mac))
	g.allow(pipeline.PortSecurityMAC, pipeline.Sent, advert, noCode, flow.MAC(flow.NDTLL, mac))
}

// address lets a port send from, and claim, an address or a block of them.
func (g guard) address(mac flow.MACAddr, from netip.Prefix) {
	src := flow.MAC(flow.EthSrc, mac)
	if from.Addr().Is4() {
		g.allow(pipeline.PortSecurityIP, pipeline.Sent, src, flow.Prefix(flow.IPv4Src, from), flow.U32(flow.EthType, ethIPv4))
		g.allow(pipeline.PortSecurityIP, pipeline.Sent, src, flow.Prefix(flow.ARPSPA, from), flow.U32(flow.EthType, ethARP), flow.MAC(flow.ARPSHA, mac))
		return
	}
	g.allow(pipeline.PortSecurityIP, pipeline.PortSecurityND, src, flow.Prefix(flow.IPv6Src, from), flow.U32(flow.EthType, ethIPv6))
	g.allow(pipeline.PortSecurityIP, pipeline.PortSecurityND, src, flow.IP(flow.IPv6Src, anyIPv6), solicit, noCode, flow.Prefix(flow.NDTarget, from))
	g.allow(pipeline.PortSecurityND, pipeline.PortSecurityMAC, advert, noCode, flow.Prefix(flow.NDTarget, from))
}

// LinkLocal returns the link-local address made from a MAC address (RFC 4291, appendix A: modified EUI-64).
func LinkLocal(mac flow.MACAddr) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80,
		8: mac[0] ^ 0x02, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]})
}
