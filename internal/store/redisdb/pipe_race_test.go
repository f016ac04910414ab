//go:build race

package redisdb

// With the race detector a sync.Pool forgets a part of what it is given.
const allocsOfAQuestion = 2
