package compile_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/weft-sdn/weft/controller/compile/compiletest"
)

// TestParallelEqualsSerial has enough units for several chunks, with the engine's own threshold.
func TestParallelEqualsSerial(t *testing.T) {
	var dumps []string
	for _, workers := range []int{1, 4} {
		w := newToy()
		cfg := w.config()
		cfg.Workers = workers
		p := compiletest.New(t, cfg)
		for n := range 60 {
			w.nets.Put(toyNet{fmt.Sprint("net", n), uint32(n + 1)})
		}
		for i := range 1500 {
			w.ports.Put(toyPort{fmt.Sprint("p", i), fmt.Sprint("net", i%60), fmt.Sprint("h", i%37), uint32(i % 1400)})
		}
		p.Step()
		for n := range 30 {
			w.nets.Put(toyNet{fmt.Sprint("net", n), uint32(n + 1000)})
		}
		p.Step()
		dumps = append(dumps, p.Dump())
	}
	if dumps[0] != dumps[1] {
		t.Errorf("many workers differ from one:\n%s", cmp.Diff(dumps[0], dumps[1]))
	}
}

// TestReadersFromOtherGoroutines is for the race detector: everything that may be called at any time is, while the engine
// steps; and what is seen of a host is always the state between two Steps.
func TestReadersFromOtherGoroutines(t *testing.T) {
	w, p := story(t, toyPort{"a", "x", "h1", 1})
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if h := p.Host("h1"); len(h.Flows) != 3 || len(h.Meters) != 1 {
					t.Errorf("step %d: half a state: %+v", h.Seq, h)
					return
				}
				p.Notes("port/a")
				p.HostsOf("port/a")
				p.Hosts()
				p.Conflicts()
				p.Stats()
				p.Subjects()
			}
		})
	}
	for i := range uint32(300) {
		w.ports.Put(toyPort{"a", "x", "h1", 100 + i})
		p.Step()
	}
	close(stop)
	readers.Wait()
}
