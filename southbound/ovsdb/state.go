package ovsdb

import "slices"

// State is one host's switch database as last seen: immutable, shared, safe to keep. Two States of one session share the
// parts that did not change between them, so a reader finds what changed by comparing pointers.
type State struct {
	SystemID, Hostname, OVSVersion, DBVersion string

	ExternalIDs   map[string]string // Open_vSwitch:external_ids: weft-encap-ip, weft-bridge-mappings, weft-datapath-type …
	OtherConfig   map[string]string // Open_vSwitch:other_config
	DatapathTypes []string          // what ovs-vswitchd supports
	IfaceTypes    []string
	NextCfg       int64             // raised by each writer of configuration
	CurCfg        int64             // set by ovs-vswitchd when it has applied NextCfg of that value
	Bridges       map[string]Bridge // by name
	Interfaces    []*Interface      // sorted by name; an element that did not change is the same pointer as in the State before
}

// Bridge is a row of the Bridge table.
type Bridge struct {
	Name, DatapathID, DatapathType, FailMode string // DatapathID: 16 hex digits, empty until ovs-vswitchd made the bridge
	Protocols                                []string
	Ports                                    []string // port names, sorted
	ExternalIDs, OtherConfig                 map[string]string
	Controllers                              []Controller // sorted by target
	ControllerConnected                      bool         // at least one OpenFlow connection is up
	Owner                                    Owner
	Error                                    string // of the local port: why ovs-vswitchd could not make the bridge
}

// Controller is a row of the Controller table: an OpenFlow connection that a bridge keeps.
type Controller struct {
	Target    string
	Connected bool
	Owner     Owner
}

// Interface is a row of the Interface table, with the bridge that it is on.
type Interface struct {
	Name, Bridge, Type    string
	IfaceID, AttachedMAC  string // external_ids:iface-id and attached-mac: what Nova, libvirt and OVN set on an endpoint
	OFPort                int32  // 0 not known yet, -1 ovs-vswitchd could not make it: see Error
	LinkState, AdminState string // "up", "down" or empty
	MACInUse              string
	MTU                   int32
	Error                 string
	ExternalIDs           map[string]string // foreign interfaces: Config.KeepIDs; ours: all
	BFD                   map[string]string // bfd_status: forwarding, state, …; nil when BFD is off
	Owner                 Owner
}

// Owner says whose a row is.
type Owner string

// The owners of rows.
const (
	Foreign Owner = ""        // made by someone else: never changed, never removed
	Managed Owner = "managed" // made by us: kept exactly as desired, removed when not desired
	Adopted Owner = "adopted" // a bridge made by someone else that we were told to use: only what we need is set, never removed
)

// ownerKey is the external_ids key that carries Owner.
const ownerKey = "weft"

// Interface returns the interface of that name.
func (s *State) Interface(name string) (*Interface, bool) {
	i, ok := slices.BinarySearchFunc(s.Interfaces, name, func(i *Interface, name string) int { return compare(i.Name, name) })
	if !ok {
		return nil, false
	}
	return s.Interfaces[i], true
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
