//go:build !broken_gate

package redisdb

// withoutGate is true only in programs that are built to show that the tests of
// the gate notice when it is missing (internal/faults).
const withoutGate = false
