package sqldb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// A command waits for a database that a request has given up on.
func TestPatient(t *testing.T) {
	server := testenv.PostgresServer(t)
	db := migrated(t, server.URL())
	u := newUser(t, db, "jun", user.RoleUser)
	server.Pause()
	got := make(chan error, 1)
	go func() {
		_, err := db.Patient().Users().ByID(context.Background(), u.ID)
		got <- err
	}()
	if _, err := db.Users().ByID(context.Background(), u.ID); !errors.Is(err, user.ErrUnavailable) {
		t.Errorf("in a hurry: %v", err)
	}
	select {
	case err := <-got:
		t.Errorf("not patient: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	server.Resume()
	if err := <-got; err != nil {
		t.Errorf("patient: %v", err)
	}
}
