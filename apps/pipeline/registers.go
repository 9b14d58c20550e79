package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// The register map. Registers are zero when a frame enters Classify.
var (
	// Net is the tag of the frame's network (NetworkStatus.tag); Classify sets it, and after that only a router does.
	Net = flow.Sub{ID: flow.Reg0, Off: 0, Len: 32}
	// OutPort is the OpenFlow port of this host to which Deliver hands the frame.
	OutPort = flow.Sub{ID: flow.Reg1, Off: 0, Len: 32}
	// Via is the way that the frame came by: 0 from a port of this host, else 1 + the index of the network's segment. A frame
	// is never sent back by the segment that it came by (split horizon).
	Via = flow.Sub{ID: flow.Reg2, Off: 0, Len: 8}
	// Reason is why the frame is dropped: the number of a Reason, for Dropped.
	Reason = flow.Sub{ID: flow.Reg2, Off: 8, Len: 8}
	// Toward is the way to the frame's destination as table learned knows it: 0 unknown, else 1 + the segment's index.
	Toward = flow.Sub{ID: flow.Reg12, Off: 16, Len: 8}
	// Asked is 1 for a frame that goes to those ports only that asked for its group.
	Asked = flow.Sub{ID: flow.Reg2, Off: 24, Len: 1}
	// Chosen is 1 for a frame to a group of which the members' hosts are chosen one by one: none but those get it.
	Chosen = flow.Sub{ID: flow.Reg12, Off: 24, Len: 1}
	// Large is 1 for a routed packet that is larger than the network that it goes to carries.
	Large = flow.Sub{ID: flow.Reg2, Off: 25, Len: 1}
	// Onward is 1 for a packet that another router of this host has sent on.
	Onward = flow.Sub{ID: flow.Reg2, Off: 26, Len: 1}
	// Giant is 1 for a frame of a port that is larger than its network carries. Ports of its host in its network may get it;
	// it goes no further.
	Giant = flow.Sub{ID: flow.Reg12, Off: 25, Len: 1}
	// Shard is the part of a network's local ports to which FloodLocal copies the frame (see apps/l2).
	Shard = flow.Sub{ID: flow.Reg3, Off: 0, Len: 32}
	// Router is the tag of the router that the frame is at (RouterStatus.tag); RouterIn sets it.
	Router = flow.Sub{ID: flow.Reg5, Off: 0, Len: 32}
	// NextHop4 is the IPv4 address that a routed packet goes to next.
	NextHop4 = flow.Sub{ID: flow.Reg6, Off: 0, Len: 32}
	// NextHop6 is the same for IPv6: registers 8 to 11.
	NextHop6 = flow.Sub{ID: flow.XXReg2, Off: 0, Len: 128}
	// OuterTag is the outer VLAN id of a frame that had two.
	OuterTag = flow.Sub{ID: flow.Reg12, Off: 0, Len: 12}
	// Outside is 1 for a packet that came to its router from an external network.
	Outside = flow.Sub{ID: flow.Reg13, Off: 0, Len: 1}
	// Turned is 1 for a packet that table turn had begin anew.
	Turned = flow.Sub{ID: flow.Reg13, Off: 1, Len: 1}
	// Error is 1 for a router's own message to the outside that says what became of a packet from there.
	Error = flow.Sub{ID: flow.Reg13, Off: 2, Len: 1}
	// Inner is the inner label of a frame that is about to go by a label-switched path. It has the register of NextHop4: the
	// next hop has been found when the way of a frame is.
	Inner = flow.Sub{ID: flow.Reg6, Off: 0, Len: 20}
	// Edge is the host at the other end of a label-switched path: of the one that the frame came by in ClassifyLabel and
	// LabelOrigin (0: nobody knows, its transport label is off already), of the one that it goes by in Paths. It has the register of Slot, which is used between those.
	Edge = flow.Sub{ID: flow.Reg7, Off: 0, Len: 32}
	// Time is the time to live of a label that has been taken off.
	Time = flow.Sub{ID: flow.Reg13, Off: 8, Len: 8}
	// Slot is the hash of a flow over the next hops of a route.
	Slot = flow.Sub{ID: flow.Reg7, Off: 0, Len: 32}
)

// Shared are pairs of registers that have the same bits: what the first one says has been acted on before the second one is set.
var Shared = [][2]string{{"nexthop4", "inner"}, {"slot", "edge"}}

// ViaSegment is Via for frames of a segment.
func ViaSegment(index int) uint64 { return uint64(1 + index) }

// Register is a row of the register map.
type Register struct {
	Name string
	Sub  flow.Sub
	Doc  string
}

// Registers is the register map, for dumps and documentation.
var Registers = []Register{
	{"net", Net, "tag of the frame's network"},
	{"outport", OutPort, "OpenFlow port to deliver to"},
	{"via", Via, "0: a port of this host sent the frame; else 1 + the segment that it came by and is not sent back by"},
	{"toward", Toward, "1 + the segment by which the destination was learned"},
	{"router", Router, "tag of the router that the frame is at"},
	{"nexthop4", NextHop4, "IPv4 address of the next hop"},
	{"nexthop6", NextHop6, "IPv6 address of the next hop"},
	{"slot", Slot, "hash of the flow over the next hops of its route"},
	{"outside", Outside, "1: the packet came to its router from an external network"},
	{"turned", Turned, "1: the packet has begun anew, being for an external address on its own host"},
	{"error", Error, "1: the packet is what a router says to the outside of a packet from there"},
	{"inner", Inner, "inner label of a frame that goes by a label-switched path"},
	{"edge", Edge, "number of the host at the other end of a label-switched path"},
	{"time", Time, "time to live of a label that has been taken off"},
	{"outertag", OuterTag, "outer VLAN id of a frame that had two"},
	{"reason", Reason, "why the frame is dropped"},
	{"asked", Asked, "1: only ports that asked for its group get the frame"},
	{"chosen", Chosen, "1: only hosts with a port that asked for its group get the frame"},
	{"large", Large, "1: the packet is larger than the network that it is routed to carries"},
	{"onward", Onward, "1: another router has sent the packet on"},
	{"giant", Giant, "1: the frame is larger than its network carries"},
	{"shard", Shard, "which of the network's local ports a copy is for"},
}
