package redisdb_test

import (
	"bytes"
	"testing"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/store/storetest"
	"gatehouse/internal/testenv"

	"time"
)

// clustered returns the backend on an empty cluster.
func clustered(t *testing.T, c *testenv.Cluster) storetest.Sessions {
	t.Helper()
	c.Flush()
	store := redisdb.Open(c.URL(), longest)
	t.Cleanup(func() { store.Close() })
	db := openSQL(t)
	change := func(f func([]byte) []byte) func(*testing.T, session.ID) {
		return func(t *testing.T, id session.ID) {
			t.Helper()
			r, key := c.Owner(redisdb.SlotOf(id)), redisdb.ShardedKey(id)
			record, err := redis.Bytes(c.Do(r, "GET", key))
			must(t, err)
			_, err = c.Do(r, "SET", key, f(record), "XX", "KEEPTTL")
			must(t, err)
		}
	}
	return storetest.Sessions{
		Store: store, Events: store, Ledger: db.Ledger(), Users: db.Users(),
		Corrupt: change(cut),
		Newer:   change(newer),
		Dump: func(t *testing.T) []byte {
			var all bytes.Buffer
			for _, r := range c.Masters() {
				raw, err := redis.Dial("tcp", r.Addr())
				must(t, err)
				all.Write(dump(t, raw))
				raw.Close()
			}
			return all.Bytes()
		},
	}
}

func cut(record []byte) []byte { return record[:len(record)/3] }

func newer(record []byte) []byte {
	record[0]++
	return record
}

func TestCluster(t *testing.T) {
	t.Parallel()
	t.Run("Sessions", func(t *testing.T) {
		t.Parallel()
		c := testenv.RedisCluster(t)
		storetest.RunSessions(t, func(t *testing.T) storetest.Sessions { return clustered(t, c) })
	})
	t.Run("SessionsWhileSlotsMove", func(t *testing.T) {
		t.Parallel()
		c := testenv.RedisCluster(t)
		began, m := time.Now(), keepMoving(t, c)
		storetest.RunSessions(t, func(t *testing.T) storetest.Sessions {
			s := clustered(t, c)
			s.Store = patientStore{s.Store.(*redisdb.Store)}
			return s
		})
		m.halt()
		t.Logf("%d slots were moved in %v", m.moves, time.Since(began).Round(time.Millisecond))
	})
	t.Run("Limiter", func(t *testing.T) {
		t.Parallel()
		c := testenv.RedisCluster(t)
		storetest.RunLimiter(t, func(t *testing.T, now func() time.Time) limit.Limiter {
			store := redisdb.Open(c.URL(), longest)
			t.Cleanup(func() { store.Close() })
			return store.Limiter(now)
		})
	})
}
