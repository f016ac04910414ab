package figures

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/limit"
	"gatehouse/internal/measure"
	"gatehouse/internal/server"
	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
	"gatehouse/web"
)

// myPage signs somebody up at the whole server, accounts in db, and returns a
// function that gets their /mypage.
func myPage(t *testing.T, sessions *session.Manager, db *sqldb.DB, clock *clock) func() {
	t.Helper()
	hasher, err := user.NewHasher(user.HasherConfig{})
	must(t, err)
	policy := user.Policy{MinLength: 8}
	h, err := server.New(server.Config{
		PublicURL:  &url.URL{Scheme: "http", Host: "localhost:8080"},
		SignUp:     true,
		Policy:     policy,
		CookieName: measure.CookieName,
		Secure:     true,
		DeviceKey:  make([]byte, 32),
		Users:      user.NewService(db.Users(), hasher, policy, clock.Now),
		UserStore:  db.Users(),
		Sessions:   sessions,
		Hub:        session.NewHub(sessions, time.Second),
		Audit:      db.Audit(),
		Limiter:    limit.Off{},
		Web:        web.Files,
		Ready:      map[string]func(context.Context) error{},
		Log:        slog.New(slog.DiscardHandler),
		Now:        clock.Now,
	})
	must(t, err)
	form := url.Values{"username": {"minjun07"}, "password": {"seven quiet lanterns"}}
	r := httptest.NewRequest(http.MethodPost, "/signup", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("sign-up: %d", w.Code)
	}
	cookies := w.Result().Cookies()
	return func() { get(t, h, "/mypage", cookies...) }
}
