package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
)

// What is special about sessions beside their accounts: the epoch ends them at
// its commit, before EndUser or EndAll has marked any.

func start(t testing.TB, db *sqldb.DB, u user.ID, token string) session.Session {
	t.Helper()
	now, err := db.Users().ByID(context.Background(), u)
	must(t, err)
	s := session.Session{ID: session.IDOf(token), User: u, Username: now.Username, Role: now.Role, Epoch: now.Epoch,
		Began: at, LastSeen: at, Idle: time.Hour, Deadline: at.Add(12 * time.Hour)}
	must(t, db.Sessions().Start(context.Background(), session.Start{Session: s}))
	return s
}

// reason returns why the session has ended, "" if it lives.
func reason(t testing.TB, db *sqldb.DB, id session.ID) session.Reason {
	t.Helper()
	_, err := db.Sessions().Find(context.Background(), id)
	var ended *session.EndedError
	if errors.As(err, &ended) {
		return ended.Reason
	}
	must(t, err)
	return ""
}

func wantReason(t testing.TB, what string, db *sqldb.DB, id session.ID, want session.Reason) {
	t.Helper()
	if got := reason(t, db, id); got != want {
		t.Errorf("%s: ended because %q, want %q", what, got, want)
	}
}

func TestRaisedEpochEndsAtCommit(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, _ := open(t)
		raises := map[session.Reason]func(u user.ID) error{
			session.Logout: func(u user.ID) error {
				_, _, err := db.Ledger().RaiseUser(ctx, u, "", session.Why{Reason: session.Logout}, at)
				return err
			},
			session.Password: func(u user.ID) error {
				_, err := db.Users().SetPassword(ctx, u, "", "new", user.Change{At: at})
				return err
			},
			session.Disabled: func(u user.ID) error {
				_, err := db.Users().Disable(ctx, u, user.Change{At: at})
				return err
			},
			session.Forced: func(u user.ID) error {
				_, _, err := db.Users().SetRole(ctx, u, user.RoleAdmin, user.Change{At: at})
				return err
			},
			session.Reuse: func(user.ID) error {
				_, _, err := db.Ledger().RaiseAll(ctx, session.Why{Reason: session.Reuse}, at)
				return err
			},
		}
		for why, raise := range raises {
			u := newUser(t, db, "user-"+string(why), user.RoleUser)
			s := start(t, db, u.ID, string(why))
			must(t, raise(u.ID))

			wantReason(t, "raised", db, s.ID, why)
			for name, err := range map[string]error{
				"touch": db.Sessions().Touch(ctx, s, at),
				"save":  db.Sessions().Save(ctx, s, []byte("x"), at),
				"renew": db.Sessions().Renew(ctx, s, session.Session{ID: session.IDOf("next" + string(why)), User: u.ID, Epoch: user.Epoch{All: 9, User: 9},
					Role: user.RoleUser, Began: at, LastSeen: at, Idle: time.Hour, Deadline: at.Add(time.Hour)}),
			} {
				var ended *session.EndedError
				if !errors.As(err, &ended) || ended.Reason != why {
					t.Errorf("%s after %s: %v", name, why, err)
				}
			}
			list, err := db.Sessions().ListUser(ctx, u.ID, at)
			must(t, err)
			if len(list) != 0 {
				t.Errorf("%s: still listed", why)
			}
			must(t, db.Sessions().Scan(ctx, at, func(found session.Session) error {
				if found.User == u.ID {
					t.Errorf("%s: still scanned", why)
				}
				return nil
			}))
			n, err := db.Sessions().End(ctx, []session.ID{s.ID}, session.Why{Reason: session.Replaced}, at)
			must(t, err)
			if n != 0 {
				t.Errorf("%s: an end counted a session that had ended", why)
			}

			// A later raise marks it, and does not change why it ended.
			epoch, _, err := db.Ledger().RaiseUser(ctx, u.ID, "", session.Why{Reason: session.Replaced}, at)
			must(t, err)
			_, err = db.Sessions().EndUser(ctx, u.ID, epoch, "", session.Why{Reason: session.Replaced}, at)
			must(t, err)
			wantReason(t, "marked", db, s.ID, why)
		}
	})
}

func TestSessionOfNoAccountIsOver(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, url := open(t)
		u := newUser(t, db, "jun", user.RoleUser)
		s := start(t, db, u.ID, "1")
		_, err := rawPool(t, url).Exec(`DELETE FROM users`)
		must(t, err)
		wantReason(t, "account deleted in SQL", db, s.ID, session.Forced)
		s.ID = session.IDOf("2")
		if err := db.Sessions().Start(ctx, session.Start{Session: s}); !errors.Is(err, session.ErrEpoch) {
			t.Errorf("start: %v, want ErrEpoch", err)
		}
	})
}

// The person who changes a password, or puts out other devices, must not look
// logged out in the moment between the raise and EndUser.
func TestKeptSessionNeverLooksEnded(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, _ := open(t)
		u := newUser(t, db, "jun", user.RoleUser)
		mine, other := start(t, db, u.ID, "mine"), start(t, db, u.ID, "other")
		stop, looked := make(chan struct{}), make(chan int)
		go func() {
			n := 0
			for ; ; n++ {
				select {
				case <-stop:
					looked <- n
					return
				default:
				}
				if _, err := db.Sessions().Find(ctx, mine.ID); err != nil {
					t.Errorf("the kept session: %v", err)
				}
			}
		}()
		for i := range 50 {
			var epoch user.Epoch
			var err error
			if i%2 == 0 {
				epoch, _, err = db.Ledger().RaiseUser(ctx, u.ID, mine.ID, forced, at)
			} else {
				epoch, err = db.Users().SetPassword(ctx, u.ID, "", "x", user.Change{At: at, Keep: string(mine.ID)})
			}
			must(t, err)
			wantReason(t, "other", db, other.ID, session.Forced)
			_, err = db.Sessions().EndUser(ctx, u.ID, epoch, mine.ID, forced, at)
			must(t, err)
		}
		close(stop)
		if n := <-looked; n < 10 {
			t.Errorf("looked %d times: the test shows nothing", n)
		}
	})
}

func TestKeepRevivesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, _ := open(t)
		ends := map[string]func(s session.Session){
			"by an end of all not yet marked": func(session.Session) {
				_, _, err := db.Ledger().RaiseAll(ctx, forced, at)
				must(t, err)
			},
			"by an end of the user not yet marked": func(s session.Session) {
				_, _, err := db.Ledger().RaiseUser(ctx, s.User, "", forced, at)
				must(t, err)
			},
			"itself": func(s session.Session) {
				_, err := db.Sessions().End(ctx, []session.ID{s.ID}, forced, at)
				must(t, err)
			},
		}
		i := 0
		for name, end := range ends {
			i++
			u, stranger := newUser(t, db, fmt.Sprint("u", i), user.RoleUser), newUser(t, db, fmt.Sprint("s", i), user.RoleUser)
			s := start(t, db, u.ID, name)
			end(s)
			why := session.Why{Reason: session.Logout}
			epoch, _, err := db.Ledger().RaiseUser(ctx, u.ID, s.ID, why, at)
			must(t, err)
			wantReason(t, "ended "+name+", then kept by a raise", db, s.ID, session.Forced)
			_, err = db.Sessions().EndUser(ctx, u.ID, epoch, s.ID, why, at)
			must(t, err)
			wantReason(t, "ended "+name+", then kept by EndUser", db, s.ID, session.Forced)

			// Nor can somebody else keep it.
			live := start(t, db, u.ID, name+" again")
			_, _, err = db.Ledger().RaiseUser(ctx, stranger.ID, live.ID, why, at)
			must(t, err)
			_, _, err = db.Ledger().RaiseUser(ctx, u.ID, "", why, at)
			must(t, err)
			wantReason(t, "kept by a stranger", db, live.ID, session.Logout)
		}
	})
}

func TestExpiredIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, _ := open(t)
		u := newUser(t, db, "jun", user.RoleUser)
		var ids []session.ID
		for i := range 4 {
			ids = append(ids, start(t, db, u.ID, fmt.Sprint(i)).ID)
		}
		late := at.Add(time.Hour) // the idle deadline, to the millisecond
		if got := reason(t, db, ids[0]); got != "" {
			t.Errorf("Find looked at a clock: %q", got)
		}
		n, err := db.Sessions().End(ctx, ids[:1], forced, late)
		must(t, err)
		epoch, _, err := db.Ledger().RaiseUser(ctx, u.ID, "", forced, late)
		must(t, err)
		wantReason(t, "expired before the raise", db, ids[1], session.Expired)
		m, err := db.Sessions().EndUser(ctx, u.ID, epoch, "", forced, late)
		must(t, err)
		if n != 0 || m != 0 {
			t.Errorf("ended %d and %d sessions that had run out", n, m)
		}
		for _, id := range ids {
			wantReason(t, "ended after it had run out", db, id, session.Expired)
		}
	})
}

func TestEndAllGoesOnPastOneBatch(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, url := open(t)
		u := newUser(t, db, "jun", user.RoleUser)
		start(t, db, u.ID, "first")
		const more = 2100
		_, err := rawPool(t, url).Exec(fmt.Sprintf(`
			INSERT INTO sessions (id, user_id, username, role, epoch_all, epoch_user, began, last_seen, idle_ms, deadline, remember, ip, browser, os)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			SELECT id || n.i, user_id, username, role, epoch_all, epoch_user, began, last_seen, idle_ms, deadline, remember, ip, browser, os
			FROM sessions CROSS JOIN n`, more))
		must(t, err)
		seen := map[session.ID]bool{}
		must(t, db.Sessions().Scan(ctx, at, func(s session.Session) error {
			if seen[s.ID] {
				t.Errorf("%s seen twice", s.ID)
			}
			seen[s.ID] = true
			return nil
		}))
		if len(seen) != more+1 {
			t.Errorf("scanned %d of %d", len(seen), more+1)
		}
		epoch, _, err := db.Ledger().RaiseAll(ctx, forced, at)
		must(t, err)
		n, err := db.Sessions().EndAll(ctx, epoch, forced, at)
		must(t, err)
		if n != more+1 {
			t.Errorf("ended %d of %d", n, more+1)
		}
		n, err = db.PruneSessions(ctx, at.Add(12*time.Hour-time.Millisecond))
		must(t, err)
		if n != 0 {
			t.Errorf("pruned %d tombstones that can still be asked about", n)
		}
		n, err = db.PruneSessions(ctx, at.Add(12*time.Hour))
		must(t, err)
		if n != more+1 {
			t.Errorf("pruned %d of %d", n, more+1)
		}
	})
}

// While everyone's sessions are marked, few at a time in the embedded default,
// whoever wants to write gets their turn in between.
func TestOthersWriteWhileEveryoneEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	path := t.TempDir() + "/gatehouse.db"
	db := migrated(t, path)
	fillSQLite(t, path, 500)
	newcomer := newUser(t, db, "jun", user.RoleUser)
	epoch, _, err := db.Ledger().RaiseAll(ctx, forced, at)
	must(t, err)
	var once sync.Once
	marked := 0
	go db.Sessions().Listen(ctx, func(session.ID, session.Reason) {
		once.Do(func() {
			must(t, rawPool(t, path).QueryRow(`SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL`).Scan(&marked))
			start(t, db, newcomer.ID, "new")
		})
	}, nil)
	for nodes := (session.Nodes{}); nodes.Live == 0; nodes, err = db.Sessions().Confirm(ctx) {
		must(t, err)
	}
	n, err := db.Sessions().EndAll(ctx, epoch, forced, time.UnixMilli(60_000))
	must(t, err)
	if n != 500 {
		t.Errorf("%d ended, want 500", n)
	}
	if marked == 0 || marked > 50 {
		t.Errorf("%d were marked before anybody else could write", marked)
	}
}

func TestTombstonesForgetWhoItWas(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, url := open(t)
		u := newUser(t, db, "jun", user.RoleUser)
		s := start(t, db, u.ID, "1")
		must(t, db.Sessions().Save(ctx, s, []byte("private"), at))
		_, err := db.Sessions().End(ctx, []session.ID{s.ID}, forced, at)
		must(t, err)
		var left int
		must(t, rawPool(t, url).QueryRow(`SELECT COUNT(*) FROM sessions WHERE data IS NOT NULL OR username || ip || browser || os <> ''`).Scan(&left))
		if left != 0 {
			t.Error("the tombstone keeps personal data")
		}
	})
}
