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

// The bodies of answers are kept for later requests. Whatever becomes of a request, nothing of
// it may be in the answer of another one, whoever that is.
func TestKeptBuffersAreEmpty(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	w.account("bob", user.RoleUser)
	alice, bob := w.loggedIn("alice"), w.loggedIn("bob")
	write := func(rw http.ResponseWriter) {
		rw.Header().Set("X-Alice", "private")
		http.SetCookie(rw, &http.Cookie{Name: "alice", Value: "private"})
		rw.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(rw, strings.Repeat("private", 1000))
	}
	for name, h := range map[string]handler{
		"an answer": func(rw http.ResponseWriter, _ *http.Request) error { write(rw); return nil },
		"an error":  func(rw http.ResponseWriter, _ *http.Request) error { write(rw); return errForbidden },
		"a panic":   func(rw http.ResponseWriter, _ *http.Request) error { write(rw); panic("oops") },
		"a large answer": func(rw http.ResponseWriter, _ *http.Request) error {
			write(rw)
			_, err := rw.Write(make([]byte, 2*maxKept))
			return err
		},
	} {
		for range 20 { // a pool need not give back what it was given last
			if got := alice.through(h); got.Code != http.StatusTeapot && strings.Contains(got.Body.String(), "private") {
				t.Fatalf("after %s the error page says %q", name, got.Body)
			}
			r := bob.through(func(rw http.ResponseWriter, _ *http.Request) error {
				_, err := io.WriteString(rw, "for bob")
				return err
			})
			wantStatus(t, r, http.StatusOK)
			if r.Body.String() != "for bob" || len(r.Header()) != 1 || r.Header().Get("X-Request-Id") == "" {
				t.Fatalf("after %s of alice bob got %q with %v", name, r.Body, r.Header())
			}
		}
	}
}
