package figures

import (
	"context"
	"fmt"
	"testing"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// Memory is what sessions weigh in Redis, everything kept for them included.
type Memory struct {
	What       string
	Sessions   int
	Keys       int
	PerSession float64 // bytes
}

func measureMemory(t *testing.T, sessions int) []Memory {
	return []Memory{
		weigh(t, "Gatehouse, one session per user, index included", sessions, func(url string) { fill(t, url, sessions, 1) }),
		weigh(t, "Gatehouse, 100 sessions per user, index included", sessions, func(url string) { fill(t, url, sessions, 100) }),
		weigh(t, "scs + redisstore (gob), no index", sessions, func(url string) { fillStock(t, url, sessions) }),
	}
}

// weigh measures what fill adds to an empty server.
func weigh(t *testing.T, what string, sessions int, fill func(url string)) Memory {
	t.Helper()
	server := testenv.RedisServer(t)
	defer server.Stop()
	raw := dial(t, server.URL())
	before := readInfo(t, raw).Number("used_memory")
	fill(server.URL())
	after, err := measure.SettledMemory(raw)
	must(t, err)
	bytes := after - before
	keys, err := redis.Int(raw.Do("DBSIZE"))
	must(t, err)
	if keys < sessions {
		t.Fatalf("%s: %d keys for %d sessions", what, keys, sessions)
	}
	return Memory{what, sessions, keys, float64(bytes) / float64(sessions)}
}

// fill starts sessions in the Redis at url as log-ins do, perUser for each user.
func fill(t *testing.T, url string, sessions, perUser int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop() // connections weigh too
	store := openRedis(ctx, t, url, openSQL(t, t.TempDir()+"/gatehouse.db"))
	defer store.Close()
	fillStore(t, store, sessions, perUser)
}

func fillStore(t *testing.T, store session.Store, sessions, perUser int) {
	t.Helper()
	users := measure.Users(sessions / perUser)
	_, err := measure.Fill(store, sessions, func(i int) user.User { return users[i/perUser] })
	must(t, err)
}

// fillStock starts sessions with the same facts in them.
func fillStock(t *testing.T, url string, sessions int) {
	t.Helper()
	_, err := measure.FillStock(newStock(t, url), sessions, func(int) user.User { return measure.Somebody() })
	must(t, err)
}

func memoryRows(all []Memory) [][]string {
	rows := [][]string{{"", "sessions", "keys", "bytes each"}}
	for _, m := range all {
		rows = append(rows, []string{m.What, measure.Count(m.Sessions), measure.Count(m.Keys), fmt.Sprintf("%.0f", m.PerSession)})
	}
	return rows
}
