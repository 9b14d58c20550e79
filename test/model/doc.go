// Package model has a second opinion on where packets go: a topology as its users describe it, and a few plain lines that say
// which endpoint a packet reaches (reach.go), and which packets rules let through (judge.go). They know nothing of flows, tables or
// hosts, and share no code with what they judge.
//
// The package's tests draw topologies and edits of them at random, let the apps make flows of them for switches of southbound/sim, send
// packets between all pairs, and compare.
package model
