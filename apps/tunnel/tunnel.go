// Package tunnel keeps the tunnels of every host: one flow-based port for each technology that the host's networks use, which
// frames are let in by it, and watches over the ways to the hosts that it shares networks with.
//
// The way of a frame that another host sent: table classify knows its network by the tunnel's id; table tunnel_origin holds its
// source address, and the tunnel address that it comes from, against where the ports are. What fails is dropped and counted.
package tunnel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Config is what an operator may choose about tunnels. The zero value will do.
type Config struct {
	VXLANPort  uint16 // UDP destination port; 0: 4789
	GenevePort uint16 // UDP destination port; 0: 6081
	// BFDInterval is how often, in milliseconds, hosts that share a network tell each other that they are alive; 0: never.
	BFDInterval uint32
}

type app struct {
	*intent.Tables
	cfg Config
}

// New returns the app.
func New(t *intent.Tables, cfg Config) compile.App {
	a := app{t, cfg}
	rules := []compile.Rule{
		compile.About("port", t.Carried, carriedHost, a.port),
		compile.ForEach("group", t.Hosts, a.group),
		compile.ForEach("families", t.Networks, a.families),
		compile.ForEach("loose", t.Ports, a.loose),
		compile.About("arrive", t.Sites, siteNetwork, a.arrive),
		compile.ForEach("origin", t.Ports, a.origin),
		compile.About("routed", t.RouterInterfaces, interfaceRouter, a.routed),
	}
	if cfg.BFDInterval > 0 {
		rules = append(rules,
			compile.About("meet", t.Attachments, attachmentNetwork, a.meet),
			compile.About("watch", t.Ways, wayHost, a.watch))
	}
	return compile.App{Name: "tunnel", ID: 5, Rules: rules}
}

// What is noted of a tunnel is said of its host, what is noted of a site of its network.
func carriedHost(c intent.Carried) string          { return "host/" + c.Host }
func siteNetwork(s intent.Site) string             { return s.Network.String() }
func attachmentNetwork(x intent.Attachment) string { return x.Network.String() }
func wayHost(w intent.Way) string                  { return "host/" + w.Host }
func interfaceRouter(k intent.InterfaceOf) string  { return k.Router.String() }

// port makes the port of one technology on one host. What comes in by it and no network explains is dropped.
func (a app) port(r *table.Reader, c intent.Carried, out *compile.Out) {
	by, err := carry.Of(c.Type)
	if err != nil {
		return // l2 says so
	}
	tunneler, ok := by.(carry.Tunneler)
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
	t := tunneler.Device()
	out.Port(c.Host, compile.OVSPort{
		Bridge:  pipeline.Bridge,
		Name:    t.Port,
		Type:    t.Interface,
		OFPort:  t.OFPort,
		Options: a.options(t, portOptions(t, h)...),
	})
	out.Flow(c.Host, pipeline.Classify, 10, flow.Match{flow.U32(flow.InPort, t.OFPort)}, pipeline.Drop(pipeline.UnknownTunnelID))
}

// portOptions are those of the port that serves all remote hosts.
func portOptions(t carry.Tunnel, h intent.Host) []string {
	own := t.Options
	if own == nil {
		own = []string{"key=flow"}
	}
	all := append([]string{"local_ip=" + h.TunnelIP.String(), "remote_ip=flow"}, own...)
	slices.Sort(all)
	return all
}

// options joins the options of a tunnel's port, which are given in order of names.
func (a app) options(t carry.Tunnel, given ...string) string {
	if port := a.udpPort(t); port != t.UDP {
		given = append([]string{fmt.Sprintf("dst_port=%d", port)}, given...)
	}
	return strings.Join(given, ",")
}

// udpPort returns the UDP port to which a tunnel sends; 0 when it uses none.
func (a app) udpPort(t carry.Tunnel) uint16 {
	switch {
	case t.Interface == carry.VXLAN.Interface && a.cfg.VXLANPort != 0:
		return a.cfg.VXLANPort
	case t.Interface == carry.Geneve.Interface && a.cfg.GenevePort != 0:
		return a.cfg.GenevePort
	}
	return t.UDP
}
