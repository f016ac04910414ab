package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5"

	"gatehouse/internal/measure"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// round says how much there is and for how long.
type round struct {
	sessions int           // there from the beginning
	time     time.Duration // under load
	idle     time.Duration // of sessions that log-ins begin
	lifetime time.Duration // of these
	access   time.Duration // how long an access token counts
	sample   time.Duration
}

// roundOf returns a round of that length, in which the sessions of log-ins reach
// their deadline many times.
func roundOf(sessions int, length time.Duration) round {
	lifetime := max(3*time.Second, (length / 12).Truncate(time.Second))
	return round{sessions: sessions, time: length, lifetime: lifetime, idle: max(2*time.Second, (lifetime * 2 / 3).Truncate(time.Second)),
		access: max(3*time.Second, (lifetime / 4).Truncate(time.Second)), sample: min(time.Second, length/60)}
}

// workers share out users and load.
const (
	workers  = 16
	accounts = 20 // of each worker, that log in
	perUser  = 100
)

// stand is the servers, and what the sessions in them should be.
type stand struct {
	round
	t      testing.TB
	nodes  []*node
	store  *redisdb.Store // for looking
	redis  redis.Conn     // for looking
	weight float64        // MB of Redis per session, index and all
	http   *http.Client
	// Sessions from the beginning: tokens, in blocks of one user each.
	tokens []string
	crowds []*crowd // users with many of them
	admins []string // tokens, one for each worker
	people [workers][]*account
	live   atomic.Int64 // sessions there should be
	// workers go on where they were if there is more than one load.
	workers []*worker
	tally   tally
}

// crowd is a user with many sessions from the beginning. Times are Unix
// nanoseconds, 0 for never.
type crowd struct {
	name            string
	first, after    int // of stand.tokens
	begins, outside atomic.Int64
}

// account is a user that one worker logs in and out.
type account struct {
	name      string
	passwords [2]string // the current one and another
	unsure    bool      // which of them is the current one
	live      []*visitor
}

// Passwords that the policy takes.
var passwords = [2]string{"kettle orbit maple 7", "walnut prism ferry 3"}

// newStand fills the stores and starts two nodes.
func newStand(t testing.TB, bin string, r round) *stand {
	t.Helper()
	server, postgres := testenv.RedisServer(t), testenv.PostgresServer(t)
	raw, err := redis.DialURL(server.URL())
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	s := &stand{round: r, t: t, redis: raw, store: redisdb.Open(server.URL(), measure.Limits.Longest()),
		http: &http.Client{
			Timeout:       patience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{MaxIdleConnsPerHost: 2 * workers},
		}}
	t.Cleanup(func() { s.store.Close() })

	crowds := r.sessions / 2 / perUser
	singles := r.sessions - crowds*perUser
	users := measure.Users(crowds + singles)
	owner := func(i int) user.User {
		if i < crowds*perUser {
			return users[i/perUser]
		}
		return users[crowds+i-crowds*perUser]
	}
	weighs := func() float64 {
		info, err := measure.ReadInfo(raw)
		must(t, err)
		return float64(info.Number("used_memory")) / mega
	}
	before := weighs()
	s.tokens, err = measure.Fill(s.store, r.sessions, owner)
	must(t, err)
	s.weight = (weighs() - before) / float64(r.sessions)
	for i := range crowds {
		s.crowds = append(s.crowds, &crowd{name: users[i].Username, first: i * perUser, after: (i + 1) * perUser})
	}
	admin := user.User{ID: user.NewID(), Username: "soak-admin", Role: user.RoleAdmin}
	s.admins, err = measure.Fill(s.store, workers, func(int) user.User { return admin })
	must(t, err)
	s.live.Store(int64(r.sessions + workers))

	logins := measure.Users(workers * accounts)
	for i := range logins {
		logins[i].Username = fmt.Sprintf("soak%04d", i)
		s.people[i%workers] = append(s.people[i%workers], &account{name: logins[i].Username, passwords: passwords})
	}
	fillUsers(t, postgres.URL(), append(append(users, logins...), admin))
	for n := range 2 {
		s.nodes = append(s.nodes, startNode(t, bin, fmt.Sprint("node ", n+1), []string{
			"GATEHOUSE_ADDR=127.0.0.1:0",
			// The same on all nodes; the default would be each one's own port.
			"GATEHOUSE_PUBLIC_URL=http://localhost",
			"GATEHOUSE_DATABASE_URL=" + postgres.URL(),
			"GATEHOUSE_REDIS_URL=" + server.URL(),
			"GATEHOUSE_RATE_LIMITS=off",
			"GATEHOUSE_SESSION_IDLE=" + r.idle.String(),
			"GATEHOUSE_SESSION_LIFETIME=" + r.lifetime.String(),
			"GATEHOUSE_TOKEN_LIFETIME=" + r.access.String(),
		}))
	}
	return s
}

// anyNode returns the URL of one of them.
func (s *stand) anyNode() string { return s.nodes[rand.IntN(len(s.nodes))].url }

// fillUsers makes the accounts, in one go: through the product each would cost a
// hash. All have the same password.
func fillUsers(t testing.TB, url string, users []user.User) {
	t.Helper()
	ctx := context.Background()
	db, err := measure.OpenSQL(ctx, url)
	must(t, err)
	must(t, db.Close())
	hasher, err := user.NewHasher(user.HasherConfig{})
	must(t, err)
	hash, err := hasher.Hash(ctx, passwords[0])
	must(t, err)
	conn, err := pgx.Connect(ctx, url)
	must(t, err)
	defer conn.Close(ctx)
	now := time.Now().UnixMilli()
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"users"},
		[]string{"id", "username", "name", "email", "search", "role", "password_hash", "epoch", "created_at"},
		pgx.CopyFromSlice(len(users), func(i int) ([]any, error) {
			u := users[i]
			return []any{string(u.ID), u.Username, u.Username, "", u.Username, string(u.Role), hash, 0, now}, nil
		}))
	must(t, err)
	_, err = conn.Exec(ctx, "ANALYZE")
	must(t, err)
}

// others is how many keys there may be that are no session, no index and no
// tombstone: an epoch of each user who was ended as such, and a few of everyone.
func (s *stand) others() int { return workers*accounts + len(s.crowds) + 8 }

// users is how many have sessions from the beginning, as long as nobody is put out.
func (s *stand) users() int { return len(s.crowds) + len(s.tokens) - len(s.crowds)*perUser + 1 }

// expected returns how many sessions there have to be when all that log-ins began
// have expired, and how many may be besides, because an end was not answered.
func (s *stand) expected() (sessions, unsure int) {
	sessions = len(s.tokens) + len(s.admins)
	for _, c := range s.crowds {
		switch {
		case c.outside.Load() != 0:
			sessions -= c.after - c.first
		case c.begins.Load() != 0:
			sessions -= c.after - c.first
			unsure += c.after - c.first
		}
	}
	return sessions, unsure
}
