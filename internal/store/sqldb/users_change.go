package sqldb

import (
	"context"
	"database/sql"
	"errors"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// SetPassword implements user.Store.
func (s *Users) SetPassword(ctx context.Context, id user.ID, old, hash string, c user.Change) (epoch user.Epoch, err error) {
	err = s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var raised int64
		err := tx.QueryRowContext(ctx, `
			UPDATE users SET password_hash = $1, epoch = epoch + 1
			WHERE id = $2 AND (password_hash = $3 OR $4 = '')
			RETURNING epoch`, hash, id, old, old).Scan(&raised)
		if errors.Is(err, sql.ErrNoRows) {
			if _, _, err := roleOf(ctx, tx, id); err != nil {
				return err
			}
			return user.ErrChanged
		}
		if err != nil {
			return err
		}
		why := session.Why{Reason: session.Password, Actor: c.Actor}
		epoch, _, err = afterRaise(ctx, tx, id, raised, session.ID(c.Keep), why, c.At)
		return err
	})
	return epoch, err
}

// Rehash implements user.Store.
func (s *Users) Rehash(ctx context.Context, id user.ID, old, hash string) error {
	_, err := s.db.exec(ctx, `UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3`, hash, id, old)
	return err
}

// Disable implements user.Store.
func (s *Users) Disable(ctx context.Context, id user.ID, c user.Change) (epoch user.Epoch, err error) {
	err = s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := leavesAdmin(ctx, tx, id); err != nil {
			return err
		}
		var raised int64
		err := tx.QueryRowContext(ctx, `
			UPDATE users SET disabled_at = COALESCE(disabled_at, $1), epoch = epoch + 1
			WHERE id = $2
			RETURNING epoch`, millis(c.At), id).Scan(&raised)
		if err != nil {
			return err
		}
		why := session.Why{Reason: session.Disabled, Actor: c.Actor}
		epoch, _, err = afterRaise(ctx, tx, id, raised, "", why, c.At)
		return err
	})
	return epoch, err
}

// Enable implements user.Store.
func (s *Users) Enable(ctx context.Context, id user.ID, _ user.Change) error {
	n, err := s.db.exec(ctx, `UPDATE users SET disabled_at = NULL WHERE id = $1`, id)
	if err == nil && n == 0 {
		return user.ErrNotFound
	}
	return err
}

// SetRole implements user.Store.
func (s *Users) SetRole(ctx context.Context, id user.ID, role user.Role, c user.Change) (epoch user.Epoch, changed bool, err error) {
	err = s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		epoch, changed = user.Epoch{}, false
		if err := takeTurn(ctx, tx, turnOfAdmins); err != nil {
			return err
		}
		had, _, err := roleOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if had == role {
			u, err := scanUser(tx.QueryRowContext(ctx, selectUsers+"WHERE u.id = $1", id))
			epoch = u.Epoch
			return err
		}
		if had == user.RoleAdmin {
			if err := leavesAdmin(ctx, tx, id); err != nil {
				return err
			}
		}
		var raised int64
		err = tx.QueryRowContext(ctx, `
			UPDATE users SET role = $1, epoch = epoch + 1
			WHERE id = $2
			RETURNING epoch`, role, id).Scan(&raised)
		if err != nil {
			return err
		}
		why := session.Why{Reason: session.Forced, Actor: c.Actor}
		epoch, _, err = afterRaise(ctx, tx, id, raised, "", why, c.At)
		changed = err == nil
		return err
	})
	if err != nil {
		return user.Epoch{}, false, err
	}
	return epoch, changed, nil
}

// The turns in the table turns.
const (
	turnOfAdmins = "admins" // whoever may make the last administrator disappear, or the first appear
	turnOfLedger = "ledger" // whoever appends to the ledger; n is the last seq given
)

// takeTurn makes other transactions that take the same turn wait for the end of
// this one.
func takeTurn(ctx context.Context, tx *sql.Tx, name string) error {
	_, err := tx.ExecContext(ctx, `UPDATE turns SET n = n + 1 WHERE name = $1`, name)
	return err
}

// leavesAdmin takes the administrators' turn and returns ErrLastAdmin if nobody
// who can log in would be an administrator without the account id. Until the
// commit, that stays so. ErrNotFound if there is no account id.
func leavesAdmin(ctx context.Context, tx *sql.Tx, id user.ID) error {
	if err := takeTurn(ctx, tx, turnOfAdmins); err != nil {
		return err
	}
	role, disabled, err := roleOf(ctx, tx, id)
	if err != nil || role != user.RoleAdmin || disabled {
		return err
	}
	var others bool
	err = tx.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND disabled_at IS NULL AND id <> $1)`, id).Scan(&others)
	if err == nil && !others {
		return user.ErrLastAdmin
	}
	return err
}

// roleOf reads what the guard of the last administrator needs. ErrNotFound.
func roleOf(ctx context.Context, q querier, id user.ID) (role user.Role, disabled bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT role, disabled_at IS NOT NULL FROM users WHERE id = $1`, id).Scan(&role, &disabled)
	if errors.Is(err, sql.ErrNoRows) {
		err = user.ErrNotFound
	}
	return role, disabled, err
}
