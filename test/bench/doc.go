// Command bench measures Weft: its codec, its way into a real Open vSwitch beside ovs-ofctl's, its store, and the whole
// controller as a process in a lab, from a change over gRPC to the word that every host has realised it.
//
//	go run ./test/bench                      all of it: prints a table, writes docs/benchmarks.md and build/bench.json
//	go run ./test/bench -only ctl            the part whose names begin so; prints it, and writes build/bench.json only
//	go run ./test/bench -only ctl -document  puts the part into docs/benchmarks.md, too
//	go run ./test/bench -quick               small and few, to see that everything runs; writes nothing but build/bench-quick.json
//
// A suite measures what belongs together and adds its results under stable names: "of.push100k_s" is seconds,
// "ctl.port_add.spread.k5000_ms" milliseconds. A value is a median; its quartiles are kept beside it, so that the machine's
// noise can be seen. A peer, where there is one, is measured in the same run, sample by sample in turn. Targets are printed
// beside the figures and never fail anything.
//
// Main path: main → run → suite.run(ctx, bench) → bench.add → report.
//
// What runs beside the caller: the processes of a lab and weftd, all ended when a suite returns, and for the of suites the
// goroutine that runs an OpenFlow connection, which ends with it.
package main
