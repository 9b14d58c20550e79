// Package sim is an Open vSwitch host in memory: a switch that runs packets through its tables and speaks OpenFlow, and a database
// that speaks OVSDB, light enough for a thousand of them in one process.
//
//	NewSwitch → SetPort, Apply → Inject → Result: outputs, drops, and which flows were met
//	NewFabric → Add, Attach → Send → Journey: where a frame of an endpoint arrives, across tunnels
//	NewHost → Run: dials the controller's OVSDB port, becomes what it is told to, connects its switch to the controller
//
// # What is modelled
//
// Tables 0 to 253 with priorities, masks and conjunctive matches; registers, metadata, the stack; Ethernet, one VLAN tag, ARP, IPv4,
// IPv6 with extension headers, fragments, TCP, UDP, SCTP, ICMP, neighbour discovery, with their checksums; set_field, load, move,
// push, pop, VLAN push and pop, label stacks of which up to three are seen (push, pop, count down, and encap and decap of Ethernet over
// MPLS), dec_ttl, output, output to a register's port, resubmit, goto, clone, exit, groups of all types,
// multipath, meters, check_pkt_larger, tunnel metadata, messages to the controller; connection tracking with zones, marks, labels, translation
// to one address with or without a range of ports, and the states new, est, rpl, inv, snat and dnat.
//
// # What is not
//
// A flow that asks for something else (translation to several addresses, learn, encap of other headers, NORMAL, the action set, a second VLAN tag …) is refused
// when it is added with an error that wraps ErrNotModelled: what is installed is carried out. Connection tracking keeps no time and
// does not look at TCP sequence numbers. Which bucket of a select group and which link of multipath is chosen differs from Open vSwitch. Flows do not time out.
//
// In two cases the simulator does what is right where Open vSwitch 3.1 does not: rewriting an address of a later fragment (Open
// vSwitch changes data, taking it for a checksum), and neighbour discovery behind an IPv6 extension header (it makes a wrong checksum
// when the type is changed).
//
// # How it is known to be right
//
// Generated flows and packets are given to a real ovs-vswitchd and to a Switch, and what leaves their ports is compared byte for
// byte; ovs-ofctl is run against the wire side.
//
// # Goroutines
//
// Switch and Fabric have none. Switch.Serve reads on the caller's goroutine and has a writer; Host.Run keeps the OVSDB connection on
// the caller's, and has one goroutine for each controller that the bridge names. All have ended when Serve and Run return.
package sim
