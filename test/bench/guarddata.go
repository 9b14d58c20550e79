package main

import (
	"context"
	"fmt"

	"github.com/weft-sdn/weft/test/netlab"
)

// guardedYAML is one network with ports in a group that lets its members in, and one with ports that have none.
func guardedYAML() string {
	yaml := "kind: SecurityGroup\nproject: guarded\nname: members\nspec: {rules: [{direction: ingress, remoteGroup: members}]}\n"
	for _, n := range []struct{ name, groups string }{{"guarded", ", securityGroups: [members]"}, {"open", ""}} {
		yaml += fmt.Sprintf("---\nkind: Network\nproject: guarded\nname: %s\nspec: {type: vxlan}\n", n.name)
		yaml += fmt.Sprintf("---\nkind: Subnet\nproject: guarded\nname: %s\nspec: {network: %[1]s, cidr: 10.0.0.0/24}\n", n.name)
		for i := 1; i <= 3; i++ {
			yaml += fmt.Sprintf("---\nkind: Port\nproject: guarded\nname: %s%d\nspec: {network: %[1]s, fixedIps: [{ip: 10.0.0.1%d}], macAddress: \"fa:16:3e:00:00:1%[2]d\"%[4]s}\n", n.name, i, i, n.groups)
		}
	}
	return yaml
}

// guardedDataSuite sends packets between ports with groups, in turn with plain Open vSwitch, and with ports that have no groups.
func guardedDataSuite(ctx context.Context, b *bench) (err error) {
	l, err := b.newCarryLab(ctx)
	if err != nil {
		return err
	}
	defer closing(l.close, &err)
	resources, err := parsed(guardedYAML())
	if err != nil {
		return err
	}
	if _, err := l.Apply(ctx, resources); err != nil {
		return err
	}
	ends := map[string][3]*netlab.Endpoint{}
	for _, name := range []string{"guarded", "open"} {
		var three [3]*netlab.Endpoint
		for i, host := range []int{0, 0, 1} { // the third one is on the other host
			n := fmt.Sprint(i + 1)
			three[i], err = l.hosts[host].AddEndpoint(name+n, netlab.EndpointOptions{IfaceID: "guarded/" + name + n, MAC: "fa:16:3e:00:00:1" + n, Addresses: []string{"10.0.0.1" + n + "/24"}})
			if err != nil {
				return err
			}
		}
		ends[name] = three
	}
	for _, k := range []struct {
		name, plain string
		to          int
		peer        func(l *carryLab, k carryKind) (pair, error)
		may         []float64
	}{
		{"local", "two ports of a bridge", 1, plainBridge, []float64{2}},
		{"across", "a vxlan port", 2, plainTunnel("vxlan"), []float64{2, 3}},
	} {
		name := "security.data." + k.name
		if one := (suite{name: name}); !one.selected(b.only) {
			continue
		}
		ours, open := between(ends["guarded"][0], ends["guarded"][k.to]), between(ends["open"][0], ends["open"][k.to])
		plain, err := k.peer(l, carryKind{typ: k.name, key: 78})
		if err != nil {
			return err
		}
		if err := b.guardedKind(ctx, name, k.plain, ours, plain, open); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := b.countPasses(name, ours, k.may...); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// guardedKind measures one way, beside plain Open vSwitch and beside ports without groups.
func (b *bench) guardedKind(ctx context.Context, name, plainly string, ours, plain, open pair) error {
	connects := &connector{}
	for _, with := range []struct {
		name, what string
		peer       pair
	}{{name, "plain Open vSwitch, " + plainly, plain}, {name + ".groups", "ports without groups", open}} {
		if err := ours.reaches(); err != nil {
			return err
		}
		if err := with.peer.reaches(); err != nil {
			return err
		}
		figures := append([]figure{{name: "rtt_us", unit: "µs", measure: pair.roundTrip}}, carriedFigures(nil, nil)...)
		figures = append(figures, figure{"conn_per_s", "connections/s", nil, "conn_cpu_us", "µs per connection", nil,
			func(p pair, ctx context.Context) (carried, error) { return connects.rate(ctx, p) }})
		if err := b.compare(ctx, with.name, with.what, ours, with.peer, figures); err != nil {
			return err
		}
	}
	return nil
}
