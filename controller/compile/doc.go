// Package compile makes plain functions incremental: it runs rules over rows and keeps, for every host, the flows,
// groups, meters and switch ports that the rules want there.
//
// An [App] is a list of rules. A [Rule] is a function called once per row of a table, a unit. It reads other rows through
// its [table.Reader] and emits into its [Out]: flows, groups, meters, ports for hosts, rows of a [Derived] table for
// other rules, and notes for the status of its subject, the resource that its row is.
//
// The main path of [Engine.Step]: the tables hand over the units whose reads changed → the units run, in parallel when
// there are many, rules that feed derived tables before those that read them → each unit's output is compared with that
// of its last run and only the difference is claimed or given up → derived tables settle, which may wake more units →
// when nothing is left to run, the touched places of each host become one delta, handed to the [Sink].
//
// Invariant: what a host is to have depends on the current rows only, not on how they came to be.
// Invariant: a unit that failed (a panic, a flow that its table does not allow) has no output at all.
//
// Goroutines: Step belongs to the goroutine that writes the tables, as do Explain and ExplainFlow, which run a rule again
// to learn what it reads. Within Step, workers run units and have ended when Step returns. Host, Hosts, HostsOf, Notes,
// Conflicts, Stats and the like may be called from any goroutine: they see the state between two Steps.
package compile
