package redisdb_test

import (
	"context"
	"strings"
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
		Commute: commute,
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

// commute: two stores do not see each other, and what reads or counts for itself
// is in nobody's way.
func commute(one, other string) bool {
	inSQL := func(step string) bool { return strings.HasPrefix(step, "ledger.") || strings.HasPrefix(step, "users.") }
	readsUser := func(step string) bool { return strings.HasPrefix(step, "users.By") }
	reads := func(step string) bool { return strings.HasPrefix(step, "GET ") || strings.HasPrefix(step, "MGET ") }
	switch {
	case inSQL(one) != inSQL(other):
		return true
	case inSQL(one):
		return readsUser(one) && (readsUser(other) || other == "ledger.RecordEnd") ||
			readsUser(other) && one == "ledger.RecordEnd"
	case one == "applied.lua" || other == "applied.lua":
		return one != other // they alone look at seq
	}
	return reads(one) && reads(other)
}
