// Package client is the Go client of Weft's API.
//
//	c, err := client.Dial(ctx, client.Config{Address: "127.0.0.1:6650"})
//	…
//	defer c.Close()
//	done, err := c.Apply(ctx, resources)
//	progress, err := c.Wait(ctx, client.WaitOptions{Revision: done.GetRevision()})
//	for change, err := range c.Watch(ctx, client.WatchOptions{From: done.GetRevision() + 1}) { … }
//
// Calls follow the API (proto/weft/v1) and speak its types. What the package adds:
//
//   - Errors are sentences for people, *Error, with a code for programs (errors.Is(err, client.ErrNotFound)) and the fields
//     at fault (Violations). A server that cannot be reached is named, with the reason.
//   - List walks over the pages.
//   - Watch resumes by itself, see there.
//
// Main path: Dial makes one gRPC connection, which every call shares; errors pass through Client.wrap. The package itself
// starts no goroutine; gRPC's end with Close. A Client may be used by many goroutines.
package client
