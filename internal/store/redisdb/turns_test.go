package redisdb_test

import (
	"context"
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// Redis does one thing at a time. An administrator whose list asked it for very
// many records at once would keep every check waiting.
func TestListOfEverybodyIsReadInSmallPortions(t *testing.T) {
	const sessions, most = 3000, 75  // records to a command, in the middle
	server := testenv.RedisServer(t) // its own: it counts commands for all databases
	store := redisdb.Open(server.URL(), longest)
	t.Cleanup(func() { store.Close() })
	_, err := measure.Fill(store, sessions, func(int) user.User { return measure.Somebody() })
	must(t, err)
	raw, err := redis.DialURL(server.URL())
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	_, err = raw.Do("CONFIG", "RESETSTAT")
	must(t, err)
	seen := 0
	must(t, store.Scan(context.Background(), time.Now(), func(session.Session) error { seen++; return nil }))
	info, err := redis.String(raw.Do("INFO", "commandstats"))
	must(t, err)
	found := regexp.MustCompile(`cmdstat_mget:calls=(\d+)`).FindStringSubmatch(info)
	if found == nil {
		t.Fatalf("no MGET among the commands of a list: %s", info)
	}
	commands, err := strconv.Atoi(found[1])
	must(t, err)
	if seen != sessions || commands < sessions/most {
		t.Errorf("%d of %d sessions read by %d commands, want at most %d by each", seen, sessions, commands, most)
	}
}

// Who ends very many leaves half of the time to others, and does not wait for long
// when Redis is slow.
func TestEndOfManyRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest := redisdb.Breath()
		for _, one := range []struct{ worked, want time.Duration }{
			{0, 0},
			{900 * time.Microsecond, 0},
			{300 * time.Microsecond, 1200 * time.Microsecond}, // together
			{0, 0},
			{3 * time.Millisecond, 3 * time.Millisecond},
			{time.Second, 10 * time.Millisecond},
		} {
			time.Sleep(one.worked)
			began := time.Now()
			rest()
			if rested := time.Since(began); rested != one.want {
				t.Errorf("after %v more: rested %v, want %v", one.worked, rested, one.want)
			}
		}
	})
}

// The rests are there where sessions are ended one by one, as by a filter.
func TestEndByIDRests(t *testing.T) {
	const took, steps = 2 * time.Millisecond, 20 // each, so that each but the first is due to wait
	store := redisdb.OpenLosing(testenv.SharedRedis(t), longest, func(step string) error {
		if step == "end.lua" {
			time.Sleep(took)
		}
		return nil
	})
	t.Cleanup(func() { store.Close() })
	tokens, err := measure.Fill(store, 25*steps, func(int) user.User { return measure.Somebody() })
	must(t, err)
	var ids []session.ID
	for _, token := range tokens {
		ids = append(ids, session.IDOf(token))
	}
	began := time.Now()
	ended, err := store.End(context.Background(), ids, session.Why{Reason: session.Forced}, time.Now())
	if all := time.Since(began); err != nil || ended != len(ids) || all < (2*steps-1)*took {
		t.Errorf("%d of %d sessions ended in %v, want no less than %v: %v", ended, len(ids), all, (2*steps-1)*took, err)
	}
}
