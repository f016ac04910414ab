package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
)

// refuse makes every statement of that kind (UPDATE, INSERT) on table fail, as a
// full disk or a crash in between would, until the function that it returns is
// called.
func refuse(t *testing.T, url, statement, table string) (allow func()) {
	t.Helper()
	driver, name := "sqlite", "refuse_"+table
	create := []string{`CREATE TRIGGER ` + name + ` BEFORE ` + statement + ` ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'refused'); END`}
	drop := `DROP TRIGGER ` + name
	if isPostgres(url) {
		driver = "pgx"
		create = []string{
			`CREATE FUNCTION ` + name + `() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$ LANGUAGE plpgsql`,
			`CREATE TRIGGER ` + name + ` BEFORE ` + statement + ` ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION ` + name + `()`,
		}
		drop = `DROP FUNCTION ` + name + `() CASCADE`
	} else {
		url = "file:" + url + "?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, url)
	must(t, err)
	defer db.Close()
	for _, query := range create {
		_, err := db.Exec(query)
		must(t, err)
	}
	return func() {
		t.Helper()
		db, err := sql.Open(driver, url)
		must(t, err)
		defer db.Close()
		_, err = db.Exec(drop)
		must(t, err)
	}
}

func isPostgres(url string) bool { return len(url) > 8 && url[:8] == "postgres" }

// In the embedded default an end and its row in the ledger are one transaction:
// whichever of the two fails, neither has happened.
func TestI2_EndAndLedgerAreOneTransaction(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, url := open(t)
		limits := session.Limits{Idle: time.Hour, Lifetime: 12 * time.Hour, PerUser: 2}
		m := session.NewManager(db.Sessions(), db.Ledger(), limits, time.Now)
		u := newUser(t, db, "jun", user.RoleUser)
		start := func(token string) session.Session {
			t.Helper()
			s, err := m.Start(ctx, session.IDOf(token), session.New{User: u, Device: session.Device{Browser: "Chrome"}}, nil)
			must(t, err)
			return s
		}
		one, two := start("one"), start("two")
		steps := map[string]func() error{
			"end": func() error { return receipt(m.End(ctx, []session.ID{one.ID}, forced)) },
			"filter": func() error {
				return receipt(m.EndWhere(ctx, session.Filter{Device: "Chrome"}, forced))
			},
			"renew": func() error {
				_, err := m.Renew(ctx, two, session.IDOf("next"), two.Epoch, nil)
				return err
			},
			"replace": func() error {
				_, err := m.Start(ctx, session.IDOf("third"), session.New{User: u, Replace: true}, nil)
				return err
			},
		}
		before, err := db.Ledger().Head(ctx)
		must(t, err)
		for _, half := range []struct{ statement, table string }{{"INSERT", "ends"}, {"UPDATE", "sessions"}} {
			allow := refuse(t, url, half.statement, half.table)
			for what, step := range steps {
				if err := step(); err == nil {
					t.Errorf("%s with %s refused: no error", what, half.table)
				} else if errors.Is(err, session.ErrUnrecorded) || errors.Is(err, session.ErrUndone) {
					t.Errorf("%s with %s refused: one half was done: %v", what, half.table, err)
				}
				for _, s := range []session.Session{one, two} {
					if _, err := m.Check(ctx, s.ID); err != nil {
						t.Errorf("%s with %s refused: a session: %v", what, half.table, err)
					}
				}
				entries, err := db.Ledger().After(ctx, before, 10)
				must(t, err)
				if len(entries) > 0 {
					t.Fatalf("%s with %s refused: the ledger has got %+v", what, half.table, entries)
				}
			}
			allow()
		}
		if m.Unrecorded() != 0 {
			t.Errorf("%d ends are kept to be recorded", m.Unrecorded())
		}
		must(t, steps["replace"]()) // the one seen longest ago, by id if at the same time
		must(t, receipt(m.EndWhere(ctx, session.Filter{Device: "Chrome"}, forced)))
		entries, err := db.Ledger().After(ctx, before, 10)
		must(t, err)
		if len(entries) != 2 || entries[0].Why != (session.Why{Reason: session.Replaced, Actor: u.ID}) || entries[1].Why != forced {
			t.Errorf("ledger: %+v, want the two ends", entries)
		}
	})
}

// A ledger in another database is told before, as for any store.
func TestEndWithALedgerElsewhere(t *testing.T) {
	ctx := context.Background()
	db := migrated(t, t.TempDir()+"/sessions.db")
	elsewhere := migrated(t, t.TempDir()+"/ledger.db")
	u := newUser(t, db, "jun", user.RoleUser)
	m := session.NewManager(db.Sessions(), elsewhere.Ledger(), session.Limits{Idle: time.Hour, Lifetime: time.Hour}, time.Now)
	s, err := m.Start(ctx, session.IDOf("one"), session.New{User: u}, nil)
	must(t, err)
	must(t, receipt(m.End(ctx, []session.ID{s.ID}, forced)))
	for name, of := range map[string]*sqldb.DB{"beside the sessions": db, "elsewhere": elsewhere} {
		entries, err := of.Ledger().After(ctx, 0, 10)
		must(t, err)
		want := 0
		if of == elsewhere {
			want = 1
		}
		if len(entries) != want {
			t.Errorf("the ledger %s has %d entries, want %d", name, len(entries), want)
		}
	}
}

func receipt(_ session.Receipt, err error) error { return err }
