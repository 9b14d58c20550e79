package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// perRouter is how many ports' networks a router joins; all of them are in one security group, which lets its members in.
const perRouter = 10 * perNetwork

const (
	guardedChangeTarget = 6  // ms, one rule or port of a group more, spread, 5,000 ports
	guardedRules        = 50 // samples
)

func guardedSpreadSuite(ctx context.Context, b *bench) error {
	return b.guarded(ctx, spread, 30_000, 4)
}

func guardedLocalSuite(ctx context.Context, b *bench) error {
	return b.guarded(ctx, local, 50_000, 10)
}

func groupName(i int) string { return fmt.Sprintf("g%d", i/perRouter) }

// guardedPorts are the ports up to n-1 with their networks, routers and groups.
func guardedPorts(n int) ([]*weftv1.Resource, error) {
	all := intended(0, n)
	for _, r := range all {
		switch spec := r.GetSpec().(type) {
		case *weftv1.Resource_SubnetSpec:
			var number int
			if _, err := fmt.Sscanf(r.GetName(), "net%d-v4", &number); err != nil {
				return nil, err
			}
			spec.SubnetSpec.Cidr = fmt.Sprintf("10.%d.0.0/16", number%(perRouter/perNetwork))
		case *weftv1.Resource_PortSpec:
			var number int
			if _, err := fmt.Sscanf(r.GetName(), "p%d", &number); err != nil {
				return nil, err
			}
			spec.PortSpec.SecurityGroups = []string{groupName(number)}
		}
	}
	for i := 0; i < n; i += perRouter {
		var interfaces []string
		for j := i; j < min(i+perRouter, n); j += perNetwork {
			interfaces = append(interfaces, fmt.Sprintf("{subnet: %s-v4}", networkName(j)))
		}
		router := fmt.Sprintf("kind: Router\nproject: %s\nname: r%d\nspec: {interfaces: [%s]}\n", project, i/perRouter, strings.Join(interfaces, ", "))
		more, err := parsed(router + "---\n" + guardedGroup(i, ""))
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// guardedGroup is the group of port i, with another rule.
func guardedGroup(i int, more string) string {
	return fmt.Sprintf("kind: SecurityGroup\nproject: %s\nname: %s\nspec: {rules: [{name: members, direction: ingress, remoteGroup: %[2]s}%s]}\n", project, groupName(i), more)
}

// parsed reads a manifest.
func parsed(yaml string) ([]*weftv1.Resource, error) {
	docs, err := manifest.Decode("bench.yaml", strings.NewReader(yaml), manifest.Options{})
	if err != nil {
		return nil, err
	}
	var all []*weftv1.Resource
	for _, d := range docs {
		all = append(all, d.Resource)
	}
	return all, nil
}

// guarded measures ports with groups, for two numbers of them: all at once, and then one change more. Targets are for 5,000 ports: flows
// of a host, and seconds of all ports at once.
func (b *bench) guarded(ctx context.Context, s shape, flows, seconds float64) error {
	for _, k := range []int{500, 5000} {
		name := fmt.Sprintf("security.%s.k%d", s, k)
		if !strings.HasPrefix(name, b.only) && !strings.HasPrefix(b.only, name) {
			continue
		}
		var most, within, change []func(*Result)
		if k == 5000 {
			most, within = append(most, targetValue(flows)), append(within, targetValue(seconds))
			if s == spread {
				change = append(change, targetValue(guardedChangeTarget))
			}
		}
		if err := b.guardedAt(ctx, s, name, b.choose(k, k/10), most, within, change); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (b *bench) guardedAt(ctx context.Context, s shape, name string, k int, most, within, change []func(*Result)) (err error) {
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
	resources, err := guardedPorts(k)
	if err != nil {
		return err
	}
	rounds := b.choose(3, 1)
	var took, flows []float64
	for i := range rounds {
		t, err := c.apply(ctx, resources)
		if err != nil {
			return err
		}
		took = append(took, t.total().Seconds())
		if err := c.bound(ctx, k); err != nil {
			return err
		}
		n, err := c.flows(ctx)
		if err != nil {
			return err
		}
		flows = append(flows, n)
		if i < rounds-1 {
			if _, err := c.remove(ctx, client.DeleteOptions{Cascade: true}, guardedRefs(k)...); err != nil {
				return err
			}
		}
	}
	b.add(name+".bulk_s", "s", took, within...)
	b.add(name+".flows_per_host", "flows", flows, most...)
	b.add(name+".weftd_peak_mib", "MiB", []float64{c.usage().peak})
	b.add(name+".vswitchd_peak_mib", "MiB", []float64{usageOf(c.hosts[0].VswitchdPID()).peak, usageOf(c.hosts[1].VswitchdPID()).peak})
	return b.guardedChanges(ctx, c, name, extra, change)
}

// guardedRefs is what is deleted to be rid of everything.
func guardedRefs(n int) []*weftv1.ResourceRef {
	var refs []*weftv1.ResourceRef
	for i := 0; i < n; i += perRouter {
		refs = append(refs, &weftv1.ResourceRef{Kind: "Router", Project: project, Name: fmt.Sprintf("r%d", i/perRouter)},
			&weftv1.ResourceRef{Kind: "SecurityGroup", Project: project, Name: groupName(i)})
	}
	return append(refs, networks(n)...)
}

// guardedChanges measures one rule more for the group of the first ports, and one port more in it.
func (b *bench) guardedChanges(ctx context.Context, c *cloud, name string, extra []*weftv1.Resource, target []func(*Result)) error {
	var rules []float64
	for i := range 2 * b.choose(guardedRules, 2) {
		more := ""
		if i%2 == 0 {
			more = fmt.Sprintf(", {name: more, direction: ingress, protocol: tcp, ports: \"%d\"}", 1000+i)
		}
		group, err := parsed(guardedGroup(0, more))
		if err != nil {
			return err
		}
		t, err := c.apply(ctx, group)
		if err != nil {
			return err
		}
		rules = append(rules, t.total().Seconds()*1e3)
	}
	b.add(name+".rule_ms", "ms", rules, target...)
	for _, p := range extra {
		p.GetPortSpec().SecurityGroups = []string{groupName(0)}
	}
	if _, _, err := c.addPorts(ctx, extra, b.choose(10, 1)); err != nil { // warm
		return err
	}
	added, removed, err := c.addPorts(ctx, extra, b.choose(100, 2))
	if err != nil {
		return err
	}
	total := milli(added, took.total)
	b.add(name+".join_ms", "ms", total, target...)
	b.addP99(name+".join.p99_ms", total)
	b.add(name+".leave_ms", "ms", milli(removed, took.total))
	return nil
}
