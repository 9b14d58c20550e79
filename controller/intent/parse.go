package intent

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Most elements of a port's lists.
const (
	maxFixedIPs = 64
	maxPairs    = 256
)

// parseSpec reads a spec and refuses what can never be right.
func (t *txn) parseSpec(d *draft) {
	switch d.key.Kind {
	case KindNetwork:
		t.parseNetwork(d, d.given.GetNetworkSpec())
	case KindSubnet:
		t.parseSubnet(d, d.given.GetSubnetSpec())
	case KindPort:
		t.parsePort(d, d.given.GetPortSpec())
	case KindHost:
		t.parseHost(d, d.given.GetHostSpec())
	case KindRouter:
		t.parseRouter(d, d.given.GetRouterSpec())
	case KindTrunk:
		t.parseTrunk(d, d.given.GetTrunkSpec())
	case KindFloatingIP:
		t.parseFloat(d, d.given.GetFloatingIpSpec())
	case KindPortForwarding:
		t.parseForward(d, d.given.GetPortForwardingSpec())
	case KindNATRule:
		t.parseRule(d, d.given.GetNatRuleSpec())
	case KindSegmentRange:
		t.parseRange(d, d.given.GetSegmentRangeSpec())
	case KindLink:
		t.parseLink(d, d.given.GetLinkSpec())
	case KindFlowRule:
		t.parseFlowRule(d, d.given.GetFlowRuleSpec())
	case KindSecurityGroup:
		t.parseSecurityGroup(d, d.given.GetSecurityGroupSpec())
	case KindAddressGroup:
		t.parseAddressGroup(d, d.given.GetAddressGroupSpec())
	case KindLoadBalancer:
		d.balanced = t.parseOwn(d, "spec.port", d.given.GetLoadBalancerSpec().GetPort())
	case KindListener:
		t.parseListener(d, d.given.GetListenerSpec())
	case KindPool:
		t.parseBalancedPool(d, d.given.GetPoolSpec())
	case KindHealthMonitor:
		t.parseHealthMonitor(d, d.given.GetHealthMonitorSpec())
	case KindSecurityPolicy:
		t.parseSecurityPolicy(d, d.given.GetSecurityPolicySpec())
	case KindFirewallGroup:
		t.parseFirewallGroup(d, d.given.GetFirewallGroupSpec())
	case KindFirewallPolicy:
		t.parseFirewallPolicy(d, d.given.GetFirewallPolicySpec())
	}
}

func (t *txn) parseNetwork(d *draft, spec *weftv1.NetworkSpec) {
	t.parseSegments(d, spec)
	t.parseExternal(d, spec)
	if m := spec.GetMtu(); m != 0 && (m < minMTU || m > maxMTU) {
		t.refuse(d, "spec.mtu", ReasonInvalid, "%s is not between %s and %s", reported(m), reported(uint32(minMTU)), reported(uint32(maxMTU)))
	}
}

func (t *txn) parseType(d *draft, field, typ string) (encapsulation, bool) {
	e, ok := encapsulationOf(typ)
	if !ok {
		t.refuse(d, field, ReasonInvalid, "%q is none of %s%s", typ, strings.Join(types(), ", "), didYouMean(typ, types()))
	}
	return e, ok
}

// parseReference reads a reference to a network.
func (t *txn) parseReference(d *draft, field, ref string) {
	if ref == "" {
		t.refuse(d, field, ReasonInvalid, "is missing")
		return
	}
	d.network = Reference(KindNetwork, d.key.Project, ref)
	for _, part := range []string{d.network.Project, d.network.Name} {
		if problem := nameProblem(part); problem != "" {
			t.refuse(d, field, ReasonInvalid, "%q is neither a name nor project/name", ref)
			return
		}
	}
}

func (t *txn) parseSubnet(d *draft, spec *weftv1.SubnetSpec) {
	t.parseReference(d, "spec.network", spec.GetNetwork())
	if spec.GetCidr() == "" {
		t.refuse(d, "spec.cidr", ReasonInvalid, "is missing")
		return
	}
	block, err := parseCIDR(spec.GetCidr())
	if err != nil {
		t.refuse(d, "spec.cidr", ReasonInvalid, "%v", err)
		return
	}
	if problem := blockProblem(block); problem != "" {
		t.refuse(d, "spec.cidr", ReasonInvalid, "%s %s", block, problem)
		return
	}
	d.subnet = subnetFacts{network: d.network, block: block}
	t.parseGateway(d, spec.GetGatewayIp())
	t.parsePools(d, spec.GetAllocationPools())
	t.parseConfiguration(d, spec)
}

// blockProblem says why a block cannot be a subnet's; "" when it can.
func blockProblem(p netip.Prefix) string {
	longest := 126
	if p.Addr().Is4() {
		longest = 30
	}
	first, end := p.Addr(), last(p)
	switch {
	case p.Bits() == 0:
		return "is every address there is"
	case p.Bits() > longest:
		return fmt.Sprintf("is too small: at most /%d", longest)
	case first.IsMulticast() || end.IsMulticast():
		return "holds multicast addresses"
	case first.IsLoopback() || end.IsLoopback() || p.Contains(netip.AddrFrom4([4]byte{127, 0, 0, 1})):
		return "holds loopback addresses"
	case first.Is6() && (first.IsLinkLocalUnicast() || end.IsLinkLocalUnicast()):
		return "holds IPv6 link-local addresses, which every station makes for itself"
	}
	return ""
}

func (t *txn) parseGateway(d *draft, given string) {
	f := &d.subnet
	switch given {
	case "none":
		return
	case "":
		f.gateway = usable(f.block).First
		return
	}
	ip, err := parseIP(given)
	if err != nil {
		t.refuse(d, "spec.gatewayIp", ReasonInvalid, "%v", err)
		return
	}
	if !f.block.Contains(ip) {
		t.refuse(d, "spec.gatewayIp", ReasonInvalid, "%s is not in %s", ip, f.block)
		return
	}
	if problem := f.reservedProblem(ip); problem != "" {
		t.refuse(d, "spec.gatewayIp", ReasonInvalid, "%s is %s of %s", ip, problem, f.block)
		return
	}
	f.gateway = ip
}

func (t *txn) parsePools(d *draft, given []*weftv1.AllocationPool) {
	f := &d.subnet
	if len(given) == 0 {
		f.pools = without(usable(f.block), f.gateway)
		return
	}
	for i, p := range given {
		if pool, ok := t.parsePool(d, fmt.Sprintf("spec.allocationPools[%d]", i), p); ok {
			f.pools = append(f.pools, pool)
		}
	}
	slices.SortFunc(f.pools, func(a, b alloc.Range[netip.Addr]) int { return a.First.Compare(b.First) })
}

// parsePool reads a pool and compares it with those before it.
func (t *txn) parsePool(d *draft, field string, p *weftv1.AllocationPool) (alloc.Range[netip.Addr], bool) {
	f, pool, ok := &d.subnet, alloc.Range[netip.Addr]{}, true
	for _, end := range []struct {
		name, given string
		to          *netip.Addr
	}{{".start", p.GetStart(), &pool.First}, {".end", p.GetEnd(), &pool.Last}} {
		ip, err := parseIP(end.given)
		if err == nil && !usable(f.block).Contains(ip) {
			err = fmt.Errorf("%s is not an address of a station in %s", ip, f.block)
		}
		if err != nil {
			t.refuse(d, field+end.name, ReasonInvalid, "%v", err)
			ok = false
		}
		*end.to = ip
	}
	if !ok {
		return pool, false
	}
	refuse := func(format string, args ...any) { ok = false; t.refuse(d, field, ReasonInvalid, format, args...) }
	if pool.First.Compare(pool.Last) > 0 {
		refuse("it ends at %s, before it starts at %s", pool.Last, pool.First)
		return pool, false
	}
	if f.gateway.IsValid() && pool.Contains(f.gateway) {
		refuse("it holds the gateway, %s", f.gateway)
	}
	for _, before := range f.pools {
		if before.Overlaps(pool) {
			refuse("it overlaps the pool %s to %s", before.First, before.Last)
		}
	}
	return pool, ok
}

func (t *txn) parsePort(d *draft, spec *weftv1.PortSpec) {
	t.parseReference(d, "spec.network", spec.GetNetwork())
	if s := spec.GetMacAddress(); s != "" {
		mac, err := parseUnicastMAC(s)
		if err != nil {
			t.refuse(d, "spec.macAddress", ReasonInvalid, "%v", err)
		}
		d.mac = mac
	}
	if problem := textProblem(spec.GetDeviceId()); problem != "" {
		t.refuse(d, "spec.deviceId", ReasonInvalid, "%s", problem)
	}
	if problem := textProblem(spec.GetDeviceOwner()); problem != "" {
		t.refuse(d, "spec.deviceOwner", ReasonInvalid, "%s", problem)
	}
	if spec.GetNoFixedIps() && len(spec.GetFixedIps()) > 0 {
		t.refuse(d, "spec.noFixedIps", ReasonInvalid, "contradicts fixedIps, which are given")
	}
	t.parseBehind(d, spec)
	if n := len(spec.GetFixedIps()); n > maxFixedIPs {
		t.refuse(d, "spec.fixedIps", ReasonInvalid, "are %d; at most %d", n, maxFixedIPs)
	} else {
		t.parseFixedIPs(d, spec.GetFixedIps())
	}
	if n := len(spec.GetAllowedAddressPairs()); n > maxPairs {
		t.refuse(d, "spec.allowedAddressPairs", ReasonInvalid, "are %d; at most %d", n, maxPairs)
	} else {
		t.parsePairs(d, spec.GetAllowedAddressPairs())
	}
	t.parseExtraOptions(d, spec.GetExtraDhcpOptions())
	t.parsePortGroups(d, spec.GetSecurityGroups())
}

func (t *txn) parseFixedIPs(d *draft, given []*weftv1.FixedIP) {
	d.ips = t.parseWantedIPs(d, "spec.fixedIps", given)
}

// parseWantedIPs reads addresses that are asked for.
func (t *txn) parseWantedIPs(d *draft, list string, given []*weftv1.FixedIP) []wantedIP {
	var all []wantedIP
	for i, f := range given {
		field := indexed(list, i, "")
		want := wantedIP{subnet: f.GetSubnet()}
		if f.GetIp() == "" && f.GetSubnet() == "" {
			t.refuse(d, field, ReasonInvalid, "is empty; give a subnet, an ip, or both")
		}
		if f.GetIp() != "" {
			var err error
			if want.ip, err = parseIP(f.GetIp()); err != nil {
				t.refuse(d, field+".ip", ReasonInvalid, "%v", err)
			}
		}
		if slices.ContainsFunc(all, func(o wantedIP) bool { return want.ip.IsValid() && o.ip == want.ip }) {
			t.refuse(d, field+".ip", ReasonInvalid, "%s is given twice", want.ip)
		}
		all = append(all, want)
	}
	return all
}

func (t *txn) parsePairs(d *draft, given []*weftv1.AddressPair) {
	type pair struct{ ip, mac string }
	seen := make(map[pair]bool, len(given))
	for i, p := range given {
		field := fmt.Sprintf("spec.allowedAddressPairs[%d]", i)
		if seen[pair{p.GetIp(), p.GetMac()}] {
			t.refuse(d, field, ReasonInvalid, "is given twice")
		}
		seen[pair{p.GetIp(), p.GetMac()}] = true
		var err error
		switch {
		case p.GetIp() == "":
			t.refuse(d, field+".ip", ReasonInvalid, "is missing")
		case strings.Contains(p.GetIp(), "/"):
			_, err = parseCIDR(p.GetIp())
		default:
			_, err = parseIP(p.GetIp())
		}
		if err != nil {
			t.refuse(d, field+".ip", ReasonInvalid, "%v", err)
		}
		if p.GetMac() != "" {
			if _, err := parseUnicastMAC(p.GetMac()); err != nil {
				t.refuse(d, field+".mac", ReasonInvalid, "%v", err)
			}
		}
	}
}

func (t *txn) parseHost(d *draft, spec *weftv1.HostSpec) {
	t.parseUnmanaged(d, spec)
	t.parseSwitch(d, spec)
	t.parsePopping(d, spec)
	if s := spec.GetTunnelIp(); s != "" {
		ip, err := parseIP(s)
		if err == nil && (ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback()) {
			err = fmt.Errorf("%s is not an address that other hosts can reach", ip)
		}
		if err != nil {
			t.refuse(d, "spec.tunnelIp", ReasonInvalid, "%v", err)
		}
		d.tunnel = ip
	}
	if s := spec.GetManager(); s != "" {
		if err := parseManager(s); err != nil {
			t.refuse(d, "spec.manager", ReasonInvalid, "%v", err)
		}
	}
	if s := spec.GetDatapathType(); s != "" && s != "system" && s != "netdev" {
		t.refuse(d, "spec.datapathType", ReasonInvalid, `%q is neither "system" nor "netdev"%s`, s, didYouMean(s, []string{"system", "netdev"}))
	}
}

func (t *txn) parseRange(d *draft, spec *weftv1.SegmentRangeSpec) {
	if spec.GetNetworkType() == "" {
		t.refuse(d, "spec.networkType", ReasonInvalid, "is missing")
		return
	}
	e, ok := t.parseType(d, "spec.networkType", spec.GetNetworkType())
	low, high := alloc.ID(spec.GetMinimum()), alloc.ID(spec.GetMaximum())
	if ok && !e.numbered() {
		t.refuse(d, "spec.networkType", ReasonInvalid, "networks of type %s have no ids", e.typ)
		return
	}
	if ok {
		t.checkPhysical(d, "spec.physicalNetwork", e, spec.GetPhysicalNetwork())
	}
	if low == 0 {
		t.refuse(d, "spec.minimum", ReasonInvalid, "is missing; at least 1")
	}
	switch {
	case high == 0:
		t.refuse(d, "spec.maximum", ReasonInvalid, "is missing")
	case ok && high > e.ids.Last:
		t.refuse(d, "spec.maximum", ReasonInvalid, "%s is too large for %s: at most %s", reported(high), spec.GetNetworkType(), reported(e.ids.Last))
	case ok && low != 0 && low < e.ids.First:
		t.refuse(d, "spec.minimum", ReasonInvalid, "%s is too small for %s: at least %s", reported(low), spec.GetNetworkType(), reported(e.ids.First))
	case high < low:
		t.refuse(d, "spec.maximum", ReasonInvalid, "%s is less than the minimum, %s", reported(high), reported(low))
	}
}
