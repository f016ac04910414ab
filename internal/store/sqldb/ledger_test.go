package sqldb_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
)

var (
	at     = time.Date(2026, 11, 21, 17, 4, 0, 123e6, time.UTC)
	forced = session.Why{Reason: session.Forced}
)

func newUser(t testing.TB, db *sqldb.DB, name string, role user.Role) user.User {
	t.Helper()
	u := user.User{ID: user.NewID(), Username: name, Role: role, PasswordHash: "hash", CreatedAt: at}
	must(t, db.Users().Create(context.Background(), u))
	return u
}

func TestEveryEndIsInTheLedger(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, _ := open(t)
		jun, admin := newUser(t, db, "jun", user.RoleUser), newUser(t, db, "admin", user.RoleAdmin)
		one, two := session.IDOf("1"), session.IDOf("2")
		change := user.Change{Actor: admin.ID, At: at}

		must(t, second(db.Ledger().RecordEnd(ctx, []session.ID{one, two}, session.Why{Reason: session.Logout, Actor: jun.ID}, at)))
		_, _, err := db.Ledger().RaiseUser(ctx, jun.ID, one, session.Why{Reason: session.Logout, Actor: jun.ID}, at)
		must(t, err)
		_, _, err = db.Ledger().RaiseAll(ctx, forced, at)
		must(t, err)
		_, err = db.Users().SetPassword(ctx, jun.ID, "hash", "new", user.Change{Actor: jun.ID, At: at, Keep: string(two)})
		must(t, err)
		_, err = db.Users().Disable(ctx, jun.ID, change)
		must(t, err)
		_, _, err = db.Users().SetRole(ctx, jun.ID, user.RoleAdmin, change)
		must(t, err)
		// What is refused or changes nothing ends nothing.
		_, _, _ = db.Users().SetRole(ctx, jun.ID, user.RoleAdmin, change)
		_, _ = db.Users().SetPassword(ctx, jun.ID, "not the hash", "x", change)
		_, _ = db.Users().Disable(ctx, admin.ID, change)
		must(t, db.Users().Enable(ctx, jun.ID, change))
		must(t, db.Users().Rehash(ctx, jun.ID, "new", "newer"))

		own := session.Why{Reason: session.Logout, Actor: jun.ID}
		want := []session.Entry{
			{Seq: 1, Session: one, Why: own, At: at},
			{Seq: 2, Session: two, Why: own, At: at},
			{Seq: 3, User: jun.ID, Epoch: user.Epoch{User: 1}, Keep: one, Why: own, At: at},
			{Seq: 4, Epoch: user.Epoch{All: 1}, Why: forced, At: at},
			{Seq: 5, User: jun.ID, Epoch: user.Epoch{User: 2}, Keep: two, Why: session.Why{Reason: session.Password, Actor: jun.ID}, At: at},
			{Seq: 6, User: jun.ID, Epoch: user.Epoch{User: 3}, Why: session.Why{Reason: session.Disabled, Actor: admin.ID}, At: at},
			{Seq: 7, User: jun.ID, Epoch: user.Epoch{User: 4}, Why: session.Why{Reason: session.Forced, Actor: admin.ID}, At: at},
		}
		got, err := db.Ledger().After(ctx, 0, 100)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ledger (-want +got):\n%s", diff)
		}
		got, err = db.Ledger().After(ctx, 4, 2)
		must(t, err)
		if diff := cmp.Diff(want[4:6], got); diff != "" {
			t.Errorf("two after the fourth (-want +got):\n%s", diff)
		}
		head, err := db.Ledger().Head(ctx)
		must(t, err)
		if head != 7 {
			t.Errorf("head %d, want 7", head)
		}

		n, err := db.PruneLedger(ctx, at.Add(time.Millisecond))
		must(t, err)
		if head, err = db.Ledger().Head(ctx); err != nil || n != 7 || head != 7 {
			t.Errorf("pruned %d, then head %d, %v; pruning gives no number twice", n, head, err)
		}
	})
}

// A reader that goes on from the last entry it has seen must not miss one that
// was numbered earlier and committed later.
func TestLedgerNumbersFollowCommits(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, _ := open(t)
		const writers, each = 8, 25
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					ids := make([]session.ID, 1+i%3)
					for j := range ids {
						ids[j] = session.IDOf(fmt.Sprint(w, i, j))
					}
					if _, err := db.Ledger().RecordEnd(ctx, ids, forced, at); err != nil {
						t.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		var last int64
		for over := false; ; {
			entries, err := db.Ledger().After(ctx, last, 7)
			must(t, err)
			for _, e := range entries {
				if e.Seq != last+1 {
					t.Fatalf("entry %d appeared after %d", e.Seq, last)
				}
				last = e.Seq
			}
			if len(entries) > 0 {
				continue
			}
			if over {
				break
			}
			select {
			case <-done:
				over = true // one more look
			case <-time.After(time.Millisecond):
			}
		}
		head, err := db.Ledger().Head(ctx)
		must(t, err)
		if last != head || head < writers*each {
			t.Errorf("read up to %d, head %d", last, head)
		}
	})
}

// second drops what a call returns beside its error.
func second[T any](_ T, err error) error { return err }
