package redisdb_test

import (
	"context"
	"flag"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/store/storetest"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// everyFlag is for whoever has two minutes. One server plays them all anyway, and
// what is done there is the same.
var everyFlag = flag.Int("interleavings.every", 5, "play one of this `many` combinations on a cluster")

// The steps are what they are on a single server, of the one shard that everybody
// in the play is in; and an end of everyone looks before and after its reading
// whether the shard has been there all the time. What it does meanwhile to the other
// 63 shards, in which nobody is, and on other masters, is in nobody's way and no
// step.
func TestInterleavingsCluster(t *testing.T) {
	c := testenv.RedisCluster(t, snapshotsOnly...) // nothing is lost here
	db := openSQL(t)
	const shard = session.Shard(17)
	masters := c.Masters()
	owner := c.Owner(redisdb.SlotOfShard(shard))
	here := " @" + owner.Addr()
	tag := redisdb.TagOfShard(shard)
	storetest.RunInterleavings(t, storetest.Interleaved{
		Open: func(pause func(step string)) storetest.Sessions {
			store := redisdb.OpenPaused(c.URL(), longest, func(step string) {
				name, where, _ := strings.Cut(step, here)
				if strings.HasSuffix(step, here) || where == " "+tag {
					pause(name)
				}
			})
			t.Cleanup(func() { store.Close() })
			must(t, store.LoadScripts(context.Background()))
			return storetest.Sessions{Store: store, Ledger: db.Ledger(), Users: db.Users()}
		},
		Reset: func() {
			for _, r := range masters {
				_, err := c.Do(r, "FLUSHALL")
				must(t, err)
			}
		},
		Commute: func(one, other string) bool {
			return one == "positions.lua" || other == "positions.lua" || commute(one, other)
		},
		Index: func(u user.ID) []session.ID {
			names, err := redis.Strings(c.Do(owner, "ZRANGE", redisdb.ShardedIndexKey(u), 0, -1))
			must(t, err)
			return redisdb.UnpackIDs(names)
		},
		Every: *everyFlag,
		NewUser: func() user.ID {
			for {
				if u := user.NewID(); session.ShardOf(u) == shard {
					return u
				}
			}
		},
	})
}
