package sqldb

import (
	"context"
	"database/sql"
	"time"
)

const (
	// countPage is how many rows one step of a count looks at: milliseconds, on a
	// connection that checks do not wait for.
	countPage = 2000
	// countPause is the rest after each step, so that a count of a million
	// sessions takes a fifth of a processor for some seconds.
	countPause = 25 * time.Millisecond
)

// Count returns how many sessions live at now. What begins or ends meanwhile may
// or may not be among them. It reads every row, a few at a time, and is in no
// hurry: ends of a user or of everyone mark no row when they are committed, so
// that no counter could be kept beside the table.
func (s *Sessions) Count(ctx context.Context, now time.Time) (sessions int, err error) {
	t := millis(now)
	for last := ""; ; {
		var alive, rows int
		var end sql.NullString
		err := s.db.read(ctx, listTimeout, func(ctx context.Context, q querier) error {
			return q.QueryRowContext(ctx, `
				SELECT COUNT(CASE WHEN last_seen + idle_ms > $1 AND deadline > $2 AND `+live+` THEN 1 END), COUNT(*), MAX(id)
				FROM (
					SELECT id, user_id, epoch_all, epoch_user, last_seen, idle_ms, deadline, ended_at
					FROM sessions WHERE id > $3 ORDER BY id LIMIT $4
				) AS page`, t, t, last, countPage).Scan(&alive, &rows, &end)
		})
		if err != nil {
			return 0, err
		}
		sessions += alive
		if rows < countPage {
			return sessions, nil
		}
		last = end.String
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(countPause):
		}
	}
}
