package session

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"

	"gatehouse/internal/user"
)

// Shards is how many parts the sessions of all users are in, for stores on
// several servers. It never changes: ids tell the shard.
const Shards = 64

// Shard is one of them, from 0. All that a store keeps of one user is in one
// shard, and with it on one server.
type Shard uint8

// ShardOf returns the shard of the sessions of u. Ids of users are random, so it
// is too, and a 64th of all users share it: it tells nobody who somebody is.
func ShardOf(u user.ID) Shard {
	const label = "gatehouse shard "
	var in [64]byte // on the stack
	sum := sha256.Sum256(append(append(in[:0], label...), u...))
	return Shard(sum[0] >> 2)
}

// base64url is the alphabet of ids (RFC 4648, section 5).
const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Shard returns the shard of the session: who checks it knows nothing but its id.
// 0 for a text that is no id.
func (id ID) Shard() Shard {
	if id == "" {
		return 0
	}
	return Shard(max(0, strings.IndexByte(base64url, id[0])))
}

// NewToken returns a new token for a session of u, and its id. Tokens are drawn
// until the id is of the shard of u, 64 times on average, which takes some 20 µs
// and leaves of the 256 random bits of a token 250 that nobody can know. It is
// done on every set-up, so that sessions can move to another one with their ids.
func NewToken(u user.ID) (token string, id ID) {
	shard := ShardOf(u)
	var random [sha256.Size]byte
	for {
		rand.Read(random[:]) // never fails (crypto/rand)
		var text [idLength]byte
		encoding.Encode(text[:], random[:])
		sum := sha256.Sum256(text[:])
		if Shard(sum[0]>>2) == shard {
			return string(text[:]), IDOfSum(sum)
		}
	}
}
