package sqldb_test

import (
	"context"
	"errors"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
)

// A program from before the columns, which may still be running beside this one,
// starts sessions in cookies.
func TestRowOfAProgramFromBeforeBearers(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, url := open(t)
		u := newUser(t, db, "kim", user.RoleUser)
		id := session.IDOf("old")
		_, err := rawPool(t, url).Exec(`
			INSERT INTO sessions (id, user_id, username, role, epoch_all, epoch_user, began, last_seen,
				idle_ms, deadline, remember, ip, browser, os, data)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			string(id), string(u.ID), "kim", "user", 0, u.Epoch.User, at.UnixMilli(), at.UnixMilli(),
			1000, at.UnixMilli()+1000, false, "", "", "", nil)
		must(t, err)
		s, err := db.Sessions().Find(ctx, id)
		must(t, err)
		if s.Carrier != session.Cookie || s.Client != "" || s.Refresh != (session.Refresh{}) {
			t.Errorf("read as %+v", s)
		}
		if _, err := db.Sessions().Rotate(ctx, session.Rotate{ID: id, Now: at}); !errors.Is(err, session.ErrToken) {
			t.Errorf("rotation: %v, want ErrToken", err)
		}
	})
}
