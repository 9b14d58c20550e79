package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// Remember has the connection of a packet remembered that rules have let through, in its port's zone.
func Remember() flow.Action {
	return flow.CT(flow.CTSpec{Flags: flow.CTCommit, ZoneFrom: Zone, Exec: flow.Actions{flow.Move(Lasting, MarkLasting)}})
}

// Forget forgets what rules know of a packet's connection: it is about to be another one.
func Forget() flow.Action { return flow.SetField(flow.Join(Tracked.Is(0), Fresh.Is(0))) }
