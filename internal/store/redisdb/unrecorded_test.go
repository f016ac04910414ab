package redisdb_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// awayLedger answers nothing while it is away.
type awayLedger struct {
	session.Ledger
	away atomic.Bool
}

func (l *awayLedger) err() error {
	if l.away.Load() {
		return session.ErrUnavailable
	}
	return nil
}

func (l *awayLedger) RecordEnd(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (session.Span, error) {
	if err := l.err(); err != nil {
		return session.Span{}, err
	}
	return l.Ledger.RecordEnd(ctx, ids, why, now)
}

func (l *awayLedger) RaiseUser(ctx context.Context, u user.ID, keep session.ID, why session.Why, now time.Time) (user.Epoch, session.Span, error) {
	if err := l.err(); err != nil {
		return user.Epoch{}, session.Span{}, err
	}
	return l.Ledger.RaiseUser(ctx, u, keep, why, now)
}

func (l *awayLedger) RaiseAll(ctx context.Context, why session.Why, now time.Time) (user.Epoch, session.Span, error) {
	if err := l.err(); err != nil {
		return user.Epoch{}, session.Span{}, err
	}
	return l.Ledger.RaiseAll(ctx, why, now)
}

func (l *awayLedger) Head(ctx context.Context) (int64, error) {
	if err := l.err(); err != nil {
		return 0, err
	}
	return l.Ledger.Head(ctx)
}

func (l *awayLedger) After(ctx context.Context, seq int64, limit int) ([]session.Entry, error) {
	if err := l.err(); err != nil {
		return nil, err
	}
	return l.Ledger.After(ctx, seq, limit)
}

// recording runs RecordLater of the node under test.
func (g *gated) recording() {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	m := g.Manager
	running.Go(func() { m.RecordLater(ctx) })
	g.t.Cleanup(func() { stop(); running.Wait() })
}

// recorded waits until the node under test has told the ledger everything.
func (g *gated) recorded() {
	g.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); g.Unrecorded() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			g.t.Fatalf("%d sessions have still not been recorded", g.Unrecorded())
		}
	}
}

// The database is away, so an end is done and not recorded; then Redis crashes
// and loses it. Nobody but the node that did it knows of it any more.
func TestI5_UnrecordedEndsOutliveAnOldSnapshot(t *testing.T) {
	forced := session.Why{Reason: session.Forced}
	for name, end := range map[string]func(g *gated, s session.Session) (session.Receipt, error){
		"one": func(g *gated, s session.Session) (session.Receipt, error) {
			return g.End(context.Background(), []session.ID{s.ID}, forced)
		},
		"user": func(g *gated, s session.Session) (session.Receipt, error) {
			return g.EndUser(context.Background(), s.User, "", forced)
		},
		"filter": func(g *gated, s session.Session) (session.Receipt, error) {
			return g.EndWhere(context.Background(), session.Filter{User: s.User, Carrier: session.Cookie}, forced)
		},
		"everyone": func(g *gated, s session.Session) (session.Receipt, error) {
			return g.EndAll(context.Background(), forced)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGated(t, snapshotsOnly...)
			ledger := &awayLedger{Ledger: g.ledger}
			g.ledger = ledger
			g.node(time.Minute)
			other := *g
			g.node(time.Minute)
			g.recording()
			u := g.user()
			id, live := g.login(u), g.login(g.user())
			s, err := g.Check(context.Background(), id)
			must(t, err)
			snapshot := g.snapshot()

			ledger.away.Store(true)
			r, err := end(g, s)
			if !errors.Is(err, session.ErrUnrecorded) || !errors.Is(err, session.ErrUnavailable) || r.Ended == 0 {
				t.Fatalf("end without a database: %+v, %v", r, err)
			}
			if g.Unrecorded() != r.Ended {
				t.Errorf("%d sessions are kept, %d have ended", g.Unrecorded(), r.Ended)
			}
			g.restartFrom(snapshot)
			ledger.away.Store(false)
			// On this node it never comes back, not even until it is recorded.
			g.wantEnded("at once", id)
			g.recorded()
			g.wantEnded("once recorded", id)
			other.wantEnded("on the other node", id)
			if name != "everyone" {
				other.wantAlive("nobody's business", live)
			}
			// And from now on like any other end.
			g.restartFrom(snapshot)
			other.wantEnded("lost once more", id)
		})
	}
}

// What is recorded later must not hit who has logged in meanwhile.
func TestI4_RecordedLaterHitsNoYoungerSession(t *testing.T) {
	g := newGated(t, snapshotsOnly...)
	ledger := &awayLedger{Ledger: g.ledger}
	g.ledger = ledger
	g.node(time.Minute)
	u := g.user()
	old, kept := g.login(u), g.login(u)
	other := g.login(g.user())
	ctx, forced := context.Background(), session.Why{Reason: session.Forced}
	ledger.away.Store(true)
	for what, end := range map[string]func() (session.Receipt, error){
		"of a user": func() (session.Receipt, error) { return g.EndUser(ctx, u.ID, kept, forced) },
		"of a filter": func() (session.Receipt, error) {
			return g.EndWhere(ctx, session.Filter{User: u.ID, Device: "x"}, forced)
		},
	} {
		if _, err := end(); what == "of a user" && !errors.Is(err, session.ErrUnrecorded) {
			t.Errorf("end %s: %v", what, err)
		}
	}
	fresh := g.login(u)
	ledger.away.Store(false)
	g.recording()
	g.recorded()
	g.wantEnded("ended", old)
	g.wantAlive("kept", kept)
	g.wantAlive("begun after the end", fresh)
	g.wantAlive("of another user", other)
	after, err := g.db.Users().ByID(ctx, u.ID)
	must(t, err)
	if after.Epoch != u.Epoch {
		t.Errorf("the epoch was raised from %v to %v", u.Epoch, after.Epoch)
	}
}

// A command ends a session and Redis crashes before it notes so: it must not
// tell the Redis that has come back that it has applied that end.
func TestI5_CommandHidesNoMissingEnd(t *testing.T) {
	g := newGated(t, snapshotsOnly...)
	g.end(g.login(g.user())) // from here on seq is where the ledger is
	id := g.login(g.user())
	snapshot := g.snapshot()
	command := &crashingStore{Store: g.ungated(), after: func() { g.restartFrom(snapshot) }}
	m := session.NewManager(command, g.ledger, session.Limits{}, time.Now)
	if _, err := m.End(context.Background(), []session.ID{id}, session.Why{Reason: session.Forced}); err != nil {
		t.Fatal(err)
	}
	if !command.noted {
		t.Fatal("the test does not reach what it is about")
	}
	g.wantEnded("ended by a command, lost by Redis", id)
	head, err := g.ledger.Head(context.Background())
	must(t, err)
	g.applied(head) // by the gate, then
}

// crashingStore calls after between an end and its note.
type crashingStore struct {
	session.Store
	after func()
	noted bool
}

func (s *crashingStore) End(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (int, error) {
	n, err := s.Store.End(ctx, ids, why, now)
	s.after()
	return n, err
}

func (s *crashingStore) Applied(ctx context.Context, span session.Span) error {
	s.noted = true
	return s.Store.Applied(ctx, span)
}
