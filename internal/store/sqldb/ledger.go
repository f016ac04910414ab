package sqldb

import (
	"cmp"
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

// RecordEnd implements session.Ledger.
func (l *Ledger) RecordEnd(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (span session.Span, err error) {
	if len(ids) == 0 {
		return session.Span{}, nil
	}
	entries := endOf(ids, why, now)
	err = l.db.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		p := l.db.dialect.portions.begin(len(ids))
		span, err = appendEntries(ctx, p.on(tx), &p, entries)
		return err
	})
	return span, err
}

// endOf returns the entries for an end of single sessions.
func endOf(ids []session.ID, why session.Why, now time.Time) []session.Entry {
	entries := make([]session.Entry, len(ids))
	for i, id := range ids {
		entries[i] = session.Entry{Session: id, Why: why, At: now}
	}
	return entries
}

// RaiseUser implements session.Ledger. If keep is a session in this database,
// it is moved on in the same transaction: at no time does it look ended.
func (l *Ledger) RaiseUser(ctx context.Context, u user.ID, keep session.ID, why session.Why, now time.Time) (epoch user.Epoch, span session.Span, err error) {
	err = l.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var raised int64
		err := tx.QueryRowContext(ctx, `UPDATE users SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch`, u).Scan(&raised)
		if errors.Is(err, sql.ErrNoRows) {
			return user.ErrNotFound
		}
		if err != nil {
			return err
		}
		epoch, span, err = afterRaise(ctx, tx, u, raised, keep, why, now)
		return err
	})
	return epoch, span, err
}

// RaiseAll implements session.Ledger.
func (l *Ledger) RaiseAll(ctx context.Context, why session.Why, now time.Time) (epoch user.Epoch, span session.Span, err error) {
	err = l.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `UPDATE everyone SET epoch = epoch + 1 RETURNING epoch`).Scan(&epoch.All)
		if err != nil {
			return err
		}
		span, err = appendEntries(ctx, tx, &portioned{}, []session.Entry{{Epoch: epoch, Why: why, At: now}})
		return err
	})
	return epoch, span, err
}

// Head implements session.Ledger.
func (l *Ledger) Head(ctx context.Context) (seq int64, err error) {
	err = l.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, `SELECT n FROM turns WHERE name = $1`, turnOfLedger).Scan(&seq)
	})
	return seq, err
}

// SkipTo makes numbering go on after seq, and everyone's epoch at least all, for
// a ledger put back from a backup: what it has forgotten is not given out again.
func (l *Ledger) SkipTo(ctx context.Context, seq int64, all uint32) error {
	return l.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE turns SET n = $1 WHERE name = $2 AND n < $3`, seq, turnOfLedger, seq)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE everyone SET epoch = $1 WHERE epoch < $2`, all, all)
		return err
	})
}

// After implements session.Ledger.
func (l *Ledger) After(ctx context.Context, seq int64, limit int) (entries []session.Entry, err error) {
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

func scanEntry(rows *sql.Rows) (session.Entry, error) {
	var (
		e                   session.Entry
		id, of, keep        sql.NullString
		epochUser, epochAll sql.NullInt64
		at                  int64
	)
	err := rows.Scan(&e.Seq, &id, &of, &epochUser, &epochAll, &keep, &e.Why.Reason, &e.Why.Actor, &at)
	e.Session, e.User = session.ID(id.String), user.ID(of.String)
	if e.User != "" {
		e.Keep = session.ID(keep.String)
	} else {
		e.Why.Successor = session.ID(keep.String)
	}
	e.Epoch = user.Epoch{All: uint32(epochAll.Int64), User: uint32(epochUser.Int64)}
	e.At = fromMillis(at)
	return e, err
}

// afterRaise does what belongs to every raise of a user's epoch to raised, in
// the transaction that has raised it: it moves keep on and writes the ledger.
// It returns the whole epoch.
func afterRaise(ctx context.Context, tx *sql.Tx, u user.ID, raised int64, keep session.ID, why session.Why, now time.Time) (user.Epoch, session.Span, error) {
	epoch := user.Epoch{User: uint32(raised)}
	if keep != "" {
		// Only a session that lived until now stays alive.
		_, err := tx.ExecContext(ctx, `
			UPDATE sessions SET epoch_user = $1
			WHERE id = $2 AND user_id = $3 AND ended_at IS NULL AND epoch_user >= $4
			  AND epoch_all >= (SELECT epoch FROM everyone)`, raised, keep, u, raised-1)
		if err != nil {
			return epoch, session.Span{}, err
		}
	}
	span, err := appendEntries(ctx, tx, &portioned{}, []session.Entry{{User: u, Epoch: epoch, Keep: keep, Why: why, At: now}})
	if err != nil {
		return epoch, span, err
	}
	epoch.All, err = everyonesEpoch(ctx, tx)
	return epoch, span, err
}

func everyonesEpoch(ctx context.Context, q querier) (epoch uint32, err error) {
	err = q.QueryRowContext(ctx, `SELECT epoch FROM everyone`).Scan(&epoch)
	return epoch, err
}

// entryColumns is how many placeholders an entry takes. There are few entries to
// a statement because SQLite looks up numbered placeholders one by one: the cost
// of an INSERT grows with the square of their number.
const entryColumns = 9

// appendEntries numbers the entries and writes them. It waits for its turn, and
// from then on every other writer of the ledger waits for the commit: that is
// what puts numbers in the order of commits. So it comes last in a transaction.
func appendEntries(ctx context.Context, q querier, p *portioned, entries []session.Entry) (session.Span, error) {
	var last int64
	err := q.QueryRowContext(ctx, `UPDATE turns SET n = n + $1 WHERE name = $2 RETURNING n`, len(entries), turnOfLedger).Scan(&last)
	if err != nil {
		return session.Span{}, err
	}
	span := session.Span{First: last - int64(len(entries)) + 1, Last: last}
	seq := last - int64(len(entries))
	for len(entries) > 0 {
		p.breathe()
		chunk := entries[:min(max(1, p.entries), len(entries))]
		entries = entries[len(chunk):]
		rows := make([]string, len(chunk))
		args := make([]any, 0, entryColumns*len(chunk))
		for i, e := range chunk {
			seq++
			rows[i] = "(" + numbered(i*entryColumns+1, entryColumns) + ")"
			args = append(args, seq, null(e.Session), null(e.User),
				sql.NullInt64{Int64: int64(e.Epoch.User), Valid: e.User != ""},
				sql.NullInt64{Int64: int64(e.Epoch.All), Valid: e.User == "" && e.Session == ""},
				null(cmp.Or(e.Keep, e.Why.Successor)), e.Why.Reason, e.Why.Actor, millis(e.At))
		}
		_, err := q.ExecContext(ctx, `
			INSERT INTO ends (seq, session_id, user_id, epoch_user, epoch_all, keep_id, reason, actor, at)
			VALUES `+strings.Join(rows, ", "), args...)
		if err != nil {
			return session.Span{}, err
		}
	}
	return span, nil
}
