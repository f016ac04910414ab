package redisdb_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

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
			names, err := redis.Strings(raw.Do("ZRANGE", redisdb.IndexKey(u), 0, -1))
			must(t, err)
			return redisdb.UnpackIDs(names)
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
	reads := func(step string) bool {
		return strings.HasPrefix(step, "GET ") || strings.HasPrefix(step, "MGET ") || step == "list.lua"
	}
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

// The last flaws are what redisstore does: it commits with an unconditional SET.
func TestInterleavingsFindFlaws(t *testing.T) {
	var raw redis.Conn
	storetest.RunFlawedInterleavings(t, func(t *testing.T) (backend storetest.Interleaved) {
		backend, raw = interleaved(t)
		return backend
	}, storetest.Flaw{Name: "I1_ASaveThatCreates", In: func(s storetest.Sessions) storetest.Sessions {
		s.Store = unconditionalSave{s.Store, raw}
		return s
	}}, storetest.Flaw{Name: "I1_ARefreshThatCreates", Refresh: true, In: func(s storetest.Sessions) storetest.Sessions {
		s.Store = unconditionalRotate{s.Store, raw}
		return s
	}})
}

type unconditionalSave struct {
	session.Store
	raw redis.Conn
}

// Save reads the record, and writes it if it was there.
func (s unconditionalSave) Save(ctx context.Context, of session.Session, data []byte, _ time.Time) error {
	if _, err := s.Find(ctx, of.ID); err != nil {
		return err
	}
	record, err := redis.Bytes(s.raw.Do("GET", redisdb.SessionKey(of.ID)))
	if err != nil {
		return err
	}
	if err := s.Ping(ctx); err != nil { // others may come in between
		return err
	}
	_, err = s.raw.Do("SET", redisdb.SessionKey(of.ID), append(record, data...), "KEEPTTL")
	return err
}

type unconditionalRotate struct {
	session.Store
	raw redis.Conn
}

// Rotate reads the record, decides, and writes it with the tokens replaced.
func (s unconditionalRotate) Rotate(ctx context.Context, x session.Rotate) (session.Session, error) {
	found, err := s.Find(ctx, x.ID)
	if err != nil {
		return session.Session{}, err
	}
	next, rotated, err := found.Refresh.Use(x)
	if err != nil || !rotated {
		return found, err
	}
	record, err := redis.Bytes(s.raw.Do("GET", redisdb.SessionKey(x.ID)))
	if err != nil {
		return session.Session{}, err
	}
	if err := s.Ping(ctx); err != nil { // others may come in between
		return session.Session{}, err
	}
	record = bytes.Replace(record, session.AppendRefresh(nil, found.Refresh), session.AppendRefresh(nil, next), 1)
	_, err = s.raw.Do("SET", redisdb.SessionKey(x.ID), record, "KEEPTTL")
	found.Refresh = next
	return found, err
}
