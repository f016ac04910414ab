package figures

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"golang.org/x/sync/errgroup"

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
	before := readInfo(t, raw).number("used_memory")
	fill(server.URL())
	bytes := settled(t, raw) - before
	keys, err := redis.Int(raw.Do("DBSIZE"))
	must(t, err)
	if keys < sessions {
		t.Fatalf("%s: %d keys for %d sessions", what, keys, sessions)
	}
	return Memory{what, sessions, keys, float64(bytes) / float64(sessions)}
}

// settled returns used_memory once it has stood still for a second: Redis moves
// its tables to their new size, and drops the old, while nothing is asked.
func settled(t *testing.T, raw redis.Conn) int {
	t.Helper()
	last, since := 0, time.Now()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		used := readInfo(t, raw).number("used_memory")
		if change := used - last; change > 4096 || change < -4096 {
			last, since = used, time.Now()
		} else if time.Since(since) > time.Second {
			return used
		}
	}
	t.Fatal("used_memory does not settle")
	return 0
}

// fill starts sessions as log-ins do, perUser for each user.
func fill(t *testing.T, url string, sessions, perUser int) {
	t.Helper()
	store := openRedis(t, url)
	defer store.Close()
	m := session.NewManager(store, nil, limits, time.Now) // starts write nothing to the ledger
	users := make([]user.User, sessions/perUser)
	for i := range users {
		users[i] = user.User{ID: user.NewID(), Username: fmt.Sprintf("u%07d", i), Role: user.RoleUser}
	}
	must(t, parallel(sessions, func(i int) error {
		return insistOnStart(m, session.IDOf(rand.Text()), session.New{
			User:   users[i/perUser],
			IP:     netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}),
			Device: device,
		})
	}))
}

// insistOnStart starts a session also where a loaded test machine needs more
// time than the product allows itself. What a start whose answer was late has
// left behind is that session.
func insistOnStart(m *session.Manager, id session.ID, n session.New) error {
	for try := 0; ; try++ {
		_, err := m.Start(context.Background(), id, n, nil)
		switch {
		case try > 0 && errors.Is(err, session.ErrExists):
			return nil
		case try == 20 || !errors.Is(err, session.ErrUnavailable):
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// fillStock starts sessions with the same facts in them.
func fillStock(t *testing.T, url string, sessions int) {
	t.Helper()
	stock := newStock(t, url)
	must(t, parallel(sessions, func(int) error {
		ctx, err := stock.Load(context.Background(), "")
		if err != nil {
			return err
		}
		putLogin(ctx, stock)
		_, _, err = stock.Commit(ctx)
		return err
	}))
}

// parallel calls f with 0 to n-1, a few at a time.
func parallel(n int, f func(int) error) error {
	var all errgroup.Group
	workers := 4 * runtime.NumCPU()
	for w := range workers {
		all.Go(func() error {
			for i := w; i < n; i += workers {
				if err := f(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}

func memoryRows(all []Memory) [][]string {
	rows := [][]string{{"", "sessions", "keys", "bytes each"}}
	for _, m := range all {
		rows = append(rows, []string{m.What, count(m.Sessions), count(m.Keys), fmt.Sprintf("%.0f", m.PerSession)})
	}
	return rows
}
