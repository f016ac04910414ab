package sqldb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
)

// Settings keeps what the nodes of one installation have to agree on.
type Settings struct{ db *DB }

// Settings returns the settings in db.
func (db *DB) Settings() *Settings { return &Settings{db} }

// Secret returns the random secret of that name, size bytes long. Whoever asks
// first makes it; all nodes get the same one, for ever. It is an error to ask
// for another size later.
func (s *Settings) Secret(ctx context.Context, name string, size int) ([]byte, error) {
	secret, err := s.secret(ctx, name)
	if errors.Is(err, sql.ErrNoRows) {
		fresh := make([]byte, size)
		rand.Read(fresh) // never fails (crypto/rand)
		_, err = s.db.exec(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, fresh)
		if err != nil {
			return nil, err
		}
		secret, err = s.secret(ctx, name) // another node may have been first
	}
	if err != nil {
		return nil, err
	}
	if len(secret) != size {
		return nil, fmt.Errorf("secret %q has %d bytes, want %d", name, len(secret), size)
	}
	return secret, nil
}

func (s *Settings) secret(ctx context.Context, name string) (value []byte, err error) {
	err = s.db.read(ctx, listTimeout, func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&value)
	})
	return value, err
}
