// Package ovsdb keeps one session per host with its Open vSwitch database (RFC 7047, ovsdb-server(7)).
//
// The main path: [Serve] accepts hosts that dial us, [Dial] dials hosts that listen; both run one session per connection. A session
// asks for one monitor of the columns that a controller needs, mirrors the rows, and shows them as an immutable [State]. Its user
// says what the host should hold with [Session.SetDesired]; the session compares that with the mirror after every change and sends
// the difference as one transaction. So set-up, repair of drift and removal are the same code, and a lost connection needs none:
// the host's next session starts from a full mirror. Nothing is written before the first SetDesired.
//
//	bytes → framer (frame.go) → message (message.go) → replica (rows.go, replica.go) → State (publish.go) → user
//	user → Desired (desired.go) → plan (plan*.go) → mender (mend.go) → transaction → bytes
//
// # What is ours
//
// Rows that we make carry external_ids:weft=managed (Bridge, Port, Interface, Controller). Rows without it are never changed or
// removed, with one exception: a bridge that someone else made and that is desired by name (Nova makes br-int before any controller
// is there) is adopted. It is marked weft=adopted, what DesiredBridge names is set on it, and it is never removed. Maps and sets
// that others write too are changed by mutation of single keys and members. A port that is desired but whose name someone else has
// is reported in [Status] and left alone.
//
// # Controllers and flows
//
// Open vSwitch flushes all flows of a bridge whose set of controllers becomes empty or stops being empty. A bridge is therefore
// made together with its controllers, the last controller is never removed, and a controller that is replaced goes in the
// transaction that adds the new one: the test TestControllerReplacedKeepsFlows shows on a real switch that flows survive that.
//
// # Hostile peers, and what libovsdb is used for
//
// Whoever reaches the port can send bytes. The framer and the decoders bound size, depth, time and memory, build no trees and never
// panic (fuzzed); what connections may hold before they are identified is bounded for all together.
//
// Of libovsdb v0.7.0 the vocabulary serves here (package ovsdb: the operations, mutations, conditions, sets and maps that we send), and
// its client is the yardstick of a test. The client itself is not in the path of bytes: the two bytes {} or an update3 without params
// panic in it, on a goroutine where nobody can recover; it takes no accepted connection; its cache drops events when its queue is full
// and says nothing of updates that it could not apply. Guarding it means parsing every message first, after which little is left for
// it to do. Measured per connection: the client 626 KiB and 5 goroutines idle (512 KiB of it an event queue), 4.0 MiB with 2,500
// interfaces of which it mirrors one table; a session here 15 KiB and 4 goroutines idle, 3.7 MiB with 2,500 interfaces and all five
// tables. A thousand hosts with 20 ports each are about 45 MiB.
//
// # Goroutines
//
// Each connection has a reader, which cuts the stream into messages; a writer; the main goroutine, which owns replica, planner and
// mender; and the user's handler. All belong to Serve or Dial, which return when they have ended.
package ovsdb
