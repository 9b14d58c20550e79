package compiletest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/weft-sdn/weft/controller/compile"
	"pgregory.net/rapid"
)

// World is one instance of the apps under test, with tables of its own.
type World[E any] struct {
	Config compile.Config
	Edit   func(E) // changes tables; must do the same in every world
}

// Report is what one Step of the serial engine did, for checks of the caller's own.
type Report[E any] struct {
	Edits []E      // all so far; the last ones are new in this Step
	Ran   []string // units that ran in this Step, sorted
	Probe *Probe
}

// Check draws edits and holds these against each other after every Step, byte for byte: an engine that followed all
// edits, one that did so with many workers, one that follows the first by deltas, and one that starts from scratch on the
// same rows. It fails the test with the difference. See, which may be nil, looks at each Step too.
func Check[E any](t *testing.T, fresh func() World[E], draw func(*rapid.T) E, see func(*rapid.T, Report[E])) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		serial, parallel := newRun(t, fresh(), 1), newRun(t, fresh(), 4)
		var edits []E
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			for range rapid.IntRange(1, 4).Draw(t, "edits") {
				edit := draw(t)
				edits = append(edits, edit)
				serial.world.Edit(edit)
				parallel.world.Edit(edit)
			}
			ran := serial.probe.Step()
			parallel.probe.Step()
			scratch := newRun(t, fresh(), 1)
			for _, edit := range edits {
				scratch.world.Edit(edit)
			}
			scratch.probe.Step()
			compare(t, serial.probe, parallel.probe, scratch.probe)
			if see != nil {
				see(t, Report[E]{edits, ran, serial.probe})
			}
		}
	})
}

type run[E any] struct {
	world World[E]
	probe *Probe
}

func newRun[E any](t *rapid.T, w World[E], workers int) run[E] {
	w.Config.Workers = workers
	if workers > 1 {
		w.Config.ParallelFrom = 1
	}
	p, err := start(w.Config)
	if err != nil {
		t.Fatalf("engine: %v", err)
	}
	return run[E]{w, p}
}

func compare(t *rapid.T, serial, parallel, scratch *Probe) {
	got := serial.Dump()
	if want := scratch.Dump(); got != want {
		t.Fatalf("following the edits differs from starting with their rows (- from scratch, + followed):\n%s", diff(want, got))
	}
	if other := parallel.Dump(); got != other {
		t.Fatalf("many workers differ from one (- one, + many):\n%s", diff(got, other))
	}
	if len(serial.Replica.Wrong) > 0 {
		t.Fatalf("deltas make no sense:\n%s", strings.Join(serial.Replica.Wrong, "\n"))
	}
	var hosts []string
	for _, name := range serial.Hosts() {
		hosts = append(hosts, dumpHost(serial.Host(name))...)
	}
	if want, got := strings.Join(hosts, "\n"), serial.Replica.Dump(); got != want {
		t.Fatalf("deltas do not lead to the desired state (- desired, + by deltas):\n%s", diff(want, got))
	}
}

func diff(want, got string) string {
	return cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n"))
}
