// Package imports has the test that holds the tree to its import directions: who may import whom, and which folders the
// top level has. There is nothing to run but the test.
package imports
