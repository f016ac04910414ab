package sqldb_test

import (
	"context"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
)

// The count is of what lives: not what has ended, by id or by a raised epoch that
// has marked no row yet, nor what has expired.
func TestCount(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, url := open(t)
		count := func(what string, now time.Time, want int) {
			t.Helper()
			n, err := db.Sessions().Count(ctx, now)
			must(t, err)
			if n != want {
				t.Errorf("%s: %d sessions, want %d", what, n, want)
			}
		}
		count("none", at, 0)
		alice, bob := newUser(t, db, "alice", user.RoleUser), newUser(t, db, "bob", user.RoleUser)
		one := start(t, db, alice.ID, "1")
		start(t, db, alice.ID, "2")
		start(t, db, bob.ID, "3")
		count("three", at, 3)
		// More than are looked at together.
		const more = 4500
		_, err := rawPool(t, url).Exec(`
			INSERT INTO sessions (id, user_id, username, role, epoch_all, epoch_user, began, last_seen,
				idle_ms, deadline, remember, ip, browser, os, client, refresh, data)
			WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < $1)
			SELECT 'copy ' || n, user_id, username, role, epoch_all, epoch_user, began, last_seen,
				idle_ms, deadline, remember, ip, browser, os, client, refresh, data
			FROM sessions, copies WHERE id = $2`, more, string(one.ID))
		must(t, err)
		count("many", at, 3+more)
		count("just before they expire", at.Add(time.Hour-time.Millisecond), 3+more)
		count("expired", at.Add(time.Hour), 0)
		_, err = db.Sessions().End(ctx, []session.ID{one.ID, "copy 1", "copy 4500"}, session.Why{Reason: session.Forced}, at)
		must(t, err)
		count("three have ended", at, more)
		_, _, err = db.Ledger().RaiseUser(ctx, alice.ID, "", session.Why{Reason: session.Forced}, at)
		must(t, err)
		count("all of alice", at, 1)

		stopped, cancel := context.WithCancel(ctx)
		cancel()
		if n, err := db.Sessions().Count(stopped, at); err == nil || n != 0 {
			t.Errorf("cut off: %d, %v", n, err)
		}
	})
}
