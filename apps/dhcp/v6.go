package dhcp

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/insomniacslk/dhcp/rfc1035label"
)

// serverDUID identifies the server, which is the same wherever it answers.
var serverDUID = &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr(serverMAC[:])}

// client is what a DHCPv6 client is given: the addresses of its port on subnets of stateful mode, and the settings of the
// subnet that comes first.
type client struct {
	leases []lease
	about  lease
}

// answer6 answers a message of a port (RFC 8415, section 18.3); the reply is nil where there is none.
func answer6(req *dhcpv6.Message, c client) (*dhcpv6.Message, verdict) {
	if !addressed(req) {
		return nil, ignored
	}
	r := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: req.TransactionID}
	r.AddOption(dhcpv6.OptServerID(serverDUID))
	if id := req.Options.ClientID(); id != nil {
		r.AddOption(dhcpv6.OptClientID(id))
	}
	switch req.MessageType {
	case dhcpv6.MessageTypeSolicit:
		if len(c.leases) == 0 {
			return nil, ignored // it may have other settings, by asking for these alone
		}
		if req.GetOneOption(dhcpv6.OptionRapidCommit) != nil {
			r.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit})
		} else {
			r.MessageType = dhcpv6.MessageTypeAdvertise
		}
		c.give(req, r)
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind:
		c.give(req, r)
	case dhcpv6.MessageTypeConfirm:
		return c.confirm(req, r)
	case dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		r.AddOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusSuccess})
		if req.MessageType == dhcpv6.MessageTypeDecline {
			return r, declined
		}
		return r, noted
	case dhcpv6.MessageTypeInformationRequest:
	default:
		return nil, ignored
	}
	c.settings(r)
	return r, answered
}

// addressed tells whether a message is one that this server answers (RFC 8415, section 16): which messages must and which must
// not name a server and a client.
func addressed(req *dhcpv6.Message) bool {
	server, named := req.Options.ServerID(), req.Options.ClientID() != nil
	ours := server != nil && bytes.Equal(server.ToBytes(), serverDUID.ToBytes())
	switch req.MessageType {
	case dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeConfirm, dhcpv6.MessageTypeRebind:
		return named && server == nil
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		return named && ours
	case dhcpv6.MessageTypeInformationRequest:
		return (server == nil || ours) && len(req.Options.IANA()) == 0
	}
	return false
}

// give answers each identity association: the first has the port's addresses, what a client believes to have beside them is
// taken from it by a lifetime of 0, and a second association gets none.
func (c client) give(req, r *dhcpv6.Message) {
	for i, ia := range req.Options.IANA() {
		given := &dhcpv6.OptIANA{IaId: ia.IaId}
		if i > 0 || len(c.leases) == 0 {
			given.Options.Add(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoAddrsAvail, StatusMessage: "the port has no other address"})
			r.AddOption(given)
			continue
		}
		for _, l := range c.leases {
			life := time.Duration(l.subnet.Lease) * time.Second
			given.T1, given.T2 = life/2, life*4/5
			given.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: addr(l.ip), PreferredLifetime: life, ValidLifetime: life})
		}
		for _, had := range ia.Options.Addresses() {
			if !c.has(had.IPv6Addr) && len(given.Options.Options) < 64 {
				given.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: had.IPv6Addr})
			}
		}
		r.AddOption(given)
	}
}

func (c client) has(ip net.IP) bool {
	return slices.ContainsFunc(c.leases, func(l lease) bool { return is(ip, l.ip) })
}

// confirm says whether the addresses that a client had still fit the link (RFC 8415, section 18.3.3).
func (c client) confirm(req, r *dhcpv6.Message) (*dhcpv6.Message, verdict) {
	status, any := iana.StatusSuccess, false
	for _, ia := range req.Options.IANA() {
		for _, had := range ia.Options.Addresses() {
			any = true
			if !c.has(had.IPv6Addr) {
				status = iana.StatusNotOnLink
			}
		}
	}
	if !any {
		return nil, ignored
	}
	r.AddOption(&dhcpv6.OptStatusCode{StatusCode: status})
	if status != iana.StatusSuccess {
		return r, refused
	}
	return r, answered
}

// settings adds what goes with the addresses. A port's own options take the place of its subnet's.
func (c client) settings(r *dhcpv6.Message) {
	s := c.about.subnet
	for _, own := range c.about.extra(6) {
		r.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionCode(own.Code), OptionData: []byte(own.Data)})
	}
	add := func(o dhcpv6.Option) {
		if r.GetOneOption(o.Code()) == nil {
			r.AddOption(o)
		}
	}
	if len(s.DNS) > 0 {
		add(dhcpv6.OptDNS(addrs(s.DNS)...))
	}
	if domains := searched(s.Domain, s.Search); len(domains) > 0 {
		add(dhcpv6.OptDomainSearchList(&rfc1035label.Labels{Labels: domains}))
	}
	if len(s.NTP) > 0 {
		servers := &dhcpv6.OptNTPServer{}
		for _, ip := range s.NTP {
			a := dhcpv6.NTPSuboptionSrvAddr(addr(ip))
			servers.Suboptions.Add(&a)
		}
		add(servers)
	}
	if s.BootFile != "" {
		add(dhcpv6.OptBootFileURL(s.BootFile))
	}
}

// searched are the domains in which names are looked up: those given, or else the subnet's own.
func searched(domain, search string) []string {
	if search != "" {
		return strings.Fields(search)
	}
	if domain != "" {
		return []string{domain}
	}
	return nil
}
