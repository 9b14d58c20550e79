package carry_test

import (
	"fmt"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
)

// kind is a type of network, and how its frames look between hosts.
type kind struct {
	typ string
	// ids are those of two networks on the wire; zeros: the type has none.
	ids [2]uint32
	// wires are the physical networks where their frames are; empty: the underlay.
	wires [2]string
	more  string // of the networks' spec
	// overhead is what of the underlay's MTU, over IPv4, is not the endpoints'.
	overhead uint32
	// looks is how often the datapath looks a frame up again on the host where it arrives; 0: once at most.
	looks int
	// layers are what tshark sees before the endpoint's own packet, the outer Ethernet header first.
	layers string
	// fields are what tshark must say of each frame of a network; several values of one field, outermost first, are parted by |.
	fields func(n *weftv1.NetworkStatus) map[string]string
	// also is what else must be true of each frame; nil: nothing.
	also func(n *weftv1.NetworkStatus, d e2e.Dissected) error
	// entropy is the field in which the frames of different conversations differ, so that a network of several paths spreads
	// them; empty: there is none.
	entropy string
}

// tenants are the two tenants of a kind. All have the same addresses and MACs.
func (k kind) tenants() [2]e2e.Tenant {
	return [2]e2e.Tenant{
		{Project: "red-" + k.typ, Type: k.typ, Spec: k.spec(0), VMs: 3},
		{Project: "blue-" + k.typ, Type: k.typ, Spec: k.spec(1), VMs: 2},
	}
}

// spec is the spec of a network, beside its type.
func (k kind) spec(n int) string {
	var parts []string
	if k.ids[n] != 0 {
		parts = append(parts, fmt.Sprintf("segmentationId: %d", k.ids[n]))
	}
	if k.wires[n] != "" {
		parts = append(parts, "physicalNetwork: "+k.wires[n])
	}
	if k.more != "" {
		parts = append(parts, k.more)
	}
	return strings.Join(parts, ", ")
}

// names are the fields that are looked at.
func (k kind) names() []string {
	var names []string
	for name := range k.fields(&weftv1.NetworkStatus{}) {
		names = append(names, name)
	}
	if k.entropy != "" {
		names = append(names, k.entropy)
	}
	return names
}

// check compares a frame of a network with what it must be.
func (k kind) check(n *weftv1.NetworkStatus, d e2e.Dissected) error {
	if !strings.HasPrefix(d.Layers(), k.layers+":") {
		return fmt.Errorf("the frame is %s, want %s:…", d.Layers(), k.layers)
	}
	for name, want := range k.fields(n) {
		// What the endpoints' own packets have of the field comes behind what carries them, and layers says how much that is.
		got := d[name]
		if got = got[:min(len(got), 1+strings.Count(want, "|"))]; strings.Join(got, "|") != want {
			return fmt.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if k.also != nil {
		return k.also(n, d)
	}
	return nil
}

// kinds are all types of networks that reach from host to host.
func kinds() []kind {
	return []kind{
		{
			typ: "vxlan", overhead: 50, ids: [2]uint32{7001, 0xffffff}, layers: "eth:ethertype:ip:udp:vxlan:eth", entropy: "udp.srcport",
			fields: func(n *weftv1.NetworkStatus) map[string]string {
				return map[string]string{"vxlan.vni": fmt.Sprint(n.GetSegmentationId()), "udp.dstport": "4789", "vxlan.flags": "0x0800"}
			},
		},
		{
			typ: "geneve", overhead: 58, ids: [2]uint32{7001, 0xffffff}, layers: "eth:ethertype:ip:udp:geneve:eth", entropy: "udp.srcport",
			fields: func(n *weftv1.NetworkStatus) map[string]string {
				return map[string]string{"geneve.vni": fmt.Sprintf("0x%06x", n.GetSegmentationId()), "udp.dstport": "6081", "geneve.proto_type": "0x6558"}
			},
		},
		{
			typ: "gre", overhead: 42, ids: [2]uint32{7001, 0xffffffff}, layers: "eth:ethertype:ip:gre:eth",
			fields: func(n *weftv1.NetworkStatus) map[string]string {
				return map[string]string{"gre.key": fmt.Sprintf("0x%08x", n.GetSegmentationId()), "gre.proto": "0x6558"}
			},
		},
		{
			typ: "nvgre", overhead: 42, ids: [2]uint32{7002, 0xfffffe}, layers: "eth:ethertype:ip:gre:eth", entropy: "gre.key",
			fields: func(*weftv1.NetworkStatus) map[string]string { return map[string]string{"gre.proto": "0x6558"} },
			also: func(n *weftv1.NetworkStatus, d e2e.Dissected) error {
				// The VSID is the upper 24 bits of the key, the FlowID, which is anything, the rest (RFC 7637, section 3.2).
				if want := fmt.Sprintf("0x%06x", n.GetSegmentationId()); !strings.HasPrefix(strings.Join(d["gre.key"], ""), want) {
					return fmt.Errorf("gre.key is %s, want %s??", d["gre.key"], want)
				}
				return nil
			},
		},
		{
			typ: "mpls-gre", overhead: 42, ids: [2]uint32{7001, 0xfffff}, layers: "eth:ethertype:ip:gre:mpls", looks: 2,
			fields: func(n *weftv1.NetworkStatus) map[string]string {
				return map[string]string{
					"gre.proto": "0x8847", "gre.flags_and_version": "0x0000", "mpls.label": fmt.Sprint(n.GetSegmentationId()), "mpls.bottom": "1", "mpls.ttl": "64",
				}
			},
		},
		{
			typ: "flat", wires: [2]string{"physnet1", "physnet2"}, layers: "eth:ethertype",
			fields: func(*weftv1.NetworkStatus) map[string]string { return map[string]string{"vlan.id": ""} },
		},
		{
			typ: "vlan", wires: [2]string{"physnet1", "physnet1"}, ids: [2]uint32{100, 101}, layers: "eth:ethertype:vlan:ethertype",
			fields: func(n *weftv1.NetworkStatus) map[string]string {
				return map[string]string{"vlan.id": fmt.Sprint(n.GetSegmentationId()), "eth.type": "0x8100"}
			},
		},
		{
			typ: "qinq", wires: [2]string{"physnet1", "physnet1"}, ids: [2]uint32{200, 201}, more: "innerVlanId: 7", overhead: 8,
			layers: "eth:ethertype:ieee8021ad:ethertype:vlan:ethertype",
			fields: func(n *weftv1.NetworkStatus) map[string]string {
				return map[string]string{"ieee8021ad.id": fmt.Sprint(n.GetSegmentationId()), "vlan.id": "7", "eth.type": "0x88a8"}
			},
		},
	}
}
