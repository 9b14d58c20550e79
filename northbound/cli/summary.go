package cli

import (
	"fmt"
	"strings"
	"time"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// summary is what matters of a resource, in a few words: what was allocated for it above all.
func summary(r *weftv1.Resource) string {
	st := r.GetStatus()
	switch {
	case r.GetNetworkSpec() != nil:
		n := st.GetNetwork()
		if n == nil {
			return r.GetNetworkSpec().GetType()
		}
		return fmt.Sprintf("%s %d, mtu %d", n.GetType(), n.GetSegmentationId(), n.GetMtu())
	case r.GetSubnetSpec() != nil:
		return r.GetSubnetSpec().GetCidr() + ", " + gateway(r)
	case r.GetPortSpec() != nil:
		return strings.TrimSpace(strings.Join(append(ips(r), mac(r)), " "))
	case r.GetHostSpec() != nil:
		if ip := tunnelIP(r); ip != "" {
			return "tunnel " + ip
		}
		if id := r.GetHostSpec().GetDatapathId(); id != "" {
			return "bare switch " + id
		}
		return r.GetHostSpec().GetManager()
	case r.GetLinkSpec() != nil:
		return linkEnd(r.GetLinkSpec().GetA()) + " to " + linkEnd(r.GetLinkSpec().GetB())
	case r.GetFlowRuleSpec() != nil:
		return r.GetFlowRuleSpec().GetHost() + ": " + flowText(r)
	case r.GetRouterSpec() != nil:
		return routerSummary(r)
	case r.GetTrunkSpec() != nil:
		return fmt.Sprintf("parent %s, subports: %d", r.GetTrunkSpec().GetPort(), len(r.GetTrunkSpec().GetSubPorts()))
	case r.GetFloatingIpSpec() != nil:
		return floatingSummary(r)
	case r.GetNatRuleSpec() != nil:
		return fmt.Sprintf("%s %s, %s", r.GetNatRuleSpec().GetType(), r.GetNatRuleSpec().GetExternalIp(), r.GetNatRuleSpec().GetInternalIp())
	case r.GetPortForwardingSpec() != nil:
		return fmt.Sprintf("%s %s to %s", r.GetPortForwardingSpec().GetProtocol(),
			endpoint(r.GetStatus().GetPortForwarding().GetExternalIp(), r.GetPortForwardingSpec().GetExternalPorts()),
			endpoint(r.GetStatus().GetPortForwarding().GetInternalIp(), internalPorts(r)))
	case r.GetSecurityGroupSpec() != nil, r.GetSecurityPolicySpec() != nil, r.GetAddressGroupSpec() != nil:
		return securitySummary(r)
	case r.GetFirewallGroupSpec() != nil, r.GetFirewallPolicySpec() != nil:
		return firewallSummary(r)
	case r.GetLoadBalancerSpec() != nil, r.GetListenerSpec() != nil, r.GetPoolSpec() != nil:
		return balancerSummary(r)
	case r.GetHealthMonitorSpec() != nil:
		return monitorSummary(r)
	case r.GetSegmentRangeSpec() != nil:
		s := r.GetSegmentRangeSpec()
		return fmt.Sprintf("%s %d to %d", s.GetNetworkType(), s.GetMinimum(), s.GetMaximum())
	}
	return ""
}

// linkEnd is where a link ends: "p1/eth2".
func linkEnd(e *weftv1.LinkEnd) string { return e.GetHost() + "/" + e.GetPort() }

// routerSummary is the router's addresses, and how many routes it has.
func routerSummary(r *weftv1.Resource) string {
	s := "no interfaces"
	if a := routerAddresses(r); len(a) > 0 {
		s = strings.Join(a, " ")
	}
	if a := outsideAddresses(r); len(a) > 0 {
		s += ", outside " + strings.Join(a, " ")
	}
	if n := len(r.GetRouterSpec().GetRoutes()); n > 0 {
		s += fmt.Sprintf(", routes: %d", n)
	}
	return s
}

// floatingSummary is the address, and what it stands for.
func floatingSummary(r *weftv1.Resource) string {
	f := r.GetStatus().GetFloatingIp()
	if f.GetFixedIp() == "" {
		return f.GetIp()
	}
	return fmt.Sprintf("%s for %s of %s", f.GetIp(), f.GetFixedIp(), r.GetFloatingIpSpec().GetPort())
}

// outsideAddresses are those of a router's gateway.
func outsideAddresses(r *weftv1.Resource) []string {
	var all []string
	for _, f := range r.GetStatus().GetRouter().GetExternalGateway().GetFixedIps() {
		all = append(all, f.GetIp())
	}
	return all
}

func routerAddresses(r *weftv1.Resource) []string {
	var all []string
	for _, i := range r.GetStatus().GetRouter().GetInterfaces() {
		all = append(all, i.GetAddress())
	}
	return all
}

func gateway(r *weftv1.Resource) string {
	ip := r.GetSubnetSpec().GetGatewayIp()
	if st := r.GetStatus().GetSubnet(); st != nil {
		ip = st.GetGatewayIp()
	}
	if ip == "" || ip == "none" {
		return "no gateway"
	}
	return "gateway " + ip
}

// ips are a port's addresses: those it has, or else those it wants.
func ips(r *weftv1.Resource) []string {
	fixed := r.GetStatus().GetPort().GetFixedIps()
	if fixed == nil {
		fixed = r.GetPortSpec().GetFixedIps()
	}
	var out []string
	for _, f := range fixed {
		if f.GetIp() != "" {
			out = append(out, f.GetIp())
		}
	}
	return out
}

func mac(r *weftv1.Resource) string {
	if m := r.GetStatus().GetPort().GetMacAddress(); m != "" {
		return m
	}
	return r.GetPortSpec().GetMacAddress()
}

func tunnelIP(r *weftv1.Resource) string {
	if ip := r.GetStatus().GetHost().GetTunnelIp(); ip != "" {
		return ip
	}
	return r.GetHostSpec().GetTunnelIp()
}

// phase is the status in a word.
func phase(r *weftv1.Resource) string {
	p := r.GetStatus().GetPhase()
	if p == weftv1.Status_PHASE_UNSPECIFIED {
		return "-"
	}
	return strings.ToLower(strings.TrimPrefix(p.String(), "PHASE_"))
}

// span is a duration for people: "4 ms", "1.5 s", "12 s", "3 min", "5 h", "2 d".
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(d.Milliseconds(), 0))
	case d < 10*time.Second:
		return strings.Replace(fmt.Sprintf("%.1f s", d.Seconds()), ".0 ", " ", 1)
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}
