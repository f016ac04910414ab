package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gatehouse/internal/oauth"
)

// Clients keeps the other services that may ask about tokens.
type Clients struct{ db *DB }

var _ oauth.Clients = (*Clients)(nil)

// Clients returns the clients in db.
func (db *DB) Clients() *Clients { return &Clients{db} }

const selectClients = `SELECT id, secret_hash, created FROM clients`

// Add implements oauth.Clients.
func (s *Clients) Add(ctx context.Context, c oauth.Client) error {
	n, err := s.db.exec(ctx, `INSERT INTO clients (id, secret_hash, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		c.ID, c.Hash[:], millis(c.Created))
	if err == nil && n == 0 {
		return oauth.ErrTaken
	}
	return err
}

// ByID implements oauth.Clients.
func (s *Clients) ByID(ctx context.Context, id string) (c oauth.Client, err error) {
	if !askable(id) {
		return c, oauth.ErrNotFound
	}
	err = s.db.read(ctx, readTimeout, func(ctx context.Context, q querier) (err error) {
		c, err = scanClient(q.QueryRowContext(ctx, selectClients+` WHERE id = $1`, id))
		if errors.Is(err, sql.ErrNoRows) {
			return oauth.ErrNotFound
		}
		return err
	})
	return c, err
}

// List implements oauth.Clients.
func (s *Clients) List(ctx context.Context) (all []oauth.Client, err error) {
	err = s.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			c, err := scanClient(rows)
			all = append(all, c)
			return err
		}, selectClients+` ORDER BY id`)
	})
	return all, err
}

// scanClient reads what selectClients selects.
func scanClient(row interface{ Scan(...any) error }) (c oauth.Client, err error) {
	var hash []byte
	var created int64
	if err := row.Scan(&c.ID, &hash, &created); err != nil {
		return oauth.Client{}, err
	}
	if copy(c.Hash[:], hash) != len(c.Hash) || len(hash) != len(c.Hash) { // the rest would be zeroes
		return oauth.Client{}, fmt.Errorf("sqldb: client %s has a hash of %d bytes", c.ID, len(hash))
	}
	c.Created = fromMillis(created)
	return c, nil
}

// Delete implements oauth.Clients.
func (s *Clients) Delete(ctx context.Context, id string) (bool, error) {
	if !askable(id) {
		return false, nil
	}
	n, err := s.db.exec(ctx, `DELETE FROM clients WHERE id = $1`, id)
	return n > 0, err
}
