// Package e2e is what the end-to-end suites share: a cloud of real Open vSwitch hosts (package netlab) with weftd, built from
// this tree, as a child process in the lab's controller namespace. Every cloud has namespaces of its own, so suites and tests
// run side by side.
//
// A suite is a folder below this one, such as main, and `make e2e SUITE=main` runs it. Its tests read
//
//	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
//	c.Apply(e2e.Tenant{Project: "red", VMs: 2}.YAML())
//	vm1, vm2 := c.VM("h1", "red/vm1"), c.VM("h2", "red/vm2")
//	c.Active("red/vm1", "red/vm2")
//	c.Reach(netlab.Probe{From: vm1, To: vm2})
//	c.Deliver(e2e.Case{Name: "broadcast", From: vm1, Frame: …, To: []*netlab.Endpoint{vm2}})
//
// Deliver is how it is proved that something does not arrive: it records on every endpoint of the cloud, sends, sends what
// must arrive everywhere after that (see fence.go), and then compares who got what with who should have.
//
// When a test fails, the cloud's hosts, flow tables (with the names of the tables) and the end of weftd's log are printed.
//
// The package starts one goroutine for each weftd, which waits for its end.
package e2e
