package redisdb

import (
	"strconv"
	"strings"

	"github.com/mna/redisc"

	"gatehouse/internal/session"
)

// shardSet is a set of shards, one bit for each. All that is on a single server
// counts as shard 0.
type shardSet uint64

// has reports whether all of other are in s.
func (s shardSet) has(other shardSet) bool { return s&other == other }

// everyShard is all of them, in a cluster.
const everyShard = ^shardSet(0)

func setOf(shard session.Shard) shardSet { return 1 << shard }

// bit is the shard of s as a set.
func (s *Store) bit() shardSet { return setOf(s.shard) }

// tags are what stands in the keys of each shard in a cluster, of which Redis takes
// what is within the braces for the slot. Tag n is the least number whose slot is
// in the nth part of all slots: so masters that share the slots in ranges of equal
// length, as redis-cli shares them out, have as many shards each.
var tags = func() (tags [session.Shards]keys) {
	const each = redisc.HashSlots / session.Shards
	for n, left := 0, session.Shards; left > 0; n++ {
		number := strconv.Itoa(n)
		if tag := &tags[redisc.Slot(number)/each]; *tag == "" {
			*tag = keys("{" + number + "}")
			left--
		}
	}
	return tags
}()

// slotOf returns the slot of all keys of a shard.
func slotOf(shard session.Shard) int { return redisc.Slot(string(tags[shard])) }

var shardOfTag = func() map[keys]session.Shard {
	of := make(map[keys]session.Shard, session.Shards)
	for shard, tag := range tags {
		of[tag] = session.Shard(shard)
	}
	return of
}()

// untag takes the tag off the front of what follows the kind in a key.
func untag(key string) (shard session.Shard, rest string, ok bool) {
	end := strings.IndexByte(key, '}') + 1
	shard, ok = shardOfTag[keys(key[:end])]
	return shard, key[end:], ok
}

// concerns reports whether an entry of the ledger can be about sessions of s.
func (s *Store) concerns(e session.Entry) bool {
	switch {
	case s.keys == "" || isForAll(e):
		return true
	case e.Session != "":
		return e.Session.Shard() == s.shard
	}
	return session.ShardOf(e.User) == s.shard
}
