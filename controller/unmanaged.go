package controller

import (
	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// unmanaged tells whether a host is one that never connects. A host that there is cannot become one; it is asked in a step,
// with the world's lock held.
func (w *world) unmanaged(name string) bool {
	_, is := w.peers[name]
	return is
}

// overlayUnmanaged fills in what there is to say of a host that never connects.
func (c *core) overlayUnmanaged(name string, status *weftv1.Status) {
	host := &weftv1.HostStatus{}
	status.Details = &weftv1.Status_Host{Host: host}
	v := verdict{status: status, phase: weftv1.Status_PHASE_ACTIVE}
	v.notes(c.world.engine.Notes(intent.Key{Kind: intent.KindHost, Name: name}.String()))
	c.world.describe(name, host)
	status.Phase = v.phase
}
