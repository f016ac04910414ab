package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// An end that is committed between the reading and the writing of a rotation
// wins: in SQLite, where only one can write at a time, that moment can be held.
func TestRotationLosesToAnEndInBetween(t *testing.T) {
	ctx, path := context.Background(), t.TempDir()+"/g.db"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(ctx, path)
	must(err)
	defer db.Close()
	_, err = db.Migrate(ctx)
	must(err)
	raw, err := sql.Open("sqlite", path)
	must(err)
	defer raw.Close()
	now := time.UnixMilli(1_790_000_000_000)
	u := user.User{ID: user.NewID(), Username: "kim", Role: user.RoleUser, PasswordHash: "hash", CreatedAt: now}
	must(db.Users().Create(ctx, u))
	u, err = db.Users().ByID(ctx, u.ID)
	must(err)
	s := session.Session{
		ID: session.IDOf("t"), User: u.ID, Role: u.Role, Epoch: u.Epoch, Began: now, LastSeen: now, Idle: time.Hour, Deadline: now.Add(time.Hour),
		Carrier: session.Bearer, Refresh: session.Refresh{Generation: 1, Rotated: now, Hash: [32]byte{1}},
	}
	must(db.Sessions().Start(ctx, session.Start{Session: s}))

	tx, err := raw.Begin()
	must(err)
	_, err = tx.Exec(`UPDATE users SET epoch = epoch + 1 WHERE id = $1`, string(u.ID))
	must(err)
	answer := make(chan error, 1)
	go func() {
		_, err := db.Sessions().Rotate(ctx, session.Rotate{ID: s.ID, Generation: 1, Hash: s.Refresh.Hash, Now: now})
		answer <- err
	}()
	for db.writer.Stats().InUse == 0 { // it has read, and waits to be let write
		select {
		case err := <-answer:
			t.Fatalf("the rotation did not wait: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	must(tx.Commit())
	var ended *session.EndedError
	if err := <-answer; !errors.As(err, &ended) {
		t.Errorf("%v, want ended", err)
	}
}
