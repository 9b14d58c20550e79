package intent

import (
	"net/netip"
	"slices"
)

// Subnet is a subnet as apps see it.
type Subnet struct {
	Key     Key
	Network Key
	Prefix  netip.Prefix
	Gateway netip.Addr  // zero: none
	Mode    AddressMode // how ports get their addresses
	Told    bool        // somebody tells them

	DNS, NTP             []netip.Addr
	Routes               []HostRoute
	Lease                uint32 // seconds
	Domain               string
	Search               string // domains, with blanks between them
	BootFile, BootServer string
	Weight               Preference // of the router
}

// HostRoute is a route that endpoints are told.
type HostRoute struct {
	Destination netip.Prefix
	NextHop     netip.Addr
}

// Equal tells whether two rows are the same.
func (s Subnet) Equal(o Subnet) bool {
	return s.Key == o.Key && s.Network == o.Network && s.Prefix == o.Prefix && s.Gateway == o.Gateway && s.Mode == o.Mode && s.Told == o.Told &&
		slices.Equal(s.DNS, o.DNS) && slices.Equal(s.NTP, o.NTP) && slices.Equal(s.Routes, o.Routes) &&
		s.Lease == o.Lease && s.Domain == o.Domain && s.Search == o.Search && s.BootFile == o.BootFile && s.BootServer == o.BootServer &&
		s.Weight == o.Weight
}

// ExtraOption is a DHCP option that a port has for itself.
type ExtraOption struct {
	Family int // 4 or 6
	Code   uint16
	Data   string // octets
}
