package main

import (
	"context"
	"fmt"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

const pushTarget = 0.9 // of what ovs-ofctl needs

func additions(flows []flow.Flow) []openflow.Mod {
	mods := make([]openflow.Mod, len(flows))
	for i, f := range flows {
		mods[i] = openflow.AddFlow(f)
	}
	return mods
}

// bundleSuite measures small bundles: the floor under every change.
func bundleSuite(ctx context.Context, b *bench) (err error) {
	o, err := b.newOVS(1000)
	if err != nil {
		return err
	}
	defer closing(o.close, &err)
	c, end, err := o.connection(ctx)
	if err != nil {
		return err
	}
	defer end()
	for _, n := range []int{1, 100, 1000} {
		var ms []float64
		for range b.choose(51, 3) {
			if err := c.Bundle(ctx, []openflow.Mod{openflow.DeleteFlows(openflow.AllTables, 0, 0, "")}); err != nil {
				return err
			}
			s, err := timed(func() error { return c.Bundle(ctx, additions(o.flows[:n])) })
			if err != nil {
				return err
			}
			ms = append(ms, s*1e3)
		}
		b.add(fmt.Sprintf("of.bundle.n%d_ms", n), "ms", ms)
	}
	return nil
}

// pushSuite fills an empty switch, with ours and with ovs-ofctl in turn.
func pushSuite(ctx context.Context, b *bench) (err error) {
	o, err := b.newOVS(b.choose(100_000, 1000))
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
