package intent

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// record is a resource as stored, with the facts that the indexes hold of it.
//
// Invariant: once a record is committed, neither it nor its resource changes.
type record struct {
	key     Key
	res     *weftv1.Resource // nil when what is stored cannot be read
	rev     int64            // of the store, that wrote it; 0 until committed
	created int64            // the one that made it
	facts   any              // *networkFacts, *subnetFacts …; nil where there is nothing to index
}

// networkFacts is what must stay unique of a network.
type networkFacts struct {
	segments []segmentFacts // at least one
	tag      alloc.ID
	zone     alloc.ID // of connection tracking; 0: an earlier version made it
	balances alloc.ID // the zone for load balancers; 0 likewise
	mtu      uint32
	shared   bool
	external bool
}

// subnetFacts is a subnet with its defaults filled in.
type subnetFacts struct {
	network Key
	block   netip.Prefix
	gateway netip.Addr // zero: none
	pools   []alloc.Range[netip.Addr]
	mode    AddressMode
}

// portFacts is what a port holds of its network.
type portFacts struct {
	network Key
	behind  Key // an unmanaged host; the zero Key: none
	mac     flow.MACAddr
	ips     []claim
	secure  bool
	groups  []Key // security groups, as given
}

// claim is an address that a port holds.
type claim struct {
	subnet    Key
	ip        netip.Addr
	allocated bool // it was chosen by us, not by the spec
}

// rangeFacts is what a segment range covers.
type rangeFacts struct {
	space
	ids alloc.Range[alloc.ID]
}

// hostFacts is what must stay unique of a host.
type hostFacts struct {
	tunnel   netip.Addr // zero: not given
	datapath uint64     // of a bare switch; 0: none
}

// newRecord makes the record of a stored resource. It fails for a resource that this version would not have stored.
func newRecord(key Key, res *weftv1.Resource, rev int64) (*record, error) {
	if KeyOf(res) != key || specKind(res) != key.Kind {
		return nil, fmt.Errorf("what is stored says that it is %s with the spec of a %q", KeyOf(res), specKind(res))
	}
	facts, err := factsOf(key, res)
	if err != nil {
		return nil, err
	}
	return &record{key: key, res: res, rev: rev, facts: facts}, nil
}

// factsOf reads the facts of a resource from its spec and from what its status says was allocated.
func factsOf(key Key, res *weftv1.Resource) (any, error) {
	switch key.Kind {
	case KindNetwork:
		s := res.GetStatus().GetNetwork()
		segments := segmentsOf(s)
		if s.GetTag() == 0 || slices.ContainsFunc(segments, func(f segmentFacts) bool { return !f.whole() }) {
			return nil, fmt.Errorf("a network with tag %d and segments %v", s.GetTag(), segments)
		}
		return &networkFacts{segments, alloc.ID(s.GetTag()), alloc.ID(s.GetZone()), alloc.ID(s.GetBalancingZone()), s.GetMtu(), res.GetNetworkSpec().GetShared(), res.GetNetworkSpec().GetExternal()}, nil
	case KindSubnet:
		return subnetFactsOf(key, res)
	case KindPort:
		return portFactsOf(key, res)
	case KindRouter:
		return routerFactsOf(key, res)
	case KindTrunk:
		return trunkFactsOf(key, res.GetTrunkSpec()), nil
	case KindFloatingIP:
		return floatFactsOf(key, res)
	case KindPortForwarding:
		return forwardFactsOf(key, res)
	case KindNATRule:
		return ruleFactsOf(key, res)
	case KindSegmentRange:
		s := res.GetSegmentRangeSpec()
		return &rangeFacts{space{s.GetNetworkType(), s.GetPhysicalNetwork()}, alloc.Range[alloc.ID]{First: alloc.ID(s.GetMinimum()), Last: alloc.ID(s.GetMaximum())}}, nil
	case KindHost:
		return hostFactsOf(res.GetHostSpec())
	case KindLink:
		return linkFactsOf(res.GetLinkSpec()), nil
	case KindFlowRule:
		return flowRuleFactsOf(res.GetFlowRuleSpec()), nil
	case KindSecurityGroup, KindAddressGroup, KindSecurityPolicy, KindFirewallPolicy:
		return securityFactsOf(key, res)
	case KindFirewallGroup:
		return firewallFactsOf(key, res)
	case KindLoadBalancer:
		return balancerFactsOf(key, res)
	case KindListener:
		return listenerFactsOf(key, res)
	case KindHealthMonitor:
		return monitorFactsOf(key, res.GetHealthMonitorSpec()), nil
	}
	return nil, nil
}

func hostFactsOf(spec *weftv1.HostSpec) (any, error) {
	f := &hostFacts{}
	var err error
	switch {
	case spec.GetTunnelIp() != "":
		f.tunnel, err = parseIP(spec.GetTunnelIp())
	case spec.GetDatapathId() != "":
		f.datapath, err = parseDatapath(spec.GetDatapathId())
	default:
		return nil, nil
	}
	return f, err
}

func subnetFactsOf(key Key, res *weftv1.Resource) (*subnetFacts, error) {
	f := &subnetFacts{network: Reference(KindNetwork, key.Project, res.GetSubnetSpec().GetNetwork())}
	var err error
	if f.block, err = parseCIDR(res.GetSubnetSpec().GetCidr()); err != nil {
		return nil, err
	}
	f.mode = addressMode(res.GetSubnetSpec(), f.block)
	if g := res.GetStatus().GetSubnet().GetGatewayIp(); g != "" {
		if f.gateway, err = parseIP(g); err != nil {
			return nil, err
		}
	}
	for _, p := range res.GetStatus().GetSubnet().GetAllocationPools() {
		first, err := parseIP(p.GetStart())
		if err != nil {
			return nil, err
		}
		last, err := parseIP(p.GetEnd())
		if err != nil {
			return nil, err
		}
		f.pools = append(f.pools, alloc.Range[netip.Addr]{First: first, Last: last})
	}
	return f, nil
}

func portFactsOf(key Key, res *weftv1.Resource) (*portFacts, error) {
	spec, status := res.GetPortSpec(), res.GetStatus().GetPort()
	f := &portFacts{network: Reference(KindNetwork, key.Project, spec.GetNetwork()), behind: behind(spec), secure: status.GetPortSecurityEnabled()}
	for _, ref := range spec.GetSecurityGroups() {
		f.groups = append(f.groups, Reference(KindSecurityGroup, key.Project, ref))
	}
	var err error
	if f.mac, err = parseUnicastMAC(status.GetMacAddress()); err != nil {
		return nil, err
	}
	for i, s := range status.GetFixedIps() {
		ip, err := parseIP(s.GetIp())
		if err != nil {
			return nil, err
		}
		given := i < len(spec.GetFixedIps()) && spec.GetFixedIps()[i].GetIp() != ""
		f.ips = append(f.ips, claim{Reference(KindSubnet, key.Project, s.GetSubnet()), ip, !given})
	}
	return f, nil
}
