package server

import (
	"context"
	"net/http"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// startless starts nothing: the store went away after the account was made.
type startless struct{ session.Store }

func (startless) Start(context.Context, session.Start) error { return session.ErrUnavailable }

// Who was told to try again at the end of the set-up can: the form does then what
// it would have done. It does so for nobody else.
func TestSetupMayBeRepeated(t *testing.T) {
	w := newWorld(t)
	code, _, err := w.Users.NewSetupCode(context.Background())
	must(t, err)
	form := []string{"code", code, "username", "boss", "password", goodPassword}
	working := w.Server
	c := w.Config
	c.Sessions = session.NewManager(startless{w.db.Sessions()}, w.db.Ledger(), c.Sessions.Limits(), w.clock.Now)
	w.Server, err = New(c)
	must(t, err)
	boss := w.client()
	wantStatus(t, boss.post("/setup", form...), http.StatusServiceUnavailable)
	w.Server = working

	wantStatus(t, w.client().post("/setup", "code", code, "username", "boss", "password", "not "+goodPassword), http.StatusNotFound)
	wantStatus(t, w.client().post("/setup", "code", code, "username", "other", "password", goodPassword), http.StatusNotFound)
	w.account("alice", user.RoleUser)
	wantStatus(t, w.client().post("/setup", "code", code, "username", "alice", "password", goodPassword), http.StatusNotFound)
	wantRedirect(t, boss.post("/setup", form...), "/mypage")
	wantStatus(t, boss.get("/admin/users"), http.StatusOK)
	w.clock.advance(doubleSubmit + time.Second)
	wantStatus(t, w.client().post("/setup", form...), http.StatusNotFound)
	if n, _, err := w.Audit.Search(context.Background(), audit.Query{Kinds: []audit.Kind{audit.Setup}}); err != nil || len(n) > 1 {
		t.Errorf("the log has %d set-ups, %v", len(n), err)
	}
}
