package sqldb

import (
	"context"
	"database/sql"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// A row that is ended stays as a tombstone, to say why. What is left of it
// names nobody but the account.
const (
	cleared = `username = '', ip = '', browser = '', os = '', client = '', refresh = NULL, data = NULL`
	// buried takes $1 to $4: now three times, and the reason. It is the reason
	// only of what was in force: a session that had run out by then was over
	// before, as was one whose epoch was raised by an earlier end, which did
	// not get as far as this.
	buried = `ended_at = $1, reason = CASE
		WHEN last_seen + idle_ms > $2 AND deadline > $3 THEN COALESCE(` + firstRaise + `, $4)
		ELSE 'expired' END, ` + cleared
	// firstRaise asks for a number and then for its row: SQLite sorts rows for
	// longer than all the rest takes.
	firstRaise = `(SELECT reason FROM ends WHERE seq = (SELECT MIN(seq) FROM (
			SELECT seq FROM ends WHERE ends.user_id = sessions.user_id AND ends.epoch_user > sessions.epoch_user
			UNION ALL
			SELECT seq FROM ends WHERE ends.epoch_all > sessions.epoch_all
		) AS raises))`
)

func burial(why session.Why, now time.Time) []any {
	t := millis(now)
	return []any{t, t, t, string(why.Reason)}
}

// End implements session.Store.
func (s *Sessions) End(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (ended int, err error) {
	var endings []ending
	err = s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		p := s.db.dialect.portions.begin(len(ids))
		ended, endings, err = endByID(ctx, p.on(tx), &p, ids, why, now)
		return err
	})
	if err != nil {
		return 0, err
	}
	s.db.listeners.tell(endings)
	return ended, nil
}

// endByID ends the sessions and whatever they go by since a renewal.
func endByID(ctx context.Context, q querier, p *portioned, ids []session.ID, why session.Why, now time.Time) (ended int, endings []ending, err error) {
	queue := append([]session.ID(nil), ids...)
	seen := map[session.ID]bool{}
	for len(queue) > 0 {
		var next []any
		for len(queue) > 0 && len(next) < p.statement {
			if id := queue[0]; !seen[id] {
				seen[id] = true
				next = append(next, id)
			}
			queue = queue[1:]
		}
		if len(next) == 0 {
			break
		}
		p.breathe()
		n, some, err := endThese(ctx, q, next, why, now)
		if err != nil {
			return 0, nil, err
		}
		ended += n
		endings = append(endings, some...)
		// Asked after the rows are locked or ended: from here on none of
		// them can be renewed any more.
		successors, err := successorsOf(ctx, q, next)
		if err != nil {
			return 0, nil, err
		}
		queue = append(queue, successors...)
	}
	return ended, endings, nil
}

// endThese ends those of the sessions that are in force; what an epoch has
// ended keeps the reason that the ledger has for it.
func endThese(ctx context.Context, q querier, ids []any, why session.Why, now time.Time) (alive int, endings []ending, err error) {
	t := millis(now)
	args := append(burial(why, now), ids...)
	n := len(args)
	return countAlive(ctx, q, `
		UPDATE sessions SET `+buried+`
		WHERE id IN (`+numbered(5, len(ids))+`) AND `+live+`
		RETURNING id, reason, last_seen + idle_ms > `+numbered(n+1, 1)+` AND deadline > `+numbered(n+2, 1),
		append(args, t, t)...)
}

// countAlive runs an UPDATE whose RETURNING says of each row its id, why it has
// ended and whether it was alive, and counts those that were.
func countAlive(ctx context.Context, q querier, query string, args ...any) (alive int, endings []ending, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		var e ending
		var was bool
		err := rows.Scan(&e.id, &e.reason, &was)
		endings = append(endings, e)
		if was {
			alive++
		}
		return err
	}, query, args...)
	return alive, endings, err
}

func successorsOf(ctx context.Context, q querier, ids []any) (successors []session.ID, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		var id session.ID
		err := rows.Scan(&id)
		successors = append(successors, id)
		return err
	}, `SELECT successor FROM sessions WHERE id IN (`+numbered(1, len(ids))+`) AND successor IS NOT NULL`, ids...)
	return successors, err
}

// EndUser implements session.Store.
func (s *Sessions) EndUser(ctx context.Context, u user.ID, epoch user.Epoch, keep session.ID, why session.Why, now time.Time) (ended int, err error) {
	t := millis(now)
	var endings []ending
	err = s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if keep != "" {
			// Only while it is in force: an end that did not spare it stands.
			_, err = tx.ExecContext(ctx, `
				UPDATE sessions SET
					epoch_all = CASE WHEN epoch_all < $1 THEN $2 ELSE epoch_all END,
					epoch_user = CASE WHEN epoch_user < $3 THEN $4 ELSE epoch_user END
				WHERE id = $5 AND user_id = $6 AND `+live,
				epoch.All, epoch.All, epoch.User, epoch.User, keep, u)
			if err != nil {
				return err
			}
		}
		// Raised already, unless the ledger is another's. A raise waits for
		// sessions of the user that are just starting, so they are there now.
		_, err = tx.ExecContext(ctx, `UPDATE users SET epoch = $1 WHERE id = $2 AND epoch < $3`, epoch.User, u, epoch.User)
		if err != nil {
			return err
		}
		ended, endings, err = countAlive(ctx, tx, `
			UPDATE sessions SET `+buried+`
			WHERE user_id = $5 AND id <> $6 AND ended_at IS NULL AND (epoch_all < $7 OR epoch_user < $8)
			RETURNING id, reason, last_seen + idle_ms > $9 AND deadline > $10`,
			append(burial(why, now), u, keep, epoch.All, epoch.User, t, t)...)
		return err
	})
	if err != nil {
		return 0, err
	}
	s.db.listeners.tell(endings)
	return ended, nil
}

// EndAll implements session.Store. It is final from the raise of the epoch; what
// follows is bookkeeping, and must not keep anybody waiting.
func (s *Sessions) EndAll(ctx context.Context, epoch user.Epoch, why session.Why, now time.Time) (ended int, err error) {
	_, err = s.db.exec(ctx, `UPDATE everyone SET epoch = $1 WHERE epoch < $2`, epoch.All, epoch.All)
	if err != nil {
		return 0, err
	}
	for p := s.db.dialect.portions.begin(s.db.dialect.portions.transaction); ; {
		alive, endings, err := s.endOvertaken(ctx, &p, epoch, why, now)
		if err != nil || len(endings) == 0 {
			return ended, err
		}
		ended += alive
		s.db.listeners.tell(endings)
		p.breathe()
	}
}

// endOvertaken marks a few of those whose epoch is before everyone's, in one
// transaction; none if there are none left.
func (s *Sessions) endOvertaken(ctx context.Context, p *portioned, epoch user.Epoch, why session.Why, now time.Time) (alive int, endings []ending, err error) {
	t := millis(now)
	err = s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		alive, endings = 0, nil
		for q, more := p.on(tx), true; more; {
			n, some, err := countAlive(ctx, q, `
				UPDATE sessions SET `+buried+`
				WHERE id IN (SELECT id FROM sessions WHERE ended_at IS NULL AND epoch_all < $5 LIMIT $6)
				  AND ended_at IS NULL
				RETURNING id, reason, last_seen + idle_ms > $7 AND deadline > $8`,
				append(burial(why, now), epoch.All, p.statement, t, t)...)
			if err != nil {
				return err
			}
			alive += n
			endings = append(endings, some...)
			more = len(some) > 0 && len(endings) < p.transaction
			p.breathe()
		}
		return nil
	})
	return alive, endings, err
}
