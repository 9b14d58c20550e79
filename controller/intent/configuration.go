package intent

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Most elements of what endpoints are told, so that it fits a packet.
const (
	maxServers      = 8
	maxHostRoutes   = 32
	maxExtraOptions = 32
	maxOptionBytes  = 255

	minLease, maxLease = 60, 10 * 365 * 24 * 3600
	defaultLease       = 24 * 3600 // Neutron's dhcp_lease_duration
)

// AddressMode says how the ports of a subnet get their addresses.
type AddressMode uint8

// The modes.
const (
	Static          AddressMode = iota // nobody tells them
	DHCPv4                             // RFC 2131
	DHCPv6Stateful                     // RFC 8415
	DHCPv6Stateless                    // formed by SLAAC, other settings by DHCPv6
	SLAAC                              // RFC 4862
)

// forms tells whether stations make their addresses from their MAC addresses.
func (m AddressMode) forms() bool { return m == SLAAC || m == DHCPv6Stateless }

// formed names what of a mode cannot be changed.
func (m AddressMode) formed() string {
	if m.forms() {
		return "addresses made from MAC addresses"
	}
	return "addresses from pools"
}

// formed is the address that a station forms in a block of 64 bits (RFC 4291, appendix A).
func formed(block netip.Prefix, m flow.MACAddr) netip.Addr {
	a := block.Addr().As16()
	copy(a[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
	return netip.AddrFrom16(a)
}

// addressMode is the mode of a subnet, with its default.
func addressMode(spec *weftv1.SubnetSpec, block netip.Prefix) AddressMode {
	switch {
	case block.Addr().Is4():
		if unlessSaid(spec.EnableDhcp) {
			return DHCPv4
		}
		return Static
	case spec.GetIpv6Mode() == "slaac":
		return SLAAC // ports form these addresses whether they are told or not
	case spec.GetIpv6Mode() == "dhcpv6-stateless":
		return DHCPv6Stateless
	case unlessSaid(spec.EnableDhcp):
		return DHCPv6Stateful
	}
	return Static
}

// Preference is how stations weigh a router against others, as it is advertised (RFC 4191, section 2.1). The zero value is medium.
type Preference byte

// The preferences but medium.
const (
	HighPreference Preference = 1
	LowPreference  Preference = 3
)

// preferences are what specs say for them, the default first.
var preferences = []string{"", "high", "medium", "low"}

// preferenceOf is the preference of a router on a subnet.
func preferenceOf(spec *weftv1.SubnetSpec) Preference {
	switch spec.GetRouterPreference() {
	case "high":
		return HighPreference
	case "low":
		return LowPreference
	}
	return 0
}

// parsePreference reads how ports weigh the router of a subnet.
func (t *txn) parsePreference(d *draft, given string) {
	const field = "spec.routerPreference"
	switch {
	case given != "" && d.subnet.block.Addr().Is4():
		t.refuse(d, field, ReasonInvalid, "must be left out: %s is an IPv4 subnet", d.subnet.block)
	case !slices.Contains(preferences, given):
		t.refuse(d, field, ReasonInvalid, "%q is none of %s%s", given, strings.Join(preferences[1:], ", "), didYouMean(given, preferences[1:]))
	}
}

// parseConfiguration reads what the ports of a subnet are told.
func (t *txn) parseConfiguration(d *draft, spec *weftv1.SubnetSpec) {
	block := d.subnet.block
	modes := []string{"", "slaac", "dhcpv6-stateless", "dhcpv6-stateful"}
	switch mode := spec.GetIpv6Mode(); {
	case mode != "" && block.Addr().Is4():
		t.refuse(d, "spec.ipv6Mode", ReasonInvalid, "must be left out: %s is an IPv4 subnet", block)
	case !slices.Contains(modes, mode):
		t.refuse(d, "spec.ipv6Mode", ReasonInvalid, "%q is none of %s%s", mode, strings.Join(modes[1:], ", "), didYouMean(mode, modes[1:]))
	case (mode == "slaac" || mode == "dhcpv6-stateless") && block.Bits() != 64:
		t.refuse(d, "spec.ipv6Mode", ReasonInvalid, "%s needs a /64, in which stations form their addresses; the subnet is %s", mode, block)
	}
	d.subnet.mode = addressMode(spec, block)
	t.parsePreference(d, spec.GetRouterPreference())
	t.parseServers(d, "spec.dnsNameservers", spec.GetDnsNameservers())
	if n := len(spec.GetHostRoutes()); n > maxHostRoutes {
		t.refuse(d, "spec.hostRoutes", ReasonInvalid, "are %d; at most %d", n, maxHostRoutes)
		return
	}
	for i, r := range spec.GetHostRoutes() {
		field := fmt.Sprintf("spec.hostRoutes[%d]", i)
		to, err := parseCIDR(r.GetDestination())
		if err == nil && to.Addr().Is4() != block.Addr().Is4() {
			err = fmt.Errorf("%s is of another family than the subnet", to)
		}
		if err != nil {
			t.refuse(d, field+".destination", ReasonInvalid, "%v", err)
		}
		hop, err := parseIP(r.GetNextHop())
		if err == nil && !block.Contains(hop) {
			err = fmt.Errorf("%s is not in %s", hop, block)
		}
		if err != nil {
			t.refuse(d, field+".nextHop", ReasonInvalid, "%v", err)
		}
	}
	t.parseOptions(d, spec.GetDhcpOptions())
}

// parseServers reads a list of addresses of the subnet's family.
func (t *txn) parseServers(d *draft, field string, given []string) {
	if n := len(given); n > maxServers {
		t.refuse(d, field, ReasonInvalid, "are %d; at most %d", n, maxServers)
		return
	}
	for i, s := range given {
		ip, err := parseIP(s)
		if err == nil && ip.Is4() != d.subnet.block.Addr().Is4() {
			err = fmt.Errorf("%s is of another family than the subnet", ip)
		}
		if err != nil {
			t.refuse(d, indexed(field, i, ""), ReasonInvalid, "%v", err)
		}
	}
}

func (t *txn) parseOptions(d *draft, o *weftv1.DHCPOptions) {
	if o == nil {
		return
	}
	t.parseServers(d, "spec.dhcpOptions.ntpServers", o.GetNtpServers())
	if n := len(o.GetSearchDomains()); n > maxServers {
		t.refuse(d, "spec.dhcpOptions.searchDomains", ReasonInvalid, "are %d; at most %d", n, maxServers)
		return
	}
	for i, s := range o.GetSearchDomains() {
		if err := parseDomain(s); err != nil {
			t.refuse(d, indexed("spec.dhcpOptions.searchDomains", i, ""), ReasonInvalid, "%v", err)
		}
	}
	if s := o.GetDomainName(); s != "" {
		if err := parseDomain(s); err != nil {
			t.refuse(d, "spec.dhcpOptions.domainName", ReasonInvalid, "%v", err)
		}
	}
	for field, s := range map[string]string{"spec.dhcpOptions.bootFileName": o.GetBootFileName(), "spec.dhcpOptions.tftpServer": o.GetTftpServer()} {
		if problem := textProblem(s); problem != "" {
			t.refuse(d, field, ReasonInvalid, "%s", problem)
		}
	}
	if n := o.GetLeaseSeconds(); n != 0 && (n < minLease || n > maxLease) {
		t.refuse(d, "spec.dhcpOptions.leaseSeconds", ReasonInvalid, "%s is not between %s and %s", reported(n), reported(minLease), reported(maxLease))
	}
}

// parseDomain checks a domain name (RFC 1035, section 2.3).
func parseDomain(s string) error {
	if len(s) > 253 {
		return fmt.Errorf("is %d bytes long; a domain name has at most 253", len(s))
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return fmt.Errorf("%q is not a domain name", s)
		}
	}
	return nil
}

// parseExtraOptions reads a port's own DHCP options.
func (t *txn) parseExtraOptions(d *draft, given []*weftv1.ExtraDHCPOption) {
	if n := len(given); n > maxExtraOptions {
		t.refuse(d, "spec.extraDhcpOptions", ReasonInvalid, "are %d; at most %d", n, maxExtraOptions)
		return
	}
	seen := map[uint64]bool{}
	for i, g := range given {
		o, err := extraOption(g)
		if err == nil && seen[uint64(o.Family)<<32|uint64(o.Code)] {
			err = fmt.Errorf("option %d is given twice", o.Code)
		}
		if err != nil {
			t.refuse(d, indexed("spec.extraDhcpOptions", i, ""), ReasonInvalid, "%v", err)
		}
		seen[uint64(o.Family)<<32|uint64(o.Code)] = true
	}
}

// protocolOptions are what the protocols are made of: a server that let them be overwritten would serve nobody.
var protocolOptions = map[int]map[uint32]bool{
	4: {50: true, 51: true, 52: true, 53: true, 54: true, 55: true, 58: true, 59: true, 61: true, 82: true},
	6: {1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 8: true, 9: true, 11: true, 13: true, 14: true, 25: true, 26: true},
}

// extraOption reads one of a port's own DHCP options.
func extraOption(g *weftv1.ExtraDHCPOption) (ExtraOption, error) {
	o := ExtraOption{Family: 4, Code: uint16(g.GetCode()), Data: g.GetValue()}
	most := uint32(254)
	if g.GetIpVersion() == 6 {
		o.Family, most = 6, 65535
	}
	switch {
	case g.GetIpVersion() != 0 && g.GetIpVersion() != 4 && g.GetIpVersion() != 6:
		return o, fmt.Errorf("ipVersion %d is neither 4 nor 6", g.GetIpVersion())
	case g.GetCode() == 0 || g.GetCode() > most:
		return o, fmt.Errorf("code %d is not between 1 and %s", g.GetCode(), reported(most))
	case protocolOptions[o.Family][g.GetCode()]:
		return o, fmt.Errorf("code %d is a part of the protocol and cannot be given", g.GetCode())
	case g.GetValue() != "" && g.GetHexValue() != "":
		return o, errors.New("value and hexValue are both given")
	}
	if g.GetHexValue() != "" {
		raw, err := hex.DecodeString(g.GetHexValue())
		if err != nil {
			return o, fmt.Errorf("hexValue is no hexadecimal number: %w", err)
		}
		o.Data = string(raw)
	}
	if len(o.Data) > maxOptionBytes {
		return o, fmt.Errorf("is %d bytes long; at most %d", len(o.Data), maxOptionBytes)
	}
	return o, nil
}

// SubnetRow returns the row of a stored subnet.
func SubnetRow(res *weftv1.Resource) (Subnet, error) {
	key, spec := KeyOf(res), res.GetSubnetSpec()
	f, err := subnetFactsOf(key, res)
	if err != nil {
		return Subnet{}, fmt.Errorf("%s: %w", key, err)
	}
	s := Subnet{
		Key: key, Network: f.network, Prefix: f.block, Gateway: f.gateway, Mode: f.mode, Told: unlessSaid(spec.EnableDhcp),
		Lease: spec.GetDhcpOptions().GetLeaseSeconds(), Domain: spec.GetDhcpOptions().GetDomainName(),
		Search: strings.Join(spec.GetDhcpOptions().GetSearchDomains(), " "), BootFile: spec.GetDhcpOptions().GetBootFileName(),
		BootServer: spec.GetDhcpOptions().GetTftpServer(), Weight: preferenceOf(spec),
	}
	if s.Lease == 0 {
		s.Lease = defaultLease
	}
	for _, list := range []struct {
		given []string
		to    *[]netip.Addr
	}{{spec.GetDnsNameservers(), &s.DNS}, {spec.GetDhcpOptions().GetNtpServers(), &s.NTP}} {
		for _, given := range list.given {
			ip, err := netip.ParseAddr(given)
			if err != nil {
				return Subnet{}, fmt.Errorf("%s: %w", key, err)
			}
			*list.to = append(*list.to, ip)
		}
	}
	for _, r := range spec.GetHostRoutes() {
		to, err := netip.ParsePrefix(r.GetDestination())
		if err != nil {
			return Subnet{}, fmt.Errorf("%s: %w", key, err)
		}
		hop, err := netip.ParseAddr(r.GetNextHop())
		if err != nil {
			return Subnet{}, fmt.Errorf("%s: %w", key, err)
		}
		s.Routes = append(s.Routes, HostRoute{to, hop})
	}
	return s, nil
}
