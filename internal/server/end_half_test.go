package server

import (
	"context"
	"net/http"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// halfAway is a store and a ledger, in two steps, that can be away one by one.
type halfAway struct {
	session.Store
	session.Ledger
	noStore, noLedger bool
}

func (h *halfAway) End(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (int, error) {
	if h.noStore {
		return 0, session.ErrUnavailable
	}
	return h.Store.End(ctx, ids, why, now)
}

func (h *halfAway) RecordEnd(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (session.Span, error) {
	if h.noLedger {
		return session.Span{}, session.ErrUnavailable
	}
	return h.Ledger.RecordEnd(ctx, ids, why, now)
}

// An end that fails half way is answered with what is done and what is not, on
// the page and to a program, in both languages.
func TestHalfAnEndIsAReceipt(t *testing.T) {
	h := &halfAway{}
	w := newWorld(t, func(c *Config) { c.Sessions = session.NewManager(h, h, c.Sessions.Limits(), c.Now) })
	h.Store, h.Ledger = w.db.Sessions(), w.db.Ledger()
	w.account("root1", user.RoleAdmin)
	w.account("alice", user.RoleUser)
	for range 3 {
		w.loggedIn("alice")
	}
	admin := w.loggedIn("root1")
	ask := func(lang, accept string, want ...string) {
		t.Helper()
		admin.header.Set("Accept-Language", lang)
		admin.header.Set("Accept", accept)
		r := admin.post("/admin/sessions/end", "role", "user")
		wantStatus(t, r, http.StatusServiceUnavailable)
		if r.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		for _, text := range want {
			wantText(t, r, text)
		}
	}
	h.noStore, h.noLedger = true, true
	ask("en", "text/html", "Not finished", "0 sessions ended so far", "neither ended nor recorded")
	h.noLedger = false
	// Of an end by filter nobody knows what else it would have found.
	ask("en", "text/html", "Not finished", "0 sessions ended so far")
	one, err := w.Sessions.Search(context.Background(), session.Filter{Role: user.RoleUser}, 1, 1)
	must(t, err)
	r := admin.post("/admin/sessions/" + string(one.Sessions[0].ID) + "/end")
	wantStatus(t, r, http.StatusServiceUnavailable)
	wantText(t, r, "Recorded, but not finished")
	h.noStore, h.noLedger = false, true
	ask("en", "text/html", "Ended, but not recorded yet", "3 sessions ended.", "repeat it")
	if body := admin.get("/readyz").Body.String(); body != "database: ok\nended, not recorded yet: 3\n" {
		t.Errorf("/readyz: %q", body)
	}
	w.loggedIn("alice")
	ask("ko", "text/html", "종료했지만 아직 기록되지 않았습니다", "세션 1개")
	w.loggedIn("alice")
	ask("en", "application/json", `"title":"Ended, but not recorded yet"`, "1 session ended.")

	h.noLedger = false
	stopped, stop := context.WithCancel(context.Background())
	stop()
	w.Sessions.RecordLater(stopped)
	if body := admin.get("/readyz").Body.String(); body != "database: ok\n" {
		t.Errorf("/readyz: %q", body)
	}
}

func TestReceiptSaysWhoHasConfirmed(t *testing.T) {
	_, admin, alice, _ := staff(t)
	wantRedirect(t, admin.post("/admin/sessions/"+string(alice[0].session())+"/end"), "/admin/sessions")
	wantText(t, admin.get("/admin/sessions"), "1 ended, 0 already gone, confirmed by 1 of 1 node, ")
	wantRedirect(t, admin.post("/admin/users/alice/end-sessions"), "/admin/users")
	wantText(t, admin.get("/admin/users"), "1 ended, 0 already gone, confirmed by 1 of 1 node, ")
	wantRedirect(t, admin.post("/admin/sessions/end", "user", "bobby"), "/admin/sessions")
	wantText(t, admin.get("/admin/sessions"), "2 ended, 0 already gone, 1 user, confirmed by 1 of 1 node, ")
	admin.header.Set("Accept-Language", "ko")
	wantRedirect(t, admin.post("/admin/sessions/end", "user", "bobby"), "/admin/sessions")
	wantText(t, admin.get("/admin/sessions"), "노드 1개 중 1개 확인")
}
