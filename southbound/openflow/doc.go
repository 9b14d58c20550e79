// Package openflow speaks OpenFlow 1.3 with Open vSwitch's extensions and the ONF's for bundles and flow monitors: the wire
// form of messages for both sides, and a controller's side of one connection.
//
// # Codec
//
// For every message there is an Append function, which appends it to a buffer and allocates only to grow that, and a Parse
// function, which takes it out of one. Next splits a stream into messages. What is parsed keeps referring to the buffer.
// Replies of many entries are written with Reply and read entry by entry (FlowStats.Next, NextPort, …). Both directions are
// there for every message, so a switch can be built on the package too.
//
// Invariant: whatever the bytes, a parser returns, and what it allocates is bounded by the bytes it was given.
//
// # Connection
//
// NewConn makes the handshake; Run then owns three goroutines: the reader, which takes messages in order, answers echoes and
// gives each reply to who waits for it by its transaction id; the writer, which writes what many senders appended to one
// buffer; and the watch, which asks a silent switch for an echo and ends the connection when none comes. Run returns when all
// have ended. Serve and Dial make connections and run each with its handler.
//
// Changes go through Bundle: all or nothing, and a refusal names the very change. What the switch says unasked is taken with
// Next. Everything that a switch can make us hold is bounded; where it is too much, the connection ends with a sentence, or
// an event says that something was lost and everything is to be read again.
//
// # Where the time goes
//
// Of pushing 100,000 flows to a real Open vSwitch, nine tenths are the switch's own; we spend about a microsecond a flow,
// most of it growing the write buffer and in the system call. ovs-ofctl takes a quarter to a third longer, because it first
// makes flows of its text. A dump is bound by the switch too; of our share, half is the map that the caller keeps, so reading
// into one costs a quarter to a third of what ovs-ofctl takes to print the same flows. The benchmarks compare in turn, in one
// run.
//
// What made the difference: flows stay in canonical form, so that an add is a copy (about 30 ns); adds are encoded into the
// write buffer, 256 KiB at a time, and no reply is awaited between them; a bundle of one change does without the barrier that
// larger ones need before their commit, because a switch commits what it took even when it refused a part.
package openflow
