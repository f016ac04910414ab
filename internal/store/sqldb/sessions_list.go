package sqldb

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

const (
	selectLive = `SELECT ` + recordColumns + ` FROM sessions
		WHERE last_seen + idle_ms > $1 AND deadline > $2 AND ` + live
	selectLiveOf = `SELECT ` + recordColumns + ` FROM sessions
		WHERE user_id = $1 AND last_seen + idle_ms > $2 AND deadline > $3 AND ` + live
)

// ListUser implements session.Store.
func (s *Sessions) ListUser(ctx context.Context, u user.ID, now time.Time) (list []session.Session, err error) {
	if s.db.shortcut != nil {
		if list, err = s.db.shortcut.list(ctx, u, now); err == nil {
			return list, nil
		}
	}
	err = s.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		list, _, err = collect(ctx, q, selectLiveOf, u, millis(now), millis(now))
		return err
	})
	slices.SortFunc(list, session.LastSeenFirst)
	return list, err
}

// scanPage is how many sessions are held at once while all are read: reading
// them takes a processor for a fraction of a millisecond.
const scanPage = 25

// Scan implements session.Store. It reads page by page, so that neither a slow
// fn nor a long list holds a connection, or keeps SQLite from tidying its log.
func (s *Sessions) Scan(ctx context.Context, now time.Time, fn func(session.Session) error) error {
	for last, more := "", true; more; {
		var page []session.Session
		err := s.db.read(ctx, listTimeout, func(ctx context.Context, q querier) error {
			var rows []string
			var err error
			page, rows, err = collect(ctx, q, selectLive+` AND id > $3 ORDER BY id LIMIT $4`, millis(now), millis(now), last, scanPage)
			if more = len(rows) == scanPage; more {
				last = rows[len(rows)-1]
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, found := range page {
			if err := fn(found); err != nil {
				return err
			}
		}
	}
	return nil
}

// collect returns the sessions of the rows that can be decoded, and the ids of
// all of them.
func collect(ctx context.Context, q querier, query string, args ...any) (list []session.Session, ids []string, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		var r record
		if err := rows.Scan(r.columns()...); err != nil {
			return err
		}
		ids = append(ids, r.id)
		if found, err := r.session(); err == nil {
			list = append(list, found)
		}
		return nil
	}, query, args...)
	return list, ids, err
}
