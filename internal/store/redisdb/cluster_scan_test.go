package redisdb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
)

// Where slots are moved all day, one is nearly always opened while a million sessions
// are read. Only its own sessions have to be read again then.
func TestClusterScanGoesOnBesideAnOpenSlot(t *testing.T) {
	t.Parallel()
	g := newClusterNode(t, testenv.RedisCluster(t))
	master := g.cluster.Masters()[0]
	there := map[int][]session.ID{} // on that master, by slot
	for range 900 {
		id := g.login(g.user())
		if g.of(id) == master {
			slot := redisdb.SlotOf(id)
			there[slot] = append(there[slot], id)
		}
	}
	scans := func() (n int) {
		stats := fmt.Sprintf("%s", g.ask(master, "INFO", "commandstats"))
		_, rest, _ := strings.Cut(stats, "cmdstat_scan:calls=")
		_, _ = fmt.Sscan(rest, &n)
		return n
	}
	scan := func(within time.Duration, meanwhile func(session.ID)) (seen map[session.ID]bool, err error) {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		seen = map[session.ID]bool{}
		err = g.store.Scan(ctx, time.Now(), func(s session.Session) error {
			meanwhile(s.ID)
			seen[s.ID] = true
			return nil
		})
		return seen, err
	}

	before := scans()
	_, err := scan(time.Minute, func(session.ID) {})
	must(t, err)
	once := scans() - before
	if once < 3 {
		t.Fatalf("read in %d steps, want some after the first", once)
	}

	before = scans()
	open := -1
	seen, err := scan(2*time.Second, func(id session.ID) {
		if open >= 0 || g.of(id) != master {
			return
		}
		open = redisdb.SlotOf(id)
		must(t, g.cluster.BeginMove(open, master, g.other(master)))
		_, err := g.cluster.MoveKeys(open, master, g.other(master), 10)
		must(t, err)
	})
	if !errors.Is(err, session.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the sessions of the open slot cannot be read: %v", err)
	}
	if n := scans() - before; n > once {
		t.Errorf("the master was asked %d times, want %d: what the open slot does not concern was read again", n, once)
	}
	for slot, ids := range there {
		for _, id := range ids {
			if slot != open && !seen[id] {
				t.Errorf("a session of another slot was not found")
			}
		}
	}

	for n := 1; n > 0; {
		n, err = g.cluster.MoveKeys(open, master, g.other(master), 10)
		must(t, err)
	}
	must(t, g.cluster.EndMove(open, g.other(master)))
	seen, err = scan(time.Minute, func(session.ID) {})
	must(t, err)
	if len(seen) != 900 {
		t.Errorf("found %d sessions after the move, want 900", len(seen))
	}
}
