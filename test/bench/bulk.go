package main

import (
	"context"
	"fmt"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func bulkSpreadSuite(ctx context.Context, b *bench) error { return b.bulk(ctx, spread, 3) }
func bulkLocalSuite(ctx context.Context, b *bench) error  { return b.bulk(ctx, local, 8) }

// bulk measures 5,000 ports from nothing, several times; target is in seconds.
func (b *bench) bulk(ctx context.Context, s shape, target float64) (err error) {
	ports := b.choose(5000, 100)
	c, err := b.newCloud(ctx, s, ports)
	if err != nil {
		return err
	}
	defer closing(c.close, &err)
	if err := c.plug(ctx, ports); err != nil {
		return err
	}
	resources := intended(0, ports)
	var seconds, apply, cpu, switches, emptied, flows []float64
	for range b.choose(3, 1) {
		before, switchesBefore := c.usage(), c.switchesCPU()
		t, err := c.apply(ctx, resources)
		if err != nil {
			return err
		}
		seconds, apply, cpu = append(seconds, t.total().Seconds()), append(apply, t.apply.Seconds()), append(cpu, c.usage().cpu-before.cpu)
		switches = append(switches, c.switchesCPU()-switchesBefore)
		if err := c.bound(ctx, ports); err != nil {
			return err
		}
		n, err := c.flows(ctx)
		if err != nil {
			return err
		}
		flows = append(flows, n)
		if t, err = c.remove(ctx, client.DeleteOptions{Cascade: true}, networks(ports)...); err != nil {
			return err
		}
		emptied = append(emptied, t.total().Seconds())
	}
	name := "ctl.bulk5000." + string(s)
	b.add(name+"_s", "s", seconds, targetValue(target))
	b.add(name+".apply_s", "s", apply)
	b.add(name+".weftd_cpu_s", "s", cpu)
	b.add(name+".vswitchd_cpu_s", "s", switches)
	b.add(name+".flows_per_host", "flows", flows)
	b.add(name+".weftd_peak_mib", "MiB", []float64{c.usage().peak})
	b.add(name+".delete_s", "s", emptied)
	return c.profileBulk(ctx, name, resources, ports)
}

// switchesCPU is the processor time of all ovs-vswitchd, seconds.
func (c *cloud) switchesCPU() float64 {
	sum := 0.0
	for _, h := range c.hosts {
		sum += usageOf(h.VswitchdPID()).cpu
	}
	return sum
}

// flows is how many flows a real host should have, on average.
func (c *cloud) flows(ctx context.Context) (float64, error) {
	sum := 0.0
	for _, h := range c.hosts {
		r, err := c.Get(ctx, &weftv1.ResourceRef{Kind: "Host", Name: h.Name()})
		if err != nil {
			return 0, err
		}
		sum += float64(r.GetStatus().GetHost().GetFlows())
	}
	return sum / float64(len(c.hosts)), nil
}

func networks(ports int) []*weftv1.ResourceRef {
	var refs []*weftv1.ResourceRef
	for i := 0; i < ports; i += perNetwork {
		refs = append(refs, &weftv1.ResourceRef{Kind: "Network", Project: project, Name: networkName(i)})
	}
	return refs
}

// profileBulk applies everything once more and notes what weftd does meanwhile.
func (c *cloud) profileBulk(ctx context.Context, name string, resources []*weftv1.Resource, ports int) error {
	if c.b.quick {
		return nil
	}
	finish, err := c.profile(ctx, c.profilePath(name), profileSeconds)
	if err != nil {
		return err
	}
	if _, err := c.apply(ctx, resources); err != nil {
		return err
	}
	text, err := finish()
	if err != nil {
		return err
	}
	c.b.notes = append(c.b.notes, note{fmt.Sprintf("Profile of weftd: %s, %d ports applied at once", name, ports), text})
	return nil
}
