// Package carry knows every way to carry the frames of a network between hosts: one file for each, in the list [All].
//
// A way of carrying answers two questions: how does a frame of network N leave for host H ([Carrier.Leave]), and how is a
// frame that arrives known to be of N ([Carrier.Arrive])? What it may not do is decide where frames go: that is apps/l2's.
package carry
