package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

const (
	encodeTarget = 100 // ns
	decodeTarget = 250 // ns
	decodeAllocs = 2
)

// fields are match and actions of a flow that sends what is for a MAC address through a tunnel to a host, as an app says it.
func fields(i int) (flow.Match, flow.Actions) {
	mac := flow.MACAddr{0xfa, 0x16, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
	return flow.Match{flow.U32(flow.Reg0, uint32(i%4000)), flow.MAC(flow.EthDst, mac)},
		flow.Actions{flow.SetField(flow.U64(flow.TunID, uint64(i%4000))), flow.SetField(flow.U32(flow.TunDst, 0x0a630000|uint32(i%250))), flow.Output(1)}
}

// benchTable is where the flows of benchmarks are.
const benchTable = 20

// benchFlow is the i-th flow of a benchmark, with the cookie that says what it is; app tells generations apart.
func benchFlow(i int, app uint8) (flow.Flow, error) {
	match, actions := fields(i)
	f, err := flow.New(benchTable, 100, match, actions)
	if err != nil {
		return f, err
	}
	f.Cookie = flow.Cookie(app, f.Table, f.Priority, f.Match, f.Instructions)
	return f, nil
}

// benchFlows are n different flows.
func benchFlows(n int) ([]flow.Flow, error) {
	flows := make([]flow.Flow, n)
	for i := range flows {
		var err error
		if flows[i], err = benchFlow(i, 1); err != nil {
			return nil, err
		}
	}
	return flows, nil
}

// repeat calls work, which does something n times, and returns nanoseconds and heap allocations of each time, sample by sample.
func repeat(samples, n int, work func(n int) error) (ns, allocs []float64, err error) {
	var before, after runtime.MemStats
	for range samples {
		runtime.ReadMemStats(&before)
		began := time.Now()
		if err := work(n); err != nil {
			return nil, nil, err
		}
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		ns = append(ns, float64(took.Nanoseconds())/float64(n))
		allocs = append(allocs, float64((after.Mallocs-before.Mallocs)/uint64(n)))
	}
	return ns, allocs, nil
}

func encodeSuite(_ context.Context, b *bench) error {
	flows, err := benchFlows(1024)
	if err != nil {
		return err
	}
	buf := make([]byte, 0, 1024)
	ns, allocs, err := repeat(b.choose(21, 3), b.choose(1_000_000, 10_000), func(n int) error {
		for i := range n {
			buf = openflow.AppendFlow(buf[:0], uint32(i), openflow.FlowAdd, &flows[i&1023])
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.add("of.encode.flowmod_ns", "ns", ns, targetValue(encodeTarget))
	b.add("of.encode.flowmod_allocs", "allocations", allocs)

	match, actions := fields(7)
	scratch := make([]byte, 0, 512)
	ns, allocs, err = repeat(b.choose(21, 3), b.choose(500_000, 10_000), func(n int) error {
		for i := range n {
			if scratch, err = flow.AppendMatch(scratch[:0], match); err != nil {
				return err
			}
			cut := len(scratch)
			if scratch, err = flow.AppendInstructions(scratch, actions); err != nil {
				return err
			}
			buf = openflow.AppendFlowMod(buf[:0], uint32(i), &openflow.FlowMod{
				Cookie: flow.Cookie(1, benchTable, 100, scratch[:cut], scratch[cut:]), Table: benchTable, Priority: 100,
				OutPort: flow.PortAny, OutGroup: flow.PortAny, Match: scratch[:cut], Instructions: scratch[cut:],
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.add("of.encode.from_fields_ns", "ns", ns)
	b.add("of.encode.from_fields_allocs", "allocations", allocs)
	return nil
}

func decodeSuite(_ context.Context, b *bench) error {
	flows, err := benchFlows(256)
	if err != nil {
		return err
	}
	var body []byte
	for i := range flows {
		f := &flows[i]
		body = openflow.AppendFlowStats(body, &openflow.FlowStats{
			Table: f.Table, Priority: f.Priority, Cookie: f.Cookie, Match: []byte(f.Match), Instructions: []byte(f.Instructions),
		})
	}
	kept := make([]flow.Flow, len(flows))
	ns, allocs, err := repeat(b.choose(21, 3), b.choose(500_000, 5_120), func(n int) error {
		var s openflow.FlowStats
		rest := body
		for i := range n {
			if len(rest) == 0 {
				rest = body
			}
			var err error
			if rest, err = s.Next(rest); err != nil {
				return err
			}
			kept[i%len(kept)] = s.Flow()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if kept[0] != flows[0] {
		return fmt.Errorf("the decoded flow %v is not the encoded %v", kept[0], flows[0])
	}
	b.add("of.decode.flowstats_ns", "ns", ns, targetValue(decodeTarget))
	b.add("of.decode.flowstats_allocs", "allocations", allocs, targetValue(decodeAllocs))
	return nil
}
