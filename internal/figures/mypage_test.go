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
	"gatehouse/internal/user"
	"gatehouse/web"
)

// myPage signs somebody up at the whole server, sessions in the Redis at
// redisURL, and returns a function that gets their /mypage.
func myPage(t *testing.T, redisURL string, clock *clock) func() {
	db := openSQL(t, t.TempDir()+"/gatehouse.db")
	hasher, err := user.NewHasher(user.HasherConfig{})
	must(t, err)
	policy := user.Policy{MinLength: 8}
	sessions := session.NewManager(openRedis(t, redisURL), db.Ledger(), measure.Limits, clock.Now)
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
