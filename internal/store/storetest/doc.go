// Package storetest holds the conformance suites: what a store has to do,
// written once and run by every backend's tests, concurrency included. The
// session invariants of the design each have a test of their name.
//
// It must not know any backend, and only tests import it.
package storetest
