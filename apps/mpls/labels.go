package mpls

import "github.com/weft-sdn/weft/controller/intent"

// Transport labels are given out below those that networks get by themselves. Labels below 16 have meanings of their own (RFC
// 3032, section 2.1).
const firstLabel, lastLabel = 16, 1<<19 - 1

// labels are those of a physical network. Each link of each path has one of its own, so that what a frame is on its way to is
// known wherever it is; and one that was given back is not given out soon.
type labels struct {
	taken map[uint32]bool
	last  uint32
}

func newLabels(t *intent.Tables, physical string) *labels {
	l := &labels{taken: map[uint32]bool{}, last: firstLabel - 1}
	for p := range t.Paths.Scan() {
		if p.Key.Physical != physical {
			continue
		}
		for _, hop := range p.Hops {
			l.taken[hop.Label] = true
			l.last = max(l.last, hop.Label)
		}
	}
	return l
}

// next returns the first free label after the last.
func (l *labels) next() (uint32, bool) {
	for range lastLabel - firstLabel + 1 {
		if l.last++; l.last > lastLabel {
			l.last = firstLabel
		}
		if !l.taken[l.last] {
			l.taken[l.last] = true
			return l.last, true
		}
	}
	return 0, false
}
