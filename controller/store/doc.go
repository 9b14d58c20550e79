// Package store keeps what tenants asked for: a revisioned key-value store with transactions that compare and swap, and
// watches that begin at a revision.
//
// There are three, behind one interface and one conformance suite (package storetest):
//
//	OpenEmbedded  etcd inside this process on a data directory: no socket, no port, nothing to run beside
//	OpenCluster   an etcd cluster, with TLS and user names
//	NewMemory     the twin for tests, with Fault to make it fail as the others do
//
// The first two are one implementation (etcd.go, watch.go, failure.go) over etcd's client, which the embedded store
// calls in process. The main path of a change:
//
//	Txn (compare meta/head, write) → etcd's log, synced to disk → revision → Watch → Follow → Handler.Batch
//
// Follow is how the controller reads: a snapshot, then batches, and after whatever breaks a snapshot again. A batch is
// one revision, never a part of one. A store that cannot be reached is reported (Handler.Lost, ErrUnavailable) and
// leaves what is known alone: missing is not empty.
//
// Goroutines: a Watch runs in the goroutine that ranges over it and owns one more now and then, which asks the store for
// its revision; it ends before the loop does. Follow runs in its caller's. The embedded server and etcd's client have
// their own, which end in Close. Memory has none.
//
// A transaction that times out may have been applied (see Store.Txn). Nothing here retries one.
//
// Numbers, of an embedded store on two cores of a virtual machine with an SSD (BenchmarkEmbedded*): see README.md.
package store
