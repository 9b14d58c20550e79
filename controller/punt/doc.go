// Package punt takes packets that flows hand to the controller to the apps that answer them, and what they send back to the
// switches.
//
// The main path: a flow of an app ends in pipeline.Punt → the switch's connection → [Dispatcher.Offer], which keeps the packet or
// drops it at once → the goroutine that owns the rows takes what has gathered with [Dispatcher.Run] → the app's [Handler], which reads
// rows, writes rows of tables of its own, and puts packets into an [Outbox] → the switches' connections.
//
// No endpoint can starve another: packets wait in a queue for each place that they came in by, queues take turns, each is short, and
// each place has an allowance per second. What does not fit is dropped and counted; those who ask ask again.
//
// [Outbox.Send] tells whether the switch took the packet; a handler that goes by its having been sent must look. When a packet
// asks for more than its sender may have, the handler says so with [Outbox.Refuse], and it is counted as the others that are
// dropped are.
//
// The package starts no goroutine. Offer may be called from any; the handlers run on the caller of Run.
package punt
