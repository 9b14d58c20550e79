package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// DropReason is why frames are dropped, where operators want to know how many.
type DropReason uint8

// The reasons. Numbers are on switches: one once given is never given to another reason.
const (
	// UnknownTunnelID is of frames with a tunnel id that no network on the host has.
	UnknownTunnelID DropReason = 1
	// ForeignMAC is of frames whose sender may not use their source address: it belongs elsewhere, or to nobody, or the tunnel
	// address that they come from is no host with the network.
	ForeignMAC DropReason = 3 // 2 was of unknown tunnel addresses alone
	// UnknownVLAN is of frames that the endpoint of a trunk tagged with the VLAN id of no subport.
	UnknownVLAN DropReason = 4
	// UnknownLabel is of frames with labels that no path or no network explains.
	UnknownLabel DropReason = 5
	// ExpiredLabel is of frames that went by more label-switching routers than their time to live lets them.
	ExpiredLabel DropReason = 6
	// NoPath is of frames for a host to which there is no label-switched path.
	NoPath DropReason = 7
	// Oversize is of frames that are larger than their network carries.
	Oversize DropReason = 8
	// SpoofedAddress is of what a port sends with addresses that are not its own.
	SpoofedAddress DropReason = 9
	// RogueDHCP is of what a port sends as a DHCP server.
	RogueDHCP DropReason = 10
	// RogueRouter is of router advertisements and redirects of a port.
	RogueRouter DropReason = 11
	// PolicyDenied is of packets that security groups or administrators' policies do not let through.
	PolicyDenied DropReason = 16
	// InvalidState is of packets that belong to no connection and cannot open one.
	InvalidState DropReason = 17
	// FirewallDenied is of packets that firewalls of routers do not let through.
	FirewallDenied DropReason = 20
)

// DropReasons lists the reasons with their names in metrics and status.
var DropReasons = []struct {
	Reason DropReason
	Name   string
}{
	{UnknownTunnelID, "unknown-tunnel-id"},
	{ForeignMAC, "foreign-source-mac"},
	{UnknownVLAN, "unknown-vlan"},
	{UnknownLabel, "unknown-label"},
	{ExpiredLabel, "expired-label"},
	{NoPath, "no-label-switched-path"},
	{Oversize, "oversize"},
	{SpoofedAddress, "spoofed-address"},
	{RogueDHCP, "rogue-dhcp-server"},
	{RogueRouter, "rogue-router"},
	{PolicyDenied, "policy"},
	{InvalidState, "invalid-connection-state"},
	{FirewallDenied, "firewall"},
}

// Drop drops a frame and counts it. It costs a step of the lookup, and nothing for the frames that follow: what the
// datapath remembers is just to drop them.
func Drop(why DropReason) flow.Actions {
	return flow.Actions{Reason.Set(uint64(why)), flow.Goto(Dropped)}
}

// DropLarger drops and counts a frame that check_pkt_larger found too large. It is the datapath that compares the size, so
// Open vSwitch counts every frame at the flows of both outcomes, whatever its size; but a frame that begins anew after the
// comparison is counted by what it is. Taking off a label makes any frame begin anew, IP or not.
func DropLarger(why DropReason) flow.Actions {
	const mplsUnicast, experimental = 0x8847, 0x88b5 // what the rest of a dropped frame is taken for does not matter
	return append(flow.Actions{flow.PushMPLS(mplsUnicast), flow.PopMPLS(experimental)}, Drop(why)...)
}
