// Package storetest is the conformance suite of package store: Run tells every implementation the same stories, and
// StartEtcd runs a real etcd server for those that need one.
package storetest
