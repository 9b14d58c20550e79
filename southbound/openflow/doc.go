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
package openflow
