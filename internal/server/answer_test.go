package server

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// through sends a request of c through h behind the session check.
func (c *client) through(h handler) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/mypage", nil)
	for _, cookie := range c.cookies {
		r.AddCookie(cookie)
	}
	rec := httptest.NewRecorder()
	c.w.begin(c.w.recover(c.w.requireUser(c.w.page(h)))).ServeHTTP(rec, r)
	return rec
}

// A request is under way when its session is ended. It writes to the session:
// the write fails, the cookie goes, and nothing of its page is sent.
func TestI1_AnswerOfAnEndedSessionIsNeverSent(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	c := w.loggedIn("alice")
	r := c.through(func(rw http.ResponseWriter, r *http.Request) error {
		_, err := w.Sessions.End(r.Context(), []session.ID{c.session()}, session.Why{Reason: session.Forced})
		must(t, err)
		w.cookies.Put(r.Context(), "k", "v")
		http.SetCookie(rw, &http.Cookie{Name: "from-the-page", Value: "x"})
		_, err = io.WriteString(rw, "something private")
		return err
	})
	wantRedirect(t, r, "/login?ended=forced&next=%2Fmypage")
	if strings.Contains(r.Body.String(), "private") || strings.Contains(r.Header().Get("Set-Cookie"), "from-the-page") {
		t.Error("the answer was sent")
	}
	if got := r.Result().Cookies(); len(got) != 2 || got[0].Name != "__Host-session" || got[0].MaxAge >= 0 || got[1].Name != "__Host-session-ended" {
		t.Errorf("the cookie is not cleared: %v", got)
	}
}

func TestI6_StoreAwayWhileTheAnswerIsMade(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	c := w.loggedIn("alice")
	r := c.through(func(rw http.ResponseWriter, r *http.Request) error {
		_, _ = io.WriteString(rw, "something private")
		return errors.Join(errors.New("while reading"), session.ErrUnavailable)
	})
	wantStatus(t, r, http.StatusServiceUnavailable)
	if r.Header().Get("Retry-After") == "" || len(r.Result().Cookies()) != 0 || strings.Contains(r.Body.String(), "private") {
		t.Errorf("Retry-After %q, cookies %v", r.Header().Get("Retry-After"), r.Result().Cookies())
	}
}

func TestPanicIsAnInternalError(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	r := w.loggedIn("alice").through(func(http.ResponseWriter, *http.Request) error { panic("secret detail") })
	wantStatus(t, r, http.StatusInternalServerError)
	if strings.Contains(r.Body.String(), "secret detail") {
		t.Error("the page tells what went wrong inside")
	}
	if !strings.Contains(w.log.String(), "secret detail") {
		t.Error("the log does not")
	}
}
