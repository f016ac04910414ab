package bench

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// newDatabase makes a SQLite database with all tables.
func newDatabase(t testing.TB, file string) {
	t.Helper()
	db, err := measure.OpenSQL(context.Background(), file)
	must(t, err)
	must(t, db.Close())
}

// bulk writes to a SQLite database in one transaction: a million of anything
// would take hours through the product, which commits each to the disk.
type bulk struct {
	t                      testing.TB
	db                     *sql.DB
	tx                     *sql.Tx
	users, audit, sessions *sql.Stmt
	now                    int64
}

func newBulk(t testing.TB, file string) *bulk {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(60000)&_txlock=immediate")
	must(t, err)
	b := &bulk{t: t, db: db, now: time.Now().UnixMilli()}
	b.tx, err = db.Begin()
	must(t, err)
	for query, statement := range map[string]**sql.Stmt{
		`INSERT INTO users (id, username, name, email, search, role, password_hash, epoch, created_at)
			VALUES ($1, $2, $3, '', $4, $5, $6, 0, $7)`: &b.users,
		`INSERT INTO audit (at, kind, user_id, actor, ip, device, note) VALUES ($1, 'login', $2, $3, $4, $5, '')`: &b.audit,
		`INSERT INTO sessions (id, user_id, username, role, epoch_all, epoch_user, began, last_seen,
			idle_ms, deadline, remember, ip, browser, os) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, 0, $10, $11, $12)`: &b.sessions,
	} {
		*statement, err = b.tx.Prepare(query)
		must(t, err)
	}
	return b
}

func (b *bulk) exec(s *sql.Stmt, args ...any) {
	if _, err := s.Exec(args...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bulk) account(u user.User, hash string) {
	b.exec(b.users, u.ID, u.Username, u.Username, u.Username, u.Role, hash, b.now)
}

// loggedIn is what the audit log has of a log-in.
func (b *bulk) loggedIn(u user.User) {
	b.exec(b.audit, b.now, u.ID, u.ID, measure.ClientIP.String(), measure.Device.String())
}

// session starts a session of u who stays signed in (measure.FillRemembered), after
// that many ends of everyone, and returns its token.
func (b *bulk) session(u user.User, ends uint32) (token string) {
	token = measure.NewToken()
	b.exec(b.sessions, session.IDOf(token), u.ID, u.Username, u.Role, ends, b.now, b.now, measure.Limits.RememberIdle.Milliseconds(),
		b.now+measure.Limits.RememberLifetime.Milliseconds(), measure.ClientIP.String(), measure.Device.Browser, measure.Device.OS)
	return token
}

func (b *bulk) commit() {
	must(b.t, b.tx.Commit())
	must(b.t, b.db.Close())
}
