// Package reconcile brings each host's switch to its desired state and proves that it got there.
//
// A Target holds what the engine wants of one host and the set of keys that may differ from what its switch has: those the
// engine changed, those a dump showed to be wrong, those the flow monitor saw somebody change. Every cause of work only marks
// keys; what to do about a marked key is decided from the desired state at the moment of sending. Any event may therefore
// be doubled, late or lost before a reconnect without harm.
//
// Main path: compile.Engine → Board.Apply → Target (marked keys) → Reconciler.Run → one bundle → barrier → Target.clean →
// Board wakes whoever waits for the revision.
//
// Each switch connection has one goroutine, Reconciler.Run. The engine's goroutine calls Board.Apply, which never waits for
// a switch.
package reconcile
