package sqldb

import (
	"context"
	"database/sql"
	"time"

	"gatehouse/internal/session"
)

var _ session.Together = (*Sessions)(nil)

// Records implements session.Together.
func (s *Sessions) Records(l session.Ledger) bool {
	mine, ok := l.(*Ledger)
	return ok && mine.db.writer == s.db.writer
}

// AtOnce implements session.Together.
func (s *Sessions) AtOnce() int { return s.db.dialect.portions.recorded }

// EndRecorded implements session.Together.
func (s *Sessions) EndRecorded(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (ended int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	var endings []ending
	err = s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		p := s.db.dialect.portions.begin(len(ids))
		q := p.on(tx)
		if ended, endings, err = endByID(ctx, q, &p, ids, why, now); err != nil {
			return err
		}
		_, err = appendEntries(ctx, q, &p, endOf(ids, why, now))
		p.breathe()
		return err
	})
	if err != nil {
		return 0, err
	}
	s.db.listeners.tell(endings)
	return ended, nil
}

// RenewRecorded implements session.Together.
func (s *Sessions) RenewRecorded(ctx context.Context, old, next session.Session, why session.Why) error {
	err := s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.renew(ctx, tx, old, next); err != nil {
			return err
		}
		_, err := appendEntries(ctx, tx, &portioned{}, endOf([]session.ID{old.ID}, why, next.LastSeen))
		return err
	})
	if err == nil {
		s.db.listeners.tell([]ending{{old.ID, string(session.Replaced)}})
	}
	return err
}

// Confirm implements session.Store. Whoever listens in this process has been
// told before the end was answered; other processes have no pages open here.
func (s *Sessions) Confirm(context.Context) (session.Nodes, error) {
	l := &s.db.listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	return session.Nodes{Confirmed: len(l.all), Live: len(l.all)}, nil
}
