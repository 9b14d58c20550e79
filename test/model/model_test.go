package model

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRoutersAgree draws topologies and sends a packet from every endpoint to every address, those of endpoints and some that
// are behind others: it must arrive where the model says, and nowhere else. Then something changes, and all of it again.
func TestRoutersAgree(t *testing.T) {
	arrived, lost := 0, 0
	check := func(rt *rapid.T) {
		w := newWorld(rt)
		topology := Draw(rt)
		for range rapid.IntRange(1, 3).Draw(rt, "states") {
			w.become(rt, topology)
			for from := range topology.Ports {
				for _, sent := range Packets(topology, from) {
					want := topology.Arrives(from, sent)
					got := w.send(rt, topology, from, sent)
					if !agree(topology, got, want) {
						rt.Fatalf("%s sends %+v: arrives at %v, want one of %v\n%s", topology.Ports[from].Name, sent, got, names(topology, want), topology.YAML())
					}
					if len(got) > 0 {
						arrived++
					} else {
						lost++
					}
				}
			}
			topology = Change(rt, topology)
		}
	}
	for range 3 { // a hundred topologies each
		rapid.Check(t, check)
	}
	if arrived < 1000 || lost < 1000 {
		t.Errorf("%d packets arrived and %d did not: too few to tell", arrived, lost)
	}
	t.Logf("%d packets arrived, %d did not", arrived, lost)
}

// agree tells whether a packet arrived where it may.
func agree(t Topology, got []string, want []int) bool {
	if len(got) == 0 {
		return slices.Contains(want, Lost)
	}
	return len(got) == 1 && slices.Contains(names(t, want), got[0])
}

func names(t Topology, ports []int) []string {
	var all []string
	for _, p := range ports {
		if p == Lost {
			all = append(all, "nowhere")
			continue
		}
		all = append(all, t.Ports[p].Name)
	}
	return all
}
