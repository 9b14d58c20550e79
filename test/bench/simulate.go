package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/sim"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// simulateEnv makes this program a fleet of that many simulated hosts, in the namespace where weftd is, instead of benchmarks.
const simulateEnv = "WEFT_BENCH_SIMULATE"

// simulate runs hosts until ctx ends, plugs their interfaces as soon as their bridges are there, and then prints a line.
func simulate(ctx context.Context, count string, out io.Writer) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("%s: %w", simulateEnv, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	hosts := make([]*sim.Host, n)
	for i := range hosts {
		h := sim.NewHost(sim.HostConfig{
			SystemID: fmt.Sprintf("sim%d", i), TunnelIP: netip.AddrFrom4([4]byte{10, 98, byte(i >> 8), byte(i)}), Manager: "tcp:" + e2e.OVSDB,
		})
		hosts[i] = h
		g.Go(func() error { return h.Run(ctx) })
	}
	g.Go(func() error {
		for i, h := range hosts {
			if err := plugSim(ctx, h, i, n); err != nil {
				return err
			}
		}
		fmt.Fprintln(out, "plugged")
		return nil
	})
	return g.Wait()
}

// plugSim waits for a host's bridge and plugs the interfaces of its ports: every n-th one, so that the ports of a network are
// on as many hosts. The first host gets that of the extra port too.
func plugSim(ctx context.Context, h *sim.Host, i, n int) error {
	err := netlab.Eventually(simWithin, "bridge of "+h.SystemID(), func() error {
		if ctx.Err() == nil && !h.Ready() {
			return fmt.Errorf("host %s is not connected", h.SystemID())
		}
		return nil
	})
	if err != nil || ctx.Err() != nil {
		return err
	}
	ids := make([]string, 0, portsPerSim+1)
	for p := i; p < n*portsPerSim; p += n {
		ids = append(ids, ifaceID(p))
	}
	if i == 0 {
		ids = append(ids, project+"/"+extraPort(0).GetName())
	}
	for k, id := range ids {
		if _, err := h.Plug(id, flow.MACAddr{2, 0, byte(i >> 8), byte(i), byte(k >> 8), byte(k)}); err != nil {
			return err
		}
	}
	return nil
}
