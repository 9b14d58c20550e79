package cli

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

type resourceColumn = column[*weftv1.Resource]

// columns are those of a kind's table. A kind that has none of its own gets its names and status.
func (a *app) columns(kind manifest.Kind, wide bool) []resourceColumn {
	var out []resourceColumn
	if !kind.Global {
		out = append(out, resourceColumn{"PROJECT", left, (*weftv1.Resource).GetProject})
	}
	out = append(out, resourceColumn{"NAME", left, (*weftv1.Resource).GetName})
	switch kind.Name {
	case "Network":
		out = append(out, networkColumns()...)
	case "Subnet":
		out = append(out, subnetColumns()...)
	case "Port":
		out = append(out, portColumns(wide)...)
	case "Host":
		out = append(out, a.hostColumns(wide)...)
	case "SegmentRange":
		out = append(out, rangeColumns()...)
	case "Router":
		out = append(out, routerColumns()...)
	case "Trunk":
		out = append(out, trunkColumns()...)
	case "FloatingIP":
		out = append(out, floatingColumns()...)
	case "PortForwarding":
		out = append(out, forwardingColumns()...)
	case "NATRule":
		out = append(out, ruleColumns()...)
	case "Link":
		out = append(out, linkColumns()...)
	case "FlowRule":
		out = append(out, flowRuleColumns()...)
	case "SecurityGroup":
		out = append(out, securityGroupColumns(wide)...)
	case "AddressGroup":
		out = append(out, addressGroupColumns()...)
	case "FirewallGroup":
		out = append(out, firewallGroupColumns()...)
	case "FirewallPolicy":
		out = append(out, firewallPolicyColumns()...)
	case "LoadBalancer":
		out = append(out, loadBalancerColumns()...)
	case "Listener":
		out = append(out, listenerColumns()...)
	case "Pool":
		out = append(out, poolColumns()...)
	case "HealthMonitor":
		out = append(out, monitorColumns()...)
	case "SecurityPolicy":
		out = append(out, securityPolicyColumns()...)
	}
	if kind.Name != "Host" && kind.Name != "Project" && kind.Name != "Subnet" && kind.Name != "SegmentRange" {
		out = append(out, resourceColumn{"PHASE", left, phase})
	}
	if !wide && kind.Name != "Project" {
		return out
	}
	out = append(out, resourceColumn{"REVISION", right, func(r *weftv1.Resource) string { return strconv.FormatInt(r.GetRevision(), 10) }},
		resourceColumn{"CREATED", left, func(r *weftv1.Resource) string { return clock(r.GetCreated().AsTime()) }})
	if wide {
		out = append(out, resourceColumn{"UID", left, (*weftv1.Resource).GetUid}, resourceColumn{"LABELS", left, labels})
	}
	return out
}

func networkColumns() []resourceColumn {
	st := func(r *weftv1.Resource) *weftv1.NetworkStatus { return r.GetStatus().GetNetwork() }
	return []resourceColumn{
		{"TYPE", left, func(r *weftv1.Resource) string { return st(r).GetType() }},
		{"SEGMENT", right, func(r *weftv1.Resource) string { return number(st(r).GetSegmentationId()) }},
		{"MTU", right, func(r *weftv1.Resource) string { return number(st(r).GetMtu()) }},
		{"HOSTS", left, hostsRealised},
	}
}

func subnetColumns() []resourceColumn {
	st := func(r *weftv1.Resource) *weftv1.SubnetStatus { return r.GetStatus().GetSubnet() }
	return []resourceColumn{
		{"NETWORK", left, func(r *weftv1.Resource) string { return r.GetSubnetSpec().GetNetwork() }},
		{"CIDR", left, func(r *weftv1.Resource) string { return r.GetSubnetSpec().GetCidr() }},
		{"GATEWAY", left, func(r *weftv1.Resource) string { return st(r).GetGatewayIp() }},
		{"USED", right, func(r *weftv1.Resource) string { return strconv.FormatUint(st(r).GetUsedIps(), 10) }},
	}
}

func portColumns(wide bool) []resourceColumn {
	st := func(r *weftv1.Resource) *weftv1.PortStatus { return r.GetStatus().GetPort() }
	out := []resourceColumn{
		{"NETWORK", left, func(r *weftv1.Resource) string { return r.GetPortSpec().GetNetwork() }},
		{"MAC", left, mac},
		{"IPS", left, func(r *weftv1.Resource) string { return strings.Join(ips(r), ",") }},
		{"HOST", left, portHost},
	}
	if wide {
		out = append(out, resourceColumn{"GROUPS", left, func(r *weftv1.Resource) string { return strings.Join(st(r).GetSecurityGroups(), ",") }},
			resourceColumn{"INTERFACE", left, func(r *weftv1.Resource) string { return st(r).GetInterface() }},
			resourceColumn{"OFPORT", right, func(r *weftv1.Resource) string { return number(st(r).GetOfport()) }},
			resourceColumn{"LINK", left, func(r *weftv1.Resource) string { return st(r).GetLinkState() }})
	}
	return out
}

// portHost is where a port is: plugged into a host, or everywhere with its router.
func portHost(r *weftv1.Resource) string {
	s := r.GetStatus().GetPort()
	if s.GetRouter() != "" {
		return "router " + s.GetRouter()
	}
	return s.GetHost()
}

func routerColumns() []resourceColumn {
	return []resourceColumn{
		{"MAC", left, func(r *weftv1.Resource) string { return r.GetStatus().GetRouter().GetMacAddress() }},
		{"ADDRESSES", left, func(r *weftv1.Resource) string { return strings.Join(routerAddresses(r), ",") }},
		{"OUTSIDE", left, func(r *weftv1.Resource) string { return strings.Join(outsideAddresses(r), ",") }},
		{"GATEWAY ON", left, func(r *weftv1.Resource) string { return r.GetStatus().GetRouter().GetExternalGateway().GetHost() }},
		{"ROUTES", right, func(r *weftv1.Resource) string { return strconv.Itoa(len(r.GetRouterSpec().GetRoutes())) }},
		{"HOSTS", left, hostsRealised},
	}
}

func trunkColumns() []resourceColumn {
	return []resourceColumn{
		{"PARENT", left, func(r *weftv1.Resource) string { return r.GetTrunkSpec().GetPort() }},
		{"SUBPORTS", left, func(r *weftv1.Resource) string {
			var all []string
			for _, s := range r.GetTrunkSpec().GetSubPorts() {
				all = append(all, fmt.Sprintf("%d=%s", s.GetSegmentationId(), s.GetPort()))
			}
			return strings.Join(all, ",")
		}},
		{"HOST", left, func(r *weftv1.Resource) string { return r.GetStatus().GetTrunk().GetHost() }},
	}
}

func floatingColumns() []resourceColumn {
	st := func(r *weftv1.Resource) *weftv1.FloatingIPStatus { return r.GetStatus().GetFloatingIp() }
	return []resourceColumn{
		{"IP", left, func(r *weftv1.Resource) string { return st(r).GetIp() }},
		{"PORT", left, func(r *weftv1.Resource) string { return r.GetFloatingIpSpec().GetPort() }},
		{"FIXED IP", left, func(r *weftv1.Resource) string { return st(r).GetFixedIp() }},
		{"ROUTER", left, func(r *weftv1.Resource) string { return st(r).GetRouter() }},
		{"HOST", left, func(r *weftv1.Resource) string { return st(r).GetHost() }},
		{"MODE", left, func(r *weftv1.Resource) string { return st(r).GetMode() }},
		{"ON CHANGE", left, func(r *weftv1.Resource) string { return onChange(r.GetFloatingIpSpec()) }},
	}
}

func forwardingColumns() []resourceColumn {
	spec, st := (*weftv1.Resource).GetPortForwardingSpec, func(r *weftv1.Resource) *weftv1.PortForwardingStatus { return r.GetStatus().GetPortForwarding() }
	return []resourceColumn{
		{"PROTOCOL", left, func(r *weftv1.Resource) string { return spec(r).GetProtocol() }},
		{"EXTERNAL", left, func(r *weftv1.Resource) string { return endpoint(st(r).GetExternalIp(), spec(r).GetExternalPorts()) }},
		{"INTERNAL", left, func(r *weftv1.Resource) string { return endpoint(st(r).GetInternalIp(), internalPorts(r)) }},
		{"PORT", left, func(r *weftv1.Resource) string { return spec(r).GetPort() }},
		{"HOST", left, func(r *weftv1.Resource) string { return st(r).GetHost() }},
		{"ON CHANGE", left, func(r *weftv1.Resource) string { return onChange(spec(r)) }},
	}
}

func ruleColumns() []resourceColumn {
	spec := (*weftv1.Resource).GetNatRuleSpec
	return []resourceColumn{
		{"ROUTER", left, func(r *weftv1.Resource) string { return spec(r).GetRouter() }},
		{"TYPE", left, func(r *weftv1.Resource) string { return spec(r).GetType() }},
		{"EXTERNAL", left, func(r *weftv1.Resource) string { return spec(r).GetExternalIp() }},
		{"INTERNAL", left, func(r *weftv1.Resource) string { return spec(r).GetInternalIp() }},
		{"PRIORITY", right, func(r *weftv1.Resource) string { return number(spec(r).GetPriority()) }},
		{"HOST", left, func(r *weftv1.Resource) string { return r.GetStatus().GetNatRule().GetHost() }},
		{"ON CHANGE", left, func(r *weftv1.Resource) string { return onChange(spec(r)) }},
	}
}

// onChange is what becomes of connections when what translates them changes.
func onChange(spec interface{ GetOnChange() string }) string {
	return cmp.Or(spec.GetOnChange(), "cut")
}

// internalPorts are those inside to which a forwarding leads.
func internalPorts(r *weftv1.Resource) string {
	return cmp.Or(r.GetPortForwardingSpec().GetInternalPorts(), r.GetPortForwardingSpec().GetExternalPorts())
}

// endpoint is an address with a port, or a range of them; empty while there is no address.
func endpoint(ip, ports string) string {
	if ip == "" {
		return ""
	}
	return net.JoinHostPort(ip, ports)
}

func linkColumns() []resourceColumn {
	st := func(r *weftv1.Resource) *weftv1.LinkStatus { return r.GetStatus().GetLink() }
	return []resourceColumn{
		{"A", left, func(r *weftv1.Resource) string { return linkEnd(r.GetLinkSpec().GetA()) }},
		{"B", left, func(r *weftv1.Resource) string { return linkEnd(r.GetLinkSpec().GetB()) }},
		{"COST", right, func(r *weftv1.Resource) string { return number(r.GetLinkSpec().GetCost()) }},
		{"UP", left, func(r *weftv1.Resource) string { return yesNo(st(r).GetUp()) }},
		{"SEEN", left, func(r *weftv1.Resource) string { return yesNo(st(r).GetDiscovered()) }},
		{"PATHS", right, func(r *weftv1.Resource) string { return strconv.Itoa(int(st(r).GetPaths())) }},
	}
}

func yesNo(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

func rangeColumns() []resourceColumn {
	spec := (*weftv1.Resource).GetSegmentRangeSpec
	st := func(r *weftv1.Resource) *weftv1.SegmentRangeStatus { return r.GetStatus().GetSegmentRange() }
	return []resourceColumn{
		{"TYPE", left, func(r *weftv1.Resource) string { return spec(r).GetNetworkType() }},
		{"MINIMUM", right, func(r *weftv1.Resource) string { return number(spec(r).GetMinimum()) }},
		{"MAXIMUM", right, func(r *weftv1.Resource) string { return number(spec(r).GetMaximum()) }},
		{"USED", right, func(r *weftv1.Resource) string { return strconv.Itoa(int(st(r).GetUsed())) }},
		{"AVAILABLE", right, func(r *weftv1.Resource) string { return strconv.Itoa(int(st(r).GetAvailable())) }},
	}
}

// hostColumns are those of "weft hosts", after the name.
func (a *app) hostColumns(wide bool) []resourceColumn {
	st := func(r *weftv1.Resource) *weftv1.HostStatus { return r.GetStatus().GetHost() }
	// What a host that is not connected carries is not known.
	online := func(value func(*weftv1.HostStatus) string) func(*weftv1.Resource) string {
		return func(r *weftv1.Resource) string {
			switch st(r).GetOpenflow() {
			case weftv1.HostStatus_CONNECTION_SYNCING, weftv1.HostStatus_CONNECTION_SYNCED:
				return value(st(r))
			}
			return ""
		}
	}
	out := []resourceColumn{
		{"TUNNEL IP", left, tunnelIP},
		{"OPENFLOW", left, func(r *weftv1.Resource) string { return a.connection(st(r), st(r).GetOpenflow(), "master") }},
		{"OVSDB", left, func(r *weftv1.Resource) string {
			if r.GetHostSpec().GetDatapathId() != "" {
				return "" // it has none
			}
			if h := st(r); h.GetOvsdb() != weftv1.HostStatus_CONNECTION_OFFLINE || h.GetOpenflow() != h.GetOvsdb() {
				return a.connection(h, h.GetOvsdb(), "synced")
			}
			return "" // how long it is offline stands in the column before
		}},
		{"PORTS", right, online(func(h *weftv1.HostStatus) string { return strconv.Itoa(int(h.GetPorts())) })},
		{"FLOWS", right, online(func(h *weftv1.HostStatus) string { return strconv.Itoa(int(h.GetFlows())) })},
		{"REALISED", right, func(r *weftv1.Resource) string { return number(st(r).GetRealisedRevision()) }},
		{"LAG", left, func(r *weftv1.Resource) string { return strconv.FormatInt(st(r).GetLag(), 10) }},
	}
	if wide {
		out = append(out,
			resourceColumn{"OVS", left, func(r *weftv1.Resource) string { return st(r).GetOvsVersion() }},
			resourceColumn{"DATAPATH ID", left, func(r *weftv1.Resource) string { return st(r).GetDatapathId() }},
			resourceColumn{"PEER", left, func(r *weftv1.Resource) string { return st(r).GetPeer() }},
			resourceColumn{"HOSTNAME", left, func(r *weftv1.Resource) string { return st(r).GetHostname() }},
			resourceColumn{"DRIFT", right, func(r *weftv1.Resource) string { return strconv.FormatUint(st(r).GetDriftMended(), 10) }})
	}
	return out
}

// connection is the state of one of a host's connections; up is the word for one that is in step.
func (a *app) connection(h *weftv1.HostStatus, c weftv1.HostStatus_Connection, up string) string {
	switch c {
	case weftv1.HostStatus_CONNECTION_SYNCED:
		return up
	case weftv1.HostStatus_CONNECTION_OFFLINE:
		if h.GetSince() == nil {
			return "offline"
		}
		return "offline " + span(a.now().Sub(h.GetSince().AsTime()))
	case weftv1.HostStatus_CONNECTION_UNSPECIFIED:
		return "never seen"
	}
	return strings.ToLower(strings.TrimPrefix(c.String(), "CONNECTION_"))
}

// hostsRealised is "2/3": of 3 hosts that carry the resource, 2 have confirmed it.
func hostsRealised(r *weftv1.Resource) string {
	return fmt.Sprintf("%d/%d", len(r.GetStatus().GetRealisedHosts()), len(r.GetStatus().GetHosts()))
}

// number leaves out zeros, which mean "not set".
func number[N uint32 | int64](n N) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func labels(r *weftv1.Resource) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(r.GetLabels())) {
		out = append(out, k+"="+r.GetLabels()[k])
	}
	return strings.Join(out, ",")
}

// clock is a time of the API in local time.
func clock(t time.Time) string {
	if t.Unix() == 0 {
		return ""
	}
	return t.Local().Format(time.DateTime)
}
