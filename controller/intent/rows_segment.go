package intent

import (
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/controller/table"
)

// Attachment says that a host takes part in a segment of a network: it sends and receives the network's frames by it.
type Attachment struct {
	Network Key
	Host    string
	Segment int
}

// String returns "network/red/web, segment 0 on h1".
func (a Attachment) String() string {
	return fmt.Sprintf("%s on %s", SegmentKey{a.Network, a.Segment}, a.Host)
}

// Site returns the host's part in the network.
func (a Attachment) Site() Site { return Site{a.Network, a.Host} }

// Held is a port of a network that one host alone can have (type local): the first of these has it.
type Held struct {
	Network Key
	Seq     uint64 // of the port's interface
	Host    string
}

// String returns "network/red/web held by h1".
func (h Held) String() string { return fmt.Sprintf("%s held by %s (%d)", h.Network, h.Host, h.Seq) }

// Holder is a host that has ports of a local network, with when one of them appeared.
type Holder struct {
	Seq  uint64
	Host string
}

// Wired says that a host's integration bridge needs a wire to the host's bridge for a physical network.
type Wired struct{ Host, Physical string }

// String returns "physnet1 on h1".
func (w Wired) String() string { return w.Physical + " on " + w.Host }

// Span is how the segments of a network hang together: bridges between them that make a tree, or several where no host has
// what it takes to bridge them.
type Span struct {
	Network Key
	Bridges []Bridge
}

// Bridge is a host that passes frames between two segments of a network.
type Bridge struct {
	Low, High int // segments, Low < High
	Host      string
}

// Equal tells whether two rows are the same.
func (s Span) Equal(o Span) bool { return s.Network == o.Network && slices.Equal(s.Bridges, o.Bridges) }

// other returns the segment at the other end of a bridge.
func (b Bridge) other(segment int) (int, bool) {
	switch segment {
	case b.Low:
		return b.High, true
	case b.High:
		return b.Low, true
	}
	return 0, false
}

// Hop is a step on the way between two hosts: the segment to send by, and the host to send to.
type Hop struct {
	Segment int
	Host    string
}

// Next returns the first step from a host that takes part in some segments to another that takes part in others. Host is
// empty when the other is reached directly. In a tree there is one way only, so that the frames of the other arrive by the
// same segment and from the same host.
func (s Span) Next(from, to []int) (Hop, bool) {
	by := map[int]string{} // segments reached, going back from the destination, and the bridge towards it
	for _, segment := range to {
		by[segment] = ""
	}
	for queue := slices.Clone(to); len(queue) > 0; queue = queue[1:] {
		if slices.Contains(from, queue[0]) {
			return Hop{queue[0], by[queue[0]]}, true
		}
		for _, b := range s.Bridges {
			if other, ok := b.other(queue[0]); ok {
				if _, seen := by[other]; !seen {
					by[other] = b.Host
					queue = append(queue, other)
				}
			}
		}
	}
	return Hop{}, false
}

// Beyond returns the segments that a host's bridges lead to from a segment, the nearest first.
func (s Span) Beyond(segment int, host string) []int {
	seen := []int{segment}
	var beyond []int
	for _, b := range s.Bridges {
		if other, ok := b.other(segment); ok && b.Host == host {
			beyond = append(beyond, other)
		}
	}
	for i := 0; i < len(beyond); i++ {
		seen = append(seen, beyond[i])
		for _, b := range s.Bridges {
			if other, ok := b.other(beyond[i]); ok && !slices.Contains(seen, other) && !slices.Contains(beyond, other) {
				beyond = append(beyond, other)
			}
		}
	}
	return beyond
}

// BridgesOn returns the hosts that bridge a segment with others, in order.
func (s Span) BridgesOn(segment int) []string {
	var hosts []string
	for _, b := range s.Bridges {
		if _, ok := b.other(segment); ok {
			hosts = append(hosts, b.Host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// Way returns the first step from a host to another within a network. Hop.Host is the host to send to, which may be the
// other itself.
func (t *Tables) Way(r *table.Reader, network Key, from, to string) (Hop, bool) {
	span, _ := t.Spans.Get(r, network)
	hop, ok := span.Next(t.AttachmentsAt.List(r, Site{network, from}), t.AttachmentsAt.List(r, Site{network, to}))
	if hop.Host == "" {
		hop.Host = to
	}
	return hop, ok
}
