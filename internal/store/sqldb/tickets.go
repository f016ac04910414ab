package sqldb

import (
	"context"
	"crypto/sha256"
	"time"

	"gatehouse/internal/user"
)

// Tickets keeps the log-ins that wait for the person.
type Tickets struct{ db *DB }

var _ user.Tickets = (*Tickets)(nil)

// Tickets returns the tickets in db.
func (db *DB) Tickets() *Tickets { return &Tickets{db} }

// Add implements user.Tickets.
func (s *Tickets) Add(ctx context.Context, hash [sha256.Size]byte, now, expires time.Time) error {
	if _, err := s.db.exec(ctx, `DELETE FROM tickets WHERE expires <= $1`, millis(now)); err != nil {
		return err
	}
	_, err := s.db.exec(ctx, `INSERT INTO tickets (hash, expires) VALUES ($1, $2)`, hash[:], millis(expires))
	return err
}

// Use implements user.Tickets.
func (s *Tickets) Use(ctx context.Context, hash [sha256.Size]byte, now time.Time) (bool, error) {
	n, err := s.db.exec(ctx, `DELETE FROM tickets WHERE hash = $1 AND expires > $2`, hash[:], millis(now))
	return n > 0, err
}
