package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/netlab"
)

const (
	fleetHosts      = 50
	networksARouter = 10 // of a fleet
	dhcpRate        = 5000.0
	floatTarget     = 6.0 // ms
)

// fleetSuite measures what the controller does for 5,000 endpoints on 50 simulated hosts.
func fleetSuite(ctx context.Context, b *bench) (err error) {
	hosts := b.choose(fleetHosts, 2)
	c, fleet, err := b.newFleet(ctx, hosts)
	if err != nil {
		return err
	}
	defer closing(c.close, &err)
	defer closing(fleet.stop, &err)
	if err := c.storms(fleet, hosts*perFleetHost); err != nil {
		return fmt.Errorf("DHCP: %w", err)
	}
	return c.floats(ctx, hosts*perFleetHost)
}

// newFleet is weftd with hosts whose endpoints are all there: their networks joined ten by ten by routers that lead outside.
func (b *bench) newFleet(ctx context.Context, hosts int) (*cloud, *simulator, error) {
	dir, err := os.MkdirTemp(b.dir, "fleet-")
	if err != nil {
		return nil, nil, err
	}
	c := &cloud{b: b, dir: dir}
	if c.lab, err = netlab.New(netlab.Config{Name: "bench-fleet"}); err != nil {
		return nil, nil, err
	}
	fail := func(err error) (*cloud, *simulator, error) { return nil, nil, errors.Join(err, c.close()) }
	if c.weftd, err = b.startWeftd(ctx, c.lab, dir); err != nil {
		return fail(err)
	}
	if _, err := c.Apply(ctx, fleetIntent(hosts*perFleetHost)); err != nil {
		return fail(err)
	}
	fleet, err := startFleet(c.lab, hosts)
	if err != nil {
		return fail(err)
	}
	if err := c.fleetBound(ctx, hosts, perFleetHost); err != nil {
		return fail(errors.Join(err, fleet.stop()))
	}
	return c, fleet, nil
}

// fleetIntent are the ports of a fleet, fifty to a network, with their networks, the network outside, and the routers.
func fleetIntent(ports int) []*weftv1.Resource {
	resource := func(kind, name string, with func(*weftv1.Resource)) *weftv1.Resource {
		r := &weftv1.Resource{Kind: kind, Project: project, Name: name}
		with(r)
		return r
	}
	all := []*weftv1.Resource{
		resource("Network", "ext", func(r *weftv1.Resource) {
			r.Spec = &weftv1.Resource_NetworkSpec{NetworkSpec: &weftv1.NetworkSpec{Type: "flat", PhysicalNetwork: "ext", External: true}}
		}),
		resource("Subnet", "ext", func(r *weftv1.Resource) {
			r.Spec = &weftv1.Resource_SubnetSpec{SubnetSpec: &weftv1.SubnetSpec{Network: "ext", Cidr: "172.16.0.0/16"}}
		}),
	}
	for i := range ports {
		if i%perNetwork == 0 {
			n := i / perNetwork
			all = append(all, network(i)[0], resource("Subnet", networkName(i)+"-v4", func(r *weftv1.Resource) {
				r.Spec = &weftv1.Resource_SubnetSpec{SubnetSpec: &weftv1.SubnetSpec{Network: networkName(i), Cidr: fmt.Sprintf("10.%d.%d.0/24", n/256, n%256)}}
			}))
		}
		p := port(i)
		p.GetPortSpec().MacAddress = fleetMAC(i).String()
		all = append(all, p)
	}
	networks := (ports + perNetwork - 1) / perNetwork
	for first := 0; first < networks; first += networksARouter {
		all = append(all, resource("Router", fmt.Sprintf("r%d", first/networksARouter), func(r *weftv1.Resource) {
			spec := &weftv1.RouterSpec{ExternalGateway: &weftv1.ExternalGateway{Network: "ext"}}
			for n := first; n < min(first+networksARouter, networks); n++ {
				spec.Interfaces = append(spec.Interfaces, &weftv1.RouterInterface{Subnet: networkName(n*perNetwork) + "-v4"})
			}
			r.Spec = &weftv1.Resource_RouterSpec{RouterSpec: spec}
		}))
	}
	return all
}

// storms has all endpoints ask for their addresses at once, several times.
func (c *cloud) storms(fleet *simulator, endpoints int) error {
	var rates, waits []float64
	for i := range 1 + c.b.choose(9, 1) {
		s, err := fleet.storm()
		if err != nil {
			return err
		}
		if i > 0 { // the first one warms up
			rates, waits = append(rates, float64(endpoints)/s.Seconds), append(waits, s.Millis...)
		}
		if pause := 3 * time.Second; !c.b.quick {
			time.Sleep(pause) // what each endpoint may ask in a time is limited
		}
	}
	c.b.add("routing.control.dhcp_per_s", "exchanges/s", rates, targetMin(dhcpRate))
	c.b.add("routing.control.dhcp_ms", "ms", waits)
	c.b.addP99("routing.control.dhcp.p99_ms", waits)
	return nil
}

// floats gives ports a floating IP, one at a time, and takes it away.
func (c *cloud) floats(ctx context.Context, ports int) error {
	var added, removed []took
	warm := c.b.choose(20, 1)
	for i := range warm + c.b.choose(200, 4) {
		f := &weftv1.Resource{Kind: "FloatingIP", Project: project, Name: "f", Spec: &weftv1.Resource_FloatingIpSpec{
			FloatingIpSpec: &weftv1.FloatingIPSpec{Network: "ext", Port: portName(i * 37 % ports)}}}
		up, err := c.apply(ctx, []*weftv1.Resource{f})
		if err != nil {
			return err
		}
		down, err := c.remove(ctx, client.DeleteOptions{}, &weftv1.ResourceRef{Kind: f.Kind, Project: project, Name: f.Name})
		if err != nil {
			return err
		}
		if i >= warm {
			added, removed = append(added, up), append(removed, down)
		}
	}
	const name = "routing.control.float_add"
	total := milli(added, took.total)
	c.b.add(name+"_ms", "ms", total, targetValue(floatTarget))
	c.b.addP99(name+".p99_ms", total)
	c.b.add(name+".apply_ms", "ms", milli(added, func(t took) time.Duration { return t.apply }))
	c.b.add(name+".wait_ms", "ms", milli(added, func(t took) time.Duration { return t.wait }))
	c.b.add(name+".delete_ms", "ms", milli(removed, took.total))
	return nil
}
