// Package api is the gRPC server of the northbound API: WeftService, AdminService, health and reflection.
//
// The main path of a write: a call passes the interceptor (intercept.go: time limit, panics, metrics, errors to statuses),
// its verb in weft.go hands it to the catalog of package controller/intent, which validates and stores it, and audit.go
// logs who did what. Reads are answered from the catalog, so they go on while the store is away; what is computed and
// observed of a status is laid over a copy by the Controller.
//
// A watch (watch.go) reads the store's own history, so it can be resumed at any revision that is not yet compacted, and
// at any weftd of the same store. What the store does not tell, how a resource was before a change, is remembered by past
// (past.go) for the last changes. A watch with a filter sends a resource that passes it no more as TYPE_DELETE, so that a
// caller who keeps what it is told keeps what passes.
//
// Goroutines: Serve owns the one that accepts, the one that follows the store into past, and, through gRPC, one for each
// call; Watch owns one more for each watch, its source (source.go). Serve returns when all have ended; those of calls that
// do not end within the time of a graceful stop are cut off.
package api
