// Package bench measures what a request of somebody signed in costs: CPU time
// of the server and of the store, allocations, round trips, beside verifying a
// JWT, beside stock scs with redisstore and beside a handler that does nothing.
//
// The servers are processes of their own on one core; the load generator is
// another, with Redis, on another core. Rows are measured in short slices, one
// after the other, round after round, so that what else the machine does hits
// all of them alike; a row's figure is the median of its rounds. What to compare
// is CPU time per request relative to the JWT HS256 row of the same round:
// requests per second and latencies are those of a closed loop that keeps the
// server busy, and belong to the machine.
//
// Checks that are under way at the same time share the system calls to Redis, and so
// does what they cost depend on how many that are. The tables are of 32 clients, a
// server that is busy; the rows that matter most are also measured with 1, 8 and 128.
//
// The people stay signed in ("Keep me signed in"): that one was there is written down
// once in a while, Idle/20, and where a million sessions are checked in turn every
// check of an ordinary one would be the first in three minutes. What a check writes is
// counted by internal/figures, and what that costs by internal/capacity.
//
// Behind the table stand the targets and whether each was met (targets_test.go).
//
// Gatehouse is the real program, cmd/gatehouse, with its middleware, headers and
// log (into a file) as they are; only the rate limits are off, because a bench
// is an attack. All servers have the product's timeouts, and all requests the
// same headers beside what carries the session.
//
// `make bench` runs it for minutes, `make bench ROUND=million` with a million
// sessions. The ordinary tests run a short round that checks that every row
// still answers, and counts what must not grow.
//
// `make neighbours` measures something else with the same means: how long the
// checks of those who are in take while log-ins flood, and while an administrator
// lists or ends everybody's sessions. There the server has all cores, as the
// program has, the checks come at a steady rate from a process of their own, and
// a check has taken from the moment it was due. A while without the neighbour and
// one with it take turns; what counts is how many times p99 of the one is that
// of the other. Its short round, in the ordinary tests, proves that nobody who is
// in is refused, and no time.
//
// It is tests only; nothing imports it.
package bench
