// Package soak lets two nodes work for a while and holds them to staying as they
// are: a million sessions in a real Redis, accounts in PostgreSQL, the real
// program twice, and clients that log in and out, sign up, check by cookie and by
// token, refresh, listen to event streams, change passwords and end sessions of
// themselves and of others, at a rate that leaves the machine room.
//
// Ten times and more in a run the sessions that log-ins begin reach their deadline:
// nodes have a lifetime that short, so that what should go by itself is seen to go.
// Those that are there from the beginning have the product's default of 12 hours.
//
//   - After the first third of the time nothing grows (flat_test.go): memory,
//     goroutines, descriptors and sockets of the nodes, memory, keys and connections
//     of Redis. What each client of the load does it does one after the other, so
//     that it knows what every answer has to be: a session that it was told has
//     ended is refused, one that it was not told about is accepted.
//   - When the load has stopped, every key in Redis is looked at
//     (redisdb.Store.Inspect), and goroutines and descriptors go back to what they
//     were before, but for the connections that pools keep.
//   - Then every session that a client ever had is asked for once more, and some
//     of those from the beginning.
//   - When all has expired that log-ins began, every key is looked at again: what
//     is left is what was there from the beginning, to the last session.
//
// `make soak` takes ten minutes (SOAK_TIME) and those that filling the stores takes.
// The ordinary tests run a short round with fewer sessions, and then plant leaks of
// every kind that the soak has to find.
//
// It is tests only; nothing imports it.
package soak
