package sqldb

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Paused returns db with pause called in front of each statement that is one
// step by itself, and of each transaction, which on SQLite is one: no other can
// write while it lasts, and none sees anything of it before its commit. It
// shares the connections.
func (db *DB) Paused(pause func(step string)) *DB {
	p := db.Patient() // what waits for others is not slow
	p.reads = pausedReads{p.reads, pause}
	p.writes = pausedWrites{p.writes, pause}
	if p.shortcut != nil {
		p.shortcut = pausedShortcut{p.shortcut, pause}
	}
	return p
}

// Shortcut is Find without the usual way behind it.
func (db *DB) Shortcut(ctx context.Context, id session.ID) (session.Session, error) {
	row, err := db.shortcut.find(ctx, id)
	return row.session(err)
}

// ShortcutUser is Users.ByID without the usual way behind it.
func (db *DB) ShortcutUser(ctx context.Context, id user.ID) (user.User, error) {
	return db.shortcut.user(ctx, id)
}

// ShortcutRecent is Audit.Recent without the usual way behind it.
func (db *DB) ShortcutRecent(ctx context.Context, u user.ID, limit int) ([]audit.Event, error) {
	return db.shortcut.recent(ctx, u, limit)
}

// ShortcutList is Sessions.ListUser without the usual way behind it.
func (db *DB) ShortcutList(ctx context.Context, u user.ID, now time.Time) ([]session.Session, error) {
	return db.shortcut.list(ctx, u, now)
}

// ShortcutPlans returns how SQLite goes about the check of a session, recent
// events and the list of a user's sessions.
func (db *DB) ShortcutPlans(ctx context.Context) (check, events, list string, err error) {
	if check, err = db.plan(ctx, questions[aboutSession], ""); err != nil {
		return check, events, list, err
	}
	if events, err = db.plan(ctx, questions[aboutEvents], "", 20); err != nil {
		return check, events, list, err
	}
	list, err = db.plan(ctx, questions[aboutList], "", 0, 0)
	return check, events, list, err
}

func (db *DB) plan(ctx context.Context, query string, args ...any) (plan string, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var (
			id, parent, unused int
			step               string
		)
		err := rows.Scan(&id, &parent, &unused, &step)
		plan += step + "\n"
		return err
	}, "EXPLAIN QUERY PLAN "+query, args...)
	return plan, err
}

// UsualWay returns db without the shortcut. It shares the
// connections.
func (db *DB) UsualWay() *DB {
	u := db.Patient()
	u.patient, u.shortcut = db.patient, nil
	return u
}

// WithoutSync makes db not wait for the disk: for tests that lose no power.
func (db *DB) WithoutSync(ctx context.Context) error {
	_, err := db.writer.ExecContext(ctx, "PRAGMA synchronous = OFF")
	return err
}

// Forget takes away all sessions and the whole ledger.
func (db *DB) Forget(ctx context.Context) error {
	_, err := db.writer.ExecContext(ctx, "DELETE FROM sessions; DELETE FROM ends")
	return err
}

type pausedReads struct {
	querier
	pause func(string)
}

func (p pausedReads) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p.pause(stepOf(query))
	return p.querier.QueryContext(ctx, query, args...)
}

func (p pausedReads) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	p.pause(stepOf(query))
	return p.querier.QueryRowContext(ctx, query, args...)
}

type pausedShortcut struct {
	shortcut
	pause func(string)
}

func (p pausedShortcut) find(ctx context.Context, id session.ID) (sessionRow, error) {
	p.pause(stepOf(selectSession))
	return p.shortcut.find(ctx, id)
}

func (p pausedShortcut) user(ctx context.Context, id user.ID) (user.User, error) {
	p.pause(stepOf(questions[aboutUser]))
	return p.shortcut.user(ctx, id)
}

func (p pausedShortcut) recent(ctx context.Context, u user.ID, limit int) ([]audit.Event, error) {
	p.pause(stepOf(questions[aboutEvents]))
	return p.shortcut.recent(ctx, u, limit)
}

func (p pausedShortcut) list(ctx context.Context, u user.ID, now time.Time) ([]session.Session, error) {
	p.pause(stepOf(questions[aboutList]))
	return p.shortcut.list(ctx, u, now)
}

type pausedWrites struct {
	writer
	pause func(string)
}

func (p pausedWrites) BeginTx(ctx context.Context, o *sql.TxOptions) (*sql.Tx, error) {
	p.pause("transaction")
	return p.writer.BeginTx(ctx, o)
}

func (p pausedWrites) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	p.pause(stepOf(query))
	return p.writer.ExecContext(ctx, query, args...)
}

// stepOf is "UPDATE sessions" or "SELECT".
func stepOf(query string) string {
	words := strings.Fields(query)
	if words[0] == "SELECT" {
		return words[0]
	}
	return strings.Join(words[:2], " ")
}
