package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gatehouse/internal/user"
)

// HasAdmin implements user.Store.
func (s *Users) HasAdmin(ctx context.Context) (has bool, err error) {
	err = s.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		has, err = hasAdmin(ctx, q)
		return err
	})
	return has, err
}

func hasAdmin(ctx context.Context, q querier) (has bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin')`).Scan(&has)
	return has, err
}

// AddSetupCode implements user.Store.
func (s *Users) AddSetupCode(ctx context.Context, hash string, expires time.Time) error {
	_, err := s.db.exec(ctx, `
		INSERT INTO setup_codes (hash, expires) VALUES ($1, $2)
		ON CONFLICT (hash) DO UPDATE SET expires = excluded.expires`, hash, millis(expires))
	return err
}

// SetupCode implements user.Store.
func (s *Users) SetupCode(ctx context.Context, hash string, now time.Time) error {
	if !askable(hash) {
		hash = ""
	}
	return s.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		return checkSetupCode(ctx, q, hash, now)
	})
}

func checkSetupCode(ctx context.Context, q querier, hash string, now time.Time) error {
	if closed, err := hasAdmin(ctx, q); err != nil {
		return err
	} else if closed {
		return user.ErrSetupClosed
	}
	var expires int64
	err := q.QueryRowContext(ctx, `SELECT expires FROM setup_codes WHERE hash = $1`, hash).Scan(&expires)
	if errors.Is(err, sql.ErrNoRows) || err == nil && millis(now) >= expires {
		return user.ErrSetupCode
	}
	return err
}

// CreateFirstAdmin implements user.Store.
func (s *Users) CreateFirstAdmin(ctx context.Context, hash string, now time.Time, u user.User) error {
	u.Role = user.RoleAdmin
	return s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := takeTurn(ctx, tx, turnOfAdmins); err != nil {
			return err
		}
		if err := checkSetupCode(ctx, tx, hash, now); err != nil {
			return err
		}
		if err := insertUser(ctx, tx, u); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM setup_codes`)
		return err
	})
}
