// Package controller is where everything meets: Config says how to run, and Run runs it.
//
// The goroutines, and what each owns:
//
//   - world.run owns the tables and the engine. Everything that changes a row (the store's watch, a host's OVSDB session)
//     posts a function to its inbox; it runs what has gathered, then compiles once, and hands the differences to the Board.
//   - one goroutine a host's OVSDB session (hosts.go) posts what the host reports, and sets what the host should have.
//   - one goroutine a switch connection (reconcile.Reconciler) writes flows.
//   - memory.run (memory.go) stores what hosts reported, so that a restart does not forget where ports are.
//   - the store's follower, and the gRPC and metrics servers.
//
// Run returns when all of them have ended.
package controller
