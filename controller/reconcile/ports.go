package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/weft-sdn/weft/southbound/openflow"
)

// listPorts reads the switch's ports. What changes meanwhile is told by events that come after, the last of which says what
// the list says, or something newer.
func (r *Reconciler) listPorts(ctx context.Context) error {
	if r.Ports == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ports, err := r.Conn.Ports(ctx)
	if err != nil {
		return fmt.Errorf("list of ports: %w", err)
	}
	r.ports = map[uint32]openflow.Port{}
	for _, p := range ports {
		r.ports[p.Number] = p
	}
	r.tellPorts()
	return nil
}

// portChanged takes over what the switch says of one port.
func (r *Reconciler) portChanged(s *openflow.PortStatus) {
	if r.Ports == nil {
		return
	}
	if s.Reason == openflow.PortDeleted {
		delete(r.ports, s.Port.Number)
	} else {
		r.ports[s.Port.Number] = s.Port
	}
	r.tellPorts()
}

func (r *Reconciler) tellPorts() {
	r.Ports(slices.SortedFunc(maps.Values(r.ports), func(a, b openflow.Port) int { return cmp.Compare(a.Number, b.Number) }))
}
