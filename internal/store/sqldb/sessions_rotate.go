package sqldb

import (
	"context"
	"fmt"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// rotateTries is more than can be needed: who loses to another finds a token
// that is not the current one any more, or a session that has ended.
const rotateTries = 3

// Rotate implements session.Store. What the tokens are replaced by is decided on
// what was read, and counts only if the row still says so when it is written: of
// all who read the same one wins.
func (s *Sessions) Rotate(ctx context.Context, x session.Rotate) (session.Session, error) {
	for range rotateTries {
		found, err := s.Find(ctx, x.ID)
		if err != nil {
			return session.Session{}, err
		}
		if found.ExpiredAt(x.Now) {
			return session.Session{}, &session.EndedError{Reason: session.Expired}
		}
		next, rotated, err := found.Refresh.Use(x)
		if err != nil || !rotated {
			return found, err
		}
		t := millis(x.Now)
		n, err := s.db.exec(ctx, `
			UPDATE sessions SET refresh = $1, last_seen = CASE WHEN last_seen < $2 THEN $3 ELSE last_seen END
			WHERE id = $4 AND refresh = $5 AND last_seen + idle_ms > $6 AND deadline > $7 AND `+live,
			session.AppendRefresh(nil, next), t, t, x.ID, session.AppendRefresh(nil, found.Refresh), t, t)
		if err != nil {
			return session.Session{}, err
		}
		if n > 0 {
			found.Refresh = next
			if found.LastSeen.Before(x.Now) {
				found.LastSeen = x.Now
			}
			return found, nil
		}
	}
	return session.Session{}, fmt.Errorf("%w: refresh of %s", user.ErrBusy, x.ID.Short())
}
