package main

import (
	"strings"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
)

// The database is away while somebody logs out: the node says what is done and
// what is not, and makes it up when the database is back.
func TestUnrecordedEndIsRecordedLater(t *testing.T) {
	const waiting = "ended, not recorded yet: 1\n"
	redis, postgres := testenv.RedisServer(t), testenv.PostgresServer(t)
	s := embedded(t).with("GATEHOUSE_DATABASE_URL", postgres.URL(), "GATEHOUSE_REDIS_URL", redis.URL())
	n := startNode(t, s)
	kim, lee := newClient(t), newClient(t)
	kim.signUp(n, "kim")
	lee.signUp(n, "lee")
	gone := kim.copy()

	postgres.Stop()
	a := kim.postOnce(n, "/logout")
	if a.status != 503 || !strings.Contains(a.body, "1 session ended.") || !strings.Contains(a.body, "not recorded yet") {
		t.Errorf("POST /logout: %d %s", a.status, a.body)
	}
	if a := newClient(t).getOnce(n, "/readyz"); !strings.HasSuffix(a.body, waiting) {
		t.Errorf("/readyz: %q, want %q at its end", a.body, waiting)
	}
	postgres.Start()
	eventually(t, "the end is recorded", func() bool {
		a := newClient(t).getOnce(n, "/readyz")
		return a.status == 200 && !strings.Contains(a.body, waiting)
	})
	eventually(t, "the log says so", func() bool { return strings.Contains(n.stderr.String(), "ends that were done are recorded now") })
	gone.isOut(n, session.Logout)
	lee.isIn(n)

	// Once more, and nobody comes back: what is lost is said.
	postgres.Stop()
	if a := lee.postOnce(n, "/logout"); a.status != 503 {
		t.Errorf("POST /logout: %d", a.status)
	}
	if code := n.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if log := n.stderr.String(); !strings.Contains(log, "stopping with ends that are done but not recorded") {
		t.Errorf("the log does not say what is lost:\n%s", log)
	}
}

// The receipt of a command names the nodes, although it is no node itself.
func TestCommandSaysWhichNodesHaveConfirmed(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		newClient(t).signUp(first, "kim")
		want := ", confirmed by 2 of 2 nodes, "
		if first == other {
			want = " already gone, " // the server finds out by itself
		}
		eventually(t, "all nodes confirm", func() bool { // they may still be about to listen
			newClient(t).logIn(other, "kim")
			code, stdout, stderr := first.command(t, "", "session", "end", "--user", "kim")
			if code != exitOK {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			return strings.Contains(stdout, want)
		})
	})
}
