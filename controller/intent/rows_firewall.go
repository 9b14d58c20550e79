package intent

import (
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/controller/table"
)

// FirewallGroup is interfaces of routers, and the policies that what comes and leaves by them is held against.
type FirewallGroup struct {
	Key     Key
	Tag     uint32 // its number in the flow tables
	Up      bool   // administratively; while it is not, everything is denied
	Ingress Key    // the policy about what comes to the router; zero: everything is denied
	Egress  Key    // the policy about what leaves it; zero likewise
	Faces   []FirewallFace
}

// Equal tells whether two rows are the same.
func (g FirewallGroup) Equal(o FirewallGroup) bool {
	return g.Key == o.Key && g.Tag == o.Tag && g.Up == o.Up && g.Ingress == o.Ingress && g.Egress == o.Egress && slices.Equal(g.Faces, o.Faces)
}

// FirewallFace is an interface of a router: by a subnet, by a port, or its gateway.
type FirewallFace struct {
	Router Key
	By     Key // the subnet or the port; zero: the gateway
}

// String returns "subnet red/web-v4 of router/red/r1" or "the gateway of router/red/r1".
func (f FirewallFace) String() string {
	if f.By == (Key{}) {
		return "the gateway of " + f.Router.String()
	}
	return fmt.Sprintf("%s of %s", f.By, f.Router)
}

// FirewallAt is a host where a router forwards packets by an interface of a firewall group.
type FirewallAt struct {
	Host  string
	Group Key
}

// String returns "firewallgroup/red/edge on h1".
func (f FirewallAt) String() string { return f.Group.String() + " on " + f.Host }

// Equal tells whether two rows are the same.
func (f FirewallAt) Equal(o FirewallAt) bool { return f == o }

// WalledRouter is a router some of whose interfaces are in a firewall group.
type WalledRouter struct{ Router Key }

// String returns "firewall of router/red/r1".
func (w WalledRouter) String() string { return "firewall of " + w.Router.String() }

// Equal tells whether two rows are the same.
func (w WalledRouter) Equal(o WalledRouter) bool { return w == o }

// FirewallDenied is the kind of counter of packets that a firewall group denied. What rules decided on is counted as for all lists of rules.
const FirewallDenied = "firewall-denied"

// firewalls makes what apps/firewall reads and derives.
func (t *Tables) firewalls() {
	t.FirewallGroups = table.New(t.DB, "firewallgroup", func(g FirewallGroup) Key { return g.Key })
	t.FirewallsAt = table.New(t.DB, "firewallat", func(f FirewallAt) FirewallAt { return f })
	t.WalledRouters = table.New(t.DB, "walledrouter", func(w WalledRouter) WalledRouter { return w })
	t.FirewalledOn = table.NewSet(t.FirewallsAt, "firewalls on", func(f FirewallAt, add func(string, bool)) { add(f.Host, true) })
}
