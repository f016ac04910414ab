package capacity

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"gatehouse/internal/audit"
	"gatehouse/internal/limit"
	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

var benchFlag = flag.String("capacity.bench", "", "figures that make bench wrote to this `file`; together with what is measured here they replace figures.json")

// TestMeasure measures what the bench does not: bytes on the wire, to replicas and
// into PostgreSQL, and what touches and ends cost. The ordinary tests do so with few
// of each, and see that there is a figure for everything.
func TestMeasure(t *testing.T) {
	n := 300
	if *benchFlag != "" {
		n = 20_000
	}
	f := measured(t, n)
	if *benchFlag == "" {
		f.Check.Node, f.Check.Redis, f.Login.Node = 50, 15, 25_000
		f.Commit, f.Date, f.Machine, f.Sessions = "none", "today", "here", n
		must(t, f.check())
		if f.Check.Trips > 1.5 || f.Check.Replicated > 1 {
			t.Errorf("a check takes %.2f round trips and writes %.1f bytes", f.Check.Trips, f.Check.Replicated)
		}
		return
	}
	readBench(t, &f, *benchFlag)
	must(t, f.check())
	f.round()
	b, err := json.MarshalIndent(f, "", "  ")
	must(t, err)
	must(t, os.WriteFile("figures.json", append(b, '\n'), 0o644))
	t.Logf("figures.json:\n%s", b)
}

// round leaves of each figure the digits that may mean something.
func (f *Figures) round() {
	for _, x := range []*float64{&f.GateRedis, &f.SessionBytes, &f.TombstoneBytes, &f.LedgerBytes, &f.AuditBytes, &f.LedgerMicros} {
		*x = round(*x, 3)
	}
	for _, c := range []*Cost{&f.Check, &f.Touch, &f.Login, &f.End} {
		for _, x := range []*float64{&c.Node, &c.Redis, &c.Sent, &c.Received, &c.Trips, &c.Replicated} {
			*x = round(*x, 3)
		}
	}
}

// benchReport is what is needed of the JSON that make bench writes.
type benchReport struct {
	Commit      string
	Cores       int
	Go          string
	LoadAverage string
	Rows        []struct {
		Row        string
		Population struct{ Sessions, PerUser int }
		Samples    []struct{ ServerCPU, StoreCPU float64 }
	}
	Memory []struct { // by later reports
		Population struct{ Sessions, PerUser int }
		Ours       float64
	}
}

// The rows of the bench that are taken over.
const (
	checkRow = "check, Redis"
	loginRow = "log-in, Redis"
)

// readBench takes over what the bench has measured, with the most sessions, one
// per user.
func readBench(t *testing.T, f *Figures, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	var r benchReport
	must(t, json.Unmarshal(text, &r))
	for _, row := range r.Rows {
		of := func(which func(i int) float64) float64 {
			var all []float64
			for i := range row.Samples {
				all = append(all, which(i))
			}
			slices.Sort(all)
			return all[len(all)/2]
		}
		switch {
		case row.Population.PerUser != 1 || len(row.Samples) == 0:
		case row.Row == checkRow && row.Population.Sessions > f.Sessions:
			f.Sessions = row.Population.Sessions
			f.Check.Node = of(func(i int) float64 { return row.Samples[i].ServerCPU })
			f.Check.Redis = of(func(i int) float64 { return row.Samples[i].StoreCPU })
		case row.Row == loginRow: // Redis does far less for it than what happens meanwhile
			f.Login.Node = of(func(i int) float64 { return row.Samples[i].ServerCPU })
		}
	}
	most := 0
	for _, m := range r.Memory {
		if m.Population.PerUser == 1 && m.Population.Sessions > max(most, 50_000) {
			most, f.SessionBytes = m.Population.Sessions, m.Ours
		}
	}
	f.Commit, f.Load = r.Commit, r.LoadAverage
	f.Machine = fmt.Sprintf("%d cores, %s, %s", r.Cores, strings.Replace(r.Go, "go", "Go ", 1), f.Machine)
}

// bench is the servers that are measured.
type bench struct {
	*testing.T
	redis redis.Conn
	store *redisdb.Store
	db    *sqldb.DB
	sql   *pgx.Conn
	m     *session.Manager
}

func newBench(t *testing.T) *bench {
	t.Helper()
	server, postgres := testenv.RedisServer(t), testenv.PostgresServer(t)
	raw, err := redis.DialURL(server.URL())
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	db, err := measure.OpenSQL(t.Context(), postgres.URL())
	must(t, err)
	t.Cleanup(func() { db.Close() })
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	store, err := measure.OpenRedis(ctx, server.URL(), db)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	conn, err := pgx.Connect(t.Context(), postgres.URL())
	must(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return &bench{T: t, redis: raw, store: store, db: db, sql: conn, m: session.NewManager(store, db.Ledger(), measure.Limits, time.Now)}
}

// measured measures with n of everything, and five times as many sessions where
// their weight is asked.
func measured(t *testing.T, n int) (f Figures) {
	f.SessionBytes, f.TombstoneBytes = weigh(t, 5*n)
	b := newBench(t)
	ctx := context.Background()
	users := measure.Users(n)
	ids := make([]session.ID, n)
	for i := range ids {
		ids[i] = session.IDOf(measure.NewToken())
	}
	limiter := b.store.Limiter(time.Now)
	f.Login = b.cost(n, func(i int) error {
		// As from as many addresses.
		for _, rule := range []limit.Rule{limit.LoginAddress, limit.LoginAccount} {
			if _, err := limiter.Take(ctx, rule, users[i].Username); err != nil {
				return err
			}
		}
		return measure.InsistOnStart(b.m, ids[i], session.New{User: users[i], IP: measure.ClientIP, Device: measure.Device})
	})
	found := make([]session.Session, n)
	f.Check = b.cost(n, func(i int) (err error) {
		found[i], err = b.m.Check(ctx, ids[i])
		return err
	})
	later := time.Now().Add(measure.Limits.Idle / 2)
	f.Touch = b.cost(n, func(i int) error { return b.store.Touch(ctx, found[i], later) })
	before := b.tableBytes("ends")
	f.End = b.cost(n, func(i int) error {
		_, err := b.m.End(ctx, ids[i:i+1], session.Why{Reason: session.Logout, Actor: users[i].ID})
		return err
	})
	f.LedgerBytes = (b.tableBytes("ends") - before) / float64(n)
	began := time.Now()
	must(t, side(n, func(i int) error {
		_, err := b.db.Ledger().RecordEnd(ctx, ids[i:i+1], session.Why{Reason: session.Logout, Actor: users[i].ID}, time.Now())
		return err
	}))
	f.LedgerMicros = float64(time.Since(began).Microseconds()) / float64(n)
	before = b.tableBytes("audit")
	must(t, side(n, func(i int) error {
		return b.db.Audit().Append(ctx, audit.Event{At: time.Now(), Kind: audit.Login, User: users[i].ID, Actor: users[i].ID,
			IP: measure.ClientIP, Device: measure.Device.String()})
	}))
	f.AuditBytes = (b.tableBytes("audit") - before) / float64(n)
	f.GateRedis = b.gate(n)
	info, err := measure.ReadInfo(b.redis)
	must(t, err)
	var version string
	must(t, b.sql.QueryRow(ctx, "SHOW server_version").Scan(&version))
	version, _, _ = strings.Cut(version, " ")
	f.Machine = fmt.Sprintf("Redis %s, PostgreSQL %s", info["redis_version"], version)
	f.Date = time.Now().UTC().Format(time.DateOnly)
	return f
}

// together is how many of a kind are under way at a time: Redis serves several
// connections at a time for less than one after the other.
const together = 8

// side calls do with 0 to n-1.
func side(n int, do func(int) error) error {
	var all errgroup.Group
	var next atomic.Int64
	for range together {
		all.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := do(i); err != nil {
					return err
				}
			}
		})
	}
	return all.Wait()
}

// counters are what an operation moves.
type counters struct{ node, redis, sent, received, trips, written float64 }

func (b *bench) look() (c counters) {
	b.Helper()
	info, err := measure.ReadInfo(b.redis)
	must(b, err)
	var used syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return counters{
		node:     float64(used.Utime.Nano()+used.Stime.Nano()) / 1e3,
		redis:    1e6 * (info.Seconds("used_cpu_user") + info.Seconds("used_cpu_sys")),
		sent:     float64(info.Number("total_net_input_bytes")),
		received: float64(info.Number("total_net_output_bytes")),
		trips:    float64(info.Number("total_reads_processed")),
		written:  float64(info.Number("aof_current_size")),
	}
}

// cost returns what one of n operations costs. CPU of the node is that of this
// process.
func (b *bench) cost(n int, do func(int) error) Cost {
	b.Helper()
	idle := b.look()
	runtime.GC()
	before := b.look()
	must(b, side(n, do))
	after := b.look()
	each := func(of func(counters) float64) float64 { // looking costs as well
		return max(0, of(after)-of(before)-(of(before)-of(idle))) / float64(n)
	}
	return Cost{
		Node:       (after.node - before.node) / float64(n),
		Redis:      (after.redis - before.redis) / float64(n),
		Sent:       each(func(c counters) float64 { return c.sent }),
		Received:   each(func(c counters) float64 { return c.received }),
		Trips:      each(func(c counters) float64 { return c.trips }),
		Replicated: (after.written - before.written) / float64(n),
	}
}

// tableBytes returns what a table and its indexes take on the disk.
func (b *bench) tableBytes(name string) (bytes float64) {
	b.Helper()
	must(b, b.sql.QueryRow(context.Background(), "SELECT pg_total_relation_size($1::regclass)::float8", name).Scan(&bytes))
	return bytes
}

// gate returns Redis' time for what the gate asks through each connection in use:
// who the server is and three keys (internal/store/redisdb/gate.go).
func (b *bench) gate(n int) float64 {
	b.Helper()
	pool := &redis.Pool{MaxIdle: together, Dial: func() (redis.Conn, error) {
		info, err := measure.ReadInfo(b.redis)
		if err != nil {
			return nil, err
		}
		return redis.Dial("tcp", "127.0.0.1:"+info["tcp_port"])
	}}
	defer pool.Close()
	var conns [together]redis.Conn
	for i := range conns {
		conns[i] = pool.Get()
		defer conns[i].Close()
	}
	before := b.look()
	var all errgroup.Group
	for _, c := range conns {
		all.Go(func() error {
			for range n / together {
				if _, err := c.Do("INFO", "server", "replication"); err != nil {
					return err
				}
				if _, err := c.Do("MGET", "one", "two", "three"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(b, all.Wait())
	return (b.look().redis - before.redis) / float64(n/together*together)
}

// weigh returns the bytes of Redis per session, one per user, and per session that
// has ended.
func weigh(t *testing.T, n int) (session, tombstone float64) {
	t.Helper()
	b := newBench(t)
	empty, err := measure.SettledMemory(b.redis)
	must(t, err)
	users := measure.Users(n)
	tokens, err := measure.Fill(b.store, n, func(i int) user.User { return users[i] })
	must(t, err)
	full, err := measure.SettledMemory(b.redis)
	must(t, err)
	b.endAll(tokens)
	ended, err := measure.SettledMemory(b.redis)
	must(t, err)
	return float64(full-empty) / float64(n), float64(ended-empty) / float64(n)
}

func (b *bench) endAll(tokens []string) {
	b.Helper()
	const batch = 100
	var ids []session.ID
	for _, token := range tokens {
		ids = append(ids, session.IDOf(token))
	}
	must(b, side((len(ids)+batch-1)/batch, func(i int) error {
		some := ids[i*batch : min(len(ids), (i+1)*batch)]
		_, err := b.store.End(context.Background(), some, session.Why{Reason: session.Forced}, time.Now())
		return err
	}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
