// Package redisdb keeps sessions in Redis: the session.Store of the set-up with
// many nodes, and a limiter that those nodes share.
//
// Layout, Redis 7.0 commands only:
//
//	s:{id}    the record (record.go); expires at the nearer deadline
//	u{user}   sorted set of the user's session ids, scored by the nearer
//	          deadline in Unix seconds, rounded up, so that what has expired can
//	          be dropped from it without looking at any record
//	e:{user}  the user's epoch, kept while a log-in that has read an older one
//	          may still be under way
//	e         everyone's epoch
//	x:{id}    tombstone: the reason, kept until the session's absolute deadline;
//	          after a renewal "replaced:" and the id that came after, which is
//	          empty for one in whose place somebody else has logged in
//	seq       the last entry of the ledger that has been applied
//	ledger    the name of that ledger
//	ending    the server on which an end of everyone is being carried out, kept
//	          for seconds (ending.go)
//	count:{n} how many sessions the end of everyone that raised the epoch to n
//	          has ended so far, kept for minutes
//	live      how many sessions lived when they were last counted, and when that
//	          was, kept for a day (live.go); live:turn is who is counting
//	r:…       limiter state
//	ended     channel (events.go): reason and id of every session that ends
//	ended:…   channels (confirm.go): whether the nodes have heard of it
//
// Ids in it are bytes and not text, to save room (keys.go).
//
// The server may be whichever Redis Sentinel has made the master (sentinel.go). In a
// Redis Cluster each of these keys has the tag of a shard between its kind and the
// rest, as in s:{17}…, and those that are there once are there once per shard
// (cluster.go).
// What it has forgotten when it comes, it is told again first (gate.go).
//
// A check is one GET, and a list of a user's sessions one script that only reads
// (list_user.go). All that are under way at the same time go through one
// connection, whose reads and writes they share (pipe.go). scs' redisstore finds
// where that cannot be (find.go). Every write is a script of
// ours (scripts.go) that decides and writes in one atomic step, because
// redisstore's commit is an unconditional SET, which brings ended sessions back.
//
// It must not know HTTP or SQL.
package redisdb
