package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// The register map. Registers are zero when a frame enters Classify.
var (
	// Net is the tag of the frame's network (NetworkStatus.tag); Classify sets it, and no table changes it after that.
	Net = flow.Sub{ID: flow.Reg0, Off: 0, Len: 32}
	// OutPort is the OpenFlow port of this host to which Deliver hands the frame.
	OutPort = flow.Sub{ID: flow.Reg1, Off: 0, Len: 32}
	// FromTunnel is 1 for a frame that another host sent. Such a frame is never sent to a third one (split horizon).
	FromTunnel = flow.Sub{ID: flow.Reg2, Off: 0, Len: 1}
	// Shard is the part of a network's local ports to which FloodLocal copies the frame (see apps/l2).
	Shard = flow.Sub{ID: flow.Reg3, Off: 0, Len: 32}
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
	{"shard", Shard, "which of the network's local ports a copy is for"},
}
