// Package table keeps typed rows in memory and remembers who read what.
//
// A [Table] holds rows by key. An [Index] groups the rows of a table into buckets; a [Set] keeps, per bucket, only the
// distinct values that its rows contribute, so that readers of "hosts of network/red/web" are not disturbed when the
// tenth port of a host appears. Every read goes through a [Reader], which notes the bucket that was looked at, also when
// nothing was there. After a unit of work has run, [DB.Link] ties the unit to those buckets; when a bucket changes,
// [DB.Dirty] hands back exactly the units whose last run looked at it.
//
// The main path: Put/Delete (rows, indexes and sets are brought up to date, changed buckets queued) → Dirty (units) →
// the units run with a fresh Reader each → Link.
//
// Who may call what: one goroutine, the writer, calls everything that changes something (New*, Put, Delete, NewUnit,
// Free, Link, Dirty). Between its calls any number of goroutines may read; reads take no locks and change nothing but
// their own Reader. The package starts no goroutine.
//
// Invariant: a unit is handed out by Dirty if and only if a bucket that its last linked run read has changed since.
//
// Links are never searched for removal. A link carries the stamp of the run that made it, and is stale as soon as its
// unit has been linked again; stale links are skipped when a bucket changes and squeezed out when its list would grow.
package table
