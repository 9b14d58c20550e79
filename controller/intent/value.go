package intent

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/weft-sdn/weft/controller/alloc"
	"github.com/weft-sdn/weft/southbound/flow"
)

// parseIP reads an address as people write it. Zones and IPv4 inside of IPv6 are refused: they would be second names of
// the same address.
func parseIP(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return netip.Addr{}, fmt.Errorf("%q is not an IP address", s)
	case ip.Zone() != "":
		return netip.Addr{}, fmt.Errorf("%q has a zone", s)
	case ip.Is4In6():
		return netip.Addr{}, fmt.Errorf("%q is an IPv4 address inside of an IPv6 one; write %s", s, ip.Unmap())
	}
	return ip, nil
}

// parseCIDR reads a block with no host bits set.
func parseCIDR(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is not a CIDR, such as 10.0.0.0/24", s)
	case p.Masked() != p:
		return netip.Prefix{}, fmt.Errorf("%s has host bits set; the block is %s", s, p.Masked())
	}
	return p, nil
}

// parseUnicastMAC reads the MAC address of one station.
func parseUnicastMAC(s string) (flow.MACAddr, error) {
	mac, err := parseMAC(s)
	switch {
	case err != nil:
		return mac, err
	case mac == flow.MACAddr{}:
		return mac, errors.New("the zero MAC address belongs to nobody")
	case mac[0]&1 != 0:
		return mac, fmt.Errorf("%q is a multicast MAC address", s)
	}
	return mac, nil
}

// last returns the last address of a block.
func last(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	ip, _ := netip.AddrFromSlice(raw)
	return ip
}

// usable returns the addresses of a block that a station may have: not the network's own, which IPv6 calls the
// subnet-router anycast address (RFC 4291 2.6.1), and not the broadcast address of IPv4.
func usable(p netip.Prefix) alloc.Range[netip.Addr] {
	r := alloc.Range[netip.Addr]{First: p.Addr().Next(), Last: last(p)}
	if p.Addr().Is4() {
		r.Last = r.Last.Prev()
	}
	return r
}

// reservedProblem says why a station of the subnet cannot have the address; "" when it can.
func (f *subnetFacts) reservedProblem(ip netip.Addr) string {
	switch {
	case ip == f.block.Addr():
		return "the network address"
	case ip.Is4() && ip == last(f.block):
		return "the broadcast address"
	case ip == f.gateway:
		return "the gateway"
	}
	return ""
}

// without cuts an address out of a range.
func without(r alloc.Range[netip.Addr], ip netip.Addr) []alloc.Range[netip.Addr] {
	if !ip.IsValid() || !r.Contains(ip) {
		return []alloc.Range[netip.Addr]{r}
	}
	var parts []alloc.Range[netip.Addr]
	if r.First != ip {
		parts = append(parts, alloc.Range[netip.Addr]{First: r.First, Last: ip.Prev()})
	}
	if r.Last != ip {
		parts = append(parts, alloc.Range[netip.Addr]{First: ip.Next(), Last: r.Last})
	}
	return parts
}

// parseManager checks how a host's OVSDB manager is written: "tcp:ADDRESS:PORT", "ssl:ADDRESS:PORT", "unix:PATH"
// (ovsdb(7), "Connection Methods").
func parseManager(s string) error {
	method, rest, _ := strings.Cut(s, ":")
	switch method {
	case "unix":
		if !strings.HasPrefix(rest, "/") {
			return fmt.Errorf("%q must name an absolute path", s)
		}
		return nil
	case "tcp", "ssl":
		i := strings.LastIndexByte(rest, ':')
		if i < 0 {
			return fmt.Errorf("%q has no port; write %s:ADDRESS:PORT", s, method)
		}
		host, port := rest[:i], rest[i+1:]
		if _, err := parseIP(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")); err != nil {
			return fmt.Errorf("in %q, %w", s, err)
		}
		if strings.HasPrefix(host, "[") != strings.Contains(host, ":") {
			return fmt.Errorf("in %q, an IPv6 address goes in brackets, and no other", s)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("in %q, %q is not a port number", s, port)
		}
		return nil
	}
	return fmt.Errorf("%q is none of tcp:ADDRESS:PORT, ssl:ADDRESS:PORT and unix:PATH", s)
}

// tagRange is where the networks' numbers in the flow tables come from: the register has 24 bits, and 0 is no network.
var tagRange = []alloc.Range[alloc.ID]{{First: 1, Last: 1<<24 - 1}}

// The MTU a network may have: what IPv6 demands (RFC 8200 5), and the largest IPv4 packet.
const (
	minMTU = 1280
	maxMTU = 65535
)

// reported is how an MTU, a count or an id is written in messages: 16,777,215.
func reported[T ~int | ~uint32 | ~uint64 | ~int64](n T) string {
	s := strconv.FormatUint(uint64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
