package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// The register map. Registers are zero when a frame enters Classify.
var (
	// Net is the tag of the frame's network (NetworkStatus.tag); Classify sets it, and after that only a router does.
	Net = flow.Sub{ID: flow.Reg0, Off: 0, Len: 32}
	// OutPort is the OpenFlow port of this host to which Deliver hands the frame.
	OutPort = flow.Sub{ID: flow.Reg1, Off: 0, Len: 32}
	// FromTunnel is 1 for a frame that another host sent. Such a frame is never sent to a third one (split horizon).
	FromTunnel = flow.Sub{ID: flow.Reg2, Off: 0, Len: 1}
	// Reason is why the frame is dropped: the number of a Reason, for Dropped.
	Reason = flow.Sub{ID: flow.Reg2, Off: 8, Len: 8}
	// Shard is the part of a network's local ports to which FloodLocal copies the frame (see apps/l2).
	Shard = flow.Sub{ID: flow.Reg3, Off: 0, Len: 32}
	// Router is the tag of the router that the frame is at (RouterStatus.tag); RouterIn sets it.
	Router = flow.Sub{ID: flow.Reg5, Off: 0, Len: 32}
	// NextHop4 is the IPv4 address that a routed packet goes to next.
	NextHop4 = flow.Sub{ID: flow.Reg6, Off: 0, Len: 32}
	// NextHop6 is the same for IPv6: registers 8 to 11.
	NextHop6 = flow.Sub{ID: flow.XXReg2, Off: 0, Len: 128}
	// Slot is the hash of a flow over the next hops of a route.
	Slot = flow.Sub{ID: flow.Reg7, Off: 0, Len: 32}
)

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
	{"fromtunnel", FromTunnel, "1: another host sent the frame; it is not sent to a third one"},
	{"router", Router, "tag of the router that the frame is at"},
	{"nexthop4", NextHop4, "IPv4 address of the next hop"},
	{"nexthop6", NextHop6, "IPv6 address of the next hop"},
	{"slot", Slot, "hash of the flow over the next hops of its route"},
	{"reason", Reason, "why the frame is dropped"},
	{"shard", Shard, "which of the network's local ports a copy is for"},
}
