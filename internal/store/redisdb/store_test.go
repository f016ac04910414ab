package redisdb_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/store/storetest"
	"gatehouse/internal/testenv"
)

const longest = 30 * 24 * time.Hour

// open returns the backend of the many-node set-up on an empty Redis database,
// with accounts and ledger in SQLite (how the SQL part behaves on PostgreSQL is
// sqldb's to test).
func open(t *testing.T) (storetest.Sessions, redis.Conn) {
	t.Helper()
	url := testenv.SharedRedis(t)
	store := redisdb.Open(url, longest)
	t.Cleanup(func() { store.Close() })
	raw, err := redis.DialURL(url)
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	db := openSQL(t)
	return storetest.Sessions{
		Store:   store,
		Events:  store,
		Ledger:  db.Ledger(),
		Users:   db.Users(),
		Corrupt: overwrite(raw, func(record []byte) []byte { return record[:len(record)/3] }),
		Newer: overwrite(raw, func(record []byte) []byte {
			record[0]++
			return record
		}),
		Dump: func(t *testing.T) []byte { return dump(t, raw) },
	}, raw
}

func openSQL(t *testing.T) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(context.Background(), filepath.Join(t.TempDir(), "gatehouse.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	_, err = db.Migrate(context.Background())
	must(t, err)
	return db
}

func TestSessions(t *testing.T) {
	t.Parallel()
	storetest.RunSessions(t, func(t *testing.T) storetest.Sessions {
		s, _ := open(t)
		return s
	})
}

func overwrite(raw redis.Conn, change func([]byte) []byte) func(*testing.T, session.ID) {
	return func(t *testing.T, id session.ID) {
		t.Helper()
		record, err := redis.Bytes(raw.Do("GET", redisdb.SessionKey(id)))
		must(t, err)
		_, err = raw.Do("SET", redisdb.SessionKey(id), change(record), "XX", "KEEPTTL")
		must(t, err)
	}
}

// A key of the right name that is not even a string.
func TestI12_KeyOfAnotherType(t *testing.T) {
	s, raw := open(t)
	id := session.IDOf("list")
	_, err := raw.Do("RPUSH", redisdb.SessionKey(id), "x")
	must(t, err)
	m := session.NewManager(s.Store, s.Ledger, session.Limits{}, time.Now)
	for range 2 {
		if _, err := m.Check(context.Background(), id); err == nil || !strings.Contains(err.Error(), "session ended") {
			t.Errorf("check: %v, want ended", err)
		}
	}
	if n, err := redis.Int(raw.Do("EXISTS", redisdb.SessionKey(id))); err != nil || n != 0 {
		t.Errorf("the key is still there: %d, %v", n, err)
	}
}

// dump returns every key and value.
func dump(t *testing.T, raw redis.Conn) []byte {
	var out bytes.Buffer
	keys, err := redis.Strings(raw.Do("KEYS", "*"))
	must(t, err)
	for _, key := range keys {
		value, err := redis.Bytes(raw.Do("GET", key)) // DUMP would compress it
		if err != nil {
			value, err = redis.Bytes(raw.Do("DUMP", key))
		}
		must(t, err)
		out.WriteString(key)
		out.Write(value)
	}
	return out.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
