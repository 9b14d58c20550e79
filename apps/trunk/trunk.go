// Package trunk lets one endpoint have ports on several networks (VLAN-aware endpoints, in Neutron's terms trunks): the frames
// that it tags with a subport's VLAN id are that port's, and those without a tag are the parent's.
//
// A subport has an OpenFlow port of its own: one end of a pair of patch ports, both on the integration bridge, that exists where
// the parent is plugged and carries the subport's iface-id. Table classify takes the tag off a frame of the subport and sends it
// through the pair; what is delivered to the subport comes out at the other end, gets the tag, and goes to the endpoint. So
// everything else (port security, DHCP, floods, routers) meets a subport as any other port, and what one subport sends to another
// of the same endpoint does not leave by the port that it came in by. Patch ports cost nothing once the datapath knows a flow.
package trunk

import (
	"encoding/base32"
	"hash/fnv"
	"strings"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// Priorities in table classify: over those of the parent's own frames.
const (
	prioSubport = 120
	prioUnknown = 110
)

const (
	tag         = 0x8100 // IEEE 802.1Q C-tag
	vlanPresent = 0x1000 // OpenFlow's bit for frames with a tag (OpenFlow 1.3, section 7.2.3.7)
)

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "trunk", ID: 12, Rules: []compile.Rule{
		compile.ForEach("parent", t.Trunks, a.parent),
		compile.About("subport", t.Subports, intent.Key.String, a.subport),
	}}
}

// parent drops what an endpoint tags with the VLAN id of no subport, unless its network takes every tag.
func (a app) parent(r *table.Reader, t intent.Trunk, out *compile.Out) {
	if !t.Up {
		out.Note(intent.ReasonDown, "the trunk is administratively down")
		return
	}
	b, ok := a.Bindings.Get(r, t.Parent)
	if !ok {
		out.Pending("%s is plugged in nowhere", t.Parent)
		return
	}
	if n, ok := a.Networks.Get(r, b.Network); ok && !n.Transparent {
		out.Flow(b.Host, pipeline.Classify, prioUnknown,
			flow.Match{flow.U32(flow.InPort, b.OFPort), flow.Masked(flow.VLANVID, vlanPresent, vlanPresent)},
			pipeline.Drop(pipeline.UnknownVLAN))
	}
}

// subport plugs a port in where its parent is, and leads frames between the two.
func (a app) subport(r *table.Reader, s intent.Subport, out *compile.Out) {
	t, ok := a.Trunks.Get(r, s.Trunk)
	if !ok {
		return
	}
	if !t.Up {
		out.Note(intent.ReasonDown, "%s is administratively down", s.Trunk)
		return
	}
	parent, ok := a.Bindings.Get(r, s.Parent)
	if !ok {
		return // its binding is pending, and says so
	}
	ids := ends(s.Port)
	names := [2]string{"weft-s-" + hash(ids[0]), "weft-t-" + hash(ids[0])}
	for i, name := range names {
		out.Port(parent.Host, compile.OVSPort{
			Bridge: pipeline.Bridge, Name: name, Type: "patch", Options: "peer=" + names[1-i], IfaceID: ids[i],
		})
	}
	for i := range a.InterfacesByID.List(r, ids[1]) {
		if i.Key.Host == parent.Host && i.OFPort != 0 {
			a.lead(s, parent, i.OFPort, out)
		}
	}
}

// lead takes frames between the parent's port and the end of the pair that is towards it.
func (a app) lead(s intent.Subport, parent intent.Binding, end uint32, out *compile.Out) {
	vid := flow.U32(flow.VLANVID, vlanPresent|s.VLAN)
	out.Flow(parent.Host, pipeline.Classify, prioSubport,
		flow.Match{flow.U32(flow.InPort, parent.OFPort), vid},
		flow.Actions{flow.PopVLAN(), flow.Output(end)})
	out.Flow(parent.Host, pipeline.Classify, prioSubport,
		flow.Match{flow.U32(flow.InPort, end)},
		flow.Actions{flow.PushVLAN(tag), flow.SetField(vid), flow.Output(parent.OFPort)})
}

// ends are the iface-ids of the two ends of a subport's pair: the port's own, and one that no port can have.
func ends(port intent.Key) [2]string {
	id := port.Project + "/" + port.Name
	return [2]string{id, "trunk:" + id}
}

// hash makes names fit the 15 characters of an interface's: 40 bits in 8 of them.
func hash(id string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // hashing cannot fail
	return strings.ToLower(base32.HexEncoding.EncodeToString(h.Sum(nil)[:5]))
}
