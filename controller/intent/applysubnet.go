package intent

import (
	"net/netip"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// applySubnets accepts subnets one after the other: which ones overlap is told of the later one.
func (t *txn) applySubnets(drafts []*draft) {
	for _, d := range drafts {
		if t.networkOf(d) == nil {
			continue
		}
		if d.old != nil {
			t.checkSubnetUpdate(d, d.old.facts.(*subnetFacts))
		} else if other, ok := t.network(d.network).overlapping(d.subnet.block); ok {
			t.refuse(d, "spec.cidr", ReasonConflict, "%s overlaps %s (%s) on the same network", d.subnet.block, other.subnet, other.prefix)
			continue
		}
		if !d.bad {
			t.accept(d, subnetStatus(&d.subnet))
		}
	}
}

func (t *txn) checkSubnetUpdate(d *draft, old *subnetFacts) {
	t.immutable(d, "spec.network", old.network.relative(d.key.Project), d.network.relative(d.key.Project))
	t.immutable(d, "spec.cidr", old.block.String(), d.subnet.block.String())
	t.immutable(d, "spec.ipv6Mode", old.mode.formed(), d.subnet.mode.formed())
	t.keepRouters(d, old)
}

// checkGateways refuses gateways that ports have. It comes after the ports of the request, which may have let go of one.
func (t *txn) checkGateways(drafts []*draft) {
	for _, d := range drafts {
		gateway := d.subnet.gateway
		if s := t.subnets[d.key]; !d.bad && s != nil && gateway.IsValid() {
			if holder, taken := s.ips[gateway]; taken && holder.Kind != KindRouter {
				t.refuse(d, "spec.gatewayIp", ReasonConflict, "%s is in use by %s", gateway, holder)
			}
		}
	}
}

// subnetStatus tells the defaults that were filled in.
func subnetStatus(f *subnetFacts) *weftv1.Status {
	s := &weftv1.SubnetStatus{IpVersion: 6}
	if f.block.Addr().Is4() {
		s.IpVersion = 4
	}
	if f.gateway.IsValid() {
		s.GatewayIp = f.gateway.String()
	}
	for _, p := range f.pools {
		s.AllocationPools = append(s.AllocationPools, &weftv1.AllocationPool{Start: p.First.String(), End: p.Last.String()})
	}
	return &weftv1.Status{Details: &weftv1.Status_Subnet{Subnet: s}}
}

// applyHosts accepts hosts. All old tunnel addresses go first, so that hosts can trade theirs in one request.
func (t *txn) applyHosts(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, nil)
		}
	}
	for _, d := range drafts {
		t.keepManaged(d)
		if t.keepDatapath(d); d.bad {
			continue
		}
		if other, taken := t.switches[d.datapath]; taken {
			t.refuse(d, "spec.datapathId", ReasonConflict, "%s is that of %s", d.given.GetHostSpec().GetDatapathId(), other)
			continue
		}
		if other, taken := t.tunnels[d.tunnel]; taken && d.tunnel != (netip.Addr{}) {
			t.refuse(d, "spec.tunnelIp", ReasonConflict, "%s is the tunnel address of %s", d.tunnel, other)
			continue
		}
		t.accept(d, nil)
	}
}
