package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// Trackable returns the protocols over IPv4 or IPv6 whose connections are tracked. 44 is what later fragments of IPv6 say, whatever they are
// fragments of.
func Trackable(ethType uint32) []uint32 {
	const ipv4 = 0x0800
	if ethType == ipv4 {
		return []uint32{1, 6, 17}
	}
	return []uint32{58, 6, 17, 44}
}

// Remember has the connection of a packet remembered that rules have let through, in its port's zone.
func Remember() flow.Action {
	return flow.CT(flow.CTSpec{Flags: flow.CTCommit, ZoneFrom: Zone, Exec: flow.Actions{flow.Move(Lasting, MarkLasting), flow.Move(Vouched, MarkVouched)}})
}

// Forget forgets what rules know of a packet's connection: it is about to be another one.
func Forget() flow.Action { return flow.SetField(flow.Join(Tracked.Is(0), Fresh.Is(0), Vouched.Is(0))) }
