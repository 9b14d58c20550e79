package main

import (
	"context"
	"fmt"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
	"github.com/weft-sdn/weft/test/netlab"
)

const pushTarget = 0.9 // of what ovs-ofctl needs

func additions(flows []flow.Flow) []openflow.Mod {
	mods := make([]openflow.Mod, len(flows))
	for i, f := range flows {
		mods[i] = openflow.AddFlow(f)
	}
	return mods
}

// bundleSuite measures small bundles: the floor under every change, with no interfaces and with 2,500.
func bundleSuite(ctx context.Context, b *bench) error {
	for _, dummies := range []int{0, 2500} {
		if err := b.bundles(ctx, dummies); err != nil {
			return err
		}
	}
	return nil
}

// bundles measures a switch with so many interfaces.
func (b *bench) bundles(ctx context.Context, dummies int) (err error) {
	o, err := b.newOVS(1000, netlab.HostOptions{Dummy: dummies > 0})
	if err != nil {
		return err
	}
	defer closing(o.close, &err)
	ids := make([]string, b.choose(dummies, dummies/50))
	for i := range ids {
		ids[i] = ifaceID(i)
	}
	name := "of.bundle"
	if dummies > 0 {
		name = fmt.Sprintf("of.bundle.ifaces%d", dummies)
		if err := o.host.PlugDummy(benchBridge, ids); err != nil {
			return err
		}
	}
	c, end, err := o.connection(ctx)
	if err != nil {
		return err
	}
	defer end()
	for _, n := range []int{1, 100, 1000} {
		ms, err := o.bundleTimes(ctx, c, n, b.choose(51, 3))
		if err != nil {
			return err
		}
		b.add(fmt.Sprintf("%s.n%d_ms", name, n), "ms", ms)
	}
	return nil
}

// bundleTimes puts n flows into the empty switch, again and again, and returns milliseconds.
func (o *ovs) bundleTimes(ctx context.Context, c *openflow.Conn, n, samples int) ([]float64, error) {
	var ms []float64
	for range samples {
		if err := c.Bundle(ctx, []openflow.Mod{openflow.DeleteFlows(openflow.AllTables, 0, 0, "")}); err != nil {
			return nil, err
		}
		s, err := timed(func() error { return c.Bundle(ctx, additions(o.flows[:n])) })
		if err != nil {
			return nil, err
		}
		ms = append(ms, s*1e3)
	}
	return ms, nil
}

// pushSuite fills an empty switch, with ours and with ovs-ofctl in turn.
func pushSuite(ctx context.Context, b *bench) (err error) {
	o, err := b.newOVS(b.choose(100_000, 1000), netlab.HostOptions{})
	if err != nil {
		return err
	}
	defer closing(o.close, &err)
	c, end, err := o.connection(ctx)
	if err != nil {
		return err
	}
	defer end()
	ways := []func() error{func() error { return c.Bundle(ctx, additions(o.flows)) }, o.push}
	took := make([][]float64, len(ways))
	for i := range b.choose(9, 2) {
		for j := range ways {
			way := (i + j) % len(ways) // neither is always first
			if err := o.empty(); err != nil {
				return err
			}
			s, err := timed(ways[way])
			if err != nil {
				return err
			}
			if err := o.expect(len(o.flows)); err != nil {
				return err
			}
			took[way] = append(took[way], s)
		}
	}
	b.add("of.push100k_s", "s", took[0], against("ovs-ofctl --bundle add-flows", took[1]), targetRatio(pushTarget))
	return nil
}
