package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Sessions keeps the sessions of the embedded default, beside the accounts.
// That they share a database is worth something here: whether a session has
// ended is decided by the account's epoch as it is now, so an end counts from
// the commit that raises the epoch, before any session has been marked.
type Sessions struct{ db *DB }

var (
	_ session.Store  = (*Sessions)(nil)
	_ session.Events = (*Sessions)(nil)
)

// Sessions returns the sessions in db.
func (db *DB) Sessions() *Sessions { return &Sessions{db} }

// Conditions on a row of sessions.
const (
	// inForce: no epoch has ended it. Without its account a session is over.
	inForce = `epoch_all >= (SELECT epoch FROM everyone)
		AND epoch_user >= (SELECT epoch FROM users WHERE users.id = user_id)`
	// live adds that nobody has ended it. What is missing are the deadlines,
	// which need two placeholders for the time:
	//
	//	last_seen + idle_ms > $ AND deadline > $
	live = `ended_at IS NULL AND ` + inForce
)

// Start implements session.Store.
func (s *Sessions) Start(ctx context.Context, start session.Start) error {
	return s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		lock := s.db.dialect.forShare
		if start.Limit > 0 {
			lock = s.db.dialect.forOne
		}
		if err := s.inTime(ctx, tx, start.Session, lock); err != nil {
			return err
		}
		if start.Limit > 0 {
			if err := s.hasRoom(ctx, tx, start); err != nil {
				return err
			}
		}
		return s.create(ctx, tx, start.Session)
	})
}

// inTime returns ErrEpoch if new comes too late for its epoch. The epochs are
// locked, so that they are at the commit what they were when compared: a raise
// waits for this session, and the marking that follows the raise finds it.
func (s *Sessions) inTime(ctx context.Context, tx *sql.Tx, new session.Session, lock string) error {
	epoch, err := s.lockEpoch(ctx, tx, new.User, lock)
	if errors.Is(err, user.ErrNotFound) || err == nil && new.Epoch.Before(epoch) {
		return session.ErrEpoch
	}
	return err
}

// hasRoom returns *LimitError if the user has as many sessions as they may. The
// user's row is locked against other log-ins that count, so that what has been
// counted is true until the commit.
func (s *Sessions) hasRoom(ctx context.Context, tx *sql.Tx, start session.Start) error {
	now := millis(start.Session.Began)
	list, _, err := collect(ctx, tx, selectLive+` AND user_id = $3`, now, now, start.Session.User)
	if err != nil || len(list) < start.Limit {
		return err
	}
	slices.SortFunc(list, session.LastSeenFirst)
	full := &session.LimitError{}
	for _, one := range slices.Backward(list[start.Limit-1:]) {
		full.Oldest = append(full.Oldest, one.ID)
	}
	return full
}

// create is the only INSERT. Its caller has asked inTime.
func (s *Sessions) create(ctx context.Context, tx *sql.Tx, new session.Session) error {
	added, err := affected(tx.ExecContext(ctx, `
		INSERT INTO sessions (id, user_id, username, role, epoch_all, epoch_user, began, last_seen,
			idle_ms, deadline, remember, ip, browser, os, client, refresh, data)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT DO NOTHING`,
		new.ID, new.User, new.Username, new.Role, new.Epoch.All, new.Epoch.User, millis(new.Began), millis(new.LastSeen),
		new.Idle.Milliseconds(), millis(new.Deadline), new.Remember, ipText(new.IP),
		storable(new.Device.Browser), storable(new.Device.OS), storable(new.Client), refreshOf(new), new.Data))
	if err == nil && added == 0 {
		return session.ErrExists
	}
	return err
}

// lockEpoch returns the epoch of u and keeps it from being raised until the
// commit; lock is how the user's row is locked. ErrNotFound.
func (s *Sessions) lockEpoch(ctx context.Context, tx *sql.Tx, u user.ID, lock string) (epoch user.Epoch, err error) {
	err = tx.QueryRowContext(ctx, `SELECT epoch FROM everyone`+s.db.dialect.forShare).Scan(&epoch.All)
	if err != nil {
		return epoch, err
	}
	err = tx.QueryRowContext(ctx, `SELECT epoch FROM users WHERE id = $1`+lock, u).Scan(&epoch.User)
	if errors.Is(err, sql.ErrNoRows) {
		err = user.ErrNotFound
	}
	return epoch, err
}

// Find implements session.Store.
func (s *Sessions) Find(ctx context.Context, id session.ID) (found session.Session, err error) {
	if s.db.shortcut != nil {
		row, err := s.db.shortcut.find(ctx, id)
		if errors.Is(err, sql.ErrNoRows) || err == nil && !row.overtaken() {
			return row.session(err)
		}
	}
	err = s.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		found, err = find(ctx, q, id)
		return err
	})
	if err != nil {
		return session.Session{}, err
	}
	return found, nil
}

func find(ctx context.Context, q querier, id session.ID) (session.Session, error) {
	var row sessionRow
	err := q.QueryRowContext(ctx, selectSession, id).Scan(row.columns()...)
	if err == nil && row.overtaken() {
		return session.Session{}, endedByEpoch(ctx, q, row.record)
	}
	return row.session(err)
}

func endedBecause(text string) error { return &session.EndedError{Reason: reasonOf(text)} }

func reasonOf(text string) session.Reason {
	reason, ok := session.ParseReason(text)
	if !ok { // unknown, or written by a newer program
		return session.Forced
	}
	return reason
}

// endedByEpoch returns why a session has ended whose row has not been marked:
// the ledger knows which raise was the first to end it.
func endedByEpoch(ctx context.Context, q querier, r record) error {
	var (
		reason string
		at     int64
	)
	err := q.QueryRowContext(ctx, `
		SELECT reason, at FROM (
			SELECT seq, reason, at FROM ends WHERE user_id = $1 AND epoch_user > $2
			UNION ALL
			SELECT seq, reason, at FROM ends WHERE epoch_all > $3
		) AS raises ORDER BY seq LIMIT 1`, r.user, r.epochUser, r.epochAll).Scan(&reason, &at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return endedBecause("") // by somebody in SQL, who wrote no ledger
	case err != nil:
		return err
	case at >= min(r.lastSeen+r.idle, r.deadline):
		return &session.EndedError{Reason: session.Expired} // before the raise
	}
	return endedBecause(reason)
}

// Save implements session.Store.
func (s *Sessions) Save(ctx context.Context, of session.Session, data []byte, now time.Time) error {
	t := millis(now)
	return s.update(ctx, of.ID, `
		UPDATE sessions SET data = $1, last_seen = CASE WHEN last_seen < $2 THEN $3 ELSE last_seen END
		WHERE id = $4 AND last_seen + idle_ms > $5 AND deadline > $6 AND `+live,
		data, t, t, of.ID, t, t)
}

// Touch implements session.Store.
func (s *Sessions) Touch(ctx context.Context, of session.Session, now time.Time) error {
	t := millis(now)
	return s.update(ctx, of.ID, `
		UPDATE sessions SET last_seen = CASE WHEN last_seen < $1 THEN $2 ELSE last_seen END
		WHERE id = $3 AND last_seen + idle_ms > $4 AND deadline > $5 AND `+live,
		t, t, of.ID, t, t)
}

// update runs a statement that changes the session id if it lives, or returns
// *EndedError.
func (s *Sessions) update(ctx context.Context, id session.ID, query string, args ...any) error {
	n, err := s.db.exec(ctx, query, args...)
	if err != nil || n > 0 {
		return err
	}
	if _, err := s.Find(ctx, id); err != nil && !errors.Is(err, session.ErrUnreadable) {
		return err
	}
	// It stands in the table as if it lived: then it was its time.
	return &session.EndedError{Reason: session.Expired}
}

// Renew implements session.Store.
func (s *Sessions) Renew(ctx context.Context, old, next session.Session) error {
	err := s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return s.renew(ctx, tx, old, next)
	})
	if err == nil {
		s.db.listeners.tell([]ending{{old.ID, string(session.Replaced)}})
	}
	return err
}

func (s *Sessions) renew(ctx context.Context, tx *sql.Tx, old, next session.Session) error {
	// First the epochs, in the order of locks that everybody keeps.
	late := s.inTime(ctx, tx, next, s.db.dialect.forShare)
	if late != nil && !errors.Is(late, session.ErrEpoch) {
		return late
	}
	n, err := affected(tx.ExecContext(ctx, `
		UPDATE sessions SET ended_at = $1, reason = $2, successor = $3, `+cleared+`
		WHERE id = $4 AND `+live,
		millis(next.LastSeen), session.Replaced, next.ID, old.ID))
	if err != nil {
		return err
	}
	if n == 0 {
		if _, err := find(ctx, tx, old.ID); err != nil {
			return err
		}
		return &session.EndedError{Reason: session.Expired}
	}
	if late != nil {
		return late
	}
	return s.create(ctx, tx, next)
}

// Applied implements session.Store: what has been committed here stays.
func (s *Sessions) Applied(context.Context, session.Span) error { return nil }

// Ping implements session.Store.
func (s *Sessions) Ping(ctx context.Context) error { return s.db.Ping(ctx) }
