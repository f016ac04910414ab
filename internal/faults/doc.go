// Package faults proves that ended means ended while everything fails: three
// nodes as real processes on Redis with replicas and sentinels and on
// PostgreSQL, clients that log in, check, write and end, and a nemesis that
// kills, pauses, cuts off and restores old data. Every operation is recorded with
// its begin, end and outcome on one clock, and a checker holds the history
// against what the product promises:
//
//   - No accepted check began after an end of its session was answered, but for
//     splitBound while an old master may be there beside the new one; and none that
//     has once been called ended is accepted again.
//   - No session is called ended that nobody has ended, but for those that a
//     failover or an old RDB has lost. What that is, is measured: a beat written to
//     the master all the time tells how far the data reach that came out of the
//     fault, and a log-in that was answered before the last beat in them has to be
//     there. The nemesis always leaves one whole copy of the data.
//   - Outside faults live sessions are accepted. A fault lasts from the act of the
//     nemesis until Redis is one master with its replicas, no sentinel wants it
//     otherwise and every node is ready, and two seconds more. An answer 503 in
//     between counts against the product, unless it took the time of a store's
//     limit and the kernel says that all that time somebody waited for a processor;
//     with more than one in fifty of these the run has shown nothing, and fails.
//   - After a promotion the nodes are back within failoverBack, with the same excuse.
//
// `make faults` runs it for FAULTS_TIME (2m), behind the build tag faults, for it
// wants the machine for itself; the ordinary tests hold the checker to histories
// made up for it, and `make faults` points it at a program without the gate, where
// it has to find something. A run prints its seed, with which -faults.seed repeats
// the plan of the nemesis (not, of course, the scheduling of a dozen processes).
// `make faultstable` does one kind of fault many times over, for the README.
//
// It is tests only; nothing imports it.
package faults
