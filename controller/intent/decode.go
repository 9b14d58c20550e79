package intent

import (
	"fmt"
	"net"
	"net/netip"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// NetworkRow returns the row of a stored network.
func NetworkRow(res *weftv1.Resource) (Network, error) {
	spec, status := res.GetNetworkSpec(), res.GetStatus().GetNetwork()
	if spec == nil || status.GetTag() == 0 {
		return Network{}, fmt.Errorf("%s: the stored record has no spec, or nothing was allocated for it", KeyOf(res))
	}
	return Network{
		Key:         KeyOf(res),
		Tag:         status.GetTag(),
		MTU:         status.GetMtu(),
		Up:          unlessSaid(spec.AdminStateUp),
		Transparent: spec.GetVlanTransparent(),
		Snoop:       unlessSaid(spec.MulticastSnoopingEnabled),
		External:    spec.GetExternal(),
		Zone:        uint16(status.GetZone()),
		Balances:    uint16(status.GetBalancingZone()),
	}, nil
}

// SegmentRows returns the rows of the segments of a stored network.
func SegmentRows(res *weftv1.Resource) []Segment {
	key, status := KeyOf(res), res.GetStatus().GetNetwork()
	if len(status.GetSegments()) == 0 { // as earlier versions stored it
		return []Segment{{Key: SegmentKey{Network: key}, Type: status.GetType(), ID: status.GetSegmentationId()}}
	}
	rows := make([]Segment, len(status.GetSegments()))
	for i, s := range status.GetSegments() {
		rows[i] = Segment{SegmentKey{key, i}, s.GetType(), s.GetPhysicalNetwork(), s.GetSegmentationId(), s.GetInnerVlanId()}
	}
	return rows
}

// PortRow returns the row of a stored port.
func PortRow(res *weftv1.Resource) (Port, error) {
	key, spec, status := KeyOf(res), res.GetPortSpec(), res.GetStatus().GetPort()
	if spec == nil {
		return Port{}, fmt.Errorf("%s: the stored record has no spec", key)
	}
	mac, err := parseMAC(status.GetMacAddress())
	if err != nil {
		return Port{}, fmt.Errorf("%s: %w", key, err)
	}
	p := Port{
		Key: key, UID: res.GetUid(), MAC: mac,
		Network: Reference(KindNetwork, res.GetProject(), spec.GetNetwork()),
		Behind:  spec.GetHost(),
		Secure:  unlessSaid(spec.PortSecurityEnabled),
		Up:      unlessSaid(spec.AdminStateUp),
		MTU:     status.GetMtu(),
	}
	for _, ref := range spec.GetSecurityGroups() {
		p.Groups = append(p.Groups, Reference(KindSecurityGroup, res.GetProject(), ref))
	}
	for _, g := range spec.GetExtraDhcpOptions() {
		o, err := extraOption(g)
		if err != nil {
			return Port{}, fmt.Errorf("%s: %w", key, err)
		}
		p.Options = append(p.Options, o)
	}
	for _, f := range status.GetFixedIps() {
		ip, err := netip.ParseAddr(f.GetIp())
		if err != nil {
			return Port{}, fmt.Errorf("%s: %w", key, err)
		}
		p.IPs = append(p.IPs, ip)
	}
	for _, a := range spec.GetAllowedAddressPairs() {
		pair := Pair{MAC: mac}
		if pair.Prefix, err = parseBlock(a.GetIp()); err != nil {
			return Port{}, fmt.Errorf("%s: %w", key, err)
		}
		if a.GetMac() != "" {
			if pair.MAC, err = parseMAC(a.GetMac()); err != nil {
				return Port{}, fmt.Errorf("%s: %w", key, err)
			}
		}
		p.Pairs = append(p.Pairs, pair)
	}
	return p, nil
}

// unlessSaid is true unless something else is given.
func unlessSaid(given *bool) bool { return given == nil || *given }

func parseMAC(s string) (flow.MACAddr, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != 6 {
		return flow.MACAddr{}, fmt.Errorf("%q is not a MAC address", s)
	}
	return flow.MACAddr(hw), nil
}

// parseBlock reads an address, or a CIDR whose host bits it clears.
func parseBlock(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}
