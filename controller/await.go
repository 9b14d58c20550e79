package controller

import (
	"context"
	"slices"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/reconcile"
	"github.com/weft-sdn/weft/northbound/api"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Await waits until no host in scope is still working on a revision.
func (c *core) Await(ctx context.Context, w api.Await) ([]*weftv1.HostProgress, error) {
	policy := reconcile.IgnoreOffline
	if w.OfflineCounts {
		policy = reconcile.WaitForOffline
	}
	scope := func() []string { return c.scope(w.Hosts, w.Resources) }
	var all []*weftv1.HostProgress
	for _, p := range c.board.Await(ctx, w.Revision, scope, policy) {
		all = append(all, &weftv1.HostProgress{Host: p.Host, State: stateOf[p.State], RealisedRevision: p.Realised, Message: p.Message})
	}
	return all, nil
}

var stateOf = map[reconcile.State]weftv1.HostProgress_State{
	reconcile.Pending:  weftv1.HostProgress_STATE_PENDING,
	reconcile.Realised: weftv1.HostProgress_STATE_REALISED,
	reconcile.Offline:  weftv1.HostProgress_STATE_OFFLINE,
	reconcile.Failed:   weftv1.HostProgress_STATE_FAILED,
}

// scope is the hosts that a wait is about: those named, or all, and of these only those that carry one of the resources.
func (c *core) scope(hosts []string, resources []intent.Key) []string {
	if len(hosts) == 0 {
		hosts = c.world.hostNames()
	}
	if len(resources) == 0 {
		return hosts
	}
	carry := map[string]bool{}
	for _, key := range resources {
		for _, h := range c.world.engine.HostsOf(key.String()) {
			carry[h] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return !carry[h] })
}
