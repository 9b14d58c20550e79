// Package flow holds flows, groups and meters as plain values: what to match, what to do, and the bytes that say so to an
// OpenFlow 1.3 switch with Open vSwitch's (Nicira) extensions.
//
// There are two forms. People write the typed one, slices of Field and Action made by constructors:
//
//	flow.Match{flow.U32(flow.InPort, 7), flow.IP(flow.IPv4Dst, addr)}
//	flow.Actions{flow.DecTTL(), flow.Output(9)}
//
// Everything else keeps the canonical one, the wire bytes of the match (OXM) and of the instructions, in strings: equality
// is a string compare, the cookie is a hash of it, and sending is a copy. AppendMatch and AppendInstructions lead from the
// first to the second, ParseMatch and ParseInstructions back. Text is read and written in ovs-ofctl's syntax.
//
// Invariant: two matches that mean the same have the same canonical bytes, and they are the bytes that Open vSwitch 3.1
// itself reports for such a flow. So fields have a fixed order, what a field presupposes (eth_type for an IPv4 address) is
// added, fields without a mask bit vanish, and registers are always 32 bits wide. The tests of southbound/openflow hold all
// fields and actions against a real switch.
//
// The package has no goroutines, no state and no I/O.
package flow
