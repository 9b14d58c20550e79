package ovsdb

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Desired is what a host's database should hold of ours. It is a level: set it whole, as often as wanted; the session compares it
// with what is there. What it does not name is left alone, unless we made it: then it is removed, or kept if Unwanted says so.
type Desired struct {
	Bridges     []DesiredBridge
	OtherConfig map[string]string // Open_vSwitch:other_config keys to set; other keys are kept, also those set by us before
	Unwanted    Unwanted          // what becomes of ours that is not named
}

// Unwanted says what becomes of bridges and ports that we made and that Desired does not name.
type Unwanted int

// The ways with what is not wanted.
const (
	RemoveUnwanted Unwanted = iota
	// KeepUnwanted is for when it is not known yet what all is wanted.
	KeepUnwanted
)

// DesiredBridge is a bridge that should exist. A bridge of that name that someone else made is adopted: the fields below that are
// not empty are set, controllers and ports are added, all else is kept, and the bridge is never removed.
type DesiredBridge struct {
	Name string
	// Elsewhere is a bridge that is for others to make. Until they have, its ports wait, and Status has a conflict.
	Elsewhere    bool
	DatapathType string   // "system", "netdev"; empty: as it is. Changing it makes ovs-vswitchd build the bridge anew
	FailMode     string   // "secure", "standalone"; empty: as it is
	Protocols    []string // must be allowed; others that are allowed are kept

	// Controllers should be the only ones that we made. An empty list leaves the ones that are there: Open vSwitch flushes all
	// flows of a bridge that loses its last controller.
	Controllers []DesiredController
	OtherConfig map[string]string // keys to set; other keys are kept
	Ports       []DesiredPort
}

// DesiredController is an OpenFlow connection that a bridge should keep. A foreign row with the same target will do.
type DesiredController struct {
	Target            string // "tcp:10.0.0.1:6653", "ssl:…", "unix:…"
	MaxBackoffMS      int    // longest wait between attempts; 0: Open vSwitch's default
	InactivityProbeMS int    // 0: Open vSwitch's default; negative: no probes
	ConnectionMode    string // "in-band", "out-of-band"; empty: Open vSwitch's default
}

// DesiredPort is a port of ours with its one interface; the maps are those of the Interface table. Options, OtherConfig and BFD
// are kept exactly so; of ExternalIDs the keys given are.
type DesiredPort struct {
	Name, Type    string // type: "vxlan", "geneve", "gre", "patch", "internal" …
	MAC           string // of an internal port; empty: as it is
	Options       map[string]string
	OtherConfig   map[string]string
	ExternalIDs   map[string]string
	BFD           map[string]string
	OFPortRequest int32 // 0: any
}

// ErrDesired is wrapped by what Status reports of a Desired that cannot be met on any host.
var ErrDesired = errors.New("desired state is contradictory")

// validate refuses what would make two rows of one name.
func (d *Desired) validate() error {
	bridges, ports := make(map[string]bool), make(map[string]string)
	for _, b := range d.Bridges {
		if b.Name == "" || bridges[b.Name] {
			return fmt.Errorf("%w: bridge %q is named twice or not at all", ErrDesired, b.Name)
		}
		bridges[b.Name] = true
		targets := make(map[string]bool)
		for _, c := range b.Controllers {
			if c.Target == "" || targets[c.Target] {
				return fmt.Errorf("%w: bridge %s: controller %q is named twice or not at all", ErrDesired, b.Name, c.Target)
			}
			targets[c.Target] = true
		}
	}
	for _, b := range d.Bridges {
		for _, p := range b.Ports {
			other, twice := ports[p.Name]
			if p.Name == "" || bridges[p.Name] {
				return fmt.Errorf("%w: bridge %s: a port cannot be named %q", ErrDesired, b.Name, p.Name)
			}
			if twice {
				return fmt.Errorf("%w: port %s is wanted on %s and on %s", ErrDesired, p.Name, other, b.Name)
			}
			ports[p.Name] = b.Name
		}
	}
	return nil
}

// clone copies what a caller may go on to change.
func (d Desired) clone() Desired {
	d.OtherConfig = maps.Clone(d.OtherConfig)
	d.Bridges = slices.Clone(d.Bridges)
	for i := range d.Bridges {
		b := &d.Bridges[i]
		b.Protocols, b.Controllers, b.Ports = slices.Clone(b.Protocols), slices.Clone(b.Controllers), slices.Clone(b.Ports)
		b.OtherConfig = maps.Clone(b.OtherConfig)
		for j := range b.Ports {
			p := &b.Ports[j]
			p.Options, p.OtherConfig = maps.Clone(p.Options), maps.Clone(p.OtherConfig)
			p.ExternalIDs, p.BFD = maps.Clone(p.ExternalIDs), maps.Clone(p.BFD)
		}
	}
	return d
}

// equal says whether nothing changed, so that a Desired set again costs nothing further.
func (d *Desired) equal(o *Desired) bool {
	return d.Unwanted == o.Unwanted && maps.Equal(d.OtherConfig, o.OtherConfig) && slices.EqualFunc(d.Bridges, o.Bridges, func(a, b DesiredBridge) bool {
		return a.Name == b.Name && a.Elsewhere == b.Elsewhere && a.DatapathType == b.DatapathType && a.FailMode == b.FailMode &&
			slices.Equal(a.Protocols, b.Protocols) && slices.Equal(a.Controllers, b.Controllers) &&
			maps.Equal(a.OtherConfig, b.OtherConfig) && slices.EqualFunc(a.Ports, b.Ports, equalPort)
	})
}

func equalPort(a, b DesiredPort) bool {
	return a.Name == b.Name && a.Type == b.Type && a.MAC == b.MAC && a.OFPortRequest == b.OFPortRequest &&
		maps.Equal(a.Options, b.Options) && maps.Equal(a.OtherConfig, b.OtherConfig) &&
		maps.Equal(a.ExternalIDs, b.ExternalIDs) && maps.Equal(a.BFD, b.BFD)
}
