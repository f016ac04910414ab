package session

import (
	"encoding/base64"
	"testing"

	"gatehouse/internal/user"
)

// The id of every new token is of its user's shard, and a token is otherwise as
// random as it was.
func TestNewTokenIsOfTheShardOfItsUser(t *testing.T) {
	var shards [Shards]int
	seen := map[string]bool{}
	for range 2000 {
		u := user.NewID()
		token, id := NewToken(u)
		if id != IDOf(token) || id.Shard() != ShardOf(u) || seen[token] {
			t.Fatalf("token %q: id %s of shard %d, the user is of %d; seen before: %v", token, id, id.Shard(), ShardOf(u), seen[token])
		}
		if b, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(b) != 32 {
			t.Fatalf("token %q is not 32 bytes", token)
		}
		seen[token] = true
		shards[id.Shard()]++
	}
	for shard, n := range shards {
		if n == 0 || n > 80 { // 31 on average; 80 comes once in 10^11
			t.Errorf("shard %d has %d of 2,000 users", shard, n)
		}
	}
}

func TestShardOfID(t *testing.T) {
	for first := range Shards {
		id := IDOfSum([32]byte{byte(first << 2)})
		if id.Shard() != Shard(first) {
			t.Errorf("%s is of shard %d, want %d", id, id.Shard(), first)
		}
	}
	for _, id := range []ID{"", "é", "~"} {
		if id.Shard() != 0 {
			t.Errorf("%q is of shard %d", id, id.Shard())
		}
	}
}

// The shard of a user never changes: keys are named by it.
func TestShardOfUserStays(t *testing.T) {
	if got := ShardOf("0123456789abcdefghij12"); got != shardOfSample {
		t.Errorf("shard %d, was %d", got, shardOfSample)
	}
}

const shardOfSample = 23

func BenchmarkNewToken(b *testing.B) {
	u := user.NewID()
	for b.Loop() {
		NewToken(u)
	}
}
