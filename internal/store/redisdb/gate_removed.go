//go:build broken_gate

package redisdb

const withoutGate = true
