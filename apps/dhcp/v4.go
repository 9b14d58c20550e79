package dhcp

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/rfc1035label"

	"github.com/weft-sdn/weft/controller/intent"
)

// verdict is what became of a request.
type verdict string

// Verdicts, as they are counted.
const (
	answered verdict = "answered"
	refused  verdict = "refused"  // with a NAK
	noted    verdict = "noted"    // it asks for no answer
	declined verdict = "declined" // the endpoint says that somebody else has its address
	ignored  verdict = "ignored"  // not for us, or not a request
)

// smallest is the size of a message that every client takes (RFC 2131, section 2): 576 bytes with headers.
const smallest = 576 - 28

// answer4 answers a request of a port (RFC 2131, section 4.3); the reply is nil where there is none. Only the port's own
// address is given.
func answer4(req *dhcpv4.DHCPv4, l lease) (*dhcpv4.DHCPv4, verdict) {
	if req.OpCode != dhcpv4.OpcodeBootRequest || !bytes.Equal(req.ClientHWAddr, l.port.MAC[:]) || !req.GatewayIPAddr.IsUnspecified() {
		return nil, ignored
	}
	switch req.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		return reply4(req, l, dhcpv4.MessageTypeOffer), answered
	case dhcpv4.MessageTypeRequest:
		return request4(req, l)
	case dhcpv4.MessageTypeInform:
		if !is(req.ClientIPAddr, l.ip) {
			return nil, ignored
		}
		return reply4(req, l, dhcpv4.MessageTypeAck), answered
	case dhcpv4.MessageTypeDecline:
		return nil, declined
	case dhcpv4.MessageTypeRelease:
		return nil, noted
	}
	return nil, ignored
}

// request4 answers a DHCPREQUEST, which means one of three things (RFC 2131, section 4.3.2).
func request4(req *dhcpv4.DHCPv4, l lease) (*dhcpv4.DHCPv4, verdict) {
	server, wanted := req.ServerIdentifier(), req.RequestedIPAddress()
	switch {
	case server != nil && !is(server, l.server()):
		return nil, ignored // it took another server's offer
	case req.ClientIPAddr != nil && !req.ClientIPAddr.IsUnspecified():
		wanted = req.ClientIPAddr // it renews or rebinds
	case wanted == nil:
		return nil, ignored
	}
	if !is(wanted, l.ip) {
		return nak4(req, l), refused
	}
	return reply4(req, l, dhcpv4.MessageTypeAck), answered
}

func is(ip net.IP, want netip.Addr) bool {
	got, ok := netip.AddrFromSlice(ip)
	return ok && got.Unmap() == want
}

func addr(ip netip.Addr) net.IP { return net.IP(ip.AsSlice()) }

func addrs(ips []netip.Addr) []net.IP {
	var all []net.IP
	for _, ip := range ips {
		all = append(all, addr(ip))
	}
	return all
}

// nak4 tells a client that it cannot have what it asks for.
func nak4(req *dhcpv4.DHCPv4, l lease) *dhcpv4.DHCPv4 {
	r := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootReply, HWType: req.HWType, TransactionID: req.TransactionID, ClientHWAddr: req.ClientHWAddr,
		Flags: req.Flags, GatewayIPAddr: req.GatewayIPAddr, Options: dhcpv4.Options{},
	}
	r.UpdateOption(dhcpv4.OptMessageType(dhcpv4.MessageTypeNak))
	r.UpdateOption(dhcpv4.OptServerIdentifier(addr(l.server())))
	return withClient(r, req)
}

// withClient returns the client's identifier to it (RFC 6842).
func withClient(r, req *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	if id := req.GetOneOption(dhcpv4.OptionClientIdentifier); id != nil {
		r.UpdateOption(dhcpv4.OptClientIdentifier(id))
	}
	return r
}

// reply4 gives a port its address and settings.
func reply4(req *dhcpv4.DHCPv4, l lease, typ dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	r := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootReply, HWType: req.HWType, TransactionID: req.TransactionID, ClientHWAddr: req.ClientHWAddr,
		Flags: req.Flags, GatewayIPAddr: req.GatewayIPAddr, ClientIPAddr: req.ClientIPAddr, Options: dhcpv4.Options{},
	}
	r.UpdateOption(dhcpv4.OptMessageType(typ))
	r.UpdateOption(dhcpv4.OptServerIdentifier(addr(l.server())))
	withClient(r, req)
	if req.MessageType() != dhcpv4.MessageTypeInform { // that asks for settings only
		life := time.Duration(l.subnet.Lease) * time.Second
		r.YourIPAddr = addr(l.ip)
		r.UpdateOption(dhcpv4.OptIPAddressLeaseTime(life))
		r.UpdateOption(dhcpv4.OptRenewTimeValue(life / 2))
		r.UpdateOption(dhcpv4.OptRebindingTimeValue(life * 7 / 8))
	}
	if boot, err := netip.ParseAddr(l.subnet.BootServer); err == nil && boot.Is4() {
		r.ServerIPAddr = addr(boot)
	}
	limit := smallest
	if size, err := req.MaxMessageSize(); err == nil {
		limit = max(limit, min(int(size)-28, int(l.port.MTU)-28))
	}
	for _, o := range settings4(l) {
		r.UpdateOption(o)
		if len(r.ToBytes()) > limit {
			delete(r.Options, o.Code.Code()) // the most important come first
		}
	}
	return r
}

// settings4 are the settings that go with an address, the most important first. A port's own options take the place of its
// subnet's.
func settings4(l lease) []dhcpv4.Option {
	s := l.subnet
	all := []dhcpv4.Option{
		dhcpv4.OptSubnetMask(net.CIDRMask(s.Prefix.Bits(), 32)),
		dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, []byte{byte(l.port.MTU >> 8), byte(l.port.MTU)}),
	}
	for _, own := range l.extra(4) {
		all = append(all, dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(own.Code), []byte(own.Data)))
	}
	add := func(o dhcpv4.Option) {
		if !slices.ContainsFunc(all, func(have dhcpv4.Option) bool { return have.Code.Code() == o.Code.Code() }) {
			all = append(all, o)
		}
	}
	if s.Gateway.IsValid() {
		add(dhcpv4.OptRouter(addr(s.Gateway)))
	}
	if len(s.Routes) > 0 {
		add(dhcpv4.OptClasslessStaticRoute(classless(s)...))
	}
	if len(s.DNS) > 0 {
		add(dhcpv4.OptDNS(addrs(s.DNS)...))
	}
	if s.Domain != "" {
		add(dhcpv4.OptDomainName(s.Domain))
	}
	if s.Search != "" {
		add(dhcpv4.OptDomainSearch(&rfc1035label.Labels{Labels: strings.Fields(s.Search)}))
	}
	if len(s.NTP) > 0 {
		add(dhcpv4.OptNTPServers(addrs(s.NTP)...))
	}
	if s.BootServer != "" {
		add(dhcpv4.OptTFTPServerName(s.BootServer))
	}
	if s.BootFile != "" {
		add(dhcpv4.OptBootFileName(s.BootFile))
	}
	return all
}

// classless are the subnet's routes. A client that is told these takes no notice of the router option (RFC 3442), so the
// default route is one of them.
func classless(s intent.Subnet) []*dhcpv4.Route {
	var all []*dhcpv4.Route
	add := func(to netip.Prefix, hop netip.Addr) {
		all = append(all, &dhcpv4.Route{Dest: &net.IPNet{IP: addr(to.Addr()), Mask: net.CIDRMask(to.Bits(), 32)}, Router: addr(hop)})
	}
	defaultRoute := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	given := false
	for _, r := range s.Routes {
		add(r.Destination, r.NextHop)
		given = given || r.Destination == defaultRoute
	}
	if s.Gateway.IsValid() && !given {
		add(defaultRoute, s.Gateway)
	}
	return all
}
