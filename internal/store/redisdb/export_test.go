package redisdb

import (
	"errors"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// What tests that look into Redis need to know of its layout.

// SessionKey is the key of the record of a session.
func SessionKey(id session.ID) string { return keys("").session(id) }

// IndexKey is the key of the index of a user.
func IndexKey(u user.ID) string { return keys("").index(u) }

// PackID returns id as a member of an index.
func PackID(id session.ID) string { return packID(id) }

// UnpackIDs turns members of an index into ids.
func UnpackIDs(members []string) []session.ID { return unpackIDs(members) }

// Layout is behind the name of a ledger in Redis.
const Layout = layout

// ShardedKey is the key of the record of a session in a cluster.
func ShardedKey(id session.ID) string { return tags[id.Shard()].session(id) }

// SlotOfShard is the slot of all keys of a shard in a cluster.
func SlotOfShard(shard session.Shard) int { return slotOf(shard) }

// SlotOf is the slot of all keys of the shard of a session in a cluster.
func SlotOf(id session.ID) int { return slotOf(id.Shard()) }

// TombstoneKey is the key of the tombstone of a session in a cluster.
func TombstoneKey(id session.ID) string { return tags[id.Shard()].tombstone(id) }

// TagOf is in all keys of the shard of a session in a cluster.
func TagOf(id session.ID) string { return string(tags[id.Shard()]) }

// TagOfShard is in all keys of a shard in a cluster.
func TagOfShard(shard session.Shard) string { return string(tags[shard]) }

// ShardedIndexKey is the key of the index of a user in a cluster.
func ShardedIndexKey(u user.ID) string { return tags[session.ShardOf(u)].index(u) }

// ShardedEpochKey is the key of the epoch of a user in a cluster.
func ShardedEpochKey(u user.ID) string { return tags[session.ShardOf(u)].epochs() + packUser(u) }

// IsMoving reports whether err says that nothing has been done because a slot is on
// its way, or its new master has not proved itself yet.
func IsMoving(err error) bool {
	return isMoving(err) || errors.Is(err, errBehind) || errors.Is(err, errStale)
}

// Breath returns what lets an end of very many rest, as before each run of a script.
func Breath() (rest func()) { return (&breath{time.Now()}).rest }
