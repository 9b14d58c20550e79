package intent

import (
	"slices"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// encapsulation is what is known of a type of network.
type encapsulation struct {
	typ string
	// overhead is how many bytes of what is sent between hosts, over IPv4 where it is IP, are not the tenant's packet:
	//
	//	vxlan   IPv4 20 + UDP 8 + VXLAN 8 + Ethernet 14                                        RFC 7348
	//	geneve  IPv4 20 + UDP 8 + Geneve 8 + Ethernet 14, and 8 kept free for one option       RFC 8926
	//	gre     IPv4 20 + GRE 4 + key 4 + Ethernet 14                                          RFC 2890
	//	nvgre   the same, of whose key 24 bits are the id                                      RFC 7637
	//	mpls    two labels of 4 + Ethernet 14                                                  RFC 3032, RFC 4448
	//	vlan    none: Ethernet has room for one tag                                            IEEE 802.3, clause 3.2.7
	//	qinq    two tags of 4, for which not every switch has room                             IEEE 802.1Q
	overhead int
	tunnel   bool // it goes in IP packets
	physical bool // it is on a physical network
	// ids are those that there are on the wire, and builtin those that are allocated where there is no SegmentRange. Zeros:
	// there are none.
	ids, builtin alloc.Range[alloc.ID]
}

// encapsulations are all types of networks, the default first.
func encapsulations() []encapsulation {
	upTo := func(bits int) alloc.Range[alloc.ID] {
		return alloc.Range[alloc.ID]{First: 1, Last: alloc.ID(1)<<bits - 1}
	}
	many, vlans := alloc.Range[alloc.ID]{First: 5001, Last: 1<<24 - 1}, alloc.Range[alloc.ID]{First: 1, Last: 4094}
	labels := alloc.Range[alloc.ID]{First: 16, Last: 1<<20 - 1} // those below have meanings of their own (RFC 3032, section 2.1)
	return []encapsulation{
		{typ: "vxlan", overhead: 50, tunnel: true, ids: upTo(24), builtin: many},
		{typ: "geneve", overhead: 58, tunnel: true, ids: upTo(24), builtin: many},
		{typ: "gre", overhead: 42, tunnel: true, ids: alloc.Range[alloc.ID]{First: 1, Last: 1<<32 - 1}, builtin: many},
		{typ: "nvgre", overhead: 42, tunnel: true, ids: upTo(24), builtin: many},
		{typ: "mpls-gre", overhead: 42, tunnel: true, ids: labels, builtin: alloc.Range[alloc.ID]{First: 5001, Last: labels.Last}},
		{typ: "mpls", overhead: 22, physical: true, ids: labels, builtin: alloc.Range[alloc.ID]{First: 1 << 19, Last: labels.Last}},
		{typ: "vlan", physical: true, ids: vlans, builtin: vlans},
		{typ: "flat", physical: true},
		{typ: "qinq", overhead: 8, physical: true, ids: vlans, builtin: vlans},
		{typ: "local"},
	}
}

// moreOfIPv6 is how many bytes the outer header of an IPv6 underlay is longer.
const moreOfIPv6 = 20

// encapsulationOf returns what is known of a type of network.
func encapsulationOf(typ string) (encapsulation, bool) {
	all := encapsulations()
	i := slices.IndexFunc(all, func(e encapsulation) bool { return e.typ == typ })
	if i < 0 {
		return encapsulation{}, false
	}
	return all[i], true
}

// numbered tells whether networks of the type have ids on the wire.
func (e encapsulation) numbered() bool { return e.ids.Last != 0 }

// types are the types of networks.
func types() []string {
	var names []string
	for _, e := range encapsulations() {
		names = append(names, e.typ)
	}
	return names
}

// space is where ids on the wire are unique: a type and, where it is on one, a physical network.
type space struct{ typ, physical string }

// String returns "vxlan", or "vlan/physnet1".
func (s space) String() string {
	if s.physical == "" {
		return s.typ
	}
	return s.typ + "/" + s.physical
}

// segmentFacts is one way to carry a network.
type segmentFacts struct {
	space
	id, inner alloc.ID // 0: none, or not chosen yet
}

// innerBits is how many bits of the number of a segment of type qinq are its inner VLAN id.
const innerBits = 12

// theOne is the number of the one segment of type flat that a physical network has.
const theOne alloc.ID = 1

// number is what no other segment in the space may have; false: there is nothing of the sort.
func (f segmentFacts) number() (alloc.ID, bool) {
	switch f.typ {
	case "local":
		return 0, false
	case "flat":
		return theOne, true
	case "qinq":
		return f.id<<innerBits | f.inner, f.id != 0
	}
	return f.id, f.id != 0
}

// numbers are the numbers of all segments whose ids are in a range.
func (s space) numbers(ids alloc.Range[alloc.ID]) alloc.Range[alloc.ID] {
	if s.typ != "qinq" {
		return ids
	}
	return alloc.Range[alloc.ID]{First: ids.First << innerBits, Last: (ids.Last+1)<<innerBits - 1}
}

// id is the id in a number.
func (s space) id(number alloc.ID) alloc.ID {
	if s.typ != "qinq" {
		return number
	}
	return number >> innerBits
}

// segmentsOf reads what was chosen for a stored network.
func segmentsOf(s *weftv1.NetworkStatus) []segmentFacts {
	if len(s.GetSegments()) == 0 { // as earlier versions stored it
		return []segmentFacts{{space: space{typ: s.GetType()}, id: alloc.ID(s.GetSegmentationId())}}
	}
	facts := make([]segmentFacts, len(s.GetSegments()))
	for i, one := range s.GetSegments() {
		facts[i] = segmentFacts{space{one.GetType(), one.GetPhysicalNetwork()}, alloc.ID(one.GetSegmentationId()), alloc.ID(one.GetInnerVlanId())}
	}
	return facts
}

// whole tells whether a segment has all that its type needs.
func (f segmentFacts) whole() bool {
	e, ok := encapsulationOf(f.typ)
	return ok && e.physical == (f.physical != "") && e.numbered() == (f.id != 0)
}
