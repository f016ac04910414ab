package redisdb_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// server names Redis as it is now, as a note about an end of everyone does.
func (g *gated) server() string {
	g.t.Helper()
	info, err := redis.String(g.do("INFO", "server", "replication"), nil)
	must(g.t, err)
	var name string
	for _, field := range []string{`run_id:(\w+)`, `master_replid:(\w+)`} {
		name += regexp.MustCompile(field).FindStringSubmatch(info)[1]
	}
	return name
}

// Somebody is putting everyone out, which takes long. Until it is done a session
// that has not been reached is checked as always; if they crash, it is done for
// them.
func TestI5_EndOfEveryoneKeepsNoCheckWaiting(t *testing.T) {
	g := newGated(t)
	live := g.login(g.user())
	g.wantAlive("before", live)
	note := func(d time.Duration) { g.do("SET", "ending", g.server(), "PX", d.Milliseconds()) }
	note(time.Minute)
	_, _, err := g.ledger.RaiseAll(context.Background(), session.Why{Reason: session.Forced}, time.Now())
	must(t, err)
	for began := time.Now(); time.Since(began) < 3*time.Second; time.Sleep(20 * time.Millisecond) { // several comparisons
		if err := g.settled(live); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
	note(time.Millisecond)
	head, err := g.ledger.Head(context.Background())
	must(t, err)
	g.applied(head)
	g.wantEnded("when nobody carries it out any more", live)
}

// Whoever puts everyone out says so meanwhile.
func TestEndOfEveryoneIsNoted(t *testing.T) {
	g := newGated(t)
	_, err := g.EndAll(context.Background(), session.Why{Reason: session.Forced})
	must(t, err)
	note, err := redis.String(g.do("GET", "ending"), nil)
	must(t, err)
	if note != g.server() {
		t.Errorf("the note names %q, the server is %q", note, g.server())
	}
	if ms, _ := redis.Int64(g.do("PTTL", "ending"), nil); ms <= 0 || ms > 3000 {
		t.Errorf("the note counts for %d ms, want at most 3 s", ms)
	}
}

// The note survives in a snapshot, together with sessions that have ended since.
func TestI5_NoteInAnOldSnapshotCountsForNothing(t *testing.T) {
	g := newGated(t, snapshotsOnly...)
	id, live := g.login(g.user()), g.login(g.user())
	g.do("SET", "ending", g.server(), "PX", time.Hour.Milliseconds())
	snapshot := g.snapshot()
	g.end(id)
	g.restartFrom(snapshot)
	g.wantEnded("ended since", id)
	g.wantAlive("nobody's business", live)
}
