// Package faults proves that ended means ended while everything fails: three
// nodes as real processes on Redis with replicas and sentinels and on
// PostgreSQL, clients that log in, check, write and end, and a nemesis that
// kills, pauses, cuts off and restores old data. Every operation is recorded with
// its begin, end and outcome on one clock, and a checker holds the history
// against what the product promises.
//
// `make faults` runs it for FAULTS_TIME (2m), behind the build tag faults, for it
// wants the machine for itself; the ordinary tests hold the checker to histories
// made up for it. A run prints its seed, with which -faults.seed repeats the plan of the
// nemesis (not, of course, the scheduling of a dozen processes).
//
// It is tests only; nothing imports it.
package faults
