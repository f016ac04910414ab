package redisdb_test

import (
	"context"
	"testing"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/store/storetest"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// interleaved is the set-up with many nodes: sessions in Redis, accounts and
// ledger in SQL.
func interleaved(t *testing.T) (storetest.Interleaved, redis.Conn) {
	url := testenv.SharedRedis(t)
	raw, err := redis.DialURL(url)
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	db := openSQL(t)
	return storetest.Interleaved{
		Open: func(pause func(step string)) storetest.Sessions {
			store := redisdb.OpenPaused(url, longest, pause)
			t.Cleanup(func() { store.Close() })
			must(t, store.LoadScripts(context.Background()))
			return storetest.Sessions{Store: store, Ledger: db.Ledger(), Users: db.Users()}
		},
		Reset: func() {
			head, err := db.Ledger().Head(context.Background())
			must(t, err)
			_, err = raw.Do("FLUSHDB")
			must(t, err)
			_, err = raw.Do("SET", "seq", head)
			must(t, err)
		},
		Index: func(u user.ID) (ids []session.ID) {
			names, err := redis.Strings(raw.Do("ZRANGE", "u:"+string(u), 0, -1))
			must(t, err)
			for _, name := range names {
				ids = append(ids, session.ID(name))
			}
			return ids
		},
	}, raw
}

func TestInterleavings(t *testing.T) {
	backend, _ := interleaved(t)
	storetest.RunInterleavings(t, backend)
}
