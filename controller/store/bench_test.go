package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/store"
	"github.com/weft-sdn/weft/controller/store/storetest"
)

// report adds the median and the 99th percentile of a benchmark's samples.
func report(b *testing.B, name string, samples []time.Duration) {
	slices.Sort(samples)
	b.ReportMetric(float64(samples[len(samples)/2].Microseconds()), name+"-p50-us")
	b.ReportMetric(float64(samples[len(samples)*99/100].Microseconds()), name+"-p99-us")
}

// benchChange measures a compare-and-swap of the size of a port, until it is acknowledged and until a watch of another
// goroutine has it. "watch" is the time from the acknowledgement to the watch, which may be negative.
func benchChange(b *testing.B, s store.Store) {
	value := make([]byte, 400)
	head, err := s.Txn(b.Context(), nil, []store.Op{store.Put("meta/head", value)})
	if err != nil {
		b.Fatal(err)
	}
	seen := make(chan time.Time, 1)
	go func() {
		for _, err := range s.Watch(b.Context(), "", head+1) {
			if err != nil {
				return
			}
			seen <- time.Now()
		}
	}()
	var txns, watches, lags []time.Duration
	for i := 0; b.Loop(); i++ {
		begin := time.Now()
		head, err = s.Txn(b.Context(), []store.Compare{{Key: "meta/head", Rev: head}},
			[]store.Op{store.Put("meta/head", value), store.Put(fmt.Sprintf("r/port/p/%05d", i%5000), value)})
		if err != nil {
			b.Fatal(err)
		}
		acked := time.Now()
		told := <-seen
		txns, watches, lags = append(txns, acked.Sub(begin)), append(watches, told.Sub(begin)), append(lags, told.Sub(acked))
	}
	report(b, "txn", txns)
	report(b, "txn+watch", watches)
	report(b, "watch", lags)
}

func BenchmarkEmbeddedChange(b *testing.B) { benchChange(b, openEmbedded(b, b.TempDir())) }

func BenchmarkClusterChange(b *testing.B) {
	benchChange(b, storetest.StartEtcd(b, storetest.EtcdOptions{}).Open(b, ""))
}

func BenchmarkMemoryChange(b *testing.B) { benchChange(b, store.NewMemory()) }

func BenchmarkEmbeddedApply30000(b *testing.B) {
	s := openEmbedded(b, b.TempDir())
	ops := make([]store.Op, 30_000)
	for i := range ops {
		ops[i] = store.Put(fmt.Sprintf("r/port/p/%05d", i), make([]byte, 400))
	}
	for b.Loop() {
		if _, err := s.Txn(b.Context(), nil, ops); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEmbeddedLoad20000(b *testing.B) {
	s := openEmbedded(b, b.TempDir())
	ops := make([]store.Op, 20_000)
	for i := range ops {
		ops[i] = store.Put(fmt.Sprintf("r/port/p/%05d", i), make([]byte, 400))
	}
	if _, err := s.Txn(b.Context(), nil, ops); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if kvs, _, err := s.Load(b.Context(), "r/"); err != nil || len(kvs) != len(ops) {
			b.Fatal(len(kvs), err)
		}
	}
}
