package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func loadBalancerColumns() []resourceColumn {
	spec, st := (*weftv1.Resource).GetLoadBalancerSpec, func(r *weftv1.Resource) *weftv1.LoadBalancerStatus { return r.GetStatus().GetLoadBalancer() }
	return []resourceColumn{
		{"VIPS", left, func(r *weftv1.Resource) string { return strings.Join(st(r).GetVips(), " ") }},
		{"NETWORK", left, func(r *weftv1.Resource) string { return st(r).GetNetwork() }},
		{"PORT", left, func(r *weftv1.Resource) string { return spec(r).GetPort() }},
		{"STATUS", left, func(r *weftv1.Resource) string { return st(r).GetOperatingStatus() }},
	}
}

func listenerColumns() []resourceColumn {
	spec, st := (*weftv1.Resource).GetListenerSpec, func(r *weftv1.Resource) *weftv1.ListenerStatus { return r.GetStatus().GetListener() }
	return []resourceColumn{
		{"LOAD BALANCER", left, func(r *weftv1.Resource) string { return spec(r).GetLoadBalancer() }},
		{"PROTOCOL", left, func(r *weftv1.Resource) string { return spec(r).GetProtocol() }},
		{"PORTS", right, func(r *weftv1.Resource) string { return spec(r).GetPorts() }},
		{"POOL", left, func(r *weftv1.Resource) string { return spec(r).GetPool() }},
		{"STATUS", left, func(r *weftv1.Resource) string { return st(r).GetOperatingStatus() }},
		{"CONNECTIONS", right, func(r *weftv1.Resource) string { return strconv.FormatUint(st(r).GetConnections(), 10) }},
		{"BYTES IN", right, func(r *weftv1.Resource) string { return strconv.FormatUint(st(r).GetBytesIn(), 10) }},
		{"BYTES OUT", right, func(r *weftv1.Resource) string { return strconv.FormatUint(st(r).GetBytesOut(), 10) }},
	}
}

func poolColumns() []resourceColumn {
	return []resourceColumn{
		{"ALGORITHM", left, func(r *weftv1.Resource) string { return algorithm(r.GetPoolSpec()) }},
		{"MEMBERS", left, func(r *weftv1.Resource) string { return memberList(r.GetStatus().GetPool()) }},
		{"STATUS", left, func(r *weftv1.Resource) string { return r.GetStatus().GetPool().GetOperatingStatus() }},
	}
}

func algorithm(spec *weftv1.PoolSpec) string {
	if p := spec.GetSessionPersistence(); p != nil {
		return "SOURCE_IP, remembered" // whatever it is else: see SessionPersistence
	}
	return cmp.Or(spec.GetAlgorithm(), "FLOW_HASH")
}

// memberList is a pool's members, each with its share, or with what keeps it from having one.
func memberList(s *weftv1.PoolStatus) string {
	var all []string
	for _, m := range s.GetMembers() {
		if m.GetShare() > 0 {
			all = append(all, fmt.Sprintf("%s %d%%", m.GetName(), m.GetShare()))
		} else {
			all = append(all, m.GetName()+" "+m.GetOperatingStatus())
		}
	}
	return strings.Join(all, ", ")
}

// balancerSummary is the addresses of a load balancer, the ports of a listener, the size of a pool.
func balancerSummary(r *weftv1.Resource) string {
	switch {
	case r.GetLoadBalancerSpec() != nil:
		return strings.Join(r.GetStatus().GetLoadBalancer().GetVips(), ", ")
	case r.GetListenerSpec() != nil:
		l := r.GetListenerSpec()
		return fmt.Sprintf("%s %s of %s to %s", l.GetProtocol(), l.GetPorts(), l.GetLoadBalancer(), cmp.Or(l.GetPool(), "nobody"))
	}
	return fmt.Sprintf("%s, members: %d", algorithm(r.GetPoolSpec()), len(r.GetPoolSpec().GetMembers()))
}
