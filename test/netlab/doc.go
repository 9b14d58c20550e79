// Package netlab makes hosts and endpoints on one machine: every host is a network namespace with its own ovsdb-server
// and ovs-vswitchd, every endpoint is a namespace with one veth whose other end the host's switch may be given.
//
// A lab has six kinds of namespaces, all called wl<id>-<name>:
//
//	core         two Linux bridges: "underlay" joins the hosts' tunnel interfaces (MTU 2000), "mgmt" their control path
//	controller   where the controller runs, 10.99.0.100 and fd99::100 (Lab.Controller, Lab.Listen, Lab.Dial)
//	a host       10.99.0.N and fd99::N on br-phys (tunnels); the controller is reached through mgmt0, not through br-phys,
//	             so a dead ovs-vswitchd does not take the OVSDB session of its host with it
//	an endpoint  eth0, with the addresses that it was given
//	a switch     an Open vSwitch that belongs to no host: a rack's switch, or one that the controller drives (Lab.AddSwitch),
//	             joined to other bridges by Lab.Wire
//	a peer       10.99.0.N and fd99::N on its link to the underlay, a bridge and tunnels of Linux's (Lab.AddPeer)
//
// Because everything is in namespaces, every lab uses the same addresses, and any number of labs runs side by side.
//
// # The main path
//
//	lab := netlab.ForTest(t)
//	hosts, err := lab.AddHosts(netlab.HostSpec{Name: "h1"}, netlab.HostSpec{Name: "h2"})
//	hosts[0].SetManager(lab.ManagerTarget())
//	vm, err := hosts[0].AddEndpoint("vm1", netlab.EndpointOptions{IfaceID: "red/vm1", Addresses: []string{"10.0.0.11/24"}})
//	res, err := vm.Ping("10.0.0.12", netlab.PingOptions{})
//
// What leaves the process has an end: a lab made with New or ForTest is taken down by Close, when the test ends, on
// SIGINT and SIGTERM, and, if its process died before it could, by the next New of any process (see registry.go). A lab
// made with Up is meant to outlive its process and is found again with Open.
//
// # Goroutines
//
// A lab made with New owns one goroutine, which waits for a signal. A Capture, a Pinger and an echo Server own one
// goroutine each (a Pinger two), which ends with its Stop or Close; Lab.Close stops what is left.
package netlab
