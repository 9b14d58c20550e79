package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// Limits of what switches learn by themselves.
const (
	// learnedFor is how long an address is remembered after the last frame from it, in seconds: what IEEE 802.1D recommends.
	learnedFor = 300
	// learnedLimit is how many addresses of one network a switch remembers: an attacker who makes up addresses fills its own
	// network's share.
	learnedLimit = 1024
	// learnedTag begins the cookies of learned flows. It is not flow.CookieTag, so that nobody holds them against what the
	// controller wants.
	learnedTag uint64 = 0x77 << 56 // "w"
)

// Learns tells whether a host remembers the ways to addresses of a network that are no port's: where the network has a wire,
// to have such addresses, and more than one way leads on.
func Learns(hasWire bool, segments int, onWire bool) bool {
	return hasWire && (segments > 1 || segments == 1 && !onWire)
}

// LearnedCookie is the cookie of flows that switches learn for something with a number. Open vSwitch counts a table's learned flows by it.
func LearnedCookie(number uint32) uint64 { return learnedTag | uint64(number) }

// LearnWire remembers that the frame's source address is to be reached by the segment of a wire.
func LearnWire(net uint32, via uint64) flow.Action { return learn(net, via) }

// LearnTunnel remembers that the frame's source address is to be reached by the segment of a tunnel, at the host that sent it.
func LearnTunnel(net uint32, via uint64, src, dst flow.FieldID) flow.Action {
	return learn(net, via, flow.LearnTerm{Kind: flow.LearnLoad, Src: flow.Whole(src), Dst: flow.Whole(dst)})
}

// LearnPath remembers that the frame's source address is to be reached by the segment of label-switched paths, at the host that
// sent it.
func LearnPath(net uint32, via uint64) flow.Action {
	return learn(net, via, flow.LearnTerm{Kind: flow.LearnLoad, Src: Edge, Dst: Edge})
}

// learn makes flows of table Learned. What they match is the network and the destination; the cookie is the network's, as
// Open vSwitch counts learned flows by cookie.
//
// Invariant: no learned flow is asked about an address that is a port's, as table L2 has those at a higher priority.
func learn(net uint32, via uint64, more ...flow.LearnTerm) flow.Action {
	return flow.Learn(flow.LearnSpec{
		HardTimeout: learnedFor, Priority: 1, Cookie: LearnedCookie(net), Table: Learned, Limit: learnedLimit,
		Terms: append([]flow.LearnTerm{
			{Kind: flow.LearnMatch, Src: Net, Dst: Net},
			{Kind: flow.LearnMatch, Src: flow.Whole(flow.EthSrc), Dst: flow.Whole(flow.EthDst)},
			{Kind: flow.LearnLoad, Value: flow.Bits{Lo: via}, Dst: Toward},
		}, more...),
	})
}
