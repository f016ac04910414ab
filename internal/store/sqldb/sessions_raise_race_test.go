package sqldb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
)

// A log-in in the middle of a raise (I4): it waits for the raise and then
// fails. That it started a session which is over at once is not enough, for the
// person would be told that the log-in has succeeded.
func TestStartWaitsForRaise(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, url := open(t)
		u := newUser(t, db, "jun", user.RoleUser)
		for what, raise := range map[string]string{
			"user":     `UPDATE users SET epoch = epoch + 1`,
			"everyone": `UPDATE everyone SET epoch = epoch + 1`,
		} {
			old := start(t, db, u.ID, "old "+what)
			conn, err := rawPool(t, url).Conn(ctx)
			must(t, err)
			_, err = conn.ExecContext(ctx, "BEGIN")
			must(t, err)
			_, err = conn.ExecContext(ctx, raise)
			must(t, err)

			fresh, next := old, old
			fresh.ID, next.ID = session.IDOf("fresh "+what), session.IDOf("next "+what)
			started, renewed := make(chan error, 1), make(chan error, 1)
			go func() { started <- db.Sessions().Start(ctx, session.Start{Session: fresh}) }()
			go func() { renewed <- db.Sessions().Renew(ctx, old, next) }()
			select {
			case err := <-started:
				t.Fatalf("%s: start did not wait for the raise: %v", what, err)
			case err := <-renewed:
				t.Fatalf("%s: renew did not wait for the raise: %v", what, err)
			case <-time.After(200 * time.Millisecond):
			}
			_, err = conn.ExecContext(ctx, "COMMIT")
			must(t, err)
			if err := <-started; !errors.Is(err, session.ErrEpoch) {
				t.Errorf("%s: start: %v, want ErrEpoch", what, err)
			}
			var ended *session.EndedError
			if err := <-renewed; !errors.As(err, &ended) {
				t.Errorf("%s: renew: %v, want ended", what, err)
			}
			must(t, conn.Close())
		}
	})
}

// EndUser on its own, as another ledger's store would be asked, raises the
// epoch and never lowers it.
func TestEndUserKeepsTheEpochGrowing(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, _ := open(t)
		u := newUser(t, db, "jun", user.RoleUser)
		kept, other := start(t, db, u.ID, "kept"), start(t, db, u.ID, "other")
		for _, epoch := range []uint32{7, 3} {
			_, err := db.Sessions().EndUser(ctx, u.ID, user.Epoch{User: epoch}, kept.ID, forced, at)
			must(t, err)
			now, err := db.Users().ByID(ctx, u.ID)
			must(t, err)
			if now.Epoch.User != 7 {
				t.Errorf("after the end of all before %d the epoch is %d, want 7", epoch, now.Epoch.User)
			}
			wantReason(t, "kept", db, kept.ID, "")
			wantReason(t, "other", db, other.ID, session.Forced)
		}
		if err := db.Sessions().Start(ctx, session.Start{Session: other}); !errors.Is(err, session.ErrEpoch) {
			t.Errorf("start with the old epoch: %v, want ErrEpoch", err)
		}
	})
}
