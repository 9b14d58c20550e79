package compile_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// bigConfig leaves out flood: real apps derive tunnel ports per host, not per network.
func (w *toy) bigConfig() compile.Config {
	cfg := w.config()
	cfg.Apps[0].Rules = cfg.Apps[0].Rules[:1]
	return cfg
}

// bigToy is 20,000 ports on 1,000 networks and 100 hosts: 20 ports and 20 hosts a network, 400,000 flows of forward and
// 40,000 others.
func bigToy() *toy {
	w := newToy()
	for n := range 1000 {
		w.nets.Put(toyNet{fmt.Sprint("net", n), uint32(n + 1)})
	}
	for i := range 20_000 {
		w.ports.Put(bigPort(i, uint32(i+100)))
	}
	return w
}

func bigPort(i int, addr uint32) toyPort {
	net := i / 20
	return toyPort{fmt.Sprint("port", i), fmt.Sprint("net", net), fmt.Sprint("host", (net*7+i%20*5)%100), addr}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkBuild is the first Step: all rules on all rows.
func BenchmarkBuild(b *testing.B) {
	var flows, bytes float64
	for b.Loop() {
		b.StopTimer()
		w := bigToy()
		before := heap()
		e, err := compile.New(w.bigConfig())
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		e.Step(1)
		b.StopTimer()
		bytes = float64(heap() - before)
		flows = 0
		for _, h := range e.Hosts() {
			flows += float64(len(e.Host(h).Flows))
		}
		b.StartTimer()
	}
	b.ReportMetric(flows, "flows")
	b.ReportMetric(bytes/1e6, "MB")
	b.ReportMetric(bytes/flows, "B/flow")
}

// BenchmarkPortChange is one port's address changed: 20 flows on 20 hosts, a meter, a derived row, two flows more.
func BenchmarkPortChange(b *testing.B) {
	w := bigToy()
	e, err := compile.New(w.bigConfig())
	if err != nil {
		b.Fatal(err)
	}
	e.Step(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.ports.Put(bigPort(i*37%20_000, uint32(1_000_000+i)))
		if res := e.Step(int64(i + 2)); len(res.Hosts) != 20 {
			b.Fatalf("%d hosts changed, want 20", len(res.Hosts))
		}
	}
}

// BenchmarkPortAddRemove is one port more on a host that has its network already, and gone again.
func BenchmarkPortAddRemove(b *testing.B) {
	w := bigToy()
	e, err := compile.New(w.bigConfig())
	if err != nil {
		b.Fatal(err)
	}
	e.Step(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := bigPort(i*37%20_000, 2_000_000)
		p.Name = "new"
		if i%2 == 0 {
			w.ports.Put(p)
		} else {
			w.ports.Delete(p.Name)
		}
		e.Step(int64(i + 2))
	}
}

// BenchmarkEmitUnchanged is what one flow costs in a unit that runs again and emits what it did before.
func BenchmarkEmitUnchanged(b *testing.B) {
	const flows = 1000
	db := table.NewDB()
	rows := table.New(db, "row", func(n int) int { return n })
	clock := table.New(db, "clock", func(c [2]int) int { return c[0] })
	e, err := compile.New(compile.Config{DB: db, Apps: []compile.App{{Name: "toy", ID: 1, Rules: []compile.Rule{
		compile.ForEach("emit", rows, func(r *table.Reader, n int, out *compile.Out) {
			clock.Get(r, 0)
			for i := range uint32(flows) {
				out.Flow("host", 10, 100, flow.Match{flow.U32(flow.Reg0, 7), flow.U32(flow.InPort, i)}, flow.Actions{flow.Goto(20)})
			}
		}),
	}}}})
	if err != nil {
		b.Fatal(err)
	}
	rows.Put(1)
	e.Step(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		clock.Put([2]int{0, i + 1})
		if res := e.Step(1); res.Ran != 1 || len(res.Hosts) != 0 {
			b.Fatalf("ran %d units, changed %v", res.Ran, res.Hosts)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/flows, "ns/flow")
}
