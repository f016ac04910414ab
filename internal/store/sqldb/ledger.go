package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Ledger is the durable list of ends.
type Ledger struct{ db *DB }

var _ session.Ledger = (*Ledger)(nil)

// Ledger returns the ledger in db.
func (db *DB) Ledger() *Ledger { return &Ledger{db} }

// Entry is one row of the ledger. It ends one session (Session), all of a user
// begun before Epoch.User except Keep (User), or everyone's begun before
// Epoch.All.
type Entry struct {
	Seq     int64
	Session session.ID
	User    user.ID
	Epoch   user.Epoch
	Keep    session.ID
	Why     session.Why
	At      time.Time
}

// RecordEnd implements session.Ledger.
func (l *Ledger) RecordEnd(ctx context.Context, ids []session.ID, why session.Why, now time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	entries := make([]Entry, len(ids))
	for i, id := range ids {
		entries[i] = Entry{Session: id, Why: why, At: now}
	}
	return l.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return appendEntries(ctx, tx, entries)
	})
}

// RaiseUser implements session.Ledger. If keep is a session in this database,
// it is moved on in the same transaction: at no time does it look ended.
func (l *Ledger) RaiseUser(ctx context.Context, u user.ID, keep session.ID, why session.Why, now time.Time) (epoch user.Epoch, err error) {
	err = l.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var raised int64
		err := tx.QueryRowContext(ctx, `UPDATE users SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch`, u).Scan(&raised)
		if errors.Is(err, sql.ErrNoRows) {
			return user.ErrNotFound
		}
		if err != nil {
			return err
		}
		epoch, err = afterRaise(ctx, tx, u, raised, keep, why, now)
		return err
	})
	return epoch, err
}

// RaiseAll implements session.Ledger.
func (l *Ledger) RaiseAll(ctx context.Context, why session.Why, now time.Time) (epoch user.Epoch, err error) {
	err = l.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `UPDATE everyone SET epoch = epoch + 1 RETURNING epoch`).Scan(&epoch.All)
		if err != nil {
			return err
		}
		return appendEntries(ctx, tx, []Entry{{Epoch: epoch, Why: why, At: now}})
	})
	return epoch, err
}

// Head returns the number of the newest entry, 0 if there has been none.
func (l *Ledger) Head(ctx context.Context) (seq int64, err error) {
	err = l.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, `SELECT n FROM turns WHERE name = $1`, turnOfLedger).Scan(&seq)
	})
	return seq, err
}

// After returns the entries numbered above seq, in order, at most limit. An
// entry never appears after one with a greater number has, so that who asks
// again from the last one seen misses none.
func (l *Ledger) After(ctx context.Context, seq int64, limit int) (entries []Entry, err error) {
	err = l.db.read(ctx, listTimeout, func(ctx context.Context, q querier) error {
		entries = nil
		return each(ctx, q, func(rows *sql.Rows) error {
			e, err := scanEntry(rows)
			entries = append(entries, e)
			return err
		}, `SELECT seq, session_id, user_id, epoch_user, epoch_all, keep_id, reason, actor, at
			FROM ends WHERE seq > $1 ORDER BY seq LIMIT $2`, seq, limit)
	})
	return entries, err
}

func scanEntry(rows *sql.Rows) (Entry, error) {
	var (
		e                   Entry
		id, of, keep        sql.NullString
		epochUser, epochAll sql.NullInt64
		at                  int64
	)
	err := rows.Scan(&e.Seq, &id, &of, &epochUser, &epochAll, &keep, &e.Why.Reason, &e.Why.Actor, &at)
	e.Session, e.User, e.Keep = session.ID(id.String), user.ID(of.String), session.ID(keep.String)
	e.Epoch = user.Epoch{All: uint32(epochAll.Int64), User: uint32(epochUser.Int64)}
	e.At = fromMillis(at)
	return e, err
}

// afterRaise does what belongs to every raise of a user's epoch to raised, in
// the transaction that has raised it: it moves keep on and writes the ledger.
// It returns the whole epoch.
func afterRaise(ctx context.Context, tx *sql.Tx, u user.ID, raised int64, keep session.ID, why session.Why, now time.Time) (user.Epoch, error) {
	epoch := user.Epoch{User: uint32(raised)}
	if keep != "" {
		// Only a session that lived until now stays alive.
		_, err := tx.ExecContext(ctx, `
			UPDATE sessions SET epoch_user = $1
			WHERE id = $2 AND user_id = $3 AND ended_at IS NULL AND epoch_user >= $4
			  AND epoch_all >= (SELECT epoch FROM everyone)`, raised, keep, u, raised-1)
		if err != nil {
			return epoch, err
		}
	}
	err := appendEntries(ctx, tx, []Entry{{User: u, Epoch: epoch, Keep: keep, Why: why, At: now}})
	if err != nil {
		return epoch, err
	}
	epoch.All, err = everyonesEpoch(ctx, tx)
	return epoch, err
}

func everyonesEpoch(ctx context.Context, q querier) (epoch uint32, err error) {
	err = q.QueryRowContext(ctx, `SELECT epoch FROM everyone`).Scan(&epoch)
	return epoch, err
}

// entriesAtOnce is small because SQLite looks up numbered placeholders one by
// one: the cost of an INSERT grows with the square of their number.
const (
	entryColumns  = 9
	entriesAtOnce = 40
)

// appendEntries numbers the entries and writes them. It waits for its turn, and
// from then on every other writer of the ledger waits for the commit: that is
// what puts numbers in the order of commits. So it comes last in a transaction.
func appendEntries(ctx context.Context, tx *sql.Tx, entries []Entry) error {
	var last int64
	err := tx.QueryRowContext(ctx, `UPDATE turns SET n = n + $1 WHERE name = $2 RETURNING n`, len(entries), turnOfLedger).Scan(&last)
	if err != nil {
		return err
	}
	seq := last - int64(len(entries))
	for len(entries) > 0 {
		chunk := entries[:min(entriesAtOnce, len(entries))]
		entries = entries[len(chunk):]
		rows := make([]string, len(chunk))
		args := make([]any, 0, entryColumns*len(chunk))
		for i, e := range chunk {
			seq++
			rows[i] = "(" + numbered(i*entryColumns+1, entryColumns) + ")"
			args = append(args, seq, null(e.Session), null(e.User),
				sql.NullInt64{Int64: int64(e.Epoch.User), Valid: e.User != ""},
				sql.NullInt64{Int64: int64(e.Epoch.All), Valid: e.User == "" && e.Session == ""},
				null(e.Keep), e.Why.Reason, e.Why.Actor, millis(e.At))
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO ends (seq, session_id, user_id, epoch_user, epoch_all, keep_id, reason, actor, at)
			VALUES `+strings.Join(rows, ", "), args...)
		if err != nil {
			return err
		}
	}
	return nil
}
