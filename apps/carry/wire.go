package carry

import (
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Numbers of the patch ports to physical networks on the integration bridge.
const (
	firstPatch = 60000
	patches    = 4000
)

// Ethernet types of VLAN tags (IEEE 802.1Q).
const (
	customerTag = 0x8100 // 802.1Q C-tag
	serviceTag  = 0x88a8 // 802.1ad S-tag
)

// vlanPresent is the bit of OpenFlow's VLAN id that says that there is a tag (OpenFlow 1.3, section 7.2.3.7).
const vlanPresent = 0x1000

// PatchOFPort returns the OpenFlow port number of the patch port to a physical network on a host's integration bridge. The
// number follows from the name, so that no flow depends on the order in which physical networks came; of those that collide
// (names are all that the host has, in order), the later takes the next free one.
func PatchOFPort(names []string, physical string) uint32 {
	taken := make([]uint32, 0, len(names))
	for _, name := range names {
		at := hashOf(name) % patches
		for slices.Contains(taken, at) {
			at = (at + 1) % patches
		}
		if name == physical {
			return firstPatch + at
		}
		taken = append(taken, at)
	}
	return firstPatch + hashOf(physical)%patches
}

// PatchNames returns the names of the two ends of the wire to a physical network: in the integration bridge, and in the
// physical network's. They fit the 15 characters of an interface's name. The outer one is another one in another bridge: Open
// vSwitch 3.1 leaves a patch port that is moved between bridges in both, and in neither does it work.
func PatchNames(physical, bridge string) (inner, outer string) {
	return fmt.Sprintf("weft-p-%08x", hashOf(physical)), fmt.Sprintf("weft-q-%08x", hashOf(physical+" "+bridge))
}

func hashOf(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // hashing cannot fail
	return h.Sum32()
}

// withTag matches frames that come from the wire with a VLAN tag.
func withTag(s Segment, id uint32) flow.Match {
	return flow.Match{flow.U32(flow.InPort, s.OFPort), flow.U32(flow.VLANVID, vlanPresent|id)}
}

// pushTag puts a VLAN tag before what is there.
func pushTag(ethType uint16, id uint32) flow.Actions {
	return flow.Actions{flow.PushVLAN(ethType), flow.SetField(flow.U32(flow.VLANVID, vlanPresent|id))}
}
