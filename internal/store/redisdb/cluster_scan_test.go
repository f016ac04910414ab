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
	const all = 900
	for range all {
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
	scan := func(meanwhile func(id session.ID, giveUp func())) (seen map[session.ID]bool, err error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		seen = map[session.ID]bool{}
		err = g.store.Scan(ctx, time.Now(), func(s session.Session) error {
			seen[s.ID] = true
			meanwhile(s.ID, cancel)
			return nil
		})
		return seen, err
	}

	before := scans()
	_, err := scan(func(session.ID, func()) {})
	must(t, err)
	once := scans() - before
	if once < 3 {
		t.Fatalf("read in %d steps, want some after the first", once)
	}

	before = scans()
	open, others := -1, map[session.ID]bool{}
	seen, err := scan(func(id session.ID, giveUp func()) {
		if redisdb.SlotOf(id) != open && (open >= 0 || g.of(id) != master) {
			others[id] = true
			if open >= 0 && len(others) == all-len(there[open]) {
				// Nothing is left but the open slot, which is asked for again and again.
				time.AfterFunc(time.Second, giveUp)
			}
		}
		if open >= 0 || g.of(id) != master {
			return
		}
		open = redisdb.SlotOf(id)
		must(t, g.cluster.BeginMove(open, master, g.other(master)))
		_, err := g.cluster.MoveKeys(open, master, g.other(master), 10)
		must(t, err)
	})
	if !errors.Is(err, session.ErrUnavailable) && !errors.Is(err, context.Canceled) {
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
	seen, err = scan(func(session.ID, func()) {})
	must(t, err)
	if len(seen) != all {
		t.Errorf("found %d sessions after the move, want %d", len(seen), all)
	}
}
