package sqldb

import (
	"context"
	"time"
)

// prunedAtOnce bounds one statement of a prune, so that the first one after a
// long time gets on, and nobody waits long for it.
const prunedAtOnce = 1000

// prune runs a DELETE that takes at most prunedAtOnce rows until it finds no
// more, and returns how many it took.
func (db *DB) prune(ctx context.Context, query string, args ...any) (int, error) {
	total := 0
	for {
		n, err := db.exec(ctx, query, args...)
		total += int(n)
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// PruneSessions removes sessions that have expired at now, and tombstones that
// nobody can ask about any more, because the absolute deadline has passed. It
// returns how many.
func (db *DB) PruneSessions(ctx context.Context, now time.Time) (int, error) {
	t := millis(now)
	// The condition stands twice: the second holds for the row as it is when
	// PostgreSQL has waited for somebody who was just writing it.
	return db.prune(ctx, `
		DELETE FROM sessions WHERE id IN (
			SELECT id FROM sessions
			WHERE deadline <= $1 OR ended_at IS NULL AND last_seen + idle_ms <= $2
			LIMIT $3
		) AND (deadline <= $4 OR ended_at IS NULL AND last_seen + idle_ms <= $5)`, t, t, prunedAtOnce, t, t)
}

// PruneLedger removes entries older than before and returns how many. An entry
// counts for as long as a session can live that it might end: before must be
// further back than the longest lifetime of a session.
func (db *DB) PruneLedger(ctx context.Context, before time.Time) (int, error) {
	return db.prune(ctx, `DELETE FROM ends WHERE seq IN (SELECT seq FROM ends WHERE at < $1 LIMIT $2)`,
		millis(before), prunedAtOnce)
}

// PruneSetupCodes removes set-up codes that no longer count at now, and returns
// how many.
func (db *DB) PruneSetupCodes(ctx context.Context, now time.Time) (int, error) {
	n, err := db.exec(ctx, `DELETE FROM setup_codes WHERE expires <= $1`, millis(now))
	return int(n), err
}
