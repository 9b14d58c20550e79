// Package apps is the list of apps that the controller runs.
package apps

import (
	"github.com/weft-sdn/weft/apps/arp"
	"github.com/weft-sdn/weft/apps/balancer"
	"github.com/weft-sdn/weft/apps/base"
	"github.com/weft-sdn/weft/apps/binding"
	"github.com/weft-sdn/weft/apps/byhand"
	"github.com/weft-sdn/weft/apps/dhcp"
	"github.com/weft-sdn/weft/apps/firewall"
	"github.com/weft-sdn/weft/apps/l2"
	"github.com/weft-sdn/weft/apps/mcast"
	"github.com/weft-sdn/weft/apps/monitor"
	"github.com/weft-sdn/weft/apps/mpls"
	"github.com/weft-sdn/weft/apps/nat"
	"github.com/weft-sdn/weft/apps/neighbour"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/apps/portsecurity"
	"github.com/weft-sdn/weft/apps/provider"
	"github.com/weft-sdn/weft/apps/route"
	"github.com/weft-sdn/weft/apps/security"
	"github.com/weft-sdn/weft/apps/segment"
	"github.com/weft-sdn/weft/apps/topology"
	"github.com/weft-sdn/weft/apps/trunk"
	"github.com/weft-sdn/weft/apps/tunnel"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
)

// Config is what an operator may choose about apps. The zero value will do.
type Config struct {
	Tunnel tunnel.Config
	Others []App // apps of other people, in the order in which frames pass their tables at one point
}

// All returns the apps over the given tables. Their IDs mark the cookies of their flows: an ID once given is never given to
// another app.
//
// Tables at points are those of other people's apps, which come after.
func All(t *intent.Tables, cfg Config, points ...pipeline.Table) []compile.App {
	return []compile.App{
		base.New(t, points...),    // 1
		binding.New(t),            // 2
		arp.New(t),                // 3
		portsecurity.New(t),       // 4
		tunnel.New(t, cfg.Tunnel), // 5
		l2.New(t),                 // 6
		segment.New(t),            // 7
		provider.New(t),           // 8
		mcast.New(t),              // 9
		trunk.New(t),              // 12
		topology.New(t),           // 10
		mpls.New(t),               // 11
		dhcp.New(t),               // 13
		route.New(t),              // 14
		nat.New(t),                // 15
		neighbour.New(t),          // 17
		security.New(t),           // 18, and 19 for its log
		balancer.New(t),           // 20
		monitor.New(t),            // 22
		firewall.New(t),           // 21
		byhand.New(t),             // 26
	}
}
