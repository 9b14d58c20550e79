package intent

import (
	"fmt"
	"net/netip"
)

// Ending says what becomes of live connections when what translates them changes or goes. The zero Ending cuts them.
type Ending struct {
	Change OnChange `json:"change,omitempty"`
	Within uint32   `json:"within,omitempty"` // seconds until Drain cuts
}

// OnChange is a way to end connections.
type OnChange uint8

// The ways.
const (
	Cut   OnChange = iota // at once
	Drain                 // they go on until they end, and are cut after a while
	Keep                  // they go on until they end
)

// Translation is a way in which a host translates for a router, and so tells which connections it may have: with nothing but
// zone all that the router has there, with nothing but an external address those of that.
type Translation struct {
	Router   Key          `json:"router"`
	Host     string       `json:"host"`
	Zone     uint16       `json:"zone"`
	Of       Key          `json:"of,omitzero"` // who says so; zero: nobody, it follows from others
	External netip.Addr   `json:"external,omitzero"`
	Internal netip.Prefix `json:"internal,omitzero"`  // not valid: any
	Outward  bool         `json:"outward,omitempty"`  // connections from inside
	Inward   bool         `json:"inward,omitempty"`   // connections from outside
	Protocol uint8        `json:"protocol,omitempty"` // of IP; 0: all
	Ports    PortRange    `json:"ports,omitzero"`     // of the external address; zero: all
	To       PortRange    `json:"to,omitzero"`
	More     string       `json:"more,omitempty"` // what else distinguishes it from another
}

// String returns "router/red/r1 on h1: 198.51.100.7 and 10.0.0.5/32 by floatingip/red/f".
func (t Translation) String() string {
	s := fmt.Sprintf("%s on %s", t.Router, t.Host)
	if t.External.IsValid() {
		s += ": " + t.External.String()
	}
	if t.Internal.IsValid() {
		s += " and " + t.Internal.String()
	}
	if t.Protocol != 0 {
		s += fmt.Sprintf(" protocol %d ports %s to %s", t.Protocol, t.Ports, t.To)
	}
	if t.Of != (Key{}) {
		s += " by " + t.Of.String()
	}
	return s + fmt.Sprintf(" zone %d %t %t %s", t.Zone, t.Outward, t.Inward, t.More)
}

// Translating is a translation that is, and what becomes of its connections when it is no more.
type Translating struct {
	Translation
	Ending Ending
}

// Equal tells whether two rows are the same.
func (t Translating) Equal(o Translating) bool { return t == o }

// Translated is a translation that is or was, of which the host may have connections.
type Translated struct {
	Translation
	Ending Ending `json:"ending"`
	Until  int64  `json:"until,omitempty"` // when they are cut, in seconds of Unix time; 0: not known
}

// Equal tells whether two rows are the same.
func (t Translated) Equal(o Translated) bool { return t == o }
