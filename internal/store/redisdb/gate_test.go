package redisdb_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// gated is a node whose Redis can be broken: accounts and ledger in SQLite, a
// Redis server of its own, the gate in front of it.
type gated struct {
	t      *testing.T
	redis  *testenv.RedisProc
	db     *sqldb.DB
	ledger session.Ledger
	store  *redisdb.Store
	*session.Manager
}

var gateLimits = session.Limits{Idle: time.Hour, Lifetime: 12 * time.Hour, RememberIdle: 24 * time.Hour, RememberLifetime: longest}

func newGated(t *testing.T, args ...string) *gated {
	t.Helper()
	g := &gated{t: t, redis: testenv.RedisServer(t, args...), db: openSQL(t)}
	g.ledger = g.db.Ledger()
	g.node(time.Minute)
	return g
}

// node starts a (further) node on the same servers and makes it the one under
// test.
func (g *gated) node(lease time.Duration) {
	g.t.Helper()
	must(g.t, g.tryNode(lease))
}

func (g *gated) tryNode(lease time.Duration) error {
	ctx, stop := context.WithCancel(context.Background())
	g.t.Cleanup(stop)
	g.store = redisdb.Open(g.redis.URL(), longest)
	g.t.Cleanup(func() { g.store.Close() })
	g.Manager = session.NewManager(g.store, g.ledger, gateLimits, time.Now)
	return g.store.Follow(ctx, redisdb.Gate{
		Ledger: g.ledger, Name: "this one", Lease: lease, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

func (g *gated) user() user.User {
	g.t.Helper()
	n := names.Add(1)
	u := user.User{ID: user.NewID(), Username: fmt.Sprint("user", n), Role: user.RoleUser, PasswordHash: "x", CreatedAt: time.Now()}
	must(g.t, g.db.Users().Create(context.Background(), u))
	u, err := g.db.Users().ByID(context.Background(), u.ID)
	must(g.t, err)
	return u
}

var names atomic.Int64

func (g *gated) login(u user.User) session.ID {
	g.t.Helper()
	u, err := g.db.Users().ByID(context.Background(), u.ID)
	must(g.t, err)
	_, id := session.NewToken(u.ID)
	_, err = g.Start(context.Background(), id, session.New{User: u, IP: netip.MustParseAddr("192.0.2.1")}, nil)
	must(g.t, err)
	return id
}

// settled asks until the answer is no longer "unavailable".
func (g *gated) settled(id session.ID) error {
	g.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		_, err := g.Check(context.Background(), id)
		if !errors.Is(err, session.ErrUnavailable) {
			return err
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("still unavailable: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (g *gated) wantEnded(what string, id session.ID) {
	g.t.Helper()
	var ended *session.EndedError
	if err := g.settled(id); !errors.As(err, &ended) {
		g.t.Errorf("%s: got %v, want ended", what, err)
	}
}

func (g *gated) wantAlive(what string, id session.ID) {
	g.t.Helper()
	if err := g.settled(id); err != nil {
		g.t.Errorf("%s: got %v, want alive", what, err)
	}
}

// wantServed is for a session on a server that is well, while something else is
// not. Any answer may be too late on a busy machine; but whoever waits for what is
// not well has none to several questions in a row.
func (g *gated) wantServed(what string, id session.ID) {
	g.t.Helper()
	for try := 1; ; try++ {
		_, err := g.Check(context.Background(), id)
		if err == nil {
			return
		}
		if try == 3 || !errors.Is(err, session.ErrUnavailable) {
			g.t.Fatalf("%s: %v", what, err)
		}
	}
}

func (g *gated) end(ids ...session.ID) {
	g.t.Helper()
	_, err := g.End(context.Background(), ids, session.Why{Reason: session.Forced})
	must(g.t, err)
}

func (g *gated) do(cmd string, args ...any) any {
	g.t.Helper()
	c, err := redis.DialURL(g.redis.URL())
	must(g.t, err)
	defer c.Close()
	reply, err := c.Do(cmd, args...)
	must(g.t, err)
	return reply
}

// restartFrom kills Redis without warning and starts it on the data of an old
// snapshot.
func (g *gated) restartFrom(snapshot []byte) {
	g.t.Helper()
	g.redis.Kill()
	must(g.t, os.WriteFile(filepath.Join(g.redis.Dir(), "dump.rdb"), snapshot, 0o600))
	g.redis.Start()
}

func (g *gated) snapshot() []byte {
	g.t.Helper()
	g.do("SAVE")
	b, err := os.ReadFile(filepath.Join(g.redis.Dir(), "dump.rdb"))
	must(g.t, err)
	return b
}

// snapshotsOnly is a Redis as it comes: no append-only file.
var snapshotsOnly = []string{"--appendonly", "no"}

// Everything that can end a session, on a Redis that then forgets it.
func TestI5_EndsOutliveAnOldSnapshot(t *testing.T) {
	ctx := context.Background()
	g := newGated(t, snapshotsOnly...)
	u, v, w := g.user(), g.user(), g.user()
	one, two, kept := g.login(u), g.login(v), g.login(w)
	other, live := g.login(w), g.login(g.user())
	s, err := g.Check(ctx, g.login(g.user()))
	must(t, err)
	shut := g.user()
	disabled := g.login(shut)
	snapshot := g.snapshot()

	g.end(one)
	_, err = g.EndUser(ctx, v.ID, "", session.Why{Reason: session.Forced})
	must(t, err)
	_, err = g.EndUser(ctx, w.ID, kept, session.Why{Reason: session.Logout})
	must(t, err)
	_, err = g.Renew(ctx, s, session.IDOf("renewed"), s.Epoch, nil)
	must(t, err)
	epoch, err := g.db.Users().Disable(ctx, shut.ID, user.Change{At: time.Now()})
	must(t, err)
	_, err = g.EndUserAt(ctx, shut.ID, epoch, "", session.Why{Reason: session.Disabled})
	must(t, err)

	g.restartFrom(snapshot)
	g.wantEnded("ended by itself", one)
	g.wantEnded("ended with its user", two)
	g.wantEnded("ended with the others", other)
	g.wantEnded("the old token of a renewed session", s.ID)
	g.wantEnded("ended with its account", disabled)
	g.wantAlive("kept", kept)
	g.wantAlive("nobody's business", live)

	// Everyone, and then the same snapshot once more.
	_, err = g.EndAll(ctx, session.Why{Reason: session.Forced})
	must(t, err)
	fresh := g.login(g.user())
	g.restartFrom(snapshot)
	g.wantEnded("ended with everyone", live)
	g.wantEnded("ended with everyone, kept before", kept)
	g.wantEnded("a log-in younger than the snapshot is lost", fresh)
	g.wantAlive("a new log-in", g.login(u))
}

func TestI5_EmptiedServer(t *testing.T) {
	g := newGated(t)
	id := g.login(g.user())
	g.end(id)
	live := g.login(g.user())
	g.do("FLUSHALL")
	g.wantEnded("ended before", id)
	g.wantEnded("lost with the data", live)
	g.wantAlive("a new log-in", g.login(g.user()))
	deadline := time.Now().Add(10 * time.Second)
	for seq := int64(0); seq == 0; {
		seq, _ = redis.Int64(g.do("GET", "seq"), nil)
		if time.Now().After(deadline) {
			t.Fatal("the emptied server is not brought up to date")
		}
	}
}

// A second node ends sessions; this one's Redis connections break and come back
// to a server that has lost them, before this node has heard of anything.
func TestI5_AnotherNodesEnds(t *testing.T) {
	g := newGated(t, snapshotsOnly...)
	id := g.login(g.user())
	snapshot := g.snapshot()
	first := *g
	g.node(time.Minute)
	g.end(id)
	g.restartFrom(snapshot)
	first.wantEnded("ended by the other node", id)
}

// Redis freezes while many connections lie in the pool, each of which is asked how
// far its server is before it is lent again. They share the time of one operation.
// A busy machine may make one answer late, not three.
func TestI6_FrozenServerAndAPoolOfConnections(t *testing.T) {
	g := newGated(t)
	id := g.login(g.user())
	const many = 12
	fill := func() {
		var all sync.WaitGroup
		for range many {
			all.Go(func() {
				for range 50 {
					_, _ = g.Check(context.Background(), id)
				}
			})
		}
		all.Wait()
	}
	fill()
	for try := 1; ; try++ {
		g.wantAlive("before", id)
		time.Sleep(600 * time.Millisecond) // each has to be asked again by now
		g.redis.Pause()
		began := time.Now()
		_, err := g.Check(context.Background(), id)
		took := time.Since(began)
		g.redis.Resume()
		if !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		if took <= 900*time.Millisecond { // the limit is 300 ms
			return
		}
		if try == 3 {
			t.Fatalf("answered after %v", took)
		}
		fill() // the pool, whose connections were lost
	}
}

// The ends of one Redis do not matter to a Redis of somebody else.
func TestI5_RedisOfAnotherInstallation(t *testing.T) {
	g := newGated(t)
	g.do("SET", "ledger", "another one")
	if err := g.tryNode(time.Minute); !errors.Is(err, redisdb.ErrOtherLedger) {
		t.Errorf("start: %v, want ErrOtherLedger", err)
	}
	if _, err := g.Check(context.Background(), session.IDOf("x")); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("check: %v, want ErrUnavailable", err)
	}
}

// A program from before that is still running would accept sessions that end in
// keys it does not know: it finds another ledger and accepts none.
func TestI5_ProgramOfTheLayoutBefore(t *testing.T) {
	g := newGated(t)
	name, err := redis.String(g.do("GET", "ledger"), nil)
	must(t, err)
	before, ours := strings.CutSuffix(name, redisdb.Layout)
	if !ours {
		t.Fatalf("the ledger is noted as %q", name)
	}
	g.do("SET", "ledger", before) // as if the one from before had been alone until now
	must(t, g.tryNode(time.Minute))
	g.login(g.user())
	if now := g.do("GET", "ledger"); string(now.([]byte)) != name {
		t.Errorf("the ledger is noted as %q, which the program from before takes for its own", now)
	}
}

// A database restored from a backup has lost ends that Redis has seen.
func TestI5_DatabaseOlderThanRedis(t *testing.T) {
	g := newGated(t)
	id := g.login(g.user())
	g.end(g.login(g.user()))
	g.do("SET", "seq", 1000)
	if err := g.tryNode(time.Minute); !errors.Is(err, redisdb.ErrLedgerOlder) {
		t.Errorf("start: %v, want ErrLedgerOlder", err)
	}
	if _, err := g.Check(context.Background(), id); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("check: %v, want ErrUnavailable", err)
	}
}

// deafLedger stops answering when told to.
type deafLedger struct {
	session.Ledger
	deaf atomic.Bool
}

func (l *deafLedger) Head(ctx context.Context) (int64, error) {
	if l.deaf.Load() {
		return 0, session.ErrUnavailable
	}
	return l.Ledger.Head(ctx)
}

func TestI5_LeaseRunsOut(t *testing.T) {
	g := newGated(t)
	ledger := &deafLedger{Ledger: g.ledger}
	g.ledger = ledger
	const lease = 2 * time.Second
	g.node(lease)
	id := g.login(g.user())
	ledger.deaf.Store(true)
	silent := time.Now()
	for {
		_, err := g.Check(context.Background(), id)
		if err != nil {
			if !errors.Is(err, session.ErrUnavailable) {
				t.Fatalf("after %v of silence: %v", time.Since(silent), err)
			}
			if since := time.Since(silent); since < lease/2 {
				// Redis may be too slow once; a lease that has run out stays so.
				g.wantServed(fmt.Sprintf("refused after %v, the lease is %v", since, lease), id)
				continue
			}
			break
		}
		if time.Since(silent) > lease+5*time.Second {
			t.Fatal("still checking long after the lease")
		}
		time.Sleep(20 * time.Millisecond)
	}
	ledger.deaf.Store(false)
	g.wantAlive("when the ledger speaks again", id)
}

// longLedger is a ledger to which a great many ends of unknown sessions have
// been added, with the given ones among them.
type longLedger struct {
	session.Ledger
	entries []session.Entry
}

func newLongLedger(head int64, n int, among []session.ID) *longLedger {
	l := &longLedger{entries: make([]session.Entry, n)}
	for i := range l.entries {
		id := session.IDOf(fmt.Sprint("gone", i))
		if every := n / len(among); i%every == 0 && i/every < len(among) {
			id = among[i/every]
		}
		l.entries[i] = session.Entry{Seq: head + int64(i) + 1, Session: id, Why: session.Why{Reason: session.Forced}, At: time.Now()}
	}
	return l
}

func (l *longLedger) Head(context.Context) (int64, error) {
	return l.entries[len(l.entries)-1].Seq, nil
}

func (l *longLedger) After(_ context.Context, seq int64, limit int) ([]session.Entry, error) {
	from := max(0, int(seq-l.entries[0].Seq)+1)
	from = min(from, len(l.entries))
	return l.entries[from:min(from+limit, len(l.entries))], nil
}

func TestI5_ReplayOf100000EndsWithin10Seconds(t *testing.T) {
	g := newGated(t)
	u := g.user()
	var ids []session.ID
	for range 200 {
		ids = append(ids, g.login(u))
	}
	live := g.login(g.user())
	head, err := g.ledger.Head(context.Background())
	must(t, err)
	g.ledger = newLongLedger(head, 100_000, ids)
	begin := time.Now()
	g.node(time.Minute) // returns when it is done
	took := time.Since(begin)
	t.Logf("100,000 ends applied in %v", took)
	if took > 10*time.Second {
		t.Errorf("the replay took %v, the promise is 10 s", took)
	}
	for _, id := range ids {
		g.wantEnded("one of the 200", id)
	}
	g.wantAlive("the one that was not ended", live)
}
