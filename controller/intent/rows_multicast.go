package intent

import (
	"fmt"
	"net/netip"
)

// Member is a group that a port asked for: an observed row, which apps/mcast writes. It is remembered across restarts of the
// controller, so that what was asked for goes on while nobody asks again.
type Member struct {
	Port   Key        `json:"port"`
	Group  netip.Addr `json:"group,omitzero"`  // zero: all of them; a multicast router is behind the port
	Source netip.Addr `json:"source,omitzero"` // zero: any
}

// String returns "239.1.1.1 for port/red/vm1", or "239.1.1.1 from 10.0.0.9 for port/red/vm1".
func (m Member) String() string {
	group := "all groups"
	if m.Group.IsValid() {
		group = m.Group.String()
	}
	if m.Source.IsValid() {
		group += " from " + m.Source.String()
	}
	return fmt.Sprintf("%s for %s", group, m.Port)
}

// Listener is a member where it is plugged.
type Listener struct {
	Member
	Shard  Shard
	OFPort uint32
}

// String returns the member and the shard.
func (l Listener) String() string { return l.Member.String() + " in " + l.Shard.String() }

// Heard says that ports of a shard listen to a group.
type Heard struct {
	Shard Shard
	Group netip.Addr // zero: all of them
}

// String returns "239.1.1.1 in network/red/web on h1, shard 2".
func (h Heard) String() string { return fmt.Sprintf("%s in %s", h.Group, h.Shard) }

// GroupOf is a group that somebody on a network listens to; the zero group stands for all of them.
type GroupOf struct {
	Network Key
	Group   netip.Addr
}

// String returns "239.1.1.1 on network/red/web".
func (g GroupOf) String() string { return fmt.Sprintf("%s on %s", g.Group, g.Network) }

// GroupAt is a group of a network on a host from which it may be sent.
type GroupAt struct {
	Site  Site
	Group netip.Addr
}

// String returns "239.1.1.1 at network/red/web on h1".
func (g GroupAt) String() string { return fmt.Sprintf("%s at %s", g.Group, g.Site) }
