// Package alloc finds free ids and addresses.
//
// IDs and Addrs are sets of what is in use. They find what is free in given ranges in a handful of steps, however full they
// are. They allocate nothing by themselves: the caller keeps what it allocated last, asks for what is free after that, and
// so comes back to what was freed only after going once around.
//
// Nothing here locks and nothing starts goroutines; the owner serialises.
package alloc
