// Package tunnel keeps the tunnel ports of every host's integration bridge: one flow-based port for each technology that
// the host's networks use.
package tunnel

import (
	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "tunnel", ID: 5, Rules: []compile.Rule{
		compile.About("port", t.Carried, carriedHost, a.port),
	}}
}

// port makes the port of one technology on one host.
func (a app) port(r *table.Reader, c intent.Carried, out *compile.Out) {
	by, err := carry.Of(c.Type)
	if err != nil {
		return // l2 says so
	}
	tunnel, ok := by.(carry.Tunnel)
	if !ok {
		return // it needs no tunnel
	}
	h, ok := a.Hosts.Get(r, c.Host)
	if !ok || !h.Up {
		return
	}
	if !h.TunnelIP.IsValid() {
		out.Pending("host %q has no tunnel address", c.Host)
		return
	}
	out.Port(c.Host, compile.OVSPort{
		Bridge:  pipeline.Bridge,
		Name:    tunnel.Port,
		Type:    tunnel.Interface,
		OFPort:  tunnel.OFPort,
		Options: "key=flow,local_ip=" + h.TunnelIP.String() + ",remote_ip=flow",
	})
}

// carriedHost says that what is noted of a tunnel is said of its host.
func carriedHost(c intent.Carried) string { return "host/" + c.Host }
