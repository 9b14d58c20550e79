// Package compiletest tests apps: [Probe] tells which units ran and what hosts are to have, for tests that are stories;
// [Check] edits tables at random and holds the engine against one that starts from scratch.
package compiletest
