// Package intent is what users want: resources, as they are stored, judged and told to the apps.
//
// Catalog is the main path of every change: Apply and Delete judge a transaction against everything that is stored,
// allocate what it leaves out, and write it. They are told by the store whether another controller was faster, and then
// begin again. A transaction (txn) is made on the indexes themselves (state) and taken back, so that every step sees what
// the ones before it did, and it counts only when the store has written it. Whatever is wrong is reported at once.
//
// The rows that apps read are made from stored resources (decode.go), and are kept in Tables.
//
// Nothing here starts goroutines. Callers of Apply and Delete take turns; whoever follows the store calls FollowSnapshot
// and FollowBatch. What the catalog hands out is shared and never changes: clone before changing it.
package intent
