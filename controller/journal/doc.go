// Package journal keeps what the log is told: packets on which rules with a log have decided. It tells those who listen, and the
// program's own log.
//
// The main path: a flow of table log hands the head of a packet over, by the meter of its port → [Journal.Offer], which keeps it or lets it
// go at once → the goroutine of [Journal.Run], which asks a [Book] what the packet's numbers stand for → a [weftv1.LogEntry] for each
// [Listener], and a line in the log.
//
// Nothing that is let go on the way is lost silently: switches count what flows of table log have seen, and what there are no entries of is
// told as a number, port by port. A listener that is too slow loses the oldest entries, and is told how many.
//
// Run's goroutine is the only one. It touches no rows but through the Book, so that a flood of packets to be told of keeps nobody from
// anything else.
package journal
