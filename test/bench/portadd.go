package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/netlab"
)

const (
	portMedianTarget = 5.0  // ms, spread, 5,000 ports
	portP99Target    = 15.0 // ms, spread, 5,000 ports
	portGrowthTarget = 1.5  // times the median at 100

	profileSeconds = 5
)

func spreadSuite(ctx context.Context, b *bench) error { return b.portAdd(ctx, spread) }
func localSuite(ctx context.Context, b *bench) error  { return b.portAdd(ctx, local) }

// portAdd measures one port more where there are 100, 1,000 and 5,000.
func (b *bench) portAdd(ctx context.Context, s shape) error {
	for _, k := range []int{100, 1000, 5000} {
		name := fmt.Sprintf("ctl.port_add.%s.k%d", s, k)
		if !strings.HasPrefix(name, b.only) && !strings.HasPrefix(b.only, name) {
			continue
		}
		if err := b.portAddAt(ctx, s, name, b.choose(k, k/50)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// portAddAt measures one port more where there are k, in a cloud of its own.
func (b *bench) portAddAt(ctx context.Context, s shape, name string, k int) (err error) {
	k -= k % 2
	c, err := b.newCloud(ctx, s, k)
	if err != nil {
		return err
	}
	defer closing(c.close, &err)
	if err := c.plug(ctx, k); err != nil {
		return err
	}
	extra, err := c.extras(ctx)
	if err != nil {
		return err
	}
	if err := c.grow(ctx, k); err != nil {
		return err
	}
	if _, _, err := c.addPorts(ctx, extra, b.choose(20, 1)); err != nil { // warm
		return err
	}
	before := c.usage()
	added, removed, err := c.addPorts(ctx, extra, b.choose(200, 4))
	if err != nil {
		return err
	}
	cpu := (c.usage().cpu - before.cpu) * 1e3 / float64(len(added)+len(removed))
	b.addPortResults(name, s, k, added, removed)
	b.add(name+".weftd_cpu_ms", "ms", []float64{cpu})
	return c.profilePorts(ctx, name, extra)
}

// extras plugs the interfaces of ports beyond those that exist, two on each host, and returns those ports.
func (c *cloud) extras(ctx context.Context) ([]*weftv1.Resource, error) {
	var extra []*weftv1.Resource
	for n := range 4 {
		r := extraPort(n)
		extra = append(extra, r)
		if err := c.hosts[n%realHosts].PlugDummy(netlab.IntegrationBridge, []string{project + "/" + r.Name}); err != nil {
			return nil, err
		}
	}
	return extra, c.synced(ctx)
}

// extraPort is a port on the first network, beyond those that are there.
func extraPort(n int) *weftv1.Resource {
	r := port(0)
	r.Name = fmt.Sprintf("extra%d", n)
	return r
}

// addPorts adds a port, waits, checks that both switches have it when the first is there, and takes it away again.
func (c *cloud) addPorts(ctx context.Context, ports []*weftv1.Resource, samples int) (added, removed []took, err error) {
	for i := range samples {
		p := ports[i%len(ports)]
		ref := &weftv1.ResourceRef{Kind: p.GetKind(), Project: p.GetProject(), Name: p.GetName()}
		t, err := c.apply(ctx, []*weftv1.Resource{p})
		if err != nil {
			return nil, nil, err
		}
		added = append(added, t)
		if i == 0 {
			if err := c.deliverable(ctx, ref); err != nil {
				return nil, nil, err
			}
		}
		if t, err = c.remove(ctx, client.DeleteOptions{}, ref); err != nil {
			return nil, nil, err
		}
		removed = append(removed, t)
	}
	return added, removed, nil
}

// deliverable demands that both switches send what is for a port's MAC address somewhere: that Wait did not promise too much.
func (c *cloud) deliverable(ctx context.Context, ref *weftv1.ResourceRef) error {
	r, err := c.Get(ctx, ref)
	if err != nil {
		return err
	}
	mac := r.GetStatus().GetPort().GetMacAddress()
	for _, h := range c.hosts {
		flows, err := h.DumpFlows(netlab.IntegrationBridge)
		if err != nil {
			return err
		}
		if mac == "" || !strings.Contains(strings.Join(flows, "\n"), "dl_dst="+mac) {
			return fmt.Errorf("host %s has no flow for %s (%s) of %d, and yet the revision counts as realised", h.Name(), r.GetName(), mac, len(flows))
		}
	}
	return nil
}

func (b *bench) addPortResults(name string, s shape, k int, added, removed []took) {
	total, apply, wait := milli(added, took.total), milli(added, func(t took) time.Duration { return t.apply }), milli(added, func(t took) time.Duration { return t.wait })
	var median, p99 []func(*Result)
	if s == spread && k == 5000 {
		median, p99 = append(median, targetValue(portMedianTarget)), append(p99, targetValue(portP99Target))
		if small, ok := b.find("ctl.port_add.spread.k100_ms"); ok {
			median = append(median, againstValue("the same with 100 ports", small.Value), targetRatio(portGrowthTarget))
		}
	}
	b.add(name+"_ms", "ms", total, median...)
	b.addP99(name+".p99_ms", total, p99...)
	b.add(name+".apply_ms", "ms", apply)
	b.add(name+".wait_ms", "ms", wait)
	b.add(name+".delete_ms", "ms", milli(removed, took.total))
}

func milli(all []took, of func(took) time.Duration) []float64 {
	ms := make([]float64, len(all))
	for i, t := range all {
		ms[i] = of(t).Seconds() * 1e3
	}
	return ms
}

// profilePorts adds ports for some seconds more and notes what weftd does meanwhile.
func (c *cloud) profilePorts(ctx context.Context, name string, extra []*weftv1.Resource) error {
	if c.b.quick || !strings.HasSuffix(name, ".k5000") {
		return nil
	}
	finish, err := c.profile(ctx, c.profilePath(name), profileSeconds)
	if err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < profileSeconds*time.Second; {
		if _, _, err := c.addPorts(ctx, extra, len(extra)); err != nil {
			return err
		}
	}
	text, err := finish()
	if err != nil {
		return err
	}
	c.b.notes = append(c.b.notes, note{"Profile of weftd: " + name + ", ports added and deleted without a pause", text})
	return nil
}
