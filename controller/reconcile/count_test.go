package reconcile

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/southbound/flow"
)

// step is something that happens to the counted flows of a host: they are wanted or not, or the switch tells what they saw.
type step struct {
	want  map[uint16]string // counted flows by priority from here on: counter
	reads map[uint16]uint64 // packets
	total map[string]uint64 // packets of each counter after that
}

func TestCounts(t *testing.T) {
	tests := map[string][]step{
		"what two flows saw is added": {
			{want: map[uint16]string{1: "a", 2: "a", 3: "b"}, reads: map[uint16]uint64{1: 5, 2: 7, 3: 1}, total: map[string]uint64{"a": 12, "b": 1}},
			{reads: map[uint16]uint64{1: 6, 2: 7, 3: 1}, total: map[string]uint64{"a": 13, "b": 1}},
		},
		"a flow that begins anew does not count backwards": {
			{want: map[uint16]string{1: "a"}, reads: map[uint16]uint64{1: 100}, total: map[string]uint64{"a": 100}},
			{reads: map[uint16]uint64{1: 3}, total: map[string]uint64{"a": 103}},
			{reads: map[uint16]uint64{1: 4}, total: map[string]uint64{"a": 104}},
		},
		"a counter goes on with another flow": {
			{want: map[uint16]string{1: "a"}, reads: map[uint16]uint64{1: 100}, total: map[string]uint64{"a": 100}},
			{want: map[uint16]string{2: "a"}, reads: map[uint16]uint64{2: 1}, total: map[string]uint64{"a": 101}},
		},
		"a flow that counts for another counter": {
			{want: map[uint16]string{1: "a"}, reads: map[uint16]uint64{1: 100}, total: map[string]uint64{"a": 100}},
			{want: map[uint16]string{1: "b"}, reads: map[uint16]uint64{1: 2}, total: map[string]uint64{"b": 2}},
		},
		"a counter without flows is gone": {
			{want: map[uint16]string{1: "a", 2: "b"}, total: map[string]uint64{"a": 0, "b": 0}},
			{want: map[uint16]string{2: "b"}, reads: map[uint16]uint64{1: 9}, total: map[string]uint64{"b": 0}},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			board, wanted := NewBoard(), map[uint16]string{}
			for i, s := range steps {
				if s.want != nil {
					board.Apply(1, []compile.HostDelta{difference(wanted, s.want)})
					wanted = s.want
				}
				for priority, packets := range s.reads {
					board.Target("h1").counts.read(flow.Key{Table: 62, Priority: priority}, Count{Packets: packets, Bytes: 100 * packets}, 0)
				}
				got := map[string]uint64{}
				for subject, c := range board.Counts("h1", "drop") {
					got[subject] = c.Packets
					if c.Bytes != 100*c.Packets {
						t.Errorf("step %d: %s has %d packets and %d bytes", i, subject, c.Packets, c.Bytes)
					}
				}
				if d := cmp.Diff(s.total, got); d != "" {
					t.Errorf("step %d (-want +got):\n%s", i, d)
				}
			}
		})
	}
}

// difference is what the engine says when other flows are counted.
func difference(before, after map[uint16]string) compile.HostDelta {
	d := compile.HostDelta{Host: "h1"}
	for priority := range before {
		if _, stays := after[priority]; !stays {
			d.RemovedCounters = append(d.RemovedCounters, flow.Key{Table: 62, Priority: priority})
		}
	}
	for priority, counter := range after {
		if before[priority] != counter {
			d.AddedCounters = append(d.AddedCounters, compile.CountedFlow{
				Key: flow.Key{Table: 62, Priority: priority}, Counter: compile.Counter{Kind: "drop", Subject: counter},
			})
		}
	}
	return d
}

// What flows had counted when this process first saw them is no news; what they count from then on is.
func TestNews(t *testing.T) {
	board := NewBoard()
	board.Apply(1, []compile.HostDelta{difference(nil, map[uint16]string{1: "found", 2: "added"})})
	read := func(priority uint16, packets uint64, age time.Duration) {
		board.Target("h1").counts.read(flow.Key{Table: 62, Priority: priority}, Count{Packets: packets}, age)
	}
	read(1, 1000, time.Hour)
	read(2, 5, 0)
	read(1, 1003, time.Hour+time.Second)
	want := map[string]map[string]uint64{"h1": {"found": 3, "added": 5}}
	if d := cmp.Diff(want, board.News("drop")); d != "" {
		t.Errorf("news (-want +got):\n%s", d)
	}
	if got := board.Counts("h1", "drop")["found"].Packets; got != 1003 {
		t.Errorf("%d packets in all, want 1003", got)
	}
}
